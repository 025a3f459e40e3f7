"""Episodes that were judged before it was known how far their task's other episodes go: what would be said of them now.

A first check of a dataset looks at one episode after another and knows of the later ones nothing but how long they last. How far
their joints go is known when all were read. The few of which that changes what is said are judged again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from understudy import plugins
from understudy.pipeline.check_known import CUT, Known
from understudy.quality.thresholds import merged
from understudy.quality.travel import TravelSays, travel_says
from understudy.spec.findings import Notes
from understudy.spec.protocols import Gate
from understudy.spec.schema import Schema
from understudy.store.dataset import EpisodeRef


def judged_too_soon(schema: Schema, judged: Sequence[tuple[EpisodeRef, Notes]], known: Known) -> Iterator[EpisodeRef]:
    """Those that have to be judged again; `known` has learned of all that were accepted by then.

    Args:
        schema: the dataset's.
        judged: episodes of this run with what was said of them.
        known: as it was while they were judged; taken further here.
    """
    said = [_says(schema, ref, notes, known) for ref, notes in judged]
    for ref, notes in judged:
        if notes.verdict != "rejected":
            known.learn(ref, notes)
    for (ref, notes), before in zip(judged, said, strict=True):
        now = _says(schema, ref, notes, known)
        cut = any(f.gate == CUT and f.severity == "reject" for f in notes.findings)
        if now != before and (now == "less" or (now == "whole" and cut)):
            yield ref


def _says(schema: Schema, ref: EpisodeRef, notes: Notes, known: Known) -> TravelSays:
    if notes.facts is None:
        return ""
    limits = merged(CUT, cast(Gate, plugins.load("gates", CUT)), schema, ref.task)
    return travel_says(notes.facts.travel_rad, known.travels.get(ref.task, {}), limits, but=ref.id)
