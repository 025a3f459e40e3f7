"""Clean episodes of the simulated robot: all sensors, two cameras, the recorder and its finalizer, by a stepped clock."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from defects_apart import HeldOut, kept_apart

from understudy.devices import SimClock
from understudy.devices.robot.mujoco import ArmWaves, Mover, MujocoRobot
from understudy.devices.robot.mujoco.movers import Still, smooth_step
from understudy.geom.arrays import F64
from understudy.pipeline.record.finalize import finalize
from understudy.record.bus import LocalBus, Publisher
from understudy.record.recorder import Recorder
from understudy.retarget.retarget import retarget
from understudy.simulate import moves, walker
from understudy.spec.device import Device
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.schema import Schema
from understudy.store.dataset import Dataset
from understudy.testing.producers import camera_device

STEP_S, PREROLL_S, SETTLE_S = 0.02, 2.0, 1.0
"""Step of the clock; how much of the time before its start a take has; how long the robot stands before that."""
LENGTH_S, FADE_S = 6.0, 1.2
"""How long a motion lasts at its usual pace, and how long it takes from the home pose into it and back."""
CAMERAS = ("observations/head_left", "observations/head_right")
RECORDED: dict[str, Mapping[str, str | float]] = {
    "rec_waves_small": {"mover": "waves", "amplitude_rad": 0.15, "rate_hz": 0.3, "lift_m": 0.05},
    "rec_waves": {"mover": "waves", "amplitude_rad": 0.25, "rate_hz": 0.25, "lift_m": 0.05},
    "rec_waves_wide": {"mover": "waves", "amplitude_rad": 0.4, "rate_hz": 0.2, "lift_m": -0.004},
    "rec_waves_quick": {"mover": "waves", "amplitude_rad": 0.2, "rate_hz": 0.45, "lift_m": -0.004},
    "rec_table": {"mover": "waves", "amplitude_rad": 0.2, "rate_hz": 0.3, "lift_m": -0.004, "scene": "table"},
    "rec_still": {"mover": "still", "lift_m": -0.004},
    "rec_reach_right": {"mover": "reach_right", "lift_m": -0.004},
    "rec_reach_left": {"mover": "reach_left", "lift_m": 0.05},
    "rec_reach_table": {"mover": "reach_right", "lift_m": -0.004, "scene": "table"},
    "rec_walk": {"mover": "walk", "lift_m": 0.25},
    "rec_walk_slow": {"mover": "walk_slow", "lift_m": 0.25},
    "rec_squat": {"mover": "squat", "lift_m": 0.3},
    "rec_walk_quick": {"mover": "walk_quick", "lift_m": 0.25},
    "rec_turn": {"mover": "turn", "lift_m": 0.25},
    "rec_swing": {"mover": "swing", "lift_m": 0.25},
}
"""Name to how the robot is moved: by waves, or along the joints of a retargeted motion, held so high that its feet are free."""
_HUMAN = {
    "reach_right": lambda: walker.reach("right"),
    "reach_left": lambda: walker.reach("left", (0.6, 0.1, 0.7)),
    "walk": lambda: walker.walk(8.0, 1.1),
    "walk_slow": lambda: walker.walk(8.0, 0.6),
    "squat": lambda: walker.squat(4.0, 0.3),
    "walk_quick": lambda: walker.walk(6.0, 1.4),
    "turn": lambda: walker.turn(2.5),
    "swing": lambda: moves.swing_arms(0.6),
}
ARMS_ONLY = ("reach_right", "reach_left")
"""Motions of which a robot that stands takes the arms alone. Of wide swings it must take the trunk too, or its hands meet."""

ROOM_RAD, WAVES_ROOM_RAD = 0.15, 0.35
"""How far arms are held away from the body, played and waving ones: nothing in the simulation keeps a hand out of a thigh."""


class Played:
    """The joints of a motion at a pace, once; its last pose from then on."""

    continuous = False

    def __init__(self, robot: RobotModel, motion: RobotMotion, *, pace: float, arms_only: bool) -> None:
        self._t_s = (motion.t_ns - motion.t_ns[0]) * 1e-9 / pace
        self.duration_s = float(self._t_s[-1])
        joint_pos = motion.joint_pos.copy()
        if arms_only:
            arms = {name for side in ("left", "right") for name in robot.profile.groups[f"{side}_arm"]}
            legs = [j for j, name in enumerate(robot.joint_names) if name not in arms]
            joint_pos[:, legs] = robot.home_rad[legs]
        for j, name in enumerate(robot.joint_names):
            if "shoulder_roll" in name:  # outward is where the range is larger
                joint_pos[:, j] += np.copysign(ROOM_RAD, robot.upper_rad[j] + robot.lower_rad[j])
        self._joint_pos = np.clip(joint_pos, robot.lower_rad + 0.02, robot.upper_rad - 0.02)

    def joints_rad(self, t_s: float) -> F64:
        """(J,) targets."""
        at_s = float(np.clip(t_s, 0.0, self._t_s[-1]))
        at = int(np.clip(np.searchsorted(self._t_s, at_s), 1, len(self._t_s) - 1))
        share = float(np.clip((at_s - self._t_s[at - 1]) / (self._t_s[at] - self._t_s[at - 1]), 0.0, 1.0))
        return np.asarray(self._joint_pos[at - 1] * (1.0 - share) + self._joint_pos[at] * share)

    def gripper(self, t_s: float) -> F64:
        """(2,) both jaws open and close slowly."""
        return 0.5 + 0.5 * np.cos(2.0 * np.pi * 0.15 * t_s + np.array([0.0, np.pi / 2.0]))


class Whole:
    """Another mover's motion from beginning to end: out of the home pose, and back into it."""

    continuous = False

    def __init__(self, robot: RobotModel, mover: Mover, *, begin_s: float, length_s: float) -> None:
        self._mover, self._home_rad, self._begin_s, self.end_s = mover, robot.home_rad, begin_s, begin_s + length_s

    def joints_rad(self, t_s: float) -> F64:
        """(J,) targets."""
        share = smooth_step((t_s - self._begin_s) / FADE_S) * smooth_step((self.end_s - t_s) / FADE_S)
        return np.asarray(self._home_rad + share * (self._mover.joints_rad(max(t_s - self._begin_s, 0.0)) - self._home_rad))

    def gripper(self, t_s: float) -> F64:
        """(2,) as the other mover has it, from the start on."""
        return self._mover.gripper(t_s)


