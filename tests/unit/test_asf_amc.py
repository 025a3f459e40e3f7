"""ASF skeletons and AMC motions: hand-computed poses, the same take as BVH, the order of turns, units, files that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError, UnknownNameError
from understudy.geom.arrays import F64
from understudy.mocap._amc import _line_by_line, _quick, parse_amc
from understudy.mocap._asf import parse_asf, turn
from understudy.mocap.asf_amc import AsfAmc, _positions, find_asf, motion_from_amc
from understudy.mocap.read import companion_of, read_motion
from understudy.spec.skeleton import JOINTS

ARM = """:version 1.10
:units
  mass 1.0
  length 1.0
  angle {angle}
:root
  order {order}
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name upper
    direction 1 0 0
    length 2
    axis {axis}
    dof {dof}
  end
  begin
    id 2
    name fore
    direction 1 0 0
    length 1
    axis 0 0 0 XYZ
    dof rz
    limits (-10.0 170.0)
  end
:hierarchy
  begin
    root upper
    upper fore
  end
"""


def _asf(*, angle: str = "deg", order: str = "TX TY TZ RX RY RZ", axis: str = "0 0 0 XYZ", dof: str = "rx ry rz") -> bytes:
    return ARM.format(angle=angle, order=order, axis=axis, dof=dof).encode()


def _pose(asf: bytes, root: str, upper: str, fore: str, *, head: str = ":DEGREES") -> F64:
    """(4, 3) root, elbow, wrist and the forearm's end... of one frame: starts of root, upper, fore and the tip."""
    skeleton = parse_asf(asf, "arm.asf")
    amc = f":FULLY-SPECIFIED\n{head}\n1\nroot {root}\nupper {upper}\nfore {fore}\n".encode()
    channels = parse_amc(amc, skeleton, "arm.amc")
    degrees = skeleton.degrees if channels.degrees is None else channels.degrees
    return np.asarray(_positions(skeleton, channels.values, degrees)[0])


def test_a_bone_turns_the_bones_behind_it() -> None:
    pose = _pose(_asf(), "1 2 3 0 0 0", "0 0 90", "0")
    np.testing.assert_allclose(pose, [[1, 2, 3], [1, 2, 3], [1, 4, 3], [1, 5, 3]], atol=1e-12)
    pose = _pose(_asf(), "0 0 0 0 0 0", "0 0 90", "90")
    np.testing.assert_allclose(pose[2:], [[0, 2, 0], [-1, 2, 0]], atol=1e-12)


def test_the_first_channel_turns_first_about_axes_that_stay() -> None:
    # x first: the arm along x stays; then z: to y. The other way round: z first: to y; then x: to z
    np.testing.assert_allclose(_pose(_asf(dof="rx ry rz"), "0 0 0 0 0 0", "90 0 90", "0")[3], [0, 3, 0], atol=1e-12)
    np.testing.assert_allclose(_pose(_asf(dof="rz ry rx"), "0 0 0 0 0 0", "90 0 90", "0")[3], [0, 0, 3], atol=1e-12)


def test_the_root_has_its_own_order_of_channels_and_turns() -> None:
    np.testing.assert_allclose(_pose(_asf(order="RZ RX RY TZ TY TX"), "90 90 0 3 2 1", "0 0 0", "0")[3], [1, 2, 6], atol=1e-12)
    np.testing.assert_allclose(_pose(_asf(order="TX TY TZ RX RY RZ"), "1 2 3 90 0 90", "0 0 0", "0")[3], [1, 5, 3], atol=1e-12)


def test_a_bone_turns_in_its_own_axes() -> None:
    # axes turned by 90 degrees about z: the bone's x is the file's y, so rx swings the arm along x down z
    pose = _pose(_asf(axis="0 0 90 XYZ"), "0 0 0 0 0 0", "90 0 0", "0")
    np.testing.assert_allclose(pose[3], [0, 0, -3], atol=1e-12)


def test_radians_by_the_skeleton_and_by_the_motion() -> None:
    by_skeleton = _pose(_asf(angle="rad"), "0 0 0 0 0 0", f"0 0 {np.pi / 2}", "0", head="")
    by_motion = _pose(_asf(angle="deg"), "0 0 0 0 0 0", f"0 0 {np.pi / 2}", "0", head=":RADIANS")
    np.testing.assert_allclose(by_skeleton[3], [0, 3, 0], atol=1e-12)
    np.testing.assert_allclose(by_motion, by_skeleton, atol=1e-12)


