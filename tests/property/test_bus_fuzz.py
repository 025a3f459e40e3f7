"""Whatever comes over the bus: the recorder refuses it or takes it, and never falls."""

from __future__ import annotations

import random

import msgpack
import numpy as np
import pytest

from understudy.errors import BusError
from understudy.record.bus import LocalBus, Publisher
from understudy.record.commands import parsed
from understudy.record.intake import Intake, Part
from understudy.record.wire import decode_batch
from understudy.spec.default_schema import default_schema
from understudy.spec.sample import NO_STAMP, Sample
from understudy.testing.producers import camera_device
from understudy.testing.producers_bench import with_small_cameras
from understudy.testing.stand_in import stand_in_robot

NOW = 10**12
SCHEMA = with_small_cameras(default_schema(stand_in_robot(), "fuzz"))


def _messages() -> list[list[bytes]]:
    bus = LocalBus()
    publisher = Publisher(bus, "robot", token="a-good-token")
    camera = camera_device(SCHEMA, "observations/head_left", images=1)
    image = camera.values(camera.streams[0], 0.0)
    joints = [Sample("observations/joint_positions", np.zeros(29), NOW - 100 + k, 5, NOW, k, k % 2 == 0) for k in range(3)]
    publisher.publish([*joints, Sample("observations/head_left", image, NOW, NO_STAMP, NOW, 0)])
    publisher.publish_pings("robot", [])
    return bus.receive(0.0)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_messages_are_refused(seed: int) -> None:
    rng, originals = random.Random(seed), _messages()
    intake = Intake(SCHEMA)
    for _ in range(400):
        message = [bytearray(part) for part in rng.choice(originals)]
        for _ in range(rng.randrange(1, 4)):
            _damage(message, rng)
        let_in = intake.take([bytes(part) for part in message], NOW)
        for part in let_in:
            if isinstance(part, Part):
                batch = decode_batch(part.head, part.payload)  # what is let in is whole
                assert len(batch) == part.samples
                if batch.sizes is None and np.dtype(batch.dtype).kind == "f":
                    assert np.isfinite(batch.values()).all()
    counted = sum(ledger.refused for ledger in intake.ledgers.values()) + intake.refused
    assert counted > 0
    for ledger in intake.ledgers.values():
        assert ledger.received >= 0 <= ledger.lost


def _damage(message: list[bytearray], rng: random.Random) -> None:
    kind = rng.randrange(6)
    part = rng.choice(message) if message else bytearray()
    if kind == 0 and part:
        part[rng.randrange(len(part))] = rng.randrange(256)
    elif kind == 1:
        del part[rng.randrange(len(part) + 1) :]
    elif kind == 2:
        part += rng.randbytes(rng.randrange(1, 20))
    elif kind == 3 and message:
        del message[rng.randrange(len(message))]
    elif kind == 4:
        message.insert(rng.randrange(len(message) + 1), bytearray(rng.randbytes(rng.randrange(30))))
    elif len(message) > 1:
        message[rng.randrange(len(message))] = bytearray(rng.choice(message))


@pytest.mark.parametrize("seed", range(4))
def test_the_quick_way_in_takes_what_the_slow_one_takes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, bus = np.random.default_rng(seed), LocalBus(most=10_000)
    publishers = [Publisher(bus, "robot"), Publisher(bus, "other")]
    seq, t_ns = 0, NOW
    for _ in range(300):
        samples = []
        for _ in range(int(rng.integers(1, 6))):
            seq += int(rng.choice([1, 1, 1, 1, 3, 0, -2]))
            t_ns += int(rng.choice([5_000_000, 5_000_000, 5_000_000, 0, -8_000_000, 200_000_000]))
            value = np.zeros(29) if rng.random() < 0.95 else np.full(29, np.nan)
            samples.append(Sample("observations/joint_positions", value, t_ns, NO_STAMP, t_ns, seq, bool(rng.random() < 0.9)))
        publishers[int(rng.random() < 0.05)].publish(samples)
    messages = [(NOW + k * 20_000_000, message) for k, message in enumerate(bus.receive(0.0, most=10_000))]

    def let_in() -> tuple[list[bytes], dict[str, object]]:
        intake = Intake(SCHEMA)
        parts = [part for now_ns, message in messages for part in intake.take(message, now_ns)]
        counts = vars(intake.ledgers["observations/joint_positions"])
        return [part.head for part in parts], {name: value for name, value in counts.items() if not name.startswith("_")}

    quickly = let_in()
    monkeypatch.setattr("understudy.record.intake.glance", lambda *args, **kwargs: None)
    assert let_in() == quickly
    assert len(quickly[0]) > 50


@pytest.mark.parametrize("seed", range(4))
def test_any_map_for_a_head_is_refused_or_taken(seed: int) -> None:
    rng = random.Random(seed)
    keys = ["stream", "dtype", "shape", "sizes", "seq", "t_ns", "t_device_ns", "t_arrival_ns", "valid", "other", 3]
    values: list[object] = [
        None,
        True,
        -1,
        2**63,
        1.5,
        "float64",
        "jpeg",
        "observations/gripper",
        [2],
        [],
        [[1]],
        {},
        b"",
        b"\0" * 8,
        b"\1",
    ]
    for _ in range(1500):
        head = msgpack.packb({rng.choice(keys): rng.choice(values) for _ in range(rng.randrange(10))})
        try:
            decode_batch(head, rng.choice([b"", b"\0" * 8, b"\0" * 16]))
        except BusError as error:
            assert str(error)  # noqa: PT017


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_for_a_command_are_refused_or_taken(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(1000):
        body = rng.choice([b"", b"{", b'{"cmd":', b"\x81\xa3cmd"]) + rng.randbytes(rng.randrange(40))
        for text in (True, False):
            try:
                assert isinstance(parsed(body, text=text), dict)
            except BusError as error:
                assert str(error)  # noqa: PT017
