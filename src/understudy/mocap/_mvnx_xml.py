"""MVNX text to arrays: one pass over the XML, frame by frame, nothing kept but what is needed.

Source: Xsens, "MVN User Manual", MVNX format, versions 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool

CHUNK = 1 << 20
MAX_BYTES = 8 << 30
MAX_SEGMENTS, MAX_DEPTH = 200, 32
FINGER_STREAMS = ("positionFingersLeft", "positionFingersRight")
_STREAMS = ("orientation", "position", "footContacts", *FINGER_STREAMS)


@dataclass(frozen=True)
class Segment:
    """A rigid body of the suit's model.

    Attributes:
        label: such as `LeftUpperLeg`; its origin is the joint to its parent.
        points: point label to its position (x, y, z) in the segment's axes, metres.
    """

    label: str
    points: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Mvnx:
    """What an MVNX file says.

    Attributes:
        version: of the format, such as `4`.
        rate_hz: frames per second as stated.
        configuration: what was worn, such as `FullBody` or `UpperBody`; empty where not stated.
        segments: in the order of the arrays.
        parents: segment label to its parent's, from the section joints; empty where there is none.
        contacts: labels of the foot contacts, in the order of the array.
        index: (T,) frame numbers; -1 where not stated. time_ms: (T,) milliseconds.
        pos_m: (T, S, 3) segment origins. quat_wxyz: (T, S, 4) segment to world; zero segments where the file has none.
        contact: (T, C); zero columns where absent.
        rest_pos_m: (S, 3) the T-pose of the file; None where it has none.
        finger_labels: segments of the left and right hand's glove, such as `LeftSecondPP`; empty without gloves.
        finger_pos_m: (T, F, 3) their origins, one array per hand; zero columns without gloves.
    """

    version: str
    rate_hz: float
    configuration: str
    segments: tuple[Segment, ...]
    parents: dict[str, str]
    contacts: tuple[str, ...]
    index: I64
    time_ms: I64
    pos_m: F64
    quat_wxyz: F64
    contact: Bool
    rest_pos_m: F64 | None
    finger_labels: tuple[tuple[str, ...], ...] = ((), ())
    finger_pos_m: tuple[F64, ...] = ()


@dataclass
class _Collector:
    """Handlers of the XML parser; keeps the text of the elements that are needed."""

    where: str
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    fingers: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    glove: int = -1
    """Hand whose list of glove segments is being read; -1 for none."""
    point: str = ""
    connectors: list[list[str]] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    frames: list[dict[str, str]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _STREAMS})
    tpose: str = ""
    depth: int = 0
    in_subject: int = 0
    kind: str = ""
    buffer: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise MocapError(f"{self.where}: elements lie {self.depth} deep, which no MVNX file does")
        if name in ("mvnx", "subject"):
            if name in self.attributes:
                raise MocapError(f"{self.where}: a second <{name}>; export one person per file")
            self.attributes[name] = attributes
        elif name.startswith("fingerTrackingSegments"):
            self.glove = int(name.endswith("Right"))
        elif name == "segment" and self.glove >= 0:
            self.fingers[self.glove].append(attributes.get("label", ""))
            if len(self.fingers[self.glove]) > MAX_SEGMENTS:
                raise MocapError(f"{self.where}: more than {MAX_SEGMENTS} segments of a hand; a glove has 20")
        elif name == "segment":
            self.segments.append(Segment(attributes.get("label", "")))
            if len(self.segments) > MAX_SEGMENTS:
                raise MocapError(f"{self.where}: more than {MAX_SEGMENTS} segments; an Xsens person has 23")
        elif name == "point":
            self.point = attributes.get("label", "")
        elif name == "joint":
            self.connectors.append([])
        elif name == "contactDefinition":
            self.contacts.append(attributes.get("label", ""))
        elif name == "frame":
            self.kind = attributes.get("type", "normal")
            if self.kind == "normal":
                self._closed()
                self.frames.append(attributes)
        elif name in ("pos_b", "connector1", "connector2") or (name in _STREAMS and self.kind in ("normal", "tpose")):
            self.buffer = []

    def text(self, data: str) -> None:
        if self.buffer is not None:
            self.buffer.append(data)

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        self.depth -= 1
        if name == "frame":
            self.kind = ""
        elif name.startswith("fingerTrackingSegments"):
            self.glove = -1
        if self.buffer is None:
            return
        text, self.buffer = "".join(self.buffer), None
        if name == "pos_b" and self.segments and self.glove < 0:
            self.segments[-1].points[self.point] = _three(text)
        elif name.startswith("connector") and self.connectors:
            self.connectors[-1].append(text.strip().partition("/")[0])
        elif name in _STREAMS and self.kind == "tpose":
            self.tpose = text if name == "position" else self.tpose
        elif name in _STREAMS:
            self.texts[name].append(text)

    def _closed(self) -> None:
        """Every frame so far has one text of each stream, or none has."""
        for name, texts in self.texts.items():
            if texts and len(texts) != len(self.frames):
                raise MocapError(f"{self.where}: frame {len(self.frames)} has no <{name}>, others do; export the file again")


def read_mvnx(path: Path, where: str) -> Mvnx:
    """The content of an MVNX file.

    Raises:
        MocapError: names file, line, frame or segment, and what to do.
    """
    collector = _Collector(where)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text

    def refuse(*_: object) -> None:
        raise MocapError(f"{where}:{parser.CurrentLineNumber}: a DOCTYPE is not read; delete that line, it is not needed")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        with path.open("rb") as file:
            size = 0
            while chunk := file.read(CHUNK):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise MocapError(f"{where}: over {MAX_BYTES >> 30} GiB; export the take in parts")
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise MocapError(
            f"{where}:{error.lineno}: not whole XML ({expat.ErrorString(error.code)}): export or copy it again"
        ) from None
    except (LookupError, ValueError) as error:
        raise MocapError(f"{where}: the text cannot be decoded ({error}); save the file as UTF-8") from None
    except OSError as error:
        raise MocapError(f"{where}: cannot be read: {error.strerror}") from error
    return _content(collector)


def _content(got: _Collector) -> Mvnx:
    where = got.where
    if "mvnx" not in got.attributes:
        raise MocapError(f"{where}: no element <mvnx>: not an MVNX file; export MVNX from Xsens MVN")
    subject = got.attributes.get("subject", {})
    if not got.segments or not got.frames:
        what = "segments" if not got.segments else "frames of type 'normal'"
        raise MocapError(f"{where}: the file has no {what}; export the take with segment positions and orientations")
    labels = [segment.label for segment in got.segments]
    if len(set(labels)) != len(labels):
        raise MocapError(f"{where}: two segments are called {max(labels, key=labels.count)!r}; export the file again")
    count, frames = len(labels), len(got.frames)
    contact = _numbers(got, "footContacts", len(got.contacts) or 4, optional=True)
    rest = got.tpose.split()
    return Mvnx(
        version=got.attributes["mvnx"].get("version", ""),
        rate_hz=_rate(subject.get("frameRate", ""), where),
        configuration=subject.get("configuration", ""),
        segments=tuple(got.segments),
        parents={child: parent for parent, child in (pair for pair in got.connectors if len(pair) == 2)},
        contacts=tuple(got.contacts) or ("LeftFoot_Heel", "LeftFoot_Toe", "RightFoot_Heel", "RightFoot_Toe"),
        index=_integers([frame.get("index", "-1") for frame in got.frames], "index", where),
        time_ms=_integers([frame.get("time", "-1") for frame in got.frames], "time", where),
        pos_m=_numbers(got, "position", 3 * count).reshape(frames, count, 3),
        quat_wxyz=_numbers(got, "orientation", 4 * count, optional=True).reshape(frames, -1, 4),
        contact=contact > 0.5,
        rest_pos_m=np.array(_floats(rest)).reshape(count, 3) if len(_floats(rest)) == 3 * count else None,
        finger_labels=tuple(tuple(own) for own in got.fingers),
        finger_pos_m=tuple(
            _numbers(got, stream, 3 * len(own), optional=True).reshape(frames, -1, 3) if own else np.zeros((frames, 0, 3))
            for stream, own in zip(FINGER_STREAMS, got.fingers, strict=True)
        ),
    )


def _three(text: str) -> tuple[float, ...]:
    values = _floats(text.split())
    return tuple(values) if len(values) == 3 else ()


def _floats(words: list[str]) -> list[float]:
    """The words as finite numbers; none of them where one is not."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return []
    return values if all(abs(value) < 1e7 for value in values) else []


