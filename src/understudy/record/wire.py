"""Messages of the bus: an envelope, then for every batch of samples a head and the samples themselves. docs/bus_wire.md.

Envelope and heads are msgpack maps; stamps and samples are raw little-endian arrays, so that a batch of fifty samples costs
hardly more than one. The journal keeps heads and samples as they came (`journal_bytes`): nothing is encoded twice.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

import numpy as np

from understudy.errors import BusError, UnknownNameError, did_you_mean
from understudy.geom.arrays import I64, Bool
from understudy.record.batch import CODECS, Batch, Envelope, Pings
from understudy.spec.device import ClockKind
from understudy.spec.sample import NO_STAMP, ClockPing

VERSION = 1
DTYPES = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
)  # fmt: skip
MOST_SAMPLES, MOST_AXES = 4096, 4
MOST_BYTES = 64 * 1024 * 1024
"""Of one message; a producer that sends more is refused by the transport."""
MOST_HEAD_BYTES = 256 * 1024
MOST_NAME = 64
SLOWEST = 0.001
"""Speed of a producer's clock; a quicker one than the host's would stamp samples of the future."""
_HEAD = struct.Struct("<I")
BATCH_KEYS = frozenset(("stream", "dtype", "shape", "sizes", "seq", "t_ns", "t_device_ns", "t_arrival_ns", "valid"))
_PING_KEYS = frozenset(("clock", "t_send_ns", "t_device_ns", "t_receive_ns"))
_ENVELOPE_KEYS = frozenset(("v", "producer", "run", "clock", "pace", "dropped", "token"))


def encode_envelope(envelope: Envelope) -> bytes:
    """First part of a message."""
    out: dict[str, Any] = {"v": VERSION, "producer": envelope.producer, "run": envelope.run, "clock": envelope.clock}
    if envelope.pace != 1.0:
        out["pace"] = envelope.pace
    if envelope.dropped:
        out["dropped"] = dict(envelope.dropped)
    if envelope.token:
        out["token"] = envelope.token
    return _packed(out)


def decode_envelope(part: bytes) -> Envelope:
    """Raises BusError where it is none."""
    found = map_in(part, "envelope", _ENVELOPE_KEYS)
    if found.get("v") != VERSION:
        raise BusError(f"envelope: version {found.get('v')!r}, this recorder understands {VERSION}; update the producer")
    name, run, clock = found.get("producer"), found.get("run"), found.get("clock", "host")
    checked_name(name, "envelope: producer")
    if not _whole(run, 0, 2**63 - 1):
        raise BusError(f"envelope: run is {run!r}; a number drawn at the producer's start is needed")
    if clock not in get_args(ClockKind):
        raise BusError(f"envelope: clock {clock!r} is not one of {', '.join(get_args(ClockKind))}")
    dropped, token = found.get("dropped", {}), found.get("token", "")
    if not (isinstance(dropped, dict) and all(isinstance(k, str) and _whole(n, 0, 2**63 - 1) for k, n in dropped.items())):
        raise BusError("envelope: dropped must map streams to counts")
    if not isinstance(token, str):
        raise BusError("envelope: token must be text")
    pace = found.get("pace", 1.0)
    if not (isinstance(pace, float) and SLOWEST <= pace <= 1.0):
        raise BusError(f"envelope: pace is {str(pace)[:MOST_NAME]}; a number from {SLOWEST} to 1.0 is needed")
    return Envelope(cast(str, name), cast(int, run), cast(ClockKind, clock), dropped, token, pace)


def encode_batch(batch: Batch) -> tuple[bytes, bytes]:
    """Head and samples of a batch, two parts of a message."""
    out: dict[str, Any] = {"stream": batch.stream, "dtype": batch.dtype}
    if batch.sizes is None:
        out["shape"] = list(batch.shape)
    else:
        out["sizes"] = _column(batch.sizes)
    out |= {"seq": _column(batch.seq), "t_ns": _column(batch.t_ns), "t_arrival_ns": _column(batch.t_arrival_ns)}
    if (batch.t_device_ns != NO_STAMP).any():
        out["t_device_ns"] = _column(batch.t_device_ns)
    if not batch.valid.all():
        out["valid"] = batch.valid.tobytes()
    return _packed(out), bytes(batch.payload)


def decode_batch(head: bytes, payload: bytes | memoryview) -> Batch:
    """The batch in two parts of a message; that it holds together is checked, not yet that the schema wants it.

    Raises:
        BusError: malformed; the message names the stream where it could be read.
    """
    found = map_in(head, "head of a batch", BATCH_KEYS)
    stream = found.get("stream")
    if not (isinstance(stream, str) and 0 < len(stream) <= 2 * MOST_NAME and stream.isprintable()):
        raise BusError(f"head of a batch: stream is {str(stream)[:MOST_NAME]!r}; `group/name` is needed")
    where = f"stream {stream}"
    seq = _stamps(found, "seq", where)
    n = len(seq)
    if not 0 < n <= MOST_SAMPLES:
        raise BusError(f"{where}: {n} samples in one batch; 1 to {MOST_SAMPLES} are allowed")
    t_ns, t_arrival_ns = _stamps(found, "t_ns", where, n), _stamps(found, "t_arrival_ns", where, n)
    t_device_ns = _stamps(found, "t_device_ns", where, n) if "t_device_ns" in found else np.full(n, NO_STAMP, dtype=np.int64)
    valid = _valid(found["valid"], where, n) if "valid" in found else np.ones(n, dtype=np.bool_)
    dtype, sizes, shape = found.get("dtype"), None, tuple[int, ...]()
    if dtype in CODECS:
        sizes = _sizes(found, where, n, len(payload))
    else:
        shape = _shape(found, where, n, len(payload))
    return Batch(stream, cast(str, dtype), shape, seq, t_ns, t_device_ns, t_arrival_ns, valid, payload, sizes)


def encode_pings(device: str, pings: Sequence[ClockPing]) -> tuple[bytes, bytes]:
    """Head and empty second part of exchanges of clocks."""
    rows = np.array([(p.t_send_ns, p.t_device_ns, p.t_receive_ns) for p in pings], dtype=np.int64).reshape(-1, 3).T
    columns = {name: _column(row) for name, row in zip(("t_send_ns", "t_device_ns", "t_receive_ns"), rows, strict=True)}
    return _packed({"clock": device, **columns}), b""


def is_pings(head: bytes) -> bool:
    """Whether a head is one of exchanges of clocks; `clock` stands first in such a map."""
    return head[1:7] == b"\xa5clock"


def decode_pings(head: bytes) -> Pings:
    """Raises BusError where they are malformed."""
    found = map_in(head, "head of clock pings", _PING_KEYS)
    name = checked_name(found.get("clock"), "head of clock pings: clock")
    where = f"clock {name}"
    sent = _stamps(found, "t_send_ns", where)
    return Pings(name, sent, *(_stamps(found, key, where, len(sent)) for key in ("t_device_ns", "t_receive_ns")))


def journal_bytes(head: bytes, payload: bytes | memoryview) -> bytes:
    """A batch as the journal keeps it: length of the head, head, samples."""
    return b"".join((_HEAD.pack(len(head)), head, payload))


def from_journal(data: memoryview) -> tuple[bytes, memoryview]:
    """Head and samples of an entry of the journal; raises BusError where it is cut."""
    if len(data) < _HEAD.size or _HEAD.size + (size := _HEAD.unpack_from(data)[0]) > len(data):
        raise BusError("entry of the journal: shorter than its head; the journal is damaged there")
    return bytes(data[_HEAD.size : _HEAD.size + size]), data[_HEAD.size + size :]


def checked_name(name: object, where: str) -> str:
    """A name of a producer or device that can stand anywhere: letters, digits, `_`, `-`, `.`; raises BusError else."""
    if not (
        isinstance(name, str)
        and 0 < len(name) <= MOST_NAME
        and name.replace("_", "a").replace("-", "a").replace(".", "a").isalnum()
    ):
        raise BusError(
            f"{where} is {str(name)[:MOST_NAME]!r}; letters, digits, '_', '-' and '.' are allowed, {MOST_NAME} at most"
        )
    if not name.isascii() or name.startswith("."):
        raise BusError(f"{where} is {name!r}; it must be plain letters and not begin with a dot")
    return name


def _packed(value: dict[str, Any]) -> bytes:
    import msgpack

    return cast(bytes, msgpack.packb(value))


def map_in(part: bytes, what: str, keys: frozenset[str]) -> dict[str, Any]:
    """The map of text keys in a part; raises BusError where there is none, or a key is not among `keys`."""
    import msgpack

    if len(part) > MOST_HEAD_BYTES:
        raise BusError(f"{what}: {len(part)} bytes, at most {MOST_HEAD_BYTES} are allowed")
    try:
        found = msgpack.unpackb(part)
    except (ValueError, msgpack.exceptions.UnpackException, TypeError) as error:
        raise BusError(f"{what}: not msgpack: {str(error)[:100] or type(error).__name__}") from None
    if not isinstance(found, dict):
        raise BusError(f"{what}: a {type(found).__name__}, a map is needed")
    if not keys.issuperset(found):
        name = str(next(key for key in found if key not in keys))[:MOST_NAME]
        raise BusError(f"{what}: unknown key {name!r}{did_you_mean(name, keys)}")
    return found


def _column(values: I64) -> bytes:
    return np.ascontiguousarray(values, dtype="<i8").tobytes()


def _stamps(found: Mapping[str, Any], key: str, where: str, n: int | None = None) -> I64:
    value = found.get(key)
    if not isinstance(value, bytes) or len(value) % 8 or (n is not None and len(value) != 8 * n):
        held = f"{len(value)} bytes" if isinstance(value, bytes) else type(value).__name__
        wanted = "8 bytes per sample" if n is None else f"{8 * n} bytes for {n} samples"
        raise BusError(f"{where}: {key} holds {held}; int64 little-endian as binary is needed, {wanted}")
    return np.frombuffer(value, dtype=np.int64) if _LITTLE else np.frombuffer(value, dtype="<i8").astype(np.int64)


_LITTLE = np.dtype("<i8") == np.dtype(np.int64)


def _valid(value: object, where: str, n: int) -> Bool:
    if not isinstance(value, bytes) or len(value) != n or not set(value) <= {0, 1}:
        raise BusError(f"{where}: valid must be {n} bytes of 0 or 1, one per sample")
    return np.frombuffer(value, dtype=np.bool_)


def _sizes(found: Mapping[str, Any], where: str, n: int, payload: int) -> I64:
    if "shape" in found:
        raise BusError(f"{where}: images have no shape; leave it out, they say it themselves")
    sizes = _stamps(found, "sizes", where, n)
    if int(sizes.min()) <= 0 or int(sizes.max()) > payload or int(sizes.sum()) != payload:
        raise BusError(f"{where}: images of {int(sizes.sum())} bytes by their sizes, {payload} bytes came")
    return sizes


def _shape(found: Mapping[str, Any], where: str, n: int, payload: int) -> tuple[int, ...]:
    dtype, shape = found.get("dtype"), found.get("shape")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise BusError(f"{where}: {UnknownNameError('dtype', str(dtype)[:MOST_NAME], {*DTYPES, *CODECS})}")
    if "sizes" in found:
        raise BusError(f"{where}: sizes are for images only")
    if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(_whole(k, 1, MOST_BYTES) for k in shape):
        raise BusError(f"{where}: shape {str(shape)[:MOST_NAME]!r}; a list of up to {MOST_AXES} whole numbers is needed")
    size = n * np.dtype(dtype).itemsize
    for k in shape:
        size *= k
    if size != payload:
        raise BusError(f"{where}: {payload} bytes came, {n} samples of {dtype} {shape} have {size}")
    return tuple(shape)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
