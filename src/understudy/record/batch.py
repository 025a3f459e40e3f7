"""What goes over the bus, as producers and recorder see it: who sends, and batches of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from understudy.errors import BusError
from understudy.geom.arrays import I64, AnyArray, Bool
from understudy.spec.device import ClockKind
from understudy.spec.h264 import H264, START_CODES
from understudy.spec.sample import Sample

JPEG = "jpeg"
CODECS = (JPEG, H264)
"""The dtypes of images: whole JPEG files, or H.264 packets of one image each."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends.

    Attributes:
        producer: its name, unique on the bus.
        run: a number drawn anew at each start of the producer, so that one that came back is told from a second one.
        clock: of its device stamps.
        dropped: stream to samples that the producer could not hand over since it started.
        token: where the recorder wants one.
        pace: how fast its clock runs against the host's: 1, but for a simulation that takes more time than the world.
    """

    producer: str
    run: int
    clock: ClockKind = "host"
    dropped: Mapping[str, int] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """N samples of one stream, oldest first.

    Attributes:
        stream: `group/name`.
        dtype: numpy name of one value, or `jpeg` or `h264`.
        shape: of one sample; empty for images.
        seq, t_ns, t_device_ns, t_arrival_ns: (N,) as in `spec.sample.Sample`.
        valid: (N,).
        payload: samples one behind the other, little-endian in C order; images as whole JPEG files or packets.
        sizes: (N,) bytes of each image; None for arrays.
    """

    stream: str
    dtype: str
    shape: tuple[int, ...]
    seq: I64
    t_ns: I64
    t_device_ns: I64
    t_arrival_ns: I64
    valid: Bool
    payload: bytes | memoryview = field(repr=False)
    sizes: I64 | None = None

    def __len__(self) -> int:
        return len(self.seq)

    def values(self) -> AnyArray:
        """(N, *shape) samples; images as (N,) objects of bytes."""
        if self.sizes is None:
            flat = np.frombuffer(self.payload, dtype=np.dtype(self.dtype).newbyteorder("<"))
            return cast(AnyArray, flat.reshape(len(self), *self.shape))
        images = np.empty(len(self), dtype=object)
        images[:] = self.images()
        return images

    def images(self) -> list[bytes]:
        """The images of a batch of images."""
        assert self.sizes is not None
        ends = np.cumsum(self.sizes).tolist()
        return [bytes(self.payload[end - size : end]) for end, size in zip(ends, self.sizes.tolist(), strict=True)]

    def rows(self, keep: Bool) -> Batch:
        """The samples for which `keep` (N,) holds."""
        if self.sizes is None:
            payload = np.ascontiguousarray(self.values()[keep]).tobytes()
        else:
            payload = b"".join(image for image, kept in zip(self.images(), keep, strict=True) if kept)
        columns = (self.seq[keep], self.t_ns[keep], self.t_device_ns[keep], self.t_arrival_ns[keep], self.valid[keep])
        sizes = None if self.sizes is None else self.sizes[keep]
        return Batch(self.stream, self.dtype, self.shape, *columns, payload, sizes)


@dataclass(frozen=True, slots=True)
class Pings:
    """Exchanges of clocks with one device.

    Attributes:
        device: its name.
        t_send_ns, t_device_ns, t_receive_ns: (N,) as in `spec.sample.ClockPing`.
    """

    device: str
    t_send_ns: I64
    t_device_ns: I64
    t_receive_ns: I64


def batches_of(samples: Sequence[Sample]) -> list[Batch]:
    """Samples sorted into one batch per stream, in the order of their first samples.

    Raises:
        BusError: samples of one stream that differ in kind, dtype or shape.
    """
    by_stream: dict[str, list[Sample]] = {}
    for sample in samples:
        by_stream.setdefault(sample.stream, []).append(sample)
    return [_batch(stream, group) for stream, group in by_stream.items()]


def _batch(stream: str, group: list[Sample]) -> Batch:
    seq, t_ns, t_device_ns, t_arrival_ns = (
        np.array([getattr(s, name) for s in group], dtype=np.int64) for name in ("seq", "t_ns", "t_device_ns", "t_arrival_ns")
    )
    valid = np.array([s.valid for s in group], dtype=np.bool_)
    images = [bytes(s.data) for s in group if isinstance(s.data, bytes | bytearray | memoryview)]
    if len(images) == len(group):
        sizes = np.array([len(image) for image in images], dtype=np.int64)
        codecs = {H264 if image.startswith(START_CODES) else JPEG for image in images}
        if len(codecs) > 1:
            raise BusError(f"stream {stream}: JPEG files and H.264 packets in one stream; a stream is one or the other")
        return Batch(stream, codecs.pop(), (), seq, t_ns, t_device_ns, t_arrival_ns, valid, b"".join(images), sizes)
    if images:
        raise BusError(f"stream {stream}: images and arrays in one stream; a stream is one or the other")
    arrays = [np.asarray(s.data) for s in group]
    first = arrays[0]
    if any(a.shape != first.shape or a.dtype != first.dtype for a in arrays):
        raise BusError(f"stream {stream}: samples of different shape or dtype, the first {first.dtype} {first.shape}")
    payload = b"".join(np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")).tobytes() for a in arrays)
    return Batch(stream, first.dtype.name, first.shape, seq, t_ns, t_device_ns, t_arrival_ns, valid, payload)
