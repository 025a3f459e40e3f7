"""Fingers and palms in every format that has them: which joint is which, left and right, and which way a hand closes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_to_matrix, rotvec_to_quat
from understudy.mocap._fingers import finger_of
from understudy.mocap._hand_model import mean_hand, mirrored_pose, pose_hand
from understudy.mocap.bvh import motion_from_bvh
from understudy.mocap.joint_array import write_joint_array
from understudy.mocap.motive_csv import MotiveCsv
from understudy.mocap.mvnx import PARENTS, MvnxReader
from understudy.mocap.read import read_motion
from understudy.retarget.clip import mirrored, trimmed, without_reference_pose
from understudy.simulate.walker import walk
from understudy.spec.hand import HAND_INDEX, palm_axes, palm_normal
from understudy.spec.skeleton import HAND_JOINTS, INDEX, SIDES, HumanMotion
from understudy.testing.hands import hand_in, with_hands
from understudy.testing.marker_files import motive_text

FORWARD, LEFT, UP = np.eye(3)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("LeftHandIndex1", ("left", "index", 1)), ("mixamorig:RightHandThumb3", ("right", "thumb", 3)),
        ("LeftInHandMiddle", ("left", "middle", 0)), ("LIndex1", ("left", "index", 1)), ("RPinky3", ("right", "little", 3)),
        ("index_01_l", ("left", "index", 1)), ("thumb_02_r", ("right", "thumb", 2)),
        ("index_metacarpal_l", ("left", "index", 0)), ("f_ring.01.L", ("left", "ring", 1)),
        ("leftLittleDistal", ("left", "little", 3)), ("rMid1", ("right", "middle", 1)),
        ("Bip01 L Finger11", ("left", "index", 1)),
        ("Bip01 R Finger0", ("right", "thumb", 1)), ("left_ring2", ("left", "ring", 2)),
        ("LeftSecondPP", ("left", "index", 1)), ("RightFifthDP", ("right", "little", 3)),
        ("left_index_tip", ("left", "index", 9)),
        ("left_handIndexStart_joint", ("left", "index", 0)),
        ("LeftHand", None), ("Spine1", None), ("LeftFoot", None), ("RightRing", ("right", "ring", 1)), ("LeftToeBase", None),
        ("index", None),
    ],
)  # fmt: skip
def test_names_of_finger_joints(name: str, found: tuple[str, str, int] | None) -> None:
    assert finger_of(name) == found


def _rows(fingers: bool) -> list[tuple[str, str, tuple[float, float, float]]]:
    """(joint, parent, offset in cm) of a person in a T that faces z, y up; a name in brackets is an End Site."""
    out = [("Hips", "", (0.0, 0.0, 0.0)), ("Spine", "Hips", (0.0, 5.0, 0.0)), ("Neck", "Spine", (0.0, 45.0, 0.0))]
    out += [("Head", "Neck", (0.0, 10.0, 0.0)), ("(Head)", "Head", (0.0, 15.0, 0.0))]
    for side, s in (("Left", 1.0), ("Right", -1.0)):
        chain = (("Shoulder", 5.0, 40.0), ("Arm", 12.0, 0.0), ("ForeArm", 28.0, 0.0), ("Hand", 25.0, 0.0))
        above = "Spine"
        for part, x, y in chain:
            out.append((side + part, above, (s * x, y, 0.0)))
            above = side + part
        if fingers:
            for name, z in (("Index", 2.5), ("Middle", 0.0), ("Ring", -2.0), ("Pinky", -4.0)):
                out.append((f"{side}Hand{name}1", f"{side}Hand", (s * 9.0, 0.0, z)))
                out.append((f"{side}Hand{name}2", f"{side}Hand{name}1", (s * 4.0, 0.0, 0.0)))
                out.append((f"{side}Hand{name}3", f"{side}Hand{name}2", (s * 2.5, 0.0, 0.0)))
                out.append((f"({side}{name})", f"{side}Hand{name}3", (s * 2.0, 0.0, 0.0)))
            out.append((f"{side}HandThumb1", f"{side}Hand", (s * 3.0, -1.0, 3.0)))
            out.append((f"({side}Thumb)", f"{side}HandThumb1", (s * 4.0, 0.0, 4.0)))
        else:
            out.append((f"({side}Hand)", f"{side}Hand", (s * 9.0, 0.0, 0.0)))
        out.append((f"{side}UpLeg", "Hips", (s * 9.0, 0.0, 0.0)))
        out.append((f"{side}Leg", f"{side}UpLeg", (0.0, -43.0, 0.0)))
        out.append((f"{side}Foot", f"{side}Leg", (0.0, -42.0, 0.0)))
        out.append((f"({side}Foot)", f"{side}Foot", (0.0, -6.0, 13.0)))
    return out


def _bvh(turns: Mapping[str, tuple[float, float, float]], *, fingers: bool = True, twist: bool = True) -> bytes:
    """A BVH of that person, held in four frames; joint to Euler angles z, y, x in degrees.

    In the last frame the forearms turn by 10 degrees where `twist` is set, as a person's do.
    """
    rows, order = _rows(fingers), list[str]()

    def block(name: str) -> list[str]:
        offset = "OFFSET {} {} {}".format(*next(row[2] for row in rows if row[0] == name))
        if name.startswith("("):
            return ["End Site", "{", offset, "}"]
        order.append(name)
        kind, channels = ("ROOT", "6 Xposition Yposition Zposition") if name == "Hips" else ("JOINT", "3")
        below = [line for child, parent, _ in rows if parent == name for line in block(child)]
        return [f"{kind} {name}", "{", offset, f"CHANNELS {channels} Zrotation Yrotation Xrotation", *below, "}"]

    head = block("Hips")
    frames = []
    for k in range(4):
        values = [0.0, 95.0, 0.0]
        for name in order:
            z, y, x = turns.get(name, (0.0, 0.0, 0.0))
            values += [z, y, x + (10.0 if twist and k == 3 and name.endswith("ForeArm") else 0.0)]
        frames.append(" ".join(f"{value:.6f}" for value in values))
    return "\n".join(["HIERARCHY", *head, "MOTION", "Frames: 4", "Frame Time: 0.05", *frames]).encode()


def _palms(motion: HumanMotion) -> F64:
    """(2, 3) normals out of the palms in the first frame."""
    assert motion.hand_radial_world is not None
    out = []
    for i, side in enumerate(SIDES):
        forward = motion.joint(f"{side}_hand")[0] - motion.joint(f"{side}_wrist")[0]
        out.append(palm_normal(forward / np.linalg.norm(forward), motion.hand_radial_world[0, i], side))
    return np.array(out)


def _curl(deg: float) -> dict[str, tuple[float, float, float]]:
    """Every finger joint of a T-posed BVH bent towards the palm: the left about -z, the right about z."""
    names = ("Index", "Middle", "Ring", "Pinky")
    return {f"{s}Hand{n}{k}": (turn, 0.0, 0.0) for s, turn in (("Left", -deg), ("Right", deg)) for n in names for k in (1, 2, 3)}


@pytest.mark.parametrize("fingers", [True, False])
def test_a_bvh_in_a_t_pose_has_its_palms_down_and_its_thumbs_forward(fingers: bool) -> None:
    motion = motion_from_bvh(_bvh({}, fingers=fingers), "a.bvh")
    assert motion.hand_radial_world is not None
    forward = np.cross(motion.joint("left_hip")[0] - motion.joint("right_hip")[0], UP)
    for radial in motion.hand_radial_world[0]:
        assert radial @ forward / np.linalg.norm(forward) > 0.99
    assert _palms(motion) @ UP == pytest.approx([-1.0, -1.0], abs=0.01)
    assert (motion.hand_pos_world_m is not None) == fingers


@pytest.mark.parametrize("fingers", [True, False])
def test_forearms_turned_so_that_the_thumbs_are_up(fingers: bool) -> None:
    """Thumbs forward to up: the left forearm, along x, turns by -90 degrees about it, and so does the right one."""
    turns = {f"{side}ForeArm": (0.0, 0.0, -90.0) for side in ("Left", "Right")}
    motion = motion_from_bvh(_bvh(turns, fingers=fingers), "a.bvh")
    assert motion.hand_radial_world is not None
    assert motion.hand_radial_world[0] @ UP == pytest.approx([1.0, 1.0], abs=0.01)


def test_a_forearm_that_never_twists_says_nothing_of_the_palm() -> None:
    assert motion_from_bvh(_bvh({}, fingers=False, twist=False), "a.bvh").hand_radial_world is None


def test_a_fist_in_a_bvh_closes_towards_the_palm() -> None:
    flat, fist = (motion_from_bvh(_bvh(_curl(deg)), "a.bvh").hand_pos_world_m for deg in (0.0, 80.0))
    assert flat is not None
    assert fist is not None
    for i, side in enumerate(SIDES):
        forward, radial = palm_axes(fist[0, i])
        normal = palm_normal(forward, radial, side)
        tip, knuckle = (fist[0, i, HAND_INDEX[f"middle_{part}"]] for part in ("tip", "1"))
        assert (tip - knuckle) @ normal > 0.01
        assert (tip - knuckle) @ forward < 0.0
        assert normal @ UP < -0.99
        straight = flat[0, i, HAND_INDEX["middle_tip"]] - flat[0, i, HAND_INDEX["middle_1"]]
        assert np.linalg.norm(straight) == pytest.approx(0.085, abs=1e-3)


def test_fingers_of_a_bvh_sample(samples: Path) -> None:
    motion = read_motion(samples / "bvh" / "test_freebvh.bvh")
    assert motion.hand_pos_world_m is not None
    assert motion.hand_radial_world is not None
    hands = motion.hand_pos_world_m
    for i, side in enumerate(SIDES):
        assert np.allclose(hands[:, i, 0], motion.joint(f"{side}_wrist"))
        size = np.median(np.linalg.norm(hands[:, i, HAND_INDEX["middle_tip"]] - hands[:, i, 0], axis=1))
        assert 0.07 < size < 0.24  # a drawn figure's hands are small
        thumb = hands[:, i, HAND_INDEX["thumb_2"]] - hands[:, i, 0]
        assert (np.sum(thumb * motion.hand_radial_world[:, i], axis=1) > 0).all()


def _amass(path: Path, poses: F64) -> HumanMotion:
    frames = len(poses)
    trans = np.tile([0.0, 0.0, 0.9], (frames, 1))
    np.savez(path, poses=poses, trans=trans, mocap_framerate=30.0, betas=np.zeros(10), gender="neutral")
    return read_motion(path)


def _smplh(frames: int = 5) -> F64:
    poses = np.zeros((frames, 52, 3))
    poses[:, 0] = [np.pi / 2.0, 0.0, 0.0]
    return poses


def test_a_t_pose_of_amass_has_its_thumbs_forward_and_an_upturned_palm_up(tmp_path: Path) -> None:
    poses = _smplh()
    poses[1:, 20] = [-np.pi / 2.0, 0.0, 0.0]
    motion = _amass(tmp_path / "a.npz", poses.reshape(5, -1))
    assert motion.hand_radial_world is not None
    assert motion.hand_radial_world[0] @ -LEFT == pytest.approx([1.0, 1.0], abs=1e-6)  # the person faces -y
    assert motion.hand_radial_world[1] @ UP == pytest.approx([1.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("width", [156, 165])
def test_fingers_of_amass_close_towards_the_palm(width: int, tmp_path: Path) -> None:
    poses = _smplh()
    poses[1:, 22:34, 2] = -1.2
    poses[1:, 37:49, 2] = 1.2
    flat = poses.reshape(5, -1)
    if width == 165:
        flat = np.concatenate([flat[:, :66], np.zeros((5, 9)), flat[:, 66:]], axis=1)
    hands = _amass(tmp_path / "a.npz", flat).hand_pos_world_m
    assert hands is not None
    for i, side in enumerate(SIDES):
        normal = palm_normal(*palm_axes(hands[1, i]), side)
        assert normal @ UP == pytest.approx(-1.0, abs=1e-6)
        assert (hands[1, i, HAND_INDEX["index_tip"]] - hands[1, i, HAND_INDEX["index_1"]]) @ normal > 0.02
        assert (hands[0, i, HAND_INDEX["index_tip"]] - hands[0, i, HAND_INDEX["index_1"]]) @ normal == pytest.approx(0, abs=1e-9)


def test_hands_that_repeat_one_pose_are_not_measured(tmp_path: Path) -> None:
    poses = _smplh()
    poses[:, 22:52, 2] = 0.3
    assert _amass(tmp_path / "a.npz", poses.reshape(5, -1)).hand_pos_world_m is None


def test_the_mean_hand_is_a_hand_of_either_side() -> None:
    left, right = (mean_hand(side) for side in SIDES)
    assert left * np.array([-1.0, 1.0, 1.0]) == pytest.approx(right)
    length = np.linalg.norm(right[HAND_INDEX["middle_tip"]])
    assert 0.16 < length < 0.20
    breadth = right[HAND_INDEX["index_1"]] - right[HAND_INDEX["little_1"]]
    assert 0.04 < np.linalg.norm(breadth * np.array([0.0, 1.0, 1.0])) < 0.07
    rng = np.random.default_rng(3)
    pose = rng.normal(0, 0.4, (1, 15, 3))
    both = []
    for side, rotvec in (("left", mirrored_pose(pose)), ("right", pose)):
        both.append(pose_hand(mean_hand(side), quat_to_matrix(rotvec_to_quat(rotvec)), np.eye(3)[None]))
    assert both[0] * np.array([-1.0, 1.0, 1.0]) == pytest.approx(both[1])


def _mvnx(turn: str, *, glove: str = "") -> str:
    """A T-posed person facing x with both hands' segments turned."""
    place = {"Pelvis": (0, 0, 1.0), "L5": (0, 0, 1.1), "L3": (0, 0, 1.2), "T12": (0, 0, 1.3), "T8": (0, 0, 1.35)}
    place |= {"Neck": (0, 0, 1.55), "Head": (0, 0, 1.65)}
    rows: dict[str, tuple[float, float, float]] = {k: (float(x), float(y), z) for k, (x, y, z) in place.items()}
    for side, s in (("Left", 1.0), ("Right", -1.0)):
        for part, y in (("Shoulder", 0.03), ("UpperArm", 0.17), ("ForeArm", 0.45), ("Hand", 0.7)):
            rows[f"{side}{part}"] = (0.0, s * y, 1.5)
        for part, z in (("UpperLeg", 1.0), ("LowerLeg", 0.55), ("Foot", 0.1)):
            rows[f"{side}{part}"] = (0.0, s * 0.09, z)
        rows[f"{side}Toe"] = (0.13, s * 0.09, 0.02)
    names = ["Pelvis", *PARENTS]
    segments = "".join(f'<segment label="{n}" id="{k}"><points/></segment>' for k, n in enumerate(names))
    quats = " ".join(turn if n.endswith("Hand") else "1 0 0 0" for n in names)
    pos = " ".join("{} {} {}".format(*rows[n]) for n in names)
    frame = f"<orientation>{quats}</orientation><position>{pos}</position>{glove}"
    frames = "".join(f'<frame time="{10 * t}" index="{t}" type="normal">{frame}</frame>' for t in range(4))
    gloves = ""
    if glove:
        parts = ("MC", "PP", "MP", "DP")
        labels = [f"{w}{p}" for w in ("First", "Second", "Third", "Fourth", "Fifth") for p in parts if (w, p) != ("First", "MP")]
        for side in ("Left", "Right"):
            own = "".join(f'<segment label="{side}{label}"/>' for label in ("Carpus", *labels))
            gloves += f"<fingerTrackingSegments{side}>{own}</fingerTrackingSegments{side}>"
    return (
        '<?xml version="1.0"?><mvnx version="4"><subject label="A" frameRate="100" configuration="FullBody">'
        f"<segments>{segments}</segments>{gloves}<frames>{frames}</frames></subject></mvnx>"
    )


