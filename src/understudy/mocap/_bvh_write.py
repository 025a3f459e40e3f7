"""A canonical motion as a BVH file: the joints of LAFAN1, centimetres, y up, order ZXY for every joint.

A file written from a synthetic motion holds the extra joint `Understudy_synthetic` at the hips: it moves nothing, every
BVH reader takes it, and it cannot get lost as a file name can.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from understudy.errors import MocapError, StorageError
from understudy.geom.arrays import F64
from understudy.mocap._bvh_hierarchy import SYNTHETIC_JOINT
from understudy.mocap._bvh_pose import JOINTS, Posed, pose_skeleton
from understudy.mocap._euler import zxy_degrees
from understudy.spec.skeleton import HumanMotion

LARGEST_ERROR_M = 1e-3
_ROTATIONS = "Zrotation Xrotation Yrotation"


def write_bvh(motion: HumanMotion, path: Path) -> None:
    """Write a motion whose bones keep their length.

    Args:
        motion: any canonical motion; its joints come back within 1 mm when the file is read.
        path: file to write; it appears whole or not at all.

    Raises:
        MocapError: the skeleton is not rigid enough for a BVH file; names the joint and the error.
        StorageError: the disk refused.
    """
    posed = pose_skeleton(motion)
    worst = int(np.argmax(posed.error_m))
    if posed.error_m[worst] > LARGEST_ERROR_M:
        raise MocapError(
            f"{path}: a BVH file has bones of constant length; {JOINTS[worst].canonical} would be off by up to "
            f"{1000 * posed.error_m[worst]:.1f} mm (allowed {1000 * LARGEST_ERROR_M:g} mm): solve the skeleton rigidly first"
        )
    text = "\n".join([*_hierarchy(posed, synthetic=motion.source.synthetic), *_motion(motion, posed), ""])
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="ascii")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def _hierarchy(posed: Posed, *, synthetic: bool) -> list[str]:
    lines = ["HIERARCHY"]

    def emit(joint: int, depth: int) -> None:
        pad, root = "  " * depth, JOINTS[joint].parent < 0
        channels = f"6 Xposition Yposition Zposition {_ROTATIONS}" if root else f"3 {_ROTATIONS}"
        lines.extend(_opened(f"{'ROOT' if root else 'JOINT'} {JOINTS[joint].name}", posed.offset_cm[joint], pad, channels))
        children = [i for i, other in enumerate(JOINTS) if other.parent == joint]
        for child in children:
            emit(child, depth + 1)
        if root and synthetic:
            lines.extend(_opened(f"JOINT {SYNTHETIC_JOINT}", np.zeros(3), pad + "  ", f"3 {_ROTATIONS}"))
            lines.extend([*_opened("End Site", np.zeros(3), pad + "    ", None), pad + "    }", pad + "  }"])
        if not children:
            lines.extend([*_opened("End Site", posed.tip_cm[joint], pad + "  ", None), pad + "  }"])
        lines.append(pad + "}")

    emit(0, 0)
    return lines


def _opened(title: str, offset_cm: F64, pad: str, channels: str | None) -> list[str]:
    numbers = " ".join(f"{value:.6f}" for value in offset_cm)
    lines = [pad + title, pad + "{", f"{pad}  OFFSET {numbers}"]
    return [*lines, f"{pad}  CHANNELS {channels}"] if channels else lines


def _motion(motion: HumanMotion, posed: Posed) -> list[str]:
    columns = [posed.root_cm]
    for local in posed.local:
        columns.append(zxy_degrees(local))
    if motion.source.synthetic:
        columns.append(np.zeros((len(motion), 3)))
    values = np.concatenate(columns, axis=1)
    rows = [" ".join([f"{value:.6f}" for value in row]) for row in values.tolist()]
    return ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1.0 / motion.rate_hz:.9f}", *rows]
