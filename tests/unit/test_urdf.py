"""The URDF reader: laws, hand-computed figures, faults by name, and Pinocchio as the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.errors import ModelError
from understudy.kinematics.model_file import model_file
from understudy.kinematics.urdf import parse_urdf
from understudy.spec.profiles import load_profile

LIMIT = '<limit lower="-1" upper="2" effort="30" velocity="4"/>'
SMALL = f"""<robot name="r">
<link name="base"><inertial><mass value="2"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
<link name="plate"><inertial><origin xyz="0 0 1"/><mass value="2"/></inertial></link>
<link name="arm"/><link name="hand"/>
<joint name="b_mount" type="fixed"><parent link="base"/><child link="plate"/><origin xyz="1 0 0" rpy="0 0 1.5707963267948966"/>
</joint>
<joint name="c_turn" type="revolute"><parent link="plate"/><child link="arm"/><origin xyz="0 3 0"/><axis xyz="0 0 -2"/>{LIMIT}
</joint>
<joint name="a_turn" type="revolute"><parent link="base"/><child link="hand"/><origin xyz="0 0 5"/>{LIMIT}</joint>
</robot>"""


def test_fixed_links_join_the_body_that_carries_them() -> None:
    model = parse_urdf(SMALL, "small.urdf")
    assert model.joint_names == ("c_turn", "a_turn")  # in the order of the file
    assert model.body_parent == (0, 0)
    np.testing.assert_allclose(model.pos_parent_joint_m, [[-2, 0, 0], [0, 0, 5]], atol=1e-15)  # 1 + Rz(90) (0, 3)
    np.testing.assert_allclose(model.rot_parent_joint[0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-15)
    np.testing.assert_allclose(model.axis_joint, [[0, 0, -1], [1, 0, 0]])
    np.testing.assert_allclose((model.lower_rad, model.upper_rad), [[-1, -1], [2, 2]])
    np.testing.assert_allclose((model.effort_nm, model.velocity_rad_s), [[30, 30], [4, 4]])
    assert model.frames["plate"].body == 0
    np.testing.assert_allclose(model.frames["plate"].pos_body_frame_m, [1, 0, 0])


def test_masses_add_up_about_the_common_centre() -> None:
    model = parse_urdf(SMALL, "small.urdf")
    np.testing.assert_allclose(model.mass_kg, [4, 0, 0])
    np.testing.assert_allclose(model.com_body_m[0], [0.5, 0, 0.5])
    # unit inertia of the base, and two points of 2 kg each half of (1, 0, 1) away from the centre
    np.testing.assert_allclose(model.inertia_body_kgm2[0], [[2, 0, -1], [0, 3, 0], [-1, 0, 2]], atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ('type="revolute"', 'type="continuous"', "joint a_turn is of type continuous"),
        (LIMIT, "", "revolute without limits"),
        ('<parent link="base"/><child link="hand"/>', '<parent link="bse"/><child link="hand"/>', "its parent is link 'bse'"),
        ('<link name="hand"/>', '<link name="hand"/><link name="arm"/>', "link 'arm' is there 2 times"),
        ('<child link="hand"/>', '<child link="arm"/>', "child link 'arm' is there 2 times"),
        ('<link name="hand"/>', '<link name="hand"/><link name="alone"/>', "links without a parent: base, alone"),
        ('value="2"', 'value="heavy"', "link base: mass is 'heavy'; a number is needed"),
        ('xyz="0 0 5"', 'xyz="0 5"', "joint a_turn: xyz is '0 5'; 3 numbers are needed"),
        ('xyz="0 0 -2"', 'xyz="0 0 0"', "joint c_turn: its axis is zero"),
    ],
)
def test_faults_are_named(wrong: str, right: str, said: str) -> None:
    assert wrong in SMALL
    text = SMALL.replace(wrong, right) if wrong != 'type="revolute"' else SMALL.replace(f'a_turn" {wrong}', f'a_turn" {right}')
    with pytest.raises(ModelError, match=f"^small.urdf: .*{said}"):
        parse_urdf(text, "small.urdf")


def test_a_loop_beside_the_tree_is_refused() -> None:
    ring = "".join(
        f'<link name="{a}"/><joint name="{a}{b}" type="fixed"><parent link="{a}"/><child link="{b}"/></joint>'
        for a, b in (("x", "y"), ("y", "x"))
    )
    with pytest.raises(ModelError, match="hangs on a loop"):
        parse_urdf(SMALL.replace("</robot>", ring + "</robot>"), "small.urdf")


@pytest.mark.parametrize("robot", ["unitree_g1", "unitree_g1_hands", "unitree_h1"])
def test_it_reads_what_pinocchio_reads(robot: str, pinocchio: Any) -> None:
    pin = pinocchio
    file = model_file(load_profile(robot))
    found = parse_urdf(file.text, file.where)
    oracle = pin.buildModelFromXML(file.text, pin.JointModelFreeFlyer())
    assert set(found.joint_names) == set(list(oracle.names)[2:])
    joints = [oracle.getJointId(name) for name in found.joint_names]  # Pinocchio sorts limbs by name
    body_of = {1: 0, **{joint: place + 1 for place, joint in enumerate(joints)}}
    at = [oracle.joints[i].idx_v - 6 for i in joints]
    assert found.body_parent == tuple(body_of[oracle.parents[i]] for i in joints)
    for ours, theirs in (
        (found.rot_parent_joint, [oracle.jointPlacements[i].rotation for i in joints]),
        (found.pos_parent_joint_m, [oracle.jointPlacements[i].translation for i in joints]),
        (found.mass_kg, [oracle.inertias[i].mass for i in (1, *joints)]),
        (found.com_body_m, [oracle.inertias[i].lever for i in (1, *joints)]),
        (found.inertia_body_kgm2, [oracle.inertias[i].inertia for i in (1, *joints)]),
        (found.lower_rad, oracle.lowerPositionLimit[7:][at]),
        (found.upper_rad, oracle.upperPositionLimit[7:][at]),
        (found.velocity_rad_s, oracle.velocityLimit[6:][at]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)
    links = [frame for frame in oracle.frames if frame.type == pin.FrameType.BODY and frame.parentJoint >= 1]
    assert {str(frame.name) for frame in links} == set(found.frames)
    for frame in links:
        placed = found.frames[str(frame.name)]
        assert placed.body == body_of[frame.parentJoint]
        np.testing.assert_allclose(placed.pos_body_frame_m, frame.placement.translation, rtol=0, atol=1e-14)
        np.testing.assert_allclose(placed.rot_body_frame, frame.placement.rotation, rtol=0, atol=1e-14)
