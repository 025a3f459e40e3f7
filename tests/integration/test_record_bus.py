"""The bus in one process and over ZeroMQ: nothing waits, nothing grows without end, every drop is counted and told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from understudy.errors import BusError, DeviceError
from understudy.pipeline.record.devices import run_devices
from understudy.record.address import BusAddress, parse_address
from understudy.record.bus import Link, Listener, LocalBus, Publisher
from understudy.record.commands import COMMANDS, CommandDoor, Commander, done, refused
from understudy.record.intake import Intake
from understudy.record.producer import run_device
from understudy.record.remote_clock import RemoteClock
from understudy.record.zmq_bus import ZmqLink, ZmqListener
from understudy.spec.default_schema import default_schema
from understudy.spec.sample import NO_STAMP, Sample
from understudy.testing.producers import FakeDevice
from understudy.testing.producers_bench import few_devices, with_small_cameras
from understudy.testing.stand_in import stand_in_robot

LONG_S = 20.0
X, CAM = "observations/joint_positions", "observations/head_left"
SCHEMA = with_small_cameras(default_schema(stand_in_robot(), "bus"))


@pytest.fixture(params=["local", "ipc", "tcp"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Listener, Link]]:
    if request.param == "local":
        bus = LocalBus()
        yield bus, bus
        return
    address = parse_address(f"ipc://{tmp_path}/bus" if request.param == "ipc" else f"tcp://127.0.0.1:{_free_port()}")
    listener, link = ZmqListener(address), ZmqLink(address)
    yield listener, link
    link.close()
    listener.close()


def _free_port() -> int:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.REP) as socket:
        port = int(socket.bind_to_random_port("tcp://127.0.0.1", min_port=20000, max_port=60000))
    context.term()
    return port


def _receive(listener: Listener, count: int) -> list[list[bytes]]:
    out: list[list[bytes]] = []
    until_s = time.monotonic() + LONG_S
    while len(out) < count and time.monotonic() < until_s:
        out += listener.receive(0.1)
    return out


def _x(seq: int) -> Sample:
    now = time.monotonic_ns()
    return Sample(X, np.full(29, float(seq)), now, NO_STAMP, now, seq)


def test_messages_come_in_order_and_whole(ends: tuple[Listener, Link]) -> None:
    listener, link = ends
    publisher, intake = Publisher(link, "robot"), Intake(SCHEMA)
    for seq in range(50):
        publisher.publish([_x(seq)])
    for message in _receive(listener, 50):
        intake.take(message, time.monotonic_ns())
    ledger = intake.ledgers[X]
    assert (ledger.received, ledger.lost, ledger.refused, publisher.dropped) == (50, 0, 0, {})


def test_a_bus_that_nobody_reads_takes_no_more_and_makes_nobody_wait(tmp_path: Path) -> None:
    address = parse_address(f"ipc://{tmp_path}/bus")
    for link in (LocalBus(most=20, most_images=5), ZmqLink(address, most=20, most_images=5)):
        publisher = Publisher(link, "robot")
        began_s = time.monotonic()
        for seq in range(100):
            now = time.monotonic_ns()
            publisher.publish([_x(seq), Sample(CAM, b"\xff\xd8\xff", now, NO_STAMP, now, seq)])
        assert time.monotonic() - began_s < LONG_S
        assert publisher.dropped == {X: 80, CAM: 95}
        publisher.close()


def test_what_a_producer_dropped_is_told_when_somebody_reads_again() -> None:
    bus = LocalBus(most=10, most_images=5)
    publisher, intake = Publisher(bus, "robot"), Intake(SCHEMA)
    for seq in range(30):
        publisher.publish([_x(seq)])
    for message in bus.receive(0.0):
        intake.take(message, time.monotonic_ns())
    publisher.publish([_x(30)])
    for message in bus.receive(0.0):
        intake.take(message, time.monotonic_ns())
    ledger = intake.ledgers[X]
    assert (ledger.received, ledger.dropped_by_producer, ledger.lost) == (11, 20, 20)


def test_a_recorder_that_comes_later_finds_what_waits(tmp_path: Path) -> None:
    address = parse_address(f"ipc://{tmp_path}/bus")
    publisher = Publisher(ZmqLink(address), "robot")
    publisher.publish([_x(0)])
    listener = ZmqListener(address)
    assert len(_receive(listener, 1)) == 1
    listener.close()
    publisher.close()


def test_an_address_is_one_recorders(tmp_path: Path) -> None:
    for text in (f"ipc://{tmp_path}/bus", f"tcp://127.0.0.1:{_free_port()}"):
        listener = ZmqListener(parse_address(text))
        with pytest.raises(BusError, match="listens there already"):
            ZmqListener(parse_address(text))
        listener.close()
    with pytest.raises(BusError, match="cannot listen"):
        ZmqListener(BusAddress(f"ipc://{tmp_path}/none/bus", ""))


def test_a_socket_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    listener = ZmqListener(parse_address(f"ipc://{tmp_path}/bus"))
    assert (tmp_path / "bus").stat().st_mode & 0o077 == 0
    listener.close()


def test_a_device_is_run_until_it_is_told_to_stop() -> None:
    bus, stop, intake = LocalBus(), threading.Event(), Intake(SCHEMA)
    robot = few_devices(SCHEMA, stand_in_robot())[0]
    robot.clock = "ping"
    thread = threading.Thread(target=run_device, args=(robot, Publisher(bus, "robot", clock="ping"), stop))
    thread.start()
    until_s, pings = time.monotonic() + LONG_S, 0
    while (intake.ledgers[X].received < 100 or pings < 3) and time.monotonic() < until_s:
        for message in bus.receive(0.1):
            pings += sum(hasattr(part, "device") for part in intake.take(message, time.monotonic_ns()))
    stop.set()
    thread.join()
    assert intake.ledgers[X].lost == intake.refused == 0
    assert intake.ledgers[X].received >= 100
    assert pings >= 3


class _Broken(FakeDevice):
    def start(self) -> None:
        self.closed = False
        raise DeviceError("robot: its plug is out; put it in")

    def close(self) -> None:
        self.closed = True


def test_a_device_that_is_not_there_says_so_and_is_closed(tmp_path: Path) -> None:
    device = _Broken("robot", (SCHEMA.stream(X),), lambda spec, t_s: np.zeros(29))
    assert run_devices([device], f"ipc://{tmp_path}/bus", threading.Event()) == [
        "device robot: robot: its plug is out; put it in"
    ]
    assert device.closed


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[BusAddress, CommandDoor]]:
    address = parse_address(f"ipc://{tmp_path}/bus?token=the-right-token")
    reading = {
        "clock": lambda given: done(t_ns=42),
        "thumbnail": lambda given: {**done(), "image": b"\xff\xd8"},
        "health": _infinite,
    }
    opened = CommandDoor(address, reading)
    yield address, opened
    opened.close()


def _infinite(given: object) -> dict[str, object]:
    return {**done(), "age_s": float("inf"), "list": [float("nan"), 1.0]}


def _raw(address: BusAddress, body: bytes) -> dict[str, object]:
    """A request as another program would send it."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(address.commands)
        socket.send(body)
        assert socket.poll(round(LONG_S * 1e3))
        found: dict[str, object] = json.loads(socket.recv_multipart()[0])
    context.term()
    return found


