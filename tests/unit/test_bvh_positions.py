"""Where BVH joints are: against hand-computed poses and against a slow, independent forward kinematics."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.mocap._bvh_fk import joint_positions
from understudy.mocap._bvh_parse import parse_bvh
from understudy.mocap.read import read_motion
from understudy.spec.skeleton import JOINTS, HumanMotion

_ARM = """HIERARCHY
ROOT a
{
 OFFSET 9 9 9
 CHANNELS 6 Xposition Yposition Zposition %s
 JOINT b
 {
  OFFSET 1 0 0
  CHANNELS 3 Zrotation Yrotation Xrotation
  JOINT c { OFFSET 1 0 0 CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation
   End Site
   {
    OFFSET 0 0 2
   }
  }
 }
}
MOTION
Frames: 3
Frame Time: 0.01
"""


def _tip(order: str, frame: str) -> list[list[float]]:
    file = parse_bvh((_ARM % order + "\n".join([frame] * 3)).encode(), "arm.bvh")
    assert file.hierarchy.names == ("a", "b", "c", "c (end)")
    return [[round(float(v), 9) + 0.0 for v in point] for point in joint_positions(file.hierarchy, file.values, [0, 1, 2, 3])[1]]


def test_one_turn_about_each_axis_by_hand() -> None:
    zyx = "Zrotation Yrotation Xrotation"
    rest = " 0 0 0  0 0 0  0 0 0"
    # z by 90 degrees takes x to y; the root's position stands in place of its OFFSET
    assert _tip(zyx, "5 0 0  90 0 0" + rest) == [[5, 0, 0], [5, 1, 0], [5, 2, 0], [5, 2, 2]]
    # y by 90 takes z to x and x to -z
    assert _tip(zyx, "0 0 0  0 90 0" + rest) == [[0, 0, 0], [0, 0, -1], [0, 0, -2], [2, 0, -2]]
    # x by 90 takes z to -y
    assert _tip(zyx, "0 0 0  0 0 90" + rest) == [[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, -2, 0]]


def test_the_first_channel_is_the_outermost_rotation() -> None:
    rest = " 0 0 0  0 0 0  0 0 0"
    # Rz(90) Rx(90) z = Rz(90) (-y) = x ; Rx(90) Rz(90) z = Rx(90) z = -y
    assert _tip("Zrotation Xrotation Yrotation", "0 0 0  90 90 0" + rest)[3] == [2, 2, 0]
    assert _tip("Xrotation Zrotation Yrotation", "0 0 0  90 90 0" + rest)[3] == [0, -2, 2]


def test_position_channels_replace_the_offset_unless_they_are_zero_throughout() -> None:
    turn = "0 0 0  90 0 0  0 0 0  "
    assert _tip("Zrotation Yrotation Xrotation", turn + "0 0 0  0 0 0")[2] == [0, 2, 0]
    assert _tip("Zrotation Yrotation Xrotation", turn + "3 0 1  0 0 0")[2] == [0, 4, 1]


def test_rotations_act_on_children_only() -> None:
    assert _tip("Zrotation Yrotation Xrotation", "0 0 0  0 0 0  90 0 0  0 0 0  0 0 0") == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 2],
    ]


# ---------------------------------------------------------------- an independent reading of the samples


def _reference(path: Path, frame: int) -> dict[str, F64]:
    """World positions of one frame by recursion over the text, joint by joint; end sites are `<parent>/end`."""
    head, body = re.split(r"\bMOTION\b", path.read_text(), maxsplit=1)
    rows = body.strip().splitlines()[2:]
    numbers = iter([float(word) for word in rows[frame].split()])
    words = iter(head.split())
    out: dict[str, F64] = {}

    def joint(name: str, parent: F64) -> None:
        local = np.eye(4)
        for word in words:
            if word == "OFFSET":
                local[:3, 3] = [float(next(words)) for _ in range(3)]
            elif word == "CHANNELS":
                for _ in range(int(next(words))):
                    channel, value = next(words), next(numbers)
                    axis = "XYZ".index(channel[0])
                    if channel.endswith("position"):
                        local[axis, 3] = value
                    else:
                        local = local @ _elementary(axis, math.radians(value))
            elif word == "JOINT":
                joint(next(words), parent @ local)
            elif word == "End":
                next(words)
                joint(f"{name}/end", parent @ local)
            elif word == "}":
                break
        out[name] = (parent @ local)[:3, 3]

    assert next(words) == "HIERARCHY"
    assert next(words) == "ROOT"
    joint(next(words), np.eye(4))
    return out


def _elementary(axis: int, angle: float) -> F64:
    out, (i, j) = np.eye(4), ((axis + 1) % 3, (axis + 2) % 3)
    out[i, i] = out[j, j] = math.cos(angle)
    out[j, i], out[i, j] = math.sin(angle), -math.sin(angle)
    return out


_LAFAN = {
    "left_hip": "LeftUpLeg",
    "right_knee": "RightLeg",
    "left_ankle": "LeftFoot",
    "right_shoulder": "RightArm",
    "left_wrist": "LeftHand",
}
_XSENS = {
    "left_hip": "LeftHip",
    "right_knee": "RightKnee",
    "left_ankle": "LeftAnkle",
    "right_shoulder": "RightShoulder",
    "left_wrist": "LeftWrist",
}

SAMPLES = {
    "bvh/01_01.bvh": (
        0.0254 / 0.45,
        2752,
        120.0,
        {**_LAFAN, "neck": "Neck", "head": "Head", "left_hand": "LFingers", "left_toe": "LeftToeBase"},
    ),
    "bvh/AV_8Walk_Meredith_HVHA_Rep1.bvh": (
        0.0254,
        1064,
        120.0,
        {**_LAFAN, "head": "Head", "right_hand": "RightHand_End", "spine": "Spine"},
    ),
    "bvh/test_freebvh.bvh": (
        0.01,
        69,
        30.0,
        {
            k: f"mixamorig:{v}"
            for k, v in {**_LAFAN, "neck": "Neck", "left_hand": "LeftHandMiddle1", "right_collar": "RightShoulder"}.items()
        },
    ),
    "bvh/test_mocapbank.bvh": (
        0.01,
        455,
        30.0,
        {**_XSENS, "left_toe": "LeftAnkle/end", "chest": "Chest2", "left_collar": "LeftCollar"},
    ),
    "mvnx/test_mocap.bvh": (0.01, 112, 60.0, {**_XSENS, "right_toe": "RightToe", "neck": "Neck"}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_agree_with_an_independent_forward_kinematics(name: str, samples: Path) -> None:
    unit_m, frames, rate_hz, joints = SAMPLES[name]
    motion = read_motion(samples / name)
    assert len(motion) == frames
    assert motion.source.rate_hz == pytest.approx(rate_hz, rel=1e-9)
    assert motion.source.unit_m == pytest.approx(unit_m)
    assert motion.source.up == "y"
    for frame in (0, 1, frames // 2, frames - 1):
        reference = _reference(samples / name, frame)
        for joint, source in joints.items():
            x, y, z = unit_m * reference[source]
            np.testing.assert_allclose(motion.joint(joint)[frame], [x, -z, y], atol=1e-9, err_msg=f"{joint} in frame {frame}")


def test_what_a_sample_lacks_is_inferred_and_said(samples: Path) -> None:
    motion = read_motion(samples / "bvh" / "AV_8Walk_Meredith_HVHA_Rep1.bvh")
    assert [name for name, there in zip(JOINTS, motion.measured, strict=True) if not there] == ["chest", "neck"]
    middle = (motion.joint("left_shoulder") + motion.joint("right_shoulder")) / 2.0
    np.testing.assert_allclose(motion.joint("neck"), middle, atol=1e-12)


def test_the_pelvis_is_the_middle_of_the_hips(samples: Path) -> None:
    motion = read_motion(samples / "bvh" / "01_01.bvh")
    np.testing.assert_allclose(motion.joint("pelvis"), (motion.joint("left_hip") + motion.joint("right_hip")) / 2.0, atol=1e-12)


def test_a_reference_pose_in_the_first_frame_is_said(samples: Path) -> None:
    assert "reference pose" in read_motion(samples / "bvh" / "01_01.bvh").source.warnings[0]
    assert read_motion(samples / "bvh" / "test_mocapbank.bvh").source.warnings == ()


def test_motion_is_frozen(samples: Path) -> None:
    motion: HumanMotion = read_motion(samples / "bvh" / "test_freebvh.bvh")
    with pytest.raises(ValueError, match="read-only"):
        motion.joint_pos_world_m[0, 0, 0] = 1.0


def test_some_nodes_lie_where_they_lie_among_all(samples: Path) -> None:
    """What nothing hangs on is not turned, and what is not wanted is not placed; neither shows."""
    file = parse_bvh((samples / "bvh" / "test_freebvh.bvh").read_bytes(), "test_freebvh.bvh")
    count = len(file.hierarchy.names)
    everything = joint_positions(file.hierarchy, file.values, list(range(count)))
    rng = np.random.default_rng(3)
    for nodes in ([0], [count - 1], sorted(rng.choice(count, 7, replace=False).tolist())):
        np.testing.assert_array_equal(joint_positions(file.hierarchy, file.values, nodes), everything[:, nodes])
