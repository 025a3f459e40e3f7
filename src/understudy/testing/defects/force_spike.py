"""A force sensor shows a blow that lasts a few milliseconds."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import FEWEST, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

FORCE_N = {"ankle": 900.0, "wrist": 120.0}
LASTS_S = 0.01


def _hit(episode: Episode, strength: float, at: Chance) -> Episode:
    keys = sorted(key for key, s in episode.streams.items() if key.startswith("observations/wrench_") and len(s) >= FEWEST)
    if not keys:
        raise NotApplicable("the episode has no wrench stream")
    key = str(at.rng.choice(keys))
    stream, data = episode.stream(key), episode.data(key).copy()
    start_ns = int(stream.t_ns[stream.t_ns >= start_of(stream.t_ns, LASTS_S, at.rng)][0])
    direction = at.rng.normal(size=3)
    blow = strength * FORCE_N[key.rpartition("_")[2]] * direction / np.linalg.norm(direction)
    data[(stream.t_ns >= start_ns) & (stream.t_ns <= start_ns + round(LASTS_S * 1e9)), :3] += blow
    return put(episode, with_samples(stream, data))


PLUGIN: Defect = Injector(
    title="Force spike",
    imitates="Something hits the hand or foot, or the sensor's cable gives a false reading for 10 ms; nothing else shows it.",
    unit="times 120 N at a wrist or 900 N at an ankle",
    strengths=(0.25, 0.5, 1.0, 2.0),
    documented=1.0,
    gates=("wrench_spike",),
    touches=("observations/wrench_*",),
    change=_hit,
)
