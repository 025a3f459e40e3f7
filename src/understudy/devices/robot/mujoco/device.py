"""The simulated robot as a device: physics up to now, and every stream's samples on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from understudy.devices._clocks import NS_PER_S, Clock, HostClock
from understudy.devices._schedule import Schedule
from understudy.devices.robot.mujoco.drive import Command, Drive
from understudy.devices.robot.mujoco.movers import Mover, Still
from understudy.devices.robot.mujoco.noise import SensorNoise
from understudy.devices.robot.mujoco.simulation import Simulation, step_at
from understudy.devices.robot.mujoco.streams import (
    COMMANDED,
    CONTROL_MODE,
    GRIPPER,
    GRIPPER_TARGET,
    TARGET,
    columns,
    has_jaws,
    measures,
    specs,
)
from understudy.devices.robot.mujoco.world import STEP_NS
from understudy.errors import DeviceError
from understudy.geom.arrays import F64, AnyArray
from understudy.spec.default_schema import default_schema
from understudy.spec.device import ClockKind
from understudy.spec.robot import RobotModel
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.schema import Schema

HOLD = 0
"""The control mode of a robot in a gantry."""
MOST_LAG_S = 2.0
"""A robot that was not read for longer does not live through that time: it shows as a gap."""
_MOVE, _GLIDE = "move", "glide"
_log = logging.getLogger(__name__)

Watcher = Callable[[int, F64], None]
"""Called with a stamp and the `qpos` at that instant."""


class MujocoRobot:
    """A robot whose pelvis hangs in a gantry and whose joints follow position targets within their effort limits.

    Whoever reads it makes it live: `read` simulates up to the clock's time. Stamps are the clock's (kind `host`); a sample's
    `t_ns` is the instant of the physics it was measured at, exactly. `command` may be called from any thread.
    """

    clock: ClockKind = "host"

    def __init__(
        self,
        robot: RobotModel,
        schema: Schema | None = None,
        *,
        name: str = "robot",
        clock: Clock | None = None,
        mover: Mover | None = None,
        rates_hz: Mapping[str, float] | None = None,
        scene: str = "empty",
        lift_m: float = 0.05,
        noise_seed: int | None = None,
    ) -> None:
        """A robot that hangs still until it is started.

        Args:
            robot: any robot.
            schema: which streams to make, with which rates; every standard stream where none is given. Commands are given, and
                repeated where none come, at its control rate.
            name: on the bus.
            clock: what it lives on; the host's by default.
            mover: what moves it until it is commanded.
            rates_hz: stream key to rate, over the schema's; up to 800 Hz.
            scene: a name of `scenes.props.SCENES`.
            lift_m: of the soles over the floor; below 0 they press on it.
            noise_seed: of the sensors' noise; without one they have none.

        Raises:
            DeviceError: a rate above 800 Hz, or for a stream that is not made; or the schema's actions are no positions.
            UnknownNameError, ModelError: as `physics_spec`.
        """
        schema = schema or default_schema(robot, "simulation")
        if schema.action_kind != "position":
            raise DeviceError(
                f"{name}: the schema's actions are {schema.action_kind} targets; the simulated robot takes positions"
            )
        self.robot, self.name, self.time = robot, name, clock or HostClock()
        self.simulation = Simulation(robot, scene=scene, lift_m=lift_m)
        self._measures = measures(robot, has_object=bool(self.simulation.objects))
        jaws = (GRIPPER, GRIPPER_TARGET) if has_jaws(robot) else ()
        self.streams = specs(schema, (*self._measures, TARGET, CONTROL_MODE, *jaws), rates_hz or {}, schema.control_rate_hz)
        self._spec = {spec.key: spec for spec in self.streams}
        self._columns = {spec.key: columns(spec, robot) for spec in self.streams}
        self._rates = {spec.key: spec.rate_hz for spec in self.streams if spec.key not in COMMANDED}
        self._rates[_MOVE] = schema.control_rate_hz
        self._noise = SensorNoise(self.streams if noise_seed is not None else (), noise_seed or 0)
        self._watchers: dict[str, Watcher] = {}
        self._drive = Drive(robot.home_rad, mover or Still(robot), period_s=1.0 / schema.control_rate_hz)
        if self._drive.continuous:
            self._rates[_GLIDE] = NS_PER_S / STEP_NS
        self._schedule: Schedule | None = None
        self._start_ns = 0
        self._given = 0
        for key, rate_hz in self._rates.items():
            _check_rate(name, key, rate_hz)

    def watch(self, rate_hz: float, watcher: Watcher) -> None:
        """Have a function called at an even rate with the state at that instant, in the thread that reads.

        Raises:
            DeviceError: the robot has been started, or the rate is above 800 Hz.
        """
        if self._schedule is not None:
            raise DeviceError(f"{self.name}: watched after its start; watch first")
        key = f"watcher {len(self._watchers)}"
        _check_rate(self.name, key, rate_hz)
        self._rates[key], self._watchers[key] = rate_hz, watcher

    def start(self) -> None:
        """Begin to live, at the clock's present time."""
        self._start_ns = self.time.now_ns() - self.simulation.step * STEP_NS
        self._schedule = Schedule(self._rates, self.time.now_ns())
        self._drive.start(self.time.now_ns())

    def command(self, q_rad: F64, t_ns: int) -> None:
        """Send the joints to (J,) targets, radians in the robot's order, at `t_ns` or as soon after it as possible.

        Raises:
            DeviceError: another shape, or a value that is no number.
        """
        self._drive.put(t_ns, Command(q_rad=_checked(q_rad, self.robot.dof, f"{self.name}: joint targets")))

    def command_gripper(self, opening: F64, t_ns: int) -> None:
        """Send the jaws (left, right) to an opening, 0 shut to 1 open, at `t_ns` or as soon after it as possible.

        Raises:
            DeviceError: another shape, a value that is no number, or a robot with fingers.
        """
        if not has_jaws(self.robot):
            raise DeviceError(f"{self.name}: {self.robot.name} has fingers, which are joints; command these")
        self._drive.put(t_ns, Command(gripper=np.clip(_checked(opening, 2, f"{self.name}: jaws"), 0.0, 1.0)))

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """Live up to the clock's present time, after waiting for the next sample to be due.

        Raises:
            DeviceError: it was not started, or is closed.
        """
        if self._schedule is None:
            raise DeviceError(f"{self.name}: read before start, or after close")
        self.time.wait(min(self._schedule.next_ns, self._drive.next_ns) + STEP_NS, timeout_s)
        return list(self._live(self._schedule, self.time.now_ns()))

    def ping(self) -> ClockPing | None:
        """None: its stamps are the host's."""
        return None

    def close(self) -> None:
        """Stop living."""
        self._schedule = None

    def _live(self, schedule: Schedule, now_ns: int) -> Iterator[Sample]:
        self._skip(now_ns)
        while True:
            due_ns = min(schedule.next_ns, self._drive.next_ns)
            step = max(step_at(due_ns - self._start_ns), self.simulation.step)
            t_ns = self._start_ns + step * STEP_NS
            if t_ns > now_ns:
                return
            self.simulation.run_to(step)
            yield from self._instant(t_ns, schedule.take(t_ns))

    def _skip(self, now_ns: int) -> None:
        """Let time go by without living through it where too much has."""
        lag_ns = now_ns - (self._start_ns + self.simulation.step * STEP_NS)
        if lag_ns > MOST_LAG_S * NS_PER_S:
            _log.warning("%s was not read for %.1f s; that time is missing from its streams", self.name, lag_ns / NS_PER_S)
            self._start_ns += lag_ns // STEP_NS * STEP_NS

    def _instant(self, t_ns: int, due: Mapping[str, int]) -> Iterator[Sample]:
        given = self._drive.step(t_ns, on_grid=_MOVE in due)
        self.simulation.set_target(self._drive.target_rad)
        if given:
            yield from self._commanded(t_ns)
        for key, watcher in self._watchers.items():
            if key in due:
                watcher(t_ns, self.simulation.qpos)
        if GRIPPER in due:
            yield self._sample(GRIPPER, self._drive.gripper, t_ns, due[GRIPPER])
        wanted = [key for key in due if key in self._measures]
        look = self.simulation.look() if wanted else None
        for key in wanted:
            assert look is not None
            yield self._sample(key, self._noise.on(key, self._measures[key](look)), t_ns, due[key])

    def _commanded(self, t_ns: int) -> Iterator[Sample]:
        values = {TARGET: self._drive.target_rad, GRIPPER_TARGET: self._drive.gripper_target, CONTROL_MODE: np.array(HOLD)}
        for key, value in values.items():
            if key in self._spec:
                yield self._sample(key, value, t_ns, self._given)
        self._given += 1

    def _sample(self, key: str, value: AnyArray, t_ns: int, seq: int) -> Sample:
        picked = self._columns[key]
        data = np.array(value if picked is None else value[picked], dtype=self._spec[key].dtype)
        return Sample(key, data, t_ns, NO_STAMP, self.time.arrival_ns(t_ns), seq)


def _check_rate(name: str, key: str, rate_hz: float) -> None:
    if not 0.0 < rate_hz <= NS_PER_S / STEP_NS:
        raise DeviceError(f"{name}: {key} at {rate_hz} Hz; above 0, up to {NS_PER_S // STEP_NS} Hz is allowed")


def _checked(values: F64, count: int, what: str) -> F64:
    out = np.array(values, dtype=np.float64)
    if out.shape != (count,) or not np.isfinite(out).all():
        raise DeviceError(
            f"{what} of shape {out.shape}, {np.count_nonzero(~np.isfinite(out))} of them no numbers; ({count},) is due"
        )
    return out
