"""Datasets under HDF5's checksum, read piece by piece: the same numbers as HDF5 gives, and no damage goes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from understudy.errors import EpisodeError
from understudy.store._fletcher import fletcher32
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.h5_checked import checked_array
from understudy.store.h5_guard import whole_array_of
from understudy.testing.episodes import make_episode


def _by_the_book(data: bytes) -> int:
    """Fletcher's sums word by word, the first byte of each counting 256."""
    first = second = 0
    for i in range(0, len(data), 2):
        first = (first + (data[i] << 8) + data[i + 1]) % 65535
        second = (second + first) % 65535
    nonzero = any(data)
    return ((second or (65535 if nonzero else 0)) << 16) | (first or (65535 if nonzero else 0))


@pytest.mark.parametrize("size", [0, 2, 4, 1000, 70_000])
@pytest.mark.parametrize("kind", ["random", "zeros", "ones"])
def test_the_checksum_is_that_of_the_book(size: int, kind: str) -> None:
    data = {
        "random": np.random.default_rng(size).integers(0, 256, size),
        "zeros": np.zeros(size),
        "ones": np.full(size, 255),
    }[kind].astype(np.uint8)
    assert fletcher32(data.view(np.uint16)) == _by_the_book(data.tobytes())


def test_a_checksum_of_more_words_than_are_summed_at_once() -> None:
    part = np.random.default_rng(0).integers(0, 256, 3 << 20).astype(np.uint8)
    half = len(part) // 2
    first, second = fletcher32(part[:half].view(np.uint16)), fletcher32(part[half:].view(np.uint16))
    total = (first & 0xFFFF) + (second & 0xFFFF)
    beyond = (first >> 16) + (second >> 16) + (first & 0xFFFF) * (half // 2)
    assert fletcher32(part.view(np.uint16)) == ((beyond % 65535) << 16) | (total % 65535)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1"])
@pytest.mark.parametrize(("rows", "piece"), [(1, 1), (1000, 1000), (1000, 300), (7, 2)])
def test_it_reads_what_hdf5_reads(tmp_path: Path, dtype: str, rows: int, piece: int) -> None:
    values = (np.random.default_rng(rows).normal(size=(rows, 2, 3)) * 50).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=values, chunks=(piece, 2, 3), fletcher32=True)
    with h5py.File(tmp_path / "a.h5") as file:
        found = checked_array(file["a"])
    assert found is not None
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    "how",
    [
        {"chunks": (10, 4)},
        {"chunks": (10, 4), "fletcher32": True, "compression": "gzip"},
        {"chunks": (10, 2), "fletcher32": True},
        {},
    ],
    ids=["no checksum", "packed", "parts of rows", "in one piece"],
)
def test_what_lies_otherwise_is_left_to_hdf5(tmp_path: Path, how: dict[str, Any]) -> None:
    values = np.random.default_rng(1).normal(size=(35, 4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=values, **how)
    with h5py.File(tmp_path / "a.h5") as file:
        assert checked_array(file["a"]) is None
        np.testing.assert_array_equal(whole_array_of(file["a"], tmp_path / "a.h5"), values)


def test_a_piece_that_was_never_written_is_left_to_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", shape=(20, 2), chunks=(10, 2), dtype="f8", fletcher32=True)[:10] = 1.0
    with h5py.File(tmp_path / "a.h5") as file:
        found = whole_array_of(file["a"], tmp_path / "a.h5")
    np.testing.assert_array_equal(found, np.repeat([[1.0, 1.0], [0.0, 0.0]], 10, axis=0))


@pytest.mark.parametrize("at", [0, 100, -1])
def test_one_wrong_bit_is_found(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.random.default_rng(2).normal(size=(35, 4)), chunks=(10, 4), fletcher32=True)
    with h5py.File(path) as file:
        piece = file["a"].id.get_chunk_info(1)
    raw = bytearray(path.read_bytes())
    raw[piece.byte_offset + at % piece.size] ^= 1
    path.write_bytes(raw)
    with h5py.File(path) as file:
        assert checked_array(file["a"]) is None
        with pytest.raises(EpisodeError, match="/a cannot be read"):
            whole_array_of(file["a"], path)


def test_an_episode_read_at_once_is_the_same_and_needs_its_file_no_more(tmp_path: Path) -> None:
    path = tmp_path / "stand_00000000.h5"
    write_episode(path, make_episode(duration_s=2.0))
    lazy, whole = read_episode(path), read_episode(path, whole=True)
    samples = {key: stream.data for key, stream in lazy.streams.items()}
    path.unlink()
    for key, data in samples.items():
        np.testing.assert_array_equal(whole.stream(key).data, data)
        assert whole.stream(key).data.dtype == data.dtype
        np.testing.assert_array_equal(whole.stream(key).t_ns, lazy.stream(key).t_ns)


def test_streams_with_the_same_stamps_share_them(tmp_path: Path) -> None:
    path = tmp_path / "stand_00000000.h5"
    write_episode(path, make_episode(duration_s=1.0))
    streams = read_episode(path).streams
    for a in streams.values():
        for b in streams.values():
            assert (a.t_ns is b.t_ns) is bool(np.array_equal(a.t_ns, b.t_ns))
            assert not a.t_ns.flags.writeable
