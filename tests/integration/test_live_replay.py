"""A file replayed as a live source: the schedule, slow readers, loops, and what the address may say."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.mocap.joint_array import write_joint_array
from understudy.mocap.live import open_source
from understudy.mocap.live.replay import ReplayStream
from understudy.simulate.walker import walk
from understudy.spec.skeleton import HumanMotion

SECOND_NS = 1_000_000_000


class Clock:
    """A clock that moves when somebody waits, always a little too long, as a busy machine does."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now_ns, self.late_s = 5 * SECOND_NS, late_s

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, duration_s: float) -> None:
        self.now_ns += round((duration_s + self.late_s) * 1e9)


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(1.0, rate_hz=100.0)


def _stream(motion: HumanMotion, clock: Clock, *, loop: bool = False, speed: float = 1.0) -> ReplayStream:
    return ReplayStream(motion, name="walk", loop=loop, speed=speed, clock_ns=clock, wait=clock.wait)


def test_every_frame_comes_when_it_is_due(motion: HumanMotion) -> None:
    clock = Clock()
    stream = _stream(motion, clock)
    for k in range(len(motion)):
        frame = stream.read(1.0)
        assert frame is not None
        assert (frame.sequence, frame.t_ns) == (k, motion.t_ns[k])
        assert frame.t_arrival_ns == 5 * SECOND_NS + motion.t_ns[k]
        np.testing.assert_array_equal(frame.joint_pos_world_m, motion.joint_pos_world_m[k])
    assert stream.ended
    assert stream.read(0.5) is None
    assert (stream.counters.frames, stream.counters.lost, stream.counters.restarts) == (len(motion), 0, 0)


def test_waiting_too_long_does_not_add_up(motion: HumanMotion) -> None:
    clock = Clock(late_s=0.003)
    stream = _stream(motion, clock)
    late_ns = []
    while not stream.ended:
        frame = stream.read(1.0)
        assert frame is not None
        late_ns.append(frame.t_arrival_ns - 5 * SECOND_NS - frame.t_ns)
    assert min(late_ns) >= 0
    assert max(late_ns) <= 3_000_000
    assert stream.counters.lost == 0


def test_a_slow_reader_gets_the_newest_frame(motion: HumanMotion) -> None:
    clock = Clock()
    stream = _stream(motion, clock)
    assert stream.read(0.0) is not None
    clock.wait(0.1)
    frame = stream.read(0.0)
    assert frame is not None
    assert frame.sequence == 10
    assert stream.counters.lost == 9


@pytest.mark.parametrize("speed", [0.25, 2.0])
def test_speed_stretches_the_schedule_and_not_the_stamps(motion: HumanMotion, speed: float) -> None:
    clock = Clock()
    stream = _stream(motion, clock, speed=speed)
    assert stream.rate_hz == pytest.approx(100.0 * speed)
    frames = [stream.read(1.0) for _ in range(20)]
    last = frames[-1]
    assert last is not None
    assert last.t_ns == motion.t_ns[19]
    assert last.t_arrival_ns - 5 * SECOND_NS == pytest.approx(motion.t_ns[19] / speed, abs=2)


def test_a_loop_begins_anew_and_says_so(motion: HumanMotion) -> None:
    clock = Clock()
    stream = _stream(motion, clock, loop=True)
    frames = [stream.read(1.0) for _ in range(2 * len(motion) + 1)]
    numbers = [frame.sequence for frame in frames if frame is not None]
    assert numbers == [*range(len(motion)), *range(len(motion)), 0]
    assert stream.counters.restarts == 2
    assert stream.counters.lost == 0
    arrivals = [frame.t_arrival_ns for frame in frames if frame is not None]
    assert max(abs(np.diff(arrivals) - 10_000_000)) <= 1


def test_nothing_comes_before_it_is_due(motion: HumanMotion) -> None:
    clock = Clock()
    stream = _stream(motion, clock)
    assert stream.read(0.0) is not None
    assert stream.read(0.004) is None
    assert stream.read(0.0) is None
    assert stream.read(0.006) is not None


def test_closing_ends_a_read_that_waits(motion: HumanMotion) -> None:
    stream = ReplayStream(motion, name="walk", speed=0.01)
    assert stream.read(1.0) is not None
    threading.Timer(0.05, stream.close).start()
    assert stream.read(30.0) is None
    stream.close()
    assert stream.read(30.0) is None


def test_a_path_and_a_file_address_open_the_same(motion: HumanMotion, tmp_path: Path) -> None:
    path = tmp_path / "a walk.npz"
    write_joint_array(motion, path)
    spaced = str(path).replace(" ", "%20")
    for url in (path, str(path), f"{path}?loop=1", f"file://{spaced}?speed=2", f"file:{spaced}", f"file://localhost{spaced}"):
        stream = open_source(url)
        frame = stream.read(0.0)
        assert frame is not None
        assert frame.whole
        assert stream.name == "a walk.npz"
        stream.close()


def test_a_question_mark_may_be_part_of_a_name(motion: HumanMotion, tmp_path: Path) -> None:
    path = tmp_path / "what?.npz"
    write_joint_array(motion, path)
    assert open_source(str(path)).name == "what?.npz"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{path}?lop=1", "did you mean 'loop'"),
        ("{path}?loop=yes", "0 and 1 are allowed"),
        ("{path}?speed=0", "0.01 to 100"),
        ("{path}?speed=nan", "0.01 to 100"),
        ("file://elsewhere{path}", "a file on host 'elsewhere'"),
        ("{path}x", "no such file"),
        ("filo://x", "did you mean 'file'"),
        ("spam://x", "known are file://"),
        ("a\0b", "a name with a zero byte"),
        ("file:///a%00b", "a name with a zero byte"),
        ("a" * 5000, "cannot be read"),
        ("", "a directory"),
    ],
)
def test_wrong_addresses_say_what_is_allowed(motion: HumanMotion, tmp_path: Path, url: str, said: str) -> None:
    path = tmp_path / "walk.npz"
    write_joint_array(motion, path)
    with pytest.raises(MocapError) as caught:
        open_source(url.format(path=path))
    assert said in str(caught.value)
