"""Which feet are on the ground over an episode: by force where it was measured, else by where the feet are and how they move."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.kinematics.contact import SIDES, held, horizontal_speed, stands
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel

ContactSource = Literal["wrench", "stream", "kinematics"]
ANKLES = tuple(f"observations/wrench_{side}_ankle" for side in SIDES)
CONTACT = "observations/foot_contact"
LANDS, LEAVES = 0.15, 0.08
"""Shares of the robot's weight: a foot is on the ground from the first on, until its force is under the second."""
GRAVITY_M_S2 = 9.81
SHORTEST_S = 0.05
"""Shorter contacts and gaps are a toe that grazes the ground, not a step."""
RECORDED = ("teleop", "simulation")
"""Values of `motion_source` of episodes that a robot recorded."""


def force_contact(force_n: F64, weight_n: float) -> Bool:
    """Which feet carry load.

    A foot is on the ground from where its force reaches LANDS of the robot's weight to where it falls under LEAVES of it, so
    noise smaller than the room between the two cannot make it flicker. Before the first of both, it is in the air.

    Args:
        force_n: (T, 2) size of the force at the left and right ankle, newtons; what is not a number counts as none.
        weight_n: of the robot.

    Returns:
        (T, 2) left, right.
    """
    share = np.nan_to_num(force_n, nan=0.0) / weight_n
    return np.stack([held(share[:, k] >= LANDS, share[:, k] < LEAVES) for k in range(len(SIDES))], axis=1)


def motion_contact(soles_world_m: Mapping[str, F64], t_ns: I64) -> Bool:
    """Which feet touch the ground z = 0, heel or toe: a foot that rolls is on the ground until its toe leaves.

    A point of the sole begins to stand below HEIGHT_M and slower than SPEED_M_S over the ground, and stands on until one of them
    exceeds RELEASE times its threshold; a foot touches where any of its points stands. Stretches and gaps under SHORTEST_S
    are no steps.

    Args:
        soles_world_m: left and right (T, K, 3) sole outline, metres.
        t_ns: (T,) strictly increasing, nanoseconds.

    Returns:
        (T, 2) left, right.
    """
    feet = []
    for side in SIDES:
        soles = soles_world_m[side]
        points = [stands(soles[:, k, 2], horizontal_speed(soles[:, k], t_ns)) for k in range(soles.shape[1])]
        feet.append(_lasting(np.logical_or.reduce(points), t_ns))
    return np.stack(feet, axis=1)


def feet_on_ground(
    episode: Episode, robot: RobotModel, t_ns: I64, *, soles_world_m: Callable[[], Mapping[str, F64]]
) -> tuple[Bool, ContactSource]:
    """Which feet are on the ground at some times.

    Args:
        episode: its ankles' wrenches are taken where both feet have them, else its stream `foot_contact` where a robot
            recorded it; that of a retargeted motion was only worked out from the motion.
        robot: whose weight the forces are laid against.
        t_ns: (T,) times asked for, nanoseconds.
        soles_world_m: gives left and right (T, K, 3) sole outline at these times, where the episode has neither.

    Returns:
        (T, 2) left, right; and what it was told by.
    """
    if all(key in episode and len(episode.stream(key)) for key in ANKLES):
        forces = [np.linalg.norm(np.asarray(episode.stream(key).sample_at(t_ns))[:, :3], axis=1) for key in ANKLES]
        return force_contact(np.stack(forces, axis=1), float(robot.mass_kg.sum()) * GRAVITY_M_S2), "wrench"
    recorded = episode.metadata.get("motion_source") in RECORDED
    if recorded and CONTACT in episode and len(episode.stream(CONTACT)):
        return np.asarray(episode.stream(CONTACT).sample_at(t_ns).astype(np.float64) > 0.5), "stream"
    return motion_contact(soles_world_m(), t_ns), "kinematics"


def _lasting(on: Bool, t_ns: I64) -> Bool:
    """(T,) without gaps, then without stretches, that are over within SHORTEST_S; what the ends cut off is kept."""
    out = on.copy()
    for value in (False, True):
        edges = np.flatnonzero(np.diff(out)) + 1
        for a, b in itertools.pairwise(edges.tolist()):
            if out[a] == value and (t_ns[b] - t_ns[a]) * 1e-9 < SHORTEST_S:
                out[a:b] = not value
    return out