def test_turns_are_rotations() -> None:
    angles = np.random.default_rng(0).uniform(-3, 3, (20, 3))
    rot = turn(["ry", "rz", "rx"], angles)
    np.testing.assert_allclose(rot @ np.swapaxes(rot, 1, 2), np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rot), 1.0)


def test_the_take_agrees_with_the_same_take_as_bvh(samples: Path) -> None:
    """The BVH leaves out the length of two bones (thorax and wrist); everything else agrees to a tenth of a millimetre."""
    amc = read_motion(samples / "bvh" / "01_01.amc")
    bvh = read_motion(samples / "bvh" / "01_01.bvh")
    a, b = amc.joint_pos_world_m, bvh.joint_pos_world_m[1:]  # the BVH begins with its rest pose
    assert a.shape == b.shape
    legs = [i for i, name in enumerate(JOINTS) if name.endswith(("hip", "knee", "ankle", "toe")) or name in ("pelvis", "spine")]
    np.testing.assert_allclose(a[:, legs], b[:, legs], atol=1e-4)
    arms = [i for i, name in enumerate(JOINTS) if name.endswith(("collar", "shoulder", "elbow", "wrist")) or name == "head"]
    neck = JOINTS.index("neck")
    np.testing.assert_allclose(a[:, arms] - a[:, [neck]], b[:, arms] - b[:, [neck]], atol=1e-4)
    thorax = np.linalg.norm(a[:, neck] - b[:, neck], axis=1)
    np.testing.assert_allclose(thorax, 2.06488 * 0.0254 / 0.45, atol=1e-3)


def test_both_ways_of_reading_give_the_same(samples: Path) -> None:
    skeleton = parse_asf((samples / "bvh" / "01.asf").read_bytes(), "01.asf")
    data = (samples / "bvh" / "01_01.amc").read_bytes()
    start = data.index(b"DEGREES") + len(b"DEGREES")
    quick = _quick(data[start:].lstrip(), skeleton)
    assert quick is not None
    slow = _line_by_line(data, start, skeleton, "01_01.amc")
    np.testing.assert_array_equal(quick[0], slow[0])
    np.testing.assert_array_equal(quick[1], slow[1])


def test_bones_may_come_in_another_order_in_every_frame() -> None:
    skeleton = parse_asf(_asf(), "arm.asf")
    frames = ["1\nroot 1 2 3 4 5 6\nupper 7 8 9\nfore 10\n", "2\nFORE 10\nroot 1 2 3 4 5 6 # said\nupper 7 8 9\n"]
    channels = parse_amc("".join(frames).encode(), skeleton, "arm.amc")
    np.testing.assert_array_equal(channels.values, np.tile(np.arange(1.0, 11.0), (2, 1)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1\nroot 0 0 0 0 0 0\nuper 0 0 0\nfore 0\n",
            r"arm\.amc:3: frame 1: bone 'uper' is not in the skeleton; nearest is 'upper'",
        ),
        ("1\nroot 0 0 0 0 0 0\nupper 0 0\nfore 0\n", r"arm\.amc:3: frame 1: bone 'upper' needs 3 finite numbers, got '0 0'"),
        ("1\nroot 0 0 0 0 0 nan\nupper 0 0 0\nfore 0\n", r"arm\.amc:2: frame 1: bone 'root' needs 6 finite numbers"),
        ("1\nroot 0 0 0 0 0 0\nupper 0 0 0\n", r"arm\.amc:.*frame 1 ends without fore: the file is truncated"),
        ("1\nroot 0 0 0 0 0 0\nupper 0 0 0\nupper 0 0 0\nfore 0\n", r"arm\.amc:4: frame 1: bone 'upper' stands twice"),
        ("2\nroot 0 0 0 0 0 0\nupper 0 0 0\nfore 0\n1\nroot 0 0 0 0 0 0\nupper 0 0 0\nfore 0\n", "frame 1 follows frame 2"),
        ("1\nroot 1e9 0 0 0 0 0\nupper 0 0 0\nfore 0\n", "a value of 'root' is over 1e"),
        ("", "the file is empty"),
        (":FULLY-SPECIFIED\n", "no line with a frame number"),
    ],
)
def test_motions_that_do_not_fit_name_the_line(text: str, message: str) -> None:
    with pytest.raises(MocapError, match=message):
        parse_amc(text.encode(), parse_asf(_asf(), "arm.asf"), "arm.amc")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dof rx ry rz", "dof rx rw", "upper has the channels rx rw; allowed are rx ry rz"),
        ("direction 1 0 0", "direction 1 0", r"arm\.asf:\d+: direction of upper needs 3 finite numbers, got '1 0'"),
        ("upper fore", "uper fore", "bone 'uper' does not hang on the root"),
        ("root upper", "root uper", "bone 'uper' is not in :bonedata; did you mean 'upper'"),
        ("upper fore", "upper fore fore", "bone 'fore' has a second parent"),
        ("TX TY TZ RX RY RZ", "TX TY TZ", "the root's order is tx ty tz"),
        ("angle deg", "angle grad", "angle is 'grad'; allowed are deg and rad"),
        (":bonedata", ":bondata", ":bondata.*did you mean :bonedata"),
        ("    name upper\n", "", "the bone that ends here has no name"),
        ("length 2", "length -2", "bone 'upper' has direction"),
        ("0 0 0 XYZ\n    dof rx", "0 0 0 XXZ\n    dof rx", "axis order of upper is 'XXZ'"),
        (":hierarchy", ":documentation", "no bone hangs on the root"),
    ],
)
def test_skeletons_that_do_not_fit_name_the_line(old: str, new: str, message: str) -> None:
    text = _asf().decode()
    assert old in text
    with pytest.raises(MocapError, match=message):
        parse_asf(text.replace(old, new, 1).encode(), "arm.asf")


