"""Older episode files, read as if they were written today: a copy in memory is changed, the file never is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import EpisodeError
from understudy.store.h5_guard import attrs_of, damaged, names_in, opened
from understudy.store.layout import FORMAT, FORMAT_VERSION

if TYPE_CHECKING:
    import h5py

Migration = Callable[["h5py.File"], None]

MIGRATIONS: dict[int, Migration] = {}
"""Version to the function that makes the next version of a file of that version, in place. Version 1 is the first."""


@contextmanager
def current(path: Path) -> Iterator[h5py.File]:
    """An episode file in the current format version, open inside the block only.

    Raises:
        EpisodeError: it is no episode, damaged, newer than this program, or too old for it.
    """
    with opened(path) as file:
        version = _version(file, path)
        if version == FORMAT_VERSION:
            yield file
            return
        with _copy_in_memory(file, path) as copy:
            for step in range(version, FORMAT_VERSION):
                with damaged(path, f"format version {step}"):
                    MIGRATIONS[step](copy)
                    copy.attrs["format_version"] = step + 1
            yield copy


def _version(file: h5py.File, path: Path) -> int:
    attrs = attrs_of(file, path)
    if attrs.get("format") != FORMAT:
        raise EpisodeError(f"{path}: its format is {attrs.get('format')!r}, not {FORMAT!r}; is it an episode?")
    version = attrs.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise EpisodeError(f"{path}: format_version is {version!r}, a whole number is needed; the file is damaged")
    if version > FORMAT_VERSION:
        raise EpisodeError(
            f"{path}: written in format version {version}, this program reads up to {FORMAT_VERSION}; update understudy"
        )
    if any(step not in MIGRATIONS for step in range(version, FORMAT_VERSION)):
        raise EpisodeError(f"{path}: format version {version} is none that this program knows; make the file again")
    return version


@contextmanager
def _copy_in_memory(file: h5py.File, path: Path) -> Iterator[h5py.File]:
    import h5py

    with h5py.File(f"{path.name}.migrated", "w", driver="core", backing_store=False) as copy:
        with damaged(path, "an object of /"):
            for name in names_in(file, path):
                file.copy(name, copy)
            for name, value in attrs_of(file, path).items():
                copy.attrs[name] = value
        yield copy
