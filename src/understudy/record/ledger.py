"""What came of one stream: counts that only grow, and enough of the newest stamps to tell its rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from understudy.geom.arrays import I64
from understudy.spec.h264 import PacketReader
from understudy.spec.stream import StreamSpec

RECENT = 256
"""Newest samples whose stamps and numbers are remembered."""
WINDOW_NS = 2_000_000_000
"""Time over which a rate is told."""
GAP_S, GAP_STEPS = 0.05, 1.5
"""A gap as the gate `sync` sees one."""
NONE = -(2**62)


@dataclass
class Ledger:
    """Written by the thread that takes samples in, read by any.

    Attributes:
        spec: of the stream.
        owner, run: the producer it comes from; empty and -1 before the first sample.
        received, size: samples that were taken, and their bytes.
        refused: samples that were not; `last_refusal` says why the newest was not.
        lost: numbers that never came, or came too late.
        late: samples that came after a newer one; `duplicates`: that came again. Both are refused, too.
        dropped_by_producer: what it says it could not hand over, over all its runs.
        dropped_by_recorder: images let go because the disk was too slow.
        gaps, longest_gap_ns: pauses longer than the stream may have, by its stamps.
        clock_steps: times its stamps jumped and stayed there.
        last_seq, last_t_ns: newest number and stamp; `NONE` before the first sample and, for the number, after a restart.
        last_seen_ns: recorder's clock when the newest sample came.
        lead_ns: how far its stamps run ahead since its clock stepped.
        expected_hz: of the schema; for a stream without a rate there, as it was learned; 0 for events.
        newest_image: the newest of a camera's images that can be shown alone: a JPEG file, or an H.264 keyframe.
        codec: of its images; empty before the first.
        packets: reads the heads of its H.264 packets.
        recent: per message in the last window the recorder's clock, and samples and bytes that had come before it.
        stamps, numbers: of the newest samples.
        key: `group/name`.
        events: its samples come when something happens, or may.
        gap_ns: the longest pause that is none yet.
    """

    spec: StreamSpec
    owner: str = ""
    run: int = -1
    received: int = 0
    size: int = 0
    refused: int = 0
    last_refusal: str = ""
    lost: int = 0
    late: int = 0
    duplicates: int = 0
    dropped_by_producer: int = 0
    dropped_by_recorder: int = 0
    gaps: int = 0
    longest_gap_ns: int = 0
    clock_steps: int = 0
    last_seq: int = NONE
    last_t_ns: int = NONE
    last_seen_ns: int = NONE
    lead_ns: int = 0
    odd: int = 0
    expected_hz: float = 0.0
    newest_image: bytes = field(default=b"", repr=False)
    codec: str = ""
    packets: PacketReader = field(default_factory=PacketReader, repr=False)
    recent: deque[tuple[int, int, int]] = field(default_factory=deque, repr=False)
    stamps: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT), repr=False)
    numbers: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT), repr=False)
    key: str = field(init=False)
    events: bool = field(init=False)
    gap_ns: int = field(init=False)
    _dropped: dict[tuple[str, int], int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.key = self.spec.key
        self.events = self.spec.rate_hz == 0 and self.spec.kind in ("discrete", "command")
        self._expect(self.spec.rate_hz)

    @property
    def paced(self) -> bool:
        """Whether silence says something: it has a rate, or may have one; of commands only those that an episode needs, once they
        have come steadily."""
        return not self.events or (self.spec.required and self.expected_hz > 0)

    def _expect(self, rate_hz: float) -> None:
        self.expected_hz = rate_hz
        steady = rate_hz > 0 and not self.events
        self.gap_ns = round(1e9 * max(GAP_S, GAP_STEPS / rate_hz)) if steady else -NONE

    def count(self, seq: Sequence[int], t_ns: Sequence[int], now_ns: int, size: int) -> None:
        """Enter samples that were taken: numbers and stamps increase, and begin after the newest so far."""
        n, last = len(seq), self.last_t_ns
        if last != NONE:
            longest = t_ns[0] - last
            for k in range(1, n):
                longest = max(longest, t_ns[k] - t_ns[k - 1])
            if longest > self.gap_ns:
                self.gaps += 1
                self.longest_gap_ns = max(self.longest_gap_ns, longest)
        self.stamps.extend(t_ns)
        self.numbers.extend(seq)
        self.recent.append((now_ns, self.received, self.size))
        self.received += n
        self.size += size
        self.last_t_ns, self.last_seen_ns = t_ns[-1], now_ns
        self.last_seq = max(self.last_seq, seq[-1])
        while self.recent[0][0] < now_ns - WINDOW_NS:
            self.recent.popleft()

    def told_dropped(self, producer: str, run: int, total: int) -> None:
        """A producer says how many samples it could not hand over since it started."""
        before = self._dropped.get((producer, run), 0)
        if total > before:
            self._dropped[producer, run] = total
            self.dropped_by_producer += total - before

    def newest_stamps(self) -> I64:
        """(N,) the newest stamps that are remembered, oldest first, all within one window of the newest."""
        stamps = np.array(list(self.stamps), dtype=np.int64)
        jumps = np.flatnonzero(np.diff(stamps) <= 0)
        stamps = stamps[jumps[-1] + 1 :] if len(jumps) else stamps  # only what came since a clock was set
        kept: I64 = stamps[stamps > stamps[-1] - WINDOW_NS] if len(stamps) else stamps
        return kept

    def learn_rate(self) -> None:
        """For a stream whose rate the schema leaves open: what its stamps say, once there are enough."""
        if self.spec.rate_hz == 0 and (not self.events or self.spec.required):
            stamps = self.newest_stamps()
            if len(stamps) >= 10:
                seen_hz = 1e9 / float(np.median(np.diff(stamps)))
                self._expect(seen_hz if self.expected_hz == 0 else 0.9 * self.expected_hz + 0.1 * seen_hz)
