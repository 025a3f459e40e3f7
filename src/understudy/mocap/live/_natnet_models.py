"""NatNet 4 messages around the frames: the handshake, and the definitions of what is tracked.

A packet is a message number and the size of what follows, two bytes each, little-endian. A bone's parent is a bone number of
the same skeleton, 0 for none; its offset is in the parent's axes, to which from 4.2 on a rotation belongs.

Source: NatNet SDK 3.0 header NatNetTypes (message numbers, sSender_Server), NatNet SDK 4.2 Python client (definitions of
4.0, 4.1 and 4.2); mje-nz/python_natnet and jeguzzi/natnet_py read and answer the handshake in the same layout.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_apply, quat_mul, xyzw_to_wxyz
from understudy.mocap.live._wire import Cursor, DamagedPacketError

CONNECT, SERVER_INFO, REQUEST, RESPONSE = 0, 1, 2, 3
REQUEST_DEFINITIONS, DEFINITIONS, FRAME, MESSAGE, KEEP_ALIVE = 4, 5, 7, 8, 10
KNOWN_MESSAGES = frozenset((*range(15), 100))
COMMAND_PORT, DATA_PORT = 1510, 1511
NAME_BYTES = 256
MARKER_SET, RIGID_BODY, SKELETON, FORCE_PLATE, DEVICE, CAMERA, ASSET = range(7)
MOST_BONES = 1000


@dataclass(frozen=True)
class ServerInfo:
    """What the server says of itself.

    Attributes:
        program: name and version, such as `Motive 3.1`.
        version: NatNet major and minor.
        ticks_per_s: of the clock of the host stamps; 0 where it does not say.
        data_port: where multicast data goes.
        group: multicast group; None for a server that sends to each client.
    """

    program: str
    version: tuple[int, int]
    ticks_per_s: int
    data_port: int
    group: str | None


@dataclass(frozen=True)
class BodyDefinition:
    """A skeleton, or an asset with bones.

    Attributes:
        name: as in Motive.
        id: by which frames refer to it.
        asset: whether it stands among the assets.
        bone_names: N.
        bone_id: (N,).
        parents: (N,) index of the parent, -1 for none.
        rest_pos_m: (N, 3) the offsets added up.
        offset_m: (N, 3) from the parent.
    """

    name: str
    id: int
    asset: bool
    bone_names: tuple[str, ...]
    bone_id: I64
    parents: I64
    rest_pos_m: F64
    offset_m: F64


def request(message: int, text: str = "") -> bytes:
    """A packet as a client sends it: text that ends with a zero byte."""
    payload = text.encode() + b"\0"
    return struct.pack("<HH", message, len(payload)) + payload


def split_packet(data: bytes) -> tuple[int, bytes]:
    """Message number and payload of a packet.

    Raises:
        DamagedPacketError: it is shorter than it says, or of no known kind.
    """
    at = Cursor(data, "<")
    message, size = at.integer("H", "message number"), at.integer("H", "size")
    if message not in KNOWN_MESSAGES:
        raise DamagedPacketError(f"message number {message} is not known in NatNet")
    return message, at.take(size, "the packet")


def parse_server_info(payload: bytes) -> ServerInfo:
    """Who the server is.

    Raises:
        DamagedPacketError: the packet is too short.
    """
    at = Cursor(payload, "<")
    name = at.take(NAME_BYTES, "the server's name").split(b"\0", 1)[0].decode("utf-8", "replace")
    program, version = at.take(4, "the server's version"), at.take(4, "NatNet version")
    ticks, port, group = 0, DATA_PORT, None
    if at.left >= 15:
        ticks, port = at.integer("Q", "clock"), at.integer("H", "data port")
        multicast = at.integer("B", "multicast")
        address = ".".join(str(part) for part in at.take(4, "group"))
        group = address if multicast and 224 <= int(address.split(".")[0]) <= 239 else None
    return ServerInfo(f"{name} {program[0]}.{program[1]}", (version[0], version[1]), ticks, port or DATA_PORT, group)


def parse_definitions(payload: bytes, minor: int) -> tuple[BodyDefinition, ...]:
    """Skeletons, and assets with bones, of version 4.`minor`; the rest is passed over.

    Raises:
        DamagedPacketError: says what does not fit, and where.
    """
    at = Cursor(payload, "<")
    out: list[BodyDefinition] = []
    for _ in range(at.count(4, "definitions")):
        kind = at.integer("i", "kind of a definition")
        own = Cursor(at.take(at.integer("i", "size of a definition"), "a definition"), "<") if minor >= 1 else at
        if kind in (SKELETON, ASSET):
            body = _body(own, minor, asset=kind == ASSET)
            if len(body.bone_names):
                out.append(body)
        elif minor < 1:
            _walk(own, kind)
    return tuple(out)


def _body(at: Cursor, minor: int, *, asset: bool) -> BodyDefinition:
    name = at.text("name of a skeleton")
    if asset:
        at.integer("i", "kind of an asset")
    number = at.integer("i", f"id of {name[:40]!r}")
    count = at.count(25, f"bones of {name[:40]!r}")
    if count > MOST_BONES:
        raise DamagedPacketError(f"{name[:40]!r} has {count} bones; up to {MOST_BONES} are allowed")
    bones = [_bone(at, minor) for _ in range(count)]
    ids = [bone[1] for bone in bones]
    place = {number: k for k, number in enumerate(ids)}
    parents = np.array([place.get(bone[2], -1) if bone[2] != bone[1] else -1 for bone in bones], dtype=np.int64)
    offset = np.array([bone[3] for bone in bones], dtype=np.float64).reshape(-1, 3)
    turn = np.array([bone[4] for bone in bones], dtype=np.float64).reshape(-1, 4)
    if not (np.isfinite(offset).all() and np.abs(offset).max(initial=0.0) < 1e3):
        raise DamagedPacketError(f"an offset of {name[:40]!r} is no length of a person")
    return BodyDefinition(
        name=name,
        id=number,
        asset=asset,
        bone_names=tuple(bone[0] for bone in bones),
        bone_id=np.array(ids, dtype=np.int64) & 0xFFFF,
        parents=parents,
        rest_pos_m=_rest_pose(parents, offset, turn, name),
        offset_m=offset,
    )


def _bone(at: Cursor, minor: int) -> tuple[str, int, int, tuple[float, ...], tuple[float, ...]]:
    """Name, id, parent's id, offset, and rotation xyzw of a bone or rigid body."""
    name = at.text("name of a bone")
    number, parent = at.integer("i", "id of a bone"), at.integer("i", "parent of a bone")
    offset = at.floats(3, "offset of a bone")
    turn = at.floats(4, "rotation of a bone") if minor >= 2 else (0.0, 0.0, 0.0, 1.0)
    markers = at.count(17, "markers of a bone")
    at.take(16 * markers, "markers of a bone")
    for _ in range(markers):
        at.text("name of a marker")
    return name, number, parent, offset, turn


