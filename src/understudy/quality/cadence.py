"""At which pace samples of a stream should come, and which streams have one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from understudy.quality.columns import increasing, severity_of
from understudy.quality.spans import median_step_s
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream

_STEADY_SAMPLES, _STEADY_HZ = 20, 5.0
_STEADY_SHARE, _STEADY_OFF = 0.8, 0.25
"""A stream without a rate has a pace when it has so many samples, that often, and so many of its steps are about the median, or
whole multiples of it."""


def judged(episode: Episode) -> Iterator[Stream]:
    """Streams that should come steadily, in the order of their names: observations, cameras and what gates rely on.

    Commands are in force until the next one. Discrete streams without a rate are events that come when something happens, unless
    they do come steadily. Streams whose stamps do not increase are left to the gate `monotone`.
    """
    if len(episode.timeline_ns) == 0:
        return
    for key in sorted(episode.streams):
        stream = episode.streams[key]
        if severity_of(stream) != "reject" or stream.spec.kind == "command" or key.startswith("actions/"):
            continue
        if increasing(stream) and (stream.spec.kind != "discrete" or stream.spec.rate_hz > 0 or _steady(stream)):
            yield stream


def _steady(stream: Stream) -> bool:
    step_s = median_step_s(stream.t_ns)
    if len(stream) < _STEADY_SAMPLES or not 0.0 < step_s <= 1.0 / _STEADY_HZ:
        return False
    steps = np.diff(stream.t_ns) * 1e-9 / step_s
    alike = np.abs(steps - np.maximum(np.round(steps), 1.0)) <= _STEADY_OFF  # also where samples are missing in between
    return bool(alike.mean() >= _STEADY_SHARE)


def step_of(stream: Stream, episode: Episode) -> float:
    """Seconds between samples, as the schema says, else as they mostly come; the whole episode where there is one sample."""
    step_s = 1.0 / stream.spec.rate_hz if stream.spec.rate_hz > 0 else median_step_s(stream.t_ns)
    return step_s if step_s > 0 else max(episode.duration_s, 1e-3)