def record(
    name: str,
    settings: Mapping[str, str | float],
    number: int,
    robot: RobotModel,
    schema: Schema,
    labels: Mapping[str, MetadataValue],
    work: Path,
) -> Episode:
    """One take of a whole motion, 3 to 8 seconds, recorded and finalized.

    Args:
        name: id of the episode.
        settings: a value of `RECORDED`.
        number: varies noise, pace, and when the operator starts and stops.
        robot: which is simulated.
        schema: of the dataset.
        labels: metadata.
        work: folder for what is temporary.
    """
    clock, bus = SimClock(1_000_000_000_000), LocalBus()
    mover = _mover(settings, robot, number)
    lift_m, scene = float(settings.get("lift_m", 0.05)), str(settings.get("scene", "empty"))
    body = MujocoRobot(robot, schema, clock=clock, mover=mover, scene=scene, lift_m=lift_m, noise_seed=number + 1)
    cameras = [
        replace(camera_device(schema, key, seed=100 * number + k), now=clock.now_ns, sleep=lambda seconds: None)
        for k, key in enumerate(CAMERAS)
    ]
    with tempfile.TemporaryDirectory(prefix="understudy-", dir=work) as folder:
        dataset = Dataset.create(Path(folder) / "set", schema, robot)
        said = {**labels, "motion_source": "simulation"}
        recorder = Recorder(dataset, labels=said, clock=clock.now_ns)
        devices: list[Device] = [body, *cameras]
        publishers = [Publisher(bus, device.name, clock=device.clock) for device in devices]
        for device in devices:
            device.start()

        def live(seconds: float) -> None:
            for _ in range(round(seconds / STEP_S)):
                clock.advance(STEP_S)
                for device, publisher in zip(devices, publishers, strict=True):
                    samples = device.read(0.0)
                    if samples:
                        publisher.publish(samples)
                for message in bus.receive(0.0, most=10_000):
                    recorder.take_in(message)
                recorder.tick()

        live(SETTLE_S + PREROLL_S)
        take = recorder.start()
        live(mover.end_s + 0.2 + 0.1 * (number % 4) - SETTLE_S - PREROLL_S)
        recorder.stop()
        live(0.5)
        recorder.close()
        finished = finalize(dataset.root, take, check=False)
        if finished.error:
            raise SystemExit(f"{name}: {finished.error}")
        episode = dataset.read(take)
        loaded = {key: stream.with_values(stream.data, stream.t_ns) for key, stream in episode.streams.items()}
        return replace(episode, id=name, streams=loaded)


def _mover(settings: Mapping[str, str | float], robot: RobotModel, number: int) -> Whole:
    """How the robot is moved, at the pace of that variant: nowhere nearer to itself or to things than `kept_apart` says."""
    what, pace = str(settings["mover"]), (1.0, 0.8, 1.2, 0.9, 1.1)[number % 5]
    begin_s, length_s = SETTLE_S + 0.2 + 0.1 * (number % 3), LENGTH_S / pace

    def waves(share: float) -> Whole:
        size_rad, rate_hz = share * pace * float(settings["amplitude_rad"]), pace * float(settings["rate_hz"])
        moved = HeldOut(robot, ArmWaves(robot, amplitude_rad=size_rad, rate_hz=rate_hz, raise_s=STEP_S), WAVES_ROOM_RAD)
        return Whole(robot, moved, begin_s=begin_s, length_s=length_s)

    def other(share: float) -> Whole:
        if share < 1.0:
            raise SystemExit(f"the motion {what!r} brings limbs too near to something; choose another")
        if what == "still":
            return Whole(robot, Still(robot), begin_s=begin_s, length_s=length_s)
        played = Played(robot, retarget(_HUMAN[what](), robot).motion, pace=0.8 * pace, arms_only=what in ARMS_ONLY)
        return Whole(robot, played, begin_s=begin_s, length_s=min(length_s, played.duration_s))

    scene, lift_m = str(settings.get("scene", "empty")), float(settings.get("lift_m", 0.05))
    return kept_apart(waves if what == "waves" else other, robot, scene=scene, lift_m=lift_m)
