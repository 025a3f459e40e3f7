"""Whatever bytes a pickle holds, the restricted reader gives data or InputError, and calls nothing."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import InputError
from understudy.store.restricted_pickle import parse_pickle

_GOOD = [
    pickle.dumps(
        {"v": np.arange(6.0).reshape(2, 3), "J": scipy.sparse.csc_matrix(np.eye(3)), "n": np.float32(1), "t": ("a", [1], None)},
        protocol=protocol,
    )
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
]
_WORDS = [
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"(", b"t", b"R", b"b", b".", b"}", b"s", b"\x81", b"\x92", b"\x93",
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n", b"S'f8'\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cscipy.sparse.csc\ncsc_matrix\n", b"N", b"I5\n",
    b"cchumpy.ch\nCh\n", b"ccopy_reg\n_reconstructor\n", b"c__builtin__\nobject\n", b"i", b"o",
    b"\x80\x04", b"\x95" + b"\xff" * 8,
]  # fmt: skip
_seen: list[str] = []
_armed = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _armed and event in ("os.system", "subprocess.Popen", "exec", "compile", "import") and "understudy" not in str(arguments):
        _seen.append(f"{event} {arguments}"[:200])


sys.addaudithook(_watch)


def _only_data(data: bytes) -> None:
    global _armed

    _armed = True
    message, found = "fuzz.pkl", None
    try:
        found = parse_pickle(data, "fuzz.pkl")
    except InputError as error:
        message = str(error)
    finally:
        _armed = False
    assert message.startswith("fuzz.pkl")
    _plain(found)
    assert not [event for event in _seen if event.startswith(("os.", "subprocess."))], _seen


def _plain(value: object) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _plain(key)
            _plain(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            _plain(part)
    else:
        assert value is None or isinstance(value, str | bytes | bytearray | int | float | complex | np.generic | np.ndarray), (
            value
        )
        assert not isinstance(value, np.ndarray) or not value.dtype.hasobject


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_GOOD), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**6)), min_size=1, max_size=5))
def test_spoiled_pickles(good: bytes, edits: list[tuple[float, int]]) -> None:
    data = good
    for at, pick in edits:
        i = int(at * len(data))
        kind = pick % 4
        if kind == 0:
            data = data[:i] + _WORDS[pick // 4 % len(_WORDS)] + data[i:]
        elif kind == 1:
            data = data[:i] + bytes([pick // 4 % 256]) + data[i + 1 :]
        elif kind == 2:
            data = data[:i] + data[i + 1 + pick // 4 % 8 :]
        else:
            data = data[: i + 1] + data[-1:]
    _only_data(data)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(_WORDS), max_size=20).map(b"".join)))
def test_any_bytes_at_all(data: bytes) -> None:
    _only_data(data)
    _only_data(data + b".")
