"""Hands that were estimated from pictures (HaMeR and others, as MANO poses or as 21 points) put onto a body's motion.

A body's file says where the wrists are, the hands' file how the fingers are bent. In palm coordinates (along the hand, to the
thumb's side, out of the palm) a hand is the same whichever camera saw it, so nothing needs to be known about the camera; where it
is known, the hands' own directions are taken too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray, Bool
from understudy.geom.rotations import matrix_to_quat, quat_to_matrix, quat_to_rotvec, rotvec_to_quat
from understudy.mocap._hand_model import POSES, has_tips, mean_hand, model_hand, pose_hand
from understudy.mocap._mano_file import HandRows, read_hand_rows
from understudy.spec.hand import at_right_angles, finger_columns, palm_axes, palm_normal, unit
from understudy.spec.skeleton import HAND_JOINTS, INDEX, SIDES, HumanMotion

LONGEST_GAP_S = 0.25
"""Between two rows of a hand further apart than this it is not known."""
ACROSS = np.array([-1.0, 1.0, 1.0])
BENT = 0.03
"""Fingers that are bent to the back of the hand by this share of their length are of the other hand's mirror image."""


@dataclass(frozen=True)
class HandModel:
    """MANO, where the user has it.

    Attributes:
        where: its file, for messages.
        arrays: `v_template`, `J_regressor`, and where there are any `shapedirs` and `hands_mean`.
    """

    where: str
    arrays: Mapping[str, AnyArray]


@dataclass(frozen=True)
class Hand:
    """One hand over time.

    Attributes:
        t_s: (R,) increasing.
        palm: (R, 21, 3) joints in palm coordinates, metres.
        forward, radial: (R, 3) its directions in the body's world; None where the camera is not known.
    """

    t_s: F64
    palm: F64
    forward: F64 | None
    radial: F64 | None


def with_hands_of(motion: HumanMotion, path: Path, model: HandModel | None = None) -> HumanMotion:
    """A motion with the hands in a file.

    Raises:
        MocapError: the file or the model cannot be used, or none of its hands falls into the clip.
    """
    rows = read_hand_rows(path)
    hands = [_hand(rows, side, motion.rate_hz, model) for side in SIDES]
    t_s: F64 = np.asarray(motion.t_ns * 1e-9)
    pos = motion.joint_pos_world_m.copy()
    measured = motion.measured.copy()
    joints = np.full((len(t_s), len(SIDES), len(HAND_JOINTS), 3), np.nan)
    radial = np.full((len(t_s), len(SIDES), 3), np.nan) if motion.hand_radial_world is None else motion.hand_radial_world.copy()
    for i, (side, hand) in enumerate(zip(SIDES, hands, strict=True)):
        if hand is None:
            continue
        palm = _at(hand.t_s, hand.palm, t_s)
        wrist = pos[:, INDEX[f"{side}_wrist"]]
        if hand.forward is not None and hand.radial is not None:
            ahead = unit(_at(hand.t_s, hand.forward, t_s))
            across = at_right_angles(_at(hand.t_s, hand.radial, t_s), ahead)
            known: Bool = np.asarray(np.isfinite(ahead).all(axis=1))
            radial[known, i] = across[known]
            size = float(np.nanmedian(np.linalg.norm(palm[:, finger_columns("middle")[0]], axis=1)))
            pos[known, INDEX[f"{side}_hand"]] = wrist[known] + size * ahead[known]
            measured[INDEX[f"{side}_hand"]] = True
        else:
            ahead, across = _of_the_body(motion, i, side)
        axes = np.stack([ahead, across, palm_normal(ahead, across, side)], axis=-2)
        joints[:, i] = wrist[:, None] + palm @ axes
    if np.isnan(joints).all():
        raise MocapError(
            f"{path}: no hand of the file falls into the clip of {motion.duration_s:.2f} s; check frame, t_s and rate"
        )
    said = f"hands of {Path(path).name}: {_figures(rows, model)}"
    return replace(
        motion,
        joint_pos_world_m=pos,
        measured=measured,
        hand_pos_world_m=joints,
        hand_radial_world=None if np.isnan(radial).all() else radial,
        notes=(*motion.notes, said),
    )


