"""A column that should move has one value all along."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import POSITIONS, TORQUES, VELOCITIES
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

LEAST_RAD = 0.2
"""How far a joint goes whose silence somebody would see."""


def _hold(episode: Episode, strength: float, at: Chance) -> Episode:
    joint_pos = episode.data(POSITIONS)
    moving = np.flatnonzero(np.ptp(joint_pos, axis=0) > LEAST_RAD)
    if len(moving) < round(strength):
        raise NotApplicable(f"{len(moving)} joints move by {LEAST_RAD} rad; {round(strength)} are to stand still")
    columns = at.rng.permutation(moving)[: max(1, round(strength))]
    changed = []
    for key in (POSITIONS, VELOCITIES, TORQUES):
        if key in episode:
            data = episode.stream(key).data.copy()
            data[:, columns] = 0.0 if key == VELOCITIES else data[0, columns]
            changed.append(with_samples(episode.stream(key), data))
    return put(episode, *changed)


PLUGIN: Defect = Injector(
    title="Constant dimension",
    imitates="One joint's encoder is dead or not connected: its column has one value from the first sample to the last.",
    unit="joints",
    strengths=(1.0, 3.0),
    documented=1.0,
    gates=("constant", "frozen_joints"),
    touches=(POSITIONS, VELOCITIES, TORQUES),
    needs=(POSITIONS,),
    change=_hold,
)
