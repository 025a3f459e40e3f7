"""Single samples of one stream are lost, all along the episode."""

from __future__ import annotations

import numpy as np

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import kept, sampled_streams
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _drop(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(str(at.rng.choice(sampled_streams(episode))))
    inner = np.arange(1, len(stream) - 1)  # both ends stay, so that the stream covers the episode
    lost = at.rng.choice(inner, size=min(max(1, round(strength * len(stream))), len(inner)), replace=False)
    keep = np.ones(len(stream), dtype=np.bool_)
    keep[lost] = False
    return put(episode, kept(stream, keep))


PLUGIN: Defect = Injector(
    title="Dropped frames",
    imitates="A full queue or a bad cable loses samples of one sensor or camera here and there.",
    unit="of the samples of one stream",
    strengths=(0.03, 0.05, 0.1, 0.2),
    documented=0.05,
    gates=("missing_frames", "sync"),
    touches=("observations/*",),
    change=_drop,
)
