"""A person's fingers on a robot's: after the body, one small problem per hand and frame.

In palm coordinates (along the hand, to the thumb's side, out of the palm) each of the robot's fingers copies the vector from
knuckle to fingertip over the finger's length, and the thumb keeps its distance to the other tips, over the lengths of both; the
nearer the person's tips are, the more that distance weighs. So a fist closes, a flat hand is open and a pinch meets, whatever the
joints. A robot with fewer fingers than a person takes them from the thumb's side; its last one follows the mean of those that
are left: three-finger hands copy thumb and index, and middle, ring and little with the middle one.

Source: after Handa et al., "DexPilot", ICRA 2020, section IV-C (distances that weigh more when small).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.filters import lowpass
from understudy.retarget._finger_kernel import HandTree, bound_speed, finger_ends, solve_fingers
from understudy.retarget.drive import FASTEST_RAD_S, SPEED_SHARE
from understudy.retarget.robot_hand import RobotHand, robot_hand
from understudy.spec.hand import FINGERS, at_right_angles, finger_columns, palm_axes, palm_normal, unit
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

FINGER, THUMB = 1.0, 0.1
"""Weights of a finger's vector and of the thumb's, whose base sits elsewhere on a robot."""
APART, TOUCH, NEAR = 0.3, 12.0, 0.2
"""Weight of a tip distance, what is added where the tips meet, and the share of both lengths over which that fades."""
PAD_M = 0.015
"""Between the tips' joints of a thumb and a finger that touch with their pads."""
PRIOR = 0.001
FIRST_ITERATIONS, ITERATIONS = 60, 6
LAG_S = 0.015
"""Time constant of the smoothing of a stream."""


@dataclass(frozen=True)
class FingerReport:
    """How well a hand's fingers were copied, over the frames in which the person's are known.

    Attributes:
        side: left or right.
        known_pct: share of those frames.
        reach_pct: mean distance of the robot's fingertips from where they were asked, in percent of the finger.
        aperture_pct: mean difference between the robot's and the person's thumb-to-index distance, each in percent of the
            lengths of both; NaN without a thumb.
        at_limit_pct: share of those frames in which a finger's joint stands at a limit: the robot's hand opens or closes no
            further.
    """

    side: str
    known_pct: float
    reach_pct: float
    aperture_pct: float
    at_limit_pct: float


@dataclass(frozen=True)
class Asked:
    """What the fingers of one hand are asked, frame by frame: as `solve_fingers` takes it.

    Attributes:
        target: (T, D, 3); weight (T, D); apart (T, P); apart_weight (T, P).
        known: (T,) frames in which the person's hand is known.
    """

    target: F64
    weight: F64
    apart: F64
    apart_weight: F64
    known: Bool


class Fingers:
    """One robot's fingers, ready to be solved; hands without any are left out."""

    def __init__(self, robot: RobotModel) -> None:
        """Read the hands off the model."""
        self.robot = robot
        found = [robot_hand(robot, side) for side in SIDES]
        self.hands: tuple[RobotHand, ...] = tuple(hand for hand in found if hand is not None and hand.fingers)
        self.trees: tuple[HandTree, ...] = tuple(_tree(robot, hand) for hand in self.hands)
        self.columns: I64 = np.array([j for hand in self.hands for j in hand.joints], dtype=np.int64)

    def solve(
        self, hand_pos_world_m: F64, rest: F64, *, rate_hz: float, lowpass_hz: float
    ) -> tuple[F64, tuple[FingerReport, ...]]:
        """Joint angles of a whole clip.

        Args:
            hand_pos_world_m: (T, 2, 21, 3) the person's hands; NaN where not known.
            rest: (T, J) joint angles, whose fingers are replaced.
            rate_hz: frames per second.
            lowpass_hz: cut-off of the zero-phase low-pass; 0 for none.

        Returns:
            (T, J) joint angles, and one report per hand that the person's are known of. A hand that is never known rests.
        """
        out, reports = rest.copy(), []
        for hand, tree in zip(self.hands, self.trees, strict=True):
            asked = ask(hand, tree, hand_pos_world_m[:, SIDES.index(hand.side)])
            if not asked.known.any():
                continue
            q = np.empty((len(rest) + 1, len(hand.joints)))
            q[0] = _half_open(tree)
            first = int(np.argmax(asked.known))
            args = (asked.target[first:], asked.weight[first:], asked.apart[first:], asked.apart_weight[first:])
            q[first] = q[0]
            solve_fingers(tree, *args, PRIOR, FIRST_ITERATIONS, ITERATIONS, q[first:])
            q = q[1:]
            q[:first] = q[first]
            if lowpass_hz > 0:
                q = lowpass(q, rate_hz=rate_hz, cutoff_hz=lowpass_hz)
            q = np.clip(q, tree.lower, tree.upper)
            bound_speed(q, self._step(hand) / rate_hz)
            out[:, hand.joints] = q
            reports.append(_report(hand, tree, asked, q))
        return out, tuple(reports)

    def step(self, hand_pos_world_m: F64, before: F64, *, dt_s: float, fresh: bool = False) -> F64:
        """Joint angles of one frame of a stream.

        Args:
            hand_pos_world_m: (2, 21, 3) the person's hands; NaN where not known.
            before: (J,) the joint angles of the frame before.
            dt_s: time since then.
            fresh: there is no frame before; the pose is taken at once.

        Returns:
            (J,) `before` with the fingers moved; those of a hand that is not known stay.
        """
        out = before.copy()
        for hand, tree in zip(self.hands, self.trees, strict=True):
            asked = ask(hand, tree, hand_pos_world_m[None, SIDES.index(hand.side)])
            if not asked.known[0]:
                continue
            q = np.empty((2, len(hand.joints)))
            q[0] = _half_open(tree) if fresh else before[hand.joints]
            solve_fingers(
                tree, asked.target, asked.weight, asked.apart, asked.apart_weight, PRIOR,
                FIRST_ITERATIONS if fresh else ITERATIONS, ITERATIONS, q,
            )  # fmt: skip
            if not fresh:
                q[1] = q[0] + (1.0 - np.exp(-dt_s / LAG_S)) * (q[1] - q[0])
                bound_speed(q, self._step(hand) * dt_s)
            out[hand.joints] = q[1]
        return out

    def _step(self, hand: RobotHand) -> F64:
        """(n,) fastest speed of each joint, rad/s."""
        return np.asarray(np.minimum(FASTEST_RAD_S, SPEED_SHARE * self.robot.velocity_rad_s[hand.joints]))


