"""`understudy mocap check` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.mocap.joint_array import write_joint_array
from understudy.simulate.walker import walk, write_bvh
from understudy.spec.skeleton import INDEX, JOINTS


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "walk.bvh"
    write_bvh(walk(4.0, 1.0, rate_hz=60.0), path)
    return path


def test_a_good_clip(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", "check", str(clip)]) == 0
    out = capsys.readouterr().out
    assert "60.00 Hz, 0 gaps" in out
    assert "left is left" in out
    assert out.rstrip().endswith("verdict: good")


def test_json_has_every_figure(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mocap", "check", str(clip), "--json", "--volume", "2", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "usable"
    assert found["findings"][0]["level"] == "warn"
    assert "the volume 2 x 2 m" in found["findings"][0]["text"]
    assert found["rate_hz"] == pytest.approx(60.0)
    assert found["subject"]["thigh_m"] == pytest.approx(0.245 * 1.75, rel=0.01)
    assert set(found["stance_pct"]) == {"left", "right"}
    assert found["swapped"] is False


def test_swapped_sides_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "swapped.npz"
    motion = walk(4.0, 1.0, rate_hz=60.0)
    write_joint_array(motion, path)
    with np.load(path) as kept:
        arrays = dict(kept)
    names = [n.replace("left", "?").replace("right", "left").replace("?", "right") if "_" in n else n for n in JOINTS]
    np.savez(path, **(arrays | {"joint_names": np.array(names)}))
    assert main(["mocap", "check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "refuse: left and right are swapped" in out
    assert out.rstrip().endswith("verdict: refused")


def test_arms_against_legs_are_refused_and_not_called_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "arms.npz"
    write_joint_array(walk(4.0, 1.0, rate_hz=60.0), path)
    with np.load(path) as kept:
        arrays = dict(kept)
    arms = ("shoulder", "elbow", "wrist")
    names = [n.replace("left", "?").replace("right", "left").replace("?", "right") if n.endswith(arms) else n for n in JOINTS]
    np.savez(path, **(arrays | {"joint_names": np.array(names)}))
    assert main(["mocap", "check", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.count("the left shoulder is on the side of the right hip") == 1
    assert "see below" in out
    assert "left is left" not in out


def test_a_session_against_its_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The forearm grows by 0.5, 2 and 4 mm: nothing is said, it is reported, it is refused."""
    motion = walk(4.0, 1.0, rate_hz=60.0)
    base = tmp_path / "session.json"

    def check(longer_m: float) -> tuple[int, str]:
        pos = motion.joint_pos_world_m.copy()
        fore = pos[:, INDEX["left_wrist"]] - pos[:, INDEX["left_elbow"]]
        unit = fore / np.linalg.norm(fore, axis=1, keepdims=True)
        for name in ("left_wrist", "left_hand"):
            pos[:, INDEX[name]] += longer_m * unit
        path = tmp_path / "clip.npz"
        np.savez(path, joint_pos=pos, joint_names=np.array(JOINTS), rate_hz=60.0, unit="m", up="z")
        return main(["mocap", "check", str(path), "--baseline", str(base)]), capsys.readouterr().out

    code, out = check(0.0)
    assert code == 0
    assert "wrote the baseline of 22 bones" in out
    assert json.loads(base.read_text())["bones_m"]["left_elbow>left_wrist"] == pytest.approx(0.146 * 1.75, rel=0.01)
    before = base.read_bytes()
    assert check(0.0005) == (0, check(0.0005)[1])
    assert "verdict: good" in check(0.0005)[1]
    code, out = check(0.002)
    assert code == 0
    assert "warn: left_elbow to left_wrist has changed by +2.0 mm since the baseline" in out
    code, out = check(-0.004)
    assert code == 1
    assert "refuse: left_elbow to left_wrist has changed by -4.0 mm since the baseline; at most 3 mm" in out
    assert base.read_bytes() == before  # a baseline is never changed by a comparison


def test_a_baseline_of_nothing_known_is_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tmp_path / "b.json"
    base.write_text('{"format": "understudy-mocap-baseline", "format_version": 1, "bones_m": {"tail>tip": 0.3}}')
    assert main(["mocap", "check", str(clip), "--baseline", str(base)]) == 3
    assert "no bone of the baseline is in" in capsys.readouterr().err


def test_what_a_file_does_not_say_can_be_said(samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    amc = tmp_path / "take.amc"
    amc.write_bytes((samples / "bvh" / "01_01.amc").read_bytes())
    assert main(["mocap", "check", str(amc)]) == 3
    assert "its skeleton is not known" in capsys.readouterr().err
    asf = str(samples / "bvh" / "01.asf")
    assert main(["mocap", "check", str(amc), "--companion", asf, "--rate", "60", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rate_hz"] == pytest.approx(60.0)
    assert found["format"] == "asf_amc"
