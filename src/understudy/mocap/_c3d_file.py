"""C3D files: header, parameters and points, read with every size checked against the file before anything is allocated.

Source: "The C3D File Format User Guide", Motion Lab Systems (2021): header words, parameter records, point records.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, U8
from understudy.mocap._c3d_rotations import MOST_SEGMENTS, NUMBERS, Segments, segments_of

BLOCK = 512
INTEL, DEC, MIPS = 84, 85, 86
MOST_PARAMETERS = 20_000
LABELS_OF_FOUR, MOST_HEADER_EVENTS = 12345, 18

Value = tuple[str, ...] | F64
"""A parameter: texts, or numbers flattened."""


@dataclass(frozen=True)
class C3dFile:
    """What a C3D file holds about points.

    Attributes:
        parameters: `GROUP:NAME` in upper case to its value.
        points: (T, N, 3) in the file's unit, NaN where invalid.
        rate_hz: points per second.
        first_frame: number of the first frame, counted from 1 where the recording began.
        header_events: seconds and label of events in the header, of files without the group EVENT.
        segments: origins of segments, of files that hold poses instead of points.
    """

    parameters: dict[str, Value]
    points: F64
    rate_hz: float
    first_frame: int = 1
    header_events: tuple[tuple[float, str], ...] = ()
    segments: Segments | None = None

    def texts(self, name: str) -> list[str]:
        """Texts of a parameter and of its continuations (`LABELS2`, ...)."""
        return _texts(self.parameters, name)

    def number(self, name: str) -> float | None:
        """First number of a parameter."""
        return _number(self.parameters, name)


def _texts(parameters: dict[str, Value], name: str) -> list[str]:
    out: list[str] = []
    for key in (name, *(f"{name}{i}" for i in range(2, 100))):
        value = parameters.get(key)
        if value is None:
            break
        out += [text.strip(" \0") for text in value] if isinstance(value, tuple) else []
    return out


def _number(parameters: dict[str, Value], name: str) -> float | None:
    value = parameters.get(name)
    return float(value[0]) if isinstance(value, np.ndarray) and value.size else None


def parse_c3d(data: bytes, where: str) -> C3dFile:
    """The points of a C3D file.

    Raises:
        MocapError: not a C3D file, damaged or truncated.
    """
    if len(data) < 2 * BLOCK or data[1] != 0x50:
        raise MocapError(f"{where}: not a C3D file, or cut off in its header ({len(data)} bytes); export it again")
    start = (data[0] - 1) * BLOCK
    if start < 0 or start + 4 > len(data):
        raise MocapError(f"{where}: the header says the parameters begin in block {data[0]}, which the file does not have")
    processor = data[start + 3]
    if processor not in (INTEL, DEC, MIPS):
        raise MocapError(f"{where}: byte order {processor} is not known (84 Intel, 85 DEC, 86 MIPS): the file is damaged")
    numbers = _Numbers(processor)
    header = numbers.u16(data[:48])
    begin = (int(header[8]) - 1) * BLOCK
    parameters = _parameters(data, start, begin if begin > start else len(data), numbers, where)
    count, analog = int(header[1]), int(header[2])
    scale = float(numbers.f32(data[12:16])[0])
    rate = _number(parameters, "POINT:RATE") or float(numbers.f32(data[20:24])[0])
    width = 4 if scale < 0.0 else 2
    stride = (4 * count + analog) * width
    if count == 0 and (segments := _segments(data, parameters, numbers, rate, where)) is not None:
        empty = np.zeros((len(segments.pos), 0, 3))
        return C3dFile(parameters, empty, segments.rate_hz, _first_frame(header, parameters), segments=segments)
    if count == 0 or stride == 0:
        raise MocapError(
            f"{where}: the file holds neither points nor poses of segments (analog channels only): export the marker trajectories"
        )
    if begin < BLOCK or begin > len(data) or not np.isfinite(scale) or scale == 0.0:
        raise MocapError(f"{where}: the header is damaged (data in block {header[8]}, scale {scale:g})")
    frames = _frame_count(header, parameters, (len(data) - begin) // stride)
    if begin + frames * stride > len(data):
        there = (len(data) - begin) // stride
        raise MocapError(f"{where}: the data is cut off: {frames} frames are declared, {there} are there; export it again")
    raw = np.frombuffer(data, dtype=np.uint8, count=frames * stride, offset=begin).reshape(frames, stride)
    points = _points(np.ascontiguousarray(raw[:, : 4 * count * width]), count, scale, numbers)
    return C3dFile(parameters, points, rate, _first_frame(header, parameters), _header_events(data[:BLOCK], numbers))


def _segments(data: bytes, parameters: dict[str, Value], numbers: _Numbers, rate_hz: float, where: str) -> Segments | None:
    """Poses of segments, where the file has them.

    Raises:
        MocapError: the section lies outside the file, or is cut off.
    """
    labels, used, block = (
        _texts(parameters, "ROTATION:LABELS"),
        *(_number(parameters, f"ROTATION:{k}") for k in ("USED", "DATA_START")),
    )
    if not labels or used is None or block is None:
        return None
    begin, row = (int(min(max(block, 0.0), 65536.0)) - 1) * BLOCK, 4 * NUMBERS * len(labels)
    if int(used) != len(labels) or len(labels) > MOST_SEGMENTS or not BLOCK <= begin < len(data):
        raise MocapError(f"{where}: the section of rotations is damaged ({used:g} of {len(labels)} segments, block {block:g})")
    frames = _number(parameters, "POINT:FRAMES") or 0.0
    ratio = max(_number(parameters, "ROTATION:RATIO") or 1.0, 1.0)
    wanted, there = int(min(frames * ratio, 1e9)), (len(data) - begin) // row
    if not 0 < wanted <= there:
        raise MocapError(f"{where}: the rotations are cut off: {wanted} frames are declared, {there} are there; export it again")
    with np.errstate(invalid="ignore"):
        values = numbers.f32(data[begin : begin + wanted * row])
    return segments_of(values, labels, rate_hz * ratio, where)


def _frame_count(header: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], parameters: dict[str, Value], there: int) -> int:
    """Frames in the file; beyond 65535 the header cannot tell, and the TRIAL group does."""
    in_header = int(header[4]) - int(header[3]) + 1
    first, last = (parameters.get(f"TRIAL:ACTUAL_{end}_FIELD") for end in ("START", "END"))
    if isinstance(first, np.ndarray) and isinstance(last, np.ndarray) and min(first.size, last.size) >= 2:
        actual = int((last[0] % 65536 + 65536 * last[1]) - (first[0] % 65536 + 65536 * first[1]) + 1)
        if actual > 0 and (actual <= there or in_header <= 0):
            return actual
    return max(in_header, 0)


def _first_frame(header: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], parameters: dict[str, Value]) -> int:
    """Number of the first frame; the TRIAL group has the whole of it, the header its last 16 bits."""
    first = parameters.get("TRIAL:ACTUAL_START_FIELD")
    if isinstance(first, np.ndarray) and first.size >= 2 and np.isfinite(first[:2]).all():
        return max(int(first[0] % 65536 + 65536 * max(first[1], 0)), 1)
    return max(int(header[3]), 1)


def _header_events(header: bytes, numbers: _Numbers) -> tuple[tuple[float, str], ...]:
    """Seconds and label of up to 18 events; empty where the header does not hold labels of four letters."""
    key, count = (int(n) for n in numbers.u16(header[298:302]))
    if key != LABELS_OF_FOUR or not 0 < count <= MOST_HEADER_EVENTS:
        return ()
    with np.errstate(invalid="ignore"):
        seconds = numbers.f32(header[304:376])[:count]
    labels = [header[396 + 4 * i : 400 + 4 * i].decode("latin-1").strip(" \0") for i in range(count)]
    return tuple((float(t), label) for t, label in zip(seconds, labels, strict=True) if np.isfinite(t) and label)


@dataclass(frozen=True)
class _Numbers:
    """Numbers in the byte order of the machine that wrote the file."""

    processor: int

    def u16(self, data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
        return np.frombuffer(data[: len(data) // 2 * 2], dtype=">u2" if self.processor == MIPS else "<u2").astype(np.uint16)

    def f32(self, data: bytes) -> F64:
        if self.processor == DEC:
            halves = np.frombuffer(data, dtype="<u2").reshape(-1, 2)[:, ::-1]
            return np.ascontiguousarray(halves).view("<f4").reshape(-1).astype(np.float64) / 4.0
        return np.frombuffer(data, dtype=">f4" if self.processor == MIPS else "<f4").astype(np.float64)


def _points(raw: U8, count: int, scale: float, numbers: _Numbers) -> F64:
    """(T, N, 3) with what the residual or a zero position marks as missing as NaN."""
    data = raw.tobytes()
    if scale < 0.0:
        with np.errstate(invalid="ignore"):
            values = numbers.f32(data).reshape(len(raw), count, 4)
        bad = ~np.isfinite(values).all(axis=2) | (values[..., 3] < -0.5)
        pos = values[..., :3].copy()
    else:
        words = numbers.u16(data).view(np.int16).reshape(len(raw), count, 4)
        bad = words[..., 3] < 0
        pos = words[..., :3].astype(np.float64) * scale
    pos[bad | (pos == 0.0).all(axis=2)] = np.nan
    return np.asarray(pos)


def _parameters(data: bytes, start: int, end: int, numbers: _Numbers, where: str) -> dict[str, Value]:
    """Parameters from `start` on; a chain that no zero ends, as some programs write it, ends where the points begin."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, Value]] = []
    at = start + 4
    for _ in range(MOST_PARAMETERS):
        if at + 2 > min(end, len(data)):
            break
        length, group = abs(struct.unpack_from("b", data, at)[0]), struct.unpack_from("b", data, at + 1)[0]
        if length == 0 or group == 0 or at + 4 + length > len(data):
            break
        name = data[at + 2 : at + 2 + length].decode("latin-1").strip().upper()
        body = at + 2 + length
        step = int(numbers.u16(data[body : body + 2])[0])
        if group < 0:
            groups[-group] = name
        else:
            value = _value(data, body + 2, numbers)
            if value is None:
                raise MocapError(f"{where}: the parameter {name[:40]!r} at byte {at} is damaged or cut off; export it again")
            found.append((group, name, value))
        if step == 0:
            break
        at = body + step
    return {f"{groups.get(group, group)}:{name}": value for group, name, value in found}


def _value(data: bytes, at: int, numbers: _Numbers) -> Value | None:
    """The value of a parameter record at `at` (type, dimensions, data); None where it leaves the file."""
    if at + 2 > len(data):
        return None
    kind, dims_count = struct.unpack_from("b", data, at)[0], data[at + 1]
    dims = list(data[at + 2 : at + 2 + dims_count])
    if kind not in (-1, 1, 2, 4) or len(dims) != dims_count or dims_count > 7:
        return None
    size = 1
    for dim in dims:
        size *= dim
    begin = at + 2 + dims_count
    raw = data[begin : begin + size * abs(kind)]
    if len(raw) != size * abs(kind):
        return None
    if kind == -1:
        width = dims[0] if dims else 1
        return tuple(raw[i : i + width].decode("latin-1") for i in range(0, len(raw), width)) if width else ()
    if kind == 1:
        return np.frombuffer(raw, dtype=np.uint8).astype(np.float64)
    if kind == 2:
        return numbers.u16(raw).view(np.int16).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return numbers.f32(raw)
