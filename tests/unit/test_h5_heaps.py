"""Heaps of texts and images: one that HDF5 would go through without end is refused before it tries."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from understudy.errors import EpisodeError
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.h5_heaps import damaged_heap
from understudy.testing.episodes import make_episode

ENTRY = struct.Struct("<HH4xQ")


def entries(content: bytes, heap: int) -> list[tuple[int, int, int]]:
    """Place, number and size of everything in a heap."""
    found, at, stop = [], heap + 16, heap + struct.unpack_from("<Q", content, heap + 8)[0]
    while at + ENTRY.size <= stop:
        number, _, size = ENTRY.unpack_from(content, at)
        found.append((at, number, size))
        at += ENTRY.size + (size + 7) // 8 * 8 if number else size
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("heaps") / "e.h5"
    write_episode(path, make_episode(duration_s=0.1))
    return path.read_bytes()


def heaps_of(content: bytes) -> list[int]:
    found, at = [], content.find(b"GCOL")
    while at >= 0:
        found.append(at)
        at = content.find(b"GCOL", at + 1)
    return found


def test_heaps_of_whole_files_are_gone_through(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "e.h5"
    path.write_bytes(whole)
    assert heaps_of(whole)
    assert damaged_heap(path) is None
    with h5py.File(tmp_path / "images.h5", "w") as file:
        images = file.create_dataset("images", (40,), dtype=h5py.vlen_dtype(np.uint8))
        for i in range(40):
            images[i] = np.full(100 + 977 * i, i, dtype=np.uint8)
    assert damaged_heap(tmp_path / "images.h5") is None


@pytest.mark.parametrize("size", [0, 1 << 40, (1 << 64) - 16, (1 << 64) - 9])
def test_an_entry_that_leads_nowhere_is_refused_wherever_it_is(whole: bytes, tmp_path: Path, size: int) -> None:
    path = tmp_path / "e.h5"
    for heap in heaps_of(whole):
        for at, number, _ in entries(whole, heap)[::7]:
            data = bytearray(whole)
            ENTRY.pack_into(data, at, 0 if size == 0 else number or 1, 0, size)
            path.write_bytes(data)
            assert damaged_heap(path) == heap
            with pytest.raises(EpisodeError, match=f"at byte {heap} cannot be gone through"):
                read_episode(path)


def test_a_heap_larger_than_its_file_is_refused(whole: bytes, tmp_path: Path) -> None:
    path, heap, data = tmp_path / "e.h5", heaps_of(whole)[0], bytearray(whole)
    struct.pack_into("<Q", data, heap + 8, len(whole) + 1)
    path.write_bytes(data)
    assert damaged_heap(path) == heap


def test_what_is_no_heap_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    assert damaged_heap(path) is None
    path.write_bytes(b"GCOL" + bytes(range(1, 200)))
    assert damaged_heap(path) is None


def test_a_file_that_does_not_change_is_walked_once(whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Path] = []

    def walk(path: Path) -> int | None:
        walked.append(path)
        return damaged_heap(path)

    monkeypatch.setattr("understudy.store.h5_guard.damaged_heap", walk)
    path, long_ago = tmp_path / "e.h5", time.time_ns() - 10**10
    path.write_bytes(whole)
    for _ in range(2):
        read_episode(path)
    assert len(walked) == 2  # a file this young may change unseen
    os.utime(path, ns=(long_ago, long_ago))
    for _ in range(3):
        read_episode(path)
    assert len(walked) == 3
    os.utime(path, ns=(long_ago + 1, long_ago + 1))
    read_episode(path)
    assert len(walked) == 4