def _read_mvnx(tmp_path: Path, text: str) -> HumanMotion:
    path = tmp_path / "a.mvnx"
    path.write_text(text)
    return MvnxReader().read(path)


def test_segments_of_mvnx_say_how_the_palms_are_turned(tmp_path: Path) -> None:
    down = _read_mvnx(tmp_path, _mvnx("1 0 0 0")).hand_radial_world
    assert down is not None
    assert down[0] @ FORWARD == pytest.approx([1.0, 1.0])
    half = np.sqrt(0.5)
    up = _read_mvnx(tmp_path, _mvnx(f"{half} 0 {-half} 0")).hand_radial_world  # x to z about -y
    assert up is not None
    assert up[0] @ UP == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("in_world", [True, False])
def test_gloves_of_mvnx(in_world: bool, tmp_path: Path) -> None:
    glove = ""
    for side, s in (("Left", 1.0), ("Right", -1.0)):
        points = [(0.0, 0.0, 0.0), (0.02, 0.02, -0.01), (0.05, 0.05, -0.01), (0.07, 0.07, -0.01)]
        for x in (0.02, 0.0, -0.02, -0.035):
            points += [(x / 2, 0.02, 0.0), (x, 0.09, 0.0), (x, 0.13, 0.0), (x, 0.13, -0.025)]
        base = (0.0, s * 0.7, 1.5) if in_world else (0.0, 0.0, 0.0)
        text = " ".join(f"{base[0] + x} {base[1] + s * y} {base[2] + z}" for x, y, z in points)
        glove += f"<positionFingers{side}>{text}</positionFingers{side}>"
    motion = _read_mvnx(tmp_path, _mvnx("1 0 0 0", glove=glove))
    assert motion.hand_pos_world_m is not None
    assert motion.hand_radial_world is not None
    for i, s in enumerate((1.0, -1.0)):
        hand = motion.hand_pos_world_m[0, i]
        assert hand[HAND_INDEX["index_1"]] == pytest.approx([0.02, s * 0.79, 1.5])
        assert hand[HAND_INDEX["index_3"]] == pytest.approx([0.02, s * 0.83, 1.475])
        assert np.isnan(hand[HAND_INDEX["index_tip"]]).all()
        assert hand[HAND_INDEX["thumb_1"]] == pytest.approx([0.02, s * 0.72, 1.49])
    assert motion.hand_radial_world[0] @ FORWARD == pytest.approx([1.0, 1.0], abs=1e-6)


