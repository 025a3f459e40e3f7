"""Robot motion files: what every flavour offers, and what holds of the motion in any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from understudy.errors import JointOrderError, MocapError, did_you_mean
from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_normalize
from understudy.spec.robot import RobotModel, RobotMotion

FillMissing = Literal["refuse", "home"]
QuatOrder = Literal["xyzw", "wxyz"]
MOST_ANGLE_RAD = 10.0
"""No joint of a humanoid turns further; larger values are degrees."""
MOST_HEIGHT_M = 10.0
"""No motion has its root higher in the mean; larger values are centimetres or millimetres."""
MOST_WAY_M = 1e5
MOST_FPS = 2000.0
_WHOLE = 5e-4
"""A rate this near to a whole number (relative) is that number: frame times in files are rounded."""


@dataclass(frozen=True)
class Told:
    """What the user says of a file that does not say it itself.

    Attributes:
        fps: frames per second.
        joint_names: what the columns are, in their order.
        fill_missing: `home` lets joints that the file lacks stand at the home pose; `refuse` does not.
        quat: order of the root's quaternion in a CSV without heading.
    """

    fps: float | None = None
    joint_names: tuple[str, ...] = ()
    fill_missing: FillMissing = "refuse"
    quat: QuatOrder = "xyzw"


@dataclass(frozen=True)
class FileMotion:
    """The motion in a file, in the robot's joint order, and what reading it took for granted."""

    motion: RobotMotion
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flavour:
    """One kind of robot motion file.

    Attributes:
        name: as `--flavour` takes it.
        suffix: of its files, with the dot.
        title: what it is and who reads it.
        write: makes one file.
        read: reads one back; raises MocapError or JointOrderError.
    """

    name: str
    suffix: str
    title: str
    write: Callable[[RobotMotion, RobotModel, Path], None]
    read: Callable[[Path, RobotModel, Told], FileMotion]


def frames_per_second(t_ns: I64) -> float:
    """The even rate of stamps; a whole number where they are as good as that. 0 for a single frame."""
    if len(t_ns) < 2:
        return 0.0
    rate = (len(t_ns) - 1) / (float(t_ns[-1] - t_ns[0]) * 1e-9)
    return float(round(rate)) if abs(rate - round(rate)) < _WHOLE * rate else rate


def frame_stamps(frames: int, fps: float) -> I64:
    """(T,) stamps from 0 at an even rate, each rounded to the nanosecond."""
    return np.round(np.arange(frames) * (1e9 / fps)).astype(np.int64)


def wxyz_to_xyzw(quat_wxyz: F64) -> F64:
    """(..., 4) the order that some files have; nowhere else is it used."""
    return np.asarray(np.roll(quat_wxyz, -1, axis=-1))


def file_motion(
    where: str,
    robot: RobotModel,
    told: Told,
    *,
    fps: float,
    root_pos: F64,
    root_quat_wxyz: F64,
    joint_pos: F64,
    joint_names: Sequence[str],
    said: Sequence[str] = (),
) -> FileMotion:
    """What a file holds, checked and brought into the robot's order.

    Raises:
        MocapError: a value is not finite, not a rotation, or not in metres and radians.
        JointOrderError: the joints are another robot's.
    """
    if not 0.0 < fps <= MOST_FPS:
        raise MocapError(f"{where}: {fps:g} frames per second; 0 to {MOST_FPS:g} can be")
    if len(root_pos) == 0:
        raise MocapError(f"{where}: no frame in it; at least one is needed")
    columns = {"root position": root_pos, "root quaternion": root_quat_wxyz, "joint positions": joint_pos}
    for what, values in columns.items():
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            frame, column = bad[0]
            name = joint_names[column] if what == "joint positions" else f"column {column}"
            raise MocapError(f"{where}: frame {frame}, {what}, {name}: {values[frame, column]}; cut or mend the file first")
    _check_units(where, root_pos, root_quat_wxyz, joint_pos, joint_names)
    ordered, filled = in_robot_order(where, robot, joint_pos, joint_names, fill=told.fill_missing)
    motion = RobotMotion(frame_stamps(len(root_pos), fps), root_pos, quat_normalize(root_quat_wxyz), ordered, robot.joint_names)
    return FileMotion(motion, (*said, *filled))


