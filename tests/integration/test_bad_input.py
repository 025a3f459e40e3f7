"""What cannot be used: one clear message on stderr, exit code 3 (2 for wrong usage), and nothing half-written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from understudy.apps.cli import _console
from understudy.apps.cli._main import main
from understudy.kinematics.load import load_robot
from understudy.kinematics.robot_json import write_robot_json
from understudy.simulate.walker import squat, stand, write_bvh
from understudy.store.dataset import Dataset
from understudy.testing.bvh_files import scaled_bvh

ROBOT = ("--robot", "unitree_g1")
LABELS = ("--task", "squat", "--demonstrator", "walker", "--instruction", "squat")


@pytest.fixture(autouse=True)
def fresh_console(monkeypatch: pytest.MonkeyPatch) -> None:
    _console._console.cache_clear()
    monkeypatch.setenv("MUJOCO_GL", "off")


@dataclass(frozen=True)
class Made:
    """Two clips and a finished dataset of the first."""

    clip: Path
    other: Path
    dataset: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("bad")
    clip, other, dataset = root / "squat.bvh", root / "stand.bvh", root / "dataset"
    write_bvh(squat(1.6, rate_hz=30.0), clip)
    write_bvh(stand(0.8, rate_hz=30.0), other)
    assert main(["retarget", str(clip), *ROBOT, "--into", str(dataset), *LABELS]) == 0
    assert main(["check", str(dataset)]) == 0
    return Made(clip, other, dataset)


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Path:
    """The finished dataset, to be spoiled."""
    return Path(shutil.copytree(made.dataset, tmp_path / "copy"))


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str]:
    """Exit code and the one error of a command."""
    capsys.readouterr()
    try:
        code = main([str(arg) for arg in args])
    except SystemExit as wrong_usage:  # from the parser of options
        code = int(wrong_usage.code or 0)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    messages = [line for line in err.splitlines() if line.startswith("understudy: error: ")]
    assert len(messages) == (1 if code != 2 else len(messages)), err
    return code, messages[0] if messages else err


def hashes(root: Path) -> dict[str, str]:
    """Every episode under a folder with its hash."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*.h5"))}


def assert_whole(root: Path) -> None:
    """No part is left, every episode has its manifest and can be read."""
    assert [path for path in root.rglob("*") if path.name.endswith((".part", ".new"))] == []
    if not (root / "schema.toml").exists():
        assert not root.exists() or not any(root.iterdir())
        return
    dataset = Dataset.open(root)
    manifests = "".join(path.read_text() for path in (root / "manifests").glob("*.json"))
    for ref in dataset.refs("all"):
        assert f"{ref.id}.h5" in manifests
        assert len(dataset.read(ref.id).timeline_ns) > 1


