"""Gate `tremor`: a limb shakes, over and over, faster than people move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.joints import POSITIONS, JointTrack, joint_track
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import moment, spans
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

ENOUGH_HZ = 40.0
"""Faster samples are thinned to no less than this, so that the band ends at 20 Hz or a little above, whatever the rate."""
SLOWEST_HZ = 25.0
"""A slower stream cannot show a shake of 8 Hz and more."""
HALF_S = 0.33
"""Half the length of the filter that leaves motion out."""
WINDOW_S = 0.3
"""Over which the strength of a shake is taken."""


class Tremor:
    """What a joint does over `above_hz` has an amplitude of over `max_amplitude_rad` for at least `hold_s` without a pause.

    A landing or a blow shakes a robot too, but not for so long.
    """

    title = "Tremor"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {"max_amplitude_rad": 0.03, "above_hz": 6.0, "hold_s": 0.8}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """One finding for the episode, at the joint that shakes most."""
        limit, track = context.thresholds, joint_track(episode, context.robot)
        t_ns, shake = _shake(track, number(limit, "above_hz"))
        if len(t_ns) < 4:
            return []
        size_rad = amplitude(shake, t_ns)
        most_rad, hold_s = number(limit, "max_amplitude_rad"), number(limit, "hold_s")
        seen = {
            int(j): spans(size_rad[:, j] > most_rad, t_ns, min_s=hold_s) for j in np.flatnonzero(size_rad.max(axis=0) > most_rad)
        }
        seen = {j: found for j, found in seen.items() if found}
        if not seen:
            return []
        joint = max(seen, key=lambda j: max(float(size_rad[s.rows, j].mean()) for s in seen[j]))
        span = max(seen[joint], key=lambda s: float(size_rad[s.rows, joint].mean()))
        value = float(size_rad[span.rows, joint].mean())
        hz = _frequency(shake[span.rows, joint], t_ns[span.rows])
        others = f" and {len(seen) - 1} more joints" if len(seen) > 1 else ""
        message = (
            f"{context.robot.joint_names[joint]} ({track.limb(joint)}){others} shakes at {hz:.0f} Hz "
            f"with an amplitude of {value:.3f} rad (allowed {most_rad:.3f}) from {moment(episode, span.start_ns)} "
            f"to {moment(episode, span.end_ns)}. Look for a loose marker or a controller that oscillates; record it again"
        )
        return [
            Finding(
                gate="tremor",
                severity="reject",
                stream=POSITIONS,
                start_ns=span.start_ns,
                end_ns=span.end_ns,
                value=value,
                limit=most_rad,
                unit="rad",
                message=message,
            )
        ]


def _shake(track: JointTrack, above_hz: float) -> tuple[I64, F64]:
    """Stamps (N,) and what of the joints (N, J) is over a frequency, both thinned to what that needs.

    Raises:
        NotApplicable: the samples are too far apart to tell.
    """
    if track.step_s <= 0:
        return track.t_ns[:0], track.joint_pos[:0]
    if 1.0 / track.step_s < SLOWEST_HZ:
        raise NotApplicable(f"{POSITIONS} has {1.0 / track.step_s:.0f} samples per second; {SLOWEST_HZ:.0f} are needed")
    stride = max(1, int(1.0 / (track.step_s * ENOUGH_HZ) + 1e-6))
    t_ns, joint_pos = track.t_ns[::stride], track.joint_pos[::stride]
    taps = _low_taps(round(1e9 / (track.step_s * stride)), round(above_hz * 1e3))
    from scipy.ndimage import convolve1d

    return t_ns, joint_pos - convolve1d(joint_pos, taps, axis=0, mode="nearest")


@lru_cache(maxsize=8)
def _low_taps(rate_nhz: int, cut_mhz: int) -> F64:
    """Low-pass of even delay: a windowed sinc with a gain of 1 at rest."""
    rate_hz, cut_hz = rate_nhz * 1e-9, cut_mhz * 1e-3
    reach = max(2, round(HALF_S * rate_hz))
    at = np.arange(-reach, reach + 1) / rate_hz
    taps = np.sinc(2.0 * cut_hz * at) * (0.54 + 0.46 * np.cos(np.pi * at * rate_hz / (reach + 1)))
    return np.asarray(taps / taps.sum())


def amplitude(shake: F64, t_ns: I64) -> F64:
    """(N, J) amplitude of the sine that has the same mean square within `WINDOW_S`."""
    from scipy.ndimage import uniform_filter1d

    step_s = float(np.median(np.diff(t_ns))) * 1e-9
    size = max(3, 2 * round(WINDOW_S / step_s / 2) + 1)
    return np.asarray(np.sqrt(2.0 * np.maximum(uniform_filter1d(shake * shake, size, axis=0, mode="nearest"), 0.0)))


def _frequency(shake: F64, t_ns: I64) -> float:
    """Hz, by counting how often the shake (N,) changes its sign."""
    turned = int((np.diff(np.signbit(shake).astype(np.int8)) != 0).sum())
    return turned / 2.0 / max(float(t_ns[-1] - t_ns[0]) * 1e-9, 1e-9)


PLUGIN: Gate = Tremor()
