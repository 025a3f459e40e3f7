"""Live packets of any bytes: own errors or a counted damage, and no memory to speak of."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.mocap.live import _mxtp_wire as mxtp
from understudy.mocap.live import _natnet_models as natnet
from understudy.mocap.live._natnet_frame import parse_frame
from understudy.mocap.live._udp import Datagram
from understudy.mocap.live._wire import DamagedPacketError
from understudy.mocap.live.mxtp import PLUGIN as MXTP
from understudy.mocap.live.mxtp import MxtpStream
from understudy.mocap.live.natnet import PLUGIN as NATNET
from understudy.mocap.live.natnet import NatNetStream
from understudy.simulate.walker import walk
from understudy.testing.live_senders_mxtp import MxtpSender
from understudy.testing.live_senders_natnet import NatNetServer

MOTION = walk(1.0, rate_hz=30.0)
MOST_BYTES = 4_000_000
CHANGES = st.lists(
    st.tuples(st.integers(0, 2**16), st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f"])),
    min_size=1,
    max_size=4,
)
CUT = st.one_of(st.none(), st.integers(0, 2**16))


@pytest.fixture(scope="module", params=[(4, 0), (4, 1), (4, 2)])
def server(request: pytest.FixtureRequest) -> Iterator[NatNetServer]:
    made = NatNetServer(MOTION, version=request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sender() -> Iterator[MxtpSender]:
    made = MxtpSender(MOTION, ("127.0.0.1", 9), per_datagram=12)
    yield made
    made.close()


@pytest.fixture(scope="module")
def introductions(sender: MxtpSender) -> list[bytes]:
    """The datagrams that say who and how large the person is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5.0)
        sender.to = ear.getsockname()
        sender.introduce()
        return [ear.recv(65535) for _ in range(3)]


def _changed(data: bytes, changes: list[tuple[int, bytes]], cut: int | None) -> bytes:
    out = bytearray(data)
    for place, value in changes:
        at = place % max(len(out), 1)
        out[at : at + len(value)] = value
    return bytes(out[: cut % (len(out) + 1)] if cut is not None else out)


def _datagram(data: bytes, k: int = 0) -> Datagram:
    return Datagram(data, 1_000_000 * k, ("127.0.0.1", 1))


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400), minor=st.integers(0, 6))
def test_any_bytes(data: bytes, minor: int) -> None:
    for parse in (
        natnet.split_packet,
        natnet.parse_server_info,
        lambda each: natnet.parse_definitions(each, minor),
        lambda each: parse_frame(each, minor),
        mxtp.split_datagram,
        mxtp.parse_scale,
        mxtp.parse_character,
    ):
        try:
            parse(data)
        except DamagedPacketError as error:
            assert str(error)  # noqa: PT017


@settings(max_examples=60, deadline=None)  # of three versions each
@given(changes=CHANGES, cut=CUT, which=st.integers(0, 2))
def test_changed_natnet_packets(server: NatNetServer, changes: list[tuple[int, bytes]], cut: int | None, which: int) -> None:
    """A changed packet among whole ones: the whole ones go on coming, unless the source was said to be another."""
    stream = NATNET.open("natnet://127.0.0.1:9")
    assert isinstance(stream, NatNetStream)

    def say(message: int, payload: bytes, k: int = 0) -> object:
        return stream.hear(_datagram(message.to_bytes(2, "little") + len(payload).to_bytes(2, "little") + payload, k))

    try:
        parts = [(1, server.server_info()), (5, server.definitions()), (7, server.frame(0))]
        for message, payload in parts:
            say(message, payload)
        assert stream.counters.frames == 1
        message, payload = parts[which]
        try:
            say(message, _changed(payload, changes, cut), 1)
        except MocapError as error:
            assert str(error)  # noqa: PT017
        for message, payload in parts[:2]:
            say(message, payload, 2)
        before = stream.counters.frames
        say(7, server.frame(3), 400)
        say(7, server.frame(4), 401)
        assert stream.counters.frames > before
    finally:
        stream.close()


@settings(max_examples=150, deadline=None)
@given(changes=CHANGES, cut=CUT, which=st.integers(0, 4))
def test_changed_mxtp_datagrams(
    sender: MxtpSender, introductions: list[bytes], changes: list[tuple[int, bytes]], cut: int | None, which: int
) -> None:
    stream = MXTP.open("mxtp://127.0.0.1:0?body=0")
    assert isinstance(stream, MxtpStream)
    try:
        for data in sender.datagrams(0):
            stream.hear(_datagram(data))
        assert stream.counters.frames == 1
        data = [*introductions, *sender.datagrams(1)][which]
        try:
            stream.hear(_datagram(_changed(data, changes, cut), 1))
        except MocapError as error:
            assert str(error)  # noqa: PT017
        before = stream.counters.frames
        for k in (3, 4):
            for data in sender.datagrams(k):
                stream.hear(_datagram(data, 400 + k))
        assert stream.counters.frames > before
    finally:
        stream.close()


@pytest.mark.parametrize("count", [2**31 - 1, 2**24, -1, -(2**31)])
def test_no_count_makes_memory(server: NatNetServer, count: int) -> None:
    """Every 32 bits of a frame and of definitions that are replaced by a count."""
    minor = server.version[1]
    tracemalloc.start()
    try:
        for payload, parse in ((server.frame(0), parse_frame), (server.definitions(), natnet.parse_definitions)):
            for at in np.unique(np.linspace(0, len(payload) - 4, 60).astype(int)):
                data = payload[:at] + count.to_bytes(4, "little", signed=True) + payload[at + 4 :]
                try:
                    parse(data, minor)
                except DamagedPacketError as error:
                    assert len(str(error)) < 500  # noqa: PT017
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
