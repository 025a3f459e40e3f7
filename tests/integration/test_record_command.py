"""The command `record`, as a person or a script runs it: producers on the bus, an episode at the end that `check` takes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from understudy import plugins
from understudy.apps.cli._main import main
from understudy.apps.cli._record import RecordSession
from understudy.apps.cli._record_keys import Keyboard
from understudy.errors import BusError, DeviceError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.pipeline.record.devices import DeviceRequest, DeviceRunner, parse_device
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import parse_address
from understudy.record.commands import Commander
from understudy.spec.default_schema import default_schema
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.producers import body_device, camera_device
from understudy.testing.producers_bench import with_small_cameras
from understudy.testing.producers_killed import producing
from understudy.testing.programs import interrupted
from understudy.testing.stand_in import stand_in_robot

LONG_S = 90.0
CAMERA = "observations/head_left"


def _made(root: Path, robot: RobotModel) -> Path:
    Dataset.create(root, with_small_cameras(default_schema(robot, "kitchen")), robot)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset of a robot that needs no model file; its episodes cannot be checked."""
    return _made(tmp_path / "set", stand_in_robot())


@contextmanager
def _producers(root: Path, robot: RobotModel) -> Iterator[str]:
    schema, bus = Dataset.open(root).schema, f"ipc://{root.parent}/bus"
    with producing([body_device(schema, robot), camera_device(schema, CAMERA, images=10)], parse_address(bus)):
        yield bus


def _record(root: Path, bus: str, *more: str) -> subprocess.CompletedProcess[str]:
    args = [sys.executable, "-m", "understudy", "record", str(root), "--bus", bus, *more]
    return subprocess.run(args, capture_output=True, text=True, check=False, timeout=LONG_S)