def beside(clip: Path) -> Path | None:
    """The file of hands that lies beside a clip: `walk.hands.npz` or `walk.hands.json` for `walk.bvh`."""
    return next((p for p in (clip.with_name(f"{clip.stem}.hands{end}") for end in (".npz", ".json")) if p.is_file()), None)


def _figures(rows: HandRows, model: HandModel | None) -> str:
    if rows.points is not None:
        return "21 points each"
    return f"MANO poses on {'mean proportions' if model is None else Path(model.where).name}"


def _hand(rows: HandRows, side: str, rate_hz: float, model: HandModel | None) -> Hand | None:
    """One side's rows in the order of their times; of two at one time the first."""
    own: Bool = np.asarray(rows.right == (side == SIDES[1]))
    if not own.any():
        return None
    t_s = rows.t_s[own] if rows.t_s is not None else (rows.frame[own] if rows.frame is not None else np.zeros(0)) / (
        rows.rate_hz or rate_hz
    )  # fmt: skip
    t_s, order = np.unique(t_s, return_index=True)
    at = np.flatnonzero(own)[order]
    joints = _points(rows, at, side) if rows.points is not None else _posed(rows, at, side, model)
    forward, radial = palm_axes(joints)
    if not bool(np.isfinite(radial).all()):
        raise MocapError(f"{rows.where}: the knuckles of a {side} hand coincide; metres and the order of 21 joints are needed")
    axes = np.stack([forward, radial, palm_normal(forward, radial, side)], axis=-1)
    palm = (joints - joints[:, :1]) @ axes
    if rows.to_world is None or (rows.points is None and rows.orient is None):
        return Hand(t_s, palm, None, None)
    return Hand(t_s, palm, forward @ rows.to_world.T, radial @ rows.to_world.T)


def _posed(rows: HandRows, at: AnyArray, side: str, model: HandModel | None) -> F64:
    """(R, 21, 3) joints of MANO poses in the camera's axes.

    A left hand's pose is either its own, or, as HaMeR has it, that of the right hand in the mirrored picture. Fingers bend to
    the palm, about +z of a right hand and -z of a left one, which tells the two apart.
    """
    if rows.pose is None:
        raise MocapError(f"{rows.where}: no hand_pose")
    pose = rows.pose[at]
    orient = np.tile(np.eye(3), (len(at), 1, 1)) if rows.orient is None else rows.orient[at]
    fingers = pose[:, : POSES - 3]
    bends = float(np.median(fingers[..., 1, 0] - fingers[..., 0, 1]))
    if side == SIDES[0] and bends < 0.0:
        pose, orient = (ACROSS[:, None] * each * ACROSS for each in (pose, orient))
    if not rows.flat_mean:
        pose = _with_mean(pose, model, rows.where)
    found = pose_hand(mean_hand(SIDES[1]) if model is None else _model_rest(model, rows.betas), pose, orient)
    return found if side == SIDES[1] else np.asarray(found * ACROSS)


def _points(rows: HandRows, at: AnyArray, side: str) -> F64:
    """(R, 21, 3) joints as they are, or their mirror image where they bend to the back of the hand."""
    if rows.points is None:
        raise MocapError(f"{rows.where}: no points")
    found = rows.points[at]
    normal = palm_normal(*palm_axes(found), side)
    bends = []
    for finger in ("index", "middle", "ring", "little"):
        joints = found[:, finger_columns(finger)]
        length = np.linalg.norm(np.diff(joints, axis=1), axis=2).sum(axis=1)
        bends.append(np.sum((joints[:, 3] - joints[:, 0]) * normal, axis=1) / np.maximum(length, 1e-6))
    return np.asarray(found * ACROSS) if float(np.median(bends)) < -BENT else found


