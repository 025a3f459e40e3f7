"""Whatever bytes are flipped, reading gives the episode or an EpisodeError."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import EpisodeError
from understudy.store.episode_file import read_episode, write_episode
from understudy.testing.episodes import make_episode


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("fuzz") / "e.h5"
    write_episode(path, make_episode(duration_s=0.1))
    return path.read_bytes()


def _refused(path: Path) -> bool:
    """Whether reading was refused with the file's name."""
    try:
        for stream in read_episode(path).streams.values():
            assert len(stream.data) == len(stream)
    except EpisodeError as error:
        message = str(error)
    else:
        return False
    assert str(path) in message
    return True


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_raise_episode_error_only(whole: bytes, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = tmp_path / "e.h5"
    refused = 0
    for _ in range(25):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 12)):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        refused += _refused(path)
    assert refused > 5


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_head_raises_episode_error_only(whole: bytes, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    path = tmp_path / "e.h5"
    for _ in range(25):
        data = bytearray(whole)
        data[int(rng.integers(0, 2048))] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        _refused(path)
