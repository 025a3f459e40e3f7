"""A recorder and its producers in one thread, by a clock that is told to move: minutes are recorded in seconds, always alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy.devices._encoder import Codec
from understudy.pipeline.record.finalize import Finished, finalize
from understudy.record.bus import LocalBus, Publisher
from understudy.record.recorder import Ended, Recorder
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.sample import Sample
from understudy.spec.schema import Schema
from understudy.store.dataset import Dataset
from understudy.store.journal_file import JournalFile, RawFile
from understudy.testing.producers import FakeDevice, SteppedClock, body_device, camera_device, on_clock

FEW_STREAMS: Mapping[str, float] = {
    "observations/joint_positions": 200.0,
    "observations/joint_velocities": 200.0,
    "observations/imu_pelvis": 200.0,
    "actions/joint_position_target": 50.0,
}
SMALL = (48, 64, 3)
Change = Callable[[Sequence[Sample]], Iterable[Sample]]
"""What becomes of a device's samples on their way: faults."""


def with_small_cameras(schema: Schema, shape: tuple[int, int, int] = SMALL) -> Schema:
    """The schema with cameras that fill no disk."""
    streams = [s.model_copy(update={"shape": shape}) if s.kind == "image" else s for s in schema.streams]
    return schema.model_copy(update={"streams": tuple(streams)})


def few_devices(
    schema: Schema, robot: RobotModel, *, cameras: Sequence[str] = ("observations/head_left",), codec: Codec = "jpeg"
) -> list[FakeDevice]:
    """A robot with a few streams, and cameras."""
    images = 5 if codec == "jpeg" else 30
    seen = [camera_device(schema, key, images=images, codec=codec) for key in cameras]
    return [body_device(schema, robot, rates=FEW_STREAMS), *seen]


@dataclass
class RecordBench:
    """A recorder with producers.

    Attributes:
        dataset: where takes go.
        devices: producers, by the bench's clock.
        change: device name to what becomes of its samples.
        opener, free: see `Recorder`.
        preroll_s: see `Recorder`.
        token: see `Recorder`.
    """

    dataset: Dataset
    devices: Sequence[FakeDevice]
    change: dict[str, Change] = field(default_factory=dict)
    opener: Callable[[Path], RawFile] = JournalFile
    free: Callable[[Path], int] = lambda folder: 10**12
    preroll_s: float = 2.0
    clock: SteppedClock = field(default_factory=SteppedClock)
    bus: LocalBus = field(default_factory=LocalBus)
    ended: list[Ended] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder = Recorder(
            self.dataset,
            labels={"motion_source": "teleop", "task_id": "sway"},
            clock=self.clock,
            opener=self.opener,
            free=self.free,
            on_ended=self.ended.append,
            preroll_s=self.preroll_s,
        )
        self.devices = [on_clock(device, self.clock) for device in self.devices]
        self.publishers = {device.name: Publisher(self.bus, device.name, clock=device.clock) for device in self.devices}
        self.silent: set[str] = set()
        for device in self.devices:
            device.start()

    def run(self, seconds: float, *, step_s: float = 0.02) -> None:
        """Let time pass: devices are read, messages taken in, everything that has to be done is done."""
        end_ns = self.clock() + round(seconds * 1e9)
        while self.clock() < end_ns:
            self.clock.sleep(step_s)
            for device in self.devices:
                samples = device.read(0.0)
                if device.name in self.silent or not samples:
                    continue
                change = self.change.get(device.name)
                self.publishers[device.name].publish(list(change(samples)) if change else samples)
                answer = device.ping()
                if answer is not None:
                    self.publishers[device.name].publish_pings(device.name, [answer])
            for message in self.bus.receive(0.0, most=10_000):
                self.recorder.take_in(message)
            self.recorder.tick()

    def back(self, name: str) -> None:
        """The device's producer was started anew: another run, numbers from zero."""
        device = next(d for d in self.devices if d.name == name)
        self.publishers[name] = Publisher(self.bus, name, clock=device.clock)
        device.start()
        self.silent.discard(name)

    def record(self, seconds: float) -> str:
        """One take of so many seconds after two seconds of pre-roll, with a closed journal; its id."""
        self.run(self.preroll_s)
        take = self.recorder.start()
        self.run(seconds)
        if self.recorder.activity == "recording":
            self.recorder.stop()
        self.run(0.5)
        self.recorder.close()
        return take

    def finished(self, take: str, *, check: bool = False, keep_journal: bool = False) -> Finished:
        """The take's episode is made here and now."""
        return finalize(self.dataset.root, take, check=check, keep_journal=keep_journal)

    def episode(self, seconds: float) -> Episode:
        """The episode of one take of so many seconds."""
        take = self.record(seconds)
        found = self.finished(take)
        if found.error:
            raise AssertionError(found.error)
        return self.dataset.read(take)
