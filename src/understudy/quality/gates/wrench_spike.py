"""Gate `wrench_spike`: a blow or a broken reading at a wrist or ankle force-torque sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.columns import extent, table
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import median_step_s, moment, spans, worst
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream

PLACES: tuple[str, ...] = ("ankle", "wrist")
STREAMS: tuple[str, ...] = tuple(f"observations/wrench_{side}_{place}" for place in PLACES for side in ("left", "right"))
_PARTS = (("force", "n", "N", slice(0, 3)), ("torque", "nm", "Nm", slice(3, 6)))


class WrenchSpike:
    """A force or torque far from its own median over `window_s`, or larger than the place can carry.

    The median follows a footfall or a grasp and not what lasts less than half the window, so a step of the load is no spike.
    """

    title = "Force and torque spikes"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {
        "window_s": 0.2,
        "ankle_max_step_n": 600.0,
        "ankle_max_step_nm": 60.0,
        "ankle_max_n": 1500.0,
        "ankle_max_nm": 150.0,
        "wrist_max_step_n": 60.0,
        "wrist_max_step_nm": 8.0,
        "wrist_max_n": 150.0,
        "wrist_max_nm": 20.0,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, part (force, torque) and kind (spike, too large)."""
        present = [key for key in STREAMS if key in episode]
        if not present:
            raise NotApplicable("the episode has no wrench stream at an ankle or wrist")
        found = []
        for key in present:
            place = key.rsplit("_", 1)[1]
            stream = episode.stream(key)
            data, reach = table(stream), extent(stream)
            farthest = widest = np.full(data.shape[1], np.inf)  # where not all samples are numbers, each is looked at
            if reach.finite:
                farthest, widest = np.maximum(np.abs(reach.low), np.abs(reach.high)), reach.high - reach.low
            for part, suffix, unit, columns in _PARTS:
                spike = number(context.thresholds, f"{place}_max_step_{suffix}")
                most = number(context.thresholds, f"{place}_max_{suffix}")
                if _length(widest[columns]) > spike:
                    jump = _off_median(data[:, columns], stream, number(context.thresholds, "window_s"), spike)
                    found += _over(episode, stream, part, unit, jump, spike, f"{part} leaves its running median by")
                if _length(farthest[columns]) > most:
                    size = np.linalg.norm(data[:, columns], axis=1)
                    found += _over(episode, stream, part, unit, size, most, f"{part} reaches")
        return found


def _length(vector: F64) -> float:
    """Length of a vector (3,): of the ends of a stream's columns, which no sample of it exceeds."""
    return float(np.linalg.norm(vector)) * (1.0 + 1e-12)


def _off_median(values: F64, stream: Stream, window_s: float, most: float) -> F64:
    """(N,) distance of each sample (N, 3) from the running median of each column, so that a turned sign counts in full.

    All zero where no window spans more than `most`: then no sample can be that far from a median.
    """
    step_s = median_step_s(stream.t_ns)
    reach = min(int(window_s / 2 / step_s), len(values)) if step_s > 0 else 0
    reach = max(2, reach)
    if len(values) == 0 or _widest(values, reach) <= most:
        return np.zeros(len(values))
    from scipy.ndimage import median_filter  # slow to load, and most episodes have no wrenches

    running = np.stack([median_filter(column, size=2 * reach + 1, mode="nearest") for column in values.T], axis=1)
    return np.asarray(np.linalg.norm(values - running, axis=1))


def _widest(values: F64, reach: int) -> float:
    """Largest range (norm over the columns) of values (N, 3) within three neighbouring blocks of `reach` samples."""
    blocks = range(0, len(values), reach)
    high, low = np.maximum.reduceat(values, blocks), np.minimum.reduceat(values, blocks)
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    spread = [maximum_filter1d(high, 3, axis=0), minimum_filter1d(low, 3, axis=0)]
    return float(np.linalg.norm(spread[0] - spread[1], axis=1).max())


def _over(episode: Episode, stream: Stream, part: str, unit: str, values: F64, most: float, what: str) -> list[Finding]:
    over = spans(values > most, stream.t_ns)
    if not over:
        return []
    span, at = worst(over, values)
    message = (
        f"{stream.spec.name}: {what} {values[at]:.0f} {unit} at {moment(episode, stream.t_ns[at])} (allowed {most:.0f} {unit}), "
        f"{'once' if len(over) == 1 else f'{len(over)} times'}. "
        "Look at the video there for a blow; if there was none, check the sensor's cable and zero"
    )
    return [
        Finding(
            gate="wrench_spike",
            severity="reject",
            stream=stream.spec.key,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            value=float(values[at]),
            limit=most,
            unit=unit,
            message=message,
        )
    ]


PLUGIN: Gate = WrenchSpike()
