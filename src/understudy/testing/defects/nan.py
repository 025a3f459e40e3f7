"""Samples of one stream are not numbers."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import FEWEST
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples


def _blank(episode: Episode, strength: float, at: Chance) -> Episode:
    keys = [k for k, s in episode.streams.items() if not k.startswith("debug/") and s.spec.kind not in ("image", "discrete")]
    found = sorted(k for k in keys if len(episode.stream(k)) >= FEWEST and episode.stream(k).data.dtype.kind == "f")
    if not found:
        raise NotApplicable(f"no stream of {FEWEST} numbers")
    stream = episode.stream(str(at.rng.choice(found)))
    data = stream.data.copy().reshape(len(stream), -1)
    first = int(at.rng.integers(0, len(data) - round(strength) + 1))
    data[first : first + round(strength), int(at.rng.integers(data.shape[1]))] = np.nan
    return put(episode, with_samples(stream, data.reshape(stream.data.shape)))


PLUGIN: Defect = Injector(
    title="Not a number",
    imitates="A driver divides by zero, or a marker that was lost is written as NaN.",
    unit="samples of one column",
    strengths=(1.0, 5.0, 20.0),
    documented=1.0,
    gates=("nan", "integrity"),
    touches=("observations/*", "actions/*"),
    change=_blank,
)