def in_robot_order(
    where: str, robot: RobotModel, joint_pos: F64, joint_names: Sequence[str], *, fill: FillMissing
) -> tuple[F64, tuple[str, ...]]:
    """(T, J) columns by name in the robot's order, and a sentence about joints that were filled in.

    Raises:
        JointOrderError: a joint is unknown, comes twice, or is missing and not to be filled.
    """
    names = [_own_name(robot, name) for name in joint_names]
    unknown = [n for n in names if n not in robot.joint_names]
    if unknown:
        near = did_you_mean(unknown[0], robot.joint_names)
        raise JointOrderError(
            f"{where}: {robot.name} has no joint {', '.join(unknown)}{near}; choose the robot that the file was made for"
        )
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise JointOrderError(f"{where}: joint {', '.join(twice)} comes twice; each column needs a name of its own")
    missing = [n for n in robot.joint_names if n not in names]
    if missing and fill == "refuse":
        raise JointOrderError(
            f"{where}: {len(missing)} of {robot.dof} joints of {robot.name} are missing: {', '.join(missing)}; "
            "`--fill-missing home` lets them stand at the home pose"
        )
    out = np.tile(robot.home_rad, (len(joint_pos), 1))
    out[:, [robot.joint_index(n) for n in names]] = joint_pos
    return out, (f"joints at the home pose, the file lacks them: {', '.join(missing)}",) if missing else ()


def one_rate(where: str, fps: float | None, told: Told) -> float:
    """The file's own rate, or the one the user gave.

    Raises:
        MocapError: neither is there, or they differ.
    """
    if fps is None and told.fps is None:
        raise MocapError(f"{where}: files of this kind do not say their rate: give `--fps` (30 for the LAFAN1 retargets)")
    if fps is not None and told.fps is not None and abs(fps - told.fps) > 1e-2 * fps:
        raise MocapError(
            f"{where}: made at {fps:g} frames per second by its own account, {told.fps:g} was asked for; leave --fps out"
        )
    return fps if fps is not None else float(told.fps or 0.0)


def shifted(motion: RobotMotion, height_m: float) -> RobotMotion:
    """The motion raised by a height."""
    return replace(motion, root_pos_world_m=motion.root_pos_world_m + np.array([0.0, 0.0, height_m]))


def _own_name(robot: RobotModel, name: str) -> str:
    """A joint's name in the robot; some files leave `_joint` out."""
    return f"{name}_joint" if name not in robot.joint_names and f"{name}_joint" in robot.joint_names else name


def _check_units(where: str, root_pos: F64, root_quat: F64, joint_pos: F64, joint_names: Sequence[str]) -> None:
    far = np.argwhere(np.abs(joint_pos) > MOST_ANGLE_RAD)
    if len(far):
        frame, column = far[0]
        raise MocapError(
            f"{where}: frame {frame}, {joint_names[column]}: {joint_pos[frame, column]:g}; angles are radians here, "
            f"within {MOST_ANGLE_RAD:g}: these may be degrees, or the columns stand in another order"
        )
    if np.abs(root_pos).max() > MOST_WAY_M:
        raise MocapError(f"{where}: the root is {np.abs(root_pos).max():g} m from the origin; {MOST_WAY_M:g} m can be")
    height = float(np.mean(root_pos[:, 2]))
    if abs(height) > MOST_HEIGHT_M:
        raise MocapError(
            f"{where}: the root is {height:g} m high in the mean; positions are metres with z up: these may be cm or mm"
        )
    norm = np.linalg.norm(np.clip(root_quat, -MOST_HEIGHT_M, MOST_HEIGHT_M), axis=1)
    wrong = np.flatnonzero(np.abs(norm - 1.0) > 1e-2)
    if len(wrong):
        raise MocapError(
            f"{where}: frame {wrong[0]}: root quaternion {root_quat[wrong[0]]} has norm {norm[wrong[0]]:.3g}, 1 is needed; "
            "the root is xyz in metres, then the quaternion"
        )