def test_the_rate_is_the_users_word_and_lost_frames_keep_time(samples: Path) -> None:
    asf, amc = (samples / "bvh" / name for name in ("01.asf", "01_01.amc"))
    motion = read_motion(amc, rate_hz=60.0)
    assert (motion.source.rate_hz, motion.t_ns[60]) == (60.0, 1_000_000_000)
    assert not any("rate" in said for said in motion.source.warnings)
    lines = amc.read_text().split("\n")
    first, second, third = (lines.index(str(n)) for n in (1, 2, 3))
    fifth, rest = lines.index("5"), lines.index("8")
    text = "\n".join(lines[:second] + lines[second:third] + lines[fifth:rest])
    got = motion_from_amc(text.encode(), asf.read_bytes(), "cut.amc", "01.asf", rate_hz=100.0)
    assert first < second
    np.testing.assert_array_equal(got.t_ns, [0, 10_000_000, 40_000_000, 50_000_000, 60_000_000])
    assert any("2 frames are missing" in said for said in got.source.warnings)
    with pytest.raises(MocapError, match=r"a rate of 0\.5 Hz"):
        read_motion(amc, rate_hz=0.5)


def test_the_skeleton_is_found_beside_the_motion(tmp_path: Path) -> None:
    for name in ("01.asf", "01_01.amc", "0.asf", "12_01.amc", "notes.txt"):
        (tmp_path / name).write_text(":FULLY-SPECIFIED\n" if name.endswith("amc") else ":version 1.10\n")
    assert find_asf(tmp_path / "01_01.amc").name == "01.asf"  # the longest name that the motion's begins with
    assert companion_of(tmp_path / "01_01.amc") == tmp_path / "01.asf"
    with pytest.raises(MocapError, match=r"12_01\.amc: its skeleton is not known.*found: 0\.asf, 01\.asf.*companion="):
        find_asf(tmp_path / "12_01.amc")
    (tmp_path / "0.asf").unlink()
    assert find_asf(tmp_path / "12_01.amc").name == "01.asf"  # the only one


def test_a_skeleton_alone_is_explained(samples: Path) -> None:
    with pytest.raises(MocapError, match=r"01\.asf: a skeleton without motion; name the take's \.amc file"):
        read_motion(samples / "bvh" / "01.asf")


def test_a_named_skeleton_and_unit_are_taken(samples: Path, tmp_path: Path) -> None:
    amc = tmp_path / "take.amc"
    amc.write_bytes((samples / "bvh" / "01_01.amc").read_bytes())
    with pytest.raises(MocapError, match="its skeleton is not known"):
        read_motion(amc)
    asf = samples / "bvh" / "01.asf"
    assert read_motion(amc, companion=asf).source.unit_m == pytest.approx(0.0254 / 0.45)
    assert AsfAmc(skeleton=asf, unit="cm").read(amc).subject().leg_m == pytest.approx(0.148, abs=1e-3)  # the user's word
    with pytest.raises(UnknownNameError, match="did you mean"):
        read_motion(amc, companion=asf, unit="cmm")
