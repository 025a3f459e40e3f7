"""A joint goes beyond its range for half a second."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import POSITIONS, bump, limb, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_JOINTS, with_motion

HOLD_S, CALM = 0.5, 0.4
"""Time beyond the range; share of its speed limit at which the joint gets there at the quickest."""


def _exceed(episode: Episode, strength: float, at: Chance) -> Episode:
    robot, stream = at.robot, episode.stream(POSITIONS)
    joint_pos, columns = stream.data.astype(np.float64), limb(episode, robot, at.rng)
    joints = np.array([robot.joint_index(episode.joint_names[c]) for c in columns])
    middle = joint_pos[:, columns].mean(axis=0)
    below, above = middle - robot.lower_rad[joints], robot.upper_rad[joints] - middle
    way = np.minimum(below, above)
    pick = int(at.rng.choice(np.argsort(way)[:3]))  # one that has not far to go
    joint, column, upper = int(joints[pick]), int(columns[pick]), bool(above[pick] < below[pick])
    extra = strength * float(robot.upper_rad[joint] - robot.lower_rad[joint])
    goal = float(robot.upper_rad[joint] + extra if upper else robot.lower_rad[joint] - extra)
    rise_s = max(0.4, 1.9 * (float(way[pick]) + extra + 0.5) / (CALM * float(robot.velocity_rad_s[joint])))
    start_ns = start_of(stream.t_ns, 2.0 * rise_s + HOLD_S, at.rng)
    share = bump(stream.t_ns, start_ns, rise_s=rise_s, hold_s=HOLD_S)
    if share.max() < 1.0 - 1e-9:
        raise NotApplicable("the joints come too rarely to hold a pose for half a second")
    joint_pos[:, column] += share * (goal - joint_pos[:, column])
    return with_motion(episode, robot, joint_pos=joint_pos)


PLUGIN: Defect = Injector(
    title="Limit excess",
    imitates="An encoder with a wrong zero, or a retargeter that knows no limits, puts a joint beyond its range.",
    unit="of the joint's range beyond its end, for half a second",
    strengths=(0.02, 0.06, 0.1, 0.2),
    documented=0.1,
    gates=("limits",),
    touches=FOLLOW_JOINTS,
    needs=(POSITIONS,),
    change=_exceed,
)
