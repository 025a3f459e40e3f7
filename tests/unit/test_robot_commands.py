"""`understudy robots`, `robot show`, `robot inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.kinematics.inspect_model import inspect_model
from understudy.kinematics.load import load_robot
from understudy.kinematics.robot_json import read_robot_json
from understudy.testing.robots import ROBOT_LAWS


def test_robots_lists_every_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["robots", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["unitree_g1"]["state"] == "ok"
    assert rows["unitree_h1"]["joints"] == "19"
    assert main(["robots"]) == 0
    assert "unitree_g1" in capsys.readouterr().out


def test_show_writes_robot_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "robot.json"
    assert main(["robot", "show", "unitree_g1", "--json", str(out)]) == 0
    assert "left_knee_joint" in capsys.readouterr().out
    assert read_robot_json(out).name == "unitree_g1"


def test_an_unknown_robot_is_unusable_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["robot", "show", "unitree_g2"]) == 3
    assert "did you mean 'unitree_g1'" in capsys.readouterr().err


def test_inspect_refuses_what_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "robot.urdf"
    path.write_text("<html/>", encoding="utf-8")
    assert main(["robot", "inspect", str(path)]) == 3
    assert "root element is <html>" in capsys.readouterr().err


@pytest.mark.usefixtures("pinocchio")
def test_inspect_finds_the_g1_again(tmp_path: Path) -> None:
    """What is guessed from the model alone agrees with the profile that people wrote."""
    known = load_robot("unitree_g1")
    assert known.model_path is not None
    out = tmp_path / "guess.toml"
    assert main(["robot", "inspect", known.model_path, "--out", str(out)]) == 0
    guess = load_robot(str(out))
    assert guess.profile.groups == known.profile.groups
    for name, link in guess.profile.links.items():
        if not name.endswith("hand"):  # the rubber hands are links of their own, on the wrists
            assert link == known.profile.links[name], name
    for name in ("pelvis", "neck", "left_hip", "right_wrist"):
        (body, offset), (wanted_body, wanted) = guess.point(name), known.point(name)
        assert body == wanted_body
        np.testing.assert_allclose(offset, wanted, atol=1e-4)
    for law in ("limits_are_sane", "left_mirrors_right", "soles_turn_counter_clockwise", "home_stands_on_flat_soles"):
        ROBOT_LAWS[law](guess)


def test_inspect_says_what_it_could_not_find(samples: Path) -> None:
    found = inspect_model(samples / "models/h1/mjcf/h1.xml")
    assert found.profile.links["left_hip"] == "left_hip_pitch_link"
    assert any("links.head" in point for point in found.open_points)
    assert found.profile.position_only_hands
    assert np.isclose(found.profile.expect.mass_kg, 51.65, atol=1e-2)