def _with_mean(pose: F64, model: HandModel | None, where: str) -> F64:
    """Poses that are turns from the model's mean hand, as turns from the flat one."""
    if model is None or "hands_mean" not in model.arrays or np.asarray(model.arrays["hands_mean"]).size != 3 * POSES:
        raise MocapError(
            f"{where}: poses relative to MANO's mean hand (flat_hand_mean = 0) need the model: name it, --hand-model"
        )
    mean = np.asarray(model.arrays["hands_mean"], dtype=np.float64).reshape(POSES, 3)
    return quat_to_matrix(rotvec_to_quat(quat_to_rotvec(matrix_to_quat(pose)) + mean))


def _model_rest(model: HandModel, betas: F64) -> F64:
    """(21, 3) rest joints of the right hand; a model of the left one is mirrored."""
    shapes = {"v_template": (778, 3), "J_regressor": (16, 778)}
    for name, shape in shapes.items():
        found = model.arrays.get(name)
        if found is None or found.shape != shape or found.dtype.kind not in "fiu":
            raise MocapError(f"{model.where}: no {name} of shape {shape}: not a model of MANO (MANO_RIGHT.pkl, or as .npz)")
    vertices = np.asarray(model.arrays["v_template"], dtype=np.float64)
    if not has_tips(model.arrays, "mano") or not bool(np.isfinite(vertices).all()):
        raise MocapError(f"{model.where}: the template is not finite: not a model of MANO")
    directions = model.arrays.get("shapedirs")
    if directions is not None and directions.shape[:2] == vertices.shape and directions.dtype.kind in "fiu":
        used = min(directions.shape[2], len(betas))
        vertices = vertices + np.asarray(directions[:, :, :used], dtype=np.float64) @ betas[:used]
    joints = np.asarray(model.arrays["J_regressor"], dtype=np.float64) @ vertices
    rest = model_hand(joints, vertices, "mano")
    return rest if rest[finger_columns("middle")[0], 0] < rest[0, 0] else np.asarray(rest * ACROSS)


def _of_the_body(motion: HumanMotion, i: int, side: str) -> tuple[F64, F64]:
    """(T, 3) where the body's hand points and its thumb's side; of a palm that is not known, as if turned neither in nor out.

    The elbow folds the forearm towards the thumb's side of such a hand.
    """
    shoulder, elbow, wrist, hand = (motion.joint(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist", "hand"))
    forward = unit(hand - wrist)
    across = np.cross(motion.joint("left_hip") - motion.joint("right_hip"), [0.0, 0.0, 1.0])
    forearm = unit(wrist - elbow)
    folds = unit(shoulder - elbow) + np.sum(unit(elbow - shoulder) * forearm, axis=1, keepdims=True) * forearm
    bent = np.linalg.norm(folds, axis=1, keepdims=True) > 0.1
    radial = at_right_angles(np.where(bent, folds, across), forward)
    if motion.hand_radial_world is not None:
        known = np.isfinite(motion.hand_radial_world[:, i]).all(axis=1, keepdims=True)
        radial = np.where(known, motion.hand_radial_world[:, i], radial)
    return forward, radial


def _at(t_s: F64, values: F64, wanted_s: F64) -> F64:
    """(T, ...) values at other times: linear between rows, NaN beyond them and in gaps."""
    flat = values.reshape(len(values), -1)
    out = np.stack([np.interp(wanted_s, t_s, column) for column in flat.T], axis=1)
    after = np.searchsorted(t_s, wanted_s - 1e-9)
    lo, hi = np.clip(after - 1, 0, len(t_s) - 1), np.clip(after, 0, len(t_s) - 1)
    nearest = np.minimum(np.abs(wanted_s - t_s[lo]), np.abs(wanted_s - t_s[hi]))
    inside = (wanted_s >= t_s[0] - 1e-6) & (wanted_s <= t_s[-1] + 1e-6)
    out[~((inside & (t_s[hi] - t_s[lo] <= LONGEST_GAP_S)) | (nearest < 1e-6))] = np.nan
    return np.asarray(out.reshape(len(wanted_s), *values.shape[1:]))