def test_a_take_of_a_few_seconds_is_an_episode_that_everything_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = load_robot("unitree_g1")
    root = _made(tmp_path / "set", robot)
    labels = ("--task", "sway", "--demonstrator", "d1", "--instruction", "sway a little", "--source", "simulation")
    with _producers(root, robot) as bus:
        ran = _record(root, bus, "--for", "2", "--json", *labels)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    (take,) = json.loads(ran.stdout)["takes"]
    assert (take["verdict"], take["error"], take["recovered"]) == ("accepted", "", False)
    rows = {row["stream"]: row for row in take["digest"]}
    assert rows["observations/joint_positions"]["measured_hz"] == pytest.approx(200.0, rel=0.02)
    assert sum(row["lost"] + row["refused"] for row in rows.values()) == 0
    dataset = Dataset.open(root)
    episode = dataset.read(take["take"])
    assert episode.metadata["motion_source"] == "simulation"
    assert episode.duration_s > 2.5  # with pre-roll
    for key, stream in episode.streams.items():
        assert (np.diff(stream.extra["seq"]) == 1).all(), key
        assert (stream.extra["t_arrival_ns"].astype(np.int64) >= stream.t_ns).all()
    assert list((root / "journal").iterdir()) == []

    assert main(["check", str(root), "--redo"]) == 0
    out = tmp_path / "export"
    assert main(["export", "lerobot", str(root), str(out)]) == 0
    capsys.readouterr()
    assert main(["validate", str(out), "--dataset", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_a_session_by_commands_with_a_kill_in_the_middle(root: Path) -> None:
    with _producers(root, stand_in_robot()) as bus:
        args = [sys.executable, "-m", "understudy", "record", str(root), "--bus", bus, "--json", "--no-check", "--task", "sway"]
        session = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        commander = Commander(parse_address(bus), timeout_s=5.0)
        try:
            _until_camera(commander)
            first = str(commander.ask("start")["take"])
            with pytest.raises(BusError, match="is running"):
                commander.ask("start")
            assert commander.ask("mark", {"label": "here"})["marks"] == 1
            assert commander.ask("thumbnail", {"stream": CAMERA})["image"][:2] == b"\xff\xd8"
            time.sleep(0.5)
            recorder = _recorder_of(session.pid)
            os.kill(recorder, signal.SIGKILL)
            _until_camera(commander)
            second = str(commander.ask("start")["take"])
            time.sleep(0.5)
            commander.ask("discard")
        finally:
            commander.close()
            out, err = interrupted(session, LONG_S)
    assert session.returncode == 0, err
    assert "the recorder died (code -9): started again, its take is recovered" in err
    takes = {take["take"]: take for take in json.loads(out)["takes"]}
    assert (takes[first]["recovered"], takes[first]["error"]) == (True, "")
    assert takes[second]["verdict"] == "rejected"
    dataset = Dataset.open(root)
    assert [ref.id for ref in dataset.refs()] == [first]
    assert [ref.id for ref in dataset.refs("failures")] == [second]
    assert dataset.read(first).metadata["record_lost_tail_s"] <= 0.5  # type: ignore[operator]


def _until_camera(commander: Commander) -> None:
    """Wait until a recorder is there and sees the camera."""
    until_s = time.monotonic() + LONG_S
    while time.monotonic() < until_s:
        try:
            streams = commander.ask("health")["health"]["streams"]
        except BusError:
            continue
        if any(s["stream"] == CAMERA and s["received"] > 10 for s in streams):
            return
        time.sleep(0.05)
    raise AssertionError("the camera did not come")


def _recorder_of(parent: int) -> int:
    """The recorder's process: the child that is not the one that watches over shared memory."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == parent and b"spawn_main" in command:
            found.append(int(stat.parent.name))
    assert len(found) == 1, found
    return found[0]


def test_without_its_streams_a_take_of_a_length_does_not_begin(root: Path) -> None:
    ran = _record(root, f"ipc://{root.parent}/bus", "--for", "1", "--wait", "0.5")
    assert ran.returncode == 3
    assert "observations/joint_positions" in ran.stderr
    assert Dataset.open(root).refs("all") == ()


def test_wrong_use_is_said(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args, code, word in (
        ([str(root), "--bus", "tcp://0.0.0.0:9000"], 3, "token"),
        ([str(root), "--set", "nonsense"], 2, "FIELD=VALUE"),
        ([str(root), "--device", "nonesuch"], 3, "unknown device 'nonesuch'"),
        ([str(tmp_path / "none"), "--bus", f"ipc://{tmp_path}/bus"], 3, "not a dataset"),
    ):
        assert main(["record", *args]) == code
        assert word in capsys.readouterr().err


def test_devices_are_named_with_their_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "names", lambda group: ("camera",))
    assert parse_device("camera:port=/dev/video0,rate=30") == DeviceRequest("camera", {"port": "/dev/video0", "rate": "30"})
    assert parse_device("camera") == DeviceRequest("camera", {})
    with pytest.raises(DeviceError, match="option=value"):
        parse_device("camera:fast")
    with pytest.raises(UnknownNameError, match="unknown device"):
        parse_device("kamera")


def test_a_device_that_ends_is_started_again_a_few_times_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.pipeline.record.devices.RESTARTS", 1)
    runner, said = DeviceRunner(DeviceRequest("nonesuch"), tmp_path, f"ipc://{tmp_path}/bus"), list[str]()
    until_s = time.monotonic() + LONG_S
    while not (said and "not started again" in said[-1]) and time.monotonic() < until_s:
        said += [text for text in [runner.look()] if text]
        time.sleep(0.05)
    runner.close()
    assert len(said) == 2
    assert all("unknown device 'nonesuch'" in text for text in said)


class _Session:
    """A recorder that answers as it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[tuple[str, object]] = []
        self.activity = "idle"

    def ask(self, command: str, given: object = None) -> dict[str, object]:
        if command == "health":
            return {"health": {"take": {"activity": self.activity}}}
        if command == "discard":
            raise BusError("no take to discard")
        self.asked.append((command, given))
        self.activity = {"start": "recording", "stop": "idle"}.get(command, self.activity)
        return {"take": "one", "marks": 1}


def test_keys_do_what_they_say() -> None:
    session = _Session()
    keyboard = Keyboard(session)  # type: ignore[arg-type]
    for key in "i" + "pour\x7fr it\n" + " m d i\x1bq":
        keyboard.press(key)
    labels = {"metadata": {"language_instruction": "pour it"}}
    assert session.asked[:2] == [("start", labels), ("mark", None)]
    assert [name for name, _ in session.asked] == ["start", "mark", "stop", "start"]
    assert "no take to discard" in session.said
    assert keyboard.ended
    assert keyboard.prompt == ""


def test_ctrl_c_while_it_begins_ends_the_recorder_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("understudy.apps.cli._record.DeviceRunner", interrupted)
    session = RecordSession(ServiceOptions(root, f"ipc://{root}/bus", check=False), [parse_device("sim")])
    with pytest.raises(KeyboardInterrupt), session:
        pass
    assert [p for p in multiprocessing.active_children() if p.name == "recorder"] == []
