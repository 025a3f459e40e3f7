"""The bytes of a BVH file to its joints and an array of channel values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._bvh_hierarchy import CHANNELS, Hierarchy, parse_hierarchy

MIN_FRAMES = 3
LARGEST_VALUE = 1e7
_MOTION = re.compile(rb"(?:^|[\r\n])[ \t]*MOTION[ \t]*(?=[\r\n]|$)", re.IGNORECASE)
_FRAMES = re.compile(rb"\s*Frames[ \t]*:[ \t]*([^\s]*)[^\r\n]*", re.IGNORECASE)
_FRAME_TIME = re.compile(rb"\s*Frame[ \t]*Time[ \t]*:[ \t]*([^\s]*)[^\r\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class BvhFile:
    """What a BVH file says, in its own unit and degrees.

    Attributes:
        hierarchy: joints and channels.
        frame_time_s: seconds from frame to frame.
        values: (T, C) channel values in the order of the file.
    """

    hierarchy: Hierarchy
    frame_time_s: float
    values: F64


def parse_bvh(data: bytes, where: str) -> BvhFile:
    """Joints and channel values of a BVH file.

    Args:
        data: the whole file.
        where: its name, for messages.

    Raises:
        MocapError: names file, line or frame, and what to do.
    """
    head, body_at = _split(data, where)
    hierarchy = parse_hierarchy(head, where)
    if hierarchy.n_channels == 0:
        raise MocapError(f"{where}: no joint has CHANNELS, so there is no motion in this file")
    frames, frame_time_s, numbers_at = _motion_header(data, body_at, where)
    return BvhFile(hierarchy, frame_time_s, _values(data, numbers_at, hierarchy, frames, where))


def _split(data: bytes, where: str) -> tuple[str, int]:
    """Text before `MOTION` and the first byte after it."""
    if not data.strip():
        raise MocapError(f"{where}: the file is empty: export or copy it again")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise MocapError(f"{where}: the file is UTF-16 text; save it as UTF-8 or ASCII")
    if b"\0" in data[:4096]:
        raise MocapError(f"{where}: not a BVH file but a binary one; a BVH file is text that begins with HIERARCHY")
    start = _MOTION.search(data)
    head = data[: start.start() if start else len(data)]
    text = head.decode("utf-8-sig", errors="backslashreplace")
    if start is None:
        parse_hierarchy(text, where)
        raise MocapError(f"{where}:{_line(data, len(data))}: no line MOTION: the file is truncated; export it again")
    return text, start.end()


def _line(data: bytes, at: int) -> int:
    """Number of the line that byte `at` lies in, from 1."""
    return data.count(b"\n", 0, at) + 1


def _motion_header(data: bytes, at: int, where: str) -> tuple[int, float, int]:
    """Declared number of frames, seconds per frame and where the numbers begin."""
    frames = _FRAMES.match(data, at)
    if frames is None:
        raise MocapError(f"{where}:{_line(data, at) + 1}: the line after MOTION must be 'Frames: <count>'")
    time = _FRAME_TIME.match(data, frames.end())
    if time is None:
        raise MocapError(f"{where}:{_line(data, frames.end()) + 1}: the line after Frames must be 'Frame Time: <seconds>'")
    if not re.fullmatch(rb"[0-9]{1,18}", frames[1]):
        raise MocapError(f"{where}:{_line(data, frames.end())}: Frames is {_show(frames[1])}; a whole number is needed")
    count, seconds = int(frames[1]), _seconds(time[1])
    if count < MIN_FRAMES:
        raise MocapError(f"{where}:{_line(data, frames.end())}: the motion has {count} frames; at least {MIN_FRAMES} are needed")
    if not 1e-4 <= seconds <= 1.0:
        raise MocapError(
            f"{where}:{_line(data, time.end())}: Frame Time is {_show(time[1])}; allowed are 0.0001 s to 1 s "
            "(10 000 to 1 frames per second): correct the line, for example 'Frame Time: 0.0083333' for 120 Hz"
        )
    return count, seconds, time.end()


def _show(word: bytes) -> str:
    return repr(word[:40].decode("utf-8", errors="backslashreplace"))


def _seconds(word: bytes) -> float:
    """Seconds per frame; where the digits are 1/n rounded or cut, 1/n: 0.008333 is 120 Hz, and long clips keep time."""
    try:
        value = float(word)
    except ValueError:
        return math.nan
    if not 1e-4 <= value <= 1.0:
        return value
    decimals = len(word.partition(b".")[2]) if re.fullmatch(rb"\+?[0-9]*\.[0-9]+", word) else 17
    exact = 1.0 / max(round(1.0 / value), 1)
    units_off = (exact - value) * 10.0**decimals
    return exact if -0.51 < units_off < 1.0 and abs(exact - value) < 2.5e-3 * value else value


def _values(data: bytes, at: int, hierarchy: Hierarchy, frames: int, where: str) -> F64:
    """(T, C) the numbers after the motion header."""
    from understudy.mocap._bvh_numbers import read_numbers

    text = np.frombuffer(data, dtype=np.uint8)[at:]
    width = hierarchy.n_channels
    # a number and its separator take two bytes, so a wrong frame count cannot ask for more memory than the file is worth
    out = np.empty(min(frames * width, len(text) // 2 + 1) + 1)
    found, bad_at = read_numbers(text, out)
    if bad_at >= 0:
        raise _bad_word(data, at + bad_at, found, hierarchy, where)
    if found < frames * width:
        raise MocapError(
            f"{where}: the motion is truncated: {frames} frames of {width} values are declared, {found // width} complete "
            f"frames are there; export or copy the file again, or set 'Frames: {found // width}' and delete what follows them"
        )
    if found > frames * width:
        raise MocapError(
            f"{where}: more values than {frames} frames of {width}: the line Frames or the CHANNELS are wrong; correct them"
        )
    _within_reason(out[:found], hierarchy, where)
    return out[:found].reshape(frames, width)


def _within_reason(values: F64, hierarchy: Hierarchy, where: str) -> None:
    largest = int(np.argmax(np.abs(values)))
    if abs(values[largest]) > LARGEST_VALUE:
        raise MocapError(
            f"{where}: {_place(largest, hierarchy)} is {values[largest]:g}; no position or angle is over {LARGEST_VALUE:g}: "
            "the file is damaged, export it again"
        )


def _place(index: int, hierarchy: Hierarchy) -> str:
    """Frame, column and channel of the value at `index`, counted from 1."""
    frame, column = divmod(index, hierarchy.n_channels)
    owner = [(name, code) for name, codes in zip(hierarchy.names, hierarchy.channels, strict=True) for code in codes]
    joint, code = owner[column]
    return f"frame {frame + 1}, value {column + 1} ({joint} {CHANNELS[code]})"


def _bad_word(data: bytes, at: int, index: int, hierarchy: Hierarchy, where: str) -> MocapError:
    word = data[at : at + 40].split()[0]
    if re.fullmatch(rb"[+-]?[0-9.]*([eE][+-]?)?", word) and not data[at + len(word) :].strip():
        return MocapError(
            f"{where}:{_line(data, at)}: the file is truncated: it ends inside {_place(index, hierarchy)}, at {_show(word)}; "
            "export or copy it again"
        )
    advice = (
        "decimals are written with a point and values are parted by blanks: export with a point"
        if b"," in word
        else "fill the gap where the motion was made and export again"
    )
    return MocapError(
        f"{where}:{_line(data, at)}: {_place(index, hierarchy)} is {_show(word)}; only finite numbers are allowed: {advice}"
    )
