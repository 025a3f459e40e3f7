"""Files appear whole or not at all: written beside their place, forced to disk, renamed."""

from __future__ import annotations

import errno
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from understudy.errors import StorageError

PART_SUFFIX = ".part"
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EFBIG: "the file is larger than this disk or this account allows; choose another folder",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "no permission to write here; choose another folder or change its owner",
    errno.EPERM: "not permitted; choose another folder or change its owner",
    errno.EISDIR: "a folder stands where the file should go; choose another name",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another name",
    errno.ENAMETOOLONG: "the name is too long for this disk; choose a shorter one",
    errno.EIO: "the disk reports a hardware error; check it before writing anything else",
}


def storage_error(path: Path, error: OSError) -> StorageError:
    """What the disk refused, in words, with what to do."""
    advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"{path}: cannot be written: {advice}")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of what is done inside into a StorageError that names `path`."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def atomic_file(path: Path, *, forced: bool = True) -> Iterator[Path]:
    """A file to write, renamed to `path` when the block ends well and removed when it fails.

    Missing folders are made. Nothing at `path` changes before the new content is on the disk.

    Args:
        path: where it goes.
        forced: wait until the disk has it. Without, a power cut may leave an empty file or none, but not a killed program.

    Raises:
        StorageError: the disk refused, with what to do.
    """
    part = path.with_name(f".{path.name}.{_owner()}-{secrets.token_hex(4)}{PART_SUFFIX}")
    with disk_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            if forced:
                _to_disk(part)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if forced:
            sync_folder(path.parent)


def _owner() -> str:
    """Machine and process, as they stand in the name of a file being written."""
    return f"{platform.node().replace('.', '_') or 'here'}-{os.getpid()}"


def remove_stale_parts(folder: Path) -> None:
    """Remove what killed processes of this machine were writing in `folder` when they died.

    Raises:
        StorageError: the disk refused.
    """
    for part in folder.glob(f".*{PART_SUFFIX}"):
        machine, _, pid = part.name.removesuffix(PART_SUFFIX).rpartition(".")[2].rpartition("-")[0].rpartition("-")
        if f"{machine}-{os.getpid()}" == _owner() and pid.isdigit() and not _alive(int(pid)):
            with disk_errors(part):
                part.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    """Whether a process can still write; one that is dead and only waits to be collected cannot."""
    try:
        if Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] in ("Z", "X"):
            return False
    except (OSError, IndexError):
        pass  # no such process, or no /proc here: the signal below tells
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_text(path: Path, text: str, *, forced: bool = True) -> None:
    """Write a small text file whole or not at all; `forced` as for `atomic_file`.

    Raises:
        StorageError: the disk refused.
    """
    with atomic_file(path, forced=forced) as part:
        part.write_text(text, encoding="utf-8")


def _to_disk(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk, so that a rename survives a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
