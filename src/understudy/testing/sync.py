"""Takes and episodes of an arm that moves sharply, with every stream late by what the test says, for what measures that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from understudy.devices.benches._path import ArmPath
from understudy.devices.benches._sensors import Camera, Encoders, Inertial, Markers, Sensor, Wrist
from understudy.geom.arrays import I64, AnyArray
from understudy.spec.clock import ClockModel, DeviceClock, clock_json
from understudy.spec.default_schema import default_schema, schema_toml
from understudy.spec.episode import Episode, MetadataValue, even_timeline
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream
from understudy.testing.episodes import METADATA
from understudy.testing.stand_in import stand_in_robot

ENCODERS = "observations/joint_positions"
T0_NS = 5_000_000_000_000


@dataclass(frozen=True)
class Link:
    """How one stream's samples are stamped and come in.

    Attributes:
        late_s: from the moment to the device's stamp.
        drift_ppm, epoch_ns: of the device's clock.
        transport_s, jitter_s: from stamp to arrival, least and mean of what comes on top.
    """

    late_s: float = 0.0
    drift_ppm: float = 0.0
    epoch_ns: int = 1_700_000_000_000_000_000
    transport_s: float = 0.001
    jitter_s: float = 0.001

    def device_ns(self, host_ns: I64) -> I64:
        """(N,) what the device's clock shows."""
        since = host_ns - T0_NS
        return np.asarray(self.epoch_ns + np.rint(since / (1.0 + self.drift_ppm * 1e-6)).astype(np.int64))

    def model(self, source: str) -> ClockModel:
        """The true clock."""
        return ClockModel(source, "ping", T0_NS - self.epoch_ns, self.drift_ppm, self.epoch_ns, 0, 100)


def sharp_path(motions: int, rng: np.random.Generator, *, swing_rad: float = 0.35, gap_s: float = 1.1) -> tuple[ArmPath, float]:
    """An arm that goes out and back, each after a rest, and how long that takes, seconds."""
    path = ArmPath(0.0)
    for k in range(motions):
        path.go(1.0 + k * gap_s + rng.uniform(0.0, 0.1), 0.0 if k % 2 else swing_rad)
    return path, 1.0 + motions * gap_s + 1.0


def arm_sensors(robot: RobotModel) -> tuple[Sensor, ...]:
    """Encoders, inertial sensor, wrist, markers and a camera on the arm."""
    return Encoders(robot, 18), Inertial(), Wrist(), Markers(), Camera()


def sharp_streams(
    links: Mapping[str, Link],
    *,
    motions: int = 20,
    seed: int = 0,
    sensors: tuple[Sensor, ...] | None = None,
    from_clocks: bool = True,
) -> dict[str, Stream]:
    """Recorded streams of a take with sharp motions.

    Args:
        links: stream name to how it is stamped; the others are exact and come in at once.
        motions: out and back by turns.
        seed: of noise, phases and jitter.
        sensors: which; all when None.
        from_clocks: stamps are those of the true clock; else those of arrival.
    """
    rng = np.random.default_rng(seed)
    path, ends_s = sharp_path(motions, rng)
    out = {}
    for sensor in sensors or arm_sensors(stand_in_robot()):
        link = links.get(sensor.spec.name, Link(transport_s=0.0, jitter_s=0.0))
        out[sensor.spec.key] = _stream(sensor, link, path, ends_s, rng, from_clocks=from_clocks)
    return out


def _stream(sensor: Sensor, link: Link, path: ArmPath, ends_s: float, rng: np.random.Generator, *, from_clocks: bool) -> Stream:
    rate = sensor.spec.rate_hz
    t_s = np.arange(rng.uniform(0.0, 1.0 / rate), ends_s, 1.0 / rate)
    data: AnyArray = sensor.measure(path, t_s, rng)
    stamped = T0_NS + np.rint((t_s + link.late_s) * 1e9).astype(np.int64)
    held = link.transport_s + (rng.exponential(link.jitter_s, len(t_s)) if link.jitter_s else 0.0)
    arrival = np.maximum.accumulate(stamped + np.rint(np.broadcast_to(held, t_s.shape) * 1e9).astype(np.int64))
    extra = {
        "t_device_ns": link.device_ns(stamped),
        "t_arrival_ns": arrival,
        "seq": np.arange(len(t_s), dtype=np.int64),
        "valid": np.ones(len(t_s), dtype=np.bool_),
    }
    return Stream(sensor.spec, stamped if from_clocks else arrival, data, "", extra)


def sharp_episode(
    links: Mapping[str, Link] | None = None,
    *,
    motions: int = 6,
    seed: int = 0,
    from_clocks: bool = True,
    with_clocks: bool = True,
    episode_id: str = "2026-01-02T101500_arm_001",
    robot: RobotModel | None = None,
    rest: bool = False,
) -> Episode:
    """An episode with raw stamps and clock models, recorded of an arm that moves sharply.

    Args:
        links: stream name to how it is stamped.
        motions: how many. seed: of everything random.
        from_clocks: stamps are those of the clocks; else of arrival.
        with_clocks: the clock models are in the metadata.
        episode_id: file stem.
        robot: any; the stand-in when None.
        rest: nothing moves.
    """
    robot = robot or stand_in_robot()
    links = links or {}
    streams = sharp_streams(links, motions=0 if rest else motions, seed=seed, sensors=arm_sensors(robot), from_clocks=from_clocks)
    schema = default_schema(robot, "sharp")
    declared = {spec.key: spec for spec in schema.streams}
    encoders = streams[ENCODERS]
    for name in ("joint_velocities",):
        streams[f"observations/{name}"] = Stream(
            declared[f"observations/{name}"], encoders.t_ns, np.zeros(encoders.data.shape), "derivative"
        )
    targets = Stream(declared["actions/joint_position_target"], encoders.t_ns, encoders.data, "next_state")
    streams["actions/joint_position_target"] = targets
    fitted = {key: replace(stream, spec=declared[key]) for key, stream in streams.items() if key != "observations/head_left"}
    camera = streams["observations/head_left"]
    fitted["observations/head_left"] = replace(camera, spec=declared["observations/head_left"])
    metadata: dict[str, MetadataValue] = {
        **METADATA,
        "task_id": "arm",
        "motion_source": "teleop",
        "language_instruction": "move an arm",
    }
    metadata["record_latencies_ns"] = json.dumps({})
    if with_clocks:
        for key, stream in streams.items():
            if "t_device_ns" in stream.extra:
                clock = DeviceClock.of(links.get(stream.spec.name, Link()).model(stream.spec.name), (key,))
                metadata[f"record_clock_{stream.spec.name}"] = clock_json(clock)
    return Episode(
        id=episode_id,
        robot=robot.name,
        model_sha256=robot.model_sha256,
        joint_names=robot.joint_names,
        timeline_ns=even_timeline(int(encoders.t_ns[0]), int(encoders.t_ns[-1]), 50.0),
        streams=fitted,
        metadata=metadata,
        schema_toml=schema_toml(schema),
    )
