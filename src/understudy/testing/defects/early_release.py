"""The gripper opens and what it held falls to the floor."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

OBJECTS, GRIPPER, GRIPPER_TARGET = "debug/object_poses_world", "observations/gripper", "actions/gripper_target"
HELD, OPENS_S, GRAVITY_M_S2, LIFTED_M = 0.5, 0.15, 9.81, 0.2
REST_M = 0.05
"""Height at which a dropped thing comes to rest."""


def _release(episode: Episode, strength: float, at: Chance) -> Episode:
    gripper, objects = episode.stream(GRIPPER), episode.stream(OBJECTS)
    start_ns, end_ns = _held(gripper, objects)
    release_ns = end_ns - round(strength * (end_ns - start_ns))
    if _height_at(objects, release_ns) < REST_M + LIFTED_M:
        raise NotApplicable(f"what is held is not {LIFTED_M} m over the floor when it would be let go")
    changed = [_opened(gripper, release_ns), _dropped(objects, release_ns)]
    if GRIPPER_TARGET in episode and at.rng.random() < 0.5:  # told to open; else it slips
        changed.append(_opened(episode.stream(GRIPPER_TARGET), release_ns))
    return put(episode, *changed)


def _held(gripper: Stream, objects: Stream) -> tuple[int, int]:
    """Stamps between which the jaws are shut and the object moves."""
    shut = (gripper.data.astype(np.float64).min(axis=1) < HELD)[np.searchsorted(gripper.t_ns[1:], objects.t_ns)]
    moved = np.linalg.norm(np.diff(objects.data.astype(np.float64)[:, :3], axis=0, prepend=objects.data[:1, :3]), axis=1) > 1e-5
    both = np.flatnonzero(shut & moved)
    if len(both) < 2:
        raise NotApplicable("nothing is held that moves")
    return int(objects.t_ns[both[0]]), int(objects.t_ns[both[-1]])


def _height_at(objects: Stream, t_ns: int) -> float:
    return float(objects.sample_at(np.array([t_ns]))[0, 2])


def _opened(stream: Stream, release_ns: int) -> Stream:
    """Open from the release to the end, within `OPENS_S`."""
    opening: F64 = np.clip((stream.t_ns - release_ns) * 1e-9 / OPENS_S, 0.0, 1.0)
    return with_samples(stream, np.maximum(stream.data.astype(np.float64), opening[:, None]))


def _dropped(objects: Stream, release_ns: int) -> Stream:
    """Free fall from the release on, then at rest."""
    pose = objects.data.astype(np.float64)
    first = int(np.searchsorted(objects.t_ns, release_ns))
    at, before = max(first, 1), max(first - 5, 0)
    speed = (pose[at, :3] - pose[before, :3]) / (float(objects.t_ns[at] - objects.t_ns[before]) * 1e-9)
    fall_s = (speed[2] + np.sqrt(speed[2] ** 2 + 2.0 * GRAVITY_M_S2 * (pose[at, 2] - REST_M))) / GRAVITY_M_S2
    t_s = np.minimum((objects.t_ns[at:] - objects.t_ns[at]) * 1e-9, fall_s)
    drop = 0.5 * GRAVITY_M_S2 * t_s**2
    pose[at:, :3] = pose[at, :3] + t_s[:, None] * speed - drop[:, None] * np.array([0.0, 0.0, 1.0])
    pose[at:, 3:] = pose[at, 3:]
    return with_samples(objects, pose)


PLUGIN: Defect = Injector(
    title="Early release",
    imitates="The grip slips or opens while something is carried, and it falls to the floor.",
    unit="of the time it is carried is left when it falls",
    strengths=(0.25, 0.5, 0.75),
    documented=0.5,
    gates=("dropped_object",),
    touches=(OBJECTS, GRIPPER, GRIPPER_TARGET),
    needs=(OBJECTS, GRIPPER),
    change=_release,
)
