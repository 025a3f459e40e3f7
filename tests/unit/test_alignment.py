"""Step k holds what was known at t_k; the nearest sample stands there only where somebody asked for it, and the file says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import EpisodeError
from understudy.geom.arrays import AnyArray
from understudy.geom.interpolation import latest_index, nearest_index
from understudy.spec.episode import align
from understudy.spec.stream import Kind, Stream, StreamSpec
from understudy.store.episode_file import read_episode, write_episode
from understudy.testing.sync import sharp_episode

CAMERA = "observations/head_left"
STAMPS = np.array([0, 10, 20, 30], dtype=np.int64)
AT = np.array([-3, 0, 4, 5, 6, 19, 20, 99], dtype=np.int64)


def stream(kind: Kind, *, nearest: bool = False) -> Stream:
    data: AnyArray = np.array([0.0, 1.0, 2.0, 3.0])
    return Stream(StreamSpec(name="x", group="observations", kind=kind), STAMPS, data, nearest=nearest)


@pytest.mark.parametrize(
    ("kind", "nearest", "rule", "values"),
    [
        ("discrete", False, "newest", [0, 0, 0, 0, 0, 1, 2, 3]),
        ("discrete", True, "nearest", [0, 0, 0, 0, 1, 2, 2, 3]),
        ("command", False, "in_force", [0, 0, 0, 0, 0, 1, 2, 3]),
        ("command", True, "in_force", [0, 0, 0, 0, 0, 1, 2, 3]),
        ("vector", False, "interpolated", [0, 0, 0.4, 0.5, 0.6, 1.9, 2, 3]),
        ("vector", True, "interpolated", [0, 0, 0.4, 0.5, 0.6, 1.9, 2, 3]),
    ],
)
def test_by_hand(kind: Kind, nearest: bool, rule: str, values: list[float]) -> None:
    made = stream(kind, nearest=nearest)
    np.testing.assert_allclose(made.sample_at(AT).astype(np.float64), values)
    found = align(made, AT)
    assert found.rule == rule
    np.testing.assert_array_equal(found.residual_ns, AT - STAMPS[found.index])


@given(
    stamps=st.lists(st.integers(-1000, 1000), min_size=1, max_size=30),
    at=st.lists(st.integers(-1200, 1200), min_size=1, max_size=30),
)
def test_nearest_is_never_farther_and_newest_never_later(stamps: list[int], at: list[int]) -> None:
    t_ns, at_ns = np.sort(np.array(stamps, dtype=np.int64)), np.array(at, dtype=np.int64)
    newest, nearest = latest_index(t_ns, at_ns), nearest_index(t_ns, at_ns)
    assert (np.abs(t_ns[nearest] - at_ns) == np.abs(t_ns[:, None] - at_ns).min(axis=0)).all()
    known = t_ns[newest] <= at_ns
    assert (known | (at_ns < t_ns[0])).all()


def test_the_rule_is_in_the_file_and_comes_back(tmp_path: Path) -> None:
    episode = sharp_episode(motions=1)
    asked = replace(episode, id="asked", streams={**episode.streams, CAMERA: replace(episode.streams[CAMERA], nearest=True)})
    path, other = tmp_path / "asked.h5", tmp_path / f"{episode.id}.h5"
    write_episode(path, asked)
    write_episode(other, episode)
    with h5py.File(path) as file, h5py.File(other) as plain:
        place, usual = file[f"timeline/{CAMERA}"], plain[f"timeline/{CAMERA}"]
        assert (place.attrs["rule"], usual.attrs["rule"]) == ("nearest", "newest")
        assert np.abs(place["residual_ns"][10:-10]).max() <= 17_000_000
        assert usual["residual_ns"][10:-10].min() >= 0
    again = read_episode(path)
    assert again.streams[CAMERA].rule == "nearest"
    assert [bytes(a) for a in again.on_timeline(CAMERA)] == [bytes(a) for a in asked.on_timeline(CAMERA)]
    assert read_episode(other).streams[CAMERA].rule == "newest"


@pytest.mark.parametrize("rule", ["nearest", "latest", "interpolated"])
def test_a_rule_that_a_stream_cannot_have_is_refused(tmp_path: Path, rule: str) -> None:
    path = tmp_path / "e.h5"
    write_episode(path, sharp_episode(motions=1))
    key = "actions/joint_position_target"
    with h5py.File(path, "r+") as file:
        file[f"timeline/{key}"].attrs["rule"] = rule
    with pytest.raises(EpisodeError, match=rf"/timeline/{key} has rule '{rule}'"):
        read_episode(path)
