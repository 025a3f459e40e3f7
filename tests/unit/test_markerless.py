"""A person walks among generated cameras: what comes back, and what is said when a camera is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera, rotation_from_vector
from understudy.mocap._keypoint_names import BY_COUNT, SCHEMES, other_side
from understudy.mocap._keypoints import read_keypoints
from understudy.mocap.markerless import triangulate_session
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, JOINTS, REQUIRED, SIDES, HumanMotion
from understudy.testing.cameras import camera_ring, keypoints_of, seen_by, write_take

WALK = walk(4.0, rate_hz=60.0)
MIDDLE = WALK.joint_pos_world_m.mean(axis=(0, 1))
CENTRE = (float(MIDDLE[0]), float(MIDDLE[1]), 1.0)
SEEN = keypoints_of(WALK)


def _ring(count: int) -> tuple[Camera, ...]:
    return camera_ring(count, centre_m=CENTRE)


def _error_m(found: HumanMotion, names: tuple[str, ...] = JOINTS, start: int = 0) -> F64:
    columns = [INDEX[name] for name in names]
    true = WALK.joint_pos_world_m[start : start + len(found)]
    return np.asarray(np.linalg.norm(found.joint_pos_world_m[:, columns] - true[:, columns], axis=2))


def _turned(camera: Camera, degrees: float) -> Camera:
    """The camera as a calibration would have it that was made before somebody ran into the tripod."""
    R = rotation_from_vector(np.radians([0.0, degrees, 0.0])) @ camera.R_camera_world
    return replace(camera, R_camera_world=R, t_camera=-R @ camera.centre)


def test_six_cameras_with_noise_and_outliers(tmp_path: Path) -> None:
    """3 px noise and 10 % outliers: under 2 cm over all joints, and for 95 of 100 positions."""
    cameras = _ring(6)
    found = triangulate_session(write_take(tmp_path, cameras, *seen_by(cameras, SEEN), rate_hz=60.0))
    motion = found.motion
    assert len(motion) == len(WALK)
    every, seen = _error_m(motion), _error_m(motion, REQUIRED)
    print(f"joint error m: all {every.mean():.4f}, p95 {np.percentile(every, 95):.4f}")
    print(f"hips to ankles, shoulders to wrists: {seen.mean():.4f}, p95 {np.percentile(seen, 95):.4f}, max {seen.max():.4f}")
    assert float(every.mean()) < 0.010
    # The largest errors are those of collars and spine, which no detector sees: they lie on lines between other joints.
    assert float(np.percentile(every, 95)) < 0.022
    assert float(seen.mean()) < 0.006
    assert float(np.percentile(seen, 95)) < 0.012
    assert float(seen.max()) < 0.04
    for report in found.reports:
        assert 2.0 < report.median_px < 4.0
        assert 0.07 < report.dropped < 0.13
        assert not report.left_out
    assert motion.source.unit_m == 1.0
    assert motion.source.up == "z"
    assert motion.source.synthetic


def test_bones_keep_their_length(tmp_path: Path) -> None:
    cameras = _ring(4)
    motion = read_motion(write_take(tmp_path, cameras, *seen_by(cameras, SEEN), rate_hz=60.0))
    for side in SIDES:
        for a, b in (
            ("hip", "knee"),
            ("knee", "ankle"),
            ("ankle", "toe"),
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("wrist", "hand"),
        ):
            length = np.linalg.norm(motion.joint(f"{side}_{a}") - motion.joint(f"{side}_{b}"), axis=1)
            true = np.linalg.norm(WALK.joint(f"{side}_{a}") - WALK.joint(f"{side}_{b}"), axis=1)
            assert float(np.ptp(length)) < 1e-9
            assert abs(float(length[0]) - float(true[0])) < 0.012
    assert motion.measured[[INDEX[name] for name in REQUIRED]].all()
    assert not motion.measured[[INDEX[name] for name in ("spine", "chest", "left_collar")]].any()


def test_two_cameras_are_enough_when_they_agree(tmp_path: Path) -> None:
    cameras = _ring(2)
    motion = read_motion(write_take(tmp_path, cameras, *seen_by(cameras, SEEN, outliers=0.0), rate_hz=60.0))
    assert float(_error_m(motion).mean()) < 0.02


def test_one_camera_is_refused(tmp_path: Path) -> None:
    cameras = _ring(2)
    px, confidence = seen_by(cameras, SEEN)
    path = write_take(tmp_path, cameras[:1], px[:1], confidence[:1], rate_hz=60.0)
    with pytest.raises(MocapError, match=r"only one camera \(cam01\)"):
        read_motion(path)


def test_a_camera_that_was_moved_is_left_out_and_named(tmp_path: Path) -> None:
    cameras = _ring(5)
    px, confidence = seen_by(cameras, SEEN, outliers=0.05)
    wrong = [*cameras[:3], _turned(cameras[3], 3.0), cameras[4]]
    found = triangulate_session(write_take(tmp_path, wrong, px, confidence, rate_hz=60.0))
    assert [r.name for r in found.reports if r.left_out] == ["cam04"]
    assert found.reports[3].median_px > 30.0
    assert any("camera cam04 was left out" in w and "px off" in w for w in found.motion.source.warnings)
    assert float(_error_m(found.motion).mean()) < 0.012


def test_a_camera_that_was_moved_a_little_is_named(tmp_path: Path) -> None:
    cameras = _ring(5)
    px, confidence = seen_by(cameras, SEEN, noise_px=1.0, outliers=0.0)
    wrong = [*cameras[:2], _turned(cameras[2], 0.4), *cameras[3:]]
    found = triangulate_session(write_take(tmp_path, wrong, px, confidence, rate_hz=60.0))
    named = [w for w in found.motion.source.warnings if "cam" in w]
    assert len(named) == 1
    assert named[0].startswith("camera cam03 is ")


def test_good_cameras_are_not_complained_about(tmp_path: Path) -> None:
    cameras = _ring(6)
    motion = read_motion(write_take(tmp_path, cameras, *seen_by(cameras, SEEN, outliers=0.0), rate_hz=60.0))
    assert motion.source.warnings == ()


def test_two_cameras_that_do_not_fit_are_refused_with_their_errors(tmp_path: Path) -> None:
    cameras = _ring(2)
    px, confidence = seen_by(cameras, SEEN, outliers=0.0)
    tilted = rotation_from_vector(np.radians([6.0, 0.0, 0.0])) @ cameras[1].R_camera_world
    wrong = [cameras[0], replace(cameras[1], R_camera_world=tilted, t_camera=-tilted @ cameras[1].centre)]
    with pytest.raises(MocapError, match=r"cam01 \d+ px, cam02 \d+ px.*calibrated wrongly"):
        read_motion(write_take(tmp_path, wrong, px, confidence, rate_hz=60.0))


@pytest.mark.parametrize("count", [4, 6])
def test_exchanged_sides_in_one_view_are_put_right(count: int, tmp_path: Path) -> None:
    cameras = _ring(count)
    px, confidence = seen_by(cameras, SEEN, outliers=0.05)
    names = list(SCHEMES["mediapipe"])
    mirror = [names.index(other_side(name)) for name in names]
    begin, end = 60, 180
    px[1, begin:end] = px[1, begin:end][:, mirror]
    confidence[1, begin:end] = confidence[1, begin:end][:, mirror]
    found = triangulate_session(write_take(tmp_path, cameras, px, confidence, rate_hz=60.0))
    # Where the legs pass each other, both readings fit: those frames need no repair.
    assert 0.8 * (end - begin) <= found.reports[1].exchanged <= end - begin
    assert all(r.exchanged == 0 for i, r in enumerate(found.reports) if i != 1)
    assert any("left and right were exchanged" in w for w in found.motion.source.warnings)
    assert float(_error_m(found.motion).mean()) < 0.012


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_scheme_gives_the_person(scheme: str, tmp_path: Path) -> None:
    cameras = _ring(4)
    seen = seen_by(cameras, keypoints_of(WALK, scheme), noise_px=0.0, outliers=0.0)
    motion = read_motion(write_take(tmp_path, cameras, *seen, rate_hz=60.0, scheme=scheme, session={"lowpass_hz": 0.0}))
    assert motion.source.dialect == scheme
    assert float(_error_m(motion, REQUIRED).max()) < 0.004
    has_feet = scheme not in ("coco", "coco_17")
    toes = [INDEX["left_toe"], INDEX["right_toe"]]
    assert motion.measured[toes].all() == has_feet
    if has_feet:
        assert float(_error_m(motion, ("left_toe", "right_toe")).mean()) < 0.01
    assert float(_error_m(motion, ("head",)).mean()) < 0.01


def test_every_scheme_has_another_number_of_keypoints() -> None:
    assert len(BY_COUNT) == len(SCHEMES)
    for names in SCHEMES.values():
        assert {other_side(other_side(name)) for name in names} == set(names)
        assert {other_side(name) for name in names} == set(names)


def test_openpose_folder_and_landmark_json_are_the_npz(tmp_path: Path) -> None:
    cameras = _ring(2)
    px, confidence = seen_by(cameras, keypoints_of(WALK, "body_25"), outliers=0.0)
    write_take(tmp_path, cameras, px, confidence, rate_hz=60.0, scheme="body_25")
    expected = read_keypoints(tmp_path / "cam01.npz")
    folder = tmp_path / "cam01_json"
    folder.mkdir()
    for i, (p, c) in enumerate(zip(px[0], confidence[0], strict=True)):
        if i == 7:
            continue  # a missing file is a gap
        values = np.nan_to_num(np.concatenate([p, c[:, None]], axis=1)).ravel().tolist()
        weak = [v if k % 3 < 2 else 0.2 * v for k, v in enumerate(values)]
        people = [{"pose_keypoints_2d": weak}, {"pose_keypoints_2d": values}] if i == 3 else [{"pose_keypoints_2d": values}]
        (folder / f"cam01_{i:012d}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": people if i != 5 else []}))
    found = read_keypoints(folder)
    assert found.names == SCHEMES["body_25"]
    assert found.crowded == 1
    kept = [i for i in range(len(WALK)) if i not in (5, 7)]
    np.testing.assert_allclose(found.px[kept], expected.px[kept], atol=1e-3)
    assert np.isnan(found.px[[5, 7]]).all()

    size = np.array(cameras[0].size_px)
    seen = np.nan_to_num((px[0] + 0.5) / size)
    frames = [
        [{"x": x, "y": y, "visibility": v} for (x, y), v in zip(p, c, strict=True)]
        for p, c in zip(seen, confidence[0], strict=True)
    ]
    (tmp_path / "marks.json").write_text(json.dumps({"rate_hz": 60.0, "size_px": size.tolist(), "frames": frames}))
    marks = read_keypoints(tmp_path / "marks.json")
    assert (marks.rate_hz, marks.size_px, marks.normalised) == (60.0, (1920, 1080), True)
    np.testing.assert_allclose(marks.px * size - 0.5, expected.px, atol=1e-3)


def test_views_that_started_at_other_times_are_brought_together(tmp_path: Path) -> None:
    cameras = _ring(4)
    px, confidence = seen_by(cameras, SEEN, outliers=0.0, noise_px=1.0)
    late = [px[0], px[1][12:], px[2], px[3]]
    sure = [confidence[0], confidence[1][12:], confidence[2], confidence[3]]
    paths = {}
    for offset in (0.2, 0.0):
        folder = tmp_path / f"offset{offset}"
        views = {"cam02": {"offset_s": offset}}
        path = write_take(folder, cameras, px[:, :5], confidence[:, :5], rate_hz=60.0, views=views)
        for camera, p, c in zip(cameras, late, sure, strict=True):
            np.savez(folder / f"{camera.name}.npz", px=p, confidence=c, rate_hz=60.0)
        paths[offset] = triangulate_session(path)
    right, wrong = paths[0.2], paths[0.0]
    assert len(right.motion) == len(WALK) - 12
    assert float(_error_m(right.motion, start=12).mean()) < 0.012
    assert right.motion.source.warnings == ()
    assert any("cam02" in w for w in wrong.motion.source.warnings)


def test_a_slower_camera_is_interpolated(tmp_path: Path) -> None:
    cameras = _ring(3)
    px, confidence = seen_by(cameras, SEEN, outliers=0.0, noise_px=0.5)
    path = write_take(tmp_path, cameras, px, confidence, rate_hz=60.0)
    np.savez(tmp_path / "cam03.npz", px=px[2, ::2], confidence=confidence[2, ::2], rate_hz=30.0)
    motion = read_motion(path)
    assert motion.rate_hz == pytest.approx(60.0)
    assert float(_error_m(motion).mean()) < 0.012


def test_gaps_are_filled_told_or_refused(tmp_path: Path) -> None:
    cameras = _ring(4)
    px, confidence = seen_by(cameras, SEEN, outliers=0.0, noise_px=0.5)
    wrist = SCHEMES["mediapipe"].index("left_wrist")
    short, long, longest = confidence.copy(), confidence.copy(), confidence.copy()
    short[:, 100:106, wrist], long[:, 100:120, wrist], longest[:, 100:160, wrist] = 0.0, 0.0, 0.0
    filled = read_motion(write_take(tmp_path / "short", cameras, px, short, rate_hz=60.0))
    assert filled.source.warnings == ("gaps of up to 0.1 s were interpolated: left_wrist 1",)
    assert float(_error_m(filled, ("left_wrist",)).max()) < 0.03
    told = read_motion(write_take(tmp_path / "long", cameras, px, long, rate_hz=60.0)).source.warnings
    assert told == ("left_wrist was not found from 1.67 to 2.00 s and was bridged with the trunk: do not trust it there",)
    with pytest.raises(MocapError, match=r"left_wrist is not found from 1\.67 to 2\.67 s.*start_s and end_s"):
        read_motion(write_take(tmp_path / "longest", cameras, px, longest, rate_hz=60.0))
    cut = write_take(tmp_path / "cut", cameras, px, longest, rate_hz=60.0, session={"end_s": 1.6})
    assert len(read_motion(cut)) == 97


def test_a_calibration_without_unit_or_z_up_is_found_from_the_person(tmp_path: Path) -> None:
    """The world in millimetres with y down, as a checkerboard hung upright would give it."""
    cameras = _ring(4)
    y_down = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # z-up world to y-down world
    moved = [replace(c, R_camera_world=c.R_camera_world @ y_down.T, t_camera=1000.0 * c.t_camera) for c in cameras]
    motion = read_motion(write_take(tmp_path, moved, *seen_by(cameras, SEEN, outliers=0.0), rate_hz=60.0))
    assert (motion.source.unit_m, motion.source.up) == (0.001, "-y")
    assert float(_error_m(motion).mean()) < 0.012


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('calibration = "other.npz"', "no such file"),
        ("", r"\[markerless\]: calibration is 'None'"),
        ('calibration = "cameras.npz"\nlow_pass_hz = 5', "unknown key 'low_pass_hz'; did you mean 'lowpass_hz'"),
        ('calibration = "cameras.npz"\nunit = "miles"', "unit is 'miles'"),
        ('calibration = "cameras.npz"\nlowpass_hz = -1', "a number from 0"),
        ('calibration = "cameras.npz"\nstart_s = 3\nend_s = 1', "start_s must be less"),
        ('calibration = "cameras.npz"\nstart_s = 30.0\nend_s = 40.0', "are covered by every camera"),
        ('calibration = "cameras.npz"\nunit = "m"\nmin_confidence = 0.99', "no keypoint is seen by two"),
    ],
)
def test_sessions_that_cannot_be_used_say_why(change: str, message: str, tmp_path: Path) -> None:
    cameras = _ring(2)
    px, confidence = seen_by(cameras, SEEN[:30], outliers=0.0)
    path = write_take(tmp_path, cameras, px, 0.9 * confidence, rate_hz=60.0)
    path.write_text(path.read_text().replace('calibration = "cameras.npz"', change))
    with pytest.raises(MocapError, match=message) as caught:
        read_motion(path)
    assert str(caught.value).startswith(str(path))


def test_an_unknown_camera_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    cameras = _ring(2)
    path = write_take(tmp_path, cameras, *seen_by(cameras, SEEN[:30]), rate_hz=60.0)
    path.write_text(path.read_text().replace('camera = "cam02"', 'camera = "cam2"'))
    with pytest.raises(MocapError, match="unknown camera 'cam2'; did you mean 'cam02'"):
        read_motion(path)


def test_keypoints_that_were_made_anew_are_noticed(tmp_path: Path) -> None:
    cameras = _ring(2)
    path = write_take(tmp_path, cameras, *seen_by(cameras, SEEN[:30]), rate_hz=60.0, views={"cam01": {"sha256": "0" * 64}})
    with pytest.raises(MocapError, match="sha256 differs"):
        read_motion(path)
