"""A folder that appears whole or not at all: written beside its place, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from understudy.errors import ExportError, StorageError

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the quota is used up; free some space and run the same command again",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "no permission; choose another folder or change its owner",
    errno.EPERM: "no permission; choose another folder or change its owner",
    errno.EIO: "the disk reports an input/output error; check it and choose another one",
}


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """The folder to write into; it becomes `out` when the block ends well and vanishes when it does not.

    Raises:
        ExportError: `out` is already there and not empty.
        StorageError: the disk refuses.
    """
    refuse_existing(out)
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # left by a killed run; nothing in it was ever taken for whole
        part.mkdir(parents=True)
        yield part
        _sync(part)
        part.rename(out)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, StorageError):
            raise
        advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(error.errno, f"cannot write the export {out}: {advice}") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def refuse_existing(out: Path) -> None:
    """Raise ExportError where something is already at `out`; an empty folder is nothing."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise ExportError(
            f"{out} is already there and an export is never written over; name a new folder, or remove this one first"
        )


def _sync(folder: Path) -> None:
    """Bring every file to the disk, so that the rename never shows a folder with holes after a power cut."""
    for path in sorted(folder.rglob("*")):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
