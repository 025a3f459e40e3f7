"""`understudy sync` as it is called: exit codes, JSON, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.apps.cli._main import main
from understudy.pipeline.sync_file import read_latencies
from understudy.spec.default_schema import default_schema
from understudy.spec.schema import parse_schema
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode
from understudy.testing.stand_in import stand_in_robot
from understudy.testing.sync import Link, sharp_episode

CAMERA = "observations/head_left"
NAME = "2026-01-02T101500_arm_001"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset with a take whose camera is 20 ms late, one that is well, one in which nothing moves, and a retargeted one."""
    late = sharp_episode({"head_left": Link(late_s=0.02)}, motions=12)
    made = Dataset.create(tmp_path / "arm", parse_schema(late.schema_toml, where="test"), stand_in_robot())
    for episode in (late, sharp_episode(motions=12, episode_id="well"), sharp_episode(rest=True, episode_id="still")):
        made.add(episode)
    made.add(make_episode(episode_id="clip_0000abcd", duration_s=2.0))
    return made.root


def out(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_check_fails_a_late_camera_and_passes_a_good_take(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "check", NAME, "--dataset", str(dataset)]) == 1
    said = capsys.readouterr().out
    assert "verdict: fail" in said
    assert "head_left" in said
    assert main(["sync", "check", "well", "--dataset", str(dataset), "--json"]) == 0
    found = out(capsys)
    assert found["motions"] == 12
    assert isinstance(found["verdict"], dict)
    assert found["verdict"]["answer"] == "pass"
    assert main(["sync", "check", "well", "--dataset", str(dataset), "--gate-ms", "0.01"]) == 1


@pytest.mark.parametrize("name", ["still", "clip_0000abcd"])
def test_check_says_when_nothing_sharp_happens(dataset: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["sync", "check", name, "--dataset", str(dataset)]) == 1
    assert "no sharp motion" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["well", "--gate-ms", "0"], 2, "--gate-ms"),
        (["well", "--reference", "observations/joint_position"], 3, "did you mean"),
        (["well", "--reference", CAMERA], 3, "a stream of positions is needed"),
        (["wel"], 3, "did you mean 'well'"),
    ],
)
def test_check_refuses_by_name(dataset: Path, capsys: pytest.CaptureFixture[str], args: list[str], code: int, said: str) -> None:
    assert main(["sync", "check", *args, "--dataset", str(dataset)]) == code
    assert said in capsys.readouterr().err


def test_realign_makes_a_late_take_pass(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    constants = tmp_path / "constants.toml"
    constants.write_text(
        'format = "understudy-sync"\nformat_version = 1\nreference = "observations/joint_positions"\n'
        'bench = "hand"\nanswer = "pass"\n'
        f'[[stream]]\nkey = "{CAMERA}"\nlatency_ns = 20000000\nspread_ns = 0\nlow_ns = 0\nhigh_ns = 0\nmotions = 0\n'
        "measured = 2026-01-02T00:00:00Z\n",
        encoding="utf-8",
    )
    parent = Dataset.open(dataset).ref(NAME).path
    before = parent.read_bytes()
    assert main(["sync", "realign", str(parent), "--latencies", str(constants), "--json"]) == 0
    (made,) = json.loads(capsys.readouterr().out)["episodes"]
    assert parent.read_bytes() == before
    assert main(["sync", "check", made["path"], "--json"]) == 0
    again = out(capsys)
    assert isinstance(again["verdict"], dict)
    late = {s["key"]: s["offset_ns"] for s in again["verdict"]["streams"]}
    assert abs(late[CAMERA]) < 0.5e6
    assert main(["sync", "realign", NAME, "--dataset", str(dataset), "--latencies", str(constants)]) == 0
    assert "0 episodes written, 1 were there already" in capsys.readouterr().out
    assert main(["sync", "realign", NAME, "--dataset", str(dataset), "--latencies", str(constants), "--no-latencies"]) == 2


def test_realign_of_a_take_without_raw_stamps_says_so(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "realign", "clip_0000abcd", "--dataset", str(dataset)]) == 3
    assert "no stream keeps raw stamps" in capsys.readouterr().err


def test_calibrate_writes_constants_that_realign_and_the_next_calibration_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from understudy.kinematics.load import load_robot

    robot = load_robot("unitree_h1")
    root = Dataset.create(tmp_path / "h1", default_schema(robot, "h1"), robot).root
    assert main(["sync", "calibrate", str(root), "--bench", "block"]) == 0
    said = capsys.readouterr().out
    assert "with the constants as they were: fail" in said
    assert "with the new ones, on motions they were not made from: pass" in said
    table = read_latencies(root / "sync.toml")
    assert table.answer == "pass"
    assert table.latencies_ns()[CAMERA] == pytest.approx(31e6, abs=0.6e6)
    assert main(["sync", "calibrate", str(root), "--bench", "block", "--json"]) == 0
    found = out(capsys)
    assert isinstance(found["before"], dict)
    assert found["before"]["answer"] == "pass"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [(["--bench", "blok"], 3, "did you mean 'block'"), (["--bench", "block", "--motions", "5"], 2, "--motions 5")],
)
def test_calibrate_refuses_by_name(
    dataset: Path, capsys: pytest.CaptureFixture[str], args: list[str], code: int, said: str
) -> None:
    assert main(["sync", "calibrate", str(dataset), *args]) == code
    assert said in capsys.readouterr().err


def test_constants_are_not_written_where_the_gate_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from understudy.kinematics.load import load_robot

    robot = load_robot("unitree_h1")
    root = Dataset.create(tmp_path / "h1", default_schema(robot, "h1"), robot).root
    assert main(["sync", "calibrate", str(root), "--bench", "block", "--motions", "10", "--gate-ms", "0.01"]) == 1
    assert "nothing was written" in capsys.readouterr().out
    assert not (root / "sync.toml").exists()
