"""OSC and VMC from bytes and figures written by hand from their descriptions, and from anything else."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.live._osc import OscMessage, parse_osc
from understudy.mocap.live._unity import REQUIRED, UNITY_TO_WORLD
from understudy.mocap.live._vmc_frames import Pose, VmcFrames
from understudy.mocap.live.vmc import Avatar, VmcStream
from understudy.simulate.walker import stand
from understudy.spec.skeleton import HAND_JOINTS, INDEX
from understudy.testing.live_senders_vmc import VmcSender

BUNDLE = bytes.fromhex(
    "2362756e646c6500"  # "#bundle" and a zero byte
    "83aa7e8080000000"  # half a second after 1 January 1970 in seconds since 1900
    "00000014"  # 20 bytes
    "2f564d432f4578742f540000"  # "/VMC/Ext/T" and two zero bytes
    "2c660000"  # ",f"
    "3fc00000"  # 1.5
    "0000004c"  # 76 bytes
    "2f564d432f4578742f426f6e652f506f73000000"  # "/VMC/Ext/Bone/Pos"
    "2c73666666666666 66000000"  # ",sfffffff"
    "4c656674557070657241726d00000000"  # "LeftUpperArm"
    "be000000" "3f800000" "00000000"  # -0.125 1 0
    "00000000" "00000000" "bf3504f3" "3f3504f3"  # x y z w: a quarter turn about -z
    "00000018"  # 24 bytes
    "2f564d432f4578742f4f4b00"  # "/VMC/Ext/OK"
    "2c690000"  # ",i"
    "00000001"
    "00000000"  # what is left over behind the arguments is no harm
)  # fmt: skip
NO_TURN = (0.0, 0.0, 0.0, 1.0)


def _t_pose() -> dict[str, Pose]:
    """Local positions of a person of 1.7 m in a T, in Unity's axes: x to the person's right, y up, z forward."""
    bones: dict[str, tuple[float, float, float]] = {
        "root": (0, 0, 0), "Hips": (0, 0.95, 0), "Spine": (0, 0.1, 0), "Chest": (0, 0.2, 0), "Neck": (0, 0.25, 0),
        "Head": (0, 0.1, 0),
    }  # fmt: skip
    for side, x in (("Left", -1.0), ("Right", 1.0)):
        bones |= {
            f"{side}UpperLeg": (0.09 * x, -0.05, 0), f"{side}LowerLeg": (0, -0.42, 0), f"{side}Foot": (0, -0.42, 0),
            f"{side}Toes": (0, -0.06, 0.13), f"{side}Shoulder": (0.03 * x, 0.2, 0), f"{side}UpperArm": (0.15 * x, 0, 0),
            f"{side}LowerArm": (0.28 * x, 0, 0), f"{side}Hand": (0.25 * x, 0, 0),
            f"{side}IndexProximal": (0.09 * x, 0, 0.03), f"{side}IndexIntermediate": (0.04 * x, 0, 0),
            f"{side}IndexDistal": (0.025 * x, 0, 0),
        }  # fmt: skip
    return {bone: (float(x), float(y), float(z), *NO_TURN) for bone, (x, y, z) in bones.items()}


def _turned(poses: dict[str, Pose], bone: str, axis: str, angle_rad: float) -> dict[str, Pose]:
    quaternion = [0.0, 0.0, 0.0, math.cos(angle_rad / 2.0)]
    quaternion["xyz".index(axis)] = math.sin(angle_rad / 2.0)
    x, y, z = poses[bone][:3]
    return {**poses, bone: (x, y, z, quaternion[0], quaternion[1], quaternion[2], quaternion[3])}


def _joints(poses: dict[str, Pose]) -> F64:
    return Avatar(poses, "test").joints(poses)[0]


def test_a_bundle_written_by_hand() -> None:
    packet = parse_osc(BUNDLE)
    assert packet.time == (0x83AA7E80 << 32) + (1 << 31)
    stamp, bone, ok = packet.messages
    assert (stamp.address, stamp.arguments) == ("/VMC/Ext/T", (1.5,))
    assert bone.address == "/VMC/Ext/Bone/Pos"
    assert bone.arguments[:5] == ("LeftUpperArm", -0.125, 1.0, 0.0, 0.0)
    assert bone.arguments[5:] == pytest.approx((0.0, -math.sqrt(0.5), math.sqrt(0.5)), abs=1e-7)
    assert (ok.address, ok.arguments) == ("/VMC/Ext/OK", (1,))


@pytest.mark.parametrize(
    ("data", "address", "arguments"),
    [
        (b"/a\0\0,\0\0\0", "/a", ()),
        (b"/abc\0\0\0\0,sis\0\0\0\0hi\0\0\0\0\0\x07abcd\0\0\0\0", "/abc", ("hi", 7, "abcd")),
        (b"/a\0\0,TFNI\0\0\0", "/a", (True, False, None, math.inf)),
        (b"/a\0\0,b\0\0\0\0\0\x05hello\0\0\0", "/a", (b"hello",)),
        (b"/a\0\0,[ih]\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\x09", "/a", (-1, 9)),
    ],
)
def test_messages_written_by_hand(data: bytes, address: str, arguments: tuple[object, ...]) -> None:
    packet = parse_osc(data)
    assert packet.time is None
    assert packet.messages == (OscMessage(address, arguments),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a text without an end"),
        (b"abc\0,\0\0\0", "an address begins with 'abc'"),
        (b"/a\0\0i\0\0\0", "a comma and up to"),
        (b"/a\0\0,q\0\0", "type 'q' is not known"),
        (b"/a\0\0,f\0\0\0\0", "cut off"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xff", "a blob of -1 bytes"),
        (b"#bundle\0\0\0\0", "ends before its time does"),
        (b"#bundle\0" + bytes(8) + b"\x7f\xff\xff\xfc", "an element of 2147483644 bytes"),
        (b"#bundle\0" + bytes(8) + b"\0\0\0\x03abc", "multiples of 4"),
        (b"".join(b"#bundle\0" + bytes(8) + (20 * k).to_bytes(4, "big") for k in range(19, -1, -1)), "deep in each other"),
    ],
)
def test_what_is_no_osc_is_named(data: bytes, said: str) -> None:
    with pytest.raises(MocapError) as caught:
        parse_osc(data)
    assert said in str(caught.value)


def test_left_stays_left() -> None:
    """Unity's +x is the right of a person who looks along +z; in the world the left is +y of one who looks along +x."""
    assert np.linalg.det(UNITY_TO_WORLD) == pytest.approx(-1.0)
    joints = _joints(_t_pose())
    np.testing.assert_allclose(joints[INDEX["left_wrist"]], (0.0, 0.03 + 0.15 + 0.28 + 0.25, 1.45), atol=1e-9)
    np.testing.assert_allclose(joints[INDEX["right_wrist"]], (0.0, -0.71, 1.45), atol=1e-9)
    np.testing.assert_allclose(joints[INDEX["left_toe"]], (0.13, 0.09, 0.0), atol=1e-9)
    np.testing.assert_allclose(joints[INDEX["pelvis"]], (0.0, 0.0, 0.9), atol=1e-9)


