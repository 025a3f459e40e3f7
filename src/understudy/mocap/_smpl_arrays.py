"""Arrays of SMPL archives in whichever layout they are: poses flat, per joint or as matrices, hands, shape, rate."""

from __future__ import annotations

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.geom.rotations import matrix_to_quat, quat_to_rotvec
from understudy.mocap._hand_model import POSES
from understudy.mocap._npz import Archive
from understudy.mocap._smpl import MAX_SHAPES, MODELS

RATE_KEYS: tuple[str, ...] = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate")
ROOT_KEYS: tuple[str, ...] = ("root_orient", "global_orient")
BODY_KEYS: tuple[str, ...] = ("pose_body", "body_pose")
HAND_KEYS: tuple[str, ...] = ("left_hand_pose", "right_hand_pose")
WIDTHS: dict[int, str] = {66: "", 72: "smpl", 156: "smplh", 165: "smplx"}
"""Width of `poses` to the model it belongs to; 66 is the body alone, of any of them."""
HANDS_WIDTH = 2 * 3 * POSES
LEAST_FINGER_RAD = 0.01
ROTATION_OFF = 0.01
"""How far a rotation matrix times its transpose may be from one."""


def one_of(archive: Archive, keys: tuple[str, ...], what: str) -> str:
    """The first of the names that the archive has; raises MocapError where it has none."""
    found = next((key for key in keys if key in archive), None)
    if found is None:
        raise MocapError(
            f"{archive.where}: no array {' or '.join(keys)} ({what}); the file has {', '.join(archive.names[:20]) or 'none'}. "
            "Poses of a body model need poses and trans, joint positions need joint_pos and joint_names (docs/mocap.md)"
        )
    return found


def flat_poses(archive: Archive) -> tuple[F64, F64 | None, str]:
    """(T, 66) rotation vectors of the body's joints, (T, 90) of the hands', and the model by the width of the poses."""
    if "poses" not in archive:
        root = _rotvecs(archive, one_of(archive, ROOT_KEYS, "the turn of the root"), joints=1)
        body = _rotvecs(archive, one_of(archive, BODY_KEYS, "the turns of the body's joints"))
        if len(body) != len(root) or body.shape[1] not in (63, 69):
            raise MocapError(f"{archive.where}: body poses {body.shape} beside {len(root)} roots; (T, 63) or (T, 69) are needed")
        return np.concatenate([root, body[:, :63]], axis=1), _hand_arrays(archive, len(root)), ""
    poses = _rotvecs(archive, "poses")
    if poses.shape[1] not in WIDTHS:
        allowed = ", ".join(f"{width} ({name or 'body alone'})" for width, name in WIDTHS.items())
        raise MocapError(f"{archive.where}: poses are {poses.shape[1]} wide; known are {allowed}")
    hands = poses[:, -HANDS_WIDTH:] if WIDTHS[poses.shape[1]] in ("smplh", "smplx") else None
    return poses[:, :66], hands, WIDTHS[poses.shape[1]]


def _rotvecs(archive: Archive, key: str, *, joints: int | None = None) -> F64:
    """(T, 3 J) rotation vectors of an array that has them flat, as (T, J, 3), or as matrices (T, J, 3, 3).

    Args:
        archive: the file. key: the array.
        joints: J where it is known; 1 also takes matrices (T, 3, 3).

    Raises:
        MocapError: another shape, or matrices that are no rotations.
    """
    found = archive.array(key)
    if found.ndim == 4 or (joints == 1 and found.shape[1:] == (3, 3)):
        matrices = archive.checked(key, found, *([None] * (found.ndim - 2)), 3, 3)
        return _of_matrices(matrices.reshape(len(found), -1, 3, 3), f"{archive.where}: array {key!r}")
    if found.ndim == 3:
        return archive.checked(key, found, None, joints, 3).reshape(len(found), -1)
    return archive.checked(key, found, None, None if joints is None else 3 * joints)


def _of_matrices(matrices: F64, what: str) -> F64:
    """(T, 3 J) rotation vectors of (T, J, 3, 3)."""
    off = float(np.abs(matrices @ np.swapaxes(matrices, 2, 3) - np.eye(3)).max(initial=0.0))
    if off > ROTATION_OFF or bool(np.any(np.linalg.det(matrices) < 0.0)):
        raise MocapError(f"{what} has the shape of rotation matrices, but holds none (off by {off:.2g})")
    turns = quat_to_rotvec(matrix_to_quat(matrices.reshape(-1, 3, 3)))
    return turns.reshape(len(matrices), -1)


def _hand_arrays(archive: Archive, frames: int) -> F64 | None:
    """(T, 90) rotation vectors of the hands' joints in arrays of their own; None where there are none."""
    if "pose_hand" in archive:
        found = archive.numbers("pose_hand", None, None)
    elif all(key in archive for key in HAND_KEYS):
        found = np.concatenate([archive.numbers(key, None, None) for key in HAND_KEYS], axis=1)
    else:
        return None
    # fewer figures are weights of a model's principal components, which mean nothing without it
    return found if found.shape == (frames, HANDS_WIDTH) else None


def moving_hands(hands: F64 | None) -> F64 | None:
    """(T, 2, 15, 3) rotation vectors of hands (T, 90) that are not the same in every frame."""
    if hands is None or not len(hands) or float(np.ptp(hands, axis=0).max()) < LEAST_FINGER_RAD:
        return None
    return hands.reshape(len(hands), 2, POSES, 3)


def stated_model(archive: Archive) -> str:
    """Name of the body model that the archive states; empty where it states none."""
    stated = archive.text("surface_model_type").lower()
    return stated if stated in MODELS else ""


def shape_of(archive: Archive) -> F64:
    """(B,) the shape; of one shape per frame the first."""
    if "betas" not in archive:
        return np.zeros(0)
    shape = archive.array("betas").shape
    betas = archive.numbers("betas", *([None] * len(shape)))
    return np.asarray(betas[0] if betas.ndim == 2 and len(betas) else betas).reshape(-1)[:MAX_SHAPES]


def rate_of(archive: Archive) -> float:
    """Frames per second; raises MocapError where the archive does not say them."""
    key = next((key for key in RATE_KEYS if key in archive), None)
    if key is None:
        raise MocapError(
            f"{archive.where}: the archive does not say its rate ({', '.join(RATE_KEYS)}): "
            "give it with --rate 30, or read_motion(path, rate_hz=30)"
        )
    found = archive.array(key)
    rate = float(found.reshape(-1)[0]) if found.size == 1 and found.dtype.kind in "fiu" else 0.0
    if not 1.0 <= rate <= 10_000.0:
        raise MocapError(f"{archive.where}: {key} is {rate:g}; 1 to 10000 frames per second are allowed")
    return rate
