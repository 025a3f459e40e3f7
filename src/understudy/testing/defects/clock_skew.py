"""The stamps of one stream are off by a constant."""

from __future__ import annotations

from dataclasses import replace

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import timed_streams
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _shift(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(str(at.rng.choice(timed_streams(episode))))
    shift_ns = round(float(at.rng.choice([-1.0, 1.0])) * strength * 1e9)
    return put(episode, replace(stream, t_ns=stream.t_ns + shift_ns, values=stream.data))


PLUGIN: Defect = Injector(
    title="Clock skew",
    imitates="A sensor's clock was laid to the host's with a wrong constant; when the sample arrived is kept as it was.",
    unit="s, one stream",
    strengths=(0.01, 0.02, 0.03, 0.06, 0.1),
    documented=0.03,
    gates=("skew", "sync"),
    touches=("observations/*",),
    change=_shift,
)