def _motive(tmp_path: Path, hand_xyzw: tuple[float, float, float, float], *, along: float = 1.0) -> HumanMotion:
    """A T-posed skeleton of Motive facing z, its hands turned."""
    rows = {
        "Person": (0.0, 0.95, 0.0),
        "Ab": (0.0, 1.05, 0.0),
        "Chest": (0.0, 1.2, 0.0),
        "Neck": (0, 1.5, 0),
        "Head": (0, 1.6, 0),
    }
    for letter, s in (("L", along), ("R", -along)):
        for part, x in (("Shoulder", 0.05), ("UArm", 0.17), ("FArm", 0.45), ("Hand", 0.7)):
            rows[letter + part] = (s * x, 1.45, 0.0)
        for part, y, z in (("Thigh", 0.95, 0.0), ("Shin", 0.52, 0.0), ("Foot", 0.09, 0.0), ("Toe", 0.02, 0.13)):
            rows[letter + part] = (s * 0.09, y, z)
    quat = [hand_xyzw if name.endswith("Hand") else (0.0, 0.0, 0.0, 1.0) for name in rows]
    text = motive_text(
        list(rows), np.tile(np.array(list(rows.values())), (6, 1, 1)), 100.0, kind="Bone", version="1.23",
        quat_xyzw=np.tile(np.array(quat), (6, 1, 1)),
    )  # fmt: skip
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    return MotiveCsv().read(path)


