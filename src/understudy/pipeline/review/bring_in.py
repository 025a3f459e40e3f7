"""Decisions that come back from a folder that was sent: checked line by line, and taken in once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from understudy.errors import InputError
from understudy.pipeline.review.session import ReviewSession
from understudy.spec.review import Said, parse_said

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class BroughtIn:
    """What came of a file.

    Attributes:
        taken: lines that are in the log now and were not before.
        known: lines that were there already.
        refused: why lines were not taken, with file and line.
        unapplied: what is in the log but could not be followed yet, and why.
    """

    taken: int
    known: int
    refused: tuple[str, ...]
    unapplied: tuple[str, ...]


def bring_in(session: ReviewSession, file: Path) -> BroughtIn:
    """Take in the decisions of a file.

    Args:
        session: of the dataset they are about.
        file: JSON lines, as the page of a folder writes them.

    Raises:
        InputError: the file is not there, is too large, or is no text.
        StorageError: the disk refused.
    """
    taken = known = 0
    refused: list[str] = []
    unapplied: list[str] = []
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            said: Said = parse_said(line)
            there = session.has(said.id)
            answer = session.add(said)
        except InputError as error:
            refused.append(f"{where}: {error}")
            continue
        known, taken = known + there, taken + (not there)
        if answer.message:
            unapplied.append(f"{where}: {answer.message}")
    return BroughtIn(taken, known, tuple(refused), tuple(unapplied))


def _lines(file: Path) -> list[bytes]:
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise InputError(f"{file}: {size / 1e6:.0f} MB; decisions of at most {MOST_BYTES / 1e6:.0f} MB are taken in")
        return file.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}; give the file that the page downloaded") from None
