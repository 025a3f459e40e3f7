"""The episode ends before its task does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from understudy.errors import InputError
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.stream import Stream
from understudy.testing.defects._pick import kept
from understudy.testing.injector import Chance, Injector

COUNTS = "record_streams"


def _cut(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength >= 1.0:
        raise InputError(f"truncation by {strength:g} of the episode; below 1 is needed")
    last_ns = int(episode.timeline_ns[0] + (1.0 - strength) * (episode.timeline_ns[-1] - episode.timeline_ns[0]))
    streams = {key: kept(stream, stream.t_ns <= last_ns) for key, stream in episode.streams.items()}
    timeline_ns = episode.timeline_ns[episode.timeline_ns <= last_ns]
    return replace(episode, streams=streams, timeline_ns=timeline_ns, metadata=_counted(episode, streams))


def _counted(episode: Episode, streams: Mapping[str, Stream]) -> dict[str, MetadataValue]:
    """The metadata with the recorder's counts of samples: who ends a take too early has a recorder that counted right."""
    said = dict(episode.metadata)
    if COUNTS in said:
        rows = json.loads(str(said[COUNTS]))
        kept_rows = [{**row, "samples": len(streams[row["stream"]])} if row["stream"] in streams else row for row in rows]
        said[COUNTS] = json.dumps(kept_rows)
    return said


PLUGIN: Defect = Injector(
    title="Truncation",
    imitates="The take was ended too early, in the middle of the motion, while the others of its task go on. "
    "The one defect that makes an episode shorter; see truncation_matched.",
    unit="of the duration is missing",
    strengths=(0.2, 0.35, 0.5, 0.7),
    documented=0.5,
    gates=("duration", "truncation"),
    touches=("*",),
    change=_cut,
    shortens=True,
)
