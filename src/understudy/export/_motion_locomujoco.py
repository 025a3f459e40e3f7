"""loco-mujoco npz: one array per coordinate, `q_<joint>` and `dq_<joint>`, of a model whose root has six joints of its own.

The root's coordinates are OpenSim's: tx forward, tz to the left, ty up from the model's own standing height; orientation is
Ry(-tilt) Rx(list) Rz(rotation). The file does not say its rate: it follows from velocities laid against positions.
Source: loco-mujoco, environments/data/unitree_{h1,g1}; names and heights are read from there, zero poses compared by kinematics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from understudy.errors import ExportError, MocapError
from understudy.export._motion_flavour import FileMotion, Flavour, Told, file_motion, one_rate
from understudy.export._motion_npz import array_names, numbers, read_arrays
from understudy.geom.arrays import F64, AnyArray
from understudy.geom.filters import derivative
from understudy.geom.rotations import matrix_to_quat, quat_continuous, quat_to_matrix
from understudy.spec.robot import RobotModel, RobotMotion

ROOT = ("pelvis_tx", "pelvis_tz", "pelvis_ty", "pelvis_tilt", "pelvis_list", "pelvis_rotation")
USUAL_FPS = (20.0, 25.0, 30.0, 50.0, 60.0, 100.0, 120.0, 200.0, 240.0, 250.0, 500.0, 1000.0)
_SIDES = (("l", "left"), ("r", "right"))


@dataclass(frozen=True)
class Model:
    """One of loco-mujoco's models against ours.

    Attributes:
        height_m: of our root where its pelvis_ty is 0.
        names: its joint to ours.
        zero_rad: our joint's angle at its zero, where that is not 0.
        undriven: coordinates in its files that none of its joints has.
        said: what differs between the two robots.
    """

    height_m: float
    names: Mapping[str, str]
    zero_rad: Mapping[str, float] = field(default_factory=dict)
    undriven: frozenset[str] = frozenset()
    said: str = ""


_H1 = Model(
    height_m=1.045,
    names={
        "back_bkz": "torso_joint",
        **{
            theirs: ours
            for s, side in _SIDES
            for theirs, ours in (
                (f"hip_rotation_{s}", f"{side}_hip_yaw_joint"),
                (f"hip_adduction_{s}", f"{side}_hip_roll_joint"),
                (f"hip_flexion_{s}", f"{side}_hip_pitch_joint"),
                (f"knee_angle_{s}", f"{side}_knee_joint"),
                (f"ankle_angle_{s}", f"{side}_ankle_joint"),
                (f"{s}_arm_shy", f"{side}_shoulder_pitch_joint"),
                (f"{s}_arm_shx", f"{side}_shoulder_roll_joint"),
                (f"{s}_arm_shz", f"{side}_shoulder_yaw_joint"),
                (f"{side}_elbow", f"{side}_elbow_joint"),
            )
        },
    },
    undriven=frozenset({"back_bkx", "back_bky", "l_arm_wry", "r_arm_wry"}),
)
G1_HEIGHT_M = 0.7851
"""Its G1 stands with the pelvis at 0.755 m; the legs of ours are 30.1 mm longer."""
_G1_23 = Model(
    height_m=G1_HEIGHT_M,
    names={
        "torso_joint": "waist_yaw_joint",
        **{
            theirs: ours
            for _, side in _SIDES
            for theirs, ours in (
                (f"{side}_elbow_pitch_joint", f"{side}_elbow_joint"),
                (f"{side}_elbow_roll_joint", f"{side}_wrist_roll_joint"),
            )
        },
    },
    zero_rad={
        f"{side}_{joint}_joint": angle
        for _, side in _SIDES
        for joint, angle in (("hip_pitch", -0.17419), ("knee", 0.33472), ("ankle_pitch", -0.16053))
    },
    undriven=frozenset({"lumbar_extension", "lumbar_bending"}),
    said="made for the 23-joint G1, another robot with thighs 3 cm shorter and other arms: limbs keep their directions, feet "
    "come out up to 2 cm and hands up to 6 cm off",
)


def model_for(robot: RobotModel, coordinates: frozenset[str] = frozenset()) -> Model:
    """How a file with these coordinates maps to a robot; without a file, how one is written."""
    if robot.name == "unitree_h1":
        return _H1
    if robot.name.startswith("unitree_g1"):
        return _G1_23 if "torso_joint" in coordinates else Model(G1_HEIGHT_M, {})
    return Model(robot.profile.standing_height_m, {})


def arrays_of(motion: RobotMotion, robot: RobotModel) -> dict[str, AnyArray]:
    """The arrays of a file; velocities are central differences of the coordinates at the motion's own stamps.

    Raises:
        ExportError: the robot lies on its side, where the root's angles say nothing.
    """
    model = model_for(robot)
    theirs = {ours: name for name, ours in model.names.items()}
    angles = _root_angles(motion)
    x, y, z = motion.root_pos_world_m.T
    columns = dict(zip(ROOT, (x, y, z - model.height_m, *angles.T), strict=True))
    columns |= {theirs.get(name, name): motion.joint_pos[:, j] for j, name in enumerate(motion.joint_names)}
    positions = {f"q_{name}": np.ascontiguousarray(values) for name, values in columns.items()}
    return positions | {f"dq_{name}": derivative(values, motion.t_ns) for name, values in columns.items()}


def write(motion: RobotMotion, robot: RobotModel, path: Path) -> None:
    """Write one file."""
    with path.open("wb") as file:
        np.savez(file, **arrays_of(motion, robot))  # type: ignore[arg-type]


def read(path: Path, robot: RobotModel, told: Told) -> FileMotion:
    """The motion in a file.

    Raises:
        MocapError: arrays are missing or do not fit together, or the rate cannot be told.
        JointOrderError: its joints are not the robot's.
    """
    there = array_names(path)
    names = [n.removeprefix("q_") for n in there if n.startswith("q_")]
    if missing := [n for n in ROOT if n not in names]:
        raise MocapError(f"{path}: no q_{', q_'.join(missing)} (found: {', '.join(there[:12])}, ...)")
    kept = [n for n in there if n.removeprefix("d").startswith("q_")]
    arrays = read_arrays(path, kept)
    steps = arrays[f"q_{ROOT[0]}"].shape[0] if arrays[f"q_{ROOT[0]}"].ndim else 0
    columns: dict[str, F64] = {n: numbers(arrays, n, path, shape=(steps,)) for n in kept}
    model = model_for(robot, frozenset(names))
    joints = [n for n in names if n not in ROOT and n not in model.undriven]
    ours = [model.names.get(n, n) for n in joints]
    joint_pos = (
        np.stack([columns[f"q_{n}"] + model.zero_rad.get(o, 0.0) for n, o in zip(joints, ours, strict=True)], axis=1)
        if joints
        else np.zeros((steps, 0))
    )
    fps, how = _rate(columns, names, told)
    root_pos, root_quat = _root_pose(columns, model.height_m)
    return file_motion(
        str(path),
        robot,
        told,
        fps=one_rate(str(path), fps, told),
        root_pos=root_pos,
        root_quat_wxyz=root_quat,
        joint_pos=joint_pos,
        joint_names=ours,
        said=tuple(s for s in (how, model.said, _left_out(names, model)) if s),
    )


def _root_angles(motion: RobotMotion) -> F64:
    """(T, 3) tilt, list, rotation, continuous over time."""
    m = quat_to_matrix(motion.root_quat_world_wxyz)
    side = np.flatnonzero(np.hypot(m[:, 1, 0], m[:, 1, 1]) < 0.02)
    if len(side):
        raise ExportError(
            f"frame {side[0]}: the robot lies on its side, where the root angles of loco-mujoco files say nothing; "
            "leave the episode out or choose the flavour csv or wbt"
        )
    tilt, turn = np.arctan2(-m[:, 0, 2], m[:, 2, 2]), np.arctan2(m[:, 1, 0], m[:, 1, 1])
    return np.stack([np.unwrap(tilt), np.arcsin(np.clip(-m[:, 1, 2], -1.0, 1.0)), np.unwrap(turn)], axis=1)


def _root_pose(columns: Mapping[str, F64], height_m: float) -> tuple[F64, F64]:
    x, y, z, tilt, lean, turn = (columns[f"q_{n}"] for n in ROOT)
    matrix = _turn(1, -tilt) @ _turn(0, lean) @ _turn(2, turn)
    finite = np.where(np.isfinite(matrix), matrix, 0.0)
    quat = quat_continuous(matrix_to_quat(finite))
    quat[~np.isfinite(matrix).all(axis=(1, 2))] = np.nan
    return np.stack([x, y, z + height_m], axis=1), quat


def _turn(axis: int, angle_rad: F64) -> F64:
    """(T, 3, 3) rotations about one axis."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    out = np.tile(np.eye(3), (len(angle_rad), 1, 1))
    out[:, j, j], out[:, j, k], out[:, k, j], out[:, k, k] = c, -s, s, c
    return out


