"""The one reader of pickles: plain containers, numbers, NumPy arrays and SciPy sparse matrices; nothing can be called.

A pickle is a program. This reader lets it name only what `_ALLOWED` lists, so that the body models and motion archives that
exist only as pickles can be read from people one does not know. Arrays of objects are refused; a class that is not listed
stops the reading with its name.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import AnyArray

MAX_BYTES = 2 << 30
MAX_PARTS, MAX_DEPTH = 1_000_000, 20
_SPARSE = ("csc", "csr", "coo")


class _Kept:
    """Stands in for a class that is not run: keeps the state that the pickle gives it, and does nothing."""

    kind = ""

    def __new__(cls, *_: object) -> _Kept:
        made = super().__new__(cls)
        made.kept = {}
        return made

    kept: dict[str, object]

    def __setstate__(self, state: object) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.kept.update({str(key): value for key, value in part.items()})


def _kept(kind: str) -> type[_Kept]:
    return type(f"Kept_{kind}", (_Kept,), {"kind": kind})


class _Array:
    """An array under reconstruction: takes shape, dtype and bytes from the pickle and checks them before memory is taken."""

    array: AnyArray = np.zeros(0)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise _RefusedError("an array with an unknown state")
        _, shape, dtype, fortran, raw = state
        self.array = _filled(raw, dtype, shape, "F" if fortran else "C").array


def _filled(raw: object, dtype: object, shape: object, order: object) -> _Array:
    """The array of a buffer."""
    kind = _plain(dtype)
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and 0 <= n <= MAX_BYTES for n in shape) or len(shape) > 8:
        raise _RefusedError("an array with a shape that is none")
    raw = raw.encode("latin1") if isinstance(raw, str) else raw  # bytes of Python 2
    if not isinstance(raw, bytes | bytearray) or math.prod(shape) * kind.itemsize != len(raw):
        raise _RefusedError("an array whose bytes do not fit its shape, or an array of objects")
    out = _Array()
    out.array = np.frombuffer(bytes(raw), dtype=kind).reshape(shape, order="F" if order == "F" else "C")
    return out


class _Dtype:
    """A dtype under reconstruction."""

    dtype: np.dtype[np.generic] = np.dtype("V0")

    def __init__(self, name: object = "", *_: object) -> None:
        text = name.decode("ascii", errors="replace") if isinstance(name, bytes) else name
        if not isinstance(text, str) or len(text) > 8 or text.lstrip("<>|=")[:1] not in tuple("biufcSU?"):
            raise _RefusedError(f"an array of type {str(text)[:20]!r}; only numbers and text are read")
        try:
            self.dtype = np.dtype(text)
        except TypeError:
            raise _RefusedError(f"an array of type {text!r}") from None

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        order = order.decode("ascii", errors="replace") if isinstance(order, bytes) else order
        if order == ">":
            self.dtype = self.dtype.newbyteorder(">")


class _RefusedError(Exception):
    """Why a pickle is not read."""


def _plain(dtype: object) -> np.dtype[np.generic]:
    if not isinstance(dtype, _Dtype) or dtype.dtype.hasobject or dtype.dtype.itemsize == 0:
        raise _RefusedError("an array of objects or of no type")
    return dtype.dtype


def _scalar(dtype: object, raw: object = b"") -> object:
    kind = _plain(dtype)
    data = raw.encode("latin1") if isinstance(raw, str) else raw
    if not isinstance(data, bytes) or len(data) != kind.itemsize:
        raise _RefusedError("a number whose bytes do not fit its type")
    return np.frombuffer(data, dtype=kind)[0]


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """What Python 3 writes for bytes in old protocols."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _RefusedError("encoded text other than latin1")
    return text.encode("latin1")


def _array(*_: object) -> _Array:
    return _Array()


def _reconstructor(kind: object = None, *_: object) -> object:
    """What protocols 0 and 1 write for an object of a class."""
    if not isinstance(kind, type) or not issubclass(kind, _Kept):
        raise _RefusedError("an object of an unknown class")
    return kind()


def _nothing(*_: object) -> None:
    """Stands for `object`, the base class that protocols 0 and 1 name."""


def _bytes(*arguments: object) -> bytes:
    """How old protocols write no bytes at all."""
    if arguments:
        raise _RefusedError("bytes that are made of something")
    return b""


def _ordered(items: object = ()) -> dict[object, object]:
    if not isinstance(items, list | tuple) or not all(isinstance(item, list | tuple) and len(item) == 2 for item in items):
        raise _RefusedError("an ordered dict of anything but pairs")
    return dict(items)


