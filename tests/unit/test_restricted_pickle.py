"""The restricted pickle reader: data of every protocol comes back, nothing is ever run."""

from __future__ import annotations

import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from understudy.errors import InputError
from understudy.store.restricted_pickle import parse_pickle, read_arrays, read_pickle

EYE = np.diag([1.0, 2.0, 3.0, 0.0])[:3]
DATA: dict[str, object] = {
    "floats": np.arange(6.0).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "unsigned": np.arange(6, dtype=np.uint32),
    "big end first": np.arange(3, dtype=">f4"),
    "bools": np.array([True, False]),
    "words": np.array(["a", "bcd"]),
    "empty": np.zeros((0, 3)),
    "number": np.float64(2.5),
    "csc": scipy.sparse.csc_matrix(EYE),
    "csr": scipy.sparse.csr_matrix(EYE),
    "coo": scipy.sparse.coo_matrix(EYE),
    "csr array": scipy.sparse.csr_array(EYE),
    "text": "a body model",
    "list": [1, 2.5, None, True, b"x", (np.arange(2),)],
    "dict": {"inner": {"deep": 1}},
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_of_every_protocol_comes_back(protocol: int) -> None:
    found = parse_pickle(pickle.dumps(DATA, protocol=protocol), "a.pkl")
    assert isinstance(found, dict)
    assert list(found) == list(DATA)
    for name, value in DATA.items():
        if scipy.sparse.issparse(value):
            np.testing.assert_array_equal(found[name], EYE)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype
        elif name == "list":
            assert found[name][:5] == [1, 2.5, None, True, b"x"]
            np.testing.assert_array_equal(found[name][5][0], [0, 1])
        else:
            assert found[name] == value


def test_a_pickle_of_python_2_comes_back() -> None:
    """The spelling of the body models of 2015: byte strings, old module names, and a value inside a chumpy array."""
    old = (
        b"(dp0\nS'f'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
        b"(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
        b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'\np15\ntp16\nbs."
    )
    found = parse_pickle(old, "old.pkl")
    assert isinstance(found, dict)
    np.testing.assert_array_equal(found["f"], [1.0, 2.0])
    array = pickle.dumps(np.arange(3.0), protocol=2)[2:-1]
    chumpy = b"\x80\x02cchumpy.ch\nCh\n)\x81}X\x01\x00\x00\x00x" + array + b"sb."
    np.testing.assert_array_equal(parse_pickle(chumpy, "ch.pkl"), [0.0, 1.0, 2.0])


class _Runs:
    """Runs a command when it is unpickled by a reader that is not careful."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        function, *arguments = self.call
        return (function, tuple(arguments))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "call",
    [(os.system, "touch {mark}"), (eval, "open('{mark}', 'w')"), (subprocess.run, ["touch", "{mark}"]), (np.save, "{mark}", 1)],
    ids=["system", "eval", "run", "save"],
)
def test_nothing_is_run(call: tuple[object, ...], protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    arguments = [[w.format(mark=mark) for w in a] if isinstance(a, list) else str(a).format(mark=mark) for a in call[1:]]
    for wrapped in (_Runs(call[0], *arguments), {"v_template": [_Runs(call[0], *arguments)]}):
        with pytest.raises(InputError, match=r"evil\.pkl: the pickle holds the class or function .*could run code"):
            parse_pickle(pickle.dumps(wrapped, protocol=protocol), "evil.pkl")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "function"),
    [("builtins", "getattr"), ("numpy", "load"), ("numpy.core.multiarray", "fromfile"), ("scipy.sparse", "load_npz"),
     ("__builtin__", "eval"), ("builtins", "type"), ("functools", "partial"), ("chumpy.ch", "depends_on"),
     ("copyreg", "__newobj__")],
)  # fmt: skip
def test_only_listed_names_are_known(name: str, function: str) -> None:
    with pytest.raises(InputError, match=f"the class or function {name}.{function}"):
        parse_pickle(f"c{name}\n{function}\n(tR.".encode(), "a.pkl")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps(np.array([{}], dtype=object)), "an array of type 'O8'"),
        (pickle.dumps(np.zeros(2, dtype="datetime64[s]")), "an array of type 'M8'"),
        (pickle.dumps(np.zeros(1, dtype=[("a", "f8")])), "an array of type 'V8'"),
        (b"cnumpy\ndtype\n.", "a class or function by itself"),
        (b"cnumpy\nndarray\n.", "a class or function by itself"),
        (b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.", "an object of an unknown class"),
        (b"\x80\x04\x82\x01.", "a reference to something outside the file"),
        (b"P1\n.", "a reference to something outside the file"),
        (b"]r\xff\xff\xff\x7f0.", "no whole pickle"),
        (
            b"]" + b"2(e2a" * 3 + b"(" + b"]" + b"".join(b"(" + b"2" * 9 for _ in range(9)) + b".",
            "no whole pickle|containers over",
        ),
        (b"cnumpy\ndtype\n}b.", "no whole pickle|a state for a function"),
        (b"c_codecs\nencode\nN}S'__defaults__'\nNs\x86b.", "a state for a function"),
        (b"(" * 100 + b"t" * 100 + b".", "containers over 20 deep"),
        (b"]" + b"]" * 60 + b"a" * 60 + b".", "containers over 20 deep"),
        (b"", "no whole pickle"),
        (b"HIERARCHY", "no whole pickle"),
        (pickle.dumps(DATA)[:-40], "no whole pickle"),
    ],
)
def test_what_is_no_data_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_pickle(data, "a.pkl")


def test_containers_that_unfold_without_end_are_refused() -> None:
    """Twelve lists, each holding the one before ten times: a few hundred bytes, a million million parts."""
    lists: list[object] = [1]
    for _ in range(12):
        lists = [lists] * 10
    with pytest.raises(InputError, match="of over 1000000 parts"):
        parse_pickle(pickle.dumps(lists), "a.pkl")


def _array(shape: object, raw: bytes) -> bytes:
    """A pickled array with a shape and bytes that need not fit."""

    class Array:
        def __reduce__(self) -> tuple[object, ...]:
            made = np.zeros(1).__reduce__()
            return made[0], made[1], (1, shape, np.dtype("f8"), False, raw)

    return pickle.dumps(Array(), protocol=4)


@pytest.mark.parametrize("shape", [(1 << 40,), (2, 3), (-1,), (1 << 20, 1 << 20, 1 << 20), "wide", (1.5,), (1,) * 9])
def test_a_shape_that_its_bytes_do_not_fill_takes_no_memory(shape: object) -> None:
    with pytest.raises(InputError, match=r"an array (whose bytes do not fit|with a shape that is none)"):
        parse_pickle(_array(shape, b"\0" * 8), "a.pkl")
    np.testing.assert_array_equal(parse_pickle(_array((1,), b"\0" * 8), "a.pkl"), [0.0])


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"_shape": (1 << 19, 1 << 19)}, "a sparse matrix that is too large"),
        ({"_shape": (3,)}, "a sparse matrix without a shape"),
        ({"indices": np.array([9, 9, 9], dtype=np.int32)}, "no whole pickle"),
        ({"indptr": np.array([0, 1, 2, 99], dtype=np.int32)}, "no whole pickle"),
        ({"data": None}, "too large or has no data"),
    ],
)
def test_a_sparse_matrix_that_points_outside_itself_is_refused(state: dict[str, object], message: str) -> None:
    matrix = scipy.sparse.csr_matrix(EYE)
    matrix.__dict__.update(state)
    with pytest.raises(InputError, match=message):
        parse_pickle(pickle.dumps(matrix, protocol=2), "a.pkl")


def test_files_are_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"a": np.arange(3), "b": "text", 3: EYE}))
    assert set(read_arrays(path)) == {"a", "3"}
    path.write_bytes(pickle.dumps([1]))
    assert read_pickle(path) == [1]
    with pytest.raises(InputError, match=r"model\.pkl: the pickle holds a list; a dict of arrays is needed"):
        read_arrays(path)
    with pytest.raises(InputError, match=r"gone\.pkl: cannot be read"):
        read_pickle(tmp_path / "gone.pkl")
