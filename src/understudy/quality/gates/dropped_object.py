"""Gate `dropped_object`: something falls out of the hand, or is let go while the hand still carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.posture import BASE, posture
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import Span, median_step_s, moment, spans
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue
from understudy.spec.skeleton import SIDES

OBJECTS, GRIPPER = "debug/object_poses_world", "observations/gripper"
WRENCHES = tuple(f"observations/wrench_{side}_wrist" for side in SIDES)
G_M_S2 = 9.81
FALLS_M_S, FREE_S = 0.1, 0.04
"""What falls comes down faster than the first until it lies, and gathers speed for longer than the second."""
SPEED_S = 0.04
"""Over which speed and acceleration of an object are taken: a few samples, so that noise is no speed."""
SPREAD_M = 0.04
"""What moves by less than this in the axes of a hand is carried down by it, and does not fall."""
OPENS, OPENS_S = 0.2, 0.4
"""A jaw that opens by this much within this time lets go."""


class DroppedObject:
    """An object falls freely by over `max_drop_m`; or a jaw opens while its wrist carries over `max_load_n`, which is gone then.

    A fall is free from `min_freedom` of the acceleration of gravity on; a hand that lowers something does not come to that,
    and goes along. Who sets something down has the load off the wrist before the jaw opens.
    """

    title = "Dropped objects"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_drop_m": 0.08, "min_freedom": 0.6, "max_load_n": 5.0, "settle_s": 0.3}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per object, and one per jaw."""
        objects = OBJECTS in episode and len(episode.stream(OBJECTS)) > 0
        jaws = [side for side, key in zip(SIDES, WRENCHES, strict=True) if GRIPPER in episode and key in episode]
        if not objects and not jaws:
            raise NotApplicable(f"the episode has neither {OBJECTS} nor {GRIPPER} with {' or '.join(WRENCHES)}")
        found = _falls(episode, context) if objects else []
        return found or [f for side in jaws for f in _let_go(episode, side, context.thresholds)]


def _falls(episode: Episode, context: GateContext) -> list[Finding]:
    stream, limit = episode.stream(OBJECTS), context.thresholds
    poses = episode.data(OBJECTS).reshape(len(stream), -1, 7)
    found = []
    for i in range(poses.shape[1]):
        pos_m = poses[:, i, :3]
        usable = np.isfinite(pos_m).all(axis=1)
        t_ns, pos_m = stream.t_ns[usable], pos_m[usable]
        name = "the object" if poses.shape[1] == 1 else f"object {i}"
        for span, drop_m in free_falls(pos_m[:, 2], t_ns, number(limit, "min_freedom")):
            if drop_m > number(limit, "max_drop_m") and not _goes_along(
                episode, context.robot, t_ns[span.rows], pos_m[span.rows]
            ):
                found.append(_fall_finding(episode, name, span, drop_m, number(limit, "max_drop_m")))
                break
    return found


def free_falls(height_m: F64, t_ns: I64, min_freedom: float) -> list[tuple[Span, float]]:
    """Stretches in which something falls, and by how much.

    Args:
        height_m: (N,) of an object, at `t_ns` (N,).
        min_freedom: share of the acceleration of gravity from which on a way down is a free fall.

    Returns:
        Each from where it begins to fall to where it has come to rest, with its drop in metres.
    """
    step_s = median_step_s(t_ns)
    if step_s <= 0:
        return []
    reach = max(1, round(SPEED_S / step_s / 2))
    down_m_s = -_rate(height_m, t_ns, reach)
    found: list[tuple[Span, float]] = []
    for span in spans(_rate(down_m_s, t_ns, reach) > min_freedom * G_M_S2, t_ns, min_s=FREE_S):
        still = np.flatnonzero(down_m_s[span.last :] < FALLS_M_S)
        last = span.last + int(still[0]) if len(still) else len(t_ns) - 1
        if not found or span.first > found[-1][0].last:
            drop_m = float(height_m[span.first] - height_m[last])
            found.append((Span(span.first, last, int(t_ns[span.first]), int(t_ns[last])), drop_m))
    return found


def _rate(values: F64, t_ns: I64, reach: int) -> F64:
    """(N,) rate of change per second, as the mean over `reach` samples either way."""
    at = np.arange(len(values))
    lo, hi = np.maximum(at - reach, 0), np.minimum(at + reach, len(at) - 1)
    return np.asarray((values[hi] - values[lo]) / np.maximum((t_ns[hi] - t_ns[lo]) * 1e-9, 1e-9))


