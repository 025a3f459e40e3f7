"""Single scores of the stand-in robot's episodes, and a gripper that opens and closes."""

from __future__ import annotations

from typing import cast

import numpy as np

from understudy import plugins
from understudy.geom.arrays import F64
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import ScoreResult
from understudy.spec.protocols import GateContext, Score
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "x")
GRIPPER = "observations/gripper"
HOLDS = np.array([1.0, 1.0, 0.4, 0.4, 0.4, 0.4, 1.0, 1.0, 1.0])
MISSES = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
SLIPS = np.array([1.0, 1.0, 0.4, 0.4, 0.0, 0.0, 0.0, 0.0, 1.0])
"""Openings at even times: closed on something, on nothing, and on something that is lost."""


def score_of(name: str, episode: Episode) -> ScoreResult:
    """What one score says of an episode by itself.

    Raises:
        NotApplicable: it has nothing to go by.
    """
    return cast(Score, plugins.load("scores", name)).rate(episode, GateContext(ROBOT, SCHEMA, {}, {}))


def raw_of(result: ScoreResult) -> dict[str, float]:
    """Component to what was measured."""
    return {c.name: c.raw for c in result.components}


def gripping(opening: F64, *, side: int = 0, duration_s: float = 8.0) -> Episode:
    """An episode whose left (0) or right (1) gripper opens as given, evenly over its time; the other stays open."""
    episode = make_episode(ROBOT, duration_s=duration_s)
    t_ns = stamps(duration_s, 100.0)
    both = np.ones((len(t_ns), 2))
    both[:, side] = np.interp(t_ns * 1e-9, np.linspace(0.0, duration_s, len(opening)), opening)
    return with_stream(episode, Stream(SCHEMA.stream(GRIPPER), t_ns, both))
