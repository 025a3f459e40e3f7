"""AMASS and other archives of the SMPL family (SMPL, SMPL-H, SMPL-X): poses of a body model, as .npz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray
from understudy.mocap import _smpl
from understudy.mocap._mean_body import BALL_HEIGHT, MEAN_HEIGHT_M, mean_rest_joints
from understudy.mocap._npz import Archive, npz_names, open_npz
from understudy.mocap._smpl_arrays import BODY_KEYS, flat_poses, moving_hands, one_of, rate_of, shape_of, stated_model
from understudy.mocap._smpl_hands import hands_from_smpl, mean_hands, radial_from_smpl
from understudy.mocap._stature import stature_m
from understudy.mocap._take import Take, enough_frames, motion_of, source_of, stamps
from understudy.mocap._units import up_axis
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

TRANS_KEYS: tuple[str, ...] = ("trans", "transl")
FLOOR_PERCENTILE = 2.0
MOST_TURN_RAD = 4.0 * np.pi
"""No joint's rotation vector is longer; degrees are."""
SMALLER_UNITS = (("centimetres", 0.01), ("millimetres", 0.001))
USUAL_HEIGHT_M = 0.9
"""Of the hips, which the translation moves."""
SLIDING_M_S, RISING_M = 3.0, 1.5
"""A person whose slower foot moves faster than this in most frames, and who goes up and down by more than this, is not
translated in metres."""


@dataclass(frozen=True)
class BodyModel:
    """A body model that the user has.

    Attributes:
        where: its file, for messages.
        arrays: `v_template`, `J_regressor`, `shapedirs` as `_smpl.rest_joints` takes them.
    """

    where: str
    arrays: Mapping[str, AnyArray]


@dataclass(frozen=True)
class Poses:
    """What an archive says.

    Attributes:
        rotvec_rad: (T, 22, 3) rotation vectors of the body's joints.
        trans_m: (T, 3) translation.
        betas: (B,) shape; empty where there is none.
        gender: `male`, `female` or `neutral`.
        model: name of `_smpl.MODELS`, empty where the archive does not say.
        rate_hz: frames per second.
        hand_rotvec_rad: (T, 2, 15, 3) rotation vectors of the left and right hand's joints; None where there are none, or
            where they never change: recordings without gloves repeat one relaxed hand.
    """

    rotvec_rad: F64
    trans_m: F64
    betas: F64
    gender: str
    model: str
    rate_hz: float
    hand_rotvec_rad: F64 | None = None


class Amass:
    """Reader of AMASS and SMPL archives."""

    suffixes: tuple[str, ...] = (".npz",)
    title: str = "AMASS and SMPL, SMPL-H, SMPL-X poses (npz)"

    def __init__(self, *, model: BodyModel | None = None, rate_hz: float | None = None) -> None:
        """Take a body model and a rate; None takes mean proportions and what the archive says."""
        self.model, self.rate_hz = model, rate_hz

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the archive has poses and a translation."""
        names = npz_names(path, head) or ()
        return any(key in names for key in TRANS_KEYS) and any(key in names for key in ("poses", *BODY_KEYS))

    def with_rate(self, rate_hz: float) -> Amass:
        """The same reader with the rate of the take."""
        return Amass(model=self.model, rate_hz=rate_hz)

    def with_companion(self, companion: Path) -> Amass:
        """The same reader with the body model in `companion`, an .npz."""
        return self.with_body_model(read_body_model(companion))

    def with_body_model(self, model: BodyModel) -> Amass:
        """The same reader with a body model."""
        return Amass(model=model, rate_hz=self.rate_hz)

    def companion(self, path: Path) -> Path | None:
        """Archives need no other file."""
        return None

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`.

        Raises:
            MocapError: names file and array, and what to do.
        """
        archive = open_npz(path)
        poses = read_poses(archive, self.rate_hz)
        return motion_from_poses(poses, archive.where, archive.sha256(), self.model)


def read_body_model(path: Path) -> BodyModel:
    """A body model from an .npz file.

    Raises:
        MocapError: no such file, no .npz, or no body model.
    """
    if path.suffix.lower() in (".pkl", ".pickle"):
        raise MocapError(
            f"{path}: a pickle can run code and is not opened here; use the model's .npz, or give the file to "
            "`understudy build`, `retarget` or `mocap check` with --companion, which read it without running anything"
        )
    archive = open_npz(path)
    wanted = ("v_template", "J_regressor", "shapedirs")
    return BodyModel(archive.where, {name: archive.array(name) for name in wanted if name in archive})


