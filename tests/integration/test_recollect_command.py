"""The re-collect list as `build`, `retarget` and the report give it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli import _console
from understudy.apps.cli._main import main
from understudy.simulate.walker import stand
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion
from understudy.store.dataset import Dataset

LABELS = ("--task", "fold", "--demonstrator", "p01", "--instruction", "fold the arm")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    _console._console.cache_clear()
    monkeypatch.setenv("MUJOCO_GL", "off")


def write(motion: HumanMotion, path: Path) -> Path:
    pos = motion.joint_pos_world_m
    np.savez(path, joint_pos=pos, joint_names=np.array(JOINTS), rate_hz=motion.rate_hz, unit="m", up="z")
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Standing, and standing with the left forearm folded flat onto the upper arm for a second."""
    folder = tmp_path_factory.mktemp("clips")
    motion = stand(2.0, rate_hz=30.0)
    pos = motion.joint_pos_world_m.copy()
    shoulder = pos[20:50, INDEX["left_shoulder"]]
    pos[20:50, INDEX["left_elbow"]] = shoulder + np.array([0.0, 0.0, -0.28])
    for name in ("left_wrist", "left_hand"):
        pos[20:50, INDEX[name]] = shoulder + np.array([0.0, 0.0, -0.03])
    folded = replace(motion, joint_pos_world_m=pos)
    return {"stand": write(motion, folder / "stand.npz"), "fold": write(folded, folder / "fold.npz")}


def test_the_list_is_written_printed_and_shown(
    clips: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "d"
    arguments = [*map(str, clips.values()), "--robot", "unitree_h1", "--into", str(root), *LABELS]
    assert main(["build", *arguments, "--no-video", "--json"]) in (0, 1)
    said = json.loads(capsys.readouterr().out)
    by_clip = {row["clip"]: row["recollect"] for row in said["clips"]}
    assert by_clip["stand"] == []
    assert {entry["limb"] for entry in by_clip["fold"]} == {"left hand"}
    assert said["recollect"] == str(root / "reports" / "recollect.csv")
    with (root / "reports" / "recollect.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["clip"], row["limb"], row["demonstrator"]) for row in rows] == [
        (entry["clip"], entry["limb"], entry["demonstrator"]) for entry in by_clip["fold"]
    ]
    assert "the arm" in rows[0]["tell"]
    table = json.loads((root / "reports" / "recollect.json").read_text())
    assert table["episodes"] == 2
    assert table["segments"] == by_clip["fold"]
    page = (root / "reports" / "report.html").read_text()
    assert page.count(rows[0]["tell"]) == 2  # in the list of the dataset, and in the episode's section

    assert main(["retarget", *arguments]) == 0
    printed = capsys.readouterr().out
    assert "To record again: 1 stretch" in printed
    assert "left hand" in printed


def test_nothing_to_record_again_is_said_too(clips: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retarget", str(clips["stand"]), "--robot", "unitree_h1", "--into", str(tmp_path / "d"), *LABELS]) == 0
    assert "Nothing to record again." in capsys.readouterr().out
    assert (tmp_path / "d" / "reports" / "recollect.csv").read_text().startswith("episode,clip,task,demonstrator,")
    assert json.loads((tmp_path / "d" / "reports" / "recollect.json").read_text())["segments"] == []


def test_the_root_path_is_written_into_the_episode(clips: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "d"
    given: tuple[str, ...]
    for given, word in (((), "scaled"), (("--root-path", "metric"), "metric")):
        arguments = ["--robot", "unitree_h1", "--into", str(root / word), *LABELS, *given]
        assert main(["retarget", str(clips["stand"]), *arguments]) == 0
        dataset = Dataset.open(root / word)
        (ref,) = dataset.refs("all")
        assert dataset.read(ref.id).metadata["retarget_root_path"] == word