def edited(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    """An edit of the lines of a clip."""
    return lambda text: "".join(change(text.splitlines(keepends=True)))


def motion_at(lines: list[str]) -> int:
    return next(i for i, line in enumerate(lines) if line.startswith("MOTION"))


def first_value(lines: list[str], frame: int, word: str) -> list[str]:
    at = motion_at(lines) + 3 + frame
    return [*lines[:at], re.sub(r"^\S+", word, lines[at]), *lines[at + 1 :]]


def header(text: str, name: str, value: str) -> str:
    return re.sub(rf"^{name}: .*$", f"{name}: {value}", text, flags=re.MULTILINE)


SPOILED: dict[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "empty": (lambda text: "", ("the file is empty",)),
    "cut_in_hierarchy": (edited(lambda ls: ls[:20]), (r":21: ", "truncated")),
    "cut_between_frames": (edited(lambda ls: ls[: motion_at(ls) + 13]), ("truncated", "10 complete frames", "Frames: 10")),
    "cut_inside_a_number": (lambda text: text[: text.rindex("-") + 1], ("truncated", "frame 49", "at '-'")),
    "nan": (edited(lambda ls: first_value(ls, 4, "nan")), (r":\d+: frame 5, value 1", "'nan'", "finite")),
    "infinite": (edited(lambda ls: first_value(ls, 4, "1e999")), (r":\d+: frame 5, value 1", "1e999", "finite")),
    "decimal commas": (
        edited(lambda ls: first_value(ls, 4, "0,25")),
        (r":\d+: frame 5, value 1", "0,25", "written with a point"),
    ),
    "absurd": (edited(lambda ls: first_value(ls, 4, "1e30")), ("frame 5, value 1", "damaged")),
    "missing_joint": (lambda text: text.replace("JOINT LeftLeg", "JOINT Quux"), ("left_knee", "rename the joints")),
    "joint_twice": (lambda text: text.replace("RightLeg", "LeftLeg"), (r":\d+: a second joint 'LeftLeg'", "line 10")),
    "zero_bones": (lambda text: re.sub(r"OFFSET .*", "OFFSET 0 0 0", text), ("bone of zero length", "OFFSET")),
    "two_frames": (
        edited(lambda ls: [*ls[: motion_at(ls) + 1], "Frames: 2\n", *ls[motion_at(ls) + 2 : motion_at(ls) + 5]]),
        (r":\d+: the motion has 2 frames", "at least 3"),
    ),
    "four_frames": (
        edited(lambda ls: [*ls[: motion_at(ls) + 1], "Frames: 4\n", *ls[motion_at(ls) + 2 : motion_at(ls) + 7]]),
        ("4 frames are too few", "at least 5"),
    ),
    "rate_of_zero": (lambda text: header(text, "Frame Time", "0"), (r":\d+: Frame Time is '0'", "0.0001 s to 1 s")),
    "rate_below_zero": (lambda text: header(text, "Frame Time", "-0.01"), (r":\d+: Frame Time is '-0.01'",)),
    "wrong_unit": (lambda text: scaled_bvh(text, 3.0), ("the unit cannot be found", "0.6 to 1.2 m", "--unit person")),
    "too_many_values": (edited(lambda ls: [*ls, ls[-1]]), ("more values than 49 frames", "Frames")),
    "another_format": (lambda text: '{"a": 1}', (":1: ", "HIERARCHY")),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_clip_names_its_place_and_what_to_do(
    case: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, said = SPOILED[case]
    clip = tmp_path / f"{case}.bvh"
    text = spoil(made.clip.read_text())
    assert text != made.clip.read_text()
    clip.write_text(text)
    code, message = run(capsys, "build", clip, *ROBOT, "--into", tmp_path / "data", "--export", "lerobot", *LABELS)
    assert code == 3
    assert str(clip) in message
    for words in said:
        assert re.search(words, message), message
    assert_whole(tmp_path / "data")
    assert hashes(tmp_path / "data") == {}
    assert not (tmp_path / "data" / "exports").exists()


def test_a_clip_that_is_missing_or_a_folder(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = run(capsys, "build", made.clip.with_name("squt.bvh"), *ROBOT, "--into", tmp_path / "data", *LABELS)
    assert (code, "squt.bvh: no such file; did you mean 'squat.bvh'?" in message) == (3, True)
    code, message = run(capsys, "build", made.clip.parent, *ROBOT, "--into", tmp_path / "data", *LABELS)
    assert (code, f"{made.clip.parent}: a folder, where a file is needed" in message) == (3, True)
    assert_whole(tmp_path / "data")


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_clip_does_not_stop_the_others(
    workers: int, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "nan.bvh"
    bad.write_text(SPOILED["nan"][0](made.clip.read_text()))
    clips = (bad, made.clip, made.other)
    args = (*clips, *ROBOT, "--into", tmp_path / "data", "--workers", workers, "--export", "lerobot", "--no-video", *LABELS)
    code, message = run(capsys, "build", *args)
    assert code == 3
    assert f"{bad}:" in message
    assert_whole(tmp_path / "data")
    assert [name.split("_")[0] for name in hashes(tmp_path / "data" / "episodes")] == ["squat", "stand"]
    assert json.loads((tmp_path / "data" / "exports" / "lerobot" / "meta" / "info.json").read_text())["total_episodes"] == 2
    assert (tmp_path / "data" / "reports" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--robot", "unitre_g1"), 3, "unknown robot 'unitre_g1'; did you mean 'unitree_g1'?"),
        ((*ROBOT, "--export", "lerobt"), 3, "unknown export format 'lerobt'; did you mean 'lerobot'?"),
        ((*ROBOT, "--lowpass", "-1"), 2, "--lowpass"),
        ((*ROBOT, "--lowpass", "nan"), 2, "--lowpass"),
        ((*ROBOT, "--arm-filter", "-3"), 2, "--arm-filter"),
        ((*ROBOT, "--workers", "0"), 2, "--workers is 0"),
        ((*ROBOT, "--infeasible", "ignore"), 2, "interpolate"),
        ((*ROBOT, "--task", "pick/up"), 3, "--task: task 'pick/up'"),
        ((*ROBOT, "--no-such-option"), 2, "--no-such-option"),
        ((), 2, "--robot"),
    ],
)
def test_wrong_options_are_told_before_anything_is_made(
    options: tuple[str, ...], code: int, said: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, message = run(capsys, "build", made.clip, *options, "--into", tmp_path / "data")
    assert found == code
    assert said in message
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["build", "retarget"])
def test_no_clip_is_wrong_usage(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = run(capsys, command, *ROBOT, "--into", tmp_path / "data")
    assert (code, "no clip was given" in message) == (2, True)
    assert not (tmp_path / "data").exists()


def test_an_unknown_command_is_wrong_usage_and_comes_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, message = run(capsys, "biuld")
    assert code == 2
    assert "unknown command 'biuld'; did you mean 'build'?" in message


def test_into_a_file_or_a_folder_that_is_no_dataset(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", made.other, *LABELS)
    assert (code, f"{made.other}: not an empty folder but a file" in message) == (3, True)
    (tmp_path / "thesis.doc").touch()
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", tmp_path, *LABELS)
    assert (code, f"{tmp_path}: not an empty folder" in message) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def spoil_robot_json(root: Path) -> None:
    (root / "robot.json").unlink()
    write_robot_json(load_robot("unitree_h1"), root / "robot.json")


def cut_robot_json(root: Path) -> None:
    path = root / "robot.json"
    path.write_text(path.read_text()[:100])


def reorder_robot_json(root: Path) -> None:
    path = root / "robot.json"
    table = json.loads(path.read_text())
    table["joints"][0], table["joints"][1] = table["joints"][1], table["joints"][0]
    path.write_text(json.dumps(table))


def in_schema(old: str, new: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        path = root / "schema.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_robot_json, ("robot.json: this is of unitree_h1", "unitree_g1", "robot show unitree_g1 --json")),
        (cut_robot_json, ("robot.json: not JSON", "robot show")),
        (reorder_robot_json, ("joint order differs: joint 0 is 'left_hip_pitch_joint'", "left_hip_roll_joint")),
        (lambda root: (root / "robot.json").unlink(), ("robot.json: cannot be read", "robot show")),
        (in_schema("control_rate_hz = ", "control_rat_hz = "), (r"schema.toml: .*line \d+: control_rat_hz", "'control_rate_hz'")),
        (in_schema("control_rate_hz = 50.0", "control_rate_hz = 'fast'"), (r"schema.toml: line \d+: control_rate_hz: .*number",)),
        (in_schema("control_rate_hz = ", "control_rate_hz = = "), ("schema.toml: not valid TOML", "line 9")),
        (
            in_schema('group = "debug"', 'group = "observations"'),
            (r"schema.toml: stream \S+: it is ", "group 'debug'"),
        ),
        (in_schema('robot = "unitree_g1"', 'robot = "unitree_h1"'), ("robot.json: this is of unitree_g1", "unitree_h1")),
    ],
)
def test_a_dataset_that_contradicts_itself_is_refused(
    spoil: Callable[[Path], None], said: tuple[str, ...], made: Made, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashes(copy)
    spoil(copy)
    for command in (("build", made.other, *ROBOT, "--into", copy, *LABELS), ("check", copy), ("report", copy)):
        code, message = run(capsys, *command)
        assert code == 3
        for words in said:
            assert re.search(words, message), message
    assert hashes(copy) == before


def test_a_dataset_of_another_robot_is_refused(made: Made, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = hashes(copy)
    code, message = run(capsys, "build", made.other, "--robot", "unitree_h1", "--into", copy, *LABELS)
    assert code == 3
    assert f"{copy}: this dataset is of unitree_g1, not unitree_h1; choose another folder" in message
    assert hashes(copy) == before
    assert_whole(copy)


def test_a_damaged_episode_is_named_once_and_the_others_go_on(made: Made, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (damaged,) = (copy / "episodes").rglob("*.h5")
    kept = damaged.read_bytes()[:5000]
    damaged.write_bytes(kept)
    args = (made.clip, made.other, *ROBOT, "--into", copy, "--export", "lerobot", "--no-video", *LABELS)
    code, message = run(capsys, "build", *args)
    assert code == 3
    assert f"{damaged}: cannot be opened: it is truncated or damaged" in message
    assert "move it out of the dataset and run the command again" in message
    assert damaged.read_bytes() == kept
    assert not (copy / "exports").exists()
    dataset = Dataset.open(copy)
    (other,) = (ref for ref in dataset.refs() if ref.path != damaged)
    assert dataset.read(other.id).notes is not None

    damaged.unlink()  # as the message says
    assert main(["build", *map(str, args)]) == 0
    assert_whole(copy)
    assert hashes(copy).keys() == {damaged.stem, other.id}


def test_damaged_notes_are_named(made: Made, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (notes,) = (copy / "episodes").rglob("*.notes.json")
    notes.write_text("{")
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", copy, *LABELS, "--no-video")
    assert (code, f"{notes}: damaged notes" in message) == (3, True)
    assert notes.read_text() == "{"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "line 1: no column 'clip'"),
        ("clp,task\n", "line 1: unknown column 'clp'"),
        ("clip,task\nwalk.bvh,walk\n", "line 2: clip 'walk.bvh' is not among the 1 clips given"),
        ("clip,task\nsquat,squat\nsquat,stand\n", "line 3: squat is named twice, first in line 2"),
        ("clip,task\nsquat,a,b\n", "line 2: too many cells"),
        ("clip,task\nsquat,../a\n", "line 2: task '../a'"),
        ("clip,start_s\nsquat,soon\n", "line 2: start_s is 'soon'"),
        ("clip,start_s,end_s\nsquat,1.0,0.5\n", "line 2: end_s 0.5 is not after start_s 1"),
        (b"clip\xff\n", "not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_faults_of_the_label_table_are_told_before_anything_is_made(
    table: str | bytes | None, said: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "clips.csv"
    if table is not None:
        labels.write_bytes(table if isinstance(table, bytes) else table.encode())
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", tmp_path / "data", "--labels", labels)
    assert code == 3
    assert f"{labels}: {said}" in message
    assert not (tmp_path / "data").exists()


def test_a_stretch_outside_the_clip(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "clips.csv"
    labels.write_text("clip,start_s\nsquat,99\n")
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", tmp_path / "data", "--labels", labels)
    assert code == 3
    assert f"{made.clip}: 99 s to 1.6 s leaves 0 frames" in message
    assert_whole(tmp_path / "data")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("check", "{none}"), "{none}: not a dataset: there is no such folder"),
        (("report", "{none}"), "{none}: not a dataset: there is no such folder"),
        (("export", "lerobot", "{none}", "{out}"), "{none}: not a dataset: there is no such folder"),
        (("export", "lerobt", "{dataset}", "{out}"), "unknown export format 'lerobt'; did you mean 'lerobot'?"),
        (("export", "lerobot", "{dataset}", "{dataset}"), "{dataset} is already there"),
        (("validate", "{none}"), "{none}: no such export folder"),
        (("validate", "{dataset}"), "{dataset}: not an export"),
        (("init", "{dataset}", *ROBOT), "{dataset}: there is a dataset already"),
        (("view", "squt", "--dataset", "{dataset}", "--save", "{out}"), "unknown episode of {dataset} 'squt'"),
        (("view", "{dataset}", "--save", "{out}"), "{dataset}: a folder"),
        (("episode", "show", "{dataset}"), "{dataset}: a folder"),
        (("episode", "show", "{clip}"), "{clip}: cannot be opened: it is not an HDF5 file"),
        (("episode", "pack", "{none}.h5", "{out}"), "{none}.h5: no file"),
    ],
)
def test_the_other_commands(
    args: tuple[str, ...], said: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"none": tmp_path / "none", "out": tmp_path / "out", "dataset": made.dataset, "clip": made.clip}
    before = hashes(made.dataset)
    code, message = run(capsys, *(arg.format(**names) for arg in args))
    assert code == 3
    assert said.format(**names) in message
    assert list(tmp_path.iterdir()) == []
    assert hashes(made.dataset) == before


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of its own; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        if (
            os.geteuid() != 0
            or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
            ).returncode
        ):
            pytest.skip("only root may mount a disk, and not in every container")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


def test_a_read_only_disk(made: Made, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = mounted("ro,size=1m")
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", place / "data", *LABELS)
    assert code == 3
    assert f"{place / 'data'}" in message
    assert "read-only; choose another folder" in message


def test_a_full_disk(made: Made, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    place = mounted("size=160k")
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", place / "data", *LABELS)
    assert code == 3
    assert str(place / "data") in message
    assert "the disk is full; free some space and run the same command again" in message
    assert_whole(place / "data")
    assert hashes(place / "data") == {}
    subprocess.run(["mount", "-o", "remount,size=16m", str(place)], check=True)
    assert main(["build", *map(str, (made.clip, *ROBOT, "--into", place / "data", *LABELS, "--no-report"))]) == 0
    assert_whole(place / "data")


def test_a_disk_that_fills_while_exporting(
    made: Made, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = mounted("size=16m")
    root = place / "data"
    assert main(["build", *map(str, (made.clip, *ROBOT, "--into", root, *LABELS, "--no-report"))]) == 0
    before = hashes(root)
    used_kb = sum(path.stat().st_blocks for path in place.rglob("*")) // 2
    subprocess.run(["mount", "-o", f"remount,size={used_kb + 40}k", str(place)], check=True)
    code, message = run(capsys, "build", made.clip, *ROBOT, "--into", root, "--export", "lerobot", *LABELS)
    assert code == 3
    assert f"{root / 'exports' / 'lerobot'}" in message
    assert "the disk is full; free some space and run the same command again" in message
    assert not (root / "exports" / "lerobot").exists()
    assert hashes(root) == before
    assert_whole(root)


@pytest.mark.parametrize(("number", "said"), [(errno.EROFS, "read-only"), (errno.ENOSPC, "full"), (errno.EACCES, "permission")])
def test_a_disk_that_refuses_an_episode(
    number: int, said: str, made: Made, copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes(copy)

    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("understudy.store.atomic._to_disk", refuse)
    code, message = run(capsys, "build", made.other, *ROBOT, "--into", copy, *LABELS)
    monkeypatch.undo()
    assert code == 3
    assert str(copy / "episodes") in message
    assert said in message
    assert hashes(copy) == before
    assert_whole(copy)
