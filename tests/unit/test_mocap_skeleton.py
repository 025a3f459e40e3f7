"""Names, units, axes and inferred joints: from any skeleton to the canonical one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64, frozen_i64
from understudy.mocap._canonical import canonical_positions, fill_toes, rest_pose
from understudy.mocap._euler import zxy_degrees
from understudy.mocap._names import DIALECTS, find_limbs, plain_name, side_and_part, without_common_prefix
from understudy.mocap._tree import Layout, Tree, lay_out
from understudy.mocap._units import LEG_RANGE_M, UNITS_M, UP_AXES, metres_per_unit, up_axis
from understudy.spec.skeleton import INDEX, JOINTS


@pytest.mark.parametrize(
    ("name", "side", "part"),
    [
        ("LeftUpLeg", "left", "upleg"),
        ("mixamorig:RightForeArm", "right", "forearm"),
        ("mixamorig_LeftArm", "left", "arm"),
        ("Character1_LeftFoot", "left", "foot"),
        ("UpperLeg_L", "left", "upperleg"),
        ("LowerLeg_R", "right", "lowerleg"),
        ("thigh_l", "left", "thigh"),
        ("ball_l", "left", "ball"),
        ("Bip01 R UpperArm", "right", "upperarm"),
        ("ValveBiped.Bip01_L_Calf", "left", "calf"),
        ("DEF-upper_arm.R", "right", "upperarm"),
        ("lfemur", "left", "femur"),
        ("rradius", "right", "radius"),
        ("LFArm", "left", "farm"),
        ("KneeRight", "right", "knee"),
        ("L_Ankle", "left", "ankle"),
        ("right_upLeg_joint", "right", "upleg"),
        ("|group|LeftHand", "left", "hand"),
    ],
)
def test_a_name_is_a_side_and_a_part(name: str, side: str, part: str) -> None:
    assert side_and_part(name) == (side, part)


@pytest.mark.parametrize(
    "name", ["Hips", "Spine1", "Neck", "LeftUpLegTwist", "LHipJoint", "LeftHandThumb1", "radius", "Leg", "", "left"]
)
def test_other_names_are_no_part(name: str) -> None:
    assert side_and_part(name) is None


def test_every_part_is_found_on_both_sides_and_never_confused() -> None:
    for dialect in DIALECTS:
        for words in dialect.parts.values():
            for word in words:
                assert side_and_part(f"Left{word.capitalize()}") == ("left", word)
                assert side_and_part(f"{word}_r") == ("right", word)
                assert side_and_part(f"l{word}") == ("left", word)


def test_what_all_names_begin_with_is_left_out() -> None:
    assert without_common_prefix(["Anna_Hips", "Anna_LeftLeg"]) == ["Hips", "LeftLeg"]
    assert without_common_prefix(["Hips", "LeftLeg"]) == ["Hips", "LeftLeg"]
    assert without_common_prefix([]) == []
    assert plain_name("Bip01 L Toe0") == "ltoe0"


def test_missing_joints_come_with_the_nearest_names() -> None:
    names = [f"{s}{p}" for s in ("Left", "Right") for p in ("UpLeg", "Leg", "Foot", "Arm", "ForeArm", "Hand")]
    names[names.index("RightHand")] = "RightHnd"
    with pytest.raises(
        MocapError, match=r"x\.bvh: required joints are missing: right_wrist \(such as 'RightHand'; nearest is 'RightHnd'\)"
    ):
        find_limbs(names, "x.bvh")
    with pytest.raises(MocapError, match=r"left_hip.*right_wrist"):
        find_limbs(["Cube"], "x.bvh")


# ---------------------------------------------------------------- units and axes


def test_units_never_overlap_so_one_fits_at_most() -> None:
    low, high = LEG_RANGE_M
    scales = sorted(UNITS_M.values())
    assert all(b / a > high / low for a, b in pairwise(scales))


@pytest.mark.parametrize("unit", UNITS_M)
@pytest.mark.parametrize("leg_m", [0.601, 0.83, 1.199])
def test_the_unit_is_found_from_the_leg(unit: str, leg_m: float) -> None:
    assert metres_per_unit(leg_m / UNITS_M[unit], None, "x") == UNITS_M[unit]


@pytest.mark.parametrize("leg_m", [0.59, 1.21])
def test_legs_of_no_person_are_refused(leg_m: float) -> None:
    with pytest.raises(MocapError, match="the unit cannot be found"):
        metres_per_unit(leg_m, None, "x")


@pytest.mark.parametrize("up", UP_AXES)
def test_axis_maps_are_rotations_that_take_the_axis_to_z(up: str) -> None:
    rotation = UP_AXES[up]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    axis = np.eye(3)["xyz".index(up[-1])] * (-1.0 if up[0] == "-" else 1.0)
    np.testing.assert_allclose(rotation @ axis, [0, 0, 1])
    assert up_axis(np.tile(axis * 1.5 + 0.1, (4, 1)), axis) == (up, None)


def test_someone_who_lies_is_turned_by_the_rest_pose_with_a_warning() -> None:
    lying = np.array([[1.0, 0.1, 0.0], [-1.0, 0.1, 0.0]])
    axis, warning = up_axis(lying, np.array([0.0, 1.5, 0.0]))
    assert axis == "y"
    assert warning is not None
    assert "not upright" in warning


# ---------------------------------------------------------------- joints that a file lacks

_BARE: list[tuple[str, str, tuple[float, float, float]]] = [
    ("Hips", "", (0, 0, 1.0)),
    ("LeftUpLeg", "Hips", (0, 0.1, 0.9)), ("LeftLeg", "LeftUpLeg", (0, 0.1, 0.5)), ("LeftFoot", "LeftLeg", (0, 0.1, 0.1)),
    ("RightUpLeg", "Hips", (0, -0.1, 0.9)), ("RightLeg", "RightUpLeg", (0, -0.1, 0.5)), ("RightFoot", "RightLeg", (0, -0.1, 0.1)),
    ("LeftArm", "Hips", (0, 0.2, 1.4)), ("LeftForeArm", "LeftArm", (0, 0.5, 1.4)), ("LeftHand", "LeftForeArm", (0, 0.8, 1.4)),
    ("RightArm", "Hips", (0, -0.2, 1.4)), ("RightForeArm", "RightArm", (0, -0.5, 1.4)),
    ("RightHand", "RightForeArm", (0, -0.8, 1.4)),
]  # fmt: skip


def _tree(joints: list[tuple[str, str, tuple[float, float, float]]]) -> Tree:
    names = [name for name, _, _ in joints]
    parents = [names.index(parent) if parent else -1 for _, parent, _ in joints]
    ends = [name.endswith("End") for name in names]
    return Tree(names, frozen_i64(parents), np.array([pos for _, _, pos in joints]), ends)


def _pose(joints: list[tuple[str, str, tuple[float, float, float]]]) -> tuple[Layout, F64]:
    tree = _tree(joints)
    layout = lay_out(tree, "x")
    nodes = layout.nodes()
    return layout, fill_toes(canonical_positions(tree.pos[None, nodes], nodes, layout))[0]


def test_a_skeleton_of_twelve_limbs_is_completed() -> None:
    layout, pos = _pose(_BARE)
    expected = {
        "pelvis": (0, 0, 0.9),
        "neck": (0, 0, 1.4),
        "spine": (0, 0, 0.9 + 0.3 * 0.5),
        "chest": (0, 0, 0.9 + 0.65 * 0.5),
        "head": (0, 0, 1.4 + 0.33 * 0.5),
        "left_collar": (0, 0.04, 1.4),
        "left_hand": (0, 0.8 + 0.37 * 0.3, 1.4),
        "left_toe": (0.19 * 0.8, 0.1, 0.1 - 0.05 * 0.8),
        "right_toe": (0.19 * 0.8, -0.1, 0.1 - 0.05 * 0.8),
    }
    for joint, wanted in expected.items():
        np.testing.assert_allclose(pos[INDEX[joint]], wanted, atol=1e-12, err_msg=joint)
    assert {name for name in JOINTS if name not in layout.measured} == {*expected, "right_collar", "right_hand"} - {"pelvis"}
    assert rest_pose(pos) == "T"


def test_a_joint_that_is_lost_in_a_frame_takes_only_those_along_that_are_laid_between() -> None:
    tree = _tree(_BARE)
    layout = lay_out(tree, "x")
    nodes, pos = layout.nodes(), np.stack([tree.pos, tree.pos])
    pos[1, list(tree.names).index("LeftHand")] = np.nan
    found = canonical_positions(pos[:, nodes], nodes, layout)
    lost = {name for name in layout.weights if np.isnan(found[1, INDEX[name]]).any()}
    assert lost == {"left_wrist", "left_hand"}
    kept = [INDEX[name] for name in layout.weights if name not in lost]
    np.testing.assert_array_equal(found[1, kept], found[0, kept])


def test_what_the_hierarchy_holds_is_used() -> None:
    joints = [
        *_BARE[:7],
        ("Belly", "Hips", (0, 0, 1.05)), ("Ribs", "Belly", (0, 0, 1.25)),
        ("Neck", "Ribs", (0, 0, 1.45)), ("Head", "Neck", (0.02, 0, 1.6)),
        ("ClavL", "Ribs", (0, 0.05, 1.4)), ("LeftArm", "ClavL", (0, 0.2, 1.4)), *_BARE[8:10],
        ("RightArm", "Ribs", (0, -0.2, 1.4)), *_BARE[11:],
        ("LeftHandThumb", "LeftHand", (0.05, 0.85, 1.4)), ("LeftHandMid", "LeftHand", (0, 0.9, 1.4)),
        ("RightEnd", "RightHand", (0, -1.0, 1.4)), ("FootEnd", "LeftFoot", (0.2, 0.1, 0.02)),
    ]  # fmt: skip
    layout, pos = _pose(joints)
    for joint, wanted in {
        "spine": (0, 0, 1.05),
        "chest": (0, 0, 1.25),
        "neck": (0, 0, 1.45),
        "head": (0.02, 0, 1.6),
        "left_collar": (0, 0.05, 1.4),
        "left_hand": (0, 0.9, 1.4),
        "right_hand": (0, -0.9, 1.4),  # an end 0.2 m from the wrist is the fingertip: halved
        "left_toe": (0.2, 0.1, 0.02),
    }.items():
        np.testing.assert_allclose(pos[INDEX[joint]], wanted, atol=1e-12, err_msg=joint)
        assert joint in layout.measured
    assert "right_collar" not in layout.measured
    assert "right_toe" not in layout.measured


@pytest.mark.parametrize(("down_deg", "pose"), [(0.0, "T"), (45.0, "A"), (88.0, "other"), (-40.0, "other")])
def test_rest_pose_from_the_arms(down_deg: float, pose: str) -> None:
    _, pos = _pose(_BARE)
    pos = pos.copy()
    c, s = np.cos(np.radians(down_deg)), np.sin(np.radians(down_deg))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = pos[INDEX[f"{side}_shoulder"]]
        for part in ("elbow", "wrist"):
            reach = abs(pos[INDEX[f"{side}_{part}"], 1] - shoulder[1])
            pos[INDEX[f"{side}_{part}"]] = shoulder + np.array([0.0, sign * reach * c, -reach * s])
    assert rest_pose(pos) == pose


# ---------------------------------------------------------------- Euler angles for writing


def _rz_rx_ry(z: float, x: float, y: float) -> F64:
    (cz, cx, cy), (sz, sx, sy) = np.cos([z, x, y]), np.sin([z, x, y])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return np.asarray(rz @ rx @ ry)


def test_euler_angles_give_the_rotation_back_and_do_not_jump_past_90_degrees() -> None:
    x = np.linspace(0.0, 2.5, 60)
    z, y = 0.3 * np.sin(x), 0.2 * x
    rotations = np.array([_rz_rx_ry(*angles) for angles in zip(z, x, y, strict=True)])
    angles = np.radians(zxy_degrees(rotations))
    np.testing.assert_allclose(angles, np.stack([z, x, y], axis=1), atol=1e-9)


def test_euler_angles_at_the_lock() -> None:
    rotations = np.array([_rz_rx_ry(0.4, np.pi / 2.0, 0.3), _rz_rx_ry(0.4, -np.pi / 2.0, 0.3)])
    for rotation, (z, x, y) in zip(rotations, np.radians(zxy_degrees(rotations)), strict=True):
        np.testing.assert_allclose(_rz_rx_ry(z, x, y), rotation, atol=1e-7)
