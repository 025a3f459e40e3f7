"""Every fault that a profile or model file can have gives one clear message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.errors import MissingDependencyError, ModelError, UnknownNameError
from understudy.kinematics.load import load_robot, robot_names
from understudy.kinematics.model_file import model_file, read_model_file
from understudy.spec.profile_text import profile_toml
from understudy.spec.profiles import load_profile, read_profile
from understudy.spec.robot import Expect, ModelSource, RobotProfile


def _write(folder: Path, profile: RobotProfile) -> str:
    path = folder / "robot.toml"
    path.write_text(profile_toml(profile), encoding="utf-8")
    return str(path)


def _h1_as_urdf(folder: Path, change: Callable[[str], str]) -> str:
    """A profile whose model is a URDF file with the H1's figures, after `change`."""
    profile = load_profile("unitree_h1")
    model = folder / "model.urdf"
    model.write_text(change(model_file(profile).text), encoding="utf-8")
    source = ModelSource(kind="path", path="model.urdf")
    return _write(folder, profile.model_copy(update={"model": source, "figures": None}))


def test_known_robots_load_with_their_figures() -> None:
    assert {"unitree_g1", "unitree_g1_hands", "unitree_h1"} <= set(robot_names())
    g1, h1 = load_robot("unitree_g1"), load_robot("unitree_h1")
    assert (g1.dof, round(float(g1.mass_kg.sum()), 2)) == (29, 33.34)
    assert (h1.dof, round(float(h1.mass_kg.sum()), 2)) == (19, 51.65)
    assert g1.joint_names[:2] == ("left_hip_pitch_joint", "left_hip_roll_joint")
    assert g1.effort_nm[g1.joint_index("left_knee_joint")] == 139.0
    assert len(g1.model_sha256) == 64
    assert h1.model_path is None


def test_joints_keep_the_order_of_the_file() -> None:
    """Unitree's hands go thumb, middle, index; Pinocchio would sort them by name."""
    hand = [name for name in load_robot("unitree_g1_hands").joint_names if name.startswith("left_hand")]
    assert [name.split("_")[2] for name in hand] == ["thumb", "thumb", "thumb", "middle", "middle", "index", "index"]


def test_a_relative_model_path_is_taken_from_the_profile(tmp_path: Path) -> None:
    robot = load_robot(_h1_as_urdf(tmp_path, lambda text: text))
    assert robot.joint_names == load_robot("unitree_h1").joint_names
    assert robot.model_path == str(tmp_path / "model.urdf")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("effort='300.0'", "effort='0'", "effort limit is not above zero: left_knee_joint"),
        ("velocity='14.0'", "velocity='0'", "velocity limit is not above zero"),
        ("lower='-0.26'", "lower='3.0'", "lower limit is not below the upper limit"),
        ("mass value='17.789'", "mass value='7.79'", "total mass 41.651 kg"),
        ("mass value='17.789'", "mass value='nan'", "(NaN|parsed|mass)"),
        ('"left_knee_joint"', '"right_knee_joint"', "(twice|parsed|2 times)"),
        ("type='revolute'", "type='continuous'", "only revolute joints with limits"),
        ("type='revolute'", "type='prismatic'", "only revolute joints with limits"),
        ("</robot>", "", "not XML"),
        ('<link name="pelvis">', '<link name="pelvis"><visual><geometry><mesh filename="a.stl"/></geometry></visual>', "a.stl"),
    ],
)
def test_a_broken_model_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    with pytest.raises(ModelError, match=said):
        load_robot(_h1_as_urdf(tmp_path, change))


@pytest.mark.usefixtures("pinocchio")
def test_a_doubled_robot_is_refused(tmp_path: Path) -> None:
    """Two <worldbody> blocks: Pinocchio reads the robot twice and says nothing."""
    hinge = '<joint name="{n}" axis="0 0 1" range="-1 1"/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
    body = (
        '<body name="{p}pelvis"><freejoint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
        f'<body name="{{p}}leg">{hinge}</body></body>'
    )
    blocks = "".join(f"<worldbody>{body.format(p=p, n=f'{p}knee')}</worldbody>" for p in ("", "again_"))
    (tmp_path / "two.xml").write_text(f'<mujoco><compiler angle="radian"/>{blocks}</mujoco>', encoding="utf-8")
    profile = load_profile("unitree_h1").model_copy(
        update={
            "model": ModelSource(kind="path", path="two.xml"),
            "figures": None,
            "expect": Expect(dof=1, mass_kg=2.0),
            "home_rad": {},
        }
    )
    with pytest.raises(ModelError, match="joint pelvis_free is of type JointModelFreeFlyer"):
        load_robot(_write(tmp_path, profile))


def _profile_with(**changes: object) -> RobotProfile:
    return load_profile("unitree_g1").model_copy(update=changes)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (_profile_with(links={**load_profile("unitree_g1").links, "head": "helmet"}), "links.head names link 'helmet'"),
        (_profile_with(links={**load_profile("unitree_g1").links, "pelvis": "torso_link"}), "links.pelvis must name the root"),
        (_profile_with(groups={"left_leg": ("left_knee_joint",)}), "groups must hold every joint once"),
        (_profile_with(home_rad={"left_knee_joint": 9.0}), "home_rad is outside the limits: left_knee_joint"),
        (_profile_with(home_rad={"tail_joint": 0.1}), "home_rad names joints .* tail_joint"),
        (_profile_with(points={}), "points lacks"),
        (_profile_with(collision_ignore=(("head", "nobody"),)), "nobody"),
        (_profile_with(model=ModelSource(kind="path", path="/nowhere/g1.urdf")), "cannot be read"),
        (_profile_with(model=ModelSource(kind="cloud")), "kind 'cloud' is unknown"),
        (_profile_with(model=ModelSource(kind="figures")), "no \\[figures\\]"),
    ],
)
def test_a_broken_profile_is_named(tmp_path: Path, profile: RobotProfile, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_robot(_write(tmp_path, profile))


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    source = ModelSource(kind="package", package="no-such-robot-data", path="a.urdf")
    with pytest.raises(MissingDependencyError, match="pip install no-such-robot-data"):
        load_robot(_write(tmp_path, _profile_with(model=source)))


def test_an_unknown_robot_comes_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'unitree_g1'"):
        load_robot("unitre_g1")
    with pytest.raises(ModelError, match="cannot be read"):
        load_robot(str(tmp_path / "none.toml"))


def test_profile_errors_name_the_key(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    good = profile_toml(load_profile("unitree_g1"))
    for old, new, said in (
        ("dof = 29", 'dof = "many"', "key expect.dof"),
        ("standing_height_m", "standing_hight_m", "key standing_height_m: Field required"),
        ("dof = 29", "dof = ", "not valid TOML"),
    ):
        path.write_text(good.replace(old, new), encoding="utf-8")
        with pytest.raises(ModelError, match=said):
            read_profile(path)


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    """Entities that stand for entities can make a kilobyte a gigabyte."""
    path = tmp_path / "bomb.urdf"
    path.write_text('<!DOCTYPE r [<!ENTITY a "aaaa">]><robot name="&a;"/>', encoding="utf-8")
    with pytest.raises(ModelError, match="document type"):
        read_model_file(path)
