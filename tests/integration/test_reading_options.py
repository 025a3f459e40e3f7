"""What a file does not say about itself, from the command to the episode: skeleton, rate, body model, session baseline."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.mocap import _smpl
from understudy.mocap._mean_body import mean_rest_joints
from understudy.spec.episode import Episode
from understudy.store.dataset import Dataset


def _episode(root: Path) -> Episode:
    dataset = Dataset.open(root)
    (ref,) = dataset.refs("all")
    return dataset.read(ref.id)


@pytest.fixture
def acclaim(samples: Path, tmp_path: Path) -> Path:
    """The first second of the sample, without its skeleton."""
    data = (samples / "bvh" / "01_01.amc").read_bytes().replace(b"\r", b"")
    path = tmp_path / "take.amc"
    path.write_bytes(data[: data.index(b"\n121\n") + 1])
    return path


def _retarget(*arguments: object) -> int:
    return main(["retarget", *map(str, arguments), "--robot", "unitree_g1", "--json"])


def test_a_skeleton_and_a_rate_reach_the_episode(
    acclaim: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    assert _retarget(acclaim, "--into", root) == 3
    assert "its skeleton is not known" in capsys.readouterr().err
    asf = tmp_path / "of_somebody.txt"
    asf.write_bytes((samples / "bvh" / "01.asf").read_bytes())
    assert _retarget(acclaim, "--into", root, "--companion", asf, "--rate", 60) == 0
    episode = _episode(root)
    assert episode.metadata["source_format"] == "asf_amc"
    assert episode.metadata["source_rate_hz"] == 60.0
    (first,) = json.loads(capsys.readouterr().out)
    assert _retarget(acclaim, "--into", root, "--companion", asf, "--rate", 60) == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert (first["state"], again["state"]) == ("done", "already")
    # another skeleton is another input, so the task is a new one
    asf.write_bytes(asf.read_bytes() + b"\n# measured again\n")
    assert _retarget(acclaim, "--into", root, "--companion", asf, "--rate", 60) == 0
    (changed,) = json.loads(capsys.readouterr().out)
    assert changed["state"] == "done"


def test_a_pickled_body_model_reaches_the_episode(samples: Path, tmp_path: Path) -> None:
    rest = np.zeros((24, 3))
    rest[[*range(22), 22, 23]] = 1.6 * mean_rest_joints(_smpl.NODES, "female") + [0.0, -0.2, 0.0]
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps({"v_template": rest, "J_regressor": np.eye(24)}, protocol=2))
    clip = samples / "amass" / "video_step_forward_back_level1_filter_amass.npz"
    assert _retarget(clip, "--into", tmp_path / "data", "--companion", model, "--task", "step") == 0
    episode = _episode(tmp_path / "data")
    assert episode.metadata["source_dialect"] == "smpl, body model"
    assert episode.metadata["source_subject_leg_m"] == pytest.approx(1.6 * (368.5 + 438.6) / 1735.0, rel=1e-3)


def test_a_session_baseline_is_kept_in_the_metadata_or_refuses(
    acclaim: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, asf = tmp_path / "session.json", samples / "bvh" / "01.asf"
    assert main(["mocap", "check", str(acclaim), "--companion", str(asf), "--baseline", str(base)]) == 0
    assert _retarget(acclaim, "--into", tmp_path / "data", "--companion", asf, "--baseline", base) == 0
    episode = _episode(tmp_path / "data")
    assert float(str(episode.metadata["source_calibration_drift_m"])) < 1e-6
    assert len(str(episode.metadata["source_calibration_sha256"])) == 64
    longer = tmp_path / "longer.asf"
    longer.write_text(asf.read_text().replace("length 7.1578", "length 7.2578"))
    capsys.readouterr()
    assert _retarget(acclaim, "--into", tmp_path / "data", "--companion", longer, "--baseline", base) == 3
    assert "left_hip to left_knee has changed by +5.6 mm since the baseline" in capsys.readouterr().err