def test_a_raised_left_arm_is_the_left() -> None:
    """In Unity a positive turn about z takes right to up, so it takes left to down; a negative one raises the left arm."""
    joints = _joints(_turned(_t_pose(), "LeftUpperArm", "z", -math.pi / 2.0))
    np.testing.assert_allclose(joints[INDEX["left_wrist"]], (0.0, 0.18, 1.45 + 0.53), atol=1e-9)
    np.testing.assert_allclose(joints[INDEX["right_wrist"]], (0.0, -0.71, 1.45), atol=1e-9)


def test_turns_about_the_other_axes() -> None:
    """About y a positive turn takes forward (z) to right (x), about x it takes up (y) to forward (z)."""
    forward = _joints(_turned(_t_pose(), "LeftUpperArm", "y", math.pi / 2.0))
    np.testing.assert_allclose(forward[INDEX["left_wrist"]], (0.53, 0.18, 1.45), atol=1e-9)
    bowed = _joints(_turned(_t_pose(), "Spine", "x", math.pi / 2.0))
    np.testing.assert_allclose(bowed[INDEX["head"]], (0.55, 0.0, 1.05), atol=1e-9)
    kicked = _joints(_turned(_t_pose(), "RightUpperLeg", "x", -math.pi / 2.0))
    np.testing.assert_allclose(kicked[INDEX["right_ankle"]], (0.84, -0.09, 0.9), atol=1e-9)


def test_the_root_moves_and_turns_everything() -> None:
    poses = _turned(_t_pose(), "root", "y", math.pi / 2.0)
    poses["root"] = (2.0, 0.0, 3.0, *poses["root"][3:])
    joints = _joints(poses)
    np.testing.assert_allclose(joints[INDEX["left_wrist"]], (3.0 + 0.71, -2.0, 1.45), atol=1e-9)
    np.testing.assert_allclose(joints[INDEX["head"]], (3.0, -2.0, 1.6), atol=1e-9)


def test_fingers_bend_to_the_tip() -> None:
    poses = _t_pose()
    _, straight = Avatar(poses, "test").joints(poses)
    bent = _turned(poses, "LeftIndexDistal", "z", math.pi / 2.0)
    _, hands = Avatar(bent, "test").joints(bent)
    assert straight is not None
    assert hands is not None
    tip, last = HAND_JOINTS.index("index_tip"), HAND_JOINTS.index("index_3")
    np.testing.assert_allclose(straight[0, tip] - straight[0, last], (0.0, 0.02, 0.0), atol=1e-9)
    np.testing.assert_allclose(hands[0, tip] - hands[0, last], (0.0, 0.0, -0.02), atol=1e-9)
    assert np.isnan(hands[:, HAND_JOINTS.index("thumb_1")]).all()
    np.testing.assert_allclose(hands[1, 0], (0.0, -0.71, 1.45), atol=1e-9)


