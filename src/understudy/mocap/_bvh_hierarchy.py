"""The head of a BVH file: joints, offsets and channels, with the line each was found on."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, frozen_f64, frozen_i64

CHANNELS: tuple[str, ...] = ("xposition", "yposition", "zposition", "xrotation", "yrotation", "zrotation")
"""Channel names in the order of their codes 0 to 5."""

SYNTHETIC_JOINT = "Understudy_synthetic"
"""A joint of this name marks the motion as made by a program: a BVH file has no room for comments or metadata."""

_PIECES = re.compile(r"[{}]|[^{}]+")
_MAX_DEPTH = 512


@dataclass(frozen=True)
class Hierarchy:
    """The joints of a BVH file in the order of the file; N nodes, of which end sites have no channels.

    Attributes:
        names: joint names; an end site has the name of its parent and ` (end)`.
        parents: (N,) index of the parent, -1 for the root; always smaller than the node's own index.
        offsets: (N, 3) from the parent in the file's unit.
        channels: per node the codes of its channels, positions 0 to 2, rotations 3 to 5, in the order they apply.
        lines: per node the line of its ROOT, JOINT or End Site.
        is_end: per node whether it is an End Site.
    """

    names: tuple[str, ...]
    parents: I64
    offsets: F64
    channels: tuple[tuple[int, ...], ...]
    lines: tuple[int, ...]
    is_end: tuple[bool, ...]

    @property
    def n_channels(self) -> int:
        """Values in one frame."""
        return sum(map(len, self.channels))


@dataclass
class _Builder:
    where: str
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float] | None] = field(default_factory=list)
    channels: list[tuple[int, ...] | None] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)
    stack: list[int] = field(default_factory=list)
    pending: int = -1
    """Node whose opening brace has not come yet."""

    def error(self, line: int, message: str) -> MocapError:
        return MocapError(f"{self.where}:{line}: {message}")

    def node(self, line: int, name: str, *, end: bool = False) -> None:
        if self.pending >= 0:
            raise self.error(line, f"joint {self.names[self.pending]!r} has no '{{' before {name!r}: the hierarchy is damaged")
        if not self.stack and self.names:
            raise self.error(line, f"a second root {name!r}; one skeleton per file is read: split the file")
        if len(self.stack) >= _MAX_DEPTH:
            raise self.error(line, f"joints nested deeper than {_MAX_DEPTH}: the hierarchy is damaged")
        self.parents.append(self.stack[-1] if self.stack else -1)
        self.names.append(name)
        self.offsets.append(None)
        self.channels.append(None)
        self.lines.append(line)
        self.ends.append(end)
        self.pending = len(self.names) - 1

    def open(self, line: int) -> None:
        if self.pending < 0:
            raise self.error(line, "'{' that follows no ROOT, JOINT or End Site: the hierarchy is damaged")
        self.stack.append(self.pending)
        self.pending = -1

    def close(self, line: int) -> None:
        if not self.stack or self.pending >= 0:
            raise self.error(line, "'}' without a joint that is open: the hierarchy is damaged")
        self.stack.pop()

    def current(self, line: int, keyword: str) -> int:
        if not self.stack or self.pending >= 0:
            raise self.error(line, f"{keyword} outside the braces of a joint")
        return self.stack[-1]

    def offset(self, line: int, words: list[str]) -> list[str]:
        node = self.current(line, "OFFSET")
        if self.offsets[node] is not None:
            raise self.error(line, f"joint {self.names[node]!r} has two OFFSETs")
        if len(words) < 3:
            raise self.error(line, f"OFFSET of {self.names[node]!r} needs 3 numbers, found {len(words)}")
        self.offsets[node] = [self.number(line, word) for word in words[:3]]
        return words[3:]

    def number(self, line: int, word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            raise self.error(line, f"OFFSET holds {word[:40]!r}, which is no number") from None
        if not math.isfinite(value) or abs(value) > 1e9:
            raise self.error(line, f"OFFSET holds {word[:40]!r}; offsets must be finite and below 1e9")
        return value

    def channel_list(self, line: int, words: list[str]) -> list[str]:
        node = self.current(line, "CHANNELS")
        name = self.names[node]
        if self.channels[node] is not None:
            raise self.error(line, f"joint {name!r} has two CHANNELS lines")
        count = int(words[0]) if words and re.fullmatch(r"[0-9]{1,3}", words[0]) else -1
        given = [word.lower() for word in words[1 : 1 + max(count, 0)]]
        if count < 0 or len(given) != count:
            raise self.error(line, f"CHANNELS of {name!r} must be a count and as many names, found {' '.join(words)[:80]!r}")
        for word in given:
            if word not in CHANNELS:
                raise self.error(line, f"joint {name!r} has the unknown channel {word[:40]!r} (known: {', '.join(CHANNELS)})")
        codes = tuple(CHANNELS.index(word) for word in given)
        if len(set(codes)) != len(codes):
            raise self.error(line, f"joint {name!r} has a channel twice: {' '.join(given)}; each axis may come once")
        if sum(code >= 3 for code in codes) not in (0, 3):
            raise self.error(line, f"joint {name!r} has {' '.join(given)}; an Euler order needs all three rotations or none")
        self.channels[node] = codes
        return words[1 + count :]


def parse_hierarchy(text: str, where: str) -> Hierarchy:
    """The joints of the text between `HIERARCHY` and `MOTION`.

    Args:
        text: everything before the line `MOTION`.
        where: name of the file, for messages.

    Raises:
        MocapError: names the file, the line and what is wrong there.
    """
    build = _Builder(where)
    lines = re.split(r"\r\n|\n|\r", text)
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines) or lines[first].split()[0].upper() != "HIERARCHY":
        found = lines[first].strip()[:40] if first < len(lines) else ""
        raise MocapError(f"{where}:{first + 1}: not a BVH file: it must begin with HIERARCHY, found {found!r}")
    rest = lines[first].strip()[len("HIERARCHY") :]
    for number, line in enumerate([rest, *lines[first + 1 :]], first + 1):
        for piece in _PIECES.findall(line):
            _piece(build, number, piece.strip())
    return _finish(build, len(lines))


def _piece(build: _Builder, line: int, piece: str) -> None:
    if piece == "{":
        return build.open(line)
    if piece == "}":
        return build.close(line)
    words = piece.split()
    while words:
        keyword, words = words[0].upper(), words[1:]
        if keyword in ("ROOT", "JOINT"):
            if not words:
                raise build.error(line, f"{keyword} without a name")
            build.node(line, " ".join(words))
            words = []
        elif keyword == "END":
            build.node(line, build.names[build.current(line, "End Site")] + " (end)", end=True)
            words = []
        elif keyword == "OFFSET":
            words = build.offset(line, words)
        elif keyword == "CHANNELS":
            words = build.channel_list(line, words)
        else:
            raise build.error(line, f"found {keyword[:40]!r} where ROOT, JOINT, End Site, OFFSET, CHANNELS or a brace is allowed")
    return None


def _finish(build: _Builder, last_line: int) -> Hierarchy:
    if not build.names:
        raise build.error(last_line, "the hierarchy holds no joint")
    if build.stack or build.pending >= 0:
        name = build.names[build.pending if build.pending >= 0 else build.stack[-1]]
        raise build.error(last_line, f"the hierarchy ends inside joint {name!r}: a '}}' is missing or the file is truncated")
    seen: dict[str, int] = {}
    for name, line, offset, end in zip(build.names, build.lines, build.offsets, build.ends, strict=True):
        if offset is None:
            raise build.error(line, f"joint {name!r} has no OFFSET")
        if name in seen and not end:
            raise build.error(line, f"a second joint {name!r}, the first is on line {seen[name]}: rename one of them")
        seen[name] = line
    return Hierarchy(
        names=tuple(build.names),
        parents=frozen_i64(build.parents),
        offsets=frozen_f64(build.offsets),
        channels=tuple(codes or () for codes in build.channels),
        lines=tuple(build.lines),
        is_end=tuple(build.ends),
    )
