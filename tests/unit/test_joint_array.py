"""Joint positions as arrays: names of many schemes, times, units, gaps, and tables that are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.joint_array import JointArray, Joints, motion_from_joints
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion

SCHEMES: dict[str, dict[str, str]] = {
    "SMPL": {
        "pelvis": "Pelvis", "spine": "Spine1", "chest": "Spine3", "neck": "Neck", "head": "Head",
        **{f"{s}_{j}": f"{s[0].upper()}_{n}" for s in ("left", "right") for j, n in (
            ("hip", "Hip"), ("knee", "Knee"), ("ankle", "Ankle"), ("toe", "Foot"), ("collar", "Collar"),
            ("shoulder", "Shoulder"), ("elbow", "Elbow"), ("wrist", "Wrist"), ("hand", "Hand"))},
    },
    "mixamo": {
        "pelvis": "Hips", "spine": "Spine", "chest": "Spine2", "neck": "Neck", "head": "Head",
        **{f"{s}_{j}": f"mixamorig:{s.capitalize()}{n}" for s in ("left", "right") for j, n in (
            ("hip", "UpLeg"), ("knee", "Leg"), ("ankle", "Foot"), ("toe", "ToeBase"), ("collar", "Shoulder"),
            ("shoulder", "Arm"), ("elbow", "ForeArm"), ("wrist", "Hand"), ("hand", "HandMiddle1"))},
    },
    "Unreal": {
        "pelvis": "pelvis", "spine": "spine_01", "chest": "spine_03", "neck": "neck_01", "head": "head",
        **{f"{s}_{j}": f"{n}_{s[0]}" for s in ("left", "right") for j, n in (
            ("hip", "thigh"), ("knee", "calf"), ("ankle", "foot"), ("toe", "ball"), ("collar", "clavicle"),
            ("shoulder", "upperarm"), ("elbow", "lowerarm"), ("wrist", "hand"), ("hand", "middle_01"))},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(2.0, 1.0, rate_hz=50.0)


def _read(joints: Joints, **given: object) -> HumanMotion:
    return motion_from_joints(joints, "a.npz", "0" * 64, **given)  # type: ignore[arg-type]


def _joints(motion: HumanMotion, **changes: object) -> Joints:
    values: dict[str, object] = {"names": JOINTS, "pos": motion.joint_pos_world_m, "rate_hz": 50.0, "unit": "m", "up": "z"}
    return Joints(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_names_of_many_schemes_in_any_order(scheme: str, motion: HumanMotion) -> None:
    order = np.random.default_rng(3).permutation(len(JOINTS))
    names = tuple(SCHEMES[scheme][JOINTS[i]] for i in order)
    got = _read(_joints(motion, names=names, pos=motion.joint_pos_world_m[:, order]))
    np.testing.assert_allclose(got.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-9)
    assert got.measured.all()


def test_the_required_joints_are_enough(motion: HumanMotion) -> None:
    keep = [i for i, name in enumerate(JOINTS) if name.split("_")[-1] in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]
    got = _read(_joints(motion, names=tuple(JOINTS[i] for i in keep), pos=motion.joint_pos_world_m[:, keep]))
    np.testing.assert_allclose(got.joint_pos_world_m[:, keep], motion.joint_pos_world_m[:, keep], atol=1e-12)
    assert not got.measured[INDEX["neck"]]
    assert not got.measured[INDEX["left_toe"]]
    assert np.isfinite(got.joint_pos_world_m).all()


def test_a_missing_joint_is_named_with_its_nearest(motion: HumanMotion) -> None:
    names = tuple("left_elbw" if name == "left_elbow" else name for name in JOINTS)
    with pytest.raises(
        MocapError, match=r"required joints are missing: left_elbow \(such as 'LeftElbow'; nearest is 'left_elbw'"
    ):
        _read(_joints(motion, names=names))


@pytest.mark.parametrize(("unit", "scale"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("inch", 0.0254)])
def test_units_are_taken_or_found(unit: str, scale: float, motion: HumanMotion) -> None:
    for said in (unit, None):
        got = _read(_joints(motion, pos=motion.joint_pos_world_m / scale, unit=said))
        np.testing.assert_allclose(got.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-9)
        assert got.source.unit_m == scale
    with pytest.raises(MocapError, match="the unit is said to be m, which makes"):
        _read(_joints(motion, pos=motion.joint_pos_world_m * 100.0))


def test_the_axis_is_taken_or_found(motion: HumanMotion) -> None:
    pos = motion.joint_pos_world_m[..., [0, 2, 1]] * [1, 1, -1]
    for said in ("y", None):
        got = _read(_joints(motion, pos=pos, up=said))
        assert got.source.up == "y"
        np.testing.assert_allclose(got.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-9)
    with pytest.raises(MocapError, match="up is 'w'; allowed are x, y, z"):
        _read(_joints(motion, up="w"))


def test_swapped_sides_are_said(motion: HumanMotion) -> None:
    swapped = tuple(
        name.replace("left", "?").replace("right", "left").replace("?", "right") if "_" in name else name for name in JOINTS
    )
    assert any("left and right are swapped" in said for said in _read(_joints(motion, names=swapped)).source.warnings)
    assert _read(_joints(motion)).source.warnings == ()


def _with_gap(motion: HumanMotion, joint: str, start: int, stop: int) -> F64:
    pos = motion.joint_pos_world_m.copy()
    pos[start:stop, INDEX[joint]] = np.nan
    return pos


def test_short_gaps_are_filled_longer_ones_said_the_longest_refused(motion: HumanMotion) -> None:
    got = _read(_joints(motion, pos=_with_gap(motion, "left_wrist", 20, 23)))
    assert got.source.warnings == ("1 gaps of at most 0.1 s were filled",)
    wrist = got.joint("left_wrist")
    np.testing.assert_allclose(wrist[21], 0.5 * (wrist[19] + wrist[23]), atol=1e-12)
    got = _read(_joints(motion, pos=_with_gap(motion, "left_wrist", 20, 30)))
    assert "left_wrist was not seen from 0.40 to 0.58 s; it was bridged straight" in got.source.warnings[0]
    with pytest.raises(MocapError, match=r"left_wrist was not seen from 0\.40 to 0\.98 s; gaps of at most 0\.5 s"):
        _read(_joints(motion, pos=_with_gap(motion, "left_wrist", 20, 50)))
    with pytest.raises(MocapError, match="the clip begins without head"):
        _read(_joints(motion, pos=_with_gap(motion, "head", 0, 3)))
    with pytest.raises(MocapError, match="head is never there"):
        _read(_joints(motion, pos=_with_gap(motion, "head", 0, len(motion))))
    pos = motion.joint_pos_world_m.copy()
    pos[4, 3, 1] = np.inf
    with pytest.raises(MocapError, match="frame 5: neck is infinite"):
        _read(_joints(motion, pos=pos))


def test_times_stand_for_themselves_and_the_users_rate_goes_first(motion: HumanMotion) -> None:
    t_s = np.cumsum(np.where(np.arange(len(motion)) % 2, 0.02, 0.03))
    got = _read(_joints(motion, rate_hz=None, t_s=t_s))
    np.testing.assert_allclose(got.t_ns * 1e-9, t_s - t_s[0], atol=1e-9)
    assert _read(_joints(motion, t_s=t_s), rate_hz=25.0).t_ns[1] == 40_000_000
    assert _read(_joints(motion, rate_hz=None, t_s=np.arange(len(motion)) / 120.0)).source.rate_hz == pytest.approx(
        120.0, rel=1e-9
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate_hz": None}, "neither rate_hz nor times"),
        ({"rate_hz": 0.0, "t_s": None}, "rate_hz is 0; 1 to 10000|neither rate_hz nor times"),
        ({"rate_hz": 1e6}, "rate_hz is 1e[+]06; 1 to 10000"),
        ({"rate_hz": 30.0, "t_s": np.arange(101) / 60.0}, "rate_hz is 30, and the times make 60 frames per second"),
        ({"rate_hz": None, "t_s": np.zeros(5)}, "5 times for"),
        ({"rate_hz": None, "t_s": np.zeros(101)}, "frame 2 is at 0 s, not after frame 1"),
        ({"names": JOINTS[:-1]}, r"joint positions \(\d+, 23, 3\) for 22 names"),
        ({"names": (*JOINTS[:-1], "left_toe")}, "two joints are called 'left_toe'"),
        ({"unit": "parsec"}, "unit is 'parsec'; allowed are m, foot"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str, motion: HumanMotion) -> None:
    if "t_s" in changes and len(np.atleast_1d(np.asarray(changes["t_s"]))) == 101:
        changes = changes | {"t_s": np.arange(len(motion)) * float(np.diff(np.asarray(changes["t_s"]))[0])}
    with pytest.raises(MocapError, match=message):
        _read(_joints(motion, **changes))


def test_times_may_be_those_of_a_clock_on_the_wall(motion: HumanMotion) -> None:
    since = _read(_joints(motion, rate_hz=None, t_s=1.764e9 + motion.t_ns * 1e-9))
    assert since.t_ns[0] == 0
    assert np.abs(since.t_ns - motion.t_ns).max() < 1000  # a double holds such times to a quarter of a microsecond


def test_arms_of_the_other_side_are_told(motion: HumanMotion) -> None:
    names = [name if not name.endswith(("shoulder", "elbow", "wrist")) else _other(name) for name in JOINTS]
    (said,) = [text for text in _read(_joints(motion, names=tuple(names))).source.warnings if "swapped" in text]
    assert "the left shoulder is on the side of the right hip" in said


def _other(name: str) -> str:
    side, rest = name.split("_", 1)
    return f"{'right' if side == 'left' else 'left'}_{rest}"


def test_an_empty_take_and_one_joint_only(motion: HumanMotion) -> None:
    with pytest.raises(MocapError, match="the motion has 0 frames; at least 3"):
        _read(_joints(motion, pos=motion.joint_pos_world_m[:0]))
    with pytest.raises(MocapError, match="required joints are missing"):
        _read(_joints(motion, names=("pelvis",), pos=motion.joint_pos_world_m[:, :1]))


# ---------------------------------------------------------------- files


def test_an_archive_says_what_it_lacks(motion: HumanMotion, tmp_path: Path) -> None:
    def refused(message: str, **arrays: object) -> None:
        path = tmp_path / "a.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(MocapError, match=message):
            JointArray().read(path)

    pos = motion.joint_pos_world_m
    refused(r"a\.npz: no array 'joint_pos'; the file has joint_names", joint_names=np.array(JOINTS))
    refused(r"joint_pos is float64 \(23, 3\); floats of shape", joint_pos=pos[0], joint_names=np.array(JOINTS), rate_hz=50)
    refused("joint_names is int64", joint_pos=pos, joint_names=np.arange(23), rate_hz=50)
    refused("array 'rate_hz' is <U4", joint_pos=pos, joint_names=np.array(JOINTS), rate_hz="fast")
    refused("holds Python objects", joint_pos=pos.astype(object), joint_names=np.array(JOINTS), rate_hz=50)


def _csv(rows: list[str], head: str = "") -> str:
    names = [name for name in JOINTS if name.split("_")[-1] in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]
    return head + ",".join(["frame", "time", *(f"{n}.{a}" for n in names for a in "xyz")]) + "\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (_csv(["1,0.0,1"]), r"a\.csv:2: 3 cells, the header has 38"),
        (_csv([",".join(["1", "0.0", "x", *["1"] * 35])]), r"a\.csv:2: column 3 is 'x'; a number is needed"),
        (_csv([]), "the motion has 0 frames|neither rate_hz nor times"),
        (_csv([",".join(["1", "", *["1"] * 36])] * 4), "neither rate_hz nor times"),
        (_csv([",".join(["1", "0", *["1"] * 36])] * 4, "# rate_hz: fast\n"), "rate_hz is 'fast'; a number is needed"),
        ("frame,time,a.x,a.z,a.y\n", r"a\.csv:1: columns 3 to 5 are 'a\.x,a\.z,a\.y'"),
        ("frame,time,a.x,b.y,a.z\n", "columns 3 to 5"),
        ("time,frame,a.x,a.y,a.z\n", "the columns begin with 'time,frame,a.x'"),
        ("# nothing\n", "no line with column names"),
    ],
)
def test_tables_that_are_damaged_name_the_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(MocapError, match=message):
        JointArray().read(path)


def test_a_table_may_have_gaps_and_say_its_rate(motion: HumanMotion, tmp_path: Path) -> None:
    lines = ["frame,time," + ",".join(f"{name}.{axis}" for name in JOINTS for axis in "xyz")]
    for t in range(len(motion)):
        cells = [f"{v:.6f}" for v in motion.joint_pos_world_m[t].reshape(-1)]
        if t in (10, 11):
            cells[3:6] = ["", "", "NaN"]
        lines.append(",".join([str(t), "", *cells]))
    path = tmp_path / "a.csv"
    path.write_text("# made by a test\n# rate_hz: 50\n#up=z\n" + "\n".join(lines))
    got = read_motion(path)
    np.testing.assert_array_equal(got.t_ns, motion.t_ns)
    np.testing.assert_allclose(got.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-3)
    assert got.source.warnings == ("1 gaps of at most 0.1 s were filled",)
