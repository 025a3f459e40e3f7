"""Datagrams of the Xsens MVN network streamer: header, poses, character, scale, and poses split over several datagrams.

A datagram is a header of 24 bytes and a payload, big-endian. A pose that does not fit one datagram comes in several with the
same sample number, numbered from 0; the last one's number has bit 7 set.

Source: Xsens, "MVN real-time network streaming protocol specification", revision N (2018); the same layout is read
independently by Google's safari_sdk (header, poses), Movella's receiver for Blender (header, poses, character, scale) and
packets seen from MVN Analyze (760 bytes for 23 segments). The specification gives centimetres, the MVN user manual
(MV0319P) metres for both kinds of poses, so the unit is taken from the person.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.mocap.live._wire import Cursor, DamagedPacketError, as_f64

PORT = 9763
HEADER = struct.Struct(">4s2sIBBIBBBB2sH")
EULER, QUATERNION, CHARACTER, SCALE = 1, 2, 12, 13
POSE_ITEM: dict[int, np.dtype[np.void]] = {
    EULER: np.dtype([("id", ">i4"), ("pos", ">f4", 3), ("euler_deg", ">f4", 3)]),
    QUATERNION: np.dtype([("id", ">i4"), ("pos", ">f4", 3), ("quat_wxyz", ">f4", 4)]),
}
LAST = 0x80
WAITING = 8
"""Samples of which parts are kept while others are awaited."""
GIVEN_UP_S = 1.0
COUNTER_MODULUS = 2**32
MOST_TAGS = 64
FARTHEST = 1e6
"""No position is farther from the origin, in any unit."""


@dataclass(frozen=True)
class Header:
    """What stands before every payload.

    Attributes:
        kind: 1 to 99.
        sample: number of the sample, 32 bits.
        part: number of the datagram within the sample.
        last: whether it is the last one.
        items: segments in the payload.
        time_ms: time code.
        character: number of the person, from 0.
        body, props, fingers: segments of each kind; all 0 from versions before MVN 2019.
    """

    kind: int
    sample: int
    part: int
    last: bool
    items: int
    time_ms: int
    character: int
    body: int
    props: int
    fingers: int


@dataclass(frozen=True)
class Pose:
    """One sample of one person, whole.

    Attributes:
        header: of its first datagram.
        ids: (N,) segment numbers as sent, in the order sent.
        pos: (N, 3) segment origins in the unit and axes of the stream.
        quat_wxyz: (N, 4) segments to world; None where angles were sent.
    """

    header: Header
    ids: I64
    pos: F64
    quat_wxyz: F64 | None


@dataclass(frozen=True)
class Scale:
    """Measures of the person in a T, z up.

    Attributes:
        segments: name to origin, metres or centimetres as the stream has it; empty in a datagram that has points only.
        points: name to place from the segment's origin.
    """

    segments: dict[str, tuple[float, ...]]
    points: dict[str, tuple[float, ...]]


def split_datagram(data: bytes) -> tuple[Header, bytes]:
    """Header and payload.

    Raises:
        DamagedPacketError: it is no MVN datagram, or shorter than it says.
    """
    if len(data) < HEADER.size:
        raise DamagedPacketError(f"a datagram of {len(data)} bytes; the header alone has {HEADER.size}")
    magic, kind, sample, part, items, time_ms, character, body, props, fingers, _, size = HEADER.unpack_from(data)
    if magic != b"MXTP" or not kind.isdigit():
        raise DamagedPacketError(f"a datagram begins with {data[:6]!r}; MXTP and two digits are expected")
    payload = data[HEADER.size :]
    if size > len(payload):
        raise DamagedPacketError(f"the payload should have {size} bytes, {len(payload)} are there")
    head = Header(int(kind), sample, part & ~LAST, bool(part & LAST), items, time_ms, character, body, props, fingers)
    return head, payload[:size] if size else payload


def parse_items(header: Header, payload: bytes) -> Pose:
    """The segments in one datagram.

    Raises:
        DamagedPacketError: the payload holds fewer than the header says, or numbers that are none.
    """
    dtype = POSE_ITEM[header.kind]
    rows = Cursor(payload, ">").array(dtype, header.items, f"{header.items} segments")
    pos = as_f64(rows["pos"])
    quat = as_f64(rows["quat_wxyz"]) if header.kind == QUATERNION else None
    if not np.isfinite(pos).all() or np.abs(pos).max(initial=0.0) > FARTHEST:
        raise DamagedPacketError("a segment's position is no finite number")
    return Pose(header, rows["id"].astype(np.int64), pos, quat)


def parse_character(payload: bytes) -> dict[str, str]:
    """Tags such as `name` and `color`; lines that are no tags are passed over."""
    text = payload.decode("utf-8", "replace")
    lines = [line.split(":", 1) for line in text.split("\n")[:MOST_TAGS] if ":" in line]
    return {"".join(filter(str.isalnum, key)).lower(): value.strip("\0\r ") for key, value in lines}


def parse_scale(payload: bytes) -> Scale:
    """Origins of segments, or points on them.

    Raises:
        DamagedPacketError: the payload ends too early.
    """
    at = Cursor(payload, ">")
    segments = {_text(at): at.floats(3, "origin of a segment") for _ in range(at.count(16, "segments"))}
    points: dict[str, tuple[float, ...]] = {}
    for _ in range(at.count(24, "points") if at.left >= 4 else 0):
        at.take(4, "segment and point")
        name = _text(at)
        at.take(4, "flags of a point")
        points[name] = at.floats(3, "place of a point")
    if not all(math.isfinite(x) and abs(x) < FARTHEST for place in (*segments.values(), *points.values()) for x in place):
        raise DamagedPacketError("a measure of the person is no finite number")
    return Scale(segments, points)


def _text(at: Cursor) -> str:
    return at.take(at.integer("i", "length of a name"), "a name").decode("utf-8", "replace")


class Assembly:
    """Parts of one person's poses until a pose is whole.

    Nothing is waited for: whole poses come out at once, and parts are given up after a second or after eight newer samples.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._parts: dict[tuple[int, int], dict[int, Pose]] = {}
        self._begun_ns: dict[tuple[int, int], int] = {}

    def add(self, pose: Pose, t_arrival_ns: int) -> Pose | None:
        """The whole pose that this part completes, or None."""
        head = pose.header
        if head.part == 0 and (head.last or head.items >= head.body + head.props + head.fingers > 0):
            return pose
        key = (head.kind, head.sample)
        for old in [k for k, begun_ns in self._begun_ns.items() if t_arrival_ns - begun_ns > GIVEN_UP_S * 1e9]:
            self._forget(old)
        self._begun_ns.setdefault(key, t_arrival_ns)
        parts = self._parts.setdefault(key, {})
        parts[head.part] = pose
        while len(self._parts) > WAITING:
            self._forget(next(iter(self._parts)))
        last = next((part for part, each in parts.items() if each.header.last), None)
        if last is None or any(part not in parts for part in range(last + 1)):
            return None
        self._forget(key)
        whole = [parts[part] for part in range(last + 1)]
        quats = [each.quat_wxyz for each in whole if each.quat_wxyz is not None]
        return Pose(
            whole[0].header,
            np.concatenate([each.ids for each in whole]),
            np.concatenate([each.pos for each in whole]),
            np.concatenate(quats) if quats else None,
        )

    def _forget(self, key: tuple[int, int]) -> None:
        del self._parts[key], self._begun_ns[key]
