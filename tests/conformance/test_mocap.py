"""Every reader of this package against real files, and BVH in every dialect against the motion it was written from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._bvh_pose import JOINTS, pose_skeleton
from understudy.mocap.bvh import Bvh
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion
from understudy.testing.mocap import check_reader

BVH_SAMPLES = (
    "bvh/01_01.bvh",
    "bvh/AV_8Walk_Meredith_HVHA_Rep1.bvh",
    "bvh/test_freebvh.bvh",
    "bvh/test_mocapbank.bvh",
    "mvnx/test_mocap.bvh",
)


@pytest.mark.parametrize("name", BVH_SAMPLES)
def test_bvh_samples_conform(name: str, samples: Path, tmp_path: Path) -> None:
    others = [samples / "bvh" / "01.asf", samples / "bvh" / "01_01.amc", samples / "mvnx" / "test_mocap.mvnx"]
    check_reader(Bvh(), samples / name, scratch=tmp_path, others=others)


# ---------------------------------------------------------------- generated dialects

_SIDED = ("hip", "knee", "ankle", "toe", "collar", "shoulder", "elbow", "wrist", "hand")


def _names(trunk: str, left: str, right: str) -> dict[str, str]:
    """Canonical joint to file name: `trunk` names pelvis, spine, chest, neck, head, the others the sided parts."""
    out = dict(zip(("pelvis", "spine", "chest", "neck", "head"), trunk.split(","), strict=True))
    for side, words in zip(SIDES, (left, right), strict=True):
        out |= {f"{side}_{part}": word for part, word in zip(_SIDED, words.split(","), strict=True)}
    return out


def _sided(trunk: str, pattern: str, sides: str = "Left Right") -> dict[str, str]:
    left, right = sides.split()
    return _names(trunk, pattern.replace("@", left), pattern.replace("@", right))


LAFAN1 = _sided("Hips,Spine,Spine2,Neck,Head", "@UpLeg,@Leg,@Foot,@Toe,@Shoulder,@Arm,@ForeArm,@Hand,@HandMiddle1")


@dataclass(frozen=True)
class Variant:
    """How a file is written.

    Attributes:
        names: canonical joint to the file's name.
        unit_m: metres per unit.
        turns: cyclic shifts of the axes: 0 is y up, 1 is z up, 2 is x up.
        flipped: turned upside down about the file's x axis: -y up.
        order: Euler order of every joint, outermost first.
        positions: `root`, `all` (offsets repeated in every frame) or `zero` (position channels that are zero).
        arms_down_deg: the rest pose's arms below horizontal.
        above_root: name of an extra root at the ground above the hips.
    """

    names: dict[str, str] = field(default_factory=lambda: LAFAN1)
    unit_m: float = 0.01
    turns: int = 0
    flipped: bool = False
    order: str = "ZYX"
    positions: str = "root"
    arms_down_deg: float = 0.0
    above_root: str = ""
    dialect: str = "lafan1"
    up: str = "y"
    rest_pose: str = "T"


_MIXAMO = {joint: f"mixamorig:{name}" for joint, name in LAFAN1.items()}
_PREFIXED = {joint: f"Anna_{name}" for joint, name in LAFAN1.items()}
_CHARACTER = {joint: f"Character1_{name}" for joint, name in LAFAN1.items()}
_SOMA = _sided("Hips,Spine1,Spine2,Neck1,Head", "@Leg,@Shin,@Foot,@ToeBase,@Shoulder,@Arm,@ForeArm,@Hand,@HandMiddle1")
_XSENS = _sided("Hips,Chest,Chest2,Neck,Head", "@Hip,@Knee,@Ankle,@Toe,@Collar,@Shoulder,@Elbow,@Wrist,@Finger")
_MVN = _sided("Pelvis,L5,T8,Neck,Head", "@UpperLeg,@LowerLeg,@Foot,@Toe,@Shoulder,@UpperArm,@ForeArm,@Hand,@Palm")
_BANDAI = _sided(
    "Hips,Spine,Chest,Neck,Head",
    "UpperLeg_@,LowerLeg_@,Foot_@,Toes_@,Shoulder_@,UpperArm_@,LowerArm_@,Hand_@,Knuckle_@",
    "L R",
)
_UNREAL = _sided(
    "pelvis,spine_01,spine_02,neck_01,head",
    "thigh_@,calf_@,foot_@,ball_@,clavicle_@,upperarm_@,lowerarm_@,hand_@,middle_01_@",
    "l r",
)
_BIPED = _sided(
    "Bip01,Bip01 Spine,Bip01 Spine1,Bip01 Neck,Bip01 Head",
    "Bip01 @ Thigh,Bip01 @ Calf,Bip01 @ Foot,Bip01 @ Toe0,Bip01 @ Clavicle,Bip01 @ UpperArm,Bip01 @ Forearm,Bip01 @ Hand,"
    "Bip01 @ Finger2",
    "L R",
)
_ASF = _sided("root,lowerback,thorax,lowerneck,head", "@femur,@tibia,@foot,@toes,@clavicle,@humerus,@radius,@wrist,@hand", "l r")
_RIGIFY = _sided(
    "spine,spine.001,spine.003,neck,head",
    "thigh.@,shin.@,foot.@,toe.@,shoulder.@,upper_arm.@,forearm.@,hand.@,f_middle.01.@",
    "L R",
)
_ARKIT = _sided(
    "hips_joint,spine_1_joint,spine_5_joint,neck_1_joint,head_joint",
    "@_upLeg_joint,@_leg_joint,@_foot_joint,@_toes_joint,@_shoulder_1_joint,@_arm_joint,@_forearm_joint,@_hand_joint,"
    "@_handMid_1_joint",
    "left right",
)
_MOTIVE = _sided("Hip,Ab,Chest,Neck,Head", "@Thigh,@Shin,@Foot,@Toe,@Shoulder,@UArm,@FArm,@Hand,@Middle1", "L R")
_SMPL = _sided("Pelvis,Spine1,Spine3,Neck,Head", "@_Hip,@_Knee,@_Ankle,@_Foot,@_Collar,@_Shoulder,@_Elbow,@_Wrist,@_Hand", "L R")

VARIANTS: dict[str, Variant] = {
    "lafan1": Variant(),
    "mixamo": Variant(_MIXAMO, order="ZYX"),
    "own prefix": Variant(_PREFIXED),
    "MotionBuilder character": Variant(_CHARACTER, order="ZXY"),
    "SOMA under a root, mixed channels": Variant(
        _SOMA, above_root="Root", dialect="soma", order="YXZ", arms_down_deg=45.0, rest_pose="A"
    ),
    "Xsens": Variant(_XSENS, order="YXZ", dialect="xsens"),
    "Xsens MVN, metres": Variant(_MVN, unit_m=1.0, dialect="segments"),
    "Bandai-Namco, 6 channels everywhere": Variant(_BANDAI, above_root="joint_Root", positions="all", dialect="segments"),
    "6 channels, zero positions": Variant(positions="zero"),
    "Unreal, z up": Variant(_UNREAL, turns=1, up="z", dialect="thigh", arms_down_deg=50.0, rest_pose="A"),
    "Biped, inches, z up": Variant(_BIPED, unit_m=0.0254, turns=1, up="z", dialect="thigh"),
    "ASF names, CMU unit": Variant(_ASF, unit_m=0.0254 / 0.45, dialect="asf"),
    "Rigify, metres": Variant(_RIGIFY, unit_m=1.0, turns=1, up="z", dialect="thigh"),
    "ARKit, millimetres": Variant(_ARKIT, unit_m=0.001),
    "Motive": Variant(_MOTIVE, unit_m=0.001, order="XYZ", dialect="thigh"),
    "SMPL names, feet": Variant(_SMPL, unit_m=0.3048, dialect="xsens"),
    "x up": Variant(turns=2, up="x", order="YZX"),
    "-y up": Variant(flipped=True, up="-y", order="XZY"),
    "-z up": Variant(flipped=True, turns=1, up="-z"),
    "arms hang at rest": Variant(arms_down_deg=85.0, rest_pose="other"),
}


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(3.0, 1.1, rate_hz=60.0)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_dialect_reads_back_to_the_motion_it_was_written_from(name: str, motion: HumanMotion, tmp_path: Path) -> None:
    variant = VARIANTS[name]
    path = tmp_path / "clip.bvh"
    path.write_text(_text(motion, variant))
    got = check_reader(Bvh(), path, scratch=tmp_path)
    assert got.source.dialect == variant.dialect
    assert got.source.unit_m == pytest.approx(variant.unit_m, rel=1e-6)
    assert got.source.up == variant.up
    assert got.source.rest_pose == variant.rest_pose
    assert got.source.warnings == ()
    assert not got.source.synthetic
    assert got.measured.all()
    np.testing.assert_array_equal(got.t_ns, motion.t_ns)
    wanted = _expected(motion, variant)
    worst = np.abs(got.joint_pos_world_m - wanted).max(axis=(0, 2))
    assert worst.max() < 2e-4, {joint: float(worst[i]) for joint, i in INDEX.items() if worst[i] > 2e-4}


def _to_file_axes(variant: Variant) -> F64:
    """Rotation from the y-up axes of LAFAN1 to those of the variant."""
    flip = np.diag([1.0, -1.0, -1.0]) if variant.flipped else np.eye(3)
    cycle = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # x to y, y to z, z to x
    return np.asarray(np.linalg.matrix_power(cycle, variant.turns) @ flip)


def _expected(motion: HumanMotion, variant: Variant) -> F64:
    """The motion under the reader's rule for the axes: the axis that is up becomes z, another is negated."""
    from_world = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    rule: dict[str, Callable[[F64], list[F64]]] = {
        "y": lambda f: [f[0], -f[2], f[1]],
        "z": lambda f: [f[0], f[1], f[2]],
        "x": lambda f: [-f[2], f[1], f[0]],
        "-y": lambda f: [f[0], f[2], -f[1]],
        "-z": lambda f: [f[0], -f[1], -f[2]],
    }
    in_file = motion.joint_pos_world_m @ (_to_file_axes(variant) @ from_world).T
    return np.stack(rule[variant.up](np.moveaxis(in_file, -1, 0)), axis=-1)


