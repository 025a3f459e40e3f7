"""Any motion capture file as a live source: its frames come out when they are due.

`walk.bvh`, `walk.bvh?loop=1&speed=0.5` or `file:///home/anna/walk.bvh?loop=1`. Frame k is due (t_k - t_0) / speed after the first
read, counted from that moment and never from the frame before, so that no error adds up. A reader who is too slow gets the
newest frame that is due; those left out are counted as lost.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import numpy as np

from understudy.errors import MocapError, did_you_mean
from understudy.mocap.read import read_motion
from understudy.spec.live import LiveCounters, LiveFrame, LiveSource, LiveStream
from understudy.spec.skeleton import HumanMotion

SLOWEST, FASTEST = 0.01, 100.0
_OPTIONS = {"loop": "1 to begin again at the end", "speed": f"{SLOWEST:g} to {FASTEST:g} times real time"}


class ReplayStream:
    """A motion that is replayed.

    At the end the source falls silent, or with `loop` begins anew: frame numbers and stamps go back and `restarts` counts it,
    because the last pose and the first need not fit together.
    """

    def __init__(
        self,
        motion: HumanMotion,
        *,
        name: str,
        loop: bool = False,
        speed: float = 1.0,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Args:
        motion: what is replayed.
        name: for messages and the screen.
        loop: begin again at the end.
        speed: times real time.
        clock_ns: the host's monotonic clock.
        wait: sleeps for seconds, and less when the stream is closed.
        """
        self.name = name
        self.rate_hz: float | None = motion.rate_hz * speed
        self.counters = LiveCounters()
        self._motion, self._loop = motion, loop
        self._clock_ns = clock_ns
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        step_ns = round(1e9 / motion.rate_hz) if motion.rate_hz > 0 else 0
        self._due_ns = np.rint((motion.t_ns - motion.t_ns[0]) / speed).astype(np.int64)
        self._round_ns = max(int(self._due_ns[-1]) + round(step_ns / speed), 1)
        self._start_ns: int | None = None
        self._next = 0
        """The frame that comes next, counted through all rounds."""

    @property
    def motion(self) -> HumanMotion:
        """What is replayed."""
        return self._motion

    @property
    def ended(self) -> bool:
        """Whether the last frame was handed out and nothing will follow."""
        return not self._loop and self._next >= len(self._motion)

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The newest frame that is due and was not handed out; None when none becomes due within `timeout_s`."""
        now_ns = self._clock_ns()
        if self._start_ns is None:
            self._start_ns = now_ns
        until_ns = now_ns + round(max(timeout_s, 0.0) * 1e9)
        while not self._closed.is_set():
            newest = self._newest_due(now_ns - self._start_ns)
            if newest >= self._next:
                return self._hand_out(newest, now_ns)
            left_ns = min(until_ns, self._start_ns + self._due_of(self._next)) - now_ns
            if now_ns >= until_ns or left_ns <= 0:
                return None
            self._wait(left_ns * 1e-9)
            now_ns = self._clock_ns()
        return None

    def close(self) -> None:
        """End a read that waits; later reads give None."""
        self._closed.set()

    def _newest_due(self, since_ns: int) -> int:
        """Number of the newest frame due `since_ns` after the start, counted through all rounds."""
        rounds, in_round_ns = divmod(since_ns, self._round_ns) if self._loop else (0, since_ns)
        return int(rounds * len(self._motion) + np.searchsorted(self._due_ns, in_round_ns, side="right") - 1)

    def _due_of(self, frame: int) -> int:
        """Nanoseconds after the start at which a frame is due; far away for one after the end."""
        rounds, index = divmod(frame, len(self._motion))
        return rounds * self._round_ns + int(self._due_ns[index]) if self._loop or rounds == 0 else 1 << 62

    def _hand_out(self, newest: int, now_ns: int) -> LiveFrame:
        frames = len(self._motion)
        self.counters.lost += newest - self._next
        if self._next > 0:
            self.counters.restarts += newest // frames - (self._next - 1) // frames
        self.counters.frames += 1
        self._next = newest + 1
        k = newest % frames
        hands = self._motion.hand_pos_world_m
        return LiveFrame(
            sequence=k,
            t_ns=int(self._motion.t_ns[k]),
            t_arrival_ns=now_ns,
            joint_pos_world_m=self._motion.joint_pos_world_m[k],
            hand_pos_world_m=None if hands is None else hands[k],
        )


class Replay:
    """Files of every format that `read_motion` knows."""

    schemes: tuple[str, ...] = ("file",)
    title: str = "a motion capture file, replayed in real time"

    def open(self, url: str) -> LiveStream:
        """The stream of a path or a `file:` address.

        Raises:
            MocapError: an option is wrong, or the file cannot be read.
        """
        path, options = _path_and_options(url)
        return ReplayStream(
            read_motion(path), name=path.name, loop=_flag(options, url), speed=_speed(options.get("speed", "1"), url)
        )


def is_file(text: str) -> bool:
    """Whether there is a file of that name; no for names that the system does not take."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _path_and_options(url: str) -> tuple[Path, dict[str, str]]:
    """The file and what follows the question mark; a file whose own name has one is found too."""
    if "\0" in unquote(url):
        raise MocapError(f"{url!r}: a name with a zero byte; name a motion capture file")
    is_url = url[:5].lower() == "file:"
    if not is_url and is_file(url):
        return Path(url), {}
    text, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            listed = "; ".join(f"{known}: {meaning}" for known, meaning in _OPTIONS.items())
            raise MocapError(f"{url}: option {name[:40]!r} is not known{did_you_mean(name, _OPTIONS)}; allowed are {listed}")
    if not is_url:
        return Path(text), options
    text = unquote(text[5:])
    if text.startswith("//"):
        host, slash, rest = text[2:].partition("/")
        if host not in ("", "localhost"):
            raise MocapError(f"{url}: a file on host {host!r} cannot be read; write file:///folder/clip.bvh, or the path alone")
        text = slash + rest
    return Path(text), options


def _flag(options: dict[str, str], url: str) -> bool:
    word = options.get("loop", "0")
    if word not in ("0", "1"):
        raise MocapError(f"{url}: loop is {word[:20]!r}; 0 and 1 are allowed")
    return word == "1"


def _speed(word: str, url: str) -> float:
    try:
        speed = float(word)
    except ValueError:
        speed = math.nan
    if not SLOWEST <= speed <= FASTEST:
        raise MocapError(f"{url}: speed is {word[:20]!r}; {SLOWEST:g} to {FASTEST:g} times real time are allowed")
    return speed


PLUGIN: LiveSource = Replay()
