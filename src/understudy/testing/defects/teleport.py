"""A joint or the whole body is elsewhere from one sample to the next, and stays there."""

from __future__ import annotations

import numpy as np

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import BASE, POSITIONS, limb, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_BASE, FOLLOW_JOINTS, with_motion

JOINT_RAD, BASE_M = 0.3, 0.2


def _jump(episode: Episode, strength: float, at: Chance) -> Episode:
    if BASE in episode and at.rng.random() < 0.5:
        stream = episode.stream(BASE)
        pose, direction = stream.data.astype(np.float64), at.rng.uniform(0.0, 2.0 * np.pi)
        after = stream.t_ns > start_of(stream.t_ns, 0.0, at.rng)
        pose[after, :2] += strength * BASE_M * np.array([np.cos(direction), np.sin(direction)])
        return with_motion(episode, at.robot, base_pose=pose)
    stream = episode.stream(POSITIONS)
    joint_pos = stream.data.astype(np.float64)
    after = stream.t_ns > start_of(stream.t_ns, 0.0, at.rng)
    joint = int(at.rng.choice(limb(episode, at.robot, at.rng)))
    j = at.robot.joint_index(episode.joint_names[joint])
    room_up = at.robot.upper_rad[j] - joint_pos[after, joint].max()
    room_down = joint_pos[after, joint].min() - at.robot.lower_rad[j]
    joint_pos[after, joint] += np.copysign(strength * JOINT_RAD, room_up - room_down)
    return with_motion(episode, at.robot, joint_pos=joint_pos)


PLUGIN: Defect = Injector(
    title="Teleport",
    imitates="Two markers are swapped, an encoder slips or a solver takes another branch: something jumps and stays there.",
    unit="times 0.3 rad of an arm's joint or 0.2 m of the base",
    strengths=(0.25, 0.5, 1.0, 2.0),
    documented=1.0,
    gates=("teleport", "limits"),
    touches=(*FOLLOW_JOINTS, *FOLLOW_BASE),
    needs=(POSITIONS,),
    change=_jump,
)