def _goes_along(episode: Episode, robot: RobotModel, t_ns: I64, pos_m: F64) -> bool:
    """Whether a hand goes down with it. False where nobody knows where the hands are."""
    if BASE not in episode or len(episode.stream(BASE)) == 0:
        return False
    seen = posture(episode, robot)
    if len(seen.t_ns) == 0:
        return False
    rows = np.clip(np.searchsorted(seen.t_ns, t_ns), 0, len(seen.t_ns) - 1)
    poses = seen.at(rows)
    for side in SIDES:
        link = robot.profile.links.get(f"{side}_hand") or robot.profile.links.get(f"{side}_wrist")
        if link is None:
            continue
        body, origin = robot.on_body(link, np.zeros(3))
        in_hand_m = np.einsum("tji,tj->ti", poses.rot_world[:, body], pos_m - poses.points(body, origin))
        if float(np.linalg.norm(in_hand_m - in_hand_m[0], axis=1).max()) < SPREAD_M:
            return True
    return False


def _fall_finding(episode: Episode, name: str, span: Span, drop_m: float, most_m: float) -> Finding:
    message = (
        f"{name} falls by {drop_m * 100:.0f} cm at {moment(episode, span.start_ns)} (allowed {most_m * 100:.0f}). "
        "Record it again; where the task lets things fall, raise max_drop_m for it in schema.toml"
    )
    return _finding(OBJECTS, span.start_ns, span.end_ns, drop_m, most_m, "m", message)


def _let_go(episode: Episode, side: str, limit: Mapping[str, GateValue]) -> list[Finding]:
    """A jaw that opens while its wrist carries something: the load is there just before, and gone just after."""
    jaw, wrench = episode.stream(GRIPPER), episode.stream(WRENCHES[SIDES.index(side)])
    opening, force_n = episode.data(GRIPPER)[:, SIDES.index(side)], episode.data(wrench.spec.key)[:, :3]
    jaw_ns, opening = jaw.t_ns[np.isfinite(opening)], opening[np.isfinite(opening)]
    usable = np.isfinite(force_n).all(axis=1)
    force_ns, force_n = wrench.t_ns[usable], force_n[usable]
    if len(jaw_ns) < 3 or len(force_ns) < 3 or float(np.ptp(opening)) < OPENS:
        return []
    most_n, settle_s, worst = number(limit, "max_load_n"), number(limit, "settle_s"), None
    for begin_ns, end_ns in _openings(opening, jaw_ns):
        gone_n = _load_gone(force_n, force_ns, begin_ns, end_ns, settle_s)
        if gone_n > most_n and (worst is None or gone_n > worst[2]):
            worst = begin_ns, end_ns, gone_n
    if worst is None:
        return []
    message = (
        f"the {side} jaw opens at {moment(episode, worst[0])} while the wrist still carries {worst[2]:.0f} N "
        f"(allowed {most_n:.0f}): what it held falls. "
        "Record it again; where the task lets things fall, raise max_load_n for it in schema.toml"
    )
    return [_finding(wrench.spec.key, worst[0], worst[1], worst[2], most_n, "N", message)]


def _openings(opening: F64, t_ns: I64) -> list[tuple[int, int]]:
    """Beginning and end of each stretch in which a jaw opens by `OPENS` or more within `OPENS_S`."""
    step_s = median_step_s(t_ns)
    reach = max(1, round(OPENS_S / step_s)) if step_s > 0 else 1
    wider = np.concatenate([opening[reach:], np.full(min(reach, len(opening)), opening[-1])]) - opening
    found = []
    for span in spans(wider > OPENS, t_ns):
        moving = np.flatnonzero(np.diff(opening[span.first : span.last + reach + 1]) > 0.01 * OPENS)
        if len(moving):
            last = min(span.first + int(moving[-1]) + 1, len(t_ns) - 1)
            found.append((int(t_ns[span.first + int(moving[0])]), int(t_ns[last])))
    return found


def _load_gone(force_n: F64, t_ns: I64, begin_ns: int, end_ns: int, settle_s: float) -> float:
    """How much of the force (N, 3) goes when a jaw opens: mean just before against mean just after, newtons; 0 where unknown."""
    before = slice(*np.searchsorted(t_ns, (begin_ns - round(0.1e9), begin_ns)))
    after = slice(*np.searchsorted(t_ns, (end_ns + round(0.1e9), end_ns + round((0.1 + settle_s) * 1e9))))
    if before.stop - before.start < 2 or after.stop - after.start < 2:
        return 0.0
    held, free = force_n[before].mean(axis=0), force_n[after].mean(axis=0)
    return float(np.linalg.norm(held) - np.linalg.norm(free))


def _finding(key: str, start_ns: int, end_ns: int, value: float, limit: float, unit: str, message: str) -> Finding:
    return Finding(
        gate="dropped_object",
        severity="reject",
        stream=key,
        start_ns=start_ns,
        end_ns=end_ns,
        value=value,
        limit=limit,
        unit=unit,
        message=message,
    )


PLUGIN: Gate = DroppedObject()