def read_poses(archive: Archive, rate_hz: float | None = None) -> Poses:
    """Poses in an archive, whichever of the family's layouts it has.

    Raises:
        MocapError: names the array that is missing or of another shape.
    """
    where = archive.where
    trans = archive.numbers(one_of(archive, TRANS_KEYS, "the translation of the body"), None, 3)
    flat, hands, model = flat_poses(archive)
    if len(flat) != len(trans):
        raise MocapError(f"{where}: {len(flat)} poses but {len(trans)} translations: they must be as many; export it again")
    turns = np.linalg.norm(flat.reshape(len(flat), len(_smpl.BODY), 3)[:, 1:], axis=2)
    if turns.size and float(turns.max()) > MOST_TURN_RAD:
        raise MocapError(
            f"{where}: a joint is turned by {float(turns.max()):.3g} rad, which looks like degrees: rotation vectors in radians "
            "are needed"
        )
    if flat.size and float(np.abs(flat).max()) > 100.0:
        raise MocapError(f"{where}: a pose of {float(np.abs(flat).max()):g} rad: rotation vectors in radians are needed")
    if trans.size and float(np.abs(trans).max()) > 1e4:
        raise MocapError(f"{where}: a translation of {float(np.abs(trans).max()):g}: metres are needed")
    gender = archive.text("gender").lower()
    return Poses(
        rotvec_rad=flat.reshape(len(flat), len(_smpl.BODY), 3),
        trans_m=trans,
        betas=shape_of(archive),
        gender=gender if gender in ("male", "female") else "neutral",
        model=model or stated_model(archive),
        rate_hz=rate_hz or rate_of(archive),
        hand_rotvec_rad=moving_hands(hands),
    )


def motion_from_poses(poses: Poses, where: str, sha256: str, model: BodyModel | None = None) -> HumanMotion:
    """The canonical motion of poses, on the user's body model or on a person of mean proportions.

    Without a model the height is that at which standing feet do not slide (the mean person's for a shape of zeros), and the
    lowest ball of a foot is put at its height over the floor: the archive's translation is that of a body that is not known.

    Raises:
        MocapError: the model is not of the family, or not the archive's.
    """
    enough_frames(len(poses.trans_m), where)
    if model is None:
        rest, said = _mean_rest(poses)
        dialect = f"{poses.model or 'smpl'}, mean proportions"
    else:
        rest, said = _model_rest(poses, model, where)
        dialect = f"{poses.model or 'smpl'}, body model"
    pos, odd_unit = _translated(rest, poses)
    up, warning = _up(pos)
    hands = None if poses.hand_rotvec_rad is None else hands_from_smpl(
        poses.hand_rotvec_rad, poses.rotvec_rad, pos, _rest_hands(poses, model, rest)
    )  # fmt: skip
    take = Take(
        names=_smpl.NODES,
        parents=_smpl.PARENTS,
        is_end=(False,) * len(_smpl.NODES),
        pos=pos,
        rest=rest,
        t_ns=stamps(np.arange(len(pos)), poses.rate_hz),
        rate_hz=poses.rate_hz,
        unit="m",
        up=up,
        hands=hands,
        radial=radial_from_smpl(poses.rotvec_rad, pos),
        warnings=(*said, *(text for text in (odd_unit, warning) if text)),
    )
    motion = motion_of(take, source_of(where, sha256, "amass", dialect=dialect))
    return motion if model is not None else _on_the_floor(motion)


def _translated(rest: F64, poses: Poses) -> tuple[F64, str | None]:
    """(T, N, 3) joints, and a warning where the translation is in centimetres or millimetres: feet that never stand tell."""
    pos = _smpl.positions(rest, poses.rotvec_rad, poses.trans_m)
    at = {name: k for k, name in enumerate(_smpl.NODES)}
    feet = [at[name] for name in ("L_Ankle", "L_Foot", "R_Ankle", "R_Foot")]
    up = int(np.abs(np.mean(pos[:, at["Head"]] - pos[:, feet].mean(axis=1), axis=0)).argmax())
    if not _flies(pos[:, feet], up, poses.rate_hz):
        return pos, None
    high = float(np.median(np.abs(poses.trans_m[:, up])))
    unit, scale = min(SMALLER_UNITS, key=lambda each: abs(np.log(max(each[1] * high, 1e-9) / USUAL_HEIGHT_M)))
    smaller = _smpl.positions(rest, poses.rotvec_rad, scale * poses.trans_m)
    if _flies(smaller[:, feet], up, poses.rate_hz):
        return pos, None
    return smaller, f"with a translation in metres no foot would ever stand still: {unit} were taken"


