"""Joint angles and speeds are in degrees."""

from __future__ import annotations

import numpy as np

from understudy.errors import InputError
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._columns import JOINT_COLUMNS, joint_streams
from understudy.testing.defects._pick import POSITIONS
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

PER_RAD = 180.0 / np.pi


def _in_degrees(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength > 1.0:
        raise InputError(f"degrees in {strength:g} of the joints; up to 1 is possible")
    count = len(episode.joint_names)
    columns = at.rng.permutation(count)[: max(1, round(strength * count))]
    angles = [s for s in joint_streams(episode, measured=True) if s.spec.unit in ("rad", "rad/s")]
    factor = np.ones(count)
    factor[columns] = PER_RAD
    return put(episode, *(with_samples(s, s.data.astype(np.float64) * factor) for s in angles))


PLUGIN: Defect = Injector(
    title="Degrees for radians",
    imitates="A driver or a file gives degrees where radians are meant; what is commanded is in radians.",
    unit="of the joints",
    strengths=(0.1, 0.5, 1.0),
    documented=1.0,
    gates=("units", "limits"),
    touches=JOINT_COLUMNS,
    needs=(POSITIONS,),
    change=_in_degrees,
)
