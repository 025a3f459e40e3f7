"""Gate `lengths`: parts of an episode that do not have as many rows, or columns, as they should."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from understudy.errors import ShapeError
from understudy.quality.columns import JOINT_STREAMS
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class Lengths:
    """As many samples as stamps and raw columns, as steps where they were made from the motion; as many columns as names."""

    title = "Lengths agree"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """Findings stream by stream, in the order of their names; an empty timeline first."""
        steps = len(episode.timeline_ns)
        found = [] if steps else [_finding("", "the timeline has no steps: the episode is empty; record it again")]
        for key in sorted(episode.streams):
            for fault in _faults(episode, episode.streams[key]):
                found.append(
                    _finding(key, f"{key}: {fault}. The file is damaged or was written by a faulty program; make it again")
                )
        return found


def _faults(episode: Episode, stream: Stream) -> Iterator[str]:
    count, columns = len(stream), math.prod(stream.spec.shape)
    try:
        samples = count if stream.piecewise else len(stream.data)
    except ShapeError as error:
        yield str(error)
        return
    if samples != count:
        yield f"{samples} samples for {count} stamps"
    for name, values in sorted(stream.extra.items()):
        if len(values) != count:
            yield f"column {name} has {len(values)} rows for {count} samples"
    if stream.derived and stream.spec.group == "actions" and count != len(episode.timeline_ns):
        yield f"{count} samples for {len(episode.timeline_ns)} steps of the timeline they were made from"
    if stream.spec.names and len(stream.spec.names) != columns:
        yield f"{columns} columns for {len(stream.spec.names)} names"
    if stream.spec.key in JOINT_STREAMS and columns != len(episode.joint_names):
        yield f"{columns} columns for {len(episode.joint_names)} joints"


def _finding(key: str, message: str) -> Finding:
    return Finding(gate="lengths", severity="reject", message=message, stream=key)


PLUGIN: Gate = Lengths()
