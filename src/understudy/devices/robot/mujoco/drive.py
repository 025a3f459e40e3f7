"""What the simulated robot is told to do at each instant: by commands, or by a mover until the first one comes."""

from __future__ import annotations

import heapq
import itertools
import threading
from dataclasses import dataclass

import numpy as np

from understudy.devices._clocks import NS_PER_S
from understudy.devices.robot.mujoco.movers import Mover
from understudy.geom.arrays import F64

NEVER_NS = 1 << 62
_JAW_PER_S = 2.0
"""A jaw goes from open to shut in half a second."""


@dataclass(frozen=True)
class Command:
    """A target for the joints, the jaws, or both; None leaves them where they were sent last."""

    q_rad: F64 | None = None
    gripper: F64 | None = None


class Drive:
    """Targets in force. `put` may be called from any thread, the rest from the one that steps the physics."""

    def __init__(self, home_rad: F64, mover: Mover, *, period_s: float) -> None:
        """Nothing commanded yet.

        Args:
            home_rad: (J,) target before anything else.
            mover: asked until the first command.
            period_s: after which the command in force is given anew.
        """
        self._mover: Mover | None = mover
        self.continuous = mover.continuous
        self._period_ns = round(period_s * NS_PER_S)
        self._queue: list[tuple[int, int, Command]] = []
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._start_ns = self._jaw_ns = 0
        self._given_ns = -NEVER_NS
        self.target_rad, self.gripper_target, self.gripper = np.array(home_rad), np.ones(2), np.ones(2)

    def start(self, t_ns: int) -> None:
        """The mover's time begins."""
        self._start_ns = self._jaw_ns = t_ns

    def put(self, t_ns: int, command: Command) -> None:
        """Have a command come into force at `t_ns`, or as soon as possible after it."""
        with self._lock:
            heapq.heappush(self._queue, (t_ns, next(self._count), command))

    @property
    def next_ns(self) -> int:
        """When the next command comes into force."""
        with self._lock:
            return self._queue[0][0] if self._queue else NEVER_NS

    def step(self, t_ns: int, *, on_grid: bool) -> bool:
        """Bring targets and jaws to `t_ns`.

        Args:
            t_ns: not before the last step's.
            on_grid: it is time for the mover's next target, or to repeat the last command.

        Returns:
            Whether a command was given at this instant.
        """
        self._move_jaws(t_ns)
        given = False
        while self.next_ns <= t_ns:
            with self._lock:
                command = heapq.heappop(self._queue)[2]
            self._mover = None
            self.target_rad = self.target_rad if command.q_rad is None else command.q_rad
            self.gripper_target = self.gripper_target if command.gripper is None else command.gripper
            given = True
        if self._mover is not None and (on_grid or self.continuous):
            t_s = (t_ns - self._start_ns) / NS_PER_S
            self.target_rad, self.gripper_target = self._mover.joints_rad(t_s), self._mover.gripper(t_s)
            given = given or on_grid
        given = given or (on_grid and t_ns - self._given_ns >= self._period_ns)
        if given:
            self._given_ns = t_ns
        return given

    def _move_jaws(self, t_ns: int) -> None:
        reach = _JAW_PER_S * (t_ns - self._jaw_ns) / NS_PER_S
        self.gripper = self.gripper + np.clip(self.gripper_target - self.gripper, -reach, reach)
        self._jaw_ns = t_ns
