"""A live frame made whole: what the source does not see stays where it last was, seen from its parent joint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import BONES, INDEX, JOINTS, SIDES

LIMBS: tuple[str, ...] = ("left_arm", "right_arm", "left_leg", "right_leg", "trunk")
LOST_S = 0.25
"""A limb that is missing for longer is lost; before that it is held."""
FAR_M = 1000.0
"""A joint further from the origin is no measurement, and counts as not seen."""
_PARTS = {"arm": ("collar", "shoulder", "elbow", "wrist", "hand"), "leg": ("hip", "knee", "ankle", "toe")}


def _limb_of(joint: str) -> str:
    for side in SIDES:
        for limb, parts in _PARTS.items():
            if joint in [f"{side}_{part}" for part in parts]:
                return f"{side}_{limb}"
    return "trunk"


LIMB_OF: tuple[str, ...] = tuple(_limb_of(joint) for joint in JOINTS)
"""The limb of every joint, order `spec.skeleton.JOINTS`."""
LEAST_HIPS_M, LEAST_TRUNK_M = 0.03, 0.1
_PELVIS, _NECK, _HIPS = INDEX["pelvis"], INDEX["neck"], (INDEX["left_hip"], INDEX["right_hip"])
_BONES = tuple((INDEX[parent], INDEX[child]) for parent, child in BONES)


@dataclass(frozen=True)
class WholeFrame:
    """A frame without gaps.

    Attributes:
        joint_pos_world_m: (23, 3) order `spec.skeleton.JOINTS`, metres.
        held: limbs with joints that were not seen, for at most 0.25 s.
        lost: limbs with joints that were not seen for longer.
    """

    joint_pos_world_m: F64
    held: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class LimbKeeper:
    """Remembers where each joint was, seen from its parent and the way the hips face."""

    def __init__(self) -> None:
        self._offset_m = np.full((len(JOINTS), 3), np.nan)
        self._facing = np.eye(3)
        self._seen_ns = np.zeros(len(JOINTS), dtype=np.int64)

    def fill(self, joint_pos_world_m: F64, t_ns: int) -> WholeFrame | None:
        """The frame with what it lacks; None where the hips are not seen, a joint never was, or hips and neck make no torso.

        Args:
            joint_pos_world_m: (23, 3) metres, NaN where a joint is not seen.
            t_ns: its stamp.
        """
        seen = np.asarray((np.abs(joint_pos_world_m) < FAR_M).all(axis=1))
        pos = np.where(seen[:, None], joint_pos_world_m, np.nan)
        if not _complete_hips(pos):
            return None
        self._facing = _facing(pos, self._facing)
        for parent, child in _BONES:
            if np.isnan(pos[child, 0]):
                pos[child] = pos[parent] + self._facing @ self._offset_m[child]
            else:
                self._offset_m[child] = self._facing.T @ (pos[child] - pos[parent])
        if np.isnan(pos).any() or not _has_torso(pos):
            return None
        self._seen_ns[seen] = t_ns
        away_s = (t_ns - self._seen_ns) * 1e-9
        lost = {limb for limb, s, ok in zip(LIMB_OF, away_s, seen, strict=True) if not ok and s > LOST_S}
        held = {limb for limb, ok in zip(LIMB_OF, seen, strict=True) if not ok} - lost
        return WholeFrame(pos, tuple(sorted(held)), tuple(sorted(lost)))


def _complete_hips(pos: F64) -> bool:
    """Infer one of pelvis and hips from the other two, in place; false where two of them are missing."""
    left, right = _HIPS
    missing = [j for j in (_PELVIS, left, right) if np.isnan(pos[j, 0])]
    if len(missing) > 1:
        return False
    if missing == [_PELVIS]:
        pos[_PELVIS] = 0.5 * (pos[left] + pos[right])
    elif missing:
        pos[missing[0]] = 2.0 * pos[_PELVIS] - pos[left if missing[0] == right else right]
    return True


def _has_torso(pos: F64) -> bool:
    """Whether hips and neck are apart and not in one line: without that nobody can say which way the person faces."""
    across, up = pos[_HIPS[0]] - pos[_HIPS[1]], pos[_NECK] - pos[_PELVIS]
    wide, tall = float(np.linalg.norm(across)), float(np.linalg.norm(up))
    return wide > LEAST_HIPS_M and tall > LEAST_TRUNK_M and float(np.linalg.norm(np.cross(across, up))) > 0.1 * wide * tall


def _facing(pos: F64, before: F64) -> F64:
    """(3, 3) turn about z to the way the hips face; `before` where the hips lie one above the other."""
    across = pos[_HIPS[0], :2] - pos[_HIPS[1], :2]
    length = float(np.hypot(*across))
    if length < 0.02:
        return before
    s, c = -across[0] / length, across[1] / length
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
