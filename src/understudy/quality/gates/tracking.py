"""Gate `tracking`: joints that do not do what they were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import latest_index, lerp_at
from understudy.quality.joints import POSITIONS, in_order, joint_track
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import Span, moment, spans
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

TARGET, NEXT_STATE = "actions/joint_position_target", "next_state"
GRID_S = 0.02
"""Command and joint are held against one another at this step."""
LONGEST_LAG_S = 0.6
MOVES_RAD = 0.15
"""A joint is told to move where its command goes this far within the window."""


class Tracking:
    """With the robot's common lag taken out, a joint is off its command by over `max_error_rad` (root mean square over
    `window_s`), or goes less than `min_follow` of a way it is told to go; or the lag itself is over `max_lag_s`.

    A command that was made from the motion itself asked nothing of a robot. One that is said to be the state at the step after
    is what a policy learns all the same, so it must be that within `max_next_state_rad`.
    """

    title = "Commanded against measured"
    needs: tuple[str, ...] = (POSITIONS, TARGET)
    defaults: Mapping[str, GateValue] = {
        "max_error_rad": 0.2,
        "window_s": 0.5,
        "max_lag_s": 0.3,
        "min_follow": 0.3,
        "max_next_state_rad": 0.03,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding of each kind, at the worst joint."""
        if episode.stream(TARGET).derived == NEXT_STATE:
            return _made(episode, context)
        t_ns, told, measured = _together(episode, context)
        limit, step_s = context.thresholds, GRID_S
        lag = best_lag(told, measured, round(LONGEST_LAG_S / step_s))
        found = _late(episode, lag * step_s, number(limit, "max_lag_s"), t_ns)
        told, measured, t_ns = told[: len(told) - lag], measured[lag:], t_ns[lag:]
        size = max(3, round(number(limit, "window_s") / step_s))
        if len(t_ns) < size:
            return found
        found += _off(episode, context, told - measured, t_ns, size)
        return found + _stuck(episode, context, told, measured, t_ns, size)


def _together(episode: Episode, context: GateContext) -> tuple[I64, F64, F64]:
    """Stamps (T,), commands in force and measured positions (T, J) at an even step, where both are there.

    Raises:
        NotApplicable: the commands were not given, or there are too few samples.
    """
    command, track = episode.stream(TARGET), joint_track(episode, context.robot)
    if command.derived:
        raise NotApplicable(f"{TARGET} was made from the motion itself ({command.derived}); it commanded nothing")
    target = in_order(episode, TARGET, context.robot)
    usable = np.isfinite(target).all(axis=1)
    target, given_ns = target[usable], command.t_ns[usable]
    if len(given_ns) < 2 or len(track.t_ns) < 2:
        raise NotApplicable(f"{TARGET} or {POSITIONS} has under two usable samples")
    first, last = max(int(given_ns[0]), int(track.t_ns[0])), min(int(given_ns[-1]), int(track.t_ns[-1]))
    t_ns = np.arange(first, last + 1, round(GRID_S * 1e9))
    if len(t_ns) < 2:
        raise NotApplicable(f"{TARGET} and {POSITIONS} have no time in common")
    return t_ns, target[latest_index(given_ns, t_ns)], lerp_at(track.t_ns, track.joint_pos, t_ns)


def _made(episode: Episode, context: GateContext) -> list[Finding]:
    """A command that is said to be the next state, held against it."""
    given_ns, track = episode.stream(TARGET).t_ns, joint_track(episode, context.robot)
    target, most = in_order(episode, TARGET, context.robot), number(context.thresholds, "max_next_state_rad")
    if len(given_ns) < 1 or len(track.t_ns) < 2:
        raise NotApplicable(f"{TARGET} or {POSITIONS} has too few usable samples")
    state = lerp_at(track.t_ns, track.joint_pos, np.append(given_ns[1:], given_ns[-1:]))
    off = np.nan_to_num(np.abs(target - state), posinf=0.0)  # what is not a number, another gate says
    if off.max() <= most:
        return []
    at, joint, span = _worst(off, most, given_ns)
    message = (
        f"{context.robot.joint_names[joint]} is commanded {off[at, joint]:.3g} rad off its position at the step after, which the "
        f"command is said to be, at {moment(episode, given_ns[at])} (allowed {most:.2f}). "
        "One of the two was changed: make the episode again"
    )
    return [_finding(float(off[at, joint]), most, "rad", message, span.start_ns, span.end_ns, stream=TARGET)]


