"""A live session at one moment, and what it says for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from understudy.pipeline.live.calibration import ASK
from understudy.pipeline.live.figures import LiveFigures
from understudy.pipeline.live.recorder import TakeStatus
from understudy.pipeline.live.sample import LiveSample
from understudy.retarget.targets import Calibration

State = Literal["preparing", "waiting", "calibrating", "live", "held", "failed"]
TOE_M = 0.03
FLOOR_OFF_M = 0.1
"""Toes that stand this far from where toes stand mean that the source's floor is not at z = 0."""


@dataclass(frozen=True)
class LiveSnapshot:
    """A session at one moment.

    Attributes:
        state: `preparing` (compiling), `waiting` (no usable frame yet), `calibrating`, `live`, `held` (the source is silent: the
            robot keeps its pose), `failed` (it can never deliver).
        message: what to know or to do; empty for nothing.
        progress: 0 to 1 of the calibration.
        sample: the newest frame and pose; None before the first.
        figures: rates, times and counts.
        take: what the recorder is at.
        floor_m: height of the floor under the person in the source's world, where that is not 0: what to draw them lower by.
    """

    state: State
    message: str
    progress: float
    sample: LiveSample | None
    figures: LiveFigures
    take: TakeStatus
    floor_m: float = 0.0


def why_waiting(name: str, *, unusable: bool) -> str:
    """What to do while no frame can be used; `unusable` where frames come nevertheless."""
    if unusable:
        return "frames come, but without the hips, or with a joint that was never seen: step into view whole"
    return f"waiting for {name}: start the source, then {ASK[0].lower()}{ASK[1:]}"


def why_held(held_s: float, *, ended: bool, hips_missing: bool) -> str:
    """Why the robot holds, and since when."""
    if ended:
        return "the clip has ended; the robot holds its last pose"
    why = "hips not seen" if hips_missing else "source silent"
    return f"{why} for {held_s:.1f} s; the robot holds"


def floor_m(known: Calibration) -> float:
    """Height of the floor in the source's world, metres; 0 where it is about there."""
    level_m = min(known.toe_level_m) - TOE_M
    return level_m if abs(level_m) > FLOOR_OFF_M else 0.0