def test_an_avatar_without_the_optional_bones() -> None:
    poses = _t_pose()
    small = {bone: poses[bone] for bone in REQUIRED}
    for side, x in (("Left", -1.0), ("Right", 1.0)):
        small[f"{side}UpperArm"] = (0.18 * x, 0.4, 0.0, *NO_TURN)
    small["Head"] = (0.0, 0.55, 0.0, *NO_TURN)
    joints, hands = Avatar(small, "test").joints(small)
    assert hands is None
    assert np.isfinite(joints).all()
    np.testing.assert_allclose(joints[INDEX["left_wrist"]], (0.0, 0.71, 1.45), atol=1e-9)


def test_an_avatar_of_no_persons_size_is_refused() -> None:
    tiny = {bone: (0.3 * x, 0.3 * y, 0.3 * z, *rest) for bone, (x, y, z, *rest) in _t_pose().items()}
    with pytest.raises(MocapError, match=r"hip to knee to ankle is 0\.252 m"):
        _joints(tiny)  # type: ignore[arg-type]


def _messages(poses: dict[str, Pose]) -> tuple[OscMessage, ...]:
    return tuple(OscMessage(f"/VMC/Ext/{'Root' if b == 'root' else 'Bone'}/Pos", (b, *pose)) for b, pose in poses.items())


def _time(t_s: float) -> OscMessage:
    return OscMessage("/VMC/Ext/T", (t_s,))


def test_frames_without_a_time_are_told_apart_by_their_bones() -> None:
    frames, whole = VmcFrames(), []
    for k in range(5):
        for message in _messages({**_t_pose(), "Hips": (0.01 * k, 0.95, 0.0, *NO_TURN)}):
            whole += frames.take((message,))
    assert [frame.poses["Hips"][0] for frame in whole] == [0.01, 0.02, 0.03, 0.04]
    assert {frame.t_s for frame in whole} == {None}


def test_a_sender_that_changes_its_bones_is_followed() -> None:
    frames, poses = VmcFrames(), _t_pose()
    fewer = {bone: pose for bone, pose in poses.items() if "Index" not in bone}
    for k in range(12):
        sent = fewer if 4 <= k < 9 else poses
        whole = frames.take((*_messages({**sent, "Hips": (0.01 * k, 0.95, 0.0, *NO_TURN)}), _time(1.0 + k)))
        if k in (1, 2, 3, 7, 8, 10, 11):
            assert [frame.poses["Hips"][0] for frame in whole][-1:] == [0.01 * k], k
    assert frames.lost in (2, 3)


def test_a_sender_without_a_whole_body_is_named() -> None:
    frames = VmcFrames()
    for k in range(40):
        frames.take((*_messages({bone: pose for bone, pose in _t_pose().items() if "Leg" not in bone}), _time(k)))
    assert "never sends LeftUpperLeg, LeftLowerLeg, RightUpperLeg, RightLowerLeg;" in frames.unusable


@pytest.mark.parametrize("states", [(0,), (1, 3, 0, 0)])
def test_nothing_is_handed_out_while_the_sender_has_nothing(states: tuple[int, ...]) -> None:
    frames, poses = VmcFrames(), _t_pose()
    for k in range(3):
        assert frames.take((*_messages(poses), _time(k))) or k == 0
    assert frames.take((OscMessage("/VMC/Ext/OK", states), *_messages(poses), _time(3))) == []
    assert frames.take((OscMessage("/VMC/Ext/OK", (1,)), *_messages(poses), _time(4)))


_WORDS = [
    b"#bundle\0", b"/VMC/Ext/T\0\0", b",f\0\0", b",sfffffff\0\0\0", b"Hips\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xc0\0\0", b"\0",
    b"root\0\0\0\0", b",i\0\0", b"\0\0\0\x4c",
]  # fmt: skip
_edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**6)), max_size=6)


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    sender = VmcSender(stand(0.1, rate_hz=60.0))
    return [sender.frame(k, 1.0 + k)[0] for k in range(3)]


@settings(max_examples=150, deadline=None)
@given(_edits, st.binary(max_size=40))
def test_any_bytes_are_messages_or_damaged(packets: list[bytes], edits: list[tuple[float, int]], tail: bytes) -> None:
    stream, data = VmcStream("vmc://127.0.0.1:0"), packets[0]
    for where, pick in edits:
        at, word = int(where * len(data)), _WORDS[pick % len(_WORDS)]
        if pick % 3 == 0:
            word = bytes([pick % 256])
        data = data[:at] + word + data[at + (len(word) if pick % 2 else 0) :]
    with contextlib.closing(stream), contextlib.suppress(MocapError):
        for packet in (packets[1], data, data + tail, tail, packets[2]):
            stream.feed(packet, 0)
            stream.feed(packet[: len(packet) // 2], 0)
        assert stream.counters.damaged > 0
