"""The Xsens network stream on loopback: what is sent comes out, whatever the network does to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.live.mxtp import PLUGIN, MxtpStream
from understudy.simulate.walker import walk
from understudy.spec.live import LiveFrame, LiveStream
from understudy.spec.skeleton import HAND_JOINTS, INDEX, JOINTS, HumanMotion
from understudy.testing.live_senders import Replay, arrivals, expected_counters
from understudy.testing.live_senders_faults import Faults
from understudy.testing.live_senders_mxtp import MxtpSender

MOTION = walk(2.0, rate_hz=60.0)
NOT_HANDS = [k for k, name in enumerate(JOINTS) if not name.endswith("_hand")]


def fingered(motion: HumanMotion) -> HumanMotion:
    """Every finger joint somewhere of its own near the wrist; no tips; the middle knuckle where the hand is."""
    rng = np.random.default_rng(0)
    pos = motion.joint_pos_world_m
    hands = np.full((len(motion), 2, len(HAND_JOINTS), 3), np.nan)
    for side, name in enumerate(("left", "right")):
        wrist, knuckle = pos[:, INDEX[f"{name}_wrist"]], pos[:, INDEX[f"{name}_hand"]]
        for k, joint in enumerate(HAND_JOINTS):
            if not joint.endswith("tip"):
                hands[:, side, k] = knuckle + rng.uniform(-0.03, 0.03, 3)
        hands[:, side, 0] = wrist
        hands[:, side, HAND_JOINTS.index("middle_1")] = knuckle
    return replace(motion, hand_pos_world_m=hands)


@contextmanager
def streaming(url: str = "mxtp://127.0.0.1:0") -> Iterator[tuple[LiveStream, tuple[str, int]]]:
    """An open stream and the address at which it listens."""
    stream = PLUGIN.open(url)
    assert isinstance(stream, MxtpStream)
    try:
        yield stream, stream.address
    finally:
        stream.close()


def read_all(stream: LiveStream, wanted: int) -> list[LiveFrame]:
    """Frames until `wanted` came, or none came for two seconds."""
    out: list[LiveFrame] = []
    while len(out) < wanted and (frame := stream.read(2.0)) is not None:
        out.append(frame)
    return out


def worst_m(frames: list[LiveFrame], wanted: F64, joints: list[int]) -> float:
    """Largest distance of a joint from where it should be."""
    got = np.array([frame.joint_pos_world_m[joints] for frame in frames])
    return float(np.linalg.norm(got - wanted[:, joints], axis=2).max())


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"kind": 2}, ""),
        ({"kind": 2, "unit_m": 0.01, "props": 2}, ""),
        ({"kind": 2, "up": "y"}, "?up=y"),
        ({"kind": 2, "per_datagram": 7}, ""),
        ({"kind": 1, "unit_m": 0.01}, ""),
        ({"kind": 1, "per_datagram": 20, "props": 4}, ""),
    ],
)
def test_joints_come_out_as_they_went_in(settings: dict[str, int], options: str) -> None:
    with streaming(f"mxtp://127.0.0.1:0{options}") as (stream, address):
        sender = MxtpSender(MOTION, address, **settings)  # type: ignore[arg-type]
        for k in range(60):
            sender.send(k)
        frames = read_all(stream, 60)
        sender.close()
        assert stream.rate_hz == pytest.approx(60.0, rel=1e-2)
    assert [frame.sequence for frame in frames] == list(range(60))
    assert worst_m(frames, MOTION.joint_pos_world_m[:60], NOT_HANDS) < 1e-3
    np.testing.assert_allclose([frame.t_ns for frame in frames], MOTION.t_ns[:60], atol=500_000)
    assert (stream.counters.frames, stream.counters.lost, stream.counters.damaged) == (60, 0, 0)


@pytest.mark.parametrize("unit_m", [1.0, 0.01])
def test_the_hands_follow_their_orientation_once_the_scale_is_known(unit_m: float) -> None:
    with streaming() as (stream, address):
        sender = MxtpSender(MOTION, address, unit_m=unit_m)
        sender.send(0)
        sender.introduce()
        for k in range(1, 30):
            sender.send(k)
        first, *frames = read_all(stream, 30)
        sender.close()
        assert stream.name == "Anna"
    assert worst_m([first], MOTION.joint_pos_world_m[:1], NOT_HANDS) < 1e-3
    assert worst_m(frames, MOTION.joint_pos_world_m[1:30], list(range(23))) < 1e-3
    assert frames[0].hand_pos_world_m is None


@pytest.mark.parametrize("props", [0, 1])
def test_fingers_come_out_as_they_went_in(props: int) -> None:
    motion = fingered(MOTION)
    with streaming() as (stream, address):
        sender = MxtpSender(motion, address, props=props, per_datagram=30)
        sender.introduce()
        for k in range(5):
            sender.send(k)
        frames = read_all(stream, 5)
        sender.close()
    assert worst_m(frames, motion.joint_pos_world_m[:5], list(range(23))) < 1e-3
    assert motion.hand_pos_world_m is not None
    for frame, wanted in zip(frames, motion.hand_pos_world_m, strict=False):
        assert frame.hand_pos_world_m is not None
        np.testing.assert_allclose(frame.hand_pos_world_m, wanted, atol=1e-3)


@pytest.mark.parametrize(("seed", "first"), [(1, 0), (2, 2**32 - 50)])
def test_a_bad_network_is_counted_exactly(seed: int, first: int) -> None:
    """Also where the 32 bits of the sample counter run over."""
    order = arrivals(len(MOTION), Faults(loss=0.1, duplicate=0.1, reorder=0.1, late=0.1, seed=seed))
    wanted = expected_counters(order)
    assert min(wanted.lost, wanted.late, wanted.duplicates) > 3
    with streaming() as (stream, address):
        sender = MxtpSender(MOTION, address, first_sample=first)
        for index in order:
            sender.send(index)
        frames = read_all(stream, wanted.frames)
        sender.close()
        assert stream.read(0.1) is None
        assert stream.counters == wanted
    sent = [frame.sequence - first for frame in frames]
    assert sent == sorted(set(sent))
    assert worst_m(frames, MOTION.joint_pos_world_m[sent], NOT_HANDS) < 1e-3


def test_parts_of_poses_that_are_lost_repeated_and_mixed() -> None:
    """A pose is handed out when its last missing part came, and never without one."""
    rng = np.random.default_rng(5)
    with streaming() as (stream, address):
        sender = MxtpSender(MOTION, address, per_datagram=8)
        parts = [(k, data) for k in range(40) for data in sender.datagrams(k)]
        kept = [(k, data) for k, data in parts if rng.random() > 0.05]
        kept += [kept[int(k)] for k in rng.integers(0, len(kept), 6)]
        places = sorted(range(len(kept)), key=lambda at: at + float(rng.uniform(0.0, 3.0)))
        for at in places:
            sender.send_bytes(kept[at][1])
        whole = {k for k in range(40) if sum(1 for own, _ in set(kept) if own == k) == 3}
        frames = read_all(stream, len(whole))
        sender.close()
    sent = [frame.sequence for frame in frames]
    assert 20 < len(sent) <= len(whole) < 40
    assert set(sent) <= whole
    assert worst_m(frames, MOTION.joint_pos_world_m[sent], NOT_HANDS) < 1e-3
    assert stream.counters.lost == sent[-1] - sent[0] + 1 - len(sent)


def test_a_sender_that_stops_and_starts_again() -> None:
    with streaming() as (stream, address):
        sender = MxtpSender(MOTION, address)
        replay = Replay(sender)
        replay.start()
        assert len(read_all(stream, 20)) == 20
        replay.stop()
        while stream.read(0.3) is not None:
            pass
        before = stream.counters.frames
        replay.start()
        again = read_all(stream, 5)
        replay.stop()
        sender.close()
    assert [frame.sequence for frame in again] == [0, 1, 2, 3, 4]
    assert (stream.counters.restarts, stream.counters.lost, stream.counters.frames) == (1, 0, before + 5)


def test_several_characters_want_a_choice() -> None:
    with streaming() as (stream, address):
        senders = [MxtpSender(MOTION, address, character=k, name=name) for k, name in enumerate(("Anna", "Bert"))]
        for sender in senders:
            sender.send_character()
            sender.send(0)
        with pytest.raises(MocapError, match=r"several characters are streamed: 0 \(Anna\), 1 \(Bert\); choose one: add \?body"):
            read_all(stream, 2)
    for wanted in ("Bert", "1"):
        with streaming(f"mxtp://127.0.0.1:0?body={wanted}") as (stream, address):
            for k, sender in enumerate(senders):
                sender.to = address
                sender.send_character()
                sender.send(10 * (k + 1))
            assert [frame.sequence for frame in read_all(stream, 1)] == [20]
            assert stream.name == "Bert"
    with streaming("mxtp://127.0.0.1:0?body=Bart") as (stream, address):
        senders[1].to = address
        senders[1].send_character()
        replay = Replay(senders[1])
        replay.start()
        with pytest.raises(MocapError, match=r"no character is called 'Bart'; did you mean 'Bert'\?; there are 1 \(Bert\)"):
            stream.read(10.0)
        replay.stop()
    for sender in senders:
        sender.close()


def test_a_person_of_no_known_size_is_refused() -> None:
    with streaming() as (stream, address):
        sender = MxtpSender(MOTION, address, unit_m=0.001)
        sender.send(0)
        with pytest.raises(MocapError, match=r"hip to knee to ankle is 8\d\d in the stream's unit; a person has 0.6 to 1.2 m"):
            stream.read(2.0)
        sender.close()


def test_what_is_no_pose_is_counted_or_passed_over() -> None:
    with streaming() as (stream, address):
        sender = MxtpSender(MOTION, address)
        (whole,) = sender.datagrams(0)
        for data in (b"", b"MXTP02", b"NOPE02" + whole[6:], whole[:-1], whole[:22] + b"\0\0" + whole[24:100]):
            sender.send_bytes(data)
        sender.send_bytes(whole[:4] + b"24" + whole[6:])
        sender.send(1)
        assert [frame.sequence for frame in read_all(stream, 1)] == [1]
        sender.close()
        assert stream.counters.damaged == 5


def test_only_the_named_host_is_listened_to() -> None:
    for host, heard in (("127.0.0.1", 1), ("127.0.0.2", 0)):
        with streaming(f"mxtp://127.0.0.1:0?from={host}") as (stream, address):
            sender = MxtpSender(MOTION, address)
            sender.send(0)
            assert (stream.read(2.0 if heard else 0.1) is not None) == bool(heard)
            sender.close()


def test_a_silent_port_is_no_error_and_a_taken_one_is() -> None:
    with streaming() as (stream, address):
        assert stream.read(0.05) is None
        with pytest.raises(MocapError, match=r"UDP port \d+ on interface 127\.0\.0\.1 cannot be had"):
            PLUGIN.open(f"mxtp://127.0.0.1:{address[1]}")
    with pytest.raises(MocapError, match="up is 'x'; y or z is allowed"):
        PLUGIN.open("mxtp://127.0.0.1:0?up=x")
