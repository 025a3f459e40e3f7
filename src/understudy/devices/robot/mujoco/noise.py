"""Noise of the simulated sensors, about that of real ones, so that what moves by less than a sensor sees is not seen."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, AnyArray
from understudy.spec.stream import StreamSpec

_IMU = (0.0,) * 4 + (0.003,) * 3 + (0.03,) * 3
_WRENCH = (0.05,) * 3 + (0.005,) * 3
DEVIATIONS: Mapping[str, tuple[float, ...]] = {
    "joint_positions": (1e-4,),
    "joint_velocities": (5e-3,),
    "joint_torques": (0.05,),
    **{f"imu_{part}": _IMU for part in ("pelvis", "torso", "head")},
    **{f"wrench_{side}_{part}": _WRENCH for side in ("left", "right") for part in ("ankle", "wrist")},
    "base_velocity": (3e-3,),
    "projected_gravity": (2e-4,),
    "base_pose_world": (3e-4,) * 3 + (0.0,) * 4,
    "object_poses_world": (3e-4,) * 3 + (0.0,) * 4,
}
"""Stream to the standard deviation of each of its columns, or of all, in the stream's unit. Orientations stay of unit norm."""


class SensorNoise:
    """Draws for every sample of a stream in turn, so that the n-th always has the same noise, whoever reads when."""

    def __init__(self, streams: Sequence[StreamSpec], seed: int) -> None:
        """Noise of those streams that have any."""
        own = {spec.key: DEVIATIONS[spec.name] for spec in streams if spec.name in DEVIATIONS}
        self._deviation = {key: np.array(columns) for key, columns in own.items()}
        self._rng = {key: np.random.default_rng([seed, zlib.crc32(key.encode())]) for key in own}

    def on(self, key: str, value: AnyArray) -> AnyArray:
        """A sample as its sensor gives it."""
        deviation = self._deviation.get(key)
        if deviation is None:
            return value
        noise: F64 = deviation * self._rng[key].standard_normal(value.shape)
        return np.asarray(value.astype(np.float64) + noise)
