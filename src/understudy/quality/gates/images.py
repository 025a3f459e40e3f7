"""Gate `images`: images that cannot be decoded, or are of another size than the schema says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.quality.columns import severity_of
from understudy.quality.pictures import Pictures, cameras, pictures
from understudy.quality.spans import moment
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class Images:
    """Over `max_undecodable` of a camera's images cannot be decoded; or some are not of the stream's size."""

    title = "Images can be decoded"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_undecodable": 0.0}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most two findings per camera, in the order of their names."""
        found, most = [], number(context.thresholds, "max_undecodable")
        for stream in cameras(episode):
            seen = pictures(episode)[stream.spec.key]
            found += _undecodable(episode, stream, seen, most) + _sizes(stream, seen)
        return found


def _undecodable(episode: Episode, stream: Stream, seen: Pictures, most: float) -> list[Finding]:
    steps = sorted(seen.fault)
    if not steps or len(steps) / len(stream) <= most:
        return []
    first, last = int(stream.t_ns[steps[0]]), int(stream.t_ns[steps[-1]])
    message = (
        f"{stream.spec.name}: {len(steps)} of {len(stream)} images cannot be decoded, the first at {moment(episode, first)} "
        f"({seen.fault[steps[0]]}). Check the camera's cable and the program that encodes; record it again"
    )
    share = len(steps) / len(stream)
    return [_finding(stream, message, min(first, last), max(first, last), share, most)]


def _sizes(stream: Stream, seen: Pictures) -> list[Finding]:
    readable = seen.size_px[:, 0] > 0
    wrong = readable & (seen.size_px != np.array(stream.spec.shape[:2])).any(axis=1)
    if len(stream.spec.shape) != 3 or not wrong.any():
        return []
    height, width = seen.size_px[np.flatnonzero(wrong)[0]]
    message = (
        f"{stream.spec.name}: {int(wrong.sum())} of {len(stream)} images are {width}x{height}, the schema says "
        f"{stream.spec.shape[1]}x{stream.spec.shape[0]}. Set the camera's size, or shape in schema.toml, and record it again"
    )
    return [_finding(stream, message, int(stream.t_ns[0]), int(stream.t_ns[-1]), float(wrong.mean()), 0.0)]


def _finding(stream: Stream, message: str, start_ns: int, end_ns: int, share: float, most: float) -> Finding:
    return Finding(
        gate="images",
        severity=severity_of(stream),
        message=message,
        stream=stream.spec.key,
        start_ns=min(start_ns, end_ns),
        end_ns=max(start_ns, end_ns),
        value=share,
        limit=most,
        unit="1",
    )


PLUGIN: Gate = Images()
