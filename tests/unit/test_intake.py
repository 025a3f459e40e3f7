"""The recorder's door: what does not fit the schema is refused with the stream and the reason, counted, and the rest goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgpack
import numpy as np
import pytest
import simplejpeg

from understudy.geom.arrays import AnyArray
from understudy.record.batch import Envelope
from understudy.record.bus import LocalBus, Publisher
from understudy.record.intake import OWNER_SILENT_NS, Event, Intake, Part, PingPart
from understudy.record.rows import STEP_SAMPLES
from understudy.record.wire import decode_batch, encode_envelope
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec

S = 1_000_000_000
NOW = 5000 * S
X, CAM, MARKERS, FLAG = "observations/x", "observations/cam", "debug/markers", "observations/flag"
SCHEMA = Schema(
    name="test",
    robot="none",
    joint_groups={},
    streams=(
        StreamSpec(name="x", group="observations", shape=(2,), frame="joint", rate_hz=100.0),
        StreamSpec(name="flag", group="observations", shape=(), dtype="bool", frame="joint", kind="discrete"),
        StreamSpec(name="cam", group="observations", shape=(16, 24, 3), dtype="uint8", kind="image", frame="head", rate_hz=30.0),
        StreamSpec(name="markers", group="debug", shape=(3,), rate_hz=100.0),
    ),
)


def jpeg(height: int = 16, width: int = 24) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(np.full((height, width, 3), 90, dtype=np.uint8))
    return encoded


class Door:
    """An intake, and producers that push to it."""

    def __init__(self, token: str = "") -> None:
        self.events: list[Event] = []
        self.intake = Intake(SCHEMA, token, self.events.append)
        self.bus = LocalBus()
        self.now_ns = NOW

    def producer(self, name: str = "robot", token: str = "") -> Publisher:
        return Publisher(self.bus, name, token=token)

    def take(self) -> list[Part | PingPart]:
        return [part for message in self.bus.receive(0.0) for part in self.intake.take(message, self.now_ns)]

    def send(self, samples: Sequence[Sample], producer: Publisher | None = None) -> list[Part]:
        (producer or self.main).publish(samples)
        return [part for part in self.take() if isinstance(part, Part)]

    @property
    def main(self) -> Publisher:
        if not hasattr(self, "_main"):
            self._main = self.producer()
        return self._main


def x(seq: int, t_ns: int | None = None, value: AnyArray | None = None) -> Sample:
    stamp = NOW - S + seq * 10_000_000 if t_ns is None else t_ns
    return Sample(X, np.zeros(2) if value is None else value, stamp, NO_STAMP, stamp, seq)


def taken(parts: Sequence[Part]) -> list[int]:
    return [int(n) for part in parts for n in decode_batch(part.head, part.payload).seq]


def test_what_fits_goes_in_as_it_came() -> None:
    door = Door()
    parts = door.send([x(0), x(1), Sample(FLAG, np.array(True), NOW, NO_STAMP, NOW, 0)])
    assert [(part.ledger.key, part.samples, part.image) for part in parts] == [(X, 2, False), (FLAG, 1, False)]
    ledger = door.intake.ledgers[X]
    assert (ledger.received, ledger.refused, ledger.lost, ledger.last_seq, ledger.owner) == (2, 0, 0, 1, "robot")
    assert list(door.intake.refusals) == []


WRONG_SAMPLES: dict[str, tuple[Callable[[], Sample], str]] = {
    "shape": (lambda: x(1, value=np.zeros(3)), r"shape \[3\]; the schema says \[2\]"),
    "dtype": (lambda: x(1, value=np.zeros(2, dtype=np.float32)), "dtype float32; the schema says float64"),
    "an image for an array": (lambda: Sample(X, jpeg(), NOW, NO_STAMP, NOW, 1), "dtype jpeg; the schema says float64"),
    "an array for an image": (
        lambda: Sample(CAM, np.zeros((16, 24, 3), dtype=np.uint8), NOW, NO_STAMP, NOW, 1), "dtype uint8; the schema says jpeg"
    ),
    "NaN": (lambda: x(1, value=np.array([0.0, np.nan])), "not a finite number"),
    "infinity": (lambda: x(1, value=np.array([0.0, np.inf])), "not a finite number"),
    "infinity in debug": (lambda: Sample(MARKERS, np.array([np.inf, 0, 0]), NOW, NO_STAMP, NOW, 1), "not a finite number"),
    "wall clock": (lambda: x(1, 1_700_000_000 * S), "ahead; stamps must be on this machine's monotonic clock"),
    "from yesterday": (lambda: Sample(MARKERS, np.zeros(3), NOW - 86_400 * S, NO_STAMP, NOW, 0), "86400 s back"),
    "no JPEG": (lambda: Sample(CAM, b"\x89PNG and so on", NOW, NO_STAMP, NOW, 1), "no JPEG"),
    "a JPEG that is cut": (lambda: Sample(CAM, jpeg()[:-40], NOW, NO_STAMP, NOW, 1), "cut off"),
    "a JPEG of another size": (lambda: Sample(CAM, jpeg(24, 16), NOW, NO_STAMP, NOW, 1), "image of 16x24; the schema says 24x16"),
    "a JPEG of nothing": (lambda: Sample(CAM, b"\xff\xd8\xff\xd9", NOW, NO_STAMP, NOW, 1), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "why"), WRONG_SAMPLES.values(), ids=WRONG_SAMPLES)
def test_a_wrong_sample_is_refused_and_the_next_taken(wrong: Callable[[], Sample], why: str) -> None:
    door = Door()
    door.send([x(0)])
    sample = wrong()
    assert door.send([sample]) == []
    ledger = door.intake.ledgers[sample.stream]
    (refusal,) = door.intake.refusals
    assert (refusal.stream, refusal.producer, refusal.samples) == (sample.stream, "robot", 1)
    assert refusal.reason == ledger.last_refusal
    assert re.search(why, refusal.reason)
    assert ledger.refused == 1
    assert taken(door.send([x(2)])) == [2]


def test_one_wrong_sample_of_a_batch_takes_no_other_with_it() -> None:
    door = Door()
    sent = [x(k, value=np.array([k, np.nan if k == 2 else 0.0])) for k in range(5)]
    parts = door.send(sent)
    assert taken(parts) == [0, 1, 3, 4]
    batch = decode_batch(parts[0].head, parts[0].payload)
    assert batch.values()[:, 0].tolist() == [0, 1, 3, 4]
    assert batch.t_ns.tolist() == [sent[k].t_ns for k in (0, 1, 3, 4)]
    assert door.intake.ledgers[X].lost == 0  # it came, and was refused


def test_a_marker_that_was_not_seen_is_no_fault() -> None:
    door = Door()
    (part,) = door.send([Sample(MARKERS, np.array([np.nan, 0.0, 1.0]), NOW, NO_STAMP, NOW, 0)])
    assert part.samples == 1
    assert door.intake.ledgers[MARKERS].refused == 0


def test_a_camera_that_fills_up_with_zeros_is_understood() -> None:
    door = Door()
    (part,) = door.send([Sample(CAM, jpeg() + b"\0" * 100, NOW, NO_STAMP, NOW, 0)])
    assert part.image
    assert door.intake.ledgers[CAM].newest_image == jpeg() + b"\0" * 100


def test_an_unknown_stream_is_answered_with_the_nearest() -> None:
    door = Door()
    door.main.publish([Sample("observations/camm", np.zeros(2), NOW, NO_STAMP, NOW, 0), x(0)])
    assert taken([p for p in door.take() if isinstance(p, Part)]) == [0]
    assert door.intake.refused == 1
    assert "did you mean 'observations/cam'" in door.intake.refusals[0].reason


def test_repeated_and_late_samples_are_told_apart() -> None:
    door = Door()
    assert taken(door.send([x(0), x(1), x(4)])) == [0, 1, 4]
    assert door.send([x(4)]) == []
    assert door.send([x(2)]) == []
    assert taken(door.send([x(1), x(5)])) == [5]
    ledger = door.intake.ledgers[X]
    assert (ledger.duplicates, ledger.late, ledger.lost, ledger.refused) == (2, 1, 2, 3)


def test_reordered_samples_inside_a_batch() -> None:
    door = Door()
    assert taken(door.send([x(0), x(2), x(1), x(3), x(3)])) == [0, 2, 3]
    ledger = door.intake.ledgers[X]
    assert (ledger.late, ledger.duplicates) == (1, 1)


def test_a_stamp_that_goes_back_is_refused() -> None:
    door = Door()
    door.send([x(0, NOW - 100), x(1, NOW - 50)])
    assert taken(door.send([x(2, NOW - 50), x(3, NOW - 60), x(4, NOW - 40)])) == [4]
    assert "does not increase" in door.intake.ledgers[X].last_refusal
    assert door.intake.ledgers[X].clock_steps == 0


@pytest.mark.parametrize("step_ns", [-20 * S, 20 * S])
def test_a_clock_that_was_set_is_taken_on_after_a_few_samples(step_ns: int) -> None:
    door = Door()
    door.send([x(k, NOW - 300_000_000 + k * 10_000_000) for k in range(20)])
    got = []
    for k in range(20, 50):
        door.now_ns += 10_000_000
        got += taken(door.send([x(k, door.now_ns + step_ns)]))
    assert got == list(range(20 + STEP_SAMPLES - 1, 50))
    ledger = door.intake.ledgers[X]
    assert (ledger.clock_steps, ledger.refused) == (1, STEP_SAMPLES - 1)
    (event,) = [e for e in door.events if e["event"] == "clock_step"]
    assert event["stream"] == X


def test_the_first_stamps_of_a_stream_must_be_right() -> None:
    door = Door()
    for k in range(3 * STEP_SAMPLES):
        assert door.send([x(k, NOW + 100 * S + k)]) == []
    assert door.intake.ledgers[X].clock_steps == 0
    assert taken(door.send([x(100)])) == [100]


def test_two_producers_of_one_stream_the_second_is_refused_until_the_first_is_silent() -> None:
    door = Door()
    other = door.producer("intruder")
    door.send([x(0)])
    assert door.send([x(1)], other) == []
    assert "producer 'robot' already" in door.intake.ledgers[X].last_refusal
    assert taken(door.send([x(1)])) == [1]
    door.now_ns += OWNER_SILENT_NS + 1
    assert taken(door.send([x(2)], other)) == [2]
    assert door.intake.ledgers[X].owner == "intruder"
    assert [e["event"] for e in door.events] == ["producer", "producer", "takes over"]


def test_a_producer_that_was_started_again_may_count_from_the_beginning() -> None:
    door = Door()
    door.send([x(k) for k in range(50)])
    again = door.producer("robot")
    later = NOW + 2 * S
    door.now_ns = NOW + 2 * S
    assert taken(door.send([x(0, later), x(1, later + 1)], again)) == [0, 1]
    ledger = door.intake.ledgers[X]
    assert (ledger.lost, ledger.refused) == (0, 0)
    assert "returned" in [e["event"] for e in door.events]


def test_a_token_is_needed_where_there_is_one() -> None:
    door = Door("the right token")
    for token in ("", "the wrong token"):
        assert door.send([x(0)], door.producer("robot", token)) == []
    assert door.intake.refused == 2
    assert [("no token" in r.reason, "wrong token" in r.reason) for r in door.intake.refusals] == [(True, False), (False, True)]
    assert taken(door.send([x(0)], door.producer("robot", "the right token"))) == [0]
    assert not any("the right" in r.reason for r in door.intake.refusals)


def test_what_a_producer_dropped_is_counted_over_its_runs() -> None:
    door = Door()
    for run, dropped in ((1, 3), (1, 5), (2, 2), (1, 4)):
        message = [encode_envelope(Envelope("robot", run, "host", {X: dropped, "observations/none": 9}))]
        door.intake.take(message, NOW)
    assert door.intake.ledgers[X].dropped_by_producer == 7


@pytest.mark.parametrize("parts", [[], [b""], [b"\x00", b"\x00"], [b"nonsense", b"more", b"of it"]])
def test_a_message_that_is_none_is_refused(parts: list[bytes]) -> None:
    door = Door()
    assert door.intake.take(parts, NOW) == []
    assert door.intake.refused == 1


def test_a_cut_message_gives_what_is_whole() -> None:
    door = Door()
    door.main.publish([x(0)])
    (message,) = door.bus.receive(0.0)
    assert door.intake.take(message[:-1], NOW) == []
    assert door.intake.take([*message[:2], message[2][:-1]], NOW) == []
    assert door.intake.refused == 2
    assert len(door.intake.take(message, NOW)) == 1


def test_pings_go_in_and_bad_ones_do_not() -> None:
    door = Door()
    door.main.publish_pings("robot", [ClockPing(1, 2, 3)])
    (part,) = door.take()
    assert isinstance(part, PingPart)
    assert part.device == "robot"
    bad = msgpack.packb({"clock": "../up", "t_send_ns": b"", "t_device_ns": b"", "t_receive_ns": b""})
    assert door.intake.take([encode_envelope(Envelope("robot", 1)), bad, b""], NOW) == []
    assert door.intake.refused == 1


def test_refusals_do_not_grow_without_end() -> None:
    door = Door()
    for k in range(500):
        door.send([Sample(f"observations/none{k}", np.zeros(1), NOW, NO_STAMP, NOW, 0)])
    assert door.intake.refused == 500
    assert len(door.intake.refusals) == 50
    for k in range(400):
        door.intake.take([encode_envelope(Envelope(f"p{k}", 1))], NOW)
    assert len(door.intake.clocks) == 256
