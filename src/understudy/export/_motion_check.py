"""Reads motion files back and holds them against themselves, the robot, and the episodes they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from understudy.errors import ExportError, UnderstudyError
from understudy.export._faults import Faults
from understudy.export._motion_clip import motion_clip
from understudy.export._motion_flavour import Flavour, Told, frames_per_second
from understudy.export._motion_info import FOLDER, MotionEntry, MotionInfo, read_info
from understudy.export._motion_npz import array_names, read_arrays
from understudy.geom.arrays import F64, AnyArray
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.robot import RobotModel, RobotMotion

TOLERANCE = 1e-9
"""Metres, radians and quaternion components: what decimal text, a shift in height and a turn into angles may cost."""


def check_motion(
    out: Path, episodes: Mapping[str, Episode], robot: RobotModel, flavours: Mapping[str, Flavour]
) -> tuple[Finding, ...]:
    """What does not hold in an export of motion files.

    Raises:
        ExportError: `out` is no such export.
    """
    info = read_info(out)
    if info.flavour not in flavours:
        raise ExportError(f"{out}: flavour {info.flavour!r}; {', '.join(flavours)} can be read back")
    faults = Faults("motion")
    if info.robot.joint_names != robot.joint_names:
        faults.add(
            "joint_order", f"meta/info.json: joints {list(info.robot.joint_names)}, {robot.name} has {list(robot.joint_names)}"
        )
        return faults.findings()
    _check_folder(out, info, faults)
    for entry in info.episodes:
        motion = _read(out, entry, flavours[info.flavour], robot, faults)
        if motion is not None:
            _check_velocities(out, entry, info.flavour, motion, faults)
            _check_against(entry, info, motion, episodes, robot, faults)
    return faults.findings()


def _check_folder(out: Path, info: MotionInfo, faults: Faults) -> None:
    known = {entry.file for entry in info.episodes}
    for path in sorted((out / FOLDER).glob("*")):
        if path.relative_to(out).as_posix() not in known:
            faults.add("unknown_file", f"{path.relative_to(out).as_posix()}: not in meta/info.json; remove it or export again")


def _read(out: Path, entry: MotionEntry, flavour: Flavour, robot: RobotModel, faults: Faults) -> RobotMotion | None:
    """The motion in one file; None where it cannot be read."""
    path = out / entry.file
    if Path(entry.file).parts[:-1] != (FOLDER,) or not path.is_file():
        faults.add("missing_file", f"{entry.file}: not there; export again")
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
        faults.add("changed_file", f"{entry.file}: not the bytes that were written; export again")
    try:
        motion = flavour.read(path, robot, Told(fps=entry.fps)).motion
    except UnderstudyError as error:
        faults.add("unreadable", str(error))
        return None
    if len(motion.t_ns) != entry.frames:
        faults.add(
            "frames",
            f"{entry.file}: {len(motion.t_ns)} frames, meta/info.json has {entry.frames}",
            value=len(motion.t_ns),
            limit=entry.frames,
        )
    return motion


def _check_velocities(out: Path, entry: MotionEntry, flavour: str, motion: RobotMotion, faults: Faults) -> None:
    """Joint velocities, where the file has them, are the rates of change of its joint positions."""
    if len(motion.t_ns) < 3 or flavour not in ("wbt", "locomujoco"):
        return
    try:
        positions, velocities = _pairs(out / entry.file, flavour)
    except UnderstudyError as error:
        faults.add("unreadable", str(error))
        return
    dt_s = 1.0 / entry.fps
    want = (positions[2:] - positions[:-2]) / (2.0 * dt_s)
    wrong = np.abs(velocities[1:-1] - want) > 1e-2 * np.abs(want).max(initial=1.0)
    if wrong.any():
        frame, column = np.argwhere(wrong)[0]
        faults.add(
            "velocities",
            f"{entry.file}: frame {frame + 1}, column {column}: {velocities[frame + 1, column]:.6g} per second, "
            f"positions change by {want[frame, column]:.6g}",
            column=str(column),
        )


def _pairs(path: Path, flavour: str) -> tuple[F64, F64]:
    """(T, J) coordinates of a file, and their velocities."""
    if flavour == "wbt":
        arrays = read_arrays(path, ("joint_pos", "joint_vel"))
        return _same(arrays["joint_pos"][:, 7:], arrays["joint_vel"][:, 6:], path)
    names = [n for n in array_names(path) if n.startswith("q_")]
    arrays = read_arrays(path, [*names, *(f"d{n}" for n in names)])
    return _same(np.stack([arrays[n] for n in names], axis=1), np.stack([arrays[f"d{n}"] for n in names], axis=1), path)


def _same(a: AnyArray, b: AnyArray, path: Path) -> tuple[F64, F64]:
    if a.shape != b.shape:
        raise ExportError(f"{path}: positions {a.shape} and velocities {b.shape} do not fit together; export again")
    return a.astype(np.float64), b.astype(np.float64)


def _check_against(
    entry: MotionEntry, info: MotionInfo, motion: RobotMotion, episodes: Mapping[str, Episode], robot: RobotModel, faults: Faults
) -> None:
    """Values equal the episode's."""
    if not episodes:
        return
    if entry.id not in episodes:
        faults.add("episode_gone", f"episode {entry.id} ({entry.file}) is no longer in the dataset; export again")
        return
    try:
        want = motion_clip(episodes[entry.id], robot, info.asked_fps)
    except UnderstudyError as error:
        faults.add("episode_unreadable", f"episode {entry.id} ({entry.file}): {error}")
        return
    if len(want.t_ns) != len(motion.t_ns) or abs(frames_per_second(want.t_ns) - entry.fps) > 1e-6 * entry.fps:
        faults.add(
            "episode_length",
            f"{entry.file}: {len(motion.t_ns)} frames at {entry.fps:g} per second, episode {entry.id} gives {len(want.t_ns)} at "
            f"{frames_per_second(want.t_ns):g}",
            value=len(motion.t_ns), limit=len(want.t_ns),
        )  # fmt: skip
        return
    quat = np.where(np.sum(motion.root_quat_world_wxyz * want.root_quat_world_wxyz, axis=1) < 0, -1.0, 1.0)[:, None]
    _compare(entry, "root_pos", ("x", "y", "z"), motion.root_pos_world_m, want.root_pos_world_m, faults)
    _compare(entry, "root_quat", ("w", "x", "y", "z"), motion.root_quat_world_wxyz * quat, want.root_quat_world_wxyz, faults)
    _compare(entry, "joint_pos", robot.joint_names, motion.joint_pos, want.joint_pos, faults)


def _compare(entry: MotionEntry, what: str, names: tuple[str, ...], found: F64, want: F64, faults: Faults) -> None:
    wrong = np.argwhere(np.abs(found - want) > TOLERANCE)
    if len(wrong):
        frame, column = wrong[0]
        faults.add(
            "values",
            f"{entry.file}: frame {frame}, {what} {names[column]}: {found[frame, column]:.9g}, episode {entry.id} has "
            f"{want[frame, column]:.9g}; {len(wrong)} values differ",
            column=what, value=float(found[frame, column]), limit=float(want[frame, column]),
        )  # fmt: skip