def _rest_pose(parents: I64, offset: F64, turn_xyzw: F64, name: str) -> F64:
    """(N, 3) positions from offsets, whatever the order of the bones."""
    size = np.linalg.norm(turn_xyzw, axis=1, keepdims=True)
    whole = np.isfinite(size) & (np.abs(size - 1.0) < 0.1)
    with np.errstate(invalid="ignore", over="ignore"):
        turn = xyzw_to_wxyz(np.where(whole, turn_xyzw / np.where(whole, size, 1.0), [0.0, 0.0, 0.0, 1.0]))
    pos, rot = np.zeros_like(offset), turn.copy()
    done = parents < 0
    pos[done] = offset[done]
    while not done.all():
        ready = np.flatnonzero(~done & done[parents])
        if not len(ready):
            raise DamagedPacketError(f"the bones of {name[:40]!r} hang under each other in a ring")
        above = parents[ready]
        pos[ready] = pos[above] + quat_apply(rot[above], offset[ready])
        rot[ready] = quat_mul(rot[above], turn[ready])
        done[ready] = True
    return pos


def _walk(at: Cursor, kind: int) -> None:
    """Over a definition of version 4.0, which does not say its size."""
    if kind == MARKER_SET:
        at.text("name of a marker set")
        for _ in range(at.count(1, "markers of a set")):
            at.text("name of a marker")
    elif kind == RIGID_BODY:
        _bone(at, 0)
    elif kind == FORCE_PLATE:
        at.integer("i", "force plate")
        at.text("serial number")
        at.take(8 + 12 + 4 * 144 + 48 + 8, "force plate")
        _walk_names(at)
    elif kind == DEVICE:
        at.integer("i", "device")
        at.text("name of a device")
        at.text("serial number")
        at.take(8, "device")
        _walk_names(at)
    elif kind == CAMERA:
        at.text("name of a camera")
        at.take(28, "camera")
    else:
        raise DamagedPacketError(f"kind {kind} of definition is not known in NatNet 4.0")


def _walk_names(at: Cursor) -> None:
    for _ in range(at.count(1, "channels")):
        at.text("name of a channel")