def _rate(columns: Mapping[str, F64], names: list[str], told: Told) -> tuple[float | None, str]:
    """Frames per second from positions and velocities, and a sentence that says so; None where nothing moves."""
    both = [n for n in names if f"dq_{n}" in columns]
    if told.fps is not None or not both:
        return None, ""
    rates = []
    for name in both:
        step = np.diff(columns[f"q_{name}"])
        speed = (columns[f"dq_{name}"][1:] + columns[f"dq_{name}"][:-1]) / 2.0
        change = float(np.sum(step * speed))
        if np.isfinite(change) and change > 0.0:
            rates.append(float(np.sum(speed * speed)) / change)
    if not rates:
        return None, ""
    fps = _usual(float(np.median(rates)))
    return fps, f"{fps:g} frames per second, from the file's velocities against its positions; `--fps` says otherwise"


def _usual(fps: float) -> float:
    """The usual rate that is meant; filtered velocities are a few percent off."""
    near = min(USUAL_FPS, key=lambda usual: abs(usual - fps))
    return near if abs(near - fps) < 0.03 * near else float(round(fps)) or fps


def _left_out(names: list[str], model: Model) -> str:
    out = sorted(model.undriven & set(names))
    return f"coordinates that no joint of the robot has were left out: {', '.join(out)}" if out else ""


FLAVOUR = Flavour("locomujoco", ".npz", "loco-mujoco npz, one array per coordinate", write, read)
