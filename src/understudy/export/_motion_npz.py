"""NumPy archives from anywhere: sizes are read before anything is allocated, and nothing is unpickled."""

from __future__ import annotations

import lzma
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray

MOST_BYTES = 1 << 30
"""Of all arrays of a file together, unpacked."""
MOST_ARRAYS = 1000
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, NotImplementedError, RuntimeError, KeyError,
    tokenize.TokenError, SyntaxError,
)  # fmt: skip
"""What reading a damaged archive raises."""


def array_names(path: Path) -> tuple[str, ...]:
    """Names of the arrays in an archive.

    Raises:
        MocapError: it is none, or holds more than can be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (*_DAMAGED, ValueError) as error:
        raise MocapError(f"{path}: not a NumPy archive: {error}; give an .npz as numpy.savez writes it") from None
    total = sum(m.file_size for m in members)
    if len(members) > MOST_ARRAYS or total > MOST_BYTES:
        raise MocapError(
            f"{path}: {len(members)} arrays of {total / 1e6:,.0f} MB unpacked; at most {MOST_ARRAYS} and "
            f"{MOST_BYTES / 1e6:,.0f} MB are read"
        )
    return tuple(m.filename.removesuffix(".npy") for m in members if m.filename.endswith(".npy"))


def read_arrays(path: Path, names: Iterable[str]) -> Mapping[str, AnyArray]:
    """Some arrays of an archive.

    Raises:
        MocapError: the archive is damaged, an array is missing, holds objects, or claims another size than it has.
    """
    found = array_names(path)
    wanted = tuple(names)
    missing = [n for n in wanted if n not in found]
    if missing:
        raise MocapError(f"{path}: no array {', '.join(missing)} (found: {', '.join(found) or 'none'})")
    try:
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd text in a damaged heading; the reading below says what is wrong
            return {name: _array(archive, name, path) for name in wanted}
    except _DAMAGED as error:
        raise MocapError(f"{path}: damaged archive: {error}; copy or export the file again") from None


def numbers(arrays: Mapping[str, AnyArray], name: str, path: Path, *, shape: tuple[int | None, ...]) -> F64:
    """An array as float64, if it has the shape; None stands for any length.

    Raises:
        MocapError: it has not, or holds no numbers.
    """
    array = arrays[name]
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in "iuf" or not fits:
        want = "(" + ", ".join("T" if s is None else str(s) for s in shape) + ")"
        raise MocapError(f"{path}: array {name} is {array.dtype} of shape {array.shape}; numbers of shape {want} are needed")
    return np.asarray(array, dtype=np.float64)


def texts(arrays: Mapping[str, AnyArray], name: str, path: Path) -> tuple[str, ...]:
    """A one-dimensional array of text.

    Raises:
        MocapError: it is something else.
    """
    array = arrays[name]
    if array.dtype.kind not in "US" or array.ndim != 1:
        raise MocapError(f"{path}: array {name} is {array.dtype} of shape {array.shape}; a list of names is needed")
    return tuple(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in array.tolist())


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> AnyArray:
    info = archive.getinfo(f"{name}.npy")
    try:
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                raise MocapError(f"{path}: array {name}: .npy version {version}; 1.0 and 2.0 are read")
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(file)
            claimed = dtype.itemsize
            for length in shape:
                claimed *= length
            if dtype.hasobject or claimed + file.tell() != info.file_size:
                what = "holds Python objects, which are never unpickled" if dtype.hasobject else "claims another size than it has"
                raise MocapError(f"{path}: array {name} {what}; save plain numbers and text with numpy.savez")
        with archive.open(info) as file:
            array: AnyArray = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except (ValueError, TypeError, SyntaxError, OverflowError) as error:
        raise MocapError(f"{path}: array {name} cannot be read: {error}; export the file again") from None
