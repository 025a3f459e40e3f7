"""Messages of the joint stream: what each key may hold, bodies of other names, units and axes, and any bytes at all."""

from __future__ import annotations

import contextlib
import json

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.live._joint_messages import parse_message
from understudy.mocap.live._payloads import MOST_QUEUED, Mailbox, Payload
from understudy.mocap.live.joint_stream import JointStream
from understudy.simulate.walker import stand
from understudy.spec.live import LiveFrame
from understudy.spec.skeleton import INDEX, JOINTS
from understudy.testing.live_senders_joints import FORMS, joint_messages

POSE = stand(0.1, rate_hz=30.0).joint_pos_world_m[0]


class Silence:
    """A connection over which nothing comes."""

    address: tuple[str, int] = ("nowhere", 0)
    trouble: str = ""

    def get(self, timeout_s: float) -> Payload | None:
        return None

    def close(self) -> None:
        return None


def _stream() -> JointStream:
    return JointStream(Silence(), "test")


def _frame(stream: JointStream, message: dict[str, object]) -> LiveFrame | None:
    return stream.feed(json.dumps({"v": 1, **message}), 0)


def _joints(pose: F64, names: dict[str, str] | None = None) -> dict[str, object]:
    return {(names or {}).get(joint, joint): [float(x) for x in pos] for joint, pos in zip(JOINTS, pose, strict=True)}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ([1], "of type list; a map"),
        ({}, "v is None; version 1"),
        ({"v": 2}, 'as in "v": 1'),
        ({"v": 1, "jonts": {}}, "did you mean 'joints'"),
        ({"v": 1, "joints": []}, "joints is of type list"),
        ({"v": 1, "joints": {"a": [1, 2]}}, "a is of type list; [x, y, z]"),
        ({"v": 1, "joints": {"a": [1, 2, "3"]}}, "a has the coordinate '3'"),
        ({"v": 1, "joints": {"a": [1, 2, 1e12]}}, "a number under 1e9"),
        ({"v": 1, "joints": {"a" * 65: [1, 2, 3]}}, "1 to 64 letters"),
        ({"v": 1, "joints": {"a": [1, 2, 3]}, "pos": [[1, 2, 3]]}, "beside names or pos"),
        ({"v": 1, "names": []}, "a list of 1 to 1000 names"),
        ({"v": 1, "names": ["a", 3]}, "a joint is called 3"),
        ({"v": 1, "names": ["a", "a"]}, "two joints are called 'a'"),
        ({"v": 1, "pos": [[1, 2, 3]]}, "1 packed positions, and 0 names known"),
        ({"v": 1, "pos": 7}, "pos is 7; bytes"),
        ({"v": 1, "seq": -1}, "seq is -1"),
        ({"v": 1, "seq": 1.5}, "seq is 1.5"),
        ({"v": 1, "t_ns": 1 << 63}, "t_ns is 9223372036854775808; a whole number"),
        ({"v": 1, "t_ns": True}, "t_ns is True"),
        ({"v": 1, "unit": 1}, "unit is 1; a word"),
        ({"v": 1, "names": ["a"], "unit": "furlong"}, "unit is 'furlong'; allowed are m, foot"),
        ({"v": 1, "names": ["a"], "up": "w"}, "up is 'w'; allowed are x"),
        ({"v": 1, "rate_hz": 0}, "1 to 10000 frames per second"),
        ({"v": 1, "hands": [1]}, "a map with left and right"),
        ({"v": 1, "hands": {"left": [[1, 2, 3]]}}, "hands.left has 1 points; 21 are due"),
    ],
)
def test_a_wrong_message_is_counted_and_named(message: object, said: str) -> None:
    for data in (json.dumps(message), msgpack.packb(message)):
        stream = _stream()
        assert stream.feed(data, 0) is None
        assert stream.counters.damaged == 1
        assert said in stream.counters.last_damage


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "neither JSON nor MessagePack"),
        ("{", "neither JSON nor MessagePack"),
        (b"{\xff}", "neither JSON nor MessagePack"),
        (b"\xdf\xff\xff\xff\xff", "neither JSON nor MessagePack"),
        ("[" * 100_000, "neither JSON nor MessagePack"),
        (b"\x91" * 100_000, "neither JSON nor MessagePack"),
        ("x" * 300_000, "a message of 300000 bytes"),
        (msgpack.packb({"v": 1, "names": ["a"], "pos": b"12345"}), "pos has 5 bytes"),
        (msgpack.packb({"v": 1, "pos": b"\0" * 12 * 1001}), "1001 points"),
    ],
)
def test_what_is_no_message_is_named(data: bytes | str, said: str) -> None:
    with pytest.raises(MocapError) as caught:
        parse_message(data)
    assert said in str(caught.value)


@pytest.mark.parametrize(("unit", "scale"), [("m", 1.0), ("cm", 100.0), ("mm", 1000.0)])
@pytest.mark.parametrize("up", ["z", "y", None])
def test_units_and_axes(unit: str, scale: float, up: str | None) -> None:
    x, y, z = np.moveaxis(POSE * scale, -1, 0)
    sent = np.stack([x, z, -y], axis=-1) if up != "z" else POSE * scale
    frame = _frame(_stream(), {"joints": _joints(sent), "unit": unit, **({"up": up} if up else {})})
    assert frame is not None
    np.testing.assert_allclose(frame.joint_pos_world_m, POSE, atol=1e-9)


