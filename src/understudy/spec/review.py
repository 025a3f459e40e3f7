"""What people say about episodes: the lines of `reviews.jsonl`.

Times inside an episode are whole nanoseconds from its first step, so that a browser's numbers hold them exactly.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from understudy.errors import InputError
from understudy.spec.robot import Strict

MOST_LINE_BYTES = 32 * 1024
MOST_LETTERS = 500
MOST_SEGMENTS = 200
LONGEST_NS = 86_400 * 10**9
"""No episode is longer than a day."""

Verdict = Literal["accepted", "rejected"]
Reason = Literal["", "unnatural motion", "inconsistent strategy", "environment anomaly", "other"]
REASONS: tuple[Reason, ...] = ("unnatural motion", "inconsistent strategy", "environment anomaly", "other")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def _one_line(text: str) -> str:
    if any(not c.isprintable() for c in text) or text != text.strip():
        raise ValueError("one line without control characters and spaces around it is needed")
    return text


def _moment(text: str) -> str:
    if not _AT.fullmatch(text):
        raise ValueError("a time in UTC such as 2026-11-28T14:03:09Z is needed")
    return text


Line = Annotated[str, AfterValidator(_one_line), Field(max_length=MOST_LETTERS)]
Name = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=60)]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
OffsetNs = Annotated[int, Field(ge=0, le=LONGEST_NS)]


class _Entry(Strict):
    """What every line has.

    Attributes:
        id: of the line, drawn where it was made: the same line twice is one.
        at: when it was made, UTC.
        reviewer: who.
        episode: about which.
    """

    id: Id
    at: Annotated[str, AfterValidator(_moment)]
    reviewer: Name
    episode: Annotated[str, Field(min_length=1, max_length=120)]


class Decision(_Entry):
    """Accepted or rejected; a rejection has a reason, and `other` has a text.

    `seconds` is how long the reviewer had the episode before them; `deciding` says that two others had disagreed before.
    """

    kind: Literal["decision"] = "decision"
    verdict: Verdict
    reason: Reason = ""
    text: Line = ""
    seconds: float = Field(default=0.0, ge=0.0, le=86_400.0)
    deciding: bool = False

    def model_post_init(self, context: object) -> None:
        """A rejection is for a reason, an acceptance for none."""
        if (self.verdict == "rejected") != bool(self.reason):
            raise ValueError(f"a rejection needs a reason ({', '.join(REASONS)}), an acceptance has none")
        if self.reason == "other" and not self.text:
            raise ValueError("the reason 'other' needs a text")


class Rating(_Entry):
    """A person's rating, 1 (bad) to 5; kept apart from the computed score."""

    kind: Literal["rating"] = "rating"
    stars: int = Field(ge=1, le=5)


class Mark(_Entry):
    """A stretch that somebody should look at."""

    kind: Literal["mark"] = "mark"
    start_ns: OffsetNs
    end_ns: OffsetNs
    text: Line = ""

    def model_post_init(self, context: object) -> None:
        """It does not end before it begins."""
        if self.end_ns < self.start_ns:
            raise ValueError(f"ends at {self.end_ns} before it begins at {self.start_ns}")


class Stretch(Strict):
    """One segment as a reviewer left it; end exclusive."""

    start_ns: OffsetNs
    end_ns: OffsetNs
    label: Line
    source: Line
    subtask: Line = ""
    by: Line = ""


class Segments(_Entry):
    """All segments of the episode as they are from now on, and `before`, as they were."""

    kind: Literal["segments"] = "segments"
    segments: tuple[Stretch, ...] = Field(max_length=MOST_SEGMENTS)
    before: tuple[Stretch, ...] = Field(max_length=MOST_SEGMENTS)

    def model_post_init(self, context: object) -> None:
        """They follow each other and none is empty."""
        last_ns = 0
        for k, stretch in enumerate(self.segments):
            if stretch.start_ns < last_ns or stretch.end_ns <= stretch.start_ns:
                raise ValueError(f"segment {k + 1} ({stretch.start_ns} to {stretch.end_ns}) is empty or begins in the one before")
            last_ns = stretch.end_ns


class Undo(_Entry):
    """Takes back one earlier line of the same reviewer."""

    kind: Literal["undo"] = "undo"
    undoes: Id


class Drawn(Strict):
    """An episode that was drawn, and the stratum it stands for; `twice` asks for two reviewers."""

    episode: str
    task: str
    operator: str
    twice: bool = False


class Draw(Strict):
    """A batch: the episodes that were new, and those of them that are to be watched. Never changed afterwards."""

    kind: Literal["draw"] = "draw"
    id: Id
    at: str
    batch: int = Field(ge=1)
    seed: int
    per_hundred: float
    share_twice: float
    covers: tuple[str, ...]
    drawn: tuple[Drawn, ...]


Said = Decision | Rating | Mark | Segments | Undo
"""What a person says."""
Entry = Said | Draw
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])
_T = TypeVar("_T")
_SAID: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])


def parse_entry(text: str | bytes) -> Entry:
    """A line of the log.

    Raises:
        InputError: it is none, with what is wrong.
    """
    return _parsed(_ENTRY, text)


def parse_said(text: str | bytes) -> Said:
    """A line that a person may send.

    Raises:
        InputError: it is none, with what is wrong.
    """
    return _parsed(_SAID, text)


def _parsed(adapter: TypeAdapter[_T], text: str | bytes) -> _T:
    if len(text) > MOST_LINE_BYTES:
        raise InputError(f"a line of {len(text)} bytes; at most {MOST_LINE_BYTES} are allowed")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole line"
        raise InputError(f"{place}: {first['msg']}") from None
    except RecursionError:
        raise InputError("nested too deeply") from None
