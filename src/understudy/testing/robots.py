"""What every robot must satisfy: a suite for the author of a profile.

    check_robot(load_robot("my_robot"))                     # or, one test per law:
    @pytest.mark.parametrize("law", ROBOT_LAWS)
    def test_my_robot(law: str) -> None: ROBOT_LAWS[law](load_robot("my_robot"))

A law raises AssertionError that says which joint, point or link is wrong and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.collision import collision_model, self_distances
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.contact import foot_contact, sole_points
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.load import build_robot
from understudy.kinematics.robot_json import check_robot_json, read_robot_json, write_robot_json
from understudy.spec.profile_text import profile_toml
from understudy.spec.profiles import read_profile
from understudy.spec.robot import RobotModel

SIDES = ("left", "right")
_FLAT_M, _MIRROR_M = 0.002, 0.005


def check_robot(robot: RobotModel) -> None:
    """Run every law.

    Raises:
        AssertionError: the first law that is broken.
    """
    for law in ROBOT_LAWS.values():
        law(robot)


def limits_are_sane(robot: RobotModel) -> None:
    """Ranges hold the home pose, are under a turn and a half, and motors are neither dead nor rockets."""
    for k, name in enumerate(robot.joint_names):
        lower, upper, home = robot.lower_rad[k], robot.upper_rad[k], robot.home_rad[k]
        assert lower <= home <= upper, f"{name}: home {home:.3f} outside {lower:.3f} .. {upper:.3f}"
        assert 0.05 < upper - lower < 3.0 * np.pi, f"{name}: a range of {upper - lower:.3f} rad"
        assert 0.1 <= robot.effort_nm[k] <= 1000.0, f"{name}: effort {robot.effort_nm[k]} Nm"
        assert 0.5 <= robot.velocity_rad_s[k] <= 100.0, f"{name}: velocity {robot.velocity_rad_s[k]} rad/s"


def masses_are_physical(robot: RobotModel) -> None:
    """Every body has mass, and a positive inertia that some solid can have."""
    for body, (mass, inertia) in enumerate(zip(robot.mass_kg, robot.inertia_body_kgm2, strict=True)):
        main = np.linalg.eigvalsh(inertia)
        assert mass > 0.0, f"body {body} has a mass of {mass} kg"
        assert main[0] > 0.0, f"body {body} has principal inertias {main}: all must be above 0"
        assert main[0] + main[1] >= 0.98 * main[2], f"body {body} has principal inertias {main}: no solid has these"


def parents_come_first(robot: RobotModel) -> None:
    """A joint stands after every joint between it and the root; axes are unit vectors."""
    for joint, parent in enumerate(robot.body_parent):
        assert 0 <= parent <= joint, f"{robot.joint_names[joint]} is mounted on body {parent}, which comes later"
    np.testing.assert_allclose(np.linalg.norm(robot.axis_joint, axis=1), 1.0, atol=1e-9)


def home_stands_on_flat_soles(robot: RobotModel) -> None:
    """In the home pose both soles lie flat on z = 0 and carry the centre of mass."""
    poses = _home(robot)
    soles = sole_points(robot, poses)
    for side in SIDES:
        z = soles[side][0, :, 2]
        assert np.abs(z).max() < _FLAT_M, (
            f"{side} sole between {z.min():.4f} and {z.max():.4f} m, 0 is wanted: set standing_height_m"
        )
    ground = np.concatenate([soles[side][0, :, :2] for side in SIDES])
    com = center_of_mass(robot, poses)[0, :2]
    assert (ground.min(axis=0) < com).all(), f"centre of mass {com} lies behind or beside the soles"
    assert (com < ground.max(axis=0)).all(), f"centre of mass {com} lies before or beside the soles"
    still = BodyPoses(np.repeat(poses.pos_world_m, 3, axis=0), np.repeat(poses.rot_world, 3, axis=0))
    assert foot_contact(robot, still, np.array([0, 10**8, 2 * 10**8])).all(), "the standing feet are not seen as standing"


def soles_turn_counter_clockwise(robot: RobotModel) -> None:
    """Sole outlines are convex and counter-clockwise from above, under the ankle."""
    soles = sole_points(robot, _home(robot))
    at = _points(robot)
    for side in SIDES:
        ring = soles[side][0, :, :2]
        along = np.roll(ring, -1, axis=0) - ring
        after = np.roll(along, -1, axis=0)
        turn = along[:, 0] * after[:, 1] - along[:, 1] * after[:, 0]
        assert (turn > -1e-9).all(), f"{side} sole: the outline is not convex and counter-clockwise"
        ankle = at[f"{side}_ankle"][:2]
        inside = (ring.min(axis=0) < ankle) & (ankle < ring.max(axis=0))
        assert inside.all(), f"{side} ankle {ankle} is not above its sole"


def body_is_upright(robot: RobotModel) -> None:
    """Ankle, knee, hip, pelvis, neck stand above one another, and the toes point along x."""
    at = _points(robot)
    for side in SIDES:
        for low, high in (("ankle", "knee"), ("knee", "hip")):
            assert at[f"{side}_{low}"][2] < at[f"{side}_{high}"][2], f"{side}_{low} is above {side}_{high}"
        assert at[f"{side}_hip"][2] < at["neck"][2], f"{side}_hip is above the neck"
        assert at[f"{side}_elbow"][2] < at[f"{side}_shoulder"][2], (
            f"{side}_elbow is above the shoulder: the home pose hangs the arms"
        )
        if f"{side}_toe" in at:
            assert at[f"{side}_toe"][0] > at[f"{side}_ankle"][0] + 0.02, (
                f"{side}_toe is not in front of the ankle: x must point forward"
            )


def left_mirrors_right(robot: RobotModel) -> None:
    """Left points have y > 0 and are the mirror images of the right ones."""
    at = _points(robot)
    for name in [name for name in at if name.startswith("left_")]:
        other = "right_" + name.removeprefix("left_")
        assert other in at, f"{name} has no {other}"
        assert at[name][1] > 0.0, f"{name} has y = {at[name][1]:.3f}: left is +y"
        gap = np.abs(at[name] * [1.0, -1.0, 1.0] - at[other]).max()
        assert gap < _MIRROR_M, f"{name} and {other} differ from mirror images by {1000 * gap:.1f} mm"
    for name in ("pelvis", "neck"):
        assert abs(at[name][1]) < _MIRROR_M, f"{name} is {1000 * at[name][1]:.1f} mm off the middle"


def knees_bend_backward(robot: RobotModel) -> None:
    """The knee's larger range takes the ankle behind and up."""
    for side in SIDES:
        knee = robot.frame(robot.profile.points[f"{side}_knee"].link).body - 1
        far = robot.upper_rad if robot.upper_rad[knee] > -robot.lower_rad[knee] else robot.lower_rad
        bent = np.zeros(robot.dof)
        bent[knee] = 0.5 * far[knee]
        straight, folded = _points(robot, np.zeros(robot.dof)), _points(robot, bent)
        moved = folded[f"{side}_ankle"] - straight[f"{side}_ankle"]
        assert moved[0] < -0.02, f"{robot.joint_names[knee]}: bending moves the ankle forward by {moved[0]:.3f} m"
        assert moved[2] > 0.02, f"{robot.joint_names[knee]}: bending lowers the ankle by {-moved[2]:.3f} m"


