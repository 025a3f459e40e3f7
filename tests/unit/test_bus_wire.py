"""Messages of the bus: what is sent is what comes, to the byte of the documentation, and what is no message is refused."""

from __future__ import annotations

import re
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import BusError
from understudy.record.address import parse_address
from understudy.record.batch import Batch, Envelope, batches_of
from understudy.record.wire import (
    DTYPES,
    decode_batch,
    decode_envelope,
    decode_pings,
    encode_batch,
    encode_envelope,
    encode_pings,
    from_journal,
    is_pings,
    journal_bytes,
)
from understudy.spec.sample import NO_STAMP, ClockPing, Sample

PAGE = Path(__file__).parents[2] / "docs" / "bus_wire.md"


def _equal(a: Batch, b: Batch) -> bool:
    columns = ("seq", "t_ns", "t_device_ns", "t_arrival_ns", "valid")
    same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in columns)
    return same and (a.stream, a.dtype, a.shape, bytes(a.payload)) == (b.stream, b.dtype, b.shape, bytes(b.payload))


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    """Samples of one stream, of any dtype and shape."""
    dtype = np.dtype(draw(st.sampled_from(sorted(DTYPES))))
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    seed, n = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 6))
    rng = np.random.default_rng(seed)
    stamps = draw(st.lists(st.integers(-(2**62), 2**62), min_size=4 * n, max_size=4 * n))
    out = []
    for k in range(n):
        data = np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype=dtype).reshape(shape)
        data = data % 2 == 1 if dtype == np.bool_ else data
        seq, t_ns, device_ns, arrival_ns = stamps[4 * k : 4 * k + 4]
        out.append(Sample("observations/x", data, t_ns, device_ns, arrival_ns, seq, bool(rng.random() < 0.8)))
    return out


@given(samples())
@settings(max_examples=60, deadline=None)
def test_samples_come_as_they_were_sent(sent: list[Sample]) -> None:
    (batch,) = batches_of(sent)
    came = decode_batch(*encode_batch(batch))
    assert _equal(came, batch)
    values = came.values()
    for k, sample in enumerate(sent):
        assert np.asarray(sample.data).tobytes() == values[k].tobytes()  # NaN and all
        assert values.dtype == np.asarray(sample.data).dtype
        assert (came.seq[k], came.t_ns[k], came.t_device_ns[k], came.t_arrival_ns[k], came.valid[k]) == (
            sample.seq, sample.t_ns, sample.t_device_ns, sample.t_arrival_ns, sample.valid
        )  # fmt: skip


def test_images_of_different_size_come_as_they_were_sent() -> None:
    sent = [Sample("observations/cam", bytes([k]) * (k + 1), k, NO_STAMP, k, k) for k in range(4)]
    (batch,) = batches_of(sent)
    came = decode_batch(*encode_batch(batch))
    assert came.images() == [sample.data for sample in sent]
    assert (came.t_device_ns == NO_STAMP).all()
    assert came.rows(np.array([True, False, True, False])).images() == [sent[0].data, sent[2].data]


def test_streams_are_sorted_into_batches_in_their_own_order() -> None:
    sent = [Sample(f"observations/{name}", np.zeros(2), k, NO_STAMP, k, k) for k, name in enumerate("abab")]
    assert [(b.stream, b.seq.tolist()) for b in batches_of(sent)] == [("observations/a", [0, 2]), ("observations/b", [1, 3])]


@pytest.mark.parametrize("other", [np.zeros(3), np.zeros(2, dtype=np.float32), b"\xff\xd8\xff"])
def test_samples_of_one_stream_are_alike(other: object) -> None:
    first = Sample("observations/x", np.zeros(2), 0, NO_STAMP, 0, 0)
    with pytest.raises(BusError, match="observations/x"):
        batches_of([first, Sample("observations/x", other, 1, NO_STAMP, 1, 1)])  # type: ignore[arg-type]


def test_a_big_endian_or_strided_array_is_sent_as_its_values() -> None:
    values = np.arange(12, dtype=">f8").reshape(3, 4)[:, ::2]
    (batch,) = batches_of([Sample("observations/x", values, 0, NO_STAMP, 0, 0)])
    assert np.array_equal(decode_batch(*encode_batch(batch)).values()[0], values)


