"""A camera shows the same image for a while."""

from __future__ import annotations

import numpy as np

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._images import some_camera
from understudy.testing.defects._pick import start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _stick(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = some_camera(episode, at)
    start_ns = start_of(stream.t_ns, strength, at.rng)
    within = (stream.t_ns >= start_ns) & (stream.t_ns <= start_ns + round(strength * 1e9))
    rows = np.arange(len(stream))
    return put(episode, stream.with_values(stream.data[np.where(within, rows[within][0], rows)], stream.t_ns))


PLUGIN: Defect = Injector(
    title="Stuck camera",
    imitates="A camera's driver hands out its last image again while the stamps go on.",
    unit="s with the same image",
    strengths=(0.3, 0.5, 1.0, 3.0),
    documented=1.0,
    gates=("frozen_images",),
    touches=("observations/*", "debug/external_*"),
    change=_stick,
)