def groups_cover_both_sides(robot: RobotModel) -> None:
    """Both legs and arms are there, equally long, and every joint is in one group."""
    groups = robot.profile.groups
    assert sorted(name for joints in groups.values() for name in joints) == sorted(robot.joint_names)
    for limb in ("leg", "arm"):
        left, right = groups.get(f"left_{limb}", ()), groups.get(f"right_{limb}", ())
        assert left, f"group left_{limb} is missing"
        assert len(left) == len(right), f"left_{limb} has {len(left)} joints, right_{limb} {len(right)}"
    for name, joints in groups.items():
        order = [robot.joint_index(joint) for joint in joints]
        assert order == sorted(order), f"group {name} is not in the model's order"


def home_is_free_of_collision(robot: RobotModel) -> None:
    """Standing at home touches nothing, and there are pairs to watch."""
    if not robot.profile.capsules:
        return
    model = collision_model(robot)
    assert len(model.pair) > 0, "no pair of capsules is watched"
    distance = self_distances(robot, _home(robot), model).distance_m[0]
    worst = int(np.argmin(distance))
    assert distance[worst] >= 0.0, f"{model.pair_names[worst]} overlap by {-1000 * distance[worst]:.1f} mm in the home pose"


def profile_survives_toml(robot: RobotModel) -> None:
    """Written as TOML and read back, the profile gives the same robot."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "profile.toml"
        path.write_text(profile_toml(robot.profile), encoding="utf-8")
        again = read_profile(path)
    assert again == robot.profile, "the profile changes when it is written and read"
    assert build_robot(again).joint_names == robot.joint_names


def robot_json_fits(robot: RobotModel) -> None:
    """robot.json holds the joint order and is accepted for this robot."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "robot.json"
        write_robot_json(robot, path)
        check_robot_json(robot, path)
        assert read_robot_json(path).joint_names == robot.joint_names


ROBOT_LAWS: Mapping[str, Callable[[RobotModel], None]] = {
    law.__name__: law
    for law in (
        limits_are_sane,
        masses_are_physical,
        parents_come_first,
        home_stands_on_flat_soles,
        soles_turn_counter_clockwise,
        body_is_upright,
        left_mirrors_right,
        knees_bend_backward,
        groups_cover_both_sides,
        home_is_free_of_collision,
        profile_survives_toml,
        robot_json_fits,
    )
}


def _home(robot: RobotModel, joint_pos: F64 | None = None) -> BodyPoses:
    """One step in the home pose (or another) with the root upright at standing height."""
    root = np.array([[0.0, 0.0, robot.profile.standing_height_m]])
    angles = robot.home_rad if joint_pos is None else joint_pos
    return body_poses(robot, root, np.array([[1.0, 0.0, 0.0, 0.0]]), np.array(angles)[None])


def _points(robot: RobotModel, joint_pos: F64 | None = None) -> dict[str, F64]:
    poses = _home(robot, joint_pos)
    return {name: poses.points(*robot.point(name))[0] for name in robot.profile.points}
