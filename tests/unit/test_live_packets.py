"""Packets of NatNet and MXTP written out byte by byte from the descriptions, without the senders."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.mocap.live import _mxtp_wire as mxtp
from understudy.mocap.live import _natnet_models as natnet
from understudy.mocap.live._natnet_frame import parse_frame
from understudy.mocap.live._skeleton import named_fingers
from understudy.mocap.live._wire import DamagedPacketError
from understudy.spec.skeleton import HAND_JOINTS

ONE, TWO, HALF, ZERO = "0000803f", "00000040", "0000003f", "00000000"
"""Little-endian floats."""
BONE = f"02000100 {ONE}{TWO}{HALF} {ZERO}{ZERO}{ZERO}{ONE} {ZERO} 0100"
"""Bone 2 of skeleton 1 at (1, 2, 0.5), not turned (x, y, z, w), no error, tracked."""
SUFFIX = "00000000 00000000 000000000000f43f e803000000000000 ea03000000000000 ec03000000000000"
"""Time code; 1.25 s; ticks 1000, 1002 and 1004."""
NOTHING = "00000000"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", "").replace("\n", ""))


def test_natnet_frame_of_version_4_0() -> None:
    data = _bytes(f"""
        2a000000
        01000000 416e6e6100 01000000 {ONE}{ONE}{ONE}
        01000000 {ONE}{ONE}{ONE}
        {NOTHING}
        01000000  01000000 01000000 {BONE}
        01000000  07000000 {ONE}{ONE}{ONE} {HALF} 0200 {ZERO}
        01000000  01000000 01000000 02000000 {ONE}{TWO}
        {NOTHING}
        {SUFFIX} 0200 00000000
    """)
    frame = parse_frame(data, 0)
    assert (frame.number, frame.time_s, frame.mid_exposure_ticks, frame.transmit_ticks) == (42, 1.25, 1000, 1004)
    assert frame.models_changed
    assert list(frame.skeletons) == [1]
    bones = frame.skeletons[1]
    assert bones.bone_id.tolist() == [2]
    assert bones.pos_m.tolist() == [[1.0, 2.0, 0.5]]
    assert bones.tracked.tolist() == [True]


def test_natnet_frame_of_version_4_1_has_sizes_and_assets() -> None:
    empty = "00000000 00000000"
    bone = "2e000000"  # 46 bytes: skeleton, count, and a bone of 38
    asset = "4c000000"  # 76 bytes: the same, count of markers, and a marker of 26
    data = _bytes(f"""
        2b000000
        01000000 04000000 deadbeef
        {empty} {empty}
        01000000 {bone} 01000000 01000000 {BONE}
        01000000 {asset} 05000000 01000000 {BONE} 01000000 01000000{ONE}{ONE}{ONE}{HALF}0000{ZERO}
        {empty} {empty} {empty}
        {SUFFIX} 0000000000000000 0000 00000000
    """)
    frame = parse_frame(data, 1)
    assert (frame.number, list(frame.skeletons), list(frame.assets)) == (43, [1], [5])
    assert frame.assets[5].pos_m.tolist() == [[1.0, 2.0, 0.5]]
    assert not frame.models_changed


def test_natnet_definitions_of_every_version_4() -> None:
    name = "416e6e6100"
    hip, marker = "48697000 01000000 00000000", "01000000 0000803f 00000000 00000000 00000000 6d00"
    ab = "416200 02000000 01000000"
    turn = f"{ZERO}{ZERO}f304353ff304353f"  # a quarter turn about z: x, y, z, w
    for minor, rotation, sized in ((0, "", ""), (1, "", "56000000"), (2, turn, "76000000")):
        body = f"{name} 01000000 02000000 {hip} {ZERO}{ONE}{ZERO} {rotation} {marker} {ab} {TWO}{ZERO}{ZERO} {rotation} 00000000"
        data = _bytes(f"01000000 02000000 {sized} {body}")
        (anna,) = natnet.parse_definitions(data, minor)
        assert (anna.name, anna.id, anna.bone_names, anna.parents.tolist()) == ("Anna", 1, ("Hip", "Ab"), [-1, 0])
        wanted = [[0, 1, 0], [0, 3, 0]] if minor == 2 else [[0, 1, 0], [2, 1, 0]]
        np.testing.assert_allclose(anna.rest_pos_m, wanted, atol=1e-6)


def test_natnet_server_info_and_questions() -> None:
    name = b"Motive".ljust(256, b"\0")
    clock = (10_000_000).to_bytes(8, "little")
    info = natnet.parse_server_info(name + bytes([3, 1, 0, 0, 4, 1, 0, 0]) + clock + b"\xe7\x05\x01" + bytes([239, 255, 42, 99]))
    assert info == natnet.ServerInfo("Motive 3.1", (4, 1), 10_000_000, 1511, "239.255.42.99")
    assert natnet.parse_server_info(name + bytes([2, 0, 0, 0, 3, 0, 0, 0])).version == (3, 0)
    assert natnet.request(natnet.CONNECT, "Ping") == b"\x00\x00\x05\x00Ping\x00"
    assert natnet.request(natnet.REQUEST_DEFINITIONS) == b"\x04\x00\x01\x00\x00"


def test_mxtp_pose_of_one_segment() -> None:
    data = _bytes("""
        4d5854503032 00000102 81 01 000003e8 02 17 01 28 0000 0020
        00000001 3f800000 40000000 bf000000 3f800000 00000000 00000000 00000000
    """)
    header, payload = mxtp.split_datagram(data)
    assert header == mxtp.Header(2, 258, 1, True, 1, 1000, 2, 23, 1, 40)
    pose = mxtp.parse_items(header, payload)
    assert pose.ids.tolist() == [1]
    assert pose.pos.tolist() == [[1.0, 2.0, -0.5]]
    assert pose.quat_wxyz is not None
    assert pose.quat_wxyz.tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_mxtp_euler_pose_character_and_scale() -> None:
    header = mxtp.Header(1, 0, 0, True, 1, 0, 0, 23, 0, 0)
    pose = mxtp.parse_items(header, _bytes("00000007 3f800000 40000000 bf000000 42b40000 00000000 00000000"))
    assert (pose.ids.tolist(), pose.pos.tolist(), pose.quat_wxyz) == ([7], [[1.0, 2.0, -0.5]], None)
    assert mxtp.parse_character(b"name:Anna B\nxmid:00\ncolor:ff0000\n") == {"name": "Anna B", "xmid": "00", "color": "ff0000"}
    scale = mxtp.parse_scale(
        _bytes("""
        00000001 00000006 50656c766973 00000000 00000000 3f800000
        00000001 000f 0002 00000004 70546f70 00000001 00000000 3e800000 00000000
    """)
    )
    assert scale.segments == {"Pelvis": (0.0, 0.0, 1.0)}
    assert scale.points == {"pTop": (0.0, 0.25, 0.0)}


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["LHand", "LThumb1", "LPinky3", "RIndex2"], {(0, "thumb_1"): 1, (0, "little_3"): 2, (1, "index_2"): 3}),
        (["LeftHandThumb4", "RightHandMiddle1"], {(0, "thumb_tip"): 0, (1, "middle_1"): 1}),
        (["index_01_l", "ring_03_r", "thigh_l"], {(0, "index_1"): 0, (1, "ring_3"): 1}),
        (["Anna_LToe", "Anna_LMiddle2"], {(0, "middle_2"): 1}),
    ],
)
def test_fingers_by_their_names(names: list[str], wanted: dict[tuple[int, str], int]) -> None:
    assert named_fingers(names) == {(side, HAND_JOINTS.index(joint)): node for (side, joint), node in wanted.items()}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("ffffff7f", "marker sets is 2147483647 at byte 4"),
        ("ffffffff", "marker sets is -1 at byte 4"),
        ("01000000", "marker sets is 1 at byte 4; 0 bytes have room for 0"),
    ],
)
def test_counts_are_held_against_what_is_there(what: str, message: str) -> None:
    with pytest.raises(DamagedPacketError, match=message):
        parse_frame(_bytes("00000000" + what), 0)
