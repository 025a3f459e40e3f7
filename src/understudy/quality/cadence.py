"""At which pace samples of a stream should come, and which streams have one."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.quality.columns import increasing, severity_of
from understudy.quality.spans import median_step_s
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream


def judged(episode: Episode) -> Iterator[Stream]:
    """Streams that should come steadily, in the order of their names: observations, cameras and what gates rely on.

    Commands are in force until the next one, and events come when something happens. Streams whose stamps do not increase are
    left to the gate `monotone`.
    """
    if len(episode.timeline_ns) == 0:
        return
    for key in sorted(episode.streams):
        stream = episode.streams[key]
        events = stream.spec.kind == "command" or (stream.spec.kind == "discrete" and stream.spec.rate_hz == 0)
        if severity_of(stream) == "reject" and not events and not key.startswith("actions/") and increasing(stream):
            yield stream


def step_of(stream: Stream, episode: Episode) -> float:
    """Seconds between samples, as the schema says, else as they mostly come; the whole episode where there is one sample."""
    step_s = 1.0 / stream.spec.rate_hz if stream.spec.rate_hz > 0 else median_step_s(stream.t_ns)
    return step_s if step_s > 0 else max(episode.duration_s, 1e-3)
