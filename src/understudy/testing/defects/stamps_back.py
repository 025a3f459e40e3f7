"""A clock is set back in the middle of the episode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.quality.spans import median_step_s
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import sampled_streams, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _set_back(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(str(at.rng.choice(sampled_streams(episode))))
    after = stream.t_ns > start_of(stream.t_ns, 0.0, at.rng)
    back_ns = round((strength + median_step_s(stream.t_ns)) * 1e9)  # the next sample would have come one step later
    return put(episode, replace(stream, t_ns=np.where(after, stream.t_ns - back_ns, stream.t_ns), values=stream.data))


PLUGIN: Defect = Injector(
    title="Stamps that go back",
    imitates="The time service sets the clock while a take is recorded, and later samples have earlier stamps.",
    unit="s from one sample back to the next, one stream",
    strengths=(0.001, 0.01, 0.1),
    documented=0.01,
    gates=("monotone", "sync"),
    touches=("observations/*",),
    change=_set_back,
)
