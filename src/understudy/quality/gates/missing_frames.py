"""Gate `missing_frames`: too many samples of a stream never came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import I64
from understudy.quality.cadence import judged, step_of
from understudy.quality.columns import severity_of, usable
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class MissingFrames:
    """Over `max_missing` of the samples of an observation or a camera are missing.

    A sample that is not a number, or is marked invalid by the recorder, is a missing one. Streams without a rate go by their
    median step; discrete streams that have none and do not come steadily are events, which cannot be missed.
    """

    title = "Missing frames"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_missing": 0.02}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names."""
        found, most = [], number(context.thresholds, "max_missing")
        for stream in judged(episode):
            t_ns = stream.t_ns[usable(stream)]
            if len(t_ns) == 0:
                message = f"{stream.spec.name} has no usable sample; check that its device was on, and record it again"
                found.append(
                    Finding(gate="missing_frames", severity=severity_of(stream), message=message, stream=stream.spec.key)
                )
                continue
            found += _missing(stream, t_ns, step_of(stream, episode), most)
        return found


def _missing(stream: Stream, t_ns: I64, step_s: float, most: float) -> list[Finding]:
    """Holes between samples, or too few of them altogether, whichever is the larger share."""
    steps = np.diff(t_ns) * 1e-9 / step_s
    holes = int(np.maximum(np.round(steps) - 1, 0).sum()) + (len(stream) - len(t_ns) if len(t_ns) < 2 else 0)
    expected = round(float(t_ns[-1] - t_ns[0]) * 1e-9 / step_s) + 1
    share = max(holes / (holes + len(t_ns)), 1.0 - len(t_ns) / expected)
    if share <= most:
        return []
    message = (
        f"{stream.spec.name}: {share:.1%} of its samples are missing ({len(t_ns)} of {expected} at {1 / step_s:.4g} Hz; "
        f"allowed {most:.1%}). Check the device's rate in schema.toml, its cable and the load of the machine; record it again"
    )
    return [
        Finding(
            gate="missing_frames",
            severity=severity_of(stream),
            message=message,
            stream=stream.spec.key,
            start_ns=int(t_ns[0]),
            end_ns=int(t_ns[-1]),
            value=share,
            limit=most,
            unit="1",
        )
    ]


PLUGIN: Gate = MissingFrames()
