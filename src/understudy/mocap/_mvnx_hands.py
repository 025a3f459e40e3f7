"""Hands in an MVNX file: how the palms are turned, from the suit, and the fingers, where gloves were worn."""

from __future__ import annotations

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_apply, quat_normalize
from understudy.mocap._fingers import finger_nodes, hand_positions
from understudy.mocap._mvnx_xml import Mvnx
from understudy.mocap._tree import Tree
from understudy.spec.hand import at_right_angles, unit
from understudy.spec.skeleton import HAND_JOINTS, SIDES

THUMB_SIDE = (1.0, 0.0, 0.0)
"""In the axes of a hand's segment: MVN's axes are those of a T-pose, x forward, y left, z up, with the palms down."""
NEAR_M = 0.1
"""A glove's carpus this near to the hand's segment is given in the world; else the fingers are given in the hand's axes."""


def palms_of(file: Mvnx, pos: F64, labels: list[str]) -> F64 | None:
    """(T, 2, 3) the thumbs' sides in the file's world; None without both hands' segments.

    Args:
        file: the file.
        pos: (T, N, 3) segments' origins, then the hands' tips.
        labels: the segments' labels.
    """
    places = [labels.index(f"{side.capitalize()}Hand") if f"{side.capitalize()}Hand" in labels else -1 for side in SIDES]
    if min(places) < 0 or not file.quat_wxyz.shape[1]:
        return None
    out = np.empty((len(pos), len(SIDES), 3))
    for i, (at, outwards) in enumerate(zip(places, (1.0, -1.0), strict=True)):
        quat = _unit_quat(file.quat_wxyz[:, at])
        along = quat_apply(quat, np.broadcast_to([0.0, outwards, 0.0], (len(quat), 3)))
        out[:, i] = at_right_angles(quat_apply(quat, np.broadcast_to(THUMB_SIDE, (len(quat), 3))), unit(along))
    return out


def hands_of(file: Mvnx, where: str) -> F64 | None:
    """(T, 2, 21, 3) joints of gloved hands in the file's world, metres; None without gloves.

    Raises:
        MocapError: two segments of a glove have the same label.
    """
    labels = [segment.label for segment in file.segments]
    out = np.full((len(file.pos_m), len(SIDES), len(HAND_JOINTS), 3), np.nan)
    for i, (side, own) in enumerate(zip(SIDES, file.finger_labels, strict=True)):
        name = f"{side.capitalize()}Hand"
        if not own or name not in labels or file.finger_pos_m[i].shape[1] != len(own):
            continue
        if len(set(own)) != len(own):
            raise MocapError(f"{where}: two segments of the {side} glove are called {max(own, key=own.count)!r}; export again")
        at = labels.index(name)
        pos = _in_world(file.finger_pos_m[i], file.pos_m[:, at], file.quat_wxyz[:, at] if file.quat_wxyz.shape[1] else None)
        if pos is None:
            continue
        nodes = np.concatenate([file.pos_m[:, [at]], pos], axis=1)
        tree = Tree(("", *own), np.full(len(own) + 1, -1), nodes[0], (True, *[False] * len(own)))
        found = hand_positions(finger_nodes(tree, (0, 0))[[i]], nodes)
        if found is not None:
            out[:, i] = found[:, 0]
    return None if np.isnan(out).all() else out


def _in_world(fingers: F64, hand: F64, quat: F64 | None) -> F64 | None:
    """(T, F, 3) a glove's segments in the world, from the world or from the axes of the hand's segment; None without those."""
    off = np.linalg.norm(fingers[:, 0] - hand, axis=1)
    if float(np.median(off)) < NEAR_M:
        return fingers
    return None if quat is None else np.asarray(hand[:, None] + quat_apply(_unit_quat(quat)[:, None], fingers))


def _unit_quat(quat: F64) -> F64:
    """(T, 4) at unit norm; the identity where the file has zeros."""
    size = np.linalg.norm(quat, axis=1, keepdims=True)
    return quat_normalize(np.where(size > 1e-9, quat, [1.0, 0.0, 0.0, 0.0]))