def test_hands_of_motive_say_how_the_palms_are_turned(tmp_path: Path) -> None:
    half = np.sqrt(0.5)
    down = _motive(tmp_path, (0.0, 0.0, 0.0, 1.0))
    assert down.hand_radial_world is not None
    assert down.hand_radial_world[0] @ -LEFT == pytest.approx([1.0, 1.0], abs=1e-6)  # z of the file is -y of the world
    up = _motive(tmp_path, (-half, 0.0, 0.0, half)).hand_radial_world
    assert up is not None
    assert up[0] @ UP == pytest.approx([1.0, 1.0], abs=1e-5)
    other_rig = _motive(tmp_path, (0.0, 0.0, half, half))  # its hand's axis is not the arm's
    assert other_rig.hand_radial_world is None


def _gestures() -> HumanMotion:
    """A walk whose left hand is a fist and whose right hand pinches."""
    motion = walk(duration_s=2.0, rate_hz=30.0)
    radial = np.broadcast_to(FORWARD, (len(motion), 2, 3))
    return with_hands(motion, np.stack([hand_in("fist"), hand_in("pinch")]), radial)


def test_joint_arrays_carry_fingers(tmp_path: Path) -> None:
    motion = _gestures()
    write_joint_array(motion, tmp_path / "a.npz")
    back = read_motion(tmp_path / "a.npz")
    assert back.hand_pos_world_m is not None
    assert motion.hand_pos_world_m is not None
    assert back.hand_pos_world_m == pytest.approx(motion.hand_pos_world_m, abs=1e-9)
    assert back.joint_pos_world_m == pytest.approx(motion.joint_pos_world_m, abs=1e-9)
    assert back.hand_radial_world is not None


