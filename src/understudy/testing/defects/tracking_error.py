"""A joint does not go where it is told."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import POSITIONS, TARGETS, bump, limb, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_JOINTS, with_motion

RISE_S, HOLD_S = 0.5, 2.0


def _lag(episode: Episode, strength: float, at: Chance) -> Episode:
    if episode.stream(TARGETS).derived:
        raise NotApplicable(f"{TARGETS} is made of the measured positions")
    stream = episode.stream(POSITIONS)
    joint_pos = stream.data.astype(np.float64)
    joint = int(at.rng.choice(limb(episode, at.robot, at.rng)))
    j = at.robot.joint_index(episode.joint_names[joint])
    start_ns = start_of(stream.t_ns, 2.0 * RISE_S + HOLD_S, at.rng)
    middle = float(np.median(joint_pos[:, joint]))
    away = np.copysign(strength, (at.robot.upper_rad[j] - middle) - (middle - at.robot.lower_rad[j]))  # to where there is room
    joint_pos[:, joint] += away * bump(stream.t_ns, start_ns, rise_s=RISE_S, hold_s=HOLD_S)
    return with_motion(episode, at.robot, joint_pos=joint_pos)


PLUGIN: Defect = Injector(
    title="Tracking error",
    imitates="A motor gives way under a load or is held by something: for two seconds a joint of an arm is not where it is told.",
    unit="rad off the command",
    strengths=(0.1, 0.2, 0.3, 0.6),
    documented=0.3,
    gates=("tracking",),
    touches=FOLLOW_JOINTS,
    needs=(POSITIONS, TARGETS),
    change=_lag,
)