def _rate(text: str, where: str) -> float:
    rate = (_floats([text]) or [0.0])[0]
    if not 1.0 <= rate <= 10_000.0:
        raise MocapError(f"{where}: frameRate of <subject> is {text[:40]!r}; 1 to 10000 frames per second are allowed")
    return rate


def _integers(words: list[str], what: str, where: str) -> I64:
    try:
        values = [int(word) for word in words]
    except ValueError:
        values = [1 << 62]
    if max(abs(value) for value in values) >= 1 << 48:
        raise MocapError(f"{where}: an attribute {what} of <frame> is no whole number in milliseconds or frames; export again")
    return np.array(values, dtype=np.int64)


def _numbers(got: _Collector, name: str, width: int, *, optional: bool = False) -> F64:
    """(T, width) the numbers of one stream."""
    from understudy.mocap._bvh_numbers import read_numbers

    texts, frames = got.texts[name], len(got.frames)
    if optional and not texts:
        return np.zeros((frames, 0))
    if len(texts) != frames:
        at = f"frame {len(texts) + 1} has no <{name}>" if texts else f"no frame has a <{name}>"
        raise MocapError(f"{got.where}: {at}; export the take with segment positions and orientations")
    data = np.frombuffer(" ".join(texts).encode("ascii", errors="replace"), dtype=np.uint8)
    out = np.empty(min(frames * width, len(data) // 2 + 1) + 1)
    found, bad_at = read_numbers(data, out)
    if bad_at < 0 and found == frames * width and float(np.abs(out[:found]).max(initial=0.0)) < 1e7:
        return out[:found].reshape(frames, width)
    for k, text in enumerate(texts, start=1):
        if len(_floats(text.split())) != width:
            raise MocapError(
                f"{got.where}: frame {k}: <{name}> needs {width} finite numbers, found {len(text.split())} words "
                f"beginning with {text.strip()[:30]!r}; export the file again"
            )
    raise MocapError(f"{got.where}: the numbers of <{name}> cannot be read; export the file again")