def _flies(feet: F64, up: int, rate_hz: float) -> bool:
    """Whether points of the feet (T, 4, 3) move as no person's do; `up` is the axis that points up or down."""
    slower = np.linalg.norm(np.diff(feet, axis=0), axis=2).min(axis=1) * rate_hz
    return float(np.median(slower)) > SLIDING_M_S and float(np.ptp(feet[:, :, up].min(axis=1))) > RISING_M


def _model_rest(poses: Poses, model: BodyModel, where: str) -> tuple[F64, tuple[str, ...]]:
    """Rest joints of the user's model at the archive's shape, and a sentence that says so."""
    kind, rest = _smpl.rest_joints(model.arrays, poses.betas, model.where)
    # SMPL and SMPL-H share their shape space, SMPL-X has its own
    if poses.model and "smplx" in (kind, poses.model) and kind != poses.model:
        raise MocapError(
            f"{where}: poses of {poses.model.upper()}, but {model.where} is a model of {kind.upper()}, whose shapes are others: "
            f"name the {poses.model.upper()} model"
        )
    used = min(len(poses.betas), model.arrays["shapedirs"].shape[2]) if "shapedirs" in model.arrays else 0
    return rest, (f"joints are those of the body model {Path(model.where).name} ({kind.upper()}) with {used} shape figures",)


def _rest_hands(poses: Poses, model: BodyModel | None, rest: F64) -> F64:
    """(2, 21, 3) rest joints of the hands: the model's, or mean ones as long as the body's own."""
    found = None if model is None else _smpl.rest_hands(model.arrays, poses.betas, model.where)
    return mean_hands(rest) if found is None else found


def _mean_rest(poses: Poses) -> tuple[F64, tuple[str, ...]]:
    """Rest joints of a person of mean proportions, and a sentence that says how the height was found."""
    rest = mean_rest_joints(_smpl.NODES, poses.gender)
    mean = MEAN_HEIGHT_M[poses.gender]
    if not np.any(poses.betas != 0.0):
        height, how = mean, "of the mean person, which is what a shape of zeros means"
    else:
        feet = _smpl.positions(rest, poses.rotvec_rad, np.zeros_like(poses.trans_m))
        points = [_smpl.NODES.index(name) for name in ("L_Ankle", "L_Foot", "R_Ankle", "R_Foot")]
        height, share = stature_m(poses.trans_m, feet[:, points], poses.rate_hz, mean)
        how = f"at which standing feet slide least ({100 * share:.0f} % from the feet, the rest from the mean person)"
    return height * rest, (
        f"no body model: mean proportions of a {poses.gender} person, with the height {how}: {height:.2f} m; "
        "name the body model for this person's own joints",
    )


def _on_the_floor(motion: HumanMotion) -> HumanMotion:
    """The motion, moved up or down until the lowest balls of the feet are as high as they stand."""
    low = np.minimum(motion.joint("left_toe")[:, 2], motion.joint("right_toe")[:, 2])
    wanted = BALL_HEIGHT * motion.subject().height_m
    shift = np.array([0.0, 0.0, wanted - float(np.percentile(low, FLOOR_PERCENTILE))])
    hands = None if motion.hand_pos_world_m is None else motion.hand_pos_world_m + shift
    return replace(motion, joint_pos_world_m=motion.joint_pos_world_m + shift, hand_pos_world_m=hands)


def _up(pos: F64) -> tuple[str, str | None]:
    """Axis that points up: that of the person, and z as in AMASS where the person is not upright."""
    at = {name: k for k, name in enumerate(_smpl.NODES)}
    return up_axis(pos[:, at["Head"]] - 0.5 * (pos[:, at["L_Ankle"]] + pos[:, at["R_Ankle"]]), np.array([0.0, 0.0, 1.0]))


PLUGIN: MocapReader = Amass()