def test_the_journal_keeps_a_batch_as_it_came() -> None:
    head, payload = encode_batch(batches_of([Sample("observations/x", np.arange(3.0), 1, 2, 3, 4)])[0])
    again = from_journal(memoryview(journal_bytes(head, payload)))
    assert (again[0], bytes(again[1])) == (head, payload)
    with pytest.raises(BusError, match="shorter"):
        from_journal(memoryview(journal_bytes(head, payload)[: len(head) - 3]))


def test_an_envelope_and_pings_come_as_they_were_sent() -> None:
    sent = Envelope("left-hand.2", 2**62, "ping", {"observations/x": 3}, "secret-token")
    assert decode_envelope(encode_envelope(sent)) == sent
    assert "secret" not in repr(sent)
    head, payload = encode_pings("robot", [ClockPing(1, 2, 3), ClockPing(4, 5, 6)])
    assert is_pings(head)
    assert payload == b""
    came = decode_pings(head)
    assert (came.device, came.t_send_ns.tolist(), came.t_device_ns.tolist(), came.t_receive_ns.tolist()) == (
        "robot", [1, 4], [2, 5], [3, 6]
    )  # fmt: skip
    assert not is_pings(encode_batch(batches_of([Sample("observations/x", np.zeros(1), 0, -1, 0, 0)])[0])[0])


def test_the_bytes_of_the_documentation_are_the_bytes_of_the_program() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## To the byte")[2].partition("\n## ")[0]
    envelope, head, payload = (bytes.fromhex(block) for block in re.findall(r"```text\n(.*?)```", section, re.DOTALL))
    assert encode_envelope(Envelope("hand", 42)) == envelope
    sample = Sample("observations/gripper", np.array([0.5, 0.25]), 10_000_000_000, NO_STAMP, 10_001_000_000, 7)
    assert encode_batch(batches_of([sample])[0]) == (head, payload)


ZERO = b"\0" * 8
GOOD = {"stream": "observations/x", "dtype": "float64", "shape": [2], "seq": ZERO, "t_ns": ZERO, "t_arrival_ns": ZERO}
WRONG_HEADS = {
    "no stream": {"stream": None},
    "stream is a number": {"stream": 3},
    "stream with a control letter": {"stream": "observations/\n"},
    "stream without end": {"stream": "o" * 1000},
    "stamps as a list": {"t_ns": [1]},
    "stamps cut": {"t_ns": b"\0" * 7},
    "fewer stamps than numbers": {"seq": b"\0" * 16},
    "no numbers": {"seq": b""},
    "too many": {"seq": b"\0" * 8 * 5000, "t_ns": b"\0" * 8 * 5000, "t_arrival_ns": b"\0" * 8 * 5000},
    "unknown dtype": {"dtype": "float16"},
    "dtype with objects": {"dtype": "object"},
    "dtype is a list": {"dtype": ["f8"]},
    "shape is no list": {"shape": 2},
    "shape of nothing": {"shape": [0]},
    "shape goes below": {"shape": [-2]},
    "shape is true": {"shape": [True, 2]},
    "shape without end": {"shape": [2, 1, 1, 1, 1]},
    "shape overflows": {"shape": [2**40, 2**40]},
    "sizes of an array": {"sizes": b"\0" * 8},
    "valid is longer": {"valid": b"\1\1"},
    "valid is two": {"valid": b"\2"},
    "a key that is none": {"t_nss": b""},
}


@pytest.mark.parametrize("change", WRONG_HEADS.values(), ids=WRONG_HEADS)
def test_a_malformed_head_is_refused(change: dict[str, object]) -> None:
    decode_batch(msgpack.packb(GOOD), b"\0" * 16)
    with pytest.raises(BusError) as error:
        decode_batch(msgpack.packb({**GOOD, **change}), b"\0" * 16)
    assert len(str(error.value)) < 400


def test_a_key_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(BusError, match="did you mean 't_ns'"):
        decode_batch(msgpack.packb({**GOOD, "t_nss": b""}), b"\0" * 16)


