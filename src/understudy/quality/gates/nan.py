"""Gate `nan`: numbers that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.quality.columns import column_name, extent, numeric, severity_of
from understudy.quality.spans import moment
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class NotANumber:
    """Over `max_samples` samples of a stream are NaN or infinite; in `debug`, the base pose apart, that is a warning."""

    title = "Numbers that are none"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_samples": 0.0}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names."""
        most = number(context.thresholds, "max_samples")
        return [f for stream in numeric(episode) if stream.data.dtype.kind == "f" for f in _not_finite(episode, stream, most)]


def _not_finite(episode: Episode, stream: Stream, most: float) -> list[Finding]:
    data = stream.data
    if extent(stream).finite:
        return []
    bad = ~np.isfinite(data).reshape(len(data), -1)
    rows, columns = np.flatnonzero(bad.any(axis=1)), np.flatnonzero(bad.any(axis=0))
    if len(rows) <= most:
        return []
    which = ", ".join(column_name(stream, int(c)) for c in columns[:3]) + (" ..." if len(columns) > 3 else "")
    first, last = int(stream.t_ns[rows[0]]), int(stream.t_ns[rows[-1]])
    message = (
        f"{stream.spec.name}: {len(rows)} of {len(data)} samples are not finite numbers ({which}), "
        f"the first at {moment(episode, first)}. Find what wrote them, or trim the episode there"
    )
    return [
        Finding(
            gate="nan",
            severity=severity_of(stream),
            message=message,
            stream=stream.spec.key,
            start_ns=min(first, last),
            end_ns=max(first, last),
            value=float(len(rows)),
            limit=most,
            unit="1",
        )
    ]


PLUGIN: Gate = NotANumber()
