"""HDF5 read with distrust: plain numbers and text only, no links out, no size that the file cannot back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import EpisodeError
from understudy.geom.arrays import AnyArray

if TYPE_CHECKING:
    import h5py

_MOST_BYTES_PER_STORED_BYTE = 1100
"""Deflate cannot shrink more than 1032 to 1, so a dataset that claims more was not written."""
_FREE_BYTES = 65_536
ADVICE = "restore it from a copy, or move it out of the dataset and run the command again that made it"
_MOST_TEXT_BYTES = 64 * 1024 * 1024
_H5PY_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError)
"""What h5py and numpy raise on damaged files."""


@contextmanager
def damaged(path: Path, what: str) -> Iterator[None]:
    """Turns what h5py raises inside into an EpisodeError naming the file and the part."""
    try:
        yield
    except EpisodeError:
        raise
    except _H5PY_ERRORS as error:
        reason = str(error).split("\n", 1)[0][:200]
        raise EpisodeError(f"{path}: {what} cannot be read: {reason}; the file is damaged: {ADVICE}") from None


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, open for reading inside the block only.

    Raises:
        EpisodeError: there is no such file, it is no HDF5, or it is damaged.
    """
    import h5py

    if not path.is_file():
        found = "a folder" if path.is_dir() else "no file"
        raise EpisodeError(f"{path}: {found}; the episode may have been moved, open it again by its id")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        if isinstance(error, PermissionError):
            raise EpisodeError(f"{path}: no permission to read it") from None
        reason = "it is not an HDF5 file" if not h5py.is_hdf5(path) else "it is truncated or damaged"
        raise EpisodeError(f"{path}: cannot be opened: {reason} ({str(error)[:120]}); {ADVICE}") from None
    with file:
        yield file


def _child(parent: h5py.Group, name: str, path: Path) -> Any:
    """An object of a group, by a hard link only."""
    import h5py

    where = f"{str(parent.name).rstrip('/')}/{name}"
    with damaged(path, where):
        link = parent.get(name, getlink=True)
        if link is None:
            raise EpisodeError(f"{path}: {where} is missing; the file is not a whole episode")
        if not isinstance(link, h5py.HardLink):
            raise EpisodeError(f"{path}: {where} is a link to somewhere else, which an episode must not hold; refused")
        return parent[name]


def group_in(parent: h5py.Group, name: str, path: Path) -> h5py.Group:
    """A group inside `parent`; raises EpisodeError where it is missing or something else."""
    import h5py

    found = _child(parent, name, path)
    if not isinstance(found, h5py.Group):
        raise EpisodeError(f"{path}: {found.name} is not a group")
    return found


def dataset_in(parent: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    """A dataset inside `parent` whose samples lie in this file."""
    import h5py

    found = _child(parent, name, path)
    if not isinstance(found, h5py.Dataset):
        raise EpisodeError(f"{path}: {found.name} is not a dataset")
    with damaged(path, str(found.name)):
        if found.is_virtual or found.external:
            raise EpisodeError(f"{path}: {found.name} takes its samples from another file, which is refused")
    return found


def names_in(group: h5py.Group, path: Path) -> tuple[str, ...]:
    """Sorted names inside a group."""
    with damaged(path, str(group.name)):
        return tuple(sorted(str(name) for name in group))


def numeric_dtype(dataset: h5py.Dataset, path: Path) -> np.dtype[Any]:
    """The dtype of a dataset of numbers whose size the file can back."""
    with damaged(path, str(dataset.name)):
        dtype: np.dtype[Any] = dataset.dtype
        if dtype.kind not in "biuf" or dtype.hasobject:
            raise EpisodeError(f"{path}: {dataset.name} holds {dtype}, only plain numbers are allowed")
        claimed = int(np.prod([int(n) for n in dataset.shape or (1,)], dtype=object)) * dtype.itemsize
        stored = min(int(dataset.id.get_storage_size()), path.stat().st_size)
        if claimed > _FREE_BYTES + _MOST_BYTES_PER_STORED_BYTE * stored:
            raise EpisodeError(
                f"{path}: {dataset.name} claims {claimed} bytes but {stored} are stored; the file is damaged: {ADVICE}"
            )
        return dtype


def array_of(dataset: h5py.Dataset, path: Path) -> AnyArray:
    """All samples of a dataset of numbers."""
    numeric_dtype(dataset, path)
    with damaged(path, str(dataset.name)):
        values: AnyArray = np.asarray(dataset[()])
        return values


def text_of(dataset: h5py.Dataset, path: Path) -> str:
    """A text kept as one string."""
    texts = _texts(dataset, path, shape=())
    return texts[0]


def strings_of(dataset: h5py.Dataset, path: Path) -> tuple[str, ...]:
    """A list of texts."""
    return _texts(dataset, path, shape=None)


def _texts(dataset: h5py.Dataset, path: Path, *, shape: tuple[int, ...] | None) -> tuple[str, ...]:
    import h5py

    with damaged(path, str(dataset.name)):
        if h5py.check_string_dtype(dataset.dtype) is None:
            raise EpisodeError(f"{path}: {dataset.name} holds {dataset.dtype}, text is needed")
        if (shape is not None and dataset.shape != shape) or (shape is None and len(dataset.shape or ()) != 1):
            raise EpisodeError(
                f"{path}: {dataset.name} has shape {dataset.shape}, {'one text' if shape == () else '(N,)'} is needed"
            )
        if dataset.size > min(path.stat().st_size, _MOST_TEXT_BYTES):
            raise EpisodeError(f"{path}: {dataset.name} claims {dataset.size} texts, more than the file holds; it is damaged")
        return tuple(_decoded([dataset[()]] if shape == () else dataset[()]))


def _decoded(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        yield value.decode() if isinstance(value, bytes) else str(value)


def attrs_of(place: h5py.Group | h5py.Dataset, path: Path) -> dict[str, object]:
    """Attributes as Python numbers, bools and text; anything else is refused."""
    out: dict[str, object] = {}
    with damaged(path, f"an attribute of {place.name}"):
        for name in sorted(place.attrs):
            value = place.attrs[name]
            value = value.item() if isinstance(value, np.generic) else value
            if not isinstance(value, str | int | float | bool):
                raise EpisodeError(
                    f"{path}: attribute {name!r} of {place.name} is a {type(value).__name__}, not a number or text"
                )
            out[name] = value
    return out
