"""Sends pulses at an even rate and writes down when every edge was."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from understudy.devices.pulses.lines import Line
from understudy.errors import DeviceError
from understudy.spec.device import ClockKind
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.stream import StreamSpec

STREAM = "debug/trigger"
_NS_PER_S = 1_000_000_000
_MOST_WAITING = 100_000


def trigger_spec(rate_hz: float) -> StreamSpec:
    """The stream of edges: 1 where the line goes high, 0 where it goes low again; two samples a pulse."""
    return StreamSpec(
        name="trigger", group="debug", dtype="uint8", unit="1", frame="world", rate_hz=2.0 * rate_hz, kind="discrete"
    )


class TriggerDevice:
    """Pulses by a thread of its own, so that they come evenly whoever reads.

    The stamp of an edge is the host's time in the middle of the call that made it, and the call's length is bounded by
    `longest_call_ns`. A pulse that the machine could not send in its time is left out, not sent late: cameras then miss a frame
    and no two frames lie too close together.
    """

    clock: ClockKind = "host"

    def __init__(self, line: Line, spec: StreamSpec, *, rate_hz: float, pulse_s: float = 0.001, name: str = "trigger") -> None:
        """A trigger that sends nothing yet.

        Args:
            line: the wire; this device closes it.
            spec: of the stream of edges, as `trigger_spec` gives it.
            rate_hz: of the pulses, up to 1000.
            pulse_s: how long the line is high.
            name: on the bus.

        Raises:
            DeviceError: a rate or a length that cannot be.
        """
        if not 0.0 < rate_hz <= 1000.0 or not 0.0 < pulse_s <= 0.5 / rate_hz:
            raise DeviceError(f"{name}: pulses of {pulse_s} s at {rate_hz} Hz; up to 1000 Hz, high for half the time at most")
        self.name, self.line = name, line
        self.streams: tuple[StreamSpec, ...] = (spec,)
        self._period_ns, self._pulse_ns = round(_NS_PER_S / rate_hz), round(pulse_s * _NS_PER_S)
        self._edges: deque[Sample] = deque(maxlen=_MOST_WAITING)
        self._stop, self._came = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._fault = ""
        self._count = 0
        self.longest_call_ns = 0
        self.left_out = 0

    def start(self) -> None:
        """Begin to send."""
        if self._thread is None and not self._stop.is_set():
            self._thread = threading.Thread(target=self._send, name=self.name, daemon=True)
            self._thread.start()

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """Edges since the last call.

        Raises:
            DeviceError: the line is gone.
        """
        if not self._edges and not self._fault:
            self._came.wait(timeout_s)
        self._came.clear()
        out = []
        while self._edges:
            out.append(self._edges.popleft())
        if self._fault and not out:
            raise DeviceError(f"{self.name}: {self.line.where}: {self._fault}; plug it in and start again")
        return out

    def ping(self) -> ClockPing | None:
        """None: its stamps are the host's."""
        return None

    def close(self) -> None:
        """Send nothing more and let the line go."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        self.line.close()

    def _send(self) -> None:
        due_ns = time.monotonic_ns() + self._period_ns
        try:
            while not self._wait(due_ns):
                late = (time.monotonic_ns() - due_ns) // self._period_ns
                if late > 0:
                    self.left_out += late
                    due_ns += late * self._period_ns
                    continue
                self._edge(True)
                self._wait(time.monotonic_ns() + self._pulse_ns)
                self._edge(False)
                due_ns += self._period_ns
        except OSError as error:
            self._fault = str(error)
            self._came.set()

    def _wait(self, until_ns: int) -> bool:
        """Whether it was told to stop meanwhile."""
        return self._stop.wait(max((until_ns - time.monotonic_ns()) / _NS_PER_S, 0.0))

    def _edge(self, high: bool) -> None:
        before_ns = time.monotonic_ns()
        self.line.set(high)
        after_ns = time.monotonic_ns()
        self.longest_call_ns = max(self.longest_call_ns, after_ns - before_ns)
        data = np.array(high, dtype=self.streams[0].dtype)
        key, t_ns = self.streams[0].key, (before_ns + after_ns) // 2
        self._edges.append(Sample(key, data, t_ns, NO_STAMP, after_ns, self._count))
        self._count += 1
        self._came.set()
