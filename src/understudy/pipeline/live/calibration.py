"""Calibration of a person who stands in front of a live source: two quiet seconds, and what to say until then."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.retarget.problem import Problem
from understudy.retarget.targets import Calibration, calibrate
from understudy.spec.skeleton import INDEX, JOINTS, SIDES, HumanMotion, SourceInfo

STAND_S = 2.0
LONGEST_S = 10.0
GAP_S = 0.2
UPRIGHT_RAD, STRAIGHT_RAD = np.radians(25.0), np.radians(40.0)
FOOT_MOVE_M, BODY_MOVE_M = 0.03, 0.08
ASK = "Stand upright, feet flat and arms down, for 2 s"


@dataclass(frozen=True)
class Standing:
    """How far a calibration is.

    Attributes:
        share: 0 to 1 of the two seconds.
        say: what the person should do now.
    """

    share: float
    say: str


class StandingCalibration:
    """Collects whole frames until the person has stood for two seconds.

    Args:
        problem: of the robot, from `retarget.problem.make_problem`.
        name: of the source, for messages.
    """

    def __init__(self, problem: Problem, name: str) -> None:
        self._problem, self._name = problem, name
        self._frames: deque[tuple[int, F64]] = deque()
        self._since_ns = 0
        self.progress = Standing(0.0, ASK)

    def add(self, joint_pos_world_m: F64, t_ns: int) -> Calibration | None:
        """Take a whole frame (23, 3); the calibration when the person has stood for long enough."""
        if self._frames and not 0 < t_ns - self._frames[-1][0] <= GAP_S * 1e9:
            self._frames.clear()
        if not self._frames:
            self._since_ns = t_ns
        self._frames.append((t_ns, joint_pos_world_m.copy()))
        while t_ns - self._frames[0][0] > LONGEST_S * 1e9:
            self._frames.popleft()
        fault = _pose_fault(joint_pos_world_m) or self._moved()
        if fault:
            self._since_ns = t_ns
        share = (t_ns - self._since_ns) * 1e-9 / STAND_S
        self.progress = Standing(min(share, 1.0), fault or f"{ASK}: good, hold still")
        return calibrate(self._motion(self._since_ns), self._problem) if share >= 1.0 else None

    def on_movement(self) -> Calibration | None:
        """What the last ten seconds of movement tell, for a person who cannot stand still; None before two seconds came."""
        if not self._frames or self._frames[-1][0] - self._frames[0][0] < STAND_S * 1e9:
            return None
        return calibrate(self._motion(self._frames[0][0]), self._problem)

    def _moved(self) -> str:
        """What moved since the person began to stand; empty for nothing."""
        start = next(pos for t, pos in self._frames if t >= self._since_ns)
        moved = np.linalg.norm(self._frames[-1][1] - start, axis=1)
        if any(moved[INDEX[f"{side}_{part}"]] > FOOT_MOVE_M for side in SIDES for part in ("ankle", "toe")):
            return f"{ASK}: the feet move"
        if moved[INDEX["pelvis"]] > BODY_MOVE_M or moved[INDEX["neck"]] > BODY_MOVE_M:
            return f"{ASK}: the body sways"
        return ""

    def _motion(self, first_ns: int) -> HumanMotion:
        kept = [(t, pos) for t, pos in self._frames if t >= first_ns]
        return human_motion(np.stack([pos for _, pos in kept]), np.array([t for t, _ in kept], dtype=np.int64), self._name)


def human_motion(joint_pos_world_m: F64, t_ns: F64 | np.ndarray, name: str) -> HumanMotion:
    """Live joints (T, 23, 3) as a motion that begins at 0."""
    stamps = np.asarray(t_ns, dtype=np.int64)
    rate_hz = 1e9 / float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
    source = SourceInfo(path=name, sha256="", format="live", dialect="", unit_m=1.0, up="z", rate_hz=rate_hz)
    return HumanMotion(joint_pos_world_m, stamps - stamps[0], np.ones(len(JOINTS), dtype=np.bool_), source)


def _pose_fault(pos: F64) -> str:
    """What keeps this pose from being upright; empty for nothing."""

    def tilt(top: str, bottom: str) -> float:
        up = pos[INDEX[top]] - pos[INDEX[bottom]]
        return float(np.arccos(np.clip(up[2] / max(float(np.linalg.norm(up)), 1e-9), -1.0, 1.0)))

    if tilt("neck", "pelvis") > UPRIGHT_RAD:
        return f"{ASK}: the trunk leans"
    for side in SIDES:
        if max(tilt(f"{side}_hip", f"{side}_knee"), tilt(f"{side}_knee", f"{side}_ankle")) > STRAIGHT_RAD:
            return f"{ASK}: the {side} knee is bent"
        if pos[INDEX[f"{side}_wrist"], 2] > pos[INDEX[f"{side}_shoulder"], 2] - 0.15:
            return f"{ASK}: the {side} arm is up"
    return ""
