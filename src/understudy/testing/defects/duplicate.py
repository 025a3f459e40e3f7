"""The same take, once more, under another name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.errors import InputError
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import POSITIONS
from understudy.testing.injector import Chance, Injector

LEAST_MOVED_RAD = 0.02


def _again(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength != 1.0:
        raise InputError(f"duplicate of strength {strength:g}; 1 (the whole take) is possible")
    if POSITIONS in episode and np.ptp(episode.data(POSITIONS), axis=0).max(initial=0.0) < LEAST_MOVED_RAD:
        raise NotApplicable(f"no joint moves by over {LEAST_MOVED_RAD:g} rad: two such takes are alike without a copy")
    return replace(episode, id=f"{episode.id}_{at.rng.integers(1 << 32):08x}", notes=None)


PLUGIN: Defect = Injector(
    title="Duplicate",
    imitates="A folder was imported twice, or a take was copied; the given episode is its peer and is in the dataset too.",
    unit="copy",
    strengths=(1.0,),
    documented=1.0,
    gates=("duplicates",),
    touches=(),
    change=_again,
)