def test_other_names_are_understood() -> None:
    words = {"hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "toe": "ToeBase", "shoulder": "Arm", "elbow": "ForeArm"}
    words |= {"wrist": "Hand", "collar": "Shoulder", "hand": "HandMiddle1"}
    names = {}
    for joint in JOINTS:
        side, _, part = joint.partition("_")
        names[joint] = f"mixamorig:{side.capitalize()}{words[part]}" if part else f"mixamorig:{joint.capitalize()}"
    frame = _frame(_stream(), {"joints": _joints(POSE, names), "up": "z"})
    assert frame is not None
    np.testing.assert_allclose(frame.joint_pos_world_m, POSE, atol=1e-9)
    assert frame.hand_pos_world_m is not None  # the middle finger's first joint


def test_a_missing_joint_is_an_error_with_the_nearest_name() -> None:
    joints = _joints(POSE)
    joints["left_elbw"] = joints.pop("left_elbow")
    with pytest.raises(MocapError, match=r"left_elbow \(such as 'LeftElbow'; nearest is 'left_elbw'"):
        _frame(_stream(), {"joints": joints})


def test_the_wrong_unit_is_an_error_with_the_one_that_fits() -> None:
    with pytest.raises(MocapError, match=r"in the unit m; .* mm \(0\.\d+ m\) would fit"):
        _frame(_stream(), {"joints": _joints(1000.0 * POSE), "up": "z"})


def test_a_person_who_lies_must_say_what_is_up() -> None:
    lying = POSE @ np.array([[0.8165, -0.4082, -0.4082], [0.0, 0.7071, -0.7071], [0.5774, 0.5774, 0.5774]])
    with pytest.raises(MocapError, match="state it as `up`"):
        _frame(_stream(), {"joints": _joints(lying)})


def test_joints_that_are_not_seen_are_nan() -> None:
    stream, joints = _stream(), _joints(POSE)
    assert _frame(stream, {"joints": {**joints, "left_wrist": None}, "up": "z"}) is None, "nobody knows how long the arm is"
    whole = _frame(stream, {"joints": joints})
    assert whole is not None
    assert whole.whole
    without = {name: pos for name, pos in joints.items() if name != "right_knee"}
    frame = _frame(stream, {"joints": {**without, "left_wrist": None}})
    assert frame is not None
    unseen = [name for name in JOINTS if np.isnan(frame.joint_pos_world_m[INDEX[name]]).any()]
    assert unseen == ["left_wrist", "right_knee"]


def test_frames_without_numbers_or_stamps_are_taken_as_they_come() -> None:
    stream = _stream()
    first, second = (stream.feed(json.dumps({"v": 1, "joints": _joints(POSE), "up": "z"}), t) for t in (5, 7))
    assert first is not None
    assert second is not None
    assert (first.t_ns, second.t_ns) == (5, 7)
    assert first.sequence < second.sequence


def test_names_may_change_on_the_way() -> None:
    stream = _stream()
    order = list(reversed(JOINTS))
    for names in (list(JOINTS), order):
        assert _frame(stream, {"names": names, "up": "z"}) is None
        frame = _frame(stream, {"pos": [[float(x) for x in POSE[INDEX[name]]] for name in names]})
        assert frame is not None
        np.testing.assert_allclose(frame.joint_pos_world_m, POSE, atol=1e-9)


def test_a_mailbox_keeps_the_newest() -> None:
    box: Mailbox[str] = Mailbox()
    for k in range(MOST_QUEUED + 10):
        box.put(str(k))
    got = box.get(0.0)
    assert got is not None
    assert got[0] == "10"
    box.close()
    assert box.get(5.0) is None


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_keys = st.sampled_from(["v", "names", "unit", "up", "rate_hz", "seq", "t_ns", "joints", "pos", "hands", "x"])
_WHOLE = [joint_messages(stand(0.1, rate_hz=30.0), form) for form in FORMS]


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(_keys, _values, max_size=5),
    st.sampled_from(range(len(FORMS))),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=5),
    st.binary(max_size=60),
)
def test_any_message_is_a_frame_or_damaged(
    table: dict[str, object], form: int, edits: list[tuple[float, int]], noise: bytes
) -> None:
    stream = _stream()
    whole = _WHOLE[form]
    last = whole[-1].encode() if isinstance(whole[-1], str) else whole[-1]
    changed = bytearray(last)
    for where, byte in edits:
        changed[int(where * (len(changed) - 1))] = byte
    with contextlib.suppress(MocapError):
        for data in (*whole[:-1], msgpack.packb({"v": 1, **table}), bytes(changed), noise, noise.decode("latin-1"), last):
            frame = stream.feed(data, 0)
            assert frame is None or frame.joint_pos_world_m.shape == (23, 3)