def test_commands_are_answered_in_the_form_they_came(door: tuple[BusAddress, CommandDoor]) -> None:
    address, _ = door
    assert _raw(address, b'{"cmd": "clock", "token": "the-right-token"}') == {"ok": True, "t_ns": 42}
    # JSON knows no infinity
    assert _raw(address, b'{"cmd": "health", "token": "the-right-token"}') == {"ok": True, "age_s": None, "list": [None, 1.0]}
    commander = Commander(address)
    assert commander.ask("clock")["t_ns"] == 42
    assert commander.ask("thumbnail")["image"] == b"\xff\xd8"
    assert commander.ask("health")["age_s"] == float("inf")
    commander.close()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"cmd": "clock"}', "token"),
        (b'{"cmd": "clock", "token": "the-wrong-one"}', "token"),
        (b'{"cmd": "clok", "token": "the-right-token"}', "did you mean 'clock'"),
        (b'{"cmd": ["clock"], "token": "the-right-token"}', "unknown command"),
        (b'{"token": "the-right-token"}', "unknown command"),
        (b'{"cmd": ', "not a command"),
        (b"{" * 5000, "not a command"),
    ],
)
def test_a_command_that_is_none_is_refused(door: tuple[BusAddress, CommandDoor], body: bytes, why: str) -> None:
    reply = _raw(door[0], body)
    assert reply["ok"] is False
    assert why in str(reply["error"])
    assert "the-right-token" not in str(reply["error"])


def test_a_command_that_changes_something_waits_for_the_recording_thread(door: tuple[BusAddress, CommandDoor]) -> None:
    address, opened = door

    def record() -> None:
        asked = opened.asked.get(timeout=LONG_S)
        asked.answer(done(take="one") if asked.given == {"metadata": {"task_id": "x"}} else refused("wrong"))
        opened.asked.get(timeout=LONG_S).answer(refused("no take is running"))

    thread = threading.Thread(target=record)
    thread.start()
    commander = Commander(address)
    assert commander.ask("start", {"metadata": {"task_id": "x"}})["take"] == "one"
    with pytest.raises(BusError, match="no take is running"):
        commander.ask("stop")
    thread.join()
    commander.close()


def test_where_nobody_answers_it_is_said(tmp_path: Path) -> None:
    commander = Commander(parse_address(f"ipc://{tmp_path}/bus"), timeout_s=0.1)
    for _ in range(2):  # and asking again is possible
        with pytest.raises(BusError, match="no recorder answers"):
            commander.ask("stop")
    commander.close()


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bus_wire.md").read_text(encoding="utf-8")
    assert all(f'{{"cmd": "{name}"' in page for name in COMMANDS)


def test_a_clock_elsewhere_is_known_to_within_half_the_quickest_exchange() -> None:
    rng, here = np.random.default_rng(0), [0]
    offset_ns = 123_456_789

    def ask() -> int:
        here[0] += int(rng.exponential(2e6))
        theirs = here[0] + offset_ns
        here[0] += int(rng.exponential(2e6))
        return theirs

    clock = RemoteClock(ask, now=lambda: here[0])
    assert clock.offset_ns == 0
    for _ in range(30):
        here[0] += 100_000_000
        clock.measure()
    assert abs(clock.offset_ns - offset_ns) <= clock.bound_ns + 1 < 1_000_000
    bus = LocalBus()
    publisher, intake = Publisher(bus, "remote", offset_ns=lambda: clock.offset_ns), Intake(SCHEMA)
    publisher.publish([Sample(X, np.zeros(29), here[0], NO_STAMP, here[0], 0)])
    (message,) = bus.receive(0.0)
    intake.take(message, here[0] + offset_ns)
    assert intake.ledgers[X].last_t_ns == here[0] + clock.offset_ns
