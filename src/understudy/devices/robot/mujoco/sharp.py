"""Sharp motions of one joint at a time: landmarks from which the lag of every stream is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.devices.robot.mujoco.feedforward import FeedForward
from understudy.devices.robot.mujoco.movers import joints_named, raised_arms, smooth_step
from understudy.geom.arrays import F64
from understudy.spec.robot import RobotModel

SWING_RAD = 0.35
RISE_S = 0.3
"""Slow enough for every servo to follow within its effort limit, and quick enough to be sharp: 2.2 rad/s at its middle."""
RAISE_S = 1.2
_MOVED = ("waist_yaw", "left_shoulder_pitch", "left_elbow", "right_shoulder_pitch", "right_elbow")
_NO_WAIST = "torso"
_ROOM = 0.8


def sharp_sides(robot: RobotModel, *, swing_rad: float = SWING_RAD) -> tuple[F64, ...]:
    """(J,) poses: first that of rest with raised arms, then one for each joint that moves.

    Waist, left shoulder, left elbow, right shoulder, right elbow: the waist turns what IMUs and head cameras sit on; an arm moves
    its wrist and what all cameras see, and nothing else, so that the sway of the gantry is in no wrench.

    Args:
        robot: any.
        swing_rad: how far a joint goes, to the side where it has more room; less where its limit is near.
    """
    rest = raised_arms(robot)
    out = [rest]
    for name in _MOVED:
        found = joints_named(robot, name) or (joints_named(robot, _NO_WAIST) if name == _MOVED[0] else [])
        if found:
            joint, there = found[0], rest.copy()
            up, down = robot.upper_rad[joint] - rest[joint], rest[joint] - robot.lower_rad[joint]
            there[joint] += min(swing_rad, _ROOM * up) if up >= down else -min(swing_rad, _ROOM * down)
            out.append(there)
    return tuple(out)


@dataclass(frozen=True)
class Glide:
    """From one pose to another, rest to rest, along the curve of least jerk; the way there mirrors the way back.

    Attributes:
        here, there: (J,) rad.
        lasts_s: how long it takes.
    """

    here: F64
    there: F64
    lasts_s: float

    def at(self, t_s: float) -> tuple[F64, F64, F64]:
        """(J,) angles, speeds and accelerations `t_s` after it began."""
        u, way = min(max(t_s / self.lasts_s, 0.0), 1.0), self.there - self.here
        speed = 30.0 * u**2 * (1.0 - u) ** 2 / self.lasts_s
        acceleration = 60.0 * u * (1.0 - 3.0 * u + 2.0 * u**2) / self.lasts_s**2
        return self.here + smooth_step(u) * way, speed * way, acceleration * way


class SharpMotions:
    """One joint after the other goes out and back, with rest in between, arms raised: the poses of `sharp_sides`.

    Motion n begins at `first_s + n * every_s` and takes `rise_s`: out where n is even, back where it is odd; two motions a joint.
    The servos are fed forward, so that joints go where they are sent when they are sent, and hands do not swing. Jaws stay open.
    """

    continuous = True

    def __init__(
        self,
        robot: RobotModel,
        *,
        rise_s: float = RISE_S,
        every_s: float = 1.1,
        first_s: float = 2.5,
        raise_s: float = RAISE_S,
    ) -> None:
        """Motions without end.

        Args:
            robot: whose joints move.
            rise_s: how long a motion takes.
            every_s: from the beginning of one to that of the next.
            first_s: when the first one begins.
            raise_s: how long the arms take from the home pose to where they are at rest.
        """
        self._rest, *self._others = sharp_sides(robot)
        self._raise = Glide(robot.home_rad, self._rest, raise_s)
        self._rise_s, self._every_s, self._first_s = rise_s, every_s, first_s
        self._servos = FeedForward(robot)

    def joints_rad(self, t_s: float) -> F64:
        """(J,) targets."""
        return self._servos.targets(*self.motion(t_s))

    def motion(self, t_s: float) -> tuple[F64, F64, F64]:
        """(J,) angles, speeds and accelerations that the joints have at `t_s`."""
        n = int(np.floor((t_s - self._first_s) / self._every_s))
        if n < 0 or not self._others:
            return self._raise.at(t_s)
        there = self._others[n // 2 % len(self._others)]
        here, there = (self._rest, there) if n % 2 == 0 else (there, self._rest)
        return Glide(here, there, self._rise_s).at(t_s - self._first_s - n * self._every_s)

    def gripper(self, t_s: float) -> F64:
        """(2,) open."""
        return np.ones(2)
