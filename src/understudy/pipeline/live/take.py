"""A take of a live session as it grows: one row per frame, in blocks, so that neither growing nor ending it takes time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from understudy.pipeline.live.limbs import LIMBS
from understudy.pipeline.live.sample import LiveSample
from understudy.retarget.feasibility import ENDS
from understudy.retarget.targets import Calibration
from understudy.spec.skeleton import JOINTS

Rows = NDArray[np.void]
"""Records, one per frame; `Take.rows` names their fields."""
LONGEST_FRAMES = 240_000
"""Half an hour at 120 Hz: a take is ended and saved then, for it is kept in memory."""
GAP_NS, HELD_NS = round(0.2e9), round(0.1e9)
"""After a longer gap the held frame goes in once more, so long before the next: between stamps it is a straight line."""
_BLOCK = 4096


@dataclass(frozen=True)
class TakeLabel:
    """What is said of a take; empty for what nobody said."""

    task: str = ""
    demonstrator: str = ""
    instruction: str = ""


@dataclass
class Take:
    """What is recorded.

    Attributes:
        label: what it is.
        source: name of the stream.
        known: the person.
        began: date and time of the first frame, UTC.
        dof: of the robot.
        frames: rows so far.
        holds: (from, to) in the take, seconds, while the source was silent and the robot held.
    """

    label: TakeLabel
    source: str
    known: Calibration
    began: datetime
    dof: int
    frames: int = 0
    holds: list[tuple[float, float]] = field(default_factory=list)
    _blocks: list[Rows] = field(default_factory=list)
    _first_ns: int = 0
    _last_ns: int = 0

    def add(self, sample: LiveSample) -> None:
        """Append a frame with a pose; after a silence the held frame goes in once more before it."""
        row = _row(sample)
        if row is None:
            return
        t_ns = sample.t_ns
        if self.frames == 0:
            self._first_ns = t_ns
        elif t_ns - self._last_ns > GAP_NS:
            self.holds.append(((self._last_ns - self._first_ns) * 1e-9, (t_ns - self._first_ns) * 1e-9))
            again = self._blocks[-1][(self.frames - 1) % _BLOCK].copy()
            again["t_ns"] = t_ns - HELD_NS
            self._append(again)
        self._append(row)
        self._last_ns = t_ns

    @property
    def duration_s(self) -> float:
        """From the first to the last frame, seconds."""
        return (self._last_ns - self._first_ns) * 1e-9

    @property
    def full(self) -> bool:
        """Whether it must end."""
        return self.frames >= LONGEST_FRAMES

    def rows(self) -> Rows:
        """(T,) records: `t_ns` from 0, `joints` (23, 3), `root` (3,), `quat` (4,), `q` (J,), `residual` (4,), `stance` (2,),
        `restarted`, and `unseen` (5,) per limb of `limbs.LIMBS`."""
        out = np.concatenate(self._blocks)[: self.frames]
        out["t_ns"] -= self._first_ns
        return out

    def _append(self, row: object) -> None:
        if self.frames % _BLOCK == 0:
            self._blocks.append(np.empty(_BLOCK, dtype=_row_type(self.dof)))
        self._blocks[-1][self.frames % _BLOCK] = row
        self.frames += 1


def _row_type(dof: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("t_ns", np.int64),
            ("joints", np.float64, (len(JOINTS), 3)),
            ("root", np.float64, (3,)),
            ("quat", np.float64, (4,)),
            ("q", np.float64, (dof,)),
            ("residual", np.float64, (len(ENDS),)),
            ("stance", np.bool_, (2,)),
            ("restarted", np.bool_),
            ("unseen", np.bool_, (len(LIMBS),)),
        ]
    )


def _row(sample: LiveSample) -> tuple[object, ...] | None:
    pose = sample.pose
    if pose is None:
        return None
    unseen = [limb in sample.held or limb in sample.lost for limb in LIMBS]
    return (
        sample.t_ns,
        sample.joint_pos_world_m,
        pose.root_pos_world_m,
        pose.root_quat_world_wxyz,
        pose.joint_pos,
        sample.residual_m,
        pose.stance,
        pose.restarted,
        unseen,
    )
