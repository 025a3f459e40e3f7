"""Score `smoothness`: integrated jerk of the joints against integrated velocity, as an effective frequency.

SPARC and log dimensionless jerk stand beside it, in windows of one length: over a whole episode both grow with its length.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.filters import derivative, lowpass
from understudy.quality.scales import between
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import median_step_s
from understudy.quality.windows import WINDOW_S, windows
from understudy.spec.episode import Episode
from understudy.spec.findings import Component, ScoreResult
from understudy.spec.protocols import GateContext, Score

POSITIONS = "observations/joint_positions"
BAND_HZ = 20.0
STILL_RAD_S = 0.2
BEST_HZ, WORST_HZ = 4.0, 12.0
ARC_HZ, ARC_SHARE = 10.0, 0.05
"""The spectral arc ends at this frequency, or sooner where the spectrum has fallen to this share of its start."""
_PADDED = 4


class Smoothness:
    """1 at or under 4 Hz, 0 at or over 12 Hz, linear in the logarithm between; people's motion was found at 1.7 to 3.9 Hz."""

    title = "Smoothness"
    needs: tuple[str, ...] = (POSITIONS,)
    weight = 1.0

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """The 90th percentile of the joints' effective frequencies, so that the roughest limb decides and not the average."""
        stream = episode.stream(POSITIONS)
        q_rad = stream.data.astype(np.float64)
        latest = np.maximum.accumulate(stream.t_ns)  # after stamps that went back, those count that are later than all before
        usable = np.isfinite(q_rad).all(axis=1) & (np.diff(latest, prepend=stream.t_ns[:1] - 1) > 0)
        if usable.sum() < 8:
            raise NotApplicable(f"{POSITIONS} has {int(usable.sum())} usable samples; 8 are needed")
        velocity, jerk = velocity_and_jerk(q_rad[usable], stream.t_ns[usable])
        raw_hz = float(np.percentile(frequency(velocity, jerk), 90))
        if not np.isfinite(raw_hz):
            raise NotApplicable(f"{POSITIONS} holds numbers that are too large to be angles")
        value = between(raw_hz, BEST_HZ, WORST_HZ, log=True)
        main = Component(name="jerk", raw=raw_hz, unit="Hz", log=True, resolution=0.1, value=value)
        beside = _in_windows(velocity, jerk, rate_hz=1.0 / median_step_s(stream.t_ns[usable]))
        return ScoreResult(name="smoothness", value=value, raw=raw_hz, unit="Hz", components=(main, *beside))


def effective_frequency(q_rad: F64, t_ns: I64) -> F64:
    """(J,) sqrt(sqrt(integral of jerk^2 / (integral of velocity^2 + STILL_RAD_S^2 T))) / 2 pi, in Hz.

    A sine of f Hz that is much faster than STILL_RAD_S has f, whatever its amplitude and however long it lasts; the floor
    keeps the noise of a joint that stands still from counting as motion. What is above BAND_HZ is left out first, so that
    the sampling rate does not decide.

    Args:
        q_rad: (T, J) joint positions, radians.
        t_ns: (T,) strictly increasing, nanoseconds.
    """
    return frequency(*velocity_and_jerk(q_rad, t_ns))


def velocity_and_jerk(q_rad: F64, t_ns: I64) -> tuple[F64, F64]:
    """(T - 4, J) first and third derivative of joints (T, J) below BAND_HZ; one-sided differences at the ends are no motion."""
    smooth = lowpass(q_rad, rate_hz=1.0 / median_step_s(t_ns), cutoff_hz=BAND_HZ)
    velocity = derivative(smooth, t_ns)
    jerk = derivative(derivative(velocity, t_ns), t_ns)
    return velocity[2:-2], jerk[2:-2]


def frequency(velocity: F64, jerk: F64) -> F64:
    """(J,) effective frequency from both derivatives (T, J), Hz."""
    ratio = np.mean(jerk**2, axis=0) / (np.mean(velocity**2, axis=0) + STILL_RAD_S**2)
    return np.asarray(ratio**0.25 / (2.0 * np.pi))


def spectral_arc(speed: F64, *, rate_hz: float) -> F64:
    """(W,) SPARC of speed profiles (W, N), each within a Hann window: 0 and below, nearer to 0 is smoother.

    Source: Balasubramanian and others, J. NeuroEngineering and Rehabilitation 12:112 (2015), eq. 5; the Hann window keeps the
    cut ends of a motion that goes on from counting as roughness.
    """
    size = _PADDED * speed.shape[1]
    spectrum = np.abs(np.fft.rfft(speed * np.hanning(speed.shape[1]), n=size, axis=1))
    step = rate_hz / size
    shares = spectrum[:, : int(ARC_HZ / step) + 1] / np.maximum(spectrum[:, :1], 1e-12)
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] >= ARC_SHARE, axis=1)
    pieces = np.hypot(step / ARC_HZ, np.diff(shares, axis=1))
    return np.asarray(-np.where(np.arange(shares.shape[1] - 1) < last[:, None], pieces, 0.0).sum(axis=1))


def dimensionless_jerk(speed: F64, jerk2: F64, *, rate_hz: float) -> F64:
    """(W,) log dimensionless jerk: -ln(T^3 / v_peak^2 times the integral of jerk^2); higher is smoother.

    Args:
        speed: (W, N) norm of the joints' velocity, rad/s.
        jerk2: (W, N) squared norm of their jerk, (rad/s^3)^2.

    Source: the same paper, eq. 3, with the norm over the joints.
    """
    seconds = speed.shape[1] / rate_hz
    integral = jerk2.sum(axis=1) / rate_hz
    return np.asarray(-np.log(np.maximum(seconds**3 * integral / np.maximum(speed.max(axis=1) ** 2, 1e-12), 1e-12)))


def _in_windows(velocity: F64, jerk: F64, *, rate_hz: float) -> list[Component]:
    """The two other measures, as the mean over the windows in which something moves; none where nothing does."""
    speed = windows(np.sqrt(np.einsum("tj,tj->t", velocity, velocity)), rate_hz=rate_hz)
    moving = (speed**2).mean(axis=1) > STILL_RAD_S**2
    if not moving.any():
        return []
    jerk2 = windows(np.einsum("tj,tj->t", jerk, jerk), rate_hz=rate_hz)[moving]
    arc = float(spectral_arc(speed[moving], rate_hz=rate_hz).mean())
    dimensionless = float(dimensionless_jerk(speed[moving], jerk2, rate_hz=rate_hz).mean())
    return [
        Component(name=f"sparc_{WINDOW_S:g}s", raw=arc, better="high", resolution=0.1),
        Component(name=f"ldlj_{WINDOW_S:g}s", raw=dimensionless, better="high", resolution=0.3),
    ]


PLUGIN: Score = Smoothness()
