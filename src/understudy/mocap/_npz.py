"""Arrays of an .npz file that nobody vouches for: sizes are checked before memory is taken, and no pickle is opened."""

from __future__ import annotations

import hashlib
import io
import math
import tokenize
import warnings
import zipfile
import zlib
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray
from understudy.mocap._file import read_bytes

MAX_BYTES = 4 << 30
BOMB_BYTES, BOMB_RATIO = 64 << 20, 100
"""An array of over 64 MiB whose file is over 100 times smaller is no measurement."""
MAX_RANK = 4
_SMALL_BYTES = 64 << 20
"""A file up to this size is read once; a larger one is opened for each array."""
_BROKEN = (
    zipfile.BadZipFile, ValueError, EOFError, KeyError, zlib.error, NotImplementedError, RuntimeError, OverflowError,
    tokenize.TokenError, SyntaxError,
)  # fmt: skip
"""What reading a damaged archive raises; the last two come of headers that numpy takes for those of Python 2."""


@dataclass(frozen=True)
class Archive:
    """Arrays of an .npz file, read when asked for.

    Attributes:
        path: the file; where: its name for messages.
        names: names of the arrays.
        content: the whole file, where it is small; empty otherwise.
        unzipped: the same as a directory of members, so that it is made out once.
    """

    path: Path
    where: str
    names: tuple[str, ...]
    content: bytes = field(default=b"", repr=False)
    unzipped: zipfile.ZipFile | None = field(default=None, repr=False)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def array(self, name: str) -> AnyArray:
        """One array.

        Raises:
            MocapError: it is missing, damaged, too large, or holds Python objects.
        """
        if name not in self.names:
            raise MocapError(f"{self.where}: no array {name!r}; the file has {', '.join(self.names[:20])}")
        try:
            with nullcontext(self.unzipped) if self.unzipped is not None else zipfile.ZipFile(self.path) as archive:
                info = archive.getinfo(f"{name}.npy")
                with archive.open(info) as file:
                    return self._read(name, info, file)
        except MocapError:
            raise
        except OSError as error:
            raise MocapError(f"{self.where}: array {name!r} cannot be read: {error.strerror or error}") from None
        except (*_BROKEN, MemoryError) as error:
            raise MocapError(
                f"{self.where}: array {name!r} is damaged ({_short(error)}); copy or export the file again"
            ) from None

    def numbers(self, name: str, *shape: int | None) -> F64:
        """One array of finite numbers of a shape; None stands for any length.

        Raises:
            MocapError: it is no such array.
        """
        return self.checked(name, self.array(name), *shape)

    def checked(self, name: str, found: AnyArray, *shape: int | None) -> F64:
        """The array `name`, read already, as finite numbers of a shape; as `numbers`."""
        wanted = " x ".join("any" if n is None else str(n) for n in shape) or "a single number"
        fits = found.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, found.shape, strict=True))
        if not fits or found.dtype.kind not in "fiu":
            raise MocapError(f"{self.where}: array {name!r} is {found.dtype} {found.shape}; numbers of shape {wanted} are needed")
        out = np.asarray(found, dtype=np.float64)
        if out.size and not bool(np.isfinite(out).all()):
            at = np.argwhere(~np.isfinite(out))[0]
            raise MocapError(f"{self.where}: array {name!r} is not finite at {tuple(int(i) for i in at)}: fill the gap first")
        return out

    def text(self, name: str) -> str:
        """One array as a short word; empty where it is missing or no text."""
        if name not in self.names:
            return ""
        try:
            found = self.array(name)
        except MocapError:
            return ""
        if found.size != 1 or found.dtype.kind not in "US":
            return ""
        value = found.reshape(-1)[0]
        return (value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value))[:40]

    def sha256(self) -> str:
        """Hash of the file's bytes."""
        if self.content:
            return hashlib.sha256(self.content).hexdigest()
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _read(self, name: str, info: zipfile.ZipInfo, file: IO[bytes]) -> AnyArray:
        """The array in an open member; refused by its header before anything is allocated."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's remarks on headers of Python 2
            version = np.lib.format.read_magic(file)
            head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_columns, dtype = head(file)
        if dtype.hasobject:
            raise MocapError(
                f"{self.where}: array {name!r} holds Python objects, which are never opened because they can run code; "
                "save it as plain numbers"
            )
        size = math.prod(shape) * dtype.itemsize
        if len(shape) > MAX_RANK or size > MAX_BYTES:
            raise MocapError(f"{self.where}: array {name!r} has shape {shape}, {size >> 20} MiB; too large for one motion")
        if size > info.file_size or (size > BOMB_BYTES and size > BOMB_RATIO * max(info.compress_size, 1)):
            raise MocapError(
                f"{self.where}: array {name!r} says {size} bytes, the file holds {info.compress_size}: it is damaged"
            )
        content = bytearray(file.read(size))
        if len(content) != size:
            raise EOFError(f"{len(content)} of {size} bytes are there")
        out: AnyArray = np.ndarray(shape, dtype, content, order="F" if by_columns else "C")
        return out


def open_npz(path: Path) -> Archive:
    """The archive at `path`.

    Raises:
        MocapError: no such file, or no .npz.
    """
    head = read_bytes(path, 4)
    if not head:
        raise MocapError(f"{path}: the file is empty: export or copy it again")
    names = npz_names(path, head)
    if names is None:
        raise MocapError(f"{path}: no .npz archive, or a truncated one: copy or export it again")
    if path.stat().st_size > _SMALL_BYTES:
        return Archive(path, str(path), names)
    content = read_bytes(path)
    try:
        return Archive(path, str(path), names, content, zipfile.ZipFile(io.BytesIO(content)))
    except _BROKEN as error:
        raise MocapError(f"{path}: changed while it was read ({_short(error)}); read it again when it is whole") from None


def npz_names(path: Path, head: bytes) -> tuple[str, ...] | None:
    """Names of the arrays in an .npz file; None where it is none."""
    if head[:4] != b"PK\x03\x04":
        return None
    try:
        state = path.stat()
        return _names_of(path, state.st_mtime_ns, state.st_size)
    except (*_BROKEN, OSError):
        return None


@lru_cache(maxsize=4)
def _names_of(path: Path, changed_ns: int, size: int) -> tuple[str, ...]:
    """Names of the arrays of a file in one state; every reader asks for them."""
    with zipfile.ZipFile(path) as archive:
        return tuple(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__
