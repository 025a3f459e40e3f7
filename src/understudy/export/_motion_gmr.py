"""GMR's pickle: written for its users, and never loaded.

A dict: fps, root_pos (T, 3) metres, root_rot (T, 4) xyzw, dof_pos (T, J) radians in the robot's order, local_body_pos None,
link_body_list None. Pickle protocol 3, arrays under `numpy.core.multiarray`, the name that NumPy 1 and 2 both know. To read one
back, its opcodes are walked and nothing is executed; only what `write` makes is understood.
"""

from __future__ import annotations

import pickle
import pickletools
import warnings
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.export._motion_flavour import (
    FileMotion,
    Flavour,
    Told,
    file_motion,
    frames_per_second,
    wxyz_to_xyzw,
)
from understudy.geom.arrays import F64
from understudy.geom.rotations import xyzw_to_wxyz
from understudy.spec.robot import RobotModel, RobotMotion

PROTOCOL = 3
MOST_BYTES = 1 << 30
_NEW, _OLD = b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\n_reconstruct\n"
GLOBALS = frozenset({"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"})
"""All that such a file may name; anything else is not of our making."""
_ARRAYS = ("root_pos", "root_rot", "dof_pos")


def pickled(motion: RobotMotion) -> bytes:
    """The bytes of a file."""
    fps = frames_per_second(motion.t_ns)
    content = {
        "fps": int(fps) if fps == int(fps) else fps,
        "root_pos": np.ascontiguousarray(motion.root_pos_world_m),
        "root_rot": np.ascontiguousarray(wxyz_to_xyzw(motion.root_quat_world_wxyz)),
        "dof_pos": np.ascontiguousarray(motion.joint_pos),
        "local_body_pos": None,
        "link_body_list": None,
    }
    made = pickle.dumps(content, protocol=PROTOCOL)
    places = [
        at or 0
        for op, arg, at in pickletools.genops(made)
        if op.name == "GLOBAL" and arg == "numpy._core.multiarray _reconstruct"
    ]
    for at in reversed(places):
        made = made[:at] + _OLD + made[at + len(_NEW) :]
    return made


def write(motion: RobotMotion, robot: RobotModel, path: Path) -> None:
    """Write one file."""
    path.write_bytes(pickled(motion))


def read(path: Path, robot: RobotModel, told: Told) -> FileMotion:
    """What `write` put into a file, taken from its opcodes without executing one.

    Raises:
        MocapError: the file is not of our making.
    """
    fps, arrays = _walk(path)
    steps = len(arrays["root_pos"]) // (8 * 3)
    tables: dict[str, F64] = {}
    for name, width in zip(_ARRAYS, (3, 4, robot.dof), strict=True):
        if len(arrays[name]) != 8 * steps * width:
            raise MocapError(f"{path}: {name} holds {len(arrays[name])} bytes, {steps} frames of {width} numbers are needed")
        tables[name] = np.frombuffer(arrays[name], dtype="<f8").reshape(steps, width).copy()
    return file_motion(
        str(path),
        robot,
        told,
        fps=fps or (told.fps or 0.0),
        root_pos=tables["root_pos"],
        root_quat_wxyz=xyzw_to_wxyz(tables["root_rot"]),
        joint_pos=tables["dof_pos"],
        joint_names=robot.joint_names,
    )


def _walk(path: Path) -> tuple[float, dict[str, bytes]]:
    """The rate and the raw bytes of each array, by the key that stands before them."""
    key, fps = "", 0.0
    found: dict[str, bytes] = {}
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MocapError(f"{path}: over {MOST_BYTES / 1e6:,.0f} MB; motions are smaller, export again")
        for op, arg, _ in _opcodes(path.read_bytes()):
            if op.name in ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4") and (
                op.name != "GLOBAL" or arg not in GLOBALS
            ):
                raise MocapError(f"{path}: the pickle names {arg or op.name}; a motion needs {', '.join(sorted(GLOBALS))} alone")
            if op.name == "BINUNICODE" and (arg == "fps" or arg in _ARRAYS):
                key = str(arg)
            elif key == "fps" and op.name in ("BININT", "BININT1", "BININT2", "BINFLOAT"):
                key, fps = "", float(str(arg))
            elif op.name in ("BINBYTES", "SHORT_BINBYTES") and key in _ARRAYS and isinstance(arg, bytes) and arg != b"b":
                found.setdefault(key, arg)
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise MocapError(f"{path}: not a pickle of ours: {error}; export again") from None
    missing = [n for n in _ARRAYS if n not in found]
    if missing:
        raise MocapError(f"{path}: no array {', '.join(missing)} in the pickle; export again")
    return fps, found


def _opcodes(data: bytes) -> list[tuple[pickletools.OpcodeInfo, object, int | None]]:
    """Every opcode of a pickle; what Python has to say about odd text in one is no matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(pickletools.genops(data))


FLAVOUR = Flavour("gmr", ".pkl", "GMR's pickle", write, read)
