"""A camera shows the same image for a while."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.defects._images import some_camera
from understudy.testing.defects._pick import POSITIONS, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put

LEAST_RAD, TRIES = 0.15, 20
"""How far a joint moves while the camera is stuck; how many places are tried."""


def _stick(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = some_camera(episode, at)
    start_ns = _moving_from(episode, stream, strength, at)
    within = (stream.t_ns >= start_ns) & (stream.t_ns <= start_ns + round(strength * 1e9))
    rows = np.arange(len(stream))
    return put(episode, stream.with_values(stream.data[np.where(within, rows[within][0], rows)], stream.t_ns))


def _moving_from(episode: Episode, stream: Stream, lasts_s: float, at: Chance) -> int:
    """Stamp from which the robot moves for so long: before a robot that stands nobody could tell."""
    joints = episode.stream(POSITIONS)
    for _ in range(TRIES):
        start_ns = start_of(stream.t_ns, lasts_s, at.rng)
        inside = (joints.t_ns >= start_ns) & (joints.t_ns <= start_ns + round(lasts_s * 1e9))
        if inside.any() and np.ptp(joints.data.astype(np.float64)[inside], axis=0).max() > LEAST_RAD:
            return start_ns
    raise NotApplicable(f"in {TRIES} places no joint moves by {LEAST_RAD} rad within {lasts_s:.2f} s")


PLUGIN: Defect = Injector(
    title="Stuck camera",
    imitates="A camera's driver hands out its last image again while the stamps go on.",
    unit="s with the same image",
    strengths=(0.3, 0.5, 1.0, 3.0),
    documented=1.0,
    gates=("frozen_images",),
    touches=("observations/*", "debug/external_*"),
    needs=(POSITIONS,),
    change=_stick,
)
