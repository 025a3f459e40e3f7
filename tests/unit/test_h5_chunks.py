"""Chunks made by hand are what HDF5 would have made: it reads them back, and its checksums hold."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from understudy.geom.arrays import AnyArray
from understudy.store._fletcher import fletcher32
from understudy.store.h5_chunks import Chunks

RNG = np.random.default_rng(5)
ARRAYS: dict[str, AnyArray] = {
    "one number": np.array([3.5]),
    "stamps": np.arange(70_001, dtype=np.int64) * 8_333_333,
    "angles over several chunks, the last of them short": RNG.normal(size=(5003, 29)),
    "points": RNG.normal(size=(400, 23, 3)),
    "single precision, odd in number": RNG.normal(size=(1001, 3)).astype(np.float32),
    "flags": RNG.random(size=(2752, 10)) > 0.5,
    "small whole numbers": RNG.integers(-5, 5, size=(333,)).astype(np.int16),
    "not contiguous": RNG.normal(size=(300, 6))[:, ::2],
    "zeros": np.zeros((1000, 4)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_was_written_is_read_back_as_any_dataset_is(tmp_path: Path, name: str) -> None:
    values = ARRAYS[name]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        Chunks().write(file.id, b"data", values)
    with h5py.File(tmp_path / "a.h5") as file:
        found = file["data"]
        np.testing.assert_array_equal(found[()], values)  # HDF5 compares every chunk's checksum
        assert (found.dtype, found.shape, found.fletcher32) == (values.dtype, values.shape, True)
        assert found.compression == ("gzip" if values.dtype.kind in "iub" else None)


def test_hdf5_refuses_a_chunk_whose_checksum_is_another(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        Chunks().write(file.id, b"data", np.arange(40.0))
        raw = bytearray(file["data"].id.read_direct_chunk((0,))[1])
        raw[100] ^= 1
        file["data"].id.write_direct_chunk((0,), bytes(raw))
    with h5py.File(tmp_path / "a.h5") as file, pytest.raises(OSError, match="filter returned failure"):
        file["data"][()]


def test_an_array_that_comes_again_and_its_equal_give_the_same_bytes(tmp_path: Path) -> None:
    stamps, chunks = np.arange(3000, dtype=np.int64), Chunks()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in (("first", stamps), ("again", stamps), ("equal", stamps.copy()), ("other", stamps + 1)):
            chunks.write(file.id, name.encode(), values)
        raw = [file[name].id.read_direct_chunk((0,))[1] for name in ("first", "again", "equal", "other")]
        assert raw[0] == raw[1] == raw[2] != raw[3]
        np.testing.assert_array_equal(file["other"][()], stamps + 1)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 128 * 256 + 5, 100_003])
@pytest.mark.parametrize("largest", [0, 1, 65535])
def test_the_checksum_is_the_sums_of_big_endian_words_folded_until_they_fit(count: int, largest: int) -> None:
    words = np.full(count, largest, dtype=np.uint16) if largest < 65535 else RNG.integers(0, 65536, count).astype(np.uint16)
    total = running = 0
    for word in words.byteswap().tolist():
        total += word
        running += total
    while total > 65535 or running > 65535:
        total, running = (total & 65535) + (total >> 16), (running & 65535) + (running >> 16)
    assert fletcher32(words) == running << 16 | total
