"""A movement written down step by step: walk, turn, squat, reach, carry."""

from __future__ import annotations

import math

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import F64
from understudy.simulate._assemble import Plan
from understudy.simulate._body import Body
from understudy.simulate._curves import Keys
from understudy.simulate._feet import Step, foot_path
from understudy.spec.skeleton import SIDES

WALK_RATIO_M_S = 0.39
"""Step length over steps per second. Source: Sekiya and Nagasaki, Gait & Posture 8 (1998): 0.0065 m per step/min."""
LONGEST_STEP = 0.41
"""Step over the body's height; faster walking takes more steps instead of longer ones."""
_TOE_OUT_RAD = 0.09


def step_length(body: Body, speed_m_s: float) -> float:
    """Metres from footprint to footprint of a walk at `speed_m_s`."""
    if not 0.2 <= speed_m_s <= 2.2:
        raise InputError(f"people walk at 0.2 to 2.2 m/s, got {speed_m_s} m/s; run() is faster")
    return min(math.sqrt(WALK_RATIO_M_S * speed_m_s) * body.height_m / 1.75, body.part(LONGEST_STEP))


def wrist_key(target: tuple[float, float, float], arm_m: float) -> F64:
    """(5,) a full-weight row of `Plan.wrists`; `target` in lengths of the arm."""
    return np.array([1.0, *(arm_m * np.asarray(target)), arm_m * math.hypot(*target)])


