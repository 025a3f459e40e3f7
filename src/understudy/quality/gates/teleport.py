"""Gate `teleport`: a joint or the robot's base is somewhere else from one sample to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.quality.joints import POSITIONS, joint_track
from understudy.quality.posture import BASE
from understudy.quality.spans import moment
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_GAP_STEPS = 4.5
"""Over a longer hole the speed before and after says nothing of what happened inside; holes have a gate of their own."""
_SLOW = 1.8
"""A jump of twice `max_jump_rad` is one at any rate, so no rate may allow that much."""


class Teleport:
    """From one sample to the next, further than the speed before or after would bring it, by over `max_jump_rad` (a joint),
    `max_base_jump_m` (the base's place) or `max_base_turn_rad` (its orientation).

    Held against its own speed, a fast motion passes: it was fast before, or goes on. Between samples that are far apart a joint
    can change its speed by itself, so `max_acceleration_rad_s2` times the square of that time is allowed, up to 1.8 times
    `max_jump_rad`.
    """

    title = "Teleports"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {
        "max_jump_rad": 0.15,
        "max_acceleration_rad_s2": 200.0,
        "max_base_jump_m": 0.1,
        "max_base_turn_rad": 0.2,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding for the joints, at the worst of them, and one each for the base's place and orientation."""
        limit, track = context.thresholds, joint_track(episode, context.robot)
        jump_rad = number(limit, "max_jump_rad")
        most_rad = max(jump_rad, min(number(limit, "max_acceleration_rad_s2") * track.step_s**2, _SLOW * jump_rad))
        way_rad, after = jumps(track.joint_pos, track.t_ns, most_rad)
        found = _joints(episode, context, way_rad, track.t_ns[after], most_rad)
        if BASE not in episode:
            return found
        t_ns, pose = _finite(episode.stream(BASE).t_ns, episode.data(BASE))
        most_m, most_rad = number(limit, "max_base_jump_m"), number(limit, "max_base_turn_rad")
        place_m, after = jumps(pose[:, :3], t_ns, most_m, together=True)
        found += _base(episode, place_m[:, 0], t_ns[after], most_m, "m")
        turn_rad, after = jumps(_turned(pose[:, 3:]), t_ns, most_rad)
        return found + _base(episode, turn_rad[:, 0], t_ns[after], most_rad, "rad")


def jumps(values: F64, t_ns: I64, most: float, *, together: bool = False) -> tuple[F64, I64]:
    """How much further each value goes between two samples than its speed before, or after, would bring it.

    Expected is the speed of the step before, or of that after, or their mean, or the speed that the last two steps before, or the
    next two after, come to in a straight line: the one that explains the step best counts, so that who starts, stops or turns
    round at once does not jump. A value that comes back at once is as far off as one that stays.

    Args:
        values: (N, C) samples.
        t_ns: (N,) their stamps.
        most: ways up to this are no jumps, and are not looked into further than the first two explanations.
        together: the columns are one vector, whose length counts.

    Returns:
        (M, C) or (M, 1) way beyond what was expected, not negative, and (M,) the sample after each; steps over a hole, and the
        first and last step, are left out.
    """
    dt_s = np.diff(t_ns) * 1e-9
    if len(dt_s) < 3:
        return np.zeros((0, 1 if together else values.shape[1])), np.zeros(0, dtype=np.int64)
    forward = dt_s > 0
    speed = np.diff(values, axis=0) / np.where(forward, dt_s, np.inf)[:, None]
    change = np.diff(speed, axis=0)
    size = _length(change) if together else np.abs(change)
    beyond = np.minimum(size[:-1], size[1:]) * dt_s[1:-1, None]
    kept = forward[1:-1] & (dt_s[1:-1] < _GAP_STEPS * np.median(dt_s))
    for row in np.flatnonzero(kept & (beyond.max(axis=1) > most)):
        beyond[row] = np.minimum(beyond[row], _unexplained(speed, int(row) + 1, together=together) * dt_s[row + 1])
    rows = np.flatnonzero(kept)
    return (beyond if len(rows) == len(beyond) else beyond[rows]), rows + 2


def _unexplained(speed: F64, k: int, *, together: bool) -> F64:
    """(C,) or (1,) difference of the speed of step k (K, C) to what its neighbours lead to, by the best of three guesses."""
    guesses = [0.5 * (speed[k - 1] + speed[k + 1])]
    guesses += [2.0 * speed[k - 1] - speed[k - 2]] if k >= 2 else []
    guesses += [2.0 * speed[k + 1] - speed[k + 2]] if k + 2 < len(speed) else []
    off = speed[k] - np.stack(guesses)
    return np.asarray((_length(off) if together else np.abs(off)).min(axis=0))


def _length(vectors: F64) -> F64:
    """(N, 1) lengths of vectors (N, C)."""
    return np.asarray(np.linalg.norm(vectors, axis=1, keepdims=True))


def _turned(quat_wxyz: F64) -> F64:
    """(N, 1) way that an orientation (N, 4) has turned, its angles from sample to sample added up, radians."""
    if len(quat_wxyz) == 0:
        return np.zeros((0, 1))
    unit = quat_wxyz / np.maximum(np.linalg.norm(quat_wxyz, axis=1, keepdims=True), 1e-9)
    dots = np.abs(np.sum(unit[1:] * unit[:-1], axis=1))
    return np.concatenate([[0.0], np.cumsum(2.0 * np.arccos(np.minimum(dots, 1.0)))])[:, None]


def _finite(t_ns: I64, pose: F64) -> tuple[I64, F64]:
    usable = np.isfinite(pose).all(axis=1)
    return t_ns[usable], pose[usable]


def _joints(episode: Episode, context: GateContext, jump_rad: F64, t_ns: I64, most: float) -> list[Finding]:
    size = jump_rad
    if size.size == 0 or size.max() <= most:
        return []
    at, joint = np.unravel_index(int(np.argmax(size)), size.shape)
    count, joints = int((size > most).any(axis=1).sum()), int((size > most).any(axis=0).sum())
    others = f", {joints} joints" if joints > 1 else ""
    message = (
        f"{context.robot.joint_names[joint]} jumps by {size[at, joint]:.2f} rad at {moment(episode, t_ns[at])} beyond what its "
        f"speed before or after explains (allowed {most:.2f}), {_times(count)}{others}. "
        "Look for lost packets or two takes put together; cut there, or record it again"
    )
    return [_finding(POSITIONS, t_ns, size.max(axis=1) > most, float(size[at, joint]), most, "rad", message)]


def _base(episode: Episode, size: F64, t_ns: I64, most: float, unit: str) -> list[Finding]:
    if size.size == 0 or size.max() <= most:
        return []
    at, over = int(np.argmax(size)), size > most
    what = "the base jumps" if unit == "m" else "the base turns at once"
    message = (
        f"{what} by {size[at]:.2f} {unit} at {moment(episode, t_ns[at])} beyond what its speed before or after explains "
        f"(allowed {most:.2f}), {_times(int(over.sum()))}. "
        "Look for lost markers or a re-localized robot; cut there, or record it again"
    )
    return [_finding(BASE, t_ns, over, float(size[at]), most, unit, message)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _finding(key: str, t_ns: I64, over: Bool, value: float, limit: float, unit: str, message: str) -> Finding:
    where = t_ns[np.flatnonzero(over)]
    return Finding(
        gate="teleport",
        severity="reject",
        stream=key,
        start_ns=int(where[0]),
        end_ns=int(where[-1]),
        value=value,
        limit=limit,
        unit=unit,
        message=message,
    )


PLUGIN: Gate = Teleport()