@pytest.mark.parametrize("payload", [b"", b"\0" * 15, b"\0" * 17])
def test_samples_that_are_cut_or_too_long_are_refused(payload: bytes) -> None:
    with pytest.raises(BusError, match="observations/x"):
        decode_batch(msgpack.packb(GOOD), payload)


@pytest.mark.parametrize("sizes", [[5], [17], [-1], [0], [2**62]])
def test_images_that_do_not_fill_the_part_are_refused(sizes: list[int]) -> None:
    head = {k: v for k, v in GOOD.items() if k != "shape"} | {"dtype": "jpeg", "sizes": np.array(sizes, dtype="<i8").tobytes()}
    with pytest.raises(BusError, match="images"):
        decode_batch(msgpack.packb(head), b"\0" * 16)


@pytest.mark.parametrize(
    "envelope",
    [
        {"v": 2, "producer": "a", "run": 1},
        {"v": 1, "producer": "../../etc/passwd", "run": 1},
        {"v": 1, "producer": ".hidden", "run": 1},
        {"v": 1, "producer": "", "run": 1},
        {"v": 1, "producer": "a" * 65, "run": 1},
        {"v": 1, "producer": 4, "run": 1},
        {"v": 1, "producer": "a", "run": -1},
        {"v": 1, "producer": "a", "run": True},
        {"v": 1, "producer": "a"},
        {"v": 1, "producer": "a", "run": 1, "clock": "sundial"},
        {"v": 1, "producer": "a", "run": 1, "dropped": {"x": -1}},
        {"v": 1, "producer": "a", "run": 1, "dropped": [1]},
        {"v": 1, "producer": "a", "run": 1, "token": 5},
        {"v": 1, "producer": "a", "run": 1, "tokem": "x"},
        [1],
        "text",
    ],
)
def test_a_malformed_envelope_is_refused(envelope: object) -> None:
    with pytest.raises(BusError, match="envelope"):
        decode_envelope(msgpack.packb(envelope))


@pytest.mark.parametrize("part", [b"", b"\xc1", b"\x81", b"{}", b"\xdf\xff\xff\xff\xff", b"\x91" * 2000, b"\0" * 300_000])
def test_what_is_not_msgpack_is_refused(part: bytes) -> None:
    for decode in (decode_envelope, decode_pings, lambda p: decode_batch(p, b"")):
        with pytest.raises(BusError):
            decode(part)


def test_addresses_say_where_samples_and_commands_go() -> None:
    tcp, ipc = parse_address("tcp://127.0.0.1:9000"), parse_address("ipc:///tmp/understudy-bus")
    assert (tcp.samples, tcp.commands, tcp.local, tcp.token) == ("tcp://127.0.0.1:9000", "tcp://127.0.0.1:9001", True, "")
    assert (ipc.samples, ipc.commands) == ("ipc:///tmp/understudy-bus", "ipc:///tmp/understudy-bus.commands")
    open_to_all = parse_address("tcp://0.0.0.0:9000?token=long-enough")
    assert (open_to_all.local, open_to_all.token) == (False, "long-enough")
    assert "long-enough" not in repr(open_to_all)
    assert parse_address("tcp://[::1]:9000").samples == "tcp://[::1]:9000"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://0.0.0.0:9000", "token"),
        ("tcp://192.168.1.5", "token"),
        ("tcp://robot.local:9000", "token"),
        ("tcp://0.0.0.0:9000?token=short", "8 letters"),
        ("tcp://127.0.0.1:9000?tokem=x", "tokem"),
        ("tcp://127.0.0.1:70000", "write"),
        ("tcp://127.0.0.1:65535", "write"),
        ("tcp://127.0.0.1:0", "write"),
        ("tcp://:9000", "host"),
        ("tcp://127.0.0.1:9000/path", "write"),
        ("ipc://relative/path", "absolute"),
        (f"ipc:///{'x' * 100}", "96 bytes"),
        ("udp://127.0.0.1:9000", "not an address"),
        ("nonsense", "not an address"),
    ],
)
def test_an_address_that_is_none_or_too_open_is_refused(address: str, why: str) -> None:
    with pytest.raises(BusError, match=re.escape(why)):
        parse_address(address)
