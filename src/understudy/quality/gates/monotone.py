"""Gate `monotone`: stamps that stand still or go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import I64
from understudy.quality.columns import severity_of
from understudy.quality.spans import moment
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue


class Monotone:
    """Every stamp of a stream, and of the timeline, is later than the one before; two commands may come into force at once."""

    title = "Stamps in order"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names; the timeline's first."""
        found = _turned(episode, "", "the timeline", episode.timeline_ns, np.diff(episode.timeline_ns) <= 0, "reject")
        for key in sorted(episode.streams):
            stream = episode.streams[key]
            steps_ns = np.diff(stream.t_ns)
            wrong = steps_ns < 0 if stream.spec.kind == "command" else steps_ns <= 0
            found += _turned(episode, key, stream.spec.name, stream.t_ns, wrong, severity_of(stream))
        return found


def _turned(
    episode: Episode, key: str, name: str, t_ns: I64, wrong: np.ndarray[tuple[int], np.dtype[np.bool_]], severity: Severity
) -> list[Finding]:
    places = np.flatnonzero(wrong)
    if len(places) == 0:
        return []
    at, back_ns = int(t_ns[places[0]]), int(-np.diff(t_ns)[places].min())
    message = (
        f"{name}: the stamp after {moment(episode, at)} does not increase ({len(places)} times in {len(t_ns)} samples, by up to "
        f"{back_ns * 1e-6:.1f} ms). Its clock was set or two sources share the stream; fix the source and record it again"
    )
    return [
        Finding(
            gate="monotone",
            severity=severity,
            message=message,
            stream=key,
            start_ns=at,
            end_ns=at,
            value=float(len(places)),
            limit=0.0,
            unit="1",
        )
    ]


PLUGIN: Gate = Monotone()
