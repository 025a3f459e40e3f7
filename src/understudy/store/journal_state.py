"""What state each take is in: `journal/<take>.json` beside its journal, replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from understudy.errors import EpisodeError, StorageError
from understudy.spec.robot import Strict
from understudy.store.atomic import disk_errors, storage_error, write_text
from understudy.store.journal_file import lock
from understudy.store.names import path_name

JOURNAL_DIR = "journal"
State = Literal["RECORDING", "FINALIZING", "DONE", "FAILED"]


class TakeState(Strict):
    """Where a take is on its way.

    Attributes:
        take: its id, which its episode has too.
        state: RECORDING while its journal grows, FINALIZING from its end on, DONE when its episode is whole, FAILED where none
            could be made; the journal then stays.
        discard: the operator does not want it; it goes to `failures/`.
        reason: why it ended or failed, where that was not asked for.
    """

    format: Literal["understudy-take"] = "understudy-take"
    format_version: Literal[1] = 1
    take: str
    state: State
    discard: bool = False
    reason: str = ""


def journal_path(folder: Path, take: str) -> Path:
    """Where a take's journal is; raises EpisodeError where the name leads elsewhere."""
    return folder / f"{path_name(take, what='take')}.mcap"


def alive_path(folder: Path, take: str) -> Path:
    """Where the recorder notes that it lives."""
    return folder / f"{path_name(take, what='take')}.alive"


def state_path(folder: Path, take: str) -> Path:
    """Where the state of a take is."""
    return folder / f"{path_name(take, what='take')}.json"


def reserve(folder: Path, take: str) -> bool:
    """Take a name for a new take; false where it is taken, by whatever process.

    Raises:
        StorageError: the disk refused.
    """
    path = state_path(folder, take)
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(TakeState(take=take, state="RECORDING").model_dump_json())
    return True


def write_state(folder: Path, state: TakeState) -> None:
    """Replace the state of a take; raises StorageError where the disk refuses."""
    write_text(state_path(folder, state.take), state.model_dump_json(indent=2) + "\n")


def read_state(folder: Path, take: str) -> TakeState:
    """The state of a take; RECORDING where nothing whole is written: the recorder died at its very first step.

    Raises:
        EpisodeError: it is damaged otherwise.
    """
    path = state_path(folder, take)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return TakeState(take=take, state="RECORDING")
    except OSError as error:
        raise EpisodeError(f"{path}: cannot be read: {error.strerror}") from None
    if not text.strip():
        return TakeState(take=take, state="RECORDING")
    try:
        return TakeState.model_validate_json(text)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise EpisodeError(f"{path}: no state of a take ({why}); remove it, the journal beside it counts") from None


def takes_in(folder: Path) -> tuple[str, ...]:
    """Every take that has a journal or a state there, oldest name first."""
    if not folder.is_dir():
        return ()
    return tuple(sorted({p.stem for p in folder.iterdir() if p.suffix in (".mcap", ".json") and not p.name.startswith(".")}))


def journal_bytes(folder: Path) -> int:
    """Size of every journal that is there; one that goes meanwhile counts nothing."""
    total = 0
    for path in folder.glob("*.mcap"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """A journal that nobody else works on inside the block; false where a living process does.

    Raises:
        StorageError: the file cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        yield lock(fd)
    finally:
        os.close(fd)


def forget(folder: Path, take: str) -> None:
    """Remove everything of a take but its episode; the state goes last.

    Raises:
        StorageError: the disk refused.
    """
    for path in (journal_path(folder, take), alive_path(folder, take), state_path(folder, take)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path}: cannot be removed: {error.strerror}") from error
