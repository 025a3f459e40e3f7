"""Messages of the joint stream, as docs/live_wire.md describes them: MessagePack in binary, JSON in text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError, did_you_mean
from understudy.geom.arrays import F64
from understudy.spec.skeleton import HAND_JOINTS, SIDES

VERSION = 1
MOST_BYTES = 256 * 1024
MOST_JOINTS = 1000
LONGEST_NAME = 64
LARGEST = 1 << 62
KEYS = ("v", "names", "unit", "up", "rate_hz", "seq", "t_ns", "joints", "pos", "hands")


@dataclass(frozen=True)
class JointMessage:
    """One message.

    Attributes:
        names: joints that it names: those of `pos`, or of later messages with packed positions; None where it names none.
        pos: (N, 3) in the sender's unit and axes, NaN where not seen; None where it is no frame.
        hands: (2, 21, 3) in the same, order `HAND_JOINTS`; None where it has none.
        sequence: the sender's frame number.
        t_ns: the sender's stamp.
        unit, up, rate_hz: as the sender states them.
    """

    names: tuple[str, ...] | None = None
    pos: F64 | None = None
    hands: F64 | None = None
    sequence: int | None = None
    t_ns: int | None = None
    unit: str | None = None
    up: str | None = None
    rate_hz: float | None = None


def parse_message(data: bytes | str) -> JointMessage:
    """The message in a payload: text is JSON; of bytes those that begin with `{` are JSON and others MessagePack.

    Raises:
        MocapError: names the key, what was found and what is due.
    """
    table = _table(data)
    if table.get("v") != VERSION:
        raise MocapError(f'joint stream: v is {_shown(table.get("v"))}; version {VERSION} is understood, as in "v": {VERSION}')
    names, pos = _names(table), None
    if "joints" in table:
        if names is not None or "pos" in table:
            raise MocapError("joint stream: joints stands beside names or pos; one way of naming positions is due")
        names, pos = _named(table["joints"])
    elif "pos" in table:
        pos = _points(table["pos"], "pos", None)
    return JointMessage(
        names=names,
        pos=pos,
        hands=_hands(table.get("hands")),
        sequence=_integer(table, "seq"),
        t_ns=_integer(table, "t_ns"),
        unit=_word(table, "unit"),
        up=_word(table, "up"),
        rate_hz=_rate(table),
    )


def _table(data: bytes | str) -> Mapping[str, object]:
    size = len(data)
    if size > MOST_BYTES:
        raise MocapError(f"joint stream: a message of {size} bytes; up to {MOST_BYTES} are taken")
    try:
        found: object = json.loads(data) if isinstance(data, str) or data[:1] == b"{" else _unpacked(data)
    except (ValueError, RecursionError) as error:
        raise MocapError(f"joint stream: neither JSON nor MessagePack ({str(error)[:80]})") from error
    if not isinstance(found, dict):
        raise MocapError(f"joint stream: a message is {_shown(found)}; a map with v, seq, t_ns and joints is due")
    for key in found:
        if key not in KEYS:
            raise MocapError(f"joint stream: key {str(key)[:40]!r} is not known{did_you_mean(str(key)[:40], KEYS)}")
    return found


def _unpacked(data: bytes) -> object:
    import msgpack

    try:
        found: object = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except msgpack.exceptions.UnpackException as error:
        raise ValueError(str(error) or "the message is cut off") from error
    return found


def _names(table: Mapping[str, object]) -> tuple[str, ...] | None:
    names = table.get("names")
    if names is None:
        return None
    if not isinstance(names, list) or not 0 < len(names) <= MOST_JOINTS:
        raise MocapError(f"joint stream: names is {_shown(names)}; a list of 1 to {MOST_JOINTS} names is due")
    return tuple(_name(name) for name in names)


def _name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise MocapError(f"joint stream: a joint is called {_shown(name)}; a text of 1 to {LONGEST_NAME} letters is due")
    return name


def _named(joints: object) -> tuple[tuple[str, ...], F64]:
    if not isinstance(joints, dict) or not 0 < len(joints) <= MOST_JOINTS:
        raise MocapError(f"joint stream: joints is {_shown(joints)}; a map of 1 to {MOST_JOINTS} names to [x, y, z] is due")
    names = tuple(_name(name) for name in joints)
    return names, np.array([_point(value, name) for name, value in joints.items()])


def _point(value: object, name: str) -> list[float]:
    if value is None:
        return [np.nan] * 3
    if not isinstance(value, list) or len(value) != 3:
        raise MocapError(f"joint stream: {name[:40]} is {_shown(value)}; [x, y, z], or null where it is not seen, is due")
    return [_coordinate(number, name) for number in value]


def _coordinate(number: object, name: str) -> float:
    if number is None:
        return float("nan")
    if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) >= 1e9:
        raise MocapError(f"joint stream: {name[:40]} has the coordinate {_shown(number)}; a number under 1e9 is due")
    return float(number)


def _points(value: object, key: str, count: int | None) -> F64:
    """(N, 3) of packed little-endian float32, or of a list of points."""
    if isinstance(value, bytes):
        if len(value) % 12 or not value:
            raise MocapError(f"joint stream: {key} has {len(value)} bytes; 12 a joint (float32 x, y, z) are due")
        points = np.frombuffer(value, dtype="<f4").astype(np.float64).reshape(-1, 3)
    elif isinstance(value, list) and 0 < len(value) <= MOST_JOINTS:
        points = np.array([_point(each, f"{key}[{k}]") for k, each in enumerate(value)])
    else:
        raise MocapError(f"joint stream: {key} is {_shown(value)}; bytes (float32), or a list of [x, y, z], is due")
    if len(points) > MOST_JOINTS or (count is not None and len(points) != count):
        raise MocapError(f"joint stream: {key} has {len(points)} points; {count or f'up to {MOST_JOINTS}'} are due")
    return np.where(np.abs(points) < 1e9, points, np.nan)


def _hands(hands: object) -> F64 | None:
    if hands is None:
        return None
    if not isinstance(hands, dict) or not set(hands) <= set(SIDES):
        raise MocapError(f"joint stream: hands is {_shown(hands)}; a map with left and right is due")
    out = np.full((len(SIDES), len(HAND_JOINTS), 3), np.nan)
    for k, side in enumerate(SIDES):
        if hands.get(side) is not None:
            out[k] = _points(hands[side], f"hands.{side}", len(HAND_JOINTS))
    return out


def _integer(table: Mapping[str, object], key: str) -> int | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not -LARGEST < value < LARGEST or (key == "seq" and value < 0):
        raise MocapError(f"joint stream: {key} is {_shown(value)}; a whole number is due")
    return value


def _word(table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise MocapError(f"joint stream: {key} is {_shown(value)}; a word is due")
    return value


def _rate(table: Mapping[str, object]) -> float | None:
    value = table.get("rate_hz")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1.0 <= value <= 10_000.0:
        raise MocapError(f"joint stream: rate_hz is {_shown(value)}; 1 to 10000 frames per second are allowed")
    return float(value)


def _shown(value: object) -> str:
    """A value for messages: short ones as they are, long ones by their kind."""
    text = repr(value) if isinstance(value, str | int | float | None) and len(str(value)) < 40 else ""
    return text or f"of type {type(value).__name__}"
