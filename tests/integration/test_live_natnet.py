"""NatNet 4 on loopback: what a server sends comes out, whatever the network does to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.live.natnet import PLUGIN
from understudy.simulate.walker import walk
from understudy.spec.live import LiveFrame, LiveStream
from understudy.spec.skeleton import HAND_JOINTS, INDEX, JOINTS, HumanMotion
from understudy.testing.live_senders import arrivals, expected_counters
from understudy.testing.live_senders_faults import Faults
from understudy.testing.live_senders_natnet import NatNetServer

MOTION = walk(2.0, rate_hz=60.0)
NOT_HANDS = [k for k, name in enumerate(JOINTS) if not name.endswith("_hand")]


def with_fingers(motion: HumanMotion) -> HumanMotion:
    """Straight fingers in the direction of each hand; no tips."""
    pos = motion.joint_pos_world_m
    hands = np.full((len(motion), 2, len(HAND_JOINTS), 3), np.nan)
    for side, name in enumerate(("left", "right")):
        wrist, knuckle = pos[:, INDEX[f"{name}_wrist"]], pos[:, INDEX[f"{name}_hand"]]
        hands[:, side, 0] = wrist
        for k, joint in enumerate(HAND_JOINTS):
            if joint[-1].isdigit():
                along = 1.0 + 0.3 * (int(joint[-1]) - 1)
                sideways = np.array([0.0, 0.0, 0.015 * (k // 4 - 2)])
                hands[:, side, k] = wrist + along * (knuckle - wrist) + (0.0 if joint.startswith("middle") else sideways)
    return replace(motion, hand_pos_world_m=hands)


@contextmanager
def connected(server: NatNetServer, options: str = "") -> Iterator[LiveStream]:
    """A stream of the server that has the definitions."""
    stream = PLUGIN.open(f"natnet://127.0.0.1:{server.address[1]}{options}")
    try:
        deadline_s = time.monotonic() + 10.0
        while stream.rate_hz is None and 2 not in server.requests and time.monotonic() < deadline_s:
            stream.read(0.02)
        while not server.wait_for_client(0.0) and time.monotonic() < deadline_s:
            stream.read(0.02)
        stream.read(0.1)
        yield stream
    finally:
        stream.close()
        server.close()


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


@pytest.mark.parametrize("version", [(4, 0), (4, 1), (4, 2), (4, 5)])
def test_joints_and_fingers_come_out_as_they_went_in(version: tuple[int, int]) -> None:
    motion = with_fingers(MOTION)
    server = NatNetServer(motion, version=version)
    with connected(server) as stream:
        for k in range(20):
            server.send(k)
        frames = read_all(stream, 20)
        assert stream.name == "Anna"
        assert stream.rate_hz == pytest.approx(motion.rate_hz)
    assert [frame.sequence for frame in frames] == list(range(1000, 1020))
    assert worst_m(frames, motion.joint_pos_world_m[:20], list(range(23))) < 1e-3
    steps = np.diff([frame.t_ns for frame in frames])
    np.testing.assert_allclose(steps, np.diff(motion.t_ns[:20]), atol=100)
    assert motion.hand_pos_world_m is not None
    for frame, wanted in zip(frames, motion.hand_pos_world_m, strict=False):
        assert frame.hand_pos_world_m is not None
        np.testing.assert_allclose(frame.hand_pos_world_m, wanted, atol=1e-3)
    assert frames[0].whole
    assert (stream.counters.frames, stream.counters.lost, stream.counters.damaged) == (20, 0, 0)


def test_without_fingers_the_knuckles_are_laid_along_the_forearm() -> None:
    server = NatNetServer(MOTION)
    with connected(server) as stream:
        server.send(0)
        (frame,) = read_all(stream, 1)
    assert worst_m([frame], MOTION.joint_pos_world_m[:1], NOT_HANDS) < 1e-3
    assert frame.hand_pos_world_m is None
    elbow, wrist, hand = (frame.joint_pos_world_m[INDEX[f"left_{part}"]] for part in ("elbow", "wrist", "hand"))
    assert np.linalg.norm(hand - wrist) == pytest.approx(0.37 * np.linalg.norm(wrist - elbow), rel=1e-3)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_network_is_counted_exactly(seed: int) -> None:
    order = arrivals(len(MOTION), Faults(loss=0.1, duplicate=0.1, reorder=0.1, late=0.1, seed=seed))
    wanted = expected_counters(order)
    assert min(wanted.lost, wanted.late, wanted.duplicates) > 3
    server = NatNetServer(MOTION)
    with connected(server) as stream:
        for index in order:
            server.send(index)
        frames = read_all(stream, wanted.frames)
        assert stream.read(0.1) is None
        assert stream.counters == wanted
    sent = [frame.sequence - 1000 for frame in frames]
    assert sent == sorted(set(sent))
    assert worst_m(frames, MOTION.joint_pos_world_m[sent], NOT_HANDS) < 1e-3


def test_a_server_that_stops_and_comes_back_is_found_again() -> None:
    server = NatNetServer(MOTION, first_frame=5000)
    with connected(server) as stream:
        server.send(0)
        server.send(1)
        assert len(read_all(stream, 2)) == 2
        server.close()
        assert stream.read(0.3) is None
        again = NatNetServer(MOTION, port=server.address[1], first_frame=0, version=(4, 2))
        got = None
        deadline_s = time.monotonic() + 15.0
        while got is None and time.monotonic() < deadline_s:
            again.send(3)
            got = stream.read(0.1)
        again.close()
    assert got is not None
    assert got.sequence == 3
    assert stream.counters.restarts == 1
    np.testing.assert_allclose(got.joint_pos_world_m[NOT_HANDS], MOTION.joint_pos_world_m[3][NOT_HANDS], atol=1e-3)


def test_definitions_that_changed_are_asked_for_again() -> None:
    server = NatNetServer(MOTION)
    with connected(server) as stream:
        server.send(0)
        assert len(read_all(stream, 1)) == 1
        server.skeleton_id = 9
        deadline_s, got = time.monotonic() + 10.0, None
        for k in range(1, len(MOTION)):
            server.send(k)
            got = stream.read(0.1)
            if got is not None or time.monotonic() > deadline_s:
                break
        assert got is not None
        assert server.requests.count(4) >= 2
        np.testing.assert_allclose(got.joint_pos_world_m[0], MOTION.joint_pos_world_m[got.sequence - 1000, 0], atol=1e-3)


def test_several_skeletons_want_a_choice() -> None:
    server = NatNetServer(MOTION, others=("Bert", "Cleo"))
    stream = PLUGIN.open(f"natnet://127.0.0.1:{server.address[1]}")
    with pytest.raises(
        MocapError, match=r"several skeletons are streamed \('Anna', 'Bert', 'Cleo'\); choose one: add \?body=NAME"
    ):
        stream.read(5.0)
    stream.close()
    stream = PLUGIN.open(f"natnet://127.0.0.1:{server.address[1]}?body=Cloe")
    with pytest.raises(MocapError, match=r"no skeleton is called 'Cloe'; did you mean 'Cleo'\?; there are 'Anna', 'Bert'"):
        stream.read(5.0)
    stream.close()
    with connected(server, "?body=Bert") as stream:
        server.send(0)
        assert len(read_all(stream, 1)) == 1
        assert stream.name == "Bert"


def test_another_version_is_refused_with_what_to_do() -> None:
    server = NatNetServer(MOTION, version=(3, 1))
    stream = PLUGIN.open(f"natnet://127.0.0.1:{server.address[1]}")
    with pytest.raises(MocapError, match=r"Understudy sender 3\.1 streams NatNet 3\.1; 4\.0 and later versions 4 are read"):
        stream.read(5.0)
    stream.close()
    server.close()


def test_local_coordinates_are_refused() -> None:
    server = NatNetServer(MOTION, local=True)
    with connected(server) as stream:
        server.send(0)
        with pytest.raises(MocapError, match="come in local coordinates; set Skeleton Coordinates to Global"):
            stream.read(5.0)


def test_bones_that_are_not_tracked_are_not_seen() -> None:
    server = NatNetServer(MOTION, untracked=("LFArm",))
    with connected(server) as stream:
        server.send(0)
        (frame,) = read_all(stream, 1)
    assert not frame.whole
    unseen = [name for name, place in zip(JOINTS, frame.joint_pos_world_m, strict=True) if np.isnan(place).any()]
    assert unseen == ["left_elbow", "left_hand"]


@pytest.mark.parametrize("live", [True, False])
def test_z_up_assets_and_played_back_frames(live: bool) -> None:
    server = NatNetServer(MOTION, up="z", live=live, as_asset=True)
    with connected(server, "?up=z") as stream:
        for k in range(3):
            server.send(k)
        frames = read_all(stream, 3)
    assert worst_m(frames, MOTION.joint_pos_world_m[:3], NOT_HANDS) < 1e-3
    np.testing.assert_allclose([f.t_ns - frames[0].t_ns for f in frames], MOTION.t_ns[:3], atol=100)


def test_multicast_by_what_the_server_says() -> None:
    server = NatNetServer(MOTION, group=("239.255.42.99", 15_113))
    try:
        with connected(server) as stream:
            server.send(0)
            frames = read_all(stream, 1)
    except OSError as error:
        pytest.skip(f"this machine has no multicast on loopback: {error}")
    assert worst_m(frames, MOTION.joint_pos_world_m[:1], NOT_HANDS) < 1e-3


def test_a_silent_host_is_no_error_and_a_wrong_address_is() -> None:
    stream = PLUGIN.open("natnet://127.0.0.1:9")
    assert stream.read(0.2) is None
    stream.close()
    stream.close()
    assert stream.read(0.2) is None
    with pytest.raises(MocapError, match="up is 'x'; y or z is allowed"):
        PLUGIN.open("natnet://127.0.0.1?up=x")
    with pytest.raises(MocapError, match=r"'10\.0\.0\.1' is no multicast address"):
        PLUGIN.open("natnet://127.0.0.1?multicast=10.0.0.1")


def test_damaged_datagrams_are_counted_and_passed_over() -> None:
    server = NatNetServer(MOTION)
    with connected(server) as stream:
        whole = server.frame(0)
        server.send_bytes(b"\7\0" + len(whole).to_bytes(2, "little") + whole[:-300])
        server.send_bytes(b"\x63\0\0\0")
        server.send(1)
        assert len(read_all(stream, 1)) == 1
        assert stream.counters.damaged == 2
        assert "message number 99 is not known" in stream.counters.last_damage
