"""The H1 of figures against both files of its maker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.kinematics.model_file import read_model_file
from understudy.kinematics.sole_fit import outline_error, sole_hull

pin = pytest.importorskip("pinocchio", reason="Pinocchio does not load: sudo apt-get install libgomp1", exc_type=ImportError)


@pytest.fixture(params=["urdf/h1.urdf", "mjcf/h1.xml"])
def maker(request: pytest.FixtureRequest, samples: Path) -> Any:
    path = samples / "models" / "h1" / str(request.param)
    if path.suffix == ".xml":
        return pin.buildModelFromMJCF(str(path))
    return pin.buildModelFromXML(read_model_file(path).text, pin.JointModelFreeFlyer())


def test_kinematics_and_limits_agree(maker: Any) -> None:
    robot = load_robot("unitree_h1")
    assert tuple(maker.names[2:]) == robot.joint_names
    np.testing.assert_allclose(maker.lowerPositionLimit[7:], robot.lower_rad, atol=1e-9)
    np.testing.assert_allclose(maker.upperPositionLimit[7:], robot.upper_rad, atol=1e-9)
    data, rng = maker.createData(), np.random.default_rng(3)
    joint_pos = rng.uniform(robot.lower_rad, robot.upper_rad, size=(100, robot.dof))
    poses = body_poses(robot, np.zeros((100, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (100, 1)), joint_pos)
    for step, angles in enumerate(joint_pos):
        pin.forwardKinematics(maker, data, np.concatenate([[0, 0, 0, 0, 0, 0, 1], angles]))
        places = np.array([data.oMi[k].translation for k in range(1, maker.njoints)])
        np.testing.assert_allclose(poses.pos_world_m[step], places, atol=1e-3)


def test_masses_are_those_of_the_mjcf(samples: Path) -> None:
    model: Any = pin.buildModelFromMJCF(str(samples / "models/h1/mjcf/h1.xml"))
    robot = load_robot("unitree_h1")
    np.testing.assert_allclose(robot.mass_kg, [inertia.mass for inertia in list(model.inertias)[1:]], atol=1e-9)
    np.testing.assert_allclose(robot.com_body_m, [inertia.lever for inertia in list(model.inertias)[1:]], atol=1e-9)
    np.testing.assert_allclose(robot.inertia_body_kgm2, [inertia.inertia for inertia in list(model.inertias)[1:]], atol=1e-6)


def test_motors_are_those_of_the_urdf(samples: Path) -> None:
    model: Any = pin.buildModelFromXML(read_model_file(samples / "models/h1/urdf/h1.urdf").text, pin.JointModelFreeFlyer())
    robot = load_robot("unitree_h1")
    effort = model.effortLimit if hasattr(model, "effortLimit") else model.upperEffortLimit
    np.testing.assert_allclose(np.asarray(effort)[6:], robot.effort_nm)
    np.testing.assert_allclose(np.asarray(model.velocityLimit)[6:], robot.velocity_rad_s)


def test_the_sole_is_that_of_the_mesh(samples: Path) -> None:
    from understudy.kinematics.geometry import link_points

    shapes = link_points(read_model_file(samples / "models/h1/urdf/h1.urdf"), visual=True)
    robot = load_robot("unitree_h1")
    for side in ("left", "right"):
        sole = robot.profile.soles[side]
        mesh = shapes[sole.link]
        assert outline_error(np.array(sole.outline_m), sole_hull(mesh)) < 5e-4
        # the underside is rounded: the outline lies on its edges, 3.5 mm above the middle line
        assert np.array(sole.outline_m)[:, 2] == pytest.approx(mesh[:, 2].min() + 0.0035, abs=1e-4)
