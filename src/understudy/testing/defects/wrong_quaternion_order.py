"""The quaternions of one stream are x, y, z, w."""

from __future__ import annotations

import numpy as np

from understudy.errors import InputError
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import BASE
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

AT = {"quaternion": 0, "imu": 0, "pose": 3}
"""Kind of stream to the first column of its quaternion."""


def _reorder(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength != 1.0:
        raise InputError(f"wrong quaternion order of strength {strength:g}; 1 (one stream) is possible")
    keys = [key for key, s in episode.streams.items() if s.spec.kind in AT and (key.startswith("observations/") or key == BASE)]
    if not keys:
        raise NotApplicable("the episode has no stream with a quaternion")
    stream = episode.stream(str(at.rng.choice(sorted(keys))))
    data, first = stream.data.copy(), AT[stream.spec.kind]
    data[:, first : first + 4] = np.roll(data[:, first : first + 4], -1, axis=1)
    return put(episode, with_samples(stream, data))


PLUGIN: Defect = Injector(
    title="Wrong quaternion order",
    imitates="A library gives x, y, z, w and nobody turned it into w, x, y, z.",
    unit="stream",
    strengths=(1.0,),
    documented=1.0,
    gates=("quaternion_order", "quaternion", "fall"),
    touches=("observations/imu_*", BASE),
    change=_reorder,
)
