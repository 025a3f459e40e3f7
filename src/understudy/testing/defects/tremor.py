"""One limb trembles."""

from __future__ import annotations

import numpy as np

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.defects._pick import POSITIONS, TARGETS, limb
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_JOINTS, put, with_motion, with_samples

HZ = 8.0


def _tremble(episode: Episode, strength: float, at: Chance) -> Episode:
    columns = limb(episode, at.robot, at.rng)
    phase = at.rng.uniform(0.0, 2.0 * np.pi, len(columns))

    def shaken(stream: Stream) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        data = stream.data.astype(np.float64)
        t_s = (stream.t_ns - episode.stream(POSITIONS).t_ns[0]) * 1e-9
        data[:, columns] += strength * np.sin(2.0 * np.pi * HZ * t_s[:, None] + phase)
        return data

    out = with_motion(episode, at.robot, joint_pos=shaken(episode.stream(POSITIONS)))
    if TARGETS in episode and not episode.stream(TARGETS).derived:  # the hand of who commands it trembles
        out = put(out, with_samples(out.stream(TARGETS), shaken(episode.stream(TARGETS))))
    return out


PLUGIN: Defect = Injector(
    title="Tremor",
    imitates="The operator's hand trembles, or a servo's gain is too high: all joints of one arm swing at 8 Hz.",
    unit="rad of every joint of one arm, at 8 Hz",
    strengths=(0.01, 0.02, 0.05, 0.1),
    documented=0.05,
    gates=("tremor", "smoothness"),
    touches=FOLLOW_JOINTS,
    needs=(POSITIONS,),
    change=_tremble,
)