class Script:
    """A person who stands at the origin, faces x, and does one thing after another.

    Attributes:
        body: the person.
        now_s: end of what was written so far.
    """

    def __init__(self, body: Body) -> None:
        self.body, self.now_s = body, 0.0
        self._center, self._yaw = np.zeros(2), 0.0
        self._steps: dict[str, list[Step]] = {side: [] for side in SIDES}
        self._crouch = Keys(np.zeros(1))
        self._wrists = {side: Keys(np.zeros(5)) for side in SIDES}
        self._start = {side: self._foothold(side, 0.055) for side in SIDES}

    def stand(self, duration_s: float) -> None:
        """Stand still."""
        self.now_s += duration_s

    def walk(self, steps: int, speed_m_s: float) -> None:
        """Walk straight ahead and stop with the feet side by side."""
        length = step_length(self.body, speed_m_s)
        step_s = length / speed_m_s
        both_s = 0.24 * step_s
        begin = self.now_s + 0.4
        for k in range(1, steps + 2):
            closing = k == steps + 1
            side = SIDES[(k - 1) % 2]
            if not closing:
                self._move(length, 0.0)
            half_width = 0.055 if closing or k == steps else 0.04
            reach = 0.5 if k == 1 or closing else 1.0
            size = min(length / 0.7, 1.2)
            self._step(
                side, begin + (k - 1) * step_s + both_s, begin + k * step_s, half_width,
                roll_s=0.36 * step_s, strike_rad=0.0 if closing else 0.33 * size, push_rad=0.85 * size * reach,
            )  # fmt: skip
        self.now_s = begin + (steps + 1) * step_s + 0.4

    def go(self, steps: int, length_m: float, direction_rad: float, step_s: float, *, lift_m: float = 0.03) -> None:
        """Take steps without turning: `direction_rad` 0 is ahead, pi backward; 0 metres march on the spot.

        Args:
            steps: how many before the closing one.
            length_m: from footprint to footprint.
            direction_rad: to the left of ahead.
            step_s: time of one step.
            lift_m: least height of the sole in the middle of a swing.
        """
        begin = self.now_s + 0.3
        for k in range(steps + 1):
            if k < steps:
                self._move(length_m, direction_rad)
            lift_s = begin + (k + 0.2) * step_s
            self._step(
                SIDES[k % 2], lift_s, begin + (k + 1) * step_s, 0.055, roll_s=0.3 * step_s, push_rad=0.3, clearance_m=lift_m
            )
        self.now_s = begin + (steps + 1) * step_s + 0.3

    def sidestep(self, pairs: int, length_m: float, step_s: float, *, cross_m: float = 0.0) -> None:
        """Go to the left: the left foot out, the right one beside it, or with `cross_m` past it, in front and behind by turns."""
        begin = self.now_s + 0.3
        for k in range(pairs):
            self._move(length_m, math.pi / 2.0)
            self._step("left", begin + 0.15 * step_s, begin + step_s, 0.055, roll_s=0.3 * step_s, clearance_m=0.03)
            past = length_m if cross_m and k + 1 < pairs else 0.0
            ahead = cross_m * (1.0 if k % 2 == 0 else -1.0) if past else 0.0
            self._step(
                "right", begin + 1.15 * step_s, begin + 2.0 * step_s, 0.055, ahead_m=ahead, aside_m=past,
                roll_s=0.3 * step_s, clearance_m=0.05,
            )  # fmt: skip
            self._move(past, math.pi / 2.0)
            begin += 2.0 * step_s
        self.now_s = begin + 0.3

    def turn(self, angle_rad: float) -> None:
        """Turn on the spot, to the left when positive, the inner foot first."""
        pairs = max(1, math.ceil(abs(angle_rad) / math.radians(50.0)))
        inner, outer = ("left", "right") if angle_rad > 0.0 else ("right", "left")
        begin = self.now_s + 0.3
        for _ in range(pairs):
            self._yaw += angle_rad / pairs
            for side in (inner, outer):
                self._step(side, begin, begin + 0.42, 0.055, roll_s=0.14, push_rad=0.25, clearance_m=0.03)
                begin += 0.56
        self.now_s = begin + 0.3

    def squat(self, depth_m: float, down_s: float, hold_s: float) -> None:
        """Lower the pelvis, wait and come up again."""
        self._crouch.to(depth_m, self.now_s, self.now_s + down_s)
        up = self.now_s + down_s + hold_s
        self._crouch.to(0.0, up, up + down_s)
        self.now_s = up + down_s

    def hand(self, side: str, target: tuple[float, float, float] | None, move_s: float, *, at_s: float | None = None) -> None:
        """Bring a wrist to a place relative to its shoulder (in lengths of the arm, axes of the chest); None lets it hang.

        The clock does not advance: follow it with what happens meanwhile.
        """
        begin = self.now_s if at_s is None else at_s
        arm = self.body.upper_arm_m + self.body.forearm_m
        goal = np.zeros(5) if target is None else wrist_key(target, arm)
        self._wrists[side].to(goal, begin, begin + move_s)

    def hands(self, target: tuple[float, float, float] | None, move_s: float, *, at_s: float | None = None) -> None:
        """Both wrists, the target given for the left one."""
        mirrored = None if target is None else (target[0], -target[1], target[2])
        self.hand("left", target, move_s, at_s=at_s)
        self.hand("right", mirrored, move_s, at_s=at_s)

    def plan(self, rate_hz: float) -> Plan:
        """The movement at a rate."""
        t_s = np.arange(round(self.now_s * rate_hz) + 1) / rate_hz
        left, right = (foot_path(self.body, t_s, self._start[side], self._steps[side]) for side in SIDES)
        wrists = (self._wrists["left"].at(t_s), self._wrists["right"].at(t_s))
        return Plan(t_s, (left, right), self._crouch.at(t_s)[:, 0], wrists)

    def _move(self, length_m: float, direction_rad: float) -> None:
        yaw = self._yaw + direction_rad
        self._center = self._center + length_m * np.array([math.cos(yaw), math.sin(yaw)])

    def _foothold(self, side: str, half_width: float, ahead_m: float = 0.0, aside_m: float = 0.0) -> tuple[float, float, float]:
        sign = 1.0 if side == "left" else -1.0
        ahead: F64 = np.array([math.cos(self._yaw), math.sin(self._yaw)])
        left: F64 = np.array([-math.sin(self._yaw), math.cos(self._yaw)])
        x, y = self._center + ahead_m * ahead + (sign * self.body.part(half_width) + aside_m) * left
        return float(x), float(y), self._yaw + sign * _TOE_OUT_RAD

    def _step(
        self,
        side: str,
        lift_s: float,
        land_s: float,
        half_width: float,
        *,
        ahead_m: float = 0.0,
        aside_m: float = 0.0,
        **shape: float,
    ) -> None:
        self._steps[side].append(Step(lift_s, land_s, *self._foothold(side, half_width, ahead_m, aside_m), **shape))
