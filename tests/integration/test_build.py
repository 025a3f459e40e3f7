"""`understudy build` on the real retargeting: resume, engines, refusals, labels, and what it says for machines."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli import _console
from understudy.apps.cli._main import main
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.simulate.walker import reach, squat, turn, walk, write_bvh
from understudy.spec.episode import Episode
from understudy.spec.profile_text import profile_toml
from understudy.store.dataset import Dataset

ROBOT = ("--robot", "unitree_g1")
LABELS = ("--task", "whole_body", "--demonstrator", "walker", "--instruction", "follow the motion")
MOST_RSS_MB = 1500.0


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    _console._console.cache_clear()
    monkeypatch.setenv("MUJOCO_GL", "off")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("clips")
    motions = {
        "walk": walk(2.0, rate_hz=30.0),
        "squat": squat(1.6, rate_hz=30.0),
        "reach": reach("right", rate_hz=30.0),
        "turn": turn(0.8, rate_hz=30.0),
    }
    for name, motion in motions.items():
        write_bvh(motion, folder / f"{name}.bvh")
    return tuple(folder / f"{name}.bvh" for name in motions)


@dataclass(frozen=True)
class Made:
    """A dataset that a build made, and what the build said with `--json`."""

    dataset: Dataset
    said: Mapping[str, object]


@pytest.fixture(scope="module")
def made(clips: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("made") / "dataset"
    command = command_of(clips, root, *LABELS, "--export", "lerobot", "--json", "--no-video")
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "MUJOCO_GL": "off"})
    assert ran.returncode == 0, ran.stderr
    said: Mapping[str, object] = json.loads(ran.stdout)
    return Made(Dataset.open(root), said)


def command_of(clips: Sequence[Path], root: Path, *options: object) -> list[str]:
    arguments = ("build", *clips, *ROBOT, "--into", root, *options)
    return [sys.executable, "-m", "understudy", *(str(argument) for argument in arguments)]


def build(clips: Sequence[Path], root: Path, *options: object) -> int:
    arguments = ("build", *clips, *ROBOT, "--into", root, "--no-report", *options)
    return main([str(argument) for argument in arguments])


def files(root: Path) -> dict[Path, tuple[int, str]]:
    """Every file under a folder: when it was changed, and its hash."""
    found = (path for path in root.rglob("*") if path.is_file())
    return {p.relative_to(root): (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest()) for p in found}


def episode_of(dataset: Dataset, clip: str, partition: str = "all") -> Episode:
    (ref,) = (r for r in dataset.refs("all") if r.id.startswith(f"{clip}_") and partition in ("all", r.partition))
    return dataset.read(ref.id)


def swing(episode: Episode, joint: str) -> float:
    """Range of a joint over an episode, radians."""
    data: F64 = np.asarray(episode.streams["observations/joint_positions"].data, dtype=np.float64)
    return float(np.ptp(data[:, episode.joint_names.index(joint)]))


def test_a_build_leaves_a_whole_dataset_and_says_so_in_json(made: Made, clips: tuple[Path, ...]) -> None:
    root = made.dataset.root
    rows = made.said["clips"]
    assert isinstance(rows, list)
    assert [row["clip"] for row in rows] == [clip.stem for clip in clips]
    assert {row["state"] for row in rows} == {"done"}
    assert {row["verdict"] for row in rows} == {"accepted"}
    assert [row["frames"] for row in rows] == [len(made.dataset.read(row["episode"]).streams["debug/infeasible"]) for row in rows]
    assert made.said["export"] == str(root / "exports" / "lerobot")
    assert made.said["report"] == str(root / "reports" / "report.html")
    assert "<html" in (root / "reports" / "report.html").read_text()[:200]
    assert {ref.task for ref in made.dataset.refs("episodes")} == {"whole_body"}
    assert len(made.dataset.refs("episodes")) == len(clips)
    assert main(["validate", str(root / "exports" / "lerobot")]) == 0


def test_labels_and_settings_stand_in_the_episode(made: Made) -> None:
    facts = episode_of(made.dataset, "squat").metadata
    assert (facts["task_id"], facts["demonstrator_id"]) == ("whole_body", "walker")
    assert facts["language_instruction"] == "follow the motion"
    assert facts["motion_source"] == "synthetic"
    assert (facts["clip"], facts["source_path"]) == ("squat", "squat.bvh")
    assert facts["retarget_infeasible"] == "flag"
    assert facts["retarget_lowpass_hz"] == 5.0
    assert facts["source_rate_hz"] == pytest.approx(30.0)


def test_a_second_build_touches_nothing(made: Made, clips: tuple[Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    before = files(made.dataset.root)
    assert build(clips, made.dataset.root, *LABELS, "--export", "lerobot", "--json") == 0
    assert {row["state"] for row in json.loads(capsys.readouterr().out)["clips"]} == {"already"}
    assert files(made.dataset.root) == before


def test_two_workers_write_the_same_bytes(made: Made, clips: tuple[Path, ...], tmp_path: Path) -> None:
    assert build(clips, tmp_path / "dataset", *LABELS, "--workers", 2) == 0
    one = {ref.path.name: ref.path.read_bytes() for ref in made.dataset.refs()}
    two = {ref.path.name: ref.path.read_bytes() for ref in Dataset.open(tmp_path / "dataset").refs()}
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_build_goes_on_where_it_was(workers: int, made: Made, clips: tuple[Path, ...], tmp_path: Path) -> None:
    root = tmp_path / "dataset"  # a schema holds its dataset's name, and an episode its schema
    with subprocess.Popen(
        command_of(clips, root, *LABELS, "--workers", workers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        deadline_s = time.monotonic() + 300.0
        while running.poll() is None and time.monotonic() < deadline_s and not any((root / "episodes").glob("*/*.h5")):
            time.sleep(0.005)
        os.killpg(running.pid, signal.SIGKILL)
    kept = {path: mtime for path, (mtime, _) in files(root / "manifests").items() if not path.name.startswith(".")}
    for ref in Dataset.open(root).refs():
        assert len(Dataset.open(root).read(ref.id).timeline_ns) > 1

    assert build(clips, root, *LABELS) == 0
    dataset = Dataset.open(root)
    assert {ref.path.name: ref.path.read_bytes() for ref in dataset.refs()} == {
        ref.path.name: ref.path.read_bytes() for ref in made.dataset.refs()
    }
    assert [path for path in root.rglob("*") if path.name.endswith((".part", ".new"))] == []
    after = files(root / "manifests")
    assert all(after[path][0] == mtime for path, mtime in kept.items())  # what was finished was not done again


def test_a_refused_episode_stays_refused(clips: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "data"
    assert main(["init", str(root), *ROBOT]) == 0
    schema = root / "schema.toml"
    schema.write_text(schema.read_text() + '\n[tasks.strict.gates.fall]\nmode = "strict"\nmin_height_ratio = 2.0\n')
    labels = tmp_path / "clips.csv"
    labels.write_text("clip,task\nsquat,strict\nturn,turn\n")
    chosen = [clip for clip in clips if clip.stem in ("squat", "turn")]
    options = ("--labels", labels, "--export", "lerobot")
    assert build(chosen, root, *options) == 1
    dataset = Dataset.open(root)
    (refused,), (accepted,) = dataset.refs("failures"), dataset.refs("episodes")
    assert (refused.task, accepted.task) == ("strict", "turn")
    notes = dataset.read(refused.id).notes
    assert notes is not None
    assert notes.verdict == "rejected"
    assert [finding.gate for finding in notes.findings if finding.severity == "reject"] == ["fall"]
    said = capsys.readouterr().out
    assert "rejected" in said
    assert json.loads((root / "exports" / "lerobot" / "meta" / "info.json").read_text())["total_episodes"] == 1

    before = files(root)
    assert build(chosen, root, *options, "--json") == 0  # nothing was refused this time: it lies in failures/ already
    rows = {row["clip"]: row for row in json.loads(capsys.readouterr().out)["clips"]}
    assert (rows["squat"]["state"], rows["squat"]["verdict"]) == ("already", "rejected")
    assert files(root) == before


def test_stretches_and_mirror_images_of_the_table(clips: tuple[Path, ...], tmp_path: Path) -> None:
    clip = next(clip for clip in clips if clip.stem == "reach")
    labels = tmp_path / "clips.csv"
    labels.write_text(
        "clip,task,demonstrator,instruction,start_s,end_s,mirror_of\n"
        'reach.bvh,right,p1,"reach, slowly",,,\n'
        "reach.bvh,left,p1,,,,reach.bvh\n"
        "reach.bvh,part,,,0.5,1.5,\n"
    )
    assert build([clip], tmp_path / "data", "--labels", labels, "--instruction", "reach") == 0
    dataset = Dataset.open(tmp_path / "data")
    by_task = {ref.task: dataset.read(ref.id) for ref in dataset.refs()}
    assert set(by_task) == {"right", "left", "part"}
    assert by_task["right"].metadata["language_instruction"] == "reach, slowly"
    assert by_task["left"].metadata["language_instruction"] == "reach"
    assert by_task["part"].metadata["demonstrator_id"] == "unlabelled"
    assert by_task["left"].metadata["mirror_of"] == "reach.bvh"
    assert "mirror_of" not in by_task["right"].metadata
    assert by_task["part"].duration_s == pytest.approx(1.0, abs=0.05)
    right, left = "right_shoulder_pitch_joint", "left_shoulder_pitch_joint"
    assert swing(by_task["right"], right) > 10.0 * swing(by_task["right"], left)
    assert swing(by_task["left"], left) == pytest.approx(swing(by_task["right"], right), abs=0.02)
    assert swing(by_task["left"], left) > 10.0 * swing(by_task["left"], right)


@pytest.mark.parametrize("mode", ["clip", "interpolate"])
def test_the_treatment_of_infeasible_frames_is_recorded(mode: str, clips: tuple[Path, ...], tmp_path: Path) -> None:
    options = ("--infeasible", mode, "--lowpass", "3", "--arm-filter", "4", *LABELS)
    assert build([clips[1]], tmp_path / "data", *options) == 0
    facts = episode_of(Dataset.open(tmp_path / "data"), "squat").metadata
    assert facts["retarget_infeasible"] == mode
    assert facts["retarget_lowpass_hz"] == 3.0
    assert facts["retarget_arm_filter_hz"] == 4.0


def test_other_settings_make_another_episode_beside_the_first(clips: tuple[Path, ...], tmp_path: Path) -> None:
    for lowpass in (5, 3):
        assert build([clips[3]], tmp_path / "data", "--lowpass", lowpass, *LABELS) == 0
    assert len(Dataset.open(tmp_path / "data").refs()) == 2


def test_a_robot_of_the_users_own(clips: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile, root = tmp_path / "mine.toml", tmp_path / "data"
    text = profile_toml(load_robot("unitree_g1").profile.model_copy(update={"name": "mine"}))
    profile.write_text(text)
    arguments = [
        "build",
        str(clips[3]),
        "--robot",
        str(profile),
        "--into",
        str(root),
        "--export",
        "lerobot",
        "--no-video",
        *LABELS,
    ]
    assert main(arguments) == 0
    profile.unlink()  # the dataset has it now
    (ref,) = Dataset.open(root).refs("episodes")
    assert main(["check", str(root), "--redo"]) == 0
    assert main(["validate", str(root / "exports" / "lerobot")]) == 0
    assert main(["view", str(ref.path), "--save", str(tmp_path / "film.rrd")]) == 0
    profile.write_text(text.replace("standing_height_m = 0.", "standing_height_m = 1."))
    capsys.readouterr()
    assert main(arguments) == 3
    assert "made with another profile of mine" in capsys.readouterr().err


def test_what_has_no_label_is_said_once_and_not_on_stdout(
    clips: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(clips[2:], tmp_path / "data", "--task", "move") == 0
    out, err = capsys.readouterr()
    assert len(re.findall("unlabelled", err)) == 1
    assert "no demonstrator for reach.bvh, turn.bvh" in err
    assert "no task" not in err
    assert "unlabelled" not in out


_LONG = """
import resource, sys
from pathlib import Path
from understudy.apps.cli._main import main
code = main(["build", sys.argv[1], "--robot", "unitree_g1", "--into", sys.argv[2], "--export", "lerobot"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
"""


@pytest.mark.slow
def test_twenty_minutes_stay_under_one_and_a_half_gigabytes(tmp_path: Path) -> None:
    clip = tmp_path / "long.bvh"
    write_bvh(walk(1200.0), clip)
    command = [sys.executable, "-c", _LONG, str(clip), str(tmp_path / "data")]
    pictures_too = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=pictures_too)
    assert ran.returncode == 0, ran.stderr
    code, rss_mb = ran.stdout.splitlines()[-1].split()
    assert code == "0", ran.stderr
    assert float(rss_mb) < MOST_RSS_MB
