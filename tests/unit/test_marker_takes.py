"""What becomes of takes that are noisy, full of gaps, swapped, turned, in the wrong unit or not a person at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._labelled_points import motion_from_points
from understudy.mocap._marker_motion import motion_from_markers
from understudy.mocap._markers import MarkerTake, even_frames, true_rate
from understudy.mocap._units import UP_AXES
from understudy.simulate.walker import parametric_motion, walk
from understudy.spec.skeleton import INDEX, JOINTS, SIDES, HumanMotion
from understudy.testing.markers import plug_in_gait_take

SEEN = [i for name, i in INDEX.items() if name != "spine" and not name.endswith("collar")]
LIMBS = [f"{s}_{part}" for s in SIDES for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(2.5, 1.2, rate_hz=100.0)


@pytest.fixture(scope="module")
def take(motion: HumanMotion) -> MarkerTake:
    return plug_in_gait_take(motion)


def read(take: MarkerTake) -> HumanMotion:
    return motion_from_markers(take, path="take.c3d", sha256="0" * 64, format_name="c3d")


def errors_m(got: HumanMotion, motion: HumanMotion) -> F64:
    return np.asarray(np.linalg.norm(got.joint_pos_world_m - motion.joint_pos_world_m, axis=2)[:, SEEN])


def without(take: MarkerTake, *names: str, frames: slice = slice(None)) -> MarkerTake:
    pos = take.pos_m.copy()
    for name in names:
        pos[frames, take.names.index(name)] = np.nan
    return replace(take, pos_m=pos)


def dropped(take: MarkerTake, *names: str) -> MarkerTake:
    keep = [i for i, name in enumerate(take.names) if name not in names]
    return replace(take, names=tuple(take.names[i] for i in keep), pos_m=take.pos_m[:, keep])


# ---------------------------------------------------------------- accuracy


def test_full_noisy_markers_give_joints_within_a_centimetre() -> None:
    motion = parametric_motion(rate_hz=30.0, seed=3)
    take = plug_in_gait_take(motion)
    rng = np.random.default_rng(1)
    got = read(replace(take, pos_m=take.pos_m + rng.normal(0.0, 0.001, take.pos_m.shape)))
    assert errors_m(got, motion).max() < 0.01
    assert got.source.warnings == ()


def test_a_tenth_of_the_markers_missing_at_random_stays_within_two_centimetres() -> None:
    motion = parametric_motion(rate_hz=60.0)
    take = plug_in_gait_take(motion)
    rng = np.random.default_rng(2)
    pos = take.pos_m + rng.normal(0.0, 0.001, take.pos_m.shape)
    pos[rng.random(pos.shape[:2]) < 0.1] = np.nan
    got = read(replace(take, pos_m=pos))
    assert len(got) == len(motion)
    assert errors_m(got, motion).max() < 0.02


def test_without_measures_of_the_person_mean_proportions_do(motion: HumanMotion, take: MarkerTake) -> None:
    got = read(replace(take, parameters={}))
    assert errors_m(got, motion).max() < 0.015
    assert "mean proportions" in got.notes[0]


def test_limbs_keep_their_length_exactly(take: MarkerTake) -> None:
    rng = np.random.default_rng(4)
    got = read(replace(take, pos_m=take.pos_m + rng.normal(0.0, 0.004, take.pos_m.shape)))
    for side in SIDES:
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            length = np.linalg.norm(got.joint(f"{side}_{a}") - got.joint(f"{side}_{b}"), axis=1)
            assert np.ptp(length) < 5e-5


def test_the_residual_names_the_marker_that_moves(take: MarkerTake) -> None:
    pos = take.pos_m.copy()
    pos[::2, take.names.index("RTIB"), 2] += 0.09
    got = read(replace(take, pos_m=pos))
    assert any("do not move with their bones" in text and "RTIB" in text and "LTIB" not in text for text in got.source.warnings)


# ---------------------------------------------------------------- gaps


def test_short_gaps_are_filled_without_a_word(motion: HumanMotion, take: MarkerTake) -> None:
    gap = without(without(take, "LKNE", "RWRA", frames=slice(50, 60)), "LASI", frames=slice(120, 128))
    got = read(gap)
    assert got.source.warnings == ()
    assert "gaps filled: 3, left: 0" in got.notes
    assert errors_m(got, motion).max() < 0.01


@pytest.mark.parametrize("name", ["LKNE", "RANK", "LASI", "RELB", "CLAV", "LTHI", "RSHO", "LFIN", "RTOE", "SACR"])
def test_a_long_gap_of_one_marker_is_told_and_its_joint_found_from_the_others(
    name: str, motion: HumanMotion, take: MarkerTake
) -> None:
    got = read(without(take, name, frames=slice(80, 140)))
    assert f"markers are missing for longer than 0.1 s and were not filled: {name} 0.80 to 1.40 s" in got.source.warnings
    assert errors_m(got, motion).max() < 0.02


def test_a_limb_without_markers_is_bridged_and_told(motion: HumanMotion, take: MarkerTake) -> None:
    got = read(without(take, "LELB", "LWRA", "LWRB", "LFIN", frames=slice(100, 130)))
    told = next(text for text in got.source.warnings if "bridged" in text)
    assert "left_elbow 1.00 to 1.30 s" in told
    assert "left_wrist 1.00 to 1.30 s" in told
    assert "right" not in told
    length = np.linalg.norm(got.joint("left_elbow") - got.joint("left_wrist"), axis=1)
    assert np.ptp(length) < 1e-4
    assert errors_m(got, motion)[:95].max() < 0.005


def test_ends_that_do_not_show_the_body_are_left_out(motion: HumanMotion, take: MarkerTake) -> None:
    hidden = without(take, "LANK", "LHEE", "LTOE", "LTIB", frames=slice(0, 40))
    got = read(without(hidden, "RSHO", "RELB", "RWRA", "RWRB", frames=slice(len(take) - 30, None)))
    assert len(got) == len(motion) - 70
    assert any("0.40 s at the start and 0.30 s at the end" in text for text in got.source.warnings)
    np.testing.assert_allclose(got.joint_pos_world_m[0, SEEN], motion.joint_pos_world_m[40, SEEN], atol=0.005)
    assert got.t_ns[0] == 0


# ---------------------------------------------------------------- sides, axes, units


@pytest.mark.parametrize("up", UP_AXES)
@pytest.mark.parametrize("stated", [None, "z", "y"])
def test_any_axis_may_point_up(up: str, stated: str | None, motion: HumanMotion, take: MarkerTake) -> None:
    got = read(replace(take, pos_m=take.pos_m @ UP_AXES[up], up=stated))
    assert got.source.up == up
    assert errors_m(got, motion).max() < 0.003
    assert any("the person stands along" in text for text in got.source.warnings) == (stated not in (None, up))


def test_the_file_decides_where_the_person_is_not_upright(take: MarkerTake) -> None:
    axis = np.array([1.0, -1.0, 0.0]) / np.sqrt(2.0) * np.arccos(1.0 / np.sqrt(3.0))
    leaning = take.pos_m @ Rotation.from_rotvec(-axis).as_matrix().T  # upwards becomes (1, 1, 1)
    got = read(replace(take, pos_m=leaning, up="z"))
    assert got.source.up == "z"
    assert got.source.warnings == ()
    assert any("not upright" in text for text in read(replace(take, pos_m=leaning, up=None)).source.warnings)


def test_swapped_names_are_found_exchanged_and_told(motion: HumanMotion, take: MarkerTake) -> None:
    other = {
        name: ("R" if name[0] == "L" else "L") + name[1:]
        for name in take.names
        if name not in ("C7", "CLAV", "T10", "STRN", "SACR")
    }
    got = read(replace(take, names=tuple(other.get(name, name) for name in take.names)))
    assert errors_m(got, motion).max() < 0.003
    assert any("left and right were swapped throughout, or the file's axes are mirrored" in text for text in got.source.warnings)


def test_mirrored_axes_are_told(motion: HumanMotion, take: MarkerTake) -> None:
    got = read(replace(take, pos_m=take.pos_m * np.array([1.0, -1.0, 1.0])))
    assert any("axes are mirrored" in text for text in got.source.warnings)
    mirrored = motion.joint("left_knee") * np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(got.joint("right_knee"), mirrored, atol=0.003)


def test_one_swapped_pair_is_exchanged_by_itself(motion: HumanMotion, take: MarkerTake) -> None:
    other = {"LKNE": "RKNE", "RKNE": "LKNE"}
    got = read(replace(take, names=tuple(other.get(name, name) for name in take.names)))
    assert "left and right were swapped for LKNE and RKNE: their names were exchanged" in got.source.warnings
    assert errors_m(got, motion).max() < 0.003


@pytest.mark.parametrize(
    ("factor", "unit_m", "name"), [(1000.0, 0.001, "mm"), (100.0, 0.01, "cm"), (1.0 / 0.0254, 0.0254, "inch")]
)
def test_a_wrong_unit_is_set_right_and_told(
    factor: float, unit_m: float, name: str, motion: HumanMotion, take: MarkerTake
) -> None:
    got = read(replace(take, pos_m=take.pos_m * factor))  # the file says metres
    assert got.source.unit_m == pytest.approx(unit_m)
    assert any(f"{name} was taken" in text for text in got.source.warnings)
    assert errors_m(got, motion).max() < 0.003


def test_no_unit_makes_a_person_of_it(take: MarkerTake) -> None:
    with pytest.raises(MocapError, match=r"take\.c3d: hip over knee to ankle is 1\.\d+ m; a person has 0\.6 to 1\.2 m"):
        read(replace(take, pos_m=take.pos_m * 2.0))


# ---------------------------------------------------------------- what is no body


def test_one_marker_only(take: MarkerTake) -> None:
    with pytest.raises(MocapError, match=r"take\.c3d: the markers are no whole body: 14 of the set 'plug-in-gait'"):
        read(replace(take, names=("LASI",), pos_m=take.pos_m[:, :1]))


def test_a_take_in_which_nothing_was_seen(take: MarkerTake) -> None:
    with pytest.raises(MocapError, match="33 of its markers are seen in fewer than 3 frames: LASI, RASI"):
        read(replace(take, pos_m=np.full_like(take.pos_m, np.nan)))
    with pytest.raises(MocapError, match="holds no labelled marker"):
        read(replace(take, names=tuple(f"*{i}" for i in range(len(take.names)))))


def test_a_missing_marker_is_named_with_its_nearest(take: MarkerTake) -> None:
    renamed = replace(take, names=tuple("LKNEE" if name == "LKNE" else name for name in take.names))
    with pytest.raises(MocapError, match=r"1 of the set 'plug-in-gait' .* are missing: LKNE \(nearest is 'LKNEE'\)\."):
        read(renamed)


@pytest.mark.parametrize("names", [("SACR",), ("T10",), ("STRN",), ("LTHI", "RTHI"), ("LWRA",), ("LTOE", "RTOE"), ("LHEE",)])
def test_markers_that_are_not_needed_may_be_absent(names: tuple[str, ...], motion: HumanMotion, take: MarkerTake) -> None:
    if names == ("SACR",):  # two markers behind instead of the one
        sacr = take.marker("SACR")[:, None] + np.array([[[0.0, 0.04, 0.0]], [[0.0, -0.04, 0.0]]]).transpose(1, 0, 2)
        take = replace(take, names=(*take.names, "LPSI", "RPSI"), pos_m=np.concatenate([take.pos_m, sacr], axis=1))
    got = read(dropped(take, *names))
    limbs = [SEEN.index(INDEX[name]) for name in LIMBS]
    assert errors_m(got, motion)[:, limbs].max() < 0.045
    assert got.measured[INDEX["chest"]] == (names[0] not in ("T10", "STRN"))


def test_without_head_markers_the_head_is_inferred(take: MarkerTake) -> None:
    got = read(dropped(take, "LFHD", "RFHD", "LBHD", "RBHD"))
    assert not got.measured[INDEX["head"]]
    assert np.isfinite(got.joint_pos_world_m).all()


def test_of_two_people_the_first_whole_one_is_taken_and_the_others_named(motion: HumanMotion, take: MarkerTake) -> None:
    names = ("Box:corner", *(f"Anna:{n}" for n in take.names), *(f"Ben:{n}" for n in take.names))
    pos = np.concatenate([take.pos_m[:, :1], take.pos_m, take.pos_m + 2.0], axis=1)
    got = read(replace(take, names=names, pos_m=pos))
    assert any("'Anna' was taken, not 'Ben'" in text for text in got.source.warnings)
    assert errors_m(got, motion).max() < 0.003


def test_joints_never_seen_together_are_refused(take: MarkerTake) -> None:
    half = len(take) // 2
    hidden = without(without(take, "LASI", frames=slice(0, half)), "RASI", frames=slice(half - 1, None))
    with pytest.raises(MocapError, match=r"left_hip can be computed in no frame"):
        read(hidden)


def test_points_named_as_joints_need_no_markers(motion: HumanMotion) -> None:
    names = [joint for joint in JOINTS if "collar" not in joint and joint not in ("spine", "pelvis", "chest")]
    words = {"hand": "Knuckle"}
    labels = tuple(name.title().replace("_", "").replace("Hand", words["hand"]) for name in names)
    points = np.stack([motion.joint(name) for name in names], axis=1)
    points[60:66, names.index("left_knee")] = np.nan
    got = motion_from_points(MarkerTake(labels, points, 100.0, 1.0), path="x.trc", sha256="0" * 64, format_name="trc")
    for name in LIMBS:
        np.testing.assert_allclose(got.joint(name), motion.joint(name), atol=2e-3)


# ---------------------------------------------------------------- time


def test_frames_that_a_file_leaves_out_become_gaps() -> None:
    pos = np.arange(15.0).reshape(5, 1, 3)
    out, told = even_frames(np.array([7.0, 8.0, 11.0, 12.0, 13.0]), pos, "x")
    assert out.shape == (7, 1, 3)
    assert np.isnan(out[2:4]).all()
    np.testing.assert_array_equal(out[4:], pos[2:])
    assert told is not None
    assert told.startswith("2 frames are left out")
    with pytest.raises(MocapError, match=r"data row 3 does not follow"):
        even_frames(np.array([1.0, 2.0, 2.0]), pos[:3], "x")
    with pytest.raises(MocapError, match=r"5 rows span 1000000001 frames"):
        even_frames(np.array([0.0, 1.0, 2.0, 3.0, 1e9]), pos, "x")


def test_the_times_of_the_rows_overrule_a_wrong_rate() -> None:
    t_s = np.linspace(0.0, 0.49, 50)
    assert true_rate(100.0, t_s) == (100.0, None)
    rate, told = true_rate(240.0, t_s)
    assert rate == pytest.approx(100.0)
    assert told is not None
    assert "the header says 240" in told


def test_times_rounded_to_milliseconds_do_not_overrule_the_rate() -> None:
    t_s = np.round(np.arange(120) / 120.0, 3)  # steps of 8 and 9 ms
    assert true_rate(120.0, t_s) == (120.0, None)
    rate, told = true_rate(60.0, t_s)
    assert rate == pytest.approx(120.0, rel=1e-3)
    assert told is not None
