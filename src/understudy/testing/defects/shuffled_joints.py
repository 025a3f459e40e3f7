"""Joint columns stand in another order than the names say."""

from __future__ import annotations

import numpy as np

from understudy.errors import InputError
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._columns import JOINT_COLUMNS, joint_streams
from understudy.testing.defects._pick import POSITIONS
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples


def _shuffle(episode: Episode, strength: float, at: Chance) -> Episode:
    count = len(episode.joint_names)
    if strength > 1.0:
        raise InputError(f"shuffled joints of strength {strength:g}; up to 1 is possible")
    moved = at.rng.permutation(count)[: max(2, round(strength * count))]
    order = np.arange(count)
    order[moved] = np.roll(moved, 1)  # every one of them stands elsewhere
    return put(episode, *(with_samples(s, s.data[:, order]) for s in joint_streams(episode, measured=True)))


PLUGIN: Defect = Injector(
    title="Shuffled joints",
    imitates="One library sorts joints limb by limb, another by depth, and measured columns are laid under the wrong names.",
    unit="of the joints stand elsewhere",
    strengths=(0.1, 0.25, 0.5, 1.0),
    documented=1.0,
    gates=("joint_order", "limits"),
    touches=JOINT_COLUMNS,
    needs=(POSITIONS,),
    change=_shuffle,
)