def ask(hand: RobotHand, tree: HandTree, person: F64) -> Asked:
    """What a hand's fingers are asked by a person's hand (T, 21, 3)."""
    palm = palm_coordinates(person, hand.side)
    total, digits, pairs = len(palm), len(tree.body), len(tree.pair)
    target, weight = np.zeros((total, digits, 3)), np.zeros((total, digits))
    apart, apart_weight = np.zeros((total, pairs)), np.zeros((total, pairs))
    groups = human_fingers(len(hand.fingers))
    first = digits - len(hand.fingers)
    if first:
        reach, _ = _reach(palm, "thumb")
        target[:, 0], weight[:, 0] = reach @ hand.axes, THUMB
    for d, names in enumerate(groups):
        shown = [_reach(palm, name)[0] for name in names]
        target[:, first + d], weight[:, first + d] = _mean_known(shown) @ hand.axes, FINGER
        if first:
            apart[:, d] = aperture(palm, names[0])
            apart_weight[:, d] = APART + TOUCH * np.exp(-((apart[:, d] / NEAR) ** 2))
    known: Bool = np.asarray(np.isfinite(target[:, first:]).all(axis=(1, 2)))
    for values, own in ((target, weight), (apart, apart_weight)):
        lost = ~np.isfinite(values.reshape(total, own.shape[1], -1)).all(axis=2) | ~known[:, None]
        own[lost] = 0.0
        values[lost] = 0.0
    return Asked(target, weight, apart, apart_weight, known)


def palm_coordinates(hand: F64, side: str) -> F64:
    """(T, 21, 3) joints from the wrist: along the hand, to the thumb's side, out of the palm.

    A tip that is not known is laid on from the last bone, three quarters as long and bent by two thirds of the bend before it;
    the thumb's straight on.

    Source: Rijpkema and Girard, "Computer animation of knowledge-based human grasping", SIGGRAPH 1991 (two thirds).
    """
    forward, radial = palm_axes(hand)
    axes = np.stack([forward, radial, palm_normal(forward, radial, side)], axis=-1)
    out = (hand - hand[:, :1]) @ axes
    for finger in FINGERS:
        columns = finger_columns(finger)
        lost = np.isnan(out[:, columns[3]]).any(axis=1)
        if lost.any():
            out[lost, columns[3]] = _laid_on(out[lost][:, columns[:3]], 0.0 if finger == FINGERS[0] else 2.0 / 3.0)
    return np.asarray(out)


def _laid_on(joints: F64, share: float) -> F64:
    """(T, 3) a tip behind a finger's first three joints (T, 3, 3), bent by a share of the bend before it."""
    first, second = joints[:, 1] - joints[:, 0], joints[:, 2] - joints[:, 1]
    size = np.linalg.norm(second, axis=1, keepdims=True)
    along, ahead = unit(first), second / size
    bend = np.arccos(np.clip(np.sum(along * ahead, axis=1, keepdims=True), -1.0, 1.0))
    aside = np.nan_to_num(at_right_angles(ahead, along))
    way = np.cos((1.0 + share) * bend) * along + np.sin((1.0 + share) * bend) * aside
    return np.asarray(joints[:, 2] + 0.75 * size * way)


