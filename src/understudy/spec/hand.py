"""The palm of a hand: which way it points and which side the thumb is on, from its joints."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import HAND_JOINTS, SIDES

HAND_INDEX: dict[str, int] = {name: i for i, name in enumerate(HAND_JOINTS)}
FINGERS: tuple[str, ...] = ("thumb", "index", "middle", "ring", "little")


def finger_columns(finger: str) -> list[int]:
    """Columns of a finger's four joints in `HAND_JOINTS`, knuckle to tip."""
    return [HAND_INDEX[f"{finger}_{part}"] for part in ("1", "2", "3", "tip")]


def at_right_angles(vec: F64, axis: F64) -> F64:
    """(..., 3) unit vectors: what of `vec` is at right angles to the unit vectors `axis`; NaN where nothing is."""
    rest = vec - np.sum(vec * axis, axis=-1, keepdims=True) * axis
    return unit(rest)


def unit(vec: F64) -> F64:
    """(..., 3) the same directions at length 1; NaN for a zero vector."""
    size = np.linalg.norm(vec, axis=-1, keepdims=True)
    return np.asarray(vec / np.where(size > 1e-9, size, np.nan))


def palm_axes(hand_pos: F64) -> tuple[F64, F64]:
    """Where a hand points and where its thumb's side is.

    Args:
        hand_pos: (..., 21, 3) joints in the order of `HAND_JOINTS`, any unit; NaN where not known.

    Returns:
        (..., 3) unit vectors from the wrist to the middle knuckle, and, at right angles to it, from the little finger's
        knuckle to the index's; where a knuckle is not known its neighbour's is taken, and NaN stands where two are missing.
    """
    wrist, index = hand_pos[..., 0, :], hand_pos[..., HAND_INDEX["index_1"], :]
    forward = unit(_first_known(hand_pos, ("middle_1", "ring_1", "index_1")) - wrist)
    across = index - _first_known(hand_pos, ("little_1", "ring_1", "middle_1"))
    return forward, at_right_angles(across, forward)


def palm_normal(forward: F64, radial: F64, side: str) -> F64:
    """(..., 3) unit vectors out of the palm, the side that the fingers close to."""
    sign = 1.0 if side == SIDES[0] else -1.0
    return np.asarray(sign * np.cross(forward, radial))


def _first_known(hand_pos: F64, names: tuple[str, ...]) -> F64:
    """(..., 3) the first of the joints that is finite, place by place."""
    out = hand_pos[..., HAND_INDEX[names[-1]], :]
    for name in reversed(names[:-1]):
        found = hand_pos[..., HAND_INDEX[name], :]
        out = np.where(np.isfinite(found).all(axis=-1, keepdims=True), found, out)
    return out
