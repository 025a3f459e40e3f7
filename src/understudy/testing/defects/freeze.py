"""All joints stand still to the last bit while the robot moves."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import Bool
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.defects._pick import BASE, JOINT_STREAMS, POSITIONS, TARGETS
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_BASE, FOLLOW_JOINTS, put, with_motion, with_samples

LEAST_RAD = 0.2
"""Some joint moves by this much while it is frozen; elsewhere nobody could see it."""


def _freeze(episode: Episode, strength: float, at: Chance) -> Episode:
    start_ns = _moving_from(episode, strength, at)
    end_ns = start_ns + round(strength * 1e9)
    if TARGETS in episode and not episode.stream(TARGETS).derived:  # a driver repeats its last message
        held = [episode.stream(key) for key in JOINT_STREAMS if key in episode]
        return put(episode, *(with_samples(s, s.data[_held(s, start_ns, end_ns)]) for s in held))
    joints = episode.stream(POSITIONS)
    pose = (
        episode.stream(BASE).data.astype(np.float64)[_held(episode.stream(BASE), start_ns, end_ns)] if BASE in episode else None
    )
    joint_pos = joints.data.astype(np.float64)[_held(joints, start_ns, end_ns)]
    return with_motion(episode, at.robot, joint_pos=joint_pos, base_pose=pose)


def _held(stream: Stream, start_ns: int, end_ns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """(N,) which sample stands in for each."""
    rows = np.arange(len(stream))
    within: Bool = (stream.t_ns >= start_ns) & (stream.t_ns <= end_ns)
    return np.where(within, rows[within][0] if within.any() else 0, rows)


def _moving_from(episode: Episode, lasts_s: float, at: Chance) -> int:
    """Stamp from which the robot moves for so long, and before and after it."""
    stream = episode.stream(POSITIONS)
    length_s = float(stream.t_ns[-1] - stream.t_ns[0]) * 1e-9
    if length_s < 2.0 * lasts_s:
        raise NotApplicable(f"{length_s:.2f} s are too short to freeze {lasts_s:.2f} s of them")
    joint_pos, starts = stream.data.astype(np.float64), []
    for begin_s in np.linspace(0.1 * length_s, 0.9 * length_s - lasts_s, 12):
        windows = ((begin_s - 0.5 * lasts_s, begin_s), (begin_s, begin_s + lasts_s), (begin_s + lasts_s, begin_s + 1.5 * lasts_s))
        t_s = (stream.t_ns - stream.t_ns[0]) * 1e-9
        inside = [joint_pos[(t_s >= a) & (t_s <= b)] for a, b in windows]
        if all(len(rows) and np.ptp(rows, axis=0).max() > LEAST_RAD for rows in inside):
            starts.append(int(stream.t_ns[0] + round(begin_s * 1e9)))
    if not starts:
        raise NotApplicable(f"no joint moves by {LEAST_RAD} rad before, in and after {lasts_s:.2f} s")
    return int(at.rng.choice(starts))


PLUGIN: Defect = Injector(
    title="Freeze",
    imitates="The driver repeats its last message, or a capture tool holds the last pose it knew; then it goes on where it is.",
    unit="s",
    strengths=(0.3, 0.5, 1.0, 2.0),
    documented=1.0,
    gates=("frozen_joints", "frozen", "integrity"),
    touches=(*FOLLOW_JOINTS, *FOLLOW_BASE, *JOINT_STREAMS),
    needs=(POSITIONS,),
    change=_freeze,
)