def human_fingers(count: int) -> list[tuple[str, ...]]:
    """Which of a person's fingers each of a robot's follows, the thumb left out; the last takes those that are left."""
    names = FINGERS[1:]
    return [(name,) for name in names[: count - 1]] + [names[min(count, len(names)) - 1 :]] if count else []


def aperture(palm: F64, finger: str) -> F64:
    """(T,) distance of the thumb's tip from a finger's, less that of pads that touch, over the lengths of both."""
    (_, thumb_m), (_, finger_m) = _reach(palm, "thumb"), _reach(palm, finger)
    between = palm[:, finger_columns("thumb")[3]] - palm[:, finger_columns(finger)[3]]
    return np.asarray(np.maximum(np.linalg.norm(between, axis=1) - PAD_M, 0.0) / (thumb_m + finger_m))


def _reach(palm: F64, finger: str) -> tuple[F64, F64]:
    """(T, 3) knuckle to tip over the finger's length, and (T,) that length."""
    joints = palm[:, finger_columns(finger)]
    length = np.linalg.norm(np.diff(joints, axis=1), axis=2).sum(axis=1)
    length = np.where(length > 1e-4, length, np.nan)
    return np.asarray((joints[:, 3] - joints[:, 0]) / length[:, None]), np.asarray(length)


def _mean_known(values: list[F64]) -> F64:
    """(T, 3) mean of those that are finite; NaN where none is."""
    stack = np.stack(values)
    shown = np.isfinite(stack).all(axis=2, keepdims=True)
    count = shown.sum(axis=0)
    return np.asarray(np.where(count > 0, np.where(shown, stack, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan))


def _report(hand: RobotHand, tree: HandTree, asked: Asked, q: F64) -> FingerReport:
    known = asked.known
    ends = np.empty((len(q), len(tree.body), 3))
    finger_ends(tree, np.ascontiguousarray(q), ends)
    first = len(tree.body) - len(hand.fingers)
    done = (ends - tree.base) / tree.length[:, None]
    reach = np.linalg.norm(done - asked.target, axis=2)[known, first:]
    off = np.nan
    shown = known & (asked.apart_weight[:, 0] > 0) if first else np.zeros_like(known)
    if shown.any():
        a, b = tree.pair[0]
        between = np.linalg.norm(ends[shown, a] - ends[shown, b], axis=1) / tree.span[0]
        off = 100.0 * float(np.mean(np.abs(between - asked.apart[shown, 0])))
    stands: Bool = np.asarray(((q < tree.lower + 0.01) | (q > tree.upper - 0.01)).any(axis=1))
    return FingerReport(
        hand.side, 100.0 * float(known.mean()), 100.0 * float(reach.mean()), off, 100.0 * float(stands[known].mean())
    )


def _half_open(tree: HandTree) -> F64:
    """(n,) a quarter of the way from zero to the further limit, where every finger's joints know which way to bend."""
    further = np.where(np.abs(tree.lower) > tree.upper + 1e-6, tree.lower, tree.upper)
    both = np.minimum(np.abs(tree.lower), np.abs(tree.upper)) > 0.5 * np.maximum(np.abs(tree.lower), np.abs(tree.upper))
    return np.asarray(np.where(both, 0.0, 0.25 * further))


def _tree(robot: RobotModel, hand: RobotHand) -> HandTree:
    digits = [*([hand.thumb] if hand.thumb is not None else []), *hand.fingers]
    n = len(hand.joints)
    chains: list[list[int]] = [[]]
    for i, above in enumerate(hand.parent):
        chains.append([*chains[above], i])
    table: I64 = np.zeros((n + 1, n), dtype=np.int64)
    for body, chain in enumerate(chains):
        table[body, : len(chain)] = chain
    pairs = [(0, d) for d in range(1, len(digits))] if hand.thumb is not None else []
    length = np.array([d.length_m for d in digits])
    return HandTree(
        parent=hand.parent,
        rot0=np.ascontiguousarray(robot.rot_parent_joint[hand.joints]),
        pos0=np.ascontiguousarray(robot.pos_parent_joint_m[hand.joints]),
        axis0=np.ascontiguousarray(robot.axis_joint[hand.joints]),
        lower=robot.lower_rad[hand.joints] + 1e-4,
        upper=robot.upper_rad[hand.joints] - 1e-4,
        chain=table,
        chain_len=np.array([len(chain) for chain in chains], dtype=np.int64),
        body=np.array([d.body for d in digits], dtype=np.int64),
        tip=np.array([d.tip for d in digits]),
        base=np.array([d.base for d in digits]),
        length=length,
        pair=np.array(pairs, dtype=np.int64).reshape(-1, 2),
        span=np.array([length[a] + length[b] for a, b in pairs]),
    )
