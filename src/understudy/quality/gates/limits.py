"""Gate `limits`: a joint beyond its range or faster than it can turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.columns import extent
from understudy.quality.joints import in_order
from understudy.quality.spans import median_step_s, moment, spans, total_s, worst
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream

POSITIONS, VELOCITIES = "observations/joint_positions", "observations/joint_velocities"


class Limits:
    """A position beyond a limit by over `tolerance` of the range, or a speed over the limit by over `tolerance` of it.

    Speeds are those of `joint_velocities`, where there is such a stream, and the differences of `joint_positions` over
    at least `difference_s`: a measured velocity that hides a jump is caught by the second.
    """

    title = "Joint limits"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {"tolerance": 0.05, "difference_s": 0.005}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per joint and kind of limit, in the robot's order."""
        robot, share = context.robot, number(context.thresholds, "tolerance")
        order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
        positions = episode.stream(POSITIONS)
        q_rad = in_order(episode, POSITIONS, robot)
        found = _positions(episode, robot, positions.t_ns, q_rad, share) if _beyond(positions, robot, order, share) else []
        speed, t_ns = difference_speed(q_rad, positions.t_ns, number(context.thresholds, "difference_s"))
        seen = _speeds(episode, robot, POSITIONS, t_ns, speed, share)
        if VELOCITIES in episode and _too_fast(episode.stream(VELOCITIES), robot, order, share):
            told = np.abs(in_order(episode, VELOCITIES, robot))
            seen |= _speeds(episode, robot, VELOCITIES, episode.stream(VELOCITIES).t_ns, told, share)
        return found + [seen[j] for j in sorted(seen)]


def _beyond(positions: Stream, robot: RobotModel, order: I64, share: float) -> bool:
    """Whether any position can be beyond a limit by what is allowed, as the ends of the columns tell."""
    ends, allowed_rad = extent(positions), share * (robot.upper_rad - robot.lower_rad)
    over_rad = np.maximum(ends.high[order] - robot.upper_rad, robot.lower_rad - ends.low[order]) if ends.finite else np.inf
    return bool((over_rad > allowed_rad).any())


def _too_fast(rates: Stream, robot: RobotModel, order: I64, share: float) -> bool:
    """The same of measured speeds."""
    ends = extent(rates)
    return not ends.finite or bool((np.maximum(ends.high, -ends.low)[order] > (1.0 + share) * robot.velocity_rad_s).any())


def difference_speed(q_rad: F64, t_ns: I64, over_s: float) -> tuple[F64, I64]:
    """Speed of each joint between samples at least about `over_s` apart.

    Args:
        q_rad: (N, J) positions.
        t_ns: (N,) their own stamps.
        over_s: samples of fast streams are paired further apart, so that the jitter of stamps is no speed.

    Returns:
        (M, J) rad/s, not negative, and (M,) the later stamp of each pair; pairs whose stamps do not increase are left out.
    """
    step_s = median_step_s(t_ns)
    lag = max(1, int(np.ceil(over_s / step_s - 1e-6))) if step_s > 0 else 1
    if len(t_ns) <= lag:
        return np.zeros((0, q_rad.shape[1])), t_ns[:0]
    dt_s = (t_ns[lag:] - t_ns[:-lag]) * 1e-9
    forward = dt_s > 0
    with np.errstate(invalid="ignore"):  # infinite positions are the business of `integrity`
        way = q_rad[lag:] - q_rad[:-lag]
        np.abs(way, out=way)
        if not forward.all():
            way, dt_s = way[forward], dt_s[forward]
        way /= dt_s[:, None]
        return way, t_ns[lag:][forward]


def _positions(episode: Episode, robot: RobotModel, t_ns: I64, q_rad: F64, share: float) -> list[Finding]:
    allowed_rad = share * (robot.upper_rad - robot.lower_rad)
    over_rad = np.maximum(q_rad - robot.upper_rad, robot.lower_rad - q_rad)
    found = []
    for j in np.flatnonzero((over_rad > allowed_rad).any(axis=0)):
        beyond = spans(over_rad[:, j] > allowed_rad[j], t_ns)
        span, at = worst(beyond, over_rad[:, j])
        value, upper = float(q_rad[at, j]), q_rad[at, j] > robot.upper_rad[j]
        bound = float(robot.upper_rad[j] if upper else robot.lower_rad[j])
        message = (
            f"{robot.joint_names[j]} at {value:.3f} rad at {moment(episode, t_ns[at])} is {over_rad[at, j]:.3f} rad "
            f"{'above its upper' if upper else 'below its lower'} limit {bound:.3f} "
            f"(allowed {allowed_rad[j]:.3f}: {share:.0%} of its range), {total_s(beyond, t_ns):.2f} s in all. "
            "Check units and joint order; else retarget or record it again"
        )
        limit = bound + allowed_rad[j] if upper else bound - allowed_rad[j]
        found.append(_finding(POSITIONS, span.start_ns, span.end_ns, value, float(limit), "rad", message))
    return found


def _speeds(episode: Episode, robot: RobotModel, key: str, t_ns: I64, speed: F64, share: float) -> dict[int, Finding]:
    """Joint to the finding about its speed, (M, J) rad/s."""
    limit = (1.0 + share) * robot.velocity_rad_s
    found = {}
    for j in np.flatnonzero((speed > limit).any(axis=0)):
        fast = spans(speed[:, j] > limit[j], t_ns)
        span, at = worst(fast, speed[:, j])
        how = "measured" if key == VELOCITIES else "from one position to the next"
        message = (
            f"{robot.joint_names[j]} turns at {speed[at, j]:.1f} rad/s ({how}) at {moment(episode, t_ns[at])}, its limit is "
            f"{robot.velocity_rad_s[j]:.1f} (allowed {limit[j]:.1f}), {total_s(fast, t_ns):.2f} s in all. "
            "Look for a jump there; else retarget slower or record it again"
        )
        found[int(j)] = _finding(key, span.start_ns, span.end_ns, float(speed[at, j]), float(limit[j]), "rad/s", message)
    return found


def _finding(key: str, start_ns: int, end_ns: int, value: float, limit: float, unit: str, message: str) -> Finding:
    return Finding(
        gate="limits",
        severity="reject",
        stream=key,
        start_ns=start_ns,
        end_ns=end_ns,
        value=value,
        limit=limit,
        unit=unit,
        message=message,
    )


PLUGIN: Gate = Limits()
