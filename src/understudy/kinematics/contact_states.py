"""Which feet are on the ground over an episode: by force where it was measured, else by where the feet are and how they move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.kinematics.contact import SIDES, held
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel

ContactSource = Literal["wrench", "stream", "kinematics"]
ANKLES = tuple(f"observations/wrench_{side}_ankle" for side in SIDES)
CONTACT = "observations/foot_contact"
LANDS, LEAVES = 0.15, 0.08
"""Shares of the robot's weight: a foot is on the ground from the first on, until its force is under the second."""
GRAVITY_M_S2 = 9.81


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


def feet_on_ground(
    episode: Episode, robot: RobotModel, t_ns: I64, *, kinematic: Callable[[], Bool]
) -> tuple[Bool, ContactSource]:
    """Which feet are on the ground at some times.

    Args:
        episode: its ankles' wrenches are taken where both feet have them, else its stream `foot_contact`.
        robot: whose weight the forces are laid against.
        t_ns: (T,) times asked for, nanoseconds.
        kinematic: gives (T, 2) from the motion, where the episode has neither.

    Returns:
        (T, 2) left, right; and what it was told by.
    """
    if all(key in episode and len(episode.stream(key)) for key in ANKLES):
        forces = [np.linalg.norm(np.asarray(episode.stream(key).sample_at(t_ns))[:, :3], axis=1) for key in ANKLES]
        return force_contact(np.stack(forces, axis=1), float(robot.mass_kg.sum()) * GRAVITY_M_S2), "wrench"
    if CONTACT in episode and len(episode.stream(CONTACT)):
        return np.asarray(episode.stream(CONTACT).sample_at(t_ns).astype(np.float64) > 0.5), "stream"
    return kinematic(), "kinematics"
