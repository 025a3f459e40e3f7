"""Feet slide sideways while they stand."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import Bool
from understudy.quality.posture import CONTACTS
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import median_step_s, spans
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import BASE, POSITIONS
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_BASE, with_motion

LEAST_STANDING, LEAST_STANCE_S = 0.2, 0.25
"""What slides for less is over before it is a slide: 10 cm/s for 0.13 s, as a fast runner's foot stands, are 1.3 cm."""


def _slide(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(BASE)
    standing = stands(episode)
    if standing.mean() < LEAST_STANDING:
        raise NotApplicable(f"a foot stands in {standing.mean():.0%} of the episode; {LEAST_STANDING:.0%} are needed to slide")
    longest_s = max((s.last - s.first + 1 for s in spans(standing, stream.t_ns)), default=0) * median_step_s(stream.t_ns)
    if longest_s < LEAST_STANCE_S:
        raise NotApplicable(f"no foot stands for longer than {longest_s:.2f} s; {LEAST_STANCE_S:g} s are needed to slide")
    pose, sign = stream.data.astype(np.float64), float(at.rng.choice([-1.0, 1.0]))
    w, x, y, z = pose[:, 3:].T
    left = np.stack([2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z)], axis=1)
    left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-9)
    dt_s = np.diff(stream.t_ns, prepend=stream.t_ns[:1]) * 1e-9
    pose[:, :2] += np.cumsum((sign * strength * standing * dt_s)[:, None] * left, axis=0)
    return with_motion(episode, at.robot, base_pose=pose)


def stands(episode: Episode) -> Bool:
    """(M,) whether a foot stands at each sample of the base; which foot does is not changed by the slide."""
    for key in CONTACTS:
        if key in episode and len(episode.stream(key)):
            contact = episode.stream(key).sample_at(episode.stream(BASE).t_ns).astype(np.float64)
            return np.asarray((contact > 0.5).any(axis=1))
    raise NotApplicable(f"the episode has neither {' nor '.join(CONTACTS)}")


PLUGIN: Defect = Injector(
    title="Foot skate",
    imitates="A retargeter or an estimator lets the body slip: the base glides to one side while a foot is planted.",
    unit="m/s sideways in stance",
    strengths=(0.03, 0.06, 0.1, 0.2),
    documented=0.1,
    gates=("foot_skate",),
    touches=FOLLOW_BASE,
    needs=(BASE, POSITIONS),
    change=_slide,
)
