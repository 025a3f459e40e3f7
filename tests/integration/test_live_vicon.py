"""The Vicon source against an imitation of the vendor's package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

from understudy.errors import MissingDependencyError, MocapError
from understudy.mocap.live import open_source
from understudy.simulate.walker import walk
from understudy.spec.live import LiveFrame, LiveStream
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion
from understudy.testing.live_senders_vicon import Server, installed

URL = "vicon://vicon.example"


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(1.0, rate_hz=50.0)


@contextlib.contextmanager
def _opened(server: Server, url: str = URL) -> Iterator[LiveStream]:
    with installed(server):
        stream = open_source(url)
        try:
            yield stream
        finally:
            stream.close()


def _all(stream: LiveStream, count: int) -> list[LiveFrame]:
    frames = [stream.read(10.0) for _ in range(count)]
    assert stream.read(0.0) is None
    return [frame for frame in frames if frame is not None]


def test_a_person_beside_a_box(motion: HumanMotion) -> None:
    with _opened(Server(motion, range(100, 100 + len(motion)), first=100)) as stream:
        frames = _all(stream, len(motion))
        assert stream.rate_hz == pytest.approx(50.0)
        assert stream.counters.lost == 0
    assert [frame.sequence for frame in frames] == list(range(100, 100 + len(motion)))
    assert frames[5].t_ns - frames[0].t_ns == 100_000_000
    for k, frame in enumerate(frames):
        np.testing.assert_allclose(frame.joint_pos_world_m, motion.joint_pos_world_m[k], atol=1e-9)


def test_lost_repeated_and_late_frames(motion: HumanMotion) -> None:
    numbers = [100, 101, 103, 103, 104, 102, 105]
    with _opened(Server(motion, numbers)) as stream:
        assert [frame.sequence for frame in _all(stream, 5)] == [100, 101, 103, 104, 105]
        assert (stream.counters.lost, stream.counters.late, stream.counters.restarts) == (1, 1, 0)


def test_hidden_segments_are_nan(motion: HumanMotion) -> None:
    with _opened(Server(motion, range(5), occluded=("L_Wrist",))) as stream:
        frames = _all(stream, 5)
    assert frames[0].whole
    unseen = {name for name in JOINTS if np.isnan(frames[1].joint_pos_world_m[INDEX[name]]).any()}
    assert unseen == {"left_wrist"}


def test_vicon_that_is_not_there_yet_is_silent_and_said(motion: HumanMotion) -> None:
    server = Server(motion, range(3))
    server.refusals = 1
    with _opened(server) as stream:
        assert stream.read(0.1) is None
        assert "could not connect to vicon.example:801; trying again" in stream.counters.last_damage
        assert len(_all(stream, 3)) == 3


def test_the_subject_may_be_named(motion: HumanMotion) -> None:
    with _opened(Server(motion, range(3)), f"{URL}?subject=Anna") as stream:
        assert len(_all(stream, 3)) == 3
    with (
        _opened(Server(motion, range(3)), f"{URL}?subject=Ana") as stream,
        pytest.raises(MocapError, match=r"no subject 'Ana'; did you mean 'Anna'\? \(subjects: Box, Anna\)"),
    ):
        stream.read(10.0)


def test_a_subject_without_a_body_is_an_error(motion: HumanMotion) -> None:
    with (
        _opened(Server(motion, range(3)), f"{URL}?subject=Box") as stream,
        pytest.raises(MocapError, match="subject Box: required joints are missing"),
    ):
        stream.read(10.0)


def test_nobody_there_is_said(motion: HumanMotion) -> None:
    server = Server(motion, range(3), name="")
    with _opened(server) as stream:
        server.done.wait(10.0)
        assert stream.read(0.1) is None
        assert stream.counters.frames == 0


def test_the_missing_package_says_where_it_is() -> None:
    with pytest.raises(MissingDependencyError, match="It is not on PyPI: install the DataStream SDK"):
        open_source(URL)
