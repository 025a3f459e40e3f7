"""AMC (Acclaim motion): per frame one line per bone with its channel values."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64
from understudy.mocap._asf import Skeleton

LARGEST_VALUE = 1e7
_FIRST_FRAME = re.compile(rb"(?m)^[ \t]*[0-9]+[ \t]*\r?$")
_NAME = re.compile(rb"(?m)^[ \t]*([A-Za-z_]\S*)")


@dataclass(frozen=True)
class Channels:
    """What an AMC file says.

    Attributes:
        frame: (T,) frame numbers of the file.
        values: (T, C) channel values, bones in the order of the skeleton, channels in the order of each bone.
        degrees: angles are degrees; None where the file leaves it to the skeleton.
    """

    frame: I64
    values: F64
    degrees: bool | None


def parse_amc(data: bytes, skeleton: Skeleton, where: str) -> Channels:
    """Channel values of an AMC file.

    Raises:
        MocapError: names file, line, frame and bone, and what to do.
    """
    if not data.strip():
        raise MocapError(f"{where}: the file is empty: export or copy it again")
    if b"\0" in data[:4096]:
        raise MocapError(f"{where}: a binary file; an AMC motion is text")
    start = _FIRST_FRAME.search(data)
    if start is None:
        raise MocapError(f"{where}: no line with a frame number: the file is truncated, or no AMC motion")
    degrees = _degrees(data[: start.start()])
    frame, values = _quick(data[start.start() :], skeleton) or _line_by_line(data, start.start(), skeleton, where)
    _check(frame, values, skeleton, where)
    return Channels(frame, values, degrees)


def columns(skeleton: Skeleton) -> dict[str, slice]:
    """Bone to its columns of `Channels.values`."""
    out, at = {}, 0
    for bone in skeleton.bones:
        out[bone.name] = slice(at, at + len(bone.dof))
        at += len(bone.dof)
    return out


def _degrees(head: bytes) -> bool | None:
    words = {line.split(b"#")[0].strip().upper() for line in head.splitlines()}
    return True if b":DEGREES" in words else False if b":RADIANS" in words else None


def _quick(body: bytes, skeleton: Skeleton) -> tuple[I64, F64] | None:
    """All frames at once where every frame names the same bones in the same order; None where they do not."""
    from understudy.mocap._bvh_numbers import read_numbers

    if b"#" in body:
        return None
    names = _NAME.findall(body)
    slots = columns(skeleton)
    try:
        per_frame = names.index(names[0], 1) if len(names) > 1 else 1
    except ValueError:
        per_frame = len(names)
    block = names[:per_frame]
    first = [name.lower().decode("ascii", errors="replace") for name in block]
    frames = len(names) // per_frame if per_frame else 0
    if (
        set(first) != {name for name, own in slots.items() if own.stop > own.start}
        or len(set(first)) != len(first)
        or names != block * frames
    ):
        return None
    order = np.concatenate([np.arange(slots[name].start, slots[name].stop) for name in first])
    text = np.frombuffer(_NAME.sub(b"", body), dtype=np.uint8)
    out = np.empty(frames * (len(order) + 1) + 1)
    found, bad_at = read_numbers(text, out)
    if bad_at >= 0 or found != len(out) - 1:
        return None
    table = out[:found].reshape(frames, len(order) + 1)
    frame = np.rint(table[:, 0]).astype(np.int64)
    if not np.array_equal(frame, table[:, 0]) or not _rows_fit(body, first, slots):
        return None
    values = np.empty((frames, len(order)))
    values[:, order] = table[:, 1:]
    return frame, values


def _rows_fit(body: bytes, first: list[str], slots: dict[str, slice]) -> bool:
    """The first frame has as many values behind each bone as the bone has channels."""
    lines = [line.split() for line in body.splitlines()[: len(first) + 1]]
    widths = [slots[name].stop - slots[name].start for name in first]
    return len(lines) == len(first) + 1 and [len(words) - 1 for words in lines[1:]] == widths


def _line_by_line(data: bytes, start: int, skeleton: Skeleton, where: str) -> tuple[I64, F64]:
    """The same, slowly and in any order of bones; finds the line that is wrong."""
    slots = columns(skeleton)
    moving = {name for name, own in slots.items() if own.stop > own.start}
    width = max(own.stop for own in slots.values())
    number = data.count(b"\n", 0, start)
    frames: list[int] = []
    rows: list[F64] = []
    seen: set[str] = set()
    for raw in data[start:].decode("utf-8", errors="replace").split("\n"):
        number += 1
        words = raw.partition("#")[0].split()
        if not words:
            continue
        if len(words) == 1 and words[0].isascii() and words[0].isdigit() and len(words[0]) < 16:
            _complete(seen, moving, frames, where, number)
            frames.append(int(words[0]))
            rows.append(np.full(width, np.nan))
            seen = set()
            continue
        name = words[0].lower()
        own = _slot(name, words, slots, seen, f"{where}:{number}: frame {frames[-1]}")
        rows[-1][own] = _numbers(words[1:], own.stop - own.start, f"{where}:{number}: frame {frames[-1]}: bone {name!r}")
        seen.add(name)
    _complete(seen, moving, frames, where, number)
    return np.array(frames, dtype=np.int64), np.array(rows)


def _slot(name: str, words: list[str], slots: dict[str, slice], seen: set[str], at: str) -> slice:
    if name not in slots:
        near = difflib.get_close_matches(name, slots, n=1)
        hint = f"; nearest is {near[0]!r}" if near else ""
        raise MocapError(f"{at}: bone {name[:40]!r} is not in the skeleton{hint}. Is it the ASF file of this take?")
    if name in seen:
        raise MocapError(f"{at}: bone {name!r} stands twice in this frame; export the file again")
    return slots[name]


def _numbers(words: list[str], count: int, at: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [math.nan]
    if len(values) != count or not all(math.isfinite(v) for v in values):
        raise MocapError(f"{at} needs {count} finite numbers, got {' '.join(words)[:60]!r}: export or copy the file again")
    return values


def _complete(seen: set[str], moving: set[str], frames: list[int], where: str, number: int) -> None:
    missing = sorted(moving - seen)
    if frames and missing:
        raise MocapError(
            f"{where}:{number}: frame {frames[-1]} ends without {', '.join(missing[:5])}: the file is truncated, or its "
            "skeleton is not that of this take"
        )


def _check(frame: I64, values: F64, skeleton: Skeleton, where: str) -> None:
    if len(frame) > 1 and not bool(np.all(np.diff(frame) > 0)):
        at = int(np.argmin(np.diff(frame) > 0))
        raise MocapError(f"{where}: frame {frame[at + 1]} follows frame {frame[at]}; frame numbers must increase")
    if values.size and float(np.abs(values).max()) > LARGEST_VALUE:
        t, column = divmod(int(np.argmax(np.abs(values))), values.shape[1])
        name = next(name for name, own in columns(skeleton).items() if own.start <= column < own.stop)
        raise MocapError(f"{where}: frame {frame[t]}: a value of {name!r} is over {LARGEST_VALUE:g}: the file is damaged")
