"""The quick way in, which nearly every batch goes: one that is just as the schema and its stream's newest sample want it.

Nothing is built and nothing explained: what is not recognised here goes through `wire.decode_batch` and `rows`, which say why.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.record.batch import CODECS
from understudy.record.ledger import NONE, Ledger
from understudy.record.rows import AHEAD_NS, OLD_NS
from understudy.record.wire import MOST_SAMPLES
from understudy.spec.stream import StreamSpec

_LITTLE = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a stream's batches look like.

    Attributes:
        dtypes, shape: as in a head; codecs and None for images.
        sample_bytes: of one sample; 0 for images, which differ.
        floats: numpy's name where values may be no numbers; empty where they cannot.
    """

    dtypes: tuple[str, ...]
    shape: list[int] | None
    sample_bytes: int
    floats: str

    @classmethod
    def of(cls, spec: StreamSpec) -> Expected:
        """Of a stream of the schema."""
        if spec.kind == "image":
            return cls(CODECS, None, 0, "")
        dtype = np.dtype(spec.dtype)
        size = dtype.itemsize * int(np.prod(spec.shape, dtype=np.int64))
        return cls((dtype.name,), list(spec.shape), size, dtype.name if dtype.kind == "f" else "")


@dataclass(frozen=True, slots=True)
class Glance:
    """Numbers and stamps of a batch that was recognised."""

    seq: list[int]
    t_ns: list[int]


def glance(found: Mapping[str, Any], payload: bytes, ledger: Ledger, expected: Expected, *, now_ns: int) -> Glance | None:
    """Numbers and stamps, if every sample can be taken; None where that is not plain to see.

    Args:
        found: the head's map, all of whose keys are known.
        payload: the samples.
        ledger, expected: of the stream.
        now_ns: recorder's clock.
    """
    seq_raw, t_raw = found.get("seq"), found.get("t_ns")
    n = len(seq_raw) // 8 if type(seq_raw) is bytes else 0
    if not (_LITTLE and 0 < n <= MOST_SAMPLES and _columns_fit(found, n) and _samples_fit(found, payload, expected, n)):
        return None
    assert type(t_raw) is bytes and type(seq_raw) is bytes  # noqa: PT018 - said by `_columns_fit`
    seq, t_ns = memoryview(seq_raw).cast("q").tolist(), memoryview(t_raw).cast("q").tolist()
    if not (seq[0] > ledger.last_seq and t_ns[0] > ledger.last_t_ns and t_ns[-1] <= now_ns + AHEAD_NS + ledger.lead_ns):
        return None
    if n > 1 and (sorted(set(seq)) != seq or sorted(set(t_ns)) != t_ns):
        return None
    if ledger.last_t_ns == NONE and t_ns[0] < now_ns - OLD_NS:
        return None
    if expected.floats and not np.isfinite(np.frombuffer(payload, dtype=expected.floats)).all():
        return None
    return Glance(seq, t_ns)


def _columns_fit(found: Mapping[str, Any], n: int) -> bool:
    for key in ("seq", "t_ns", "t_arrival_ns"):
        column = found.get(key)
        if type(column) is not bytes or len(column) != 8 * n:
            return False
    device = found.get("t_device_ns")
    return "valid" not in found and (device is None or (type(device) is bytes and len(device) == 8 * n))


def _samples_fit(found: Mapping[str, Any], payload: bytes, expected: Expected, n: int) -> bool:
    if found.get("dtype") not in expected.dtypes or found.get("shape") != expected.shape:
        return False
    if expected.shape is not None:
        return "sizes" not in found and len(payload) == n * expected.sample_bytes
    sizes = found.get("sizes")
    return n == 1 and type(sizes) is bytes and sizes == len(payload).to_bytes(8, "little")