class _Named:
    """A function that a pickle may call; unlike a function it takes no state, so that no pickle can change it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _RefusedError("a state for a function")


_NUMPY: dict[str, Callable[..., object]] = {
    "_reconstruct": _array,
    "ndarray": _Array,
    "dtype": _Dtype,
    "scalar": _scalar,
}
_ALLOWED: dict[tuple[str, str], Callable[..., object]] = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _ordered,
    **{(module, "bytes"): _bytes for module in ("builtins", "__builtin__")},
    **{(module, "_reconstructor"): _reconstructor for module in ("copyreg", "copy_reg")},
    **{(module, "object"): _nothing for module in ("builtins", "__builtin__")},
    **{(module, "_frombuffer"): _filled for module in ("numpy.core.numeric", "numpy._core.numeric")},
    **{
        (module, name): stand_in
        for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        for name, stand_in in _NUMPY.items()
    },
    **{
        (module.format(kind=kind), f"{kind}_{noun}"): _kept(kind)
        for kind in _SPARSE
        for noun in ("matrix", "array")
        for module in ("scipy.sparse.{kind}", "scipy.sparse._{kind}")
    },
    ("chumpy.ch", "Ch"): _kept("chumpy"),
}
"""Names that a pickle may use, each with a stand-in that only keeps data. chumpy's `Ch` is the array of old body models."""


# The Unpickler written in Python keeps its memo in a dict; the one in C takes memory for the highest place that is named.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str, /) -> Callable[..., object]:
        found = _ALLOWED.get((module, name))
        if found is None:
            raise _RefusedError(f"the class or function {module[:60]}.{name[:60]}, which could run code")
        return found if isinstance(found, type) else _Named(found)

    def persistent_load(self, pid: object, /) -> object:
        raise _RefusedError("a reference to something outside the file")

    def get_extension(self, code: int) -> None:
        raise _RefusedError("a reference to something outside the file")


def read_pickle(path: Path) -> object:
    """The content of a pickle: containers, numbers, text and arrays (sparse matrices as dense ones).

    Raises:
        InputError: no such file, too large, damaged, or it holds anything else; the message names it.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size >> 20} MiB; pickles of at most {MAX_BYTES >> 20} MiB are read")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_pickle(data, str(path))


def parse_pickle(data: bytes, where: str) -> object:
    """The content of a pickle's bytes.

    Raises:
        InputError: damaged, or it holds what may not be read.
    """
    try:
        return _Unwrapper().of(_Reader(io.BytesIO(data), encoding="latin1").load(), 0)
    except _RefusedError as refused:
        raise InputError(
            f"{where}: the pickle holds {refused}; only numbers, text, containers, NumPy arrays and SciPy sparse matrices are "
            "read. Save it as .npz where it was made"
        ) from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle raises whatever its opcodes run into
        raise InputError(f"{where}: no whole pickle ({type(error).__name__}); copy the file again") from None


def read_arrays(path: Path) -> Mapping[str, AnyArray]:
    """The arrays in a pickled dict, such as a body model; what is no array is left out.

    Raises:
        InputError: as `read_pickle`, or it is no dict.
    """
    found = read_pickle(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: the pickle holds a {type(found).__name__}; a dict of arrays is needed")
    return {str(name): value for name, value in found.items() if isinstance(value, np.ndarray)}


class _Unwrapper:
    """Replaces stand-ins by what they stand for; refuses containers that unfold without end."""

    def __init__(self) -> None:
        self.parts = 0

    def of(self, value: object, depth: int) -> object:
        self.parts += 1
        if depth > MAX_DEPTH or self.parts > MAX_PARTS:
            raise _RefusedError(f"containers over {MAX_DEPTH} deep or of over {MAX_PARTS} parts")
        if isinstance(value, _Array):
            return value.array
        if isinstance(value, _Dtype):
            return str(value.dtype)
        if isinstance(value, _Kept):
            return _dense(value.kind, {key: self.of(part, depth + 1) for key, part in value.kept.items()})
        if isinstance(value, dict):
            return {self.of(key, depth + 1): self.of(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.of(part, depth + 1) for part in value)
        if isinstance(value, set | frozenset):
            return {self.of(part, depth + 1) for part in value}
        if isinstance(value, type) or callable(value):
            raise _RefusedError("a class or function by itself")
        return value


def _dense(kind: str, state: dict[str, object]) -> object:
    """The array that a kept object stands for: chumpy's value, or a sparse matrix in full."""
    if kind == "chumpy":
        return state.get("x", state.get("_value"))
    import scipy.sparse

    shape = state.get("_shape", state.get("shape"))
    data = state.get("data")
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(isinstance(n, int) and 0 < n < 1 << 20 for n in shape):
        raise _RefusedError("a sparse matrix without a shape of two numbers")
    if shape[0] * shape[1] * 8 > MAX_BYTES or not isinstance(data, np.ndarray):
        raise _RefusedError("a sparse matrix that is too large or has no data")
    if kind == "coo":
        rows, columns = _pair(state.get("coords", (state.get("row"), state.get("col"))))
        matrix = scipy.sparse.coo_matrix((data, (rows, columns)), shape=shape)
    else:
        make = scipy.sparse.csc_matrix if kind == "csc" else scipy.sparse.csr_matrix
        matrix = make((data, state.get("indices"), state.get("indptr")), shape=shape)
        matrix.check_format(full_check=True)
    return np.asarray(matrix.toarray())


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise _RefusedError("a sparse matrix without rows and columns")
    return value
