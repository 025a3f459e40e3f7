"""The motion is slower than it was and ends in its middle, in as much time as the whole of it took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import F64, I64
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.defects._pick import POSITIONS
from understudy.testing.injector import Chance, Injector

SPEEDS = {"joint_velocities": slice(None), "base_velocity": slice(None), "base_velocity_command": slice(None)}
SPEEDS |= dict.fromkeys(("imu_pelvis", "imu_torso", "imu_head"), slice(4, 7))
"""Streams with columns that are speeds."""
LEAST_MOVED_RAD = 0.05


def _slow(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength >= 1.0:
        raise InputError(f"truncation by {strength:g} of the motion; below 1 is needed")
    if POSITIONS in episode and np.ptp(episode.data(POSITIONS), axis=0).max(initial=0.0) < LEAST_MOVED_RAD:
        raise NotApplicable(f"no joint moves by over {LEAST_MOVED_RAD:g} rad: half of standing still is standing still")
    pace, begin_ns = 1.0 - strength, int(episode.timeline_ns[0])
    return replace(episode, streams={key: _slower(s, pace, begin_ns) for key, s in episode.streams.items()})


def _slower(stream: Stream, pace: float, begin_ns: int) -> Stream:
    if len(stream) < 2:
        return stream
    at_ns: I64 = begin_ns + np.round((stream.t_ns - begin_ns) * pace).astype(np.int64)
    values = stream.sample_at(at_ns)
    if stream.spec.name in SPEEDS:
        scaled: F64 = values.astype(np.float64)
        scaled[..., SPEEDS[stream.spec.name]] *= pace
        values = scaled
    return stream.with_values(values.astype(stream.data.dtype), stream.t_ns)


PLUGIN: Defect = Injector(
    title="Truncation, matched length",
    imitates="A slow demonstrator: the take lasts as long as the others and ends in the middle of the motion.",
    unit="of the motion is missing",
    strengths=(0.2, 0.35, 0.5, 0.7),
    documented=0.5,
    gates=("truncation",),
    touches=("*",),
    change=_slow,
)
