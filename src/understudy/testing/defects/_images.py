"""Picking a camera."""

from __future__ import annotations

from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.injector import Chance

FEWEST_IMAGES = 10


def some_camera(episode: Episode, at: Chance) -> Stream:
    """One image stream among the observations and external cameras.

    Raises:
        NotApplicable: the episode has none.
    """
    keys = sorted(key for key, s in episode.streams.items() if s.spec.kind == "image" and len(s) >= FEWEST_IMAGES)
    if not keys:
        raise NotApplicable("the episode has no images")
    return episode.stream(str(at.rng.choice(keys)))
