"""One stream is silent for a while."""

from __future__ import annotations

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import kept, sampled_streams, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _silence(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(str(at.rng.choice(sampled_streams(episode))))
    before = int(stream.t_ns[stream.t_ns <= start_of(stream.t_ns, strength, at.rng)][-1])
    return put(episode, kept(stream, (stream.t_ns <= before) | (stream.t_ns >= before + round(strength * 1e9))))


PLUGIN: Defect = Injector(
    title="Gap",
    imitates="A device stalls or its cable is out for a moment, then it goes on.",
    unit="s without a sample of one stream",
    strengths=(0.1, 0.2, 0.5, 1.0),
    documented=0.2,
    gates=("gaps", "sync"),
    touches=("observations/*",),
    change=_silence,
)
