"""What gates and people add to an episode: `<episode>.notes.json` beside its file, replaced as a whole."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from understudy.errors import EpisodeError
from understudy.spec.findings import Notes
from understudy.store.atomic import write_text

NOTES_SUFFIX = ".notes.json"
_VERSION = 1


def notes_path(episode_path: Path) -> Path:
    """Where the notes of an episode file are."""
    return episode_path.with_name(episode_path.stem + NOTES_SUFFIX)


def write_notes(episode_path: Path, notes: Notes) -> None:
    """Replace the notes beside an episode file.

    Raises:
        EpisodeError: they are another episode's.
        StorageError: the disk refused.
    """
    if notes.episode != episode_path.stem:
        raise EpisodeError(f"{notes_path(episode_path)}: these are notes of episode {notes.episode!r}, not of this one")
    write_text(notes_path(episode_path), notes.model_dump_json(indent=2) + "\n")


def read_notes(episode_path: Path) -> Notes | None:
    """The notes beside an episode file; None where there are none.

    Raises:
        EpisodeError: the notes are damaged or another episode's.
    """
    path = notes_path(episode_path)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EpisodeError(f"{path}: cannot be read: {error.strerror}") from None
    notes = parse_notes(text, where=str(path))
    if notes.episode != episode_path.stem:
        raise EpisodeError(f"{path}: these are notes of episode {notes.episode!r}; move them to their episode")
    return notes


def parse_notes(text: str | bytes, *, where: str) -> Notes:
    """Notes in a JSON text.

    Raises:
        EpisodeError: the text is not notes; the message says which part.
    """
    try:
        notes = Notes.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "the whole file"
        raise EpisodeError(
            f"{where}: damaged notes: {place}: {first['msg']}; mend the file, or move it away and run `understudy check` again"
        ) from None
    if notes.format_version > _VERSION:
        raise EpisodeError(f"{where}: notes of version {notes.format_version}, this program reads {_VERSION}; update understudy")
    return notes
