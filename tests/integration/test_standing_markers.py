"""A session against its baseline with markers on the walls: made C3D, TRC and Vicon files through the commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.geom.arrays import F64
from understudy.mocap._markers import MarkerTake
from understudy.mocap.check.baseline import read_baseline
from understudy.mocap.check.still_markers import marker_take, moved_together, still_markers
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk
from understudy.store.dataset import Dataset
from understudy.testing.marker_files import c3d_bytes, motive_text, trc_text, vicon_csv_text
from understudy.testing.markers import plug_in_gait_take

WALL = {"wall_1": (3.0, 2.0, 1.8), "wall_2": (-2.5, 2.0, 1.1), "tower": (0.5, -2.5, 2.2)}
"""Two whose name says what they are, and one that only its place tells."""


@pytest.fixture(scope="module")
def body() -> MarkerTake:
    return plug_in_gait_take(walk(4.0, 1.0, rate_hz=60.0))


def with_room(body: MarkerTake, places: Mapping[str, tuple[float, float, float]], *, noise_m: float = 0.0001) -> MarkerTake:
    """The take with markers in the room; 0.1 mm of noise."""
    rng = np.random.default_rng(1)
    room = np.tile(np.array(list(places.values())), (len(body), 1, 1))
    pos = np.concatenate([body.pos_m, room + noise_m * rng.standard_normal(room.shape)], axis=1)
    return replace(body, names=(*body.names, *places), pos_m=pos)


def shifted(by_m: tuple[float, float, float], *names: str) -> dict[str, tuple[float, float, float]]:
    return {
        name: (x + by_m[0], y + by_m[1], z + by_m[2]) if name in (names or tuple(WALL)) else (x, y, z)
        for name, (x, y, z) in WALL.items()
    }


def check(take: MarkerTake, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    path = folder / "take.c3d"
    path.write_bytes(c3d_bytes(take))
    code = main(["mocap", "check", str(path), "--baseline", str(folder / "session.json"), "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, found


def texts(found: Mapping[str, object], level: str) -> str:
    findings = found["findings"]
    assert isinstance(findings, list)
    return " | ".join(finding["text"] for finding in findings if finding["level"] == level)


def test_the_baseline_holds_the_markers_of_the_room(body: MarkerTake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(with_room(body, WALL), tmp_path, capsys)[0] == 0
    kept = read_baseline(tmp_path / "session.json").markers_m
    assert set(kept) == set(WALL)
    for name, place in WALL.items():
        np.testing.assert_allclose(kept[name], place, atol=1e-4)


@pytest.mark.parametrize(("off_mm", "level", "code"), [(0.5, "", 0), (2.0, "warn", 0), (5.0, "refuse", 1)])
def test_a_knocked_marker_is_reported_and_refused(
    body: MarkerTake, tmp_path: Path, capsys: pytest.CaptureFixture[str], off_mm: float, level: str, code: int
) -> None:
    check(with_room(body, WALL), tmp_path, capsys)
    knocked = with_room(body, shifted((0.0, 0.0, -0.001 * off_mm), "wall_2"))
    found_code, found = check(knocked, tmp_path, capsys)
    assert found_code == code
    drift = found["marker_drift_m"]
    assert isinstance(drift, dict)
    assert next(iter(drift)) == "wall_2" or off_mm < 1
    assert drift["wall_2"] == pytest.approx(0.001 * off_mm, abs=1e-4)
    said = f"standing marker wall_2 has moved by {off_mm:.1f} mm"
    for each in ("warn", "refuse"):
        assert (said in texts(found, each)) == (each == level)


def test_cameras_that_moved_are_told_from_markers_that_did(
    body: MarkerTake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(with_room(body, WALL), tmp_path, capsys)
    code, found = check(with_room(body, shifted((0.006, 0.0, 0.0))), tmp_path, capsys)
    assert code == 1
    assert "all 3 standing markers have moved as one" in texts(found, "refuse")
    assert "the cameras have moved or the origin was set anew" in texts(found, "refuse")


def test_a_marker_that_is_missing_or_swings_is_said(body: MarkerTake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(with_room(body, WALL), tmp_path, capsys)
    take = with_room(body, {name: WALL[name] for name in ("wall_1", "wall_2")})
    pos = take.pos_m.copy()
    pos[:, -1, 0] += 0.004 * np.sin(np.linspace(0.0, 40.0, len(pos)))
    code, found = check(replace(take, pos_m=pos), tmp_path, capsys)
    assert "standing markers of the baseline are not in the clip: tower" in texts(found, "warn")
    assert "standing marker wall_2 moves by 4." in texts(found, "refuse")
    assert code == 1


def test_a_heel_that_stands_still_is_no_marker_of_the_room(body: MarkerTake, tmp_path: Path) -> None:
    """A calibration in which nobody moves: only what is named, or away from the person, stands in the room."""
    still = replace(body, pos_m=np.tile(body.pos_m[:1], (len(body), 1, 1)))
    assert set(still_markers(with_room(still, WALL))) == set(WALL)
    beside = still.pos_m[0, still.names.index("LHEE")] + [0.1, 0.0, 0.0]
    assert set(still_markers(with_room(still, {"spare": tuple(beside)}))) == set()
    assert set(still_markers(with_room(still, {"Lab:Floor 2": tuple(beside)}))) == {"Lab:Floor 2"}


def test_every_marker_format_shows_them(body: MarkerTake, tmp_path: Path) -> None:
    take = with_room(body, WALL)
    files = {"take.trc": trc_text(take), "vicon.csv": vicon_csv_text(take)}
    files["motive.csv"] = motive_text(take.names, take.pos_m[..., [1, 2, 0]], 60.0)
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        found = still_markers(marker_take(read_motion(path)))
        assert {n.rpartition(":")[2] for n in found} == set(WALL), name
        heights = {n.rpartition(":")[2]: place.at_m[1 if name == "motive.csv" else 2] for n, place in found.items()}
        assert heights == pytest.approx({n: z for n, (_, _, z) in WALL.items()}, abs=1e-3)


def test_a_motion_without_markers_has_none(tmp_path: Path) -> None:
    assert marker_take(walk(2.0, rate_hz=30.0)) is None
    assert still_markers(None) == {}


def test_turning_keeps_distances_and_one_marker_alone_does_not() -> None:
    then: dict[str, F64] = {"a": np.zeros(3), "b": np.array([1.0, 0, 0]), "c": np.array([0.0, 2.0, 0])}
    turned = {name: p @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]) for name, p in then.items()}
    assert moved_together(then, turned, within_m=0.001)
    assert not moved_together(then, {**then, "c": np.array([0.0, 2.01, 0])}, within_m=0.001)
    assert not moved_together({"a": then["a"]}, {"a": then["b"]}, within_m=0.001)


def test_an_episode_carries_the_drift_and_a_refused_clip_makes_none(
    body: MarkerTake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(with_room(body, WALL), tmp_path, capsys)
    base, root = str(tmp_path / "session.json"), tmp_path / "d"
    good, bad = tmp_path / "good.c3d", tmp_path / "bad.c3d"
    good.write_bytes(c3d_bytes(with_room(body, shifted((0.002, 0.0, 0.0), "tower"))))
    bad.write_bytes(c3d_bytes(with_room(body, shifted((0.004, 0.0, 0.0), "tower"))))
    arguments = ["--robot", "unitree_g1", "--into", str(root), "--baseline", base, "--task", "t", "--demonstrator", "d"]
    assert main(["retarget", str(good), str(bad), *arguments, "--instruction", "i"]) == 3
    assert "standing marker tower has moved by 4.0 mm" in capsys.readouterr().err
    dataset = Dataset.open(root)
    (ref,) = dataset.refs("all")
    facts = dataset.read(ref.id).metadata
    assert facts["source_calibration_marker"] == "tower"
    assert facts["source_calibration_marker_drift_m"] == pytest.approx(0.002, abs=1e-4)


def test_extent_and_floor_of_a_marker_file(body: MarkerTake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The volume is 5 x 5 m unless it is named; a ground plane set at a slope shows under the feet."""
    path = tmp_path / "long.c3d"
    long = plug_in_gait_take(walk(8.0, 1.2, rate_hz=60.0))
    path.write_bytes(c3d_bytes(long))
    assert main(["mocap", "check", str(path), "--json"]) == 0
    said = texts(json.loads(capsys.readouterr().out), "warn")
    assert "the volume 5 x 5 m" in said
    assert "standing feet" not in said
    assert main(["mocap", "check", str(path), "--volume", "4", "12", "--json"]) == 0
    assert "the volume" not in texts(json.loads(capsys.readouterr().out), "warn")
    slope = np.radians(1.5)
    turn = np.array([[np.cos(slope), 0.0, np.sin(slope)], [0.0, 1.0, 0.0], [-np.sin(slope), 0.0, np.cos(slope)]])
    path.write_bytes(c3d_bytes(replace(long, pos_m=long.pos_m @ turn.T)))
    assert main(["mocap", "check", str(path), "--json"]) == 0
    assert "standing feet differ in height by" in texts(json.loads(capsys.readouterr().out), "warn")
