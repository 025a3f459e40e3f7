"""Hands of a posed body of the SMPL family: the fingers' joints, and how the palms are turned."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_to_matrix, rotvec_to_quat
from understudy.mocap import _smpl
from understudy.mocap._hand_model import MEAN_HAND_M, mean_hand, pose_hand
from understudy.spec.hand import at_right_angles, unit
from understudy.spec.skeleton import SIDES

WRISTS: tuple[int, int] = (_smpl.NODES.index("L_Wrist"), _smpl.NODES.index("R_Wrist"))
HANDS: tuple[int, int] = (_smpl.NODES.index("L_Hand"), _smpl.NODES.index("R_Hand"))
THUMB_SIDE = (0.0, 0.0, 1.0)
"""In the rest pose, a T with the palms down, the thumbs are forward."""


def hands_from_smpl(hand_rotvec: F64, body_rotvec: F64, pos: F64, rest: F64) -> F64:
    """(T, 2, 21, 3) joints of the hands in the body's world.

    Args:
        hand_rotvec: (T, 2, 15, 3) rotation vectors of the hands' joints, order `_hand_model.POSED`.
        body_rotvec: (T, 22, 3) those of the body's.
        pos: (T, 24, 3) posed joints of the body, `_smpl.NODES`.
        rest: (2, 21, 3) rest joints of the hands.
    """
    turned = _smpl.rotations(body_rotvec)
    local = quat_to_matrix(rotvec_to_quat(hand_rotvec))
    return np.stack(
        [pos[:, [wrist]] + pose_hand(rest[i], local[:, i], turned[:, wrist]) for i, wrist in enumerate(WRISTS)], axis=1
    )


def mean_hands(rest: F64) -> F64:
    """(2, 21, 3) rest joints of mean hands, as long as those of a body's rest joints (24, 3)."""
    sizes = [float(np.linalg.norm(rest[hand] - rest[wrist])) for hand, wrist in zip(HANDS, WRISTS, strict=True)]
    return np.stack([size / MEAN_HAND_M * mean_hand(side) for side, size in zip(SIDES, sizes, strict=True)])


def radial_from_smpl(body_rotvec: F64, pos: F64) -> F64:
    """(T, 2, 3) the thumbs' sides by the wrists' rotations, at right angles to wrist-to-knuckles."""
    turned = _smpl.rotations(body_rotvec)
    sides = [
        at_right_angles(turned[:, wrist] @ np.array(THUMB_SIDE), unit(pos[:, hand] - pos[:, wrist]))
        for wrist, hand in zip(WRISTS, HANDS, strict=True)
    ]
    return np.stack(sides, axis=1)
