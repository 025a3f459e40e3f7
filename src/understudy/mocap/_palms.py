"""Which way the palms are turned: from the fingers, else from the wrists' rotations, else from the thumbs.

A direction is kept as the thumb's side of the hand (`HumanMotion.hand_radial_world`). Rotations say it where the rest pose is
known: in a T or an A pose the thumbs are forward.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.hand import at_right_angles, palm_axes, unit
from understudy.spec.skeleton import INDEX, SIDES

LEAST_TWIST_RAD = np.radians(2.0)
"""Forearms that turn less than this about themselves over a whole clip were not measured: some programs never twist a bone."""


def radial_from_fingers(hand_pos: F64) -> F64:
    """(T, 2, 3) thumb's side of both hands from their knuckles (T, 2, 21, 3); NaN where they are not known."""
    return palm_axes(hand_pos)[1]


def radial_at_rest(rest: F64, kind: str) -> F64 | None:
    """(2, 3) thumb's side of both hands in a rest pose of canonical joints (23, 3): forward in a T or an A; None else."""
    if kind not in ("T", "A"):
        return None
    upwards = rest[INDEX["neck"]] - rest[INDEX["pelvis"]]
    forward = np.cross(rest[INDEX["left_hip"]] - rest[INDEX["right_hip"]], upwards)
    return np.stack([at_right_angles(forward, unit(_bone(rest, side, "elbow", "wrist"))) for side in SIDES])


def radial_from_wrists(carried: F64, upper: F64, joint_pos: F64) -> F64:
    """(T, 2, 3) thumb's side from rotations; NaN for a hand whose forearm never twists.

    Args:
        carried: (T, 2, 3) the rest pose's thumb's side, carried along by each wrist.
        upper: (T, 2, 3) the same direction, carried along by each upper arm.
        joint_pos: (T, 23, 3) canonical joints in the same axes.
    """
    out = np.full(carried.shape, np.nan)
    for i, side in enumerate(SIDES):
        arm, forearm, hand = (unit(_bone(joint_pos, side, *pair)) for pair in _CHAIN)
        along = swung(swung(upper[:, i], arm, forearm), forearm, hand)
        across = at_right_angles(carried[:, i], hand)
        twist = signed_angle(at_right_angles(along, hand), across, hand)
        if float(np.nanmax(np.abs(np.angle(np.exp(1j * (twist - twist[0])))), initial=0.0)) > LEAST_TWIST_RAD:
            out[:, i] = across
    return out


_CHAIN = (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"))


def radial_from_thumbs(thumb: F64, joint_pos: F64) -> F64:
    """(T, 2, 3) thumb's side from where each thumb lies (T, 2, 3), NaN where there is none; joints (T, 23, 3)."""
    out = np.full(thumb.shape, np.nan)
    for i, side in enumerate(SIDES):
        hand = unit(_bone(joint_pos, side, "wrist", "hand"))
        out[:, i] = at_right_angles(thumb[:, i] - joint_pos[..., INDEX[f"{side}_wrist"], :], hand)
    return out


def best_radial(*found: F64 | None) -> F64 | None:
    """The first of several answers that knows a hand, hand by hand; None where none knows any."""
    known = [each for each in found if each is not None]
    if not known:
        return None
    out = known[0].copy()
    for each in known[1:]:
        for i in range(len(SIDES)):
            if np.isnan(out[:, i]).all():
                out[:, i] = each[:, i]
    return None if np.isnan(out).all() else out


def signed_angle(a: F64, b: F64, axis: F64) -> F64:
    """(T,) angle from `a` to `b` (T, 3) about `axis`, radians."""
    return np.asarray(np.arctan2(np.sum(np.cross(a, b) * axis, axis=-1), np.sum(a * b, axis=-1)))


def swung(vec: F64, start: F64, end: F64) -> F64:
    """(T, 3) `vec` turned by the shortest turn that takes unit vectors `start` to `end` (T, 3); as it is where they are opposite.

    With c = start x end and w = 1 + start . end, that is v + c x v + c x (c x v) / w.
    """
    w = 1.0 + np.sum(start * end, axis=-1, keepdims=True)
    axis = np.cross(start, end)
    aside = np.cross(axis, vec)
    return np.where(w > 1e-9, vec + aside + np.cross(axis, aside) / np.maximum(w, 1e-9), vec)


def _bone(pos: F64, side: str, a: str, b: str) -> F64:
    return np.asarray(pos[..., INDEX[f"{side}_{b}"], :] - pos[..., INDEX[f"{side}_{a}"], :])
