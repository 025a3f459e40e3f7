"""HDF5 read with distrust: plain numbers and text only, no links out, no size that the file cannot back."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import EpisodeError
from understudy.geom.arrays import AnyArray
from understudy.store.h5_heaps import damaged_heap

if TYPE_CHECKING:
    import h5py

_MOST_BYTES_PER_STORED_BYTE = 1100
"""Deflate cannot shrink more than 1032 to 1, so a dataset that claims more was not written."""
_FREE_BYTES = 65_536
_FRESH_NS = 1_000_000_000
"""A file changed since may change again without its time telling so, which on most disks goes in steps of 4 ms."""
ADVICE = "restore it from a copy, or move it out of the dataset and run the command again that made it"
_MOST_TEXT_BYTES = 64 * 1024 * 1024
_H5PY_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError)
"""What h5py and numpy raise on damaged files."""


@contextmanager
def damaged(path: Path, what: str | h5py.Group | h5py.Dataset, *, of: h5py.Group | None = None) -> Iterator[None]:
    """Turns what h5py raises inside into an EpisodeError naming the file and the part.

    Args:
        path: of the file.
        what: in words; or the object, whose name is only asked for where it is needed.
        of: group that `what` is the name in.
    """
    try:
        yield
    except EpisodeError:
        raise
    except _H5PY_ERRORS as error:
        reason = str(error).split("\n", 1)[0][:200]
        part = _inside(of, str(what)) if of is not None else what if isinstance(what, str) else str(what.name)
        raise EpisodeError(f"{path}: {part} cannot be read: {reason}; the file is damaged: {ADVICE}") from None


def _inside(group: h5py.Group, name: str) -> str:
    return f"{str(group.name).rstrip('/')}/{name}"


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
        with damaged(path, "the heaps"):
            heap = _damaged_heap(path)
        if heap is not None:  # HDF5 would go through it without end
            raise EpisodeError(f"{path}: texts and images at byte {heap} cannot be gone through; the file is damaged: {ADVICE}")
        yield file


def _damaged_heap(path: Path) -> int | None:
    """`damaged_heap`, once for a file that has not changed: streams that are read when they are looked at open it once each."""
    state = path.stat()
    if time.time_ns() - state.st_mtime_ns < _FRESH_NS:
        return damaged_heap(path)
    return _known_heap(path, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=64)
def _known_heap(path: Path, *_state: int) -> int | None:
    return damaged_heap(path)


def _child(parent: h5py.Group, name: str, path: Path) -> Any:
    """An object of a group, by a hard link only."""
    import h5py

    with damaged(path, name, of=parent):
        links = parent.id.links
        if not links.exists(name.encode()):
            raise EpisodeError(f"{path}: {_inside(parent, name)} is missing; the file is not a whole episode")
        if links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            where = _inside(parent, name)
            raise EpisodeError(f"{path}: {where} is a link to somewhere else, which an episode must not hold; refused")
        found = h5py.h5o.open(parent.id, name.encode())  # not parent[name], which opens the file's own object every time
        return h5py.Dataset(found, readonly=True) if isinstance(found, h5py.h5d.DatasetID) else parent[name]


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
    with damaged(path, found):
        if found.is_virtual or found.external:
            raise EpisodeError(f"{path}: {found.name} takes its samples from another file, which is refused")
    return found


def names_in(group: h5py.Group, path: Path) -> tuple[str, ...]:
    """Sorted names inside a group."""
    with damaged(path, group):
        return tuple(sorted(str(name) for name in group))


def numeric_dtype(dataset: h5py.Dataset, path: Path) -> np.dtype[Any]:
    """The dtype of a dataset of numbers whose size the file can back."""
    with damaged(path, dataset):
        dtype: np.dtype[Any] = dataset.dtype
        if dtype.kind not in "biuf" or dtype.hasobject:
            raise EpisodeError(f"{path}: {dataset.name} holds {dtype}, only plain numbers are allowed")
        claimed = math.prod(int(n) for n in dataset.shape or (1,)) * dtype.itemsize
        if claimed <= _FREE_BYTES:
            return dtype
        stored = min(int(dataset.id.get_storage_size()), path.stat().st_size)
        if claimed > _FREE_BYTES + _MOST_BYTES_PER_STORED_BYTE * stored:
            raise EpisodeError(
                f"{path}: {dataset.name} claims {claimed} bytes but {stored} are stored; the file is damaged: {ADVICE}"
            )
        return dtype


def has(group: h5py.Group, name: str, path: Path) -> bool:
    """Whether a group has something of that name."""
    with damaged(path, group):
        return name.encode() in group.id


def array_of(dataset: h5py.Dataset, path: Path) -> AnyArray:
    """All samples of a dataset of numbers."""
    numeric_dtype(dataset, path)
    with damaged(path, dataset):
        values: AnyArray = np.asarray(dataset[()])
        return values


def whole_array_of(dataset: h5py.Dataset, path: Path) -> AnyArray:
    """The same, for one who reads much: with the checksums checked here where that can be, which is quicker."""
    from understudy.store.h5_checked import checked_array  # compiled: what reads little does not wait for it

    numeric_dtype(dataset, path)
    try:
        values = checked_array(dataset)
    except _H5PY_ERRORS:
        values = None  # HDF5 says what is wrong
    return array_of(dataset, path) if values is None else values


def packed_of(dataset: h5py.Dataset, path: Path) -> bytes | None:
    """A dataset of numbers as it lies in the file, with all that it takes to unpack it; None where it is in several pieces.

    Two of the same file that are equal so hold the same numbers.
    """
    with damaged(path, dataset):
        if dataset.chunks is None or dataset.ndim != 1 or dataset.id.get_num_chunks() != 1:
            return None
        skipped, packed = dataset.id.read_direct_chunk((0,))
        filters = (dataset.compression, dataset.shuffle, dataset.fletcher32, dataset.scaleoffset)
        return repr((dataset.shape, dataset.dtype.str, dataset.chunks, filters, skipped)).encode() + bytes(packed)


def text_of(dataset: h5py.Dataset, path: Path) -> str:
    """A text kept as one string."""
    texts = _texts(dataset, path, shape=())
    return texts[0]


def strings_of(dataset: h5py.Dataset, path: Path) -> tuple[str, ...]:
    """A list of texts."""
    return _texts(dataset, path, shape=None)


def _texts(dataset: h5py.Dataset, path: Path, *, shape: tuple[int, ...] | None) -> tuple[str, ...]:
    import h5py

    with damaged(path, dataset):
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
    import h5py

    out: dict[str, object] = {}
    with damaged(path, "an attribute", of=place):
        for index in range(h5py.h5a.get_num_attrs(place.id)):
            attribute = h5py.h5a.open(place.id, index=index)
            name = attribute.name.decode()
            value = _value(attribute, place, name)
            if not isinstance(value, str | int | float | bool):
                raise EpisodeError(
                    f"{path}: attribute {name!r} of {place.name} is a {type(value).__name__}, not a number or text"
                )
            out[name] = value
    return out


def _value(attribute: h5py.h5a.AttrID, place: h5py.Group | h5py.Dataset, name: str) -> object:
    """One value; texts and plain numbers without the detours that h5py takes for every kind there is."""
    import h5py

    dtype = attribute.dtype
    text = h5py.check_string_dtype(dtype)
    if attribute.shape == () and (dtype.kind in "iuf" or (text is not None and text.length is None)):
        box = np.zeros((), dtype=dtype)
        attribute.read(box)
        plain = box.item()
        return plain.decode("utf-8", "surrogateescape") if isinstance(plain, bytes) else plain
    value = place.attrs[name]
    return value.item() if isinstance(value, np.generic) else value
