"""Xsens segments as nodes: 23 of the body, the two tips of the hands, and 20 of each hand's fingers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, Bool
from understudy.geom.rotations import quat_apply, quat_normalize
from understudy.mocap._units import LEG_RANGE_M
from understudy.mocap.live._mxtp_wire import Pose, Scale
from understudy.mocap.live._skeleton import LiveSkeleton, live_skeleton
from understudy.mocap.live._wire import DamagedPacketError
from understudy.mocap.mvnx import PARENTS, TIPS
from understudy.spec.skeleton import HAND_JOINTS, SIDES

_ARM = ("Shoulder", "UpperArm", "ForeArm", "Hand")
_LEG = ("UpperLeg", "LowerLeg", "Foot", "Toe")
SEGMENTS: tuple[str, ...] = (
    "Pelvis", "L5", "L3", "T12", "T8", "Neck", "Head",
    *(f"Right{part}" for part in _ARM), *(f"Left{part}" for part in _ARM),
    *(f"Right{part}" for part in _LEG), *(f"Left{part}" for part in _LEG),
)  # fmt: skip
"""Segment numbers 1 to 23."""
FINGER_SEGMENTS = 20
"""Of one hand: the carpus; metacarpal, proximal and distal phalanx of the thumb; metacarpal and three of each finger."""
FIRST_TIP, FIRST_FINGER = len(SEGMENTS), len(SEGMENTS) + len(TIPS)
NODES = FIRST_FINGER + len(SIDES) * FINGER_SEGMENTS
LONGEST_TIP_M = 1.0
"""A point farther from its segment is given in centimetres."""

_FINGER_NODES = {f"thumb_{k}": k for k in (1, 2, 3)} | {
    f"{name}_{k}": 4 + 4 * f + k for f, name in enumerate(("index", "middle", "ring", "little")) for k in (1, 2, 3)
}
"""Hand joint to the finger segment that begins there."""
_LEGS = tuple(tuple(SEGMENTS.index(f"{side}{part}") for part in _LEG[:3]) for side in ("Left", "Right"))


def segment_name(name: str) -> str:
    """A segment's name as in `SEGMENTS`, without blanks and underscores: `Left Upper Leg`, `left_upper_leg`, `LeftForearm`."""
    plain = "".join(filter(str.isalnum, name)).lower()
    return next((own for own in SEGMENTS if own.lower() == plain), name)


def pose_nodes(pose: Pose, points: Mapping[str, tuple[float, ...]], where: str) -> F64:
    """(65, 3) nodes in the axes of the stream, metres, NaN where not sent.

    Args:
        pose: a whole sample.
        points: places of points from their segment's origin while all axes are those of the stream.
        where: the stream, for messages.

    Raises:
        DamagedPacketError: the legs are not among the segments.
        MocapError: the legs' length fits neither metres nor centimetres.
    """
    out = np.full((NODES, 3), np.nan)
    body = (pose.ids >= 1) & (pose.ids <= len(SEGMENTS))
    behind = len(pose.ids) - len(SIDES) * FINGER_SEGMENTS
    if pose.header.fingers == len(SIDES) * FINGER_SEGMENTS and behind >= 0:
        body[behind:] = False
        out[FIRST_FINGER:] = pose.pos[behind:]
    out[pose.ids[body] - 1] = pose.pos[body]
    out *= _metres_per_unit(out, where)
    for k, (segment, point) in enumerate(TIPS.items()):
        own = np.flatnonzero(body & (pose.ids == SEGMENTS.index(segment) + 1))
        if point in points and len(own) and pose.quat_wxyz is not None:
            offset = np.array(points[point])
            offset_m = offset * (0.01 if np.linalg.norm(offset) > LONGEST_TIP_M else 1.0)
            out[FIRST_TIP + k] = out[SEGMENTS.index(segment)] + _turned(pose.quat_wxyz[own[0]], offset_m)
    return out


def laid_out(nodes_world_m: F64, scale: Scale, where: str) -> LiveSkeleton:
    """How the joints come from the nodes.

    Args:
        nodes_world_m: (65, 3) nodes of one frame.
        scale: the person in a T, as far as it is known.
        where: the stream, for messages.

    Raises:
        MocapError: a segment that is needed never comes.
    """
    known: Bool = np.asarray(np.isfinite(nodes_world_m).all(axis=1))
    names = [name if known[k] else "" for k, name in enumerate(SEGMENTS)] + [""] * (NODES - len(SEGMENTS))
    parents = np.full(NODES, -1, dtype=np.int64)
    for k, name in enumerate(SEGMENTS):
        parents[k] = SEGMENTS.index(PARENTS[name]) if name in PARENTS else -1
    fingers: dict[tuple[int, int], int] = {}
    for k, hand in enumerate(TIPS):
        at = FIRST_FINGER + k * FINGER_SEGMENTS
        if known[FIRST_TIP + k]:
            parents[FIRST_TIP + k] = SEGMENTS.index(hand)
        if known[at : at + FINGER_SEGMENTS].all():
            knuckle = at + _FINGER_NODES["middle_1"]
            names[knuckle], parents[knuckle] = f"{hand}Middle1", SEGMENTS.index(hand)
            fingers |= {(k, HAND_JOINTS.index(joint)): at + node for joint, node in _FINGER_NODES.items()}
    return live_skeleton(names, parents, _rest(nodes_world_m, scale), where, fingers=fingers)


def _rest(nodes_world_m: F64, scale: Scale) -> F64:
    """(65, 3) the T-pose where it is known, else the pose at hand; hands keep their length."""
    if not all(name in scale.segments for name in SEGMENTS):
        return np.nan_to_num(nodes_world_m)
    rest = nodes_world_m.copy()
    rest[: len(SEGMENTS)] = [scale.segments[name] for name in SEGMENTS]
    rest[: len(SEGMENTS)] *= 0.01 if _leg(rest) > 10.0 * LEG_RANGE_M[1] else 1.0
    for k, hand in enumerate(TIPS):
        at, first = SEGMENTS.index(hand), FIRST_FINGER + k * FINGER_SEGMENTS
        for node in (FIRST_TIP + k, *range(first, first + FINGER_SEGMENTS)):
            rest[node] += rest[at] - nodes_world_m[at]
    return np.nan_to_num(rest)


def _leg(nodes: F64) -> float:
    """Hip to knee to ankle, mean of both sides."""
    return float(np.mean([np.linalg.norm(np.diff(nodes[list(leg)], axis=0), axis=1).sum() for leg in _LEGS]))


def _metres_per_unit(nodes: F64, where: str) -> float:
    leg = _leg(nodes)
    if not np.isfinite(leg):
        raise DamagedPacketError("the pose has no legs; all 23 segments are expected")
    for unit_m in (1.0, 0.01):
        if LEG_RANGE_M[0] <= leg * unit_m <= LEG_RANGE_M[1]:
            return unit_m
    raise MocapError(
        f"{where}: hip to knee to ankle is {leg:.3g} in the stream's unit; a person has {LEG_RANGE_M[0]} to {LEG_RANGE_M[1]} m: "
        "check the body dimensions in MVN"
    )


def _turned(quat_wxyz: F64, vec: F64) -> F64:
    size = float(np.linalg.norm(quat_wxyz))
    return quat_apply(quat_normalize(quat_wxyz), vec) if 0.5 < size < 2.0 else np.full(3, np.nan)
