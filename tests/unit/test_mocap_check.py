"""Looking a clip over: every defect has a clip that shows it and one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.check import MotionCheck, bone_lengths, check_motion, reference_pose, swapped_sides
from understudy.mocap.check.baseline import Baseline, baseline_json, drift_m, parse_baseline
from understudy.mocap.check.floor import floor_of
from understudy.mocap.check.timing import frozen, late_frames
from understudy.retarget.clip import mirrored
from understudy.retarget.contacts import stance
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(4.0, 1.0, rate_hz=60.0)


def _check(motion: HumanMotion, **given: object) -> MotionCheck:
    return check_motion(motion, stance(motion), **given)  # type: ignore[arg-type]


def _said(found: MotionCheck, level: str) -> str:
    return " | ".join(finding.text for finding in found.findings if finding.level == level)


def _moved(motion: HumanMotion, pos: F64) -> HumanMotion:
    return replace(motion, joint_pos_world_m=pos)


def _relabelled(motion: HumanMotion) -> HumanMotion:
    """Left and right exchanged by name only."""
    swap = [
        INDEX[name.replace("left", "?").replace("right", "left").replace("?", "right") if "_" in name else name]
        for name in JOINTS
    ]
    return replace(motion, joint_pos_world_m=motion.joint_pos_world_m[:, swap], measured=motion.measured[swap])


def test_a_good_clip_is_good(motion: HumanMotion) -> None:
    found = _check(motion)
    assert (found.verdict, found.findings) == ("good", ())
    assert found.subject.height_m == pytest.approx(motion.subject().height_m)
    assert 50.0 < found.stance_pct[0] < 75.0
    assert found.floor is not None
    assert found.floor.spread_m < 0.002
    x, y, top = found.extent_m
    assert x == pytest.approx(float(np.ptp(motion.joint_pos_world_m[..., 0])))
    assert y == pytest.approx(float(np.ptp(motion.joint_pos_world_m[..., 1])))
    assert top == pytest.approx(float(motion.joint_pos_world_m[..., 2].max()))
    assert found.bones_m["left_hip>left_knee"] == pytest.approx(motion.subject().thigh_m, rel=1e-6)


def test_swapped_sides_are_refused(motion: HumanMotion) -> None:
    assert swapped_sides(_relabelled(motion))
    assert not swapped_sides(motion)
    assert not swapped_sides(mirrored(motion))  # a mirror image exchanges places and names: a person again
    reflected = _moved(motion, motion.joint_pos_world_m * [1.0, -1.0, 1.0])
    assert swapped_sides(reflected)
    found = _check(_relabelled(motion))
    assert (found.verdict, found.swapped) == ("refused", True)
    assert "left and right are swapped" in _said(found, "refuse")


def test_what_the_reader_says_of_sides_is_not_lost(motion: HumanMotion) -> None:
    told = replace(motion, source=replace(motion.source, warnings=("the toes point backwards: left and right are swapped",)))
    assert "the toes point backwards" in _said(_check(told), "warn")
    both = replace(_relabelled(motion), source=told.source)
    assert "the toes point backwards" not in _said(_check(both), "warn")  # the finding says so


def test_knees_alone_tell_the_sides_where_there_are_no_toes(motion: HumanMotion) -> None:
    measured = motion.measured.copy()
    measured[[INDEX["left_toe"], INDEX["right_toe"]]] = False
    assert swapped_sides(replace(_relabelled(motion), measured=measured))
    assert not swapped_sides(replace(motion, measured=measured))


def test_shoulders_against_hips(motion: HumanMotion) -> None:
    pos = motion.joint_pos_world_m.copy()
    arms = [(INDEX[f"left_{p}"], INDEX[f"right_{p}"]) for p in ("collar", "shoulder", "elbow", "wrist", "hand")]
    for left, right in arms:
        pos[:, [left, right]] = pos[:, [right, left]]
    assert "one pair is swapped" in _said(_check(_moved(motion, pos)), "refuse")


def test_missing_frames(motion: HumanMotion) -> None:
    assert late_frames(motion.t_ns) == ()
    keep = np.r_[0:60, 66 : len(motion)]
    short = replace(motion, joint_pos_world_m=motion.joint_pos_world_m[keep], t_ns=motion.t_ns[keep])
    (gap,) = late_frames(short.t_ns)
    np.testing.assert_allclose([gap.start_s, gap.end_s], [59 / 60, 66 / 60], atol=1e-6)
    assert "frames are missing from 0.98 to 1.10 s" in _said(_check(short), "warn")
    keep = np.r_[0:60, 110 : len(motion)]
    long = replace(motion, joint_pos_world_m=motion.joint_pos_world_m[keep], t_ns=motion.t_ns[keep])
    assert "frames are missing from 0.98 to 1.83 s" in _said(_check(long), "refuse")


def test_frames_that_repeat(motion: HumanMotion) -> None:
    assert frozen(motion.joint_pos_world_m, motion.t_ns) == ()
    pos = motion.joint_pos_world_m.copy()
    pos[30:50] = pos[30]
    (held,) = frozen(pos, motion.t_ns)
    np.testing.assert_allclose([held.start_s, held.end_s], [0.5, 49 / 60], atol=1e-6)
    assert "nothing moves at all in 1 stretches, the longest from 0.50 to 0.82 s" in _said(_check(_moved(motion, pos)), "warn")


def test_a_jump_of_the_tracking(motion: HumanMotion) -> None:
    pos = motion.joint_pos_world_m.copy()
    pos[100, INDEX["left_wrist"]] += [0.0, 0.0, 0.5]
    assert "left_wrist moves at 30 m/s at 1." in _said(_check(_moved(motion, pos)), "warn").replace("29 m/s", "30 m/s")


def test_uneven_limbs(motion: HumanMotion) -> None:
    pos = motion.joint_pos_world_m.copy()
    fore = pos[:, INDEX["left_wrist"]] - pos[:, INDEX["left_elbow"]]
    for name in ("left_wrist", "left_hand"):
        pos[:, INDEX[name]] += 0.1 * fore
    assert "elbow to wrist is 28.1 cm on the left and 25.5 cm on the right" in _said(_check(_moved(motion, pos)), "warn")


def test_joints_that_were_not_measured(motion: HumanMotion) -> None:
    measured = motion.measured.copy()
    measured[INDEX["left_knee"]] = False
    assert "not measured but filled in: left_knee" in _said(_check(replace(motion, measured=measured)), "warn")
    assert "left_hip>left_knee" not in bone_lengths(replace(motion, measured=measured))


def test_a_floor_that_is_not_flat(motion: HumanMotion) -> None:
    pos = motion.joint_pos_world_m.copy()
    pos[..., 2] += 0.02 * (pos[..., 0] - pos[0, 0, 0])  # 2 cm per metre
    found = _check(_moved(motion, pos))
    assert found.floor is not None
    assert found.floor.spread_m > 0.03
    assert found.floor.tilt_deg is None  # a straight walk says nothing about the lean across it
    assert "standing feet differ in height by" in _said(found, "warn")


def test_the_lean_of_the_floor_is_found(motion: HumanMotion) -> None:
    """Two walks that cross at a right angle."""
    across = motion.joint_pos_world_m[..., [1, 0, 2]] * [-1.0, 1.0, 1.0]
    pos = np.concatenate([motion.joint_pos_world_m, across])
    t_ns = np.concatenate([motion.t_ns, motion.t_ns + motion.t_ns[-1] + 1_000_000_000])
    standing = np.concatenate([stance(motion)] * 2)
    clip = replace(motion, joint_pos_world_m=pos, t_ns=t_ns)
    level = floor_of(clip, standing)
    assert level is not None
    assert level.tilt_deg == pytest.approx(0.0, abs=0.05)
    pos = pos.copy()
    pos[..., 2] += np.tan(np.radians(2.0)) * pos[..., 1]
    leaning = floor_of(_moved(clip, pos), standing)
    assert leaning is not None
    assert leaning.tilt_deg == pytest.approx(2.0, abs=0.2)


def test_a_clip_beyond_the_volume(motion: HumanMotion) -> None:
    assert "the volume 2 x 2 m" in _said(_check(motion, volume_m=(2.0, 2.0)), "warn")
    assert _check(motion, volume_m=(1.5, 6.0)).findings == ()  # the longer way may lie along x


def test_nobody_stands(motion: HumanMotion) -> None:
    found = check_motion(motion, np.zeros((len(motion), 2), dtype=np.bool_))
    assert found.floor is None
    assert "no foot ever stands still" in _said(found, "warn")


def test_reference_poses(motion: HumanMotion) -> None:
    assert reference_pose(motion) == ""
    first = motion.joint_pos_world_m.copy()
    first[0] += [1.0, 0.0, 0.0]
    assert reference_pose(_moved(motion, first)) == "frame 1 is 1.00 m away from frame 2, a reference pose"
    pos = motion.joint_pos_world_m.copy()
    left = pos[0, INDEX["left_shoulder"]] - pos[0, INDEX["right_shoulder"]]
    left /= np.linalg.norm(left)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        at = pos[0, INDEX[f"{side}_shoulder"]]
        for part, reach in (("elbow", 0.3), ("wrist", 0.55), ("hand", 0.65)):
            pos[:60, INDEX[f"{side}_{part}"]] = at + sign * reach * left
    pos[:60, [i for i, n in enumerate(JOINTS) if n.split("_")[-1] not in ("elbow", "wrist", "hand")]] = pos[
        0, [i for i, n in enumerate(JOINTS) if n.split("_")[-1] not in ("elbow", "wrist", "hand")]
    ]
    assert reference_pose(_moved(motion, pos)) == "the clip begins with a T-pose held for 1.0 s"


def test_the_readers_warnings_are_findings(motion: HumanMotion) -> None:
    said = replace(motion, source=replace(motion.source, warnings=("the rate was guessed",)))
    assert _check(said).verdict == "usable"
    assert _said(_check(said), "warn") == "the rate was guessed"


# ---------------------------------------------------------------- baseline


def test_a_baseline_comes_back_and_drift_is_signed() -> None:
    base = Baseline("cal.c3d", "ab", {"a>b": 0.4, "b>c": 0.3, "c>d": 0.2}, {"wall": (1.0, 2.0, 3.0)})
    assert parse_baseline(baseline_json(base), "b.json") == base
    drift = drift_m(base, {"a>b": 0.4005, "b>c": 0.2962, "x>y": 1.0})
    assert list(drift) == ["b>c", "a>b"]
    assert drift["b>c"] == pytest.approx(-0.0038)
    assert drift["a>b"] == pytest.approx(0.0005)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"b\.json: no JSON; delete the file"),
        ("[" * 100_000, "no JSON"),
        ("{}", "no baseline of `understudy mocap check`"),
        ('{"format": "understudy-mocap-baseline", "format_version": 1, "bones_m": {"a": "long"}}', "bones_m must hold lengths"),
        ('{"format": "understudy-mocap-baseline", "format_version": 1, "bones_m": {"a": NaN}}', "bones_m must hold lengths"),
        (
            '{"format": "understudy-mocap-baseline", "format_version": 1, "bones_m": {"a": 1}, "markers_m": {"m": [1]}}',
            "markers_m",
        ),
    ],
)
def test_a_damaged_baseline_says_so(text: str, message: str) -> None:
    with pytest.raises(MocapError, match=message):
        parse_baseline(text, "b.json")


@pytest.mark.parametrize(("rate_hz", "said"), [(1.0, True), (9.0, True), (12.0, False)])
def test_a_rate_at_which_no_step_is_seen_is_refused(motion: HumanMotion, rate_hz: float, said: bool) -> None:
    """A file whose Frame Time says a second per frame: every foot seems to stand."""
    slow = replace(motion, t_ns=np.rint(np.arange(len(motion)) * 1e9 / rate_hz).astype(np.int64))
    assert ("frames per second, at least 10" in _said(_check(slow), "refuse")) == said
