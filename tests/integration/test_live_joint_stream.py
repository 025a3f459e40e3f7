"""The joint stream against its senders on loopback: every form and transport, faults, stop and restart, and who may push."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.mocap.live import open_source
from understudy.mocap.live._websocket import WebSocketListener
from understudy.mocap.live.joint_stream import JointStream
from understudy.simulate.walker import walk
from understudy.spec.live import LiveFrame
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion
from understudy.testing.live_senders_faults import Faults, with_faults
from understudy.testing.live_senders_joints import FORMS, Message, WebSocketServer, ZmqPublisher, joint_messages, push

DOCS = Path(__file__).parents[2] / "docs"
LONG_S = 10.0
"""Longer than a message can take on a busy machine; nobody waits for it unless something is wrong."""


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    whole = walk(1.0, rate_hz=50.0)
    rng = np.random.default_rng(0)
    wrists = np.stack([whole.joint("left_wrist"), whole.joint("right_wrist")], axis=1)
    hands = wrists[:, :, None] + rng.uniform(-0.1, 0.1, size=(1, 2, 21, 3))
    return HumanMotion(whole.joint_pos_world_m, whole.t_ns, whole.measured, whole.source, hand_pos_world_m=hands)


@contextlib.contextmanager
def _opened(url: str) -> Iterator[JointStream]:
    stream = open_source(url)
    assert isinstance(stream, JointStream)
    try:
        yield stream
    finally:
        stream.close()


def _read(stream: JointStream, count: int) -> list[LiveFrame]:
    frames = []
    for _ in range(count):
        frame = stream.read(LONG_S)
        assert frame is not None, stream.counters
        frames.append(frame)
    return frames


def _same(frames: Sequence[LiveFrame], motion: HumanMotion, atol: float = 1e-6) -> None:
    assert [frame.sequence for frame in frames] == list(range(len(motion)))
    assert [frame.t_ns for frame in frames] == motion.t_ns.tolist()
    assert motion.hand_pos_world_m is not None
    for k, frame in enumerate(frames):
        np.testing.assert_allclose(frame.joint_pos_world_m, motion.joint_pos_world_m[k], atol=atol)
        assert frame.hand_pos_world_m is not None
        np.testing.assert_allclose(frame.hand_pos_world_m, motion.hand_pos_world_m[k], atol=atol)


@pytest.mark.parametrize("form", FORMS)
def test_a_websocket_server_is_read(motion: HumanMotion, form: str) -> None:
    with WebSocketServer() as server, _opened(f"ws://127.0.0.1:{server.port}/any/path?key=1") as stream:
        assert server.wait_for_client()
        server.send(joint_messages(motion, form))
        _same(_read(stream, len(motion)), motion)
        assert stream.read(0.0) is None
        assert (stream.counters.lost, stream.counters.damaged) == (0, 0)
        assert stream.rate_hz == pytest.approx(50.0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("topic", [None, b"joints"])
def test_a_zeromq_publisher_is_read(motion: HumanMotion, form: str, topic: bytes | None) -> None:
    with ZmqPublisher() as publisher, _opened("zmq+" + publisher.endpoint) as stream:
        assert publisher.wait_for_client()
        publisher.send(joint_messages(motion, form), topic)
        _same(_read(stream, len(motion)), motion)


def test_zeromq_on_one_machine(motion: HumanMotion, tmp_path: Path) -> None:
    with _opened(f"zmq+ipc://{tmp_path}/joints") as stream, ZmqPublisher(f"ipc://{tmp_path}/joints") as publisher:
        assert publisher.wait_for_client()
        publisher.send(joint_messages(motion, "json"))
        _same(_read(stream, len(motion)), motion)


@pytest.mark.parametrize("form", FORMS)
def test_a_program_pushes(motion: HumanMotion, form: str) -> None:
    with _opened("ws-listen://127.0.0.1:0") as stream:
        push(f"ws://127.0.0.1:{stream.address[1]}", joint_messages(motion, form))
        _same(_read(stream, len(motion)), motion)


def test_messages_with_faults(motion: HumanMotion) -> None:
    names, *frames = joint_messages(motion, "msgpack packed")
    faulty = with_faults(frames, Faults(loss=0.1, duplicate=0.1, reorder=0.1, late=0.1, seed=2))
    with _opened("ws-listen://127.0.0.1:0") as stream:
        push(f"ws://127.0.0.1:{stream.address[1]}", [names, *faulty.arriving, names])
        expected = sorted(set(range(len(motion))) - {*faulty.lost, *faulty.overtaken})
        assert [frame.sequence for frame in _read(stream, len(expected))] == expected
        assert stream.read(0.0) is None
        counters = stream.counters
    assert counters.lost == len({*faulty.lost, *faulty.overtaken})
    assert counters.late == len(faulty.overtaken)
    assert counters.duplicates == len(faulty.duplicated)
    assert (counters.damaged, counters.restarts) == (0, 0)


def test_a_server_that_stops_and_returns(motion: HumanMotion) -> None:
    with WebSocketServer() as server, _opened(f"ws://127.0.0.1:{server.port}") as stream:
        assert server.wait_for_client()
        server.send(joint_messages(motion, "json", begin_ns=10**12))
        _read(stream, len(motion))
        server.close()
        assert stream.read(0.05) is None
        with WebSocketServer(server.port) as again:
            assert again.wait_for_client()
            again.send(joint_messages(motion, "json"))
            _same(_read(stream, len(motion)), motion)
        assert stream.counters.restarts == 1


def test_a_server_that_is_not_there_is_silent_and_said() -> None:
    with WebSocketServer() as server:
        port = server.port
    with _opened(f"ws://127.0.0.1:{port}") as stream:
        for _ in range(100):
            assert stream.read(0.1) is None
            if "trying again" in stream.counters.last_damage:
                break
        assert "refused" in stream.counters.last_damage


def test_a_publisher_that_stops_and_returns(motion: HumanMotion) -> None:
    with ZmqPublisher() as publisher:
        endpoint = publisher.endpoint
        with _opened("zmq+" + endpoint) as stream:
            assert publisher.wait_for_client()
            publisher.send(joint_messages(motion, "msgpack", begin_ns=10**12))
            _read(stream, len(motion))
            publisher.close()
            assert stream.read(0.05) is None
            with ZmqPublisher(endpoint) as again:
                assert again.wait_for_client()
                again.send(joint_messages(motion, "msgpack"))
                _same(_read(stream, len(motion)), motion)
            assert stream.counters.restarts == 1


def test_the_newest_pusher_is_listened_to(motion: HumanMotion) -> None:
    messages = joint_messages(motion, "json")
    with _opened("ws-listen://127.0.0.1:0") as stream:
        url = f"ws://127.0.0.1:{stream.address[1]}"
        push(url, messages[:3])
        _read(stream, 3)
        push(url, messages[3:6])
        assert [frame.sequence for frame in _read(stream, 3)] == [3, 4, 5]


def test_beyond_this_machine_a_token_is_needed(motion: HumanMotion) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(MocapError, match="a token is needed"):
        open_source("ws-listen://0.0.0.0:0")
    with pytest.raises(MocapError, match="8 or more are due"):
        open_source("ws-listen://0.0.0.0:0?token=short")
    messages = joint_messages(motion, "json")[:1]
    with _opened("ws-listen://0.0.0.0:0?token=open%20sesame") as stream:
        url = f"ws://127.0.0.1:{stream.address[1]}/"
        for wrong in ("", "?token=", "?token=open", "?tocken=open%20sesame"):
            with pytest.raises(InvalidStatus):
                push(url + wrong, messages)
        push(url + "?token=open%20sesame", messages, origin="https://phone.example")
        _read(stream, 1)


def test_a_web_page_needs_a_token_even_here(motion: HumanMotion) -> None:
    from websockets.exceptions import InvalidStatus

    with _opened("ws-listen://127.0.0.1:0") as stream, pytest.raises(InvalidStatus):
        push(f"ws://127.0.0.1:{stream.address[1]}", joint_messages(motion, "json")[:1], origin="https://evil.example")


def test_a_server_that_refuses_us_is_an_error(motion: HumanMotion) -> None:
    with (
        _opened("ws-listen://0.0.0.0:0?token=open-sesame") as listener,
        _opened(f"ws://127.0.0.1:{listener.address[1]}") as stream,
        pytest.raises(MocapError, match="HTTP 403; check path and token"),
    ):
        stream.read(LONG_S)


class _Connection:
    """A sender that has nothing to say."""

    gone = ""

    def close(self, reason: str = "") -> None:
        self.gone = reason

    def __iter__(self) -> Iterator[str]:
        return iter(())


@pytest.mark.parametrize("first", [0, 1])
def test_who_came_last_stays_whichever_thread_goes_on_first(first: int) -> None:
    listener = WebSocketListener("ws-listen://127.0.0.1:0")
    request: Any = SimpleNamespace(headers={}, path="/")
    senders: list[Any] = [_Connection(), _Connection()]
    for sender in senders:
        assert listener._check(sender, request) is None
    for sender in (senders[first], senders[1 - first]):
        listener._take(sender)
    assert senders[0].gone == "another sender has connected"
    assert not senders[1].gone
    listener.close()


def test_a_message_that_is_too_large_costs_nothing_but_itself(motion: HumanMotion) -> None:
    messages = joint_messages(motion, "json")
    with _opened("ws-listen://127.0.0.1:0") as stream:
        url = f"ws://127.0.0.1:{stream.address[1]}"
        with contextlib.suppress(Exception):
            push(url, ["x" * 300_000])
        push(url, messages[:1])
        _read(stream, 1)


@pytest.mark.parametrize("url", ["ws-listen://127.0.0.1:0", "zmq+tcp://127.0.0.1:5999", "ws://127.0.0.1:9"])
def test_closing_ends_a_read_that_waits(url: str) -> None:
    stream = open_source(url)
    threading.Timer(0.1, stream.close).start()
    assert stream.read(LONG_S) is None
    stream.close()
    assert stream.read(LONG_S) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ws-listen://127.0.0.1:{port}", "cannot be had"),
        ("ws-listen://127.0.0.1:{port}?tocken=1", "did you mean 'token'"),
        ("ws://", "a host, and no fragment, is due"),
        ("ws://127.0.0.1:99999", "not an address"),
        ("zmq+tcp://127.0.0.1:5556/x", "a path"),
        ("zmq+ipc://", "a path is due"),
    ],
)
def test_wrong_addresses(url: str, said: str) -> None:
    with _opened("ws-listen://127.0.0.1:0") as stream, pytest.raises(MocapError) as caught:
        open_source(url.format(port=stream.address[1]))
    assert said in str(caught.value)


def test_the_sender_of_the_documentation_is_understood() -> None:
    """The example of docs/live_wire.md, with the port and the number of frames of this test."""
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / "live_wire.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(program.splitlines()) <= 24
    with _opened("ws-listen://127.0.0.1:0") as stream:
        assert "8770" in program
        assert "range(1000)" in program
        exec(program.replace("8770", str(stream.address[1])).replace("range(1000)", "range(20)"), {})
        frames = _read(stream, 20)
    assert frames[0].whole
    heights = [frame.joint_pos_world_m[INDEX["left_wrist"], 2] for frame in frames]
    assert np.ptp(heights) > 0.02
    assert np.ptp([frame.joint_pos_world_m[INDEX["right_wrist"], 2] for frame in frames]) == 0.0
    assert frames[0].joint_pos_world_m[INDEX["left_wrist"], 1] > frames[0].joint_pos_world_m[INDEX["right_wrist"], 1]


def test_the_messages_of_the_documentation_are_understood() -> None:
    page = (DOCS / "live_wire.md").read_text(encoding="utf-8")
    examples: list[Message] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 3
    with _opened("ws-listen://127.0.0.1:0") as stream:
        for example in examples:
            json.loads(example)
            with contextlib.suppress(MocapError):  # an example has a few joints only
                stream.feed(example, 0)
        assert stream.counters.damaged == 0, stream.counters.last_damage


def test_every_joint_of_the_canonical_person_is_known(motion: HumanMotion) -> None:
    message = json.loads(str(joint_messages(motion, "json")[0]))
    assert set(message["joints"]) == set(JOINTS)
