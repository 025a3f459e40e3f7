"""The stamps of one stream run away from the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import timed_streams
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _run_away(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(str(at.rng.choice(timed_streams(episode))))
    share = (stream.t_ns - stream.t_ns[0]) / max(int(stream.t_ns[-1] - stream.t_ns[0]), 1)
    drift_ns = np.round(float(at.rng.choice([-1.0, 1.0])) * strength * 1e9 * share).astype(np.int64)
    return put(episode, replace(stream, t_ns=stream.t_ns + drift_ns, values=stream.data))


PLUGIN: Defect = Injector(
    title="Clock drift",
    imitates="A sensor's clock was laid to the host's once, at the start, and runs faster or slower since.",
    unit="s at the end of the episode, one stream",
    strengths=(0.03, 0.06, 0.1, 0.2),
    documented=0.06,
    gates=("skew", "sync"),
    touches=("observations/*",),
    change=_run_away,
)
