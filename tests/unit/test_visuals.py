"""Meshes of robots and primitive shapes: closed, facing outwards, and the same shape when thinned."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import ModelError
from understudy.geom.arrays import F64, I64
from understudy.kinematics import mujoco_model
from understudy.kinematics.load import load_robot
from understudy.scenes._shapes import capsule_between, primitive_mesh
from understudy.scenes.visuals import Visual, model_visuals, robot_visuals, thin
from understudy.spec.robot import RobotModel


def volume(vertices: F64, faces: I64) -> float:
    """Signed volume: positive where faces turn counter-clockwise seen from outside."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.sum(a * np.cross(b, c)) / 6.0)


@pytest.mark.parametrize(
    ("kind", "size_m", "expected"),
    [
        ("box", [0.1, 0.2, 0.3], 8 * 0.1 * 0.2 * 0.3),
        ("sphere", [0.2, 0, 0], 4 / 3 * np.pi * 0.2**3),
        ("capsule", [0.1, 0.3, 0], np.pi * 0.1**2 * 0.6 + 4 / 3 * np.pi * 0.1**3),
        ("cylinder", [0.1, 0.3, 0], np.pi * 0.1**2 * 0.6),
        ("ellipsoid", [0.1, 0.2, 0.3], 4 / 3 * np.pi * 0.1 * 0.2 * 0.3),
    ],
)
def test_primitives_are_closed_and_face_outwards(kind: str, size_m: list[float], expected: float) -> None:
    vertices, faces = primitive_mesh(kind, np.array(size_m))
    assert volume(vertices, faces) == pytest.approx(expected, rel=0.05)


def test_a_plane_has_no_mesh() -> None:
    assert len(primitive_mesh("plane", np.zeros(3))[1]) == 0


def test_capsule_between_reaches_beyond_both_ends_by_its_radius() -> None:
    a, b = np.array([0.1, 0.2, 0.3]), np.array([0.4, -0.2, 0.9])
    vertices, faces = capsule_between(a, b, 0.05)
    axis = (b - a) / np.linalg.norm(b - a)
    along = (vertices - a) @ axis
    assert along.min() == pytest.approx(-0.05, abs=1e-6)
    assert along.max() == pytest.approx(np.linalg.norm(b - a) + 0.05, abs=1e-6)
    assert volume(vertices, faces) > 0


def test_thinning_keeps_a_ball_a_ball() -> None:
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 120, endpoint=False), np.linspace(-1, 1, 80), indexing="ij")
    radius = np.sqrt(1 - height**2)
    vertices = 0.1 * np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)
    i, k = np.meshgrid(np.arange(120), np.arange(79), indexing="ij")
    here, right = i * 80 + k, (i + 1) % 120 * 80 + k
    lower = np.stack([here, right, right + 1], -1).reshape(-1, 3)
    upper = np.stack([here, right + 1, here + 1], -1).reshape(-1, 3)
    whole = Visual("ball", 0, vertices.reshape(-1, 3), np.concatenate([lower, upper]), (1.0, 1.0, 1.0, 1.0))
    small = thin(whole, 0.02)
    assert len(small.faces) < 0.2 * len(whole.faces)
    assert volume(small.vertices_body_m, small.faces) == pytest.approx(volume(whole.vertices_body_m, whole.faces), rel=0.05)
    assert np.linalg.norm(small.vertices_body_m, axis=1).max() < 0.11
    assert small.faces.max() == len(small.vertices_body_m) - 1


def test_nothing_is_thinned_at_cell_zero() -> None:
    vertices, faces = primitive_mesh("sphere", np.array([0.1, 0, 0]))
    whole = Visual("ball", 0, vertices, faces, (1.0, 1.0, 1.0, 1.0))
    assert thin(whole, 0.0) is whole


def test_g1_shapes_sit_on_their_own_bodies() -> None:
    robot = load_robot("unitree_g1")
    visuals = robot_visuals(robot)
    assert {v.body for v in visuals} == set(range(robot.dof + 1))
    assert sum(len(v.faces) for v in visuals) < 60_000
    left_foot = [v for v in visuals if v.body == robot.joint_index("left_ankle_roll_joint") + 1]
    assert min(float(v.vertices_body_m[:, 2].min()) for v in left_foot) == pytest.approx(-0.035, abs=0.012)


def test_a_mesh_that_mujoco_does_not_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Collada:
        def compile(self) -> None:
            raise ValueError("Error: no decoder found for mesh file 'head.dae'\nElement name 'head'")

    monkeypatch.setattr(mujoco_model, "mujoco_spec", lambda *_, **__: Collada())
    with pytest.raises(ModelError, match=r"no decoder found for mesh file 'head.dae' Element.*export its meshes as STL or OBJ"):
        robot_visuals(load_robot("unitree_h1"), cell_m=0.5)


def test_where_visual_meshes_are_not_read_the_shapes_that_collide_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    made = mujoco_model.mujoco_model

    def without_visuals(robot: RobotModel, *, visuals: bool = True) -> object:
        if visuals:
            raise ModelError("head.dae")
        return made(robot, visuals=False)

    monkeypatch.setattr(mujoco_model, "mujoco_model", without_visuals)
    robot = load_robot("unitree_g1")
    shown = robot_visuals(robot, cell_m=0.3)
    assert {v.body for v in shown} <= set(range(robot.dof + 1))
    assert len(shown) > 3


def test_bodies_with_visual_shapes_do_not_show_their_collision_shapes() -> None:
    import mujoco

    xml = """<mujoco><worldbody><geom type="plane" size="1 1 .1"/><body name="pelvis"><freejoint/>
      <geom type="box" size=".1 .1 .1" contype="0" conaffinity="0" rgba="1 0 0 1"/><geom type="sphere" size=".2"/>
      <body name="leg" pos="0 0 -.5"><joint name="j" type="hinge"/><geom type="capsule" size=".05 .2" mass="1"/>
        <body name="welded" pos="0 .1 0"><geom type="box" size=".1 .1 .1" contype="0" conaffinity="0"/></body></body>
      </body></worldbody></mujoco>"""
    visuals = model_visuals(mujoco.MjModel.from_xml_string(xml), ("j",))
    assert [(v.body, v.rgba[0]) for v in visuals[:1]] == [(0, 1.0)]
    assert [v.body for v in visuals] == [0, 1, 1]
    np.testing.assert_allclose(visuals[2].vertices_body_m.mean(axis=0), [0.0, 0.1, 0.0], atol=1e-9)


def test_what_is_smaller_than_a_cell_does_not_vanish() -> None:
    vertices, faces = primitive_mesh("sphere", np.array([0.01, 0.0, 0.0]))
    small = thin(Visual("pea", 0, vertices, faces, (1.0, 1.0, 1.0, 1.0)), 0.5)
    assert len(small.vertices_body_m) >= 4
    assert volume(small.vertices_body_m, small.faces) > 0.3 * volume(vertices, faces)
