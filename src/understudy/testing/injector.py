"""What all injectors share: the strength is checked, the needed streams are looked for, chance comes from the seed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from understudy.errors import InputError
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel


@dataclass(frozen=True)
class Chance:
    """What an injector works with besides the episode.

    Attributes:
        robot: the episode's.
        rng: seeded; decides where, when and which way.
    """

    robot: RobotModel
    rng: np.random.Generator


@dataclass(frozen=True)
class Injector:
    """A `Defect` whose change is a function; attributes as there.

    Attributes:
        change: makes the spoilt episode from a clean one, a strength above 0 and chance.
    """

    title: str
    imitates: str
    unit: str
    strengths: tuple[float, ...]
    documented: float
    gates: tuple[str, ...]
    touches: tuple[str, ...]
    change: Callable[[Episode, float, Chance], Episode] = field(repr=False)
    needs: tuple[str, ...] = ()
    shortens: bool = False

    def inject(self, episode: Episode, strength: float, *, robot: RobotModel, seed: int) -> Episode:
        """The episode with the defect; see `Defect.inject`."""
        if not (math.isfinite(strength) and strength > 0.0):
            raise InputError(f"defect {self.title!r} of strength {strength:g} {self.unit}; a number above 0 is needed")
        missing = [key for key in self.needs if key not in episode]
        if missing:
            raise NotApplicable(f"the episode has no stream {', '.join(missing)}")
        rng = np.random.default_rng([seed, zlib.crc32(self.title.encode())])
        return self.change(episode, strength, Chance(robot, rng))
