"""Episodes of one task that differ in quality and in length, neither of which says anything of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.filters import lowpass
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.testing.episodes import episode_of_motion, with_data
from understudy.testing.motions import planted, stamps

RATE_HZ = 60.0
LENGTHS_S = (4.0, 7.0, 12.0, 20.0)


@dataclass(frozen=True)
class Quality:
    """How good one episode is, by its making.

    Attributes:
        tremor_rad: amplitude of a tremor of 8 Hz on every joint of the arms.
        lean_rad: standard deviation of the slow leaning to the sides.
        off_m: how far hands and feet are from where they were asked to be, on average.
    """

    tremor_rad: float
    lean_rad: float
    off_m: float


def quality_episodes(
    robot: RobotModel, count: int, *, lengths_s: Sequence[float] = LENGTHS_S, seed: int = 0
) -> Iterator[tuple[Quality, Episode]]:
    """`count` qualities, each in an episode of every length, so that the two have nothing to do with each other.

    The motion is a stationary random one: every stretch of an episode is, on average, as every other, whatever its length.
    """
    rng = np.random.default_rng(seed)
    for k in range(count):
        quality = Quality(
            tremor_rad=float(0.004 * rng.lognormal(0.0, 0.8)),
            lean_rad=float(0.03 * rng.lognormal(0.0, 0.5)),
            off_m=float(0.01 * rng.lognormal(0.0, 0.5)),
        )
        for i, length_s in enumerate(lengths_s):
            yield quality, _episode(robot, quality, length_s, f"stand_{k * len(lengths_s) + i:08x}", rng)


def _episode(robot: RobotModel, quality: Quality, duration_s: float, name: str, rng: np.random.Generator) -> Episode:
    t_ns = stamps(duration_s, RATE_HZ)
    q = np.tile(robot.home_rad, (len(t_ns), 1))
    lean = quality.lean_rad * _slow(rng, t_ns, 1)[:, 0]
    for side in ("left", "right"):
        q[:, robot.joint_index(f"{side}_ankle_roll_joint")] += lean
        arm = [robot.joint_index(joint) for joint in robot.profile.groups[f"{side}_arm"]]
        phase = 2.0 * np.pi * 8.0 * t_ns * 1e-9 + rng.uniform(0.0, 2.0 * np.pi, len(arm))[:, None]
        q[:, arm] += 0.2 * _slow(rng, t_ns, len(arm)) + quality.tremor_rad * np.sin(phase).T
    motion = planted(robot, t_ns, np.clip(q, robot.lower_rad, robot.upper_rad))
    episode = episode_of_motion(robot, motion, episode_id=name)
    off_m = quality.off_m * np.abs(1.0 + 0.3 * _slow(rng, t_ns, 4))
    person = episode.data("debug/human_target_world")
    shaken = person + quality.off_m * rng.normal(size=(len(t_ns), *person.shape[1:]))
    return with_data(with_data(episode, "debug/ee_residual", off_m), "debug/human_target_world", shaken)


def _slow(rng: np.random.Generator, t_ns: I64, columns: int) -> F64:
    """(T, columns) noise below 1 Hz of unit variance, a stretch out of a longer course so that its ends are as its middle."""
    pad = round(2.0 * RATE_HZ)
    noise = lowpass(rng.normal(size=(len(t_ns) + 2 * pad, columns)), rate_hz=RATE_HZ, cutoff_hz=1.0)
    return np.asarray(noise[pad:-pad] / np.sqrt(2.0 / RATE_HZ * 0.83))
