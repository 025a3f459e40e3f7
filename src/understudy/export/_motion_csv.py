"""Motion CSV of Unitree's LAFAN1 retargets, mjlab and whole-body tracking: one line per frame, mostly without a heading.

Columns: root x y z (metres), root quaternion x y z w, joints (radians) in the robot's order. The file says neither its rate nor
its joints; an export of ours has both in `meta/info.json`. Where there is a heading, it says which column is what.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.export._motion_csv_heading import Heading, heading_of
from understudy.export._motion_flavour import FileMotion, Flavour, Told, file_motion, one_rate, wxyz_to_xyzw
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_to_matrix, xyzw_to_wxyz
from understudy.spec.robot import RobotModel, RobotMotion

ROOT = 7
MOST_BYTES = 1 << 29
MOST_HEADING_BYTES = 1 << 16


def write(motion: RobotMotion, robot: RobotModel, path: Path) -> None:
    """Write one file; every number reads back as it was."""
    table = np.concatenate([motion.root_pos_world_m, wxyz_to_xyzw(motion.root_quat_world_wxyz), motion.joint_pos], axis=1)
    lines = (",".join(map(repr, row)) for row in table.tolist())
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def read(path: Path, robot: RobotModel, told: Told) -> FileMotion:
    """The motion in a file.

    Raises:
        MocapError: the file is no such table, or its values cannot be a robot's.
        JointOrderError: its joints are not the robot's.
    """
    heading = _heading(path)
    table = _table(path, skip=heading is not None)
    if heading is not None:
        return _named(path, robot, told, heading, table)
    joints = table.shape[1] - ROOT
    said: tuple[str, ...] = ()
    names = told.joint_names
    if not names:
        if joints != robot.dof:
            raise MocapError(
                f"{path}: {joints} joint columns after 7 of the root, {robot.name} has {robot.dof} joints; "
                "say what they are with `--joint-names`"
            )
        names = robot.joint_names
        said = (f"the file names no joints: its {joints} columns were taken in {robot.name}'s own order",)
    if len(names) != joints:
        raise MocapError(f"{path}: {joints} joint columns after 7 of the root, {len(names)} names were given")
    found = file_motion(
        str(path),
        robot,
        told,
        fps=one_rate(str(path), None, told),
        root_pos=table[:, :3],
        root_quat_wxyz=table[:, 3:ROOT] if told.quat == "wxyz" else xyzw_to_wxyz(table[:, 3:ROOT]),
        joint_pos=table[:, ROOT:],
        joint_names=names,
        said=said,
    )
    _check_order(path, table[:, 3:ROOT], found.motion.root_quat_world_wxyz)
    return found


def _named(path: Path, robot: RobotModel, told: Told, heading: Heading, table: F64) -> FileMotion:
    """The motion in a file whose columns have names."""
    if table.shape[1] != heading.columns:
        raise MocapError(f"{path}: {table.shape[1]} columns, but the heading names {heading.columns}: write the file again")
    if told.joint_names and len(told.joint_names) != len(heading.joints):
        raise MocapError(
            f"{path}: {len(heading.joints)} joint columns, {len(told.joint_names)} names were given; the file has names"
        )
    return file_motion(
        str(path),
        robot,
        told,
        fps=one_rate(str(path), heading.fps(table), told),
        root_pos=heading.root_pos_m(table),
        root_quat_wxyz=heading.root_quat_wxyz(table),
        joint_pos=heading.joint_pos(table),
        joint_names=told.joint_names or heading.joint_names,
        said=("centimetres and degrees, as BONES-SEED writes them where the root is turned by angles",) if heading.angles else (),
    )


def _heading(path: Path) -> Heading | None:
    """The names of the columns, where the first line has them."""
    try:
        with path.open("rb") as file:
            line = file.readline(MOST_HEADING_BYTES)
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not line[:1].strip() or not line.decode("utf-8-sig", "replace")[:1].isalpha():
        return None
    return heading_of([cell.strip().strip('"') for cell in line.decode("utf-8-sig", "replace").split(",")], str(path))


def _table(path: Path, *, skip: bool) -> F64:
    """(T, 7 + J) the numbers of a file."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise MocapError(f"{path}: {size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:,.0f} MB are read: split it")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an empty file is a mere warning to numpy
            table: F64 = np.loadtxt(
                path, delimiter=",", dtype=np.float64, ndmin=2, encoding="utf-8", comments=None, skiprows=int(skip)
            )
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror or error}") from None
    except MocapError:
        raise
    except (ValueError, UserWarning) as error:
        raise MocapError(
            f"{path}: not a table of numbers: {error}. This layout is root x,y,z in metres, quaternion x,y,z,w, then joints in "
            "radians, one line per frame, with or without a heading"
        ) from None
    if table.shape[1] <= ROOT:
        raise MocapError(f"{path}: {table.shape[1]} columns; 7 of the root and one per joint are needed")
    return table


def _check_order(path: Path, quat_given: F64, quat_wxyz: F64) -> None:
    """Refuse quaternions in the other order: a person's root is never upside down all the time."""
    up, up_other = (float(np.mean(quat_to_matrix(q)[:, 2, 2])) for q in (quat_wxyz, quat_given))
    if up < -0.5 and up_other > 0.5:
        raise MocapError(
            f"{path}: columns 4 to 7 are x, y, z, w in this layout, which would turn the robot upside down; "
            "these look like w, x, y, z: say `--quat wxyz`"
        )


FLAVOUR = Flavour("csv", ".csv", "CSV of Unitree's LAFAN1 retargets, mjlab and BeyondMimic", write, read)
