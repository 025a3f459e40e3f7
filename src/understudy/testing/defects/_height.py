"""Moving the base up or down under feet that should stand."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import BASE
from understudy.testing.defects.skate import LEAST_STANDING, stands
from understudy.testing.injector import Chance
from understudy.testing.moved import with_motion

STRENGTHS, DOCUMENTED = (0.02, 0.03, 0.05, 0.1), 0.05


def raised(episode: Episode, by_m: float, at: Chance) -> Episode:
    """The whole episode higher by `by_m`."""
    standing = stands(episode)
    if standing.mean() < LEAST_STANDING:
        raise NotApplicable(f"a foot stands in {standing.mean():.0%} of the episode; {LEAST_STANDING:.0%} are needed")
    pose = episode.data(BASE).copy()
    pose[:, 2] += by_m
    return with_motion(episode, at.robot, base_pose=np.asarray(pose))
