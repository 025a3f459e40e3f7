"""Live sources without their hardware: a motion sent as OptiTrack or Xsens would, over a network as bad as wanted.

    python -m understudy.testing.live_senders natnet walk.bvh
    python -m understudy.testing.live_senders mxtp

sends a file, or a made-up person, over and over to this machine.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from understudy.spec.live import LiveCounters
from understudy.spec.skeleton import HumanMotion
from understudy.testing.live_senders_faults import Faults, with_faults


class Sender(Protocol):
    """Sends single frames of a motion."""

    frames: int
    rate_hz: float

    def send(self, index: int) -> None:
        """Send frame `index` now."""
        ...

    def introduce(self) -> None:
        """Say who is sent, where the protocol says so now and then without being asked."""
        ...


def arrivals(frames: int, faults: Faults) -> list[int]:
    """Numbers of frames in the order in which they arrive, lost ones left out and repeated ones twice."""
    return list(with_faults(range(frames), faults).arriving)


def expected_counters(order: Sequence[int]) -> LiveCounters:
    """What a receiver that hands out the newest must count when frames arrive in this order."""
    counters, seen, handed = LiveCounters(), set[int](), list[int]()
    for number in order:
        if number in seen:
            counters.duplicates += 1
        elif handed and number < handed[-1]:
            counters.late += 1
        else:
            handed.append(number)
        seen.add(number)
    counters.frames = len(handed)
    counters.lost = handed[-1] - handed[0] + 1 - len(handed) if handed else 0
    return counters


class Replay:
    """A thread that sends a motion over and over at its own rate."""

    def __init__(self, sender: Sender, faults: Faults | None = None) -> None:
        """A replay that has not begun."""
        self._sender = sender
        self._order = arrivals(sender.frames, faults or Faults())
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or go on after a stop from the first frame."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="live sender", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send nothing more; safe to call twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.is_set():
            begun_s = time.monotonic()
            for k, index in enumerate(self._order):
                if k % round(self._sender.rate_hz) == 0:
                    self._sender.introduce()
                wait_s = begun_s + k / self._sender.rate_hz - time.monotonic()
                if self._stop.wait(max(wait_s, 0.0)):
                    return
                self._sender.send(index)


def main(argv: Sequence[str] | None = None) -> None:
    """Send until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m understudy.testing.live_senders", description=__doc__)
    parser.add_argument("protocol", choices=("natnet", "mxtp"))
    parser.add_argument("file", nargs="?", type=Path, help="any motion file; a made-up person without it")
    parser.add_argument("--loss", type=float, default=0.0, help="share of frames that never arrive")
    parser.add_argument("--duplicate", type=float, default=0.0, help="share of frames that arrive twice")
    parser.add_argument("--late", type=float, default=0.0, help="share of frames that arrive five frames late")
    given = parser.parse_args(argv)
    faults = Faults(loss=given.loss, duplicate=given.duplicate, late=given.late)
    replay = Replay(_sender(given.protocol, _motion(given.file)), faults)
    replay.start()
    print(f"sending to {given.protocol}://127.0.0.1 until Ctrl-C")
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        replay.stop()


def _motion(path: Path | None) -> HumanMotion:
    if path is not None:
        from understudy.mocap.read import read_motion

        return read_motion(path)
    from understudy.simulate.walker import parametric_motion

    return parametric_motion()


def _sender(protocol: str, motion: HumanMotion) -> Sender:
    if protocol == "natnet":
        from understudy.testing.live_senders_natnet import NatNetServer

        return NatNetServer(motion, port=1510)
    from understudy.testing.live_senders_mxtp import MxtpSender

    return MxtpSender(motion, ("127.0.0.1", 9763))


if __name__ == "__main__":
    main()
