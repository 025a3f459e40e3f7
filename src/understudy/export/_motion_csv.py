"""Motion CSV of Unitree's LAFAN1 retargets, mjlab and whole-body tracking: one line per frame, no heading.

Columns: root x y z (metres), root quaternion x y z w, joints (radians) in the robot's order. The file says neither its rate nor
its joints; an export of ours has both in `meta/info.json`.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.export._motion_flavour import FileMotion, Flavour, Told, file_motion, one_rate, wxyz_to_xyzw
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_to_matrix, xyzw_to_wxyz
from understudy.spec.robot import RobotModel, RobotMotion

ROOT = 7
MOST_BYTES = 1 << 29


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
    table = _table(path)
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
        root_quat_wxyz=xyzw_to_wxyz(table[:, 3:ROOT]),
        joint_pos=table[:, ROOT:],
        joint_names=names,
        said=said,
    )
    _check_order(path, table[:, 3:ROOT], found.motion.root_quat_world_wxyz)
    return found


def _table(path: Path) -> F64:
    """(T, 7 + J) the numbers of a file."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise MocapError(f"{path}: {size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:,.0f} MB are read: split it")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an empty file is a mere warning to numpy
            table: F64 = np.loadtxt(path, delimiter=",", dtype=np.float64, ndmin=2, encoding="utf-8", comments=None)
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror or error}") from None
    except MocapError:
        raise
    except (ValueError, UserWarning) as error:
        raise MocapError(
            f"{path}: not a table of numbers: {error}. This layout has no heading: root x,y,z in metres, quaternion x,y,z,w, "
            "then joints in radians, one line per frame"
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
            "these look like w, x, y, z: reorder them"
        )


FLAVOUR = Flavour("csv", ".csv", "CSV of Unitree's LAFAN1 retargets, mjlab and BeyondMimic", write, read)
