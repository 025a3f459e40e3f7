"""The episode ends before its task does."""

from __future__ import annotations

from dataclasses import replace

from understudy.errors import InputError
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import kept
from understudy.testing.injector import Chance, Injector


def _cut(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength >= 1.0:
        raise InputError(f"truncation by {strength:g} of the episode; below 1 is needed")
    last_ns = int(episode.timeline_ns[0] + (1.0 - strength) * (episode.timeline_ns[-1] - episode.timeline_ns[0]))
    streams = {key: kept(stream, stream.t_ns <= last_ns) for key, stream in episode.streams.items()}
    return replace(episode, streams=streams, timeline_ns=episode.timeline_ns[episode.timeline_ns <= last_ns])


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
