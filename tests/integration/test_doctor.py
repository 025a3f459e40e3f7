"""`understudy doctor`: tells what is, and what to do about what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.apps.cli import _doctor_checks as checks
from understudy.apps.cli._doctor_checks import Check
from understudy.apps.cli._main import main


def test_this_machine_can_do_the_main_job(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--json", "--folder", str(tmp_path)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["works"] is True
    found = {check["name"]: check for check in said["checks"]}
    others = ("Python", "machine", "OpenGL", "H.264 encoder", "disk", "robot unitree_g1", "numba cache")
    for name in (*checks.CORE_PACKAGES, *others):
        assert name in found, name
    assert found["robot unitree_g1"]["found"].startswith("29 joints")
    assert all(check["remedy"] for check in said["checks"] if check["state"] != "ok")


def test_what_is_missing_is_named_with_its_command_and_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = (Check("Python", "ok", "3.11"), Check("mujoco", "missing", "not installed", "python -m pip install mujoco"))
    monkeypatch.setattr(checks, "run_checks", lambda folder: found)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "python -m pip install mujoco" in said
    assert "does not work here yet" in said


def test_an_optional_thing_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "run_checks", lambda folder: (Check("OpenGL", "optional", "none", "apt-get install x"),))
    assert main(["doctor"]) == 0


def test_an_old_python_and_an_absent_package_are_missing() -> None:
    assert checks.python_version((3, 10)).state == "missing"
    assert checks.python_version((3, 11)).state == "ok"
    absent = checks.package("no-such-package-anywhere")
    assert absent.state == "missing"
    assert absent.remedy == "python -m pip install no-such-package-anywhere"


def test_a_package_that_does_not_import_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "probe", lambda code: "ImportError: libX11.so.6")
    broken = checks.package("mujoco")
    assert broken.state == "missing"
    assert "libX11" in broken.found


def test_a_missing_system_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory"
    monkeypatch.setattr(checks, "probe", lambda code: trouble)
    pin = checks.package("pin")
    assert (pin.state, pin.remedy) == ("optional", "sudo apt-get install libgomp1")  # no model of ours is read by it
    monkeypatch.setattr(checks, "probe", lambda code: trouble.replace("libgomp.so.1", "libfoo.so.2"))
    numpy = checks.package("numpy")
    assert numpy.state == "missing"
    assert "libfoo.so.2" in numpy.remedy


def test_probe_tells_errors_crashes_and_success_apart() -> None:
    assert checks.probe("pass") == ""
    assert checks.probe("raise ValueError('boom')") == "ValueError: boom"
    assert "signal 9" in checks.probe("import os; os.kill(os.getpid(), 9)")


def test_a_probe_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_PROBE_TIMEOUT_S", 0.2)
    assert "no answer" in checks.probe("import time; time.sleep(30)")


def test_missing_opengl_is_optional_and_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "off")
    found = checks.opengl()
    assert found.state == "optional"
    assert "apt-get install" in found.remedy


def test_a_full_disk_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert checks.disk(tmp_path / "not" / "yet").state == "ok"
    monkeypatch.setattr(checks, "_LEAST_FREE_GB", 1e9)
    assert checks.disk(tmp_path).state == "missing"


def test_the_lerobot_environment_is_found_by_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENV_LEROBOT", str(tmp_path))
    absent = checks.lerobot(tmp_path)
    assert (absent.state, "env-lerobot" in absent.remedy) == ("optional", True)
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 0.4.4\n")
    python.chmod(0o755)
    assert checks.lerobot(tmp_path) == Check("LeRobot environment", "ok", "lerobot 0.4.4")


def test_the_mediapipe_environment_is_found_and_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENV_MEDIAPIPE", str(tmp_path))
    absent = checks.mediapipe()
    assert absent.state == "optional"
    assert str(tmp_path) in absent.found
    assert "make env-mediapipe" in absent.remedy
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 0.10.21\n")
    python.chmod(0o755)
    assert checks.mediapipe() == Check("MediaPipe environment", "ok", "mediapipe 0.10.21")
    python.write_text("#!/bin/sh\necho 'ImportError: libGL.so.1: cannot open shared object file' >&2; exit 1\n")
    broken = checks.mediapipe()
    assert broken.state == "optional"
    assert "libGL.so.1" in broken.found
    assert "libgl1" in broken.remedy
    python.write_text("no program")
    assert "does not start" in checks.mediapipe().found