def test_the_mirror_image_exchanges_the_hands() -> None:
    motion = _gestures()
    other = mirrored(motion)
    assert motion.hand_pos_world_m is not None
    assert other.hand_pos_world_m is not None
    across = np.array([1.0, -1.0, 1.0])
    assert other.hand_pos_world_m[:, 1] == pytest.approx(motion.hand_pos_world_m[:, 0] * across)
    assert np.allclose(other.hand_pos_world_m[:, 0, 0], other.joint("left_wrist"))
    for i, side in enumerate(SIDES):
        axes = [palm_axes(hands[0, i]) for hands in (other.hand_pos_world_m, motion.hand_pos_world_m[:, ::-1])]
        normals = [palm_normal(*a, s) for a, s in zip(axes, (side, SIDES[1 - i]), strict=True)]
        assert normals[0] == pytest.approx(normals[1] * across)
    assert mirrored(other).hand_pos_world_m == pytest.approx(motion.hand_pos_world_m)


def test_a_stretch_of_a_clip_takes_its_hands_along() -> None:
    motion = _gestures()
    part = trimmed(motion, 0.5, 1.0)
    assert part.hand_pos_world_m is not None
    assert part.hand_radial_world is not None
    assert len(part.hand_pos_world_m) == len(part.hand_radial_world) == len(part)
    assert np.allclose(part.hand_pos_world_m[:, :, 0], part.joint_pos_world_m[:, [INDEX[f"{s}_wrist"] for s in SIDES]])


def test_a_reference_pose_is_left_out_of_the_hands_too() -> None:
    motion = _gestures()
    pos = motion.joint_pos_world_m.copy()
    pos[0] += 3.0
    assert motion.hand_pos_world_m is not None
    hands = motion.hand_pos_world_m.copy()
    hands[0] += 3.0
    fixed, said = without_reference_pose(replace(motion, joint_pos_world_m=pos, hand_pos_world_m=hands))
    assert said
    assert fixed.hand_pos_world_m is not None
    assert fixed.hand_pos_world_m[0] == pytest.approx(fixed.hand_pos_world_m[1])


def test_made_hands_are_hands() -> None:
    for gesture in ("flat", "fist", "pinch", "half"):
        hand = hand_in(gesture)
        assert hand.shape == (len(HAND_JOINTS), 3)
        forward, radial = palm_axes(hand)
        assert forward @ [1, 0, 0] > 0.99
        assert radial @ [0, 1, 0] > 0.99