def _worst(off_rad: F64, most: float, t_ns: I64) -> tuple[int, int, Span]:
    """Step and joint of the largest error (T, J), and the longest stretch in which that joint's is over `most`."""
    at, joint = np.unravel_index(int(np.argmax(off_rad)), off_rad.shape)
    return int(at), int(joint), max(spans(off_rad[:, joint] > most, t_ns), key=lambda s: s.last - s.first)


def best_lag(told: F64, measured: F64, longest: int) -> int:
    """Steps by which measured positions (T, J) come after the commands (T, J): where their changes agree best.

    0 where hardly anything is commanded, for then there is nothing to tell it by.
    """
    moving = np.flatnonzero(np.ptp(told, axis=0) > MOVES_RAD)
    longest = min(longest, len(told) // 3)
    if len(moving) == 0 or longest < 1:
        return 0
    a, b = told[:, moving], measured[:, moving]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    off = [float(np.mean((a[: len(a) - lag] - b[lag:]) ** 2)) for lag in range(longest + 1)]
    return int(np.argmin(off))


def _late(episode: Episode, lag_s: float, most_s: float, t_ns: I64) -> list[Finding]:
    if lag_s <= most_s:
        return []
    message = (
        f"the joints come {lag_s * 1e3:.0f} ms after their commands (allowed {most_s * 1e3:.0f} ms). "
        "Check the clocks of commands and encoders and the delay of the link, then record it again"
    )
    return [_finding(lag_s, most_s, "s", message, int(t_ns[0]), int(t_ns[-1]))]


def _off(episode: Episode, context: GateContext, error_rad: F64, t_ns: I64, size: int) -> list[Finding]:
    from scipy.ndimage import uniform_filter1d

    most = number(context.thresholds, "max_error_rad")
    if float(np.abs(error_rad).max()) <= most:
        return []
    rms = np.sqrt(np.maximum(uniform_filter1d(error_rad * error_rad, size, axis=0, mode="nearest"), 0.0))
    if rms.max() <= most:
        return []
    at, joint, span = _worst(rms, most, t_ns)
    message = (
        f"{context.robot.joint_names[joint]} is {rms[at, joint]:.2f} rad off its command at {moment(episode, t_ns[at])} "
        f"(allowed {most:.2f} over {number(context.thresholds, 'window_s'):g} s). "
        "Check gains, load and what it may have run into; record it again"
    )
    return [_finding(float(rms[at, joint]), most, "rad", message, span.start_ns, span.end_ns)]


def _stuck(episode: Episode, context: GateContext, told: F64, measured: F64, t_ns: I64, size: int) -> list[Finding]:
    """A joint that is told to go somewhere and stays."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    columns = np.flatnonzero(np.ptp(told, axis=0) > MOVES_RAD)
    told, measured = told[:, columns], measured[:, columns]
    asked = maximum_filter1d(told, size, axis=0) - minimum_filter1d(told, size, axis=0)
    if float(asked.max(initial=0.0)) <= MOVES_RAD:
        return []
    went = maximum_filter1d(measured, 2 * size, axis=0) - minimum_filter1d(measured, 2 * size, axis=0)
    share, least = np.where(asked > MOVES_RAD, went / np.maximum(asked, 1e-9), np.inf), number(context.thresholds, "min_follow")
    if float(share.min()) >= least:
        return []
    at, joint = np.unravel_index(int(np.argmin(share)), share.shape)
    span = max(spans(share[:, joint] < least, t_ns), key=lambda s: s.last - s.first)
    name = context.robot.joint_names[columns[joint]]
    message = (
        f"{name} goes {share[at, joint]:.0%} of the {asked[at, joint]:.2f} rad it is told to at "
        f"{moment(episode, t_ns[at])} (at least {least:.0%} is due). Check that its motor is on and free, and record it again"
    )
    return [_finding(float(share[at, joint]), least, "1", message, span.start_ns, span.end_ns)]


def _finding(
    value: float, limit: float, unit: str, message: str, start_ns: int, end_ns: int, *, stream: str = POSITIONS
) -> Finding:
    return Finding(
        gate="tracking",
        severity="reject",
        stream=stream,
        start_ns=start_ns,
        end_ns=end_ns,
        value=value,
        limit=limit,
        unit=unit,
        message=message,
    )


PLUGIN: Gate = Tracking()
