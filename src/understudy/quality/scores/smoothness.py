"""Score `smoothness`: integrated jerk of the joints against integrated velocity, as an effective frequency."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.filters import derivative, lowpass
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import median_step_s
from understudy.spec.episode import Episode
from understudy.spec.findings import ScoreResult
from understudy.spec.protocols import GateContext, Score

POSITIONS = "observations/joint_positions"
BAND_HZ = 20.0
STILL_RAD_S = 0.2
BEST_HZ, WORST_HZ = 4.0, 12.0


class Smoothness:
    """1 at or under 4 Hz, 0 at or over 12 Hz, linear in the logarithm between; people's motion was found at 1.7 to 3.9 Hz."""

    title = "Smoothness"
    needs: tuple[str, ...] = (POSITIONS,)
    weight = 1.0

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """The 90th percentile of the joints' effective frequencies, so that the roughest limb decides and not the average."""
        stream = episode.stream(POSITIONS)
        q_rad = stream.data.astype(np.float64)
        usable = np.isfinite(q_rad).all(axis=1) & (np.diff(stream.t_ns, prepend=stream.t_ns[:1] - 1) > 0)
        if usable.sum() < 8:
            raise NotApplicable(f"{POSITIONS} has {int(usable.sum())} usable samples; 8 are needed")
        raw_hz = float(np.percentile(effective_frequency(q_rad[usable], stream.t_ns[usable]), 90))
        value = 1.0 - np.log(max(raw_hz, 1e-9) / BEST_HZ) / np.log(WORST_HZ / BEST_HZ)
        return ScoreResult(name="smoothness", value=float(np.clip(value, 0.0, 1.0)), raw=raw_hz, unit="Hz")


def effective_frequency(q_rad: F64, t_ns: I64) -> F64:
    """(J,) sqrt(sqrt(integral of jerk^2 / (integral of velocity^2 + STILL_RAD_S^2 T))) / 2 pi, in Hz.

    A sine of f Hz that is much faster than STILL_RAD_S has f, whatever its amplitude and however long it lasts; the floor
    keeps the noise of a joint that stands still from counting as motion. What is above BAND_HZ is left out first, so that
    the sampling rate does not decide.

    Args:
        q_rad: (T, J) joint positions, radians.
        t_ns: (T,) strictly increasing, nanoseconds.
    """
    smooth = lowpass(q_rad, rate_hz=1.0 / median_step_s(t_ns), cutoff_hz=BAND_HZ)
    velocity = derivative(smooth, t_ns)
    jerk = derivative(derivative(velocity, t_ns), t_ns)
    inner = slice(2, -2)  # one-sided differences at the ends are no motion
    ratio = np.mean(jerk[inner] ** 2, axis=0) / (np.mean(velocity[inner] ** 2, axis=0) + STILL_RAD_S**2)
    return np.asarray(ratio**0.25 / (2.0 * np.pi))


PLUGIN: Score = Smoothness()
