"""Proportions of an average person, as fractions of the body's height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import F64


@dataclass(frozen=True)
class Body:
    """Segment lengths in metres; body axes are x forward, y left, z up.

    Attributes:
        height_m: of the whole person.
        legs: length of the legs over that of an average person of this height.
        arms: the same of the arms.
        hips: the same of the width of the hips.

    Source: Winter, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1 (heights of hip, knee, ankle,
    shoulder; arm and foot); hip and shoulder widths are between joint centres, which lie inside the figure's breadths.
    """

    height_m: float = 1.75
    legs: float = 1.0
    arms: float = 1.0
    hips: float = 1.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.height_m <= 2.3:
            raise InputError(f"height_m must be 1.0 to 2.3 m, got {self.height_m}")
        for name in ("legs", "arms", "hips"):
            if not 0.7 <= getattr(self, name) <= 1.3:
                raise InputError(f"{name} must be 0.7 to 1.3 of an average person's, got {getattr(self, name)}")

    def part(self, fraction: float) -> float:
        """Metres of a fraction of the height."""
        return fraction * self.height_m

    @property
    def thigh_m(self) -> float:
        """Hip to knee."""
        return self.legs * self.part(0.245)

    @property
    def shank_m(self) -> float:
        """Knee to ankle."""
        return self.legs * self.part(0.246)

    @property
    def leg_m(self) -> float:
        """Hip to ankle, straight."""
        return self.thigh_m + self.shank_m

    @property
    def upper_arm_m(self) -> float:
        """Shoulder to elbow."""
        return self.arms * self.part(0.186)

    @property
    def forearm_m(self) -> float:
        """Elbow to wrist."""
        return self.arms * self.part(0.146)

    @property
    def knuckles_m(self) -> float:
        """Wrist to middle knuckle."""
        return self.part(0.054)

    @property
    def half_hips_m(self) -> float:
        """Middle of the hips to a hip."""
        return self.hips * self.part(0.05)

    @property
    def ankle_height_m(self) -> float:
        """Ankle above the sole."""
        return self.part(0.039)

    @property
    def heel(self) -> F64:
        """(3,) rear contact point of the foot, from the sole below the ankle, foot axes."""
        return np.array([-self.part(0.028), 0.0, 0.0])

    @property
    def ball(self) -> F64:
        """(3,) ball joint, from the sole below the ankle, foot axes."""
        return np.array([self.part(0.075), 0.0, self.part(0.011)])

    @property
    def ankle(self) -> F64:
        """(3,) ankle, from the sole below it, foot axes."""
        return np.array([0.0, 0.0, self.ankle_height_m])

    def trunk(self, name: str) -> F64:
        """(3,) a joint of the trunk from the joint below it, in the axes of the segment that carries it."""
        forward, left, up = _TRUNK[name]
        return self.height_m * np.array([forward, left, up])


_TRUNK: dict[str, tuple[float, float, float]] = {
    "spine": (0.0, 0.0, 0.09),
    "chest": (0.0, 0.0, 0.105),
    "neck": (0.0, 0.0, 0.105),
    "head": (0.012, 0.0, 0.1),
    "left_collar": (0.0, 0.02, 0.083),
    "right_collar": (0.0, -0.02, 0.083),
    "left_shoulder": (0.0, 0.085, 0.01),
    "right_shoulder": (0.0, -0.085, 0.01),
}
