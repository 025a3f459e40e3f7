"""The quaternions of one stream are x, y, z, w."""

from __future__ import annotations

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_apply, quat_conj
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.defects._pick import BASE
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

LEAST_RAD = 0.1
AT = {"quaternion": 0, "imu": 0, "pose": 3}
"""Kind of stream to the first column of its quaternion."""


def _reorder(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength != 1.0:
        raise InputError(f"wrong quaternion order of strength {strength:g}; 1 (one stream) is possible")
    keys = [key for key, s in episode.streams.items() if s.spec.kind in AT and (key.startswith("observations/") or key == BASE)]
    seen = [key for key in sorted(keys) if _visible(episode.stream(key))]
    if not seen:
        raise NotApplicable(f"no orientation points by over {LEAST_RAD} rad elsewhere when its quaternions are turned around")
    stream = episode.stream(str(at.rng.choice(seen)))
    return put(episode, with_samples(stream, _turned_around(stream)))


def _turned_around(stream: Stream) -> F64:
    """(N, ...) the samples with w last."""
    data, first = stream.data.astype(np.float64), AT[stream.spec.kind]
    data[:, first : first + 4] = np.roll(data[:, first : first + 4], -1, axis=1)
    return data


def _visible(stream: Stream) -> bool:
    """Whether up points elsewhere for a tenth of the time; of a level robot only the heading would differ, which is free."""
    if len(stream) == 0:
        return False
    columns, up = slice(AT[stream.spec.kind], AT[stream.spec.kind] + 4), np.array([[0.0, 0.0, 1.0]])
    right, wrong = stream.data.astype(np.float64)[:, columns], _turned_around(stream)[:, columns]
    dots = np.sum(quat_apply(quat_conj(right), up) * quat_apply(quat_conj(wrong), up), axis=1)
    return float(np.percentile(np.arccos(np.clip(dots, -1.0, 1.0)), 90.0)) > LEAST_RAD


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