def _text(motion: HumanMotion, variant: Variant) -> str:
    """The motion as the text of a BVH file of the variant."""
    posed = pose_skeleton(motion)
    scale, axes = 0.01 / variant.unit_m, _to_file_axes(variant)
    offsets, tips = scale * posed.offset_cm @ axes.T, scale * posed.tip_cm @ axes.T
    local = [axes @ rotation @ axes.T for rotation in posed.local]
    root = scale * posed.root_cm @ axes.T
    for side, sign in zip(SIDES, (-1.0, 1.0), strict=True):
        arm = [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hand")]
        down = axes @ Rotation.from_euler("z", sign * variant.arms_down_deg, degrees=True).as_matrix() @ axes.T
        chain = [j for j, joint in enumerate(JOINTS) if joint.canonical in arm]
        for j in chain:
            if j != chain[0]:
                offsets[j] = down @ offsets[j]
            local[j] = (local[j] if j == chain[0] else down @ local[j]) @ down.T
            tips[j] = down @ tips[j]
    return _Writer(variant, offsets, tips, root, local, motion).text()


@dataclass
class _Writer:
    variant: Variant
    offsets: F64
    tips: F64
    root: F64
    local: list[F64]
    motion: HumanMotion
    lines: list[str] = field(default_factory=list)
    columns: list[F64] = field(default_factory=list)

    def text(self) -> str:
        self.lines.append("HIERARCHY")
        if self.variant.above_root:
            self._open(f"ROOT {self.variant.above_root}", np.zeros(3), "Xposition Yposition Zposition")
            self.columns.append(np.zeros((len(self.motion), 3)))
            self._joint(0, "JOINT")
            self.lines.append("}")
        else:
            self._joint(0, "ROOT")
        values = np.concatenate(self.columns, axis=1)
        self.lines += ["MOTION", f"Frames: {len(values)}", f"Frame Time: {1.0 / self.motion.rate_hz:.6f}"]
        return "\n".join([*self.lines, *(" ".join(f"{v:.6f}" for v in row) for row in values)])

    def _open(self, title: str, offset: F64, channels: str) -> None:
        self.lines += [title, "{", "OFFSET " + " ".join(f"{v:.7f}" for v in offset)]
        if channels:
            self.lines.append(f"CHANNELS {len(channels.split())} {channels}")

    def _joint(self, j: int, word: str) -> None:
        order, frames = self.variant.order, len(self.motion)
        channels = " ".join(f"{axis}rotation" for axis in order)
        if j == 0 or self.variant.positions != "root":
            channels = "Xposition Yposition Zposition " + channels
            kept = 1.0 if self.variant.positions == "all" else 0.0
            self.columns.append(self.root if j == 0 else np.tile(kept * self.offsets[j], (frames, 1)))
        self._open(f"{word} {self.variant.names[JOINTS[j].canonical]}", self.offsets[j], channels)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Gimbal lock", category=UserWarning)
            self.columns.append(Rotation.from_matrix(self.local[j]).as_euler(order, degrees=True))
        children = [i for i, joint in enumerate(JOINTS) if joint.parent == j]
        for child in children:
            self._joint(child, "JOINT")
        if not children:
            self._open("End Site", self.tips[j], "")
            self.lines.append("}")
        self.lines.append("}")


# ---------------------------------------------------------------- finding the reader


def test_the_format_is_found_by_content_whatever_the_name(motion: HumanMotion, tmp_path: Path) -> None:
    path = tmp_path / "clip.dat"
    path.write_text(_text(motion, Variant()))
    assert read_motion(path).source.format == "bvh"


def test_unknown_formats_name_what_is_supported(tmp_path: Path) -> None:
    path = tmp_path / "clip.xyz"
    path.write_text("nothing known")
    with pytest.raises(MocapError, match=r"clip\.xyz.*supported are.*BVH.*\.bvh"):
        read_motion(path)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "walk_01.bvh").write_text("")
    with pytest.raises(MocapError, match=r"walk_1\.bvh: no such file; did you mean .*walk_01\.bvh"):
        read_motion(tmp_path / "walk_1.bvh")
    with pytest.raises(MocapError, match="a directory"):
        read_motion(tmp_path)


def test_a_unit_can_be_forced(motion: HumanMotion, tmp_path: Path) -> None:
    path = tmp_path / "tiny.bvh"
    path.write_text(_text(motion, Variant(unit_m=0.0025)))
    with pytest.raises(MocapError, match=r"hip to knee to ankle is 343\.\d units.*--unit cm"):
        read_motion(path)
    forced = read_motion(path, unit="mm")
    assert forced.subject().leg_m == pytest.approx(0.4 * motion.subject().leg_m, rel=1e-3)
