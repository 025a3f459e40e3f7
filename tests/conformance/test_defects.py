"""Every defect of the package against the suite that is shipped for authors of defects, each with a measure of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import cast

import numpy as np
import pytest

from understudy import plugins
from understudy.geom.arrays import F64, AnyArray
from understudy.geom.rotations import quat_apply
from understudy.kinematics.collision import collision_model, self_distances
from understudy.kinematics.forward import body_poses
from understudy.spec.default_schema import default_schema
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.defect_laws import DEFECT_LAWS, DefectCase
from understudy.testing.episodes import episode_of_motion
from understudy.testing.motions import planted, stamps
from understudy.testing.producers_bench import with_small_cameras
from understudy.testing.sensed import with_carried_object, with_sensors
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = with_small_cameras(default_schema(ROBOT, "test"))
POSITIONS, BASE, TARGETS = "observations/joint_positions", "debug/base_pose_world", "actions/joint_position_target"
WAIST = ROBOT.joint_index("waist_yaw_joint")


@cache
def episode() -> Episode:
    """Standing feet, swinging arms, a trunk that turns from one side to the other all along; with sensors and a thing carried."""
    t_ns = stamps(10.0, 100.0)
    t_s = t_ns * 1e-9
    q = np.tile(ROBOT.home_rad + 0.002 * np.arange(1, ROBOT.dof + 1), (len(t_ns), 1))  # no two columns are the same
    q[:, WAIST] = np.linspace(-0.6, 0.6, len(t_ns))
    for j, name in enumerate(ROBOT.joint_names):
        if "shoulder_pitch" in name or "elbow" in name or "wrist_yaw" in name:
            q[:, j] += 0.4 * np.sin(2.0 * np.pi * 0.7 * t_s + j)
        if name.endswith("ankle_pitch_joint"):
            q[:, j] += 0.06 * np.sin(2.0 * np.pi * 0.5 * t_s)
    made = episode_of_motion(ROBOT, planted(ROBOT, t_ns, q), episode_id="swing_00000000", schema=SCHEMA)
    return with_carried_object(with_sensors(made, ROBOT, SCHEMA), ROBOT, SCHEMA)


def _changed(before: Episode, after: Episode) -> list[tuple[Stream, Stream]]:
    """Streams that differ, before and after."""
    pairs = [(stream, after.streams[key]) for key, stream in before.streams.items()]
    return [(a, b) for a, b in pairs if a is not b and not (a.t_ns.tobytes() == b.t_ns.tobytes() and _equal(a.values, b.values))]


def _equal(a: object, b: object) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b), equal_nan=np.asarray(a).dtype.kind == "f")


def _only(before: Episode, after: Episode) -> tuple[Stream, Stream]:
    [pair] = _changed(before, after)
    return pair


def _lost_share(before: Episode, after: Episode) -> float:
    a, b = _only(before, after)
    return 1.0 - len(b) / len(a)


def _longest_gap_s(before: Episode, after: Episode) -> float:
    a, b = _only(before, after)
    step_s = float(np.median(np.diff(a.t_ns))) * 1e-9
    gap_s = float(np.diff(b.t_ns).max()) * 1e-9
    strength = round((gap_s - step_s / 2.0) / 0.1) * 0.1  # a gap is as long as asked and at most one step longer
    return strength if strength <= gap_s <= strength + step_s else gap_s


def _largest_shift_s(before: Episode, after: Episode) -> float:
    a, b = _only(before, after)
    assert _equal(a.values, b.values)
    return float(np.abs(b.t_ns - a.t_ns).max()) * 1e-9


def _backward_s(before: Episode, after: Episode) -> float:
    _, b = _only(before, after)
    assert (np.diff(b.t_ns) < 0).sum() == 1
    return float(-np.diff(b.t_ns).min()) * 1e-9


def _missing_rows(before: Episode, after: Episode) -> float:
    _, b = _only(before, after)
    return float(len(b.t_ns) - len(cast(AnyArray, b.values)))


def _nans(before: Episode, after: Episode) -> float:
    _, b = _only(before, after)
    return float(np.isnan(b.data.astype(np.float64)).sum())


def _joint_change(before: Episode, after: Episode) -> F64:
    return np.asarray(after.data(POSITIONS) - before.data(POSITIONS))


def _tremor_rad(before: Episode, after: Episode) -> float:
    change = _joint_change(before, after)
    assert (np.ptp(change, axis=0) > 0).sum() == 7  # an arm
    return float(change.std(axis=0).max() * np.sqrt(2.0))


def _jump(before: Episode, after: Episode) -> float:
    joints = np.abs(np.diff(_joint_change(before, after), axis=0)).max() / 0.3
    base = np.linalg.norm(np.diff(after.data(BASE)[:, :2] - before.data(BASE)[:, :2], axis=0), axis=1).max() / 0.2
    return float(max(joints, base))


def _frozen_s(before: Episode, after: Episode) -> float:
    stream = after.stream(POSITIONS)
    same = np.concatenate([[False], (np.diff(stream.data.astype(np.float64), axis=0) == 0.0).all(axis=1), [False]])
    edges = np.flatnonzero(np.diff(same.astype(int)))
    return (
        max(float(stream.t_ns[b - 1] - stream.t_ns[a - 1]) for a, b in zip(edges[::2] + 1, edges[1::2] + 1, strict=True)) * 1e-9
    )


def _cut_share(before: Episode, after: Episode) -> float:
    last = max(int(stream.t_ns[-1]) for stream in after.streams.values())
    assert last <= after.timeline_ns[-1] + 20_000_000
    return 1.0 - after.duration_s / before.duration_s


def _turn_left_out(before: Episode, after: Episode) -> float:
    """The trunk turns evenly, so how far it came says how much of the motion was seen."""
    turned = [np.ptp(e.data(POSITIONS)[:, WAIST]) for e in (before, after)]
    speed = [np.median(e.data("observations/joint_velocities")[:, WAIST]) for e in (before, after)]
    assert speed[1] / speed[0] == pytest.approx(turned[1] / turned[0], rel=0.02)
    return float(1.0 - turned[1] / turned[0])


def _fallen(before: Episode, after: Episode) -> float:
    up = quat_apply(after.data(BASE)[-1:, 3:], np.array([[0.0, 0.0, 1.0]]))
    return float(np.arccos(np.clip(up[0, 2], -1.0, 1.0))) / 1.5


def _deepest_m(before: Episode, after: Episode) -> float:
    pose = after.data(BASE)
    poses = body_poses(ROBOT, pose[:, :3], pose[:, 3:], after.data(POSITIONS))
    depth = -self_distances(ROBOT, poses, collision_model(ROBOT)).distance_m.min(axis=1)
    return float(np.sort(depth)[-40:].min())  # for 0.4 s


def _excess(before: Episode, after: Episode) -> float:
    q = after.data(POSITIONS)
    over = np.maximum(q - ROBOT.upper_rad, ROBOT.lower_rad - q) / (ROBOT.upper_rad - ROBOT.lower_rad)
    assert (over.max(axis=0) > 0.0).sum() == 1
    return float(np.sort(over.max(axis=1))[-45])


def _blow(before: Episode, after: Episode) -> float:
    a, b = _only(before, after)
    change = b.data.astype(np.float64) - a.data.astype(np.float64)
    assert 1 <= (np.abs(change).max(axis=1) > 0).sum() <= 4
    assert np.abs(change[:, 3:]).max() == 0.0
    return float(np.linalg.norm(change[:, :3], axis=1).max()) / (900.0 if "ankle" in a.spec.key else 120.0)


def _slide_m_s(before: Episode, after: Episode) -> float:
    moved = after.data(BASE)[:, :3] - before.data(BASE)[:, :3]
    assert np.abs(moved[:, 2]).max() < 1e-9
    t_s = before.stream(BASE).t_ns * 1e-9
    return float(np.linalg.norm(moved[-1] - moved[0]) / (t_s[-1] - t_s[0]))


def _raised_m(before: Episode, after: Episode) -> float:
    moved = after.data(BASE) - before.data(BASE)
    assert np.abs(moved[:, [0, 1, 3, 4, 5, 6]]).max() == 0.0
    return abs(float(moved[:, 2].mean()))


def _left_of_the_hold(before: Episode, after: Episode) -> float:
    gripper, held = before.stream("observations/gripper"), before.stream("debug/object_poses_world")
    moving = np.flatnonzero(np.linalg.norm(np.diff(held.data.astype(np.float64)[:, :3], axis=0), axis=1) > 1e-6)
    start, end = held.t_ns[moving[0]], held.t_ns[moving[-1] + 1]
    opened = gripper.t_ns[
        np.flatnonzero(after.data("observations/gripper")[:, 0] != before.data("observations/gripper")[:, 0])[0]
    ]
    assert after.data("debug/object_poses_world")[-1, 2] == pytest.approx(0.05)
    return float((end - opened) / (end - start))


def _sides_exchanged(before: Episode, after: Episode) -> float:
    q, swapped, groups = before.data(POSITIONS), after.data(POSITIONS), ROBOT.profile.groups
    found = 0
    for kind in ("arm", "leg"):
        left, right = ([ROBOT.joint_index(name) for name in groups[f"{side}_{kind}"]] for side in ("left", "right"))
        found += bool(np.array_equal(swapped[:, left], q[:, right]) and np.array_equal(swapped[:, right], q[:, left]))
    return found / 2.0


def _in_degrees(before: Episode, after: Episode) -> float:
    scaled = []
    for key in (POSITIONS, "observations/joint_velocities"):
        a, b = before.data(key), after.data(key)
        scaled.append(np.isclose(b, np.degrees(a)).all(axis=0) & ~np.isclose(a, b).all(axis=0))
        assert (scaled[-1] | np.isclose(a, b, atol=1e-9).all(axis=0)).all()
    assert (scaled[1] <= scaled[0]).all()  # joints that stand still have no speed to scale
    return float(scaled[0].mean())


def _turned_streams(before: Episode, after: Episode) -> float:
    for a, b in _changed(before, after):
        first = 3 if a.spec.kind == "pose" else 0
        np.testing.assert_array_equal(b.data[:, first + 3], a.data[:, first])
        np.testing.assert_array_equal(b.data[:, first : first + 3], a.data[:, first + 1 : first + 4])
    return float(len(_changed(before, after)))


def _elsewhere(before: Episode, after: Episode) -> float:
    q, shuffled = before.data(POSITIONS), after.data(POSITIONS)
    place = [[j for j in range(q.shape[1]) if np.array_equal(q[:, j], column)] for column in shuffled.T]
    assert sorted(place) == [[j] for j in range(q.shape[1])]  # every column is there once
    return float(np.mean([at != [j] for j, at in enumerate(place)]))


def _stuck_s(before: Episode, after: Episode) -> float:
    _, b = _only(before, after)
    same = np.concatenate([[False], [x == y for x, y in zip(b.data[1:], b.data[:-1], strict=True)], [False]])
    edges = np.flatnonzero(np.diff(same.astype(int)))
    runs = [float(b.t_ns[end] - b.t_ns[start]) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return max(runs) * 1e-9


def _undecodable(before: Episode, after: Episode) -> float:
    import simplejpeg

    _, b = _only(before, after)
    bad = 0
    for image in b.data:
        try:
            simplejpeg.decode_jpeg(image)
        except ValueError:
            bad += 1
    return float(bad)


def _one(before: Episode, after: Episode) -> float:
    return 1.0


def _label(before: Episode, after: Episode) -> float:
    return float((before.metadata["motion_source"], after.metadata["motion_source"]) == ("synthetic", "teleop"))


def _copies(before: Episode, after: Episode) -> float:
    return float(not _changed(before, after) and before.id != after.id)


def _dead_joints(before: Episode, after: Episode) -> float:
    dead = (np.ptp(after.data(POSITIONS), axis=0) == 0.0) & (np.ptp(before.data(POSITIONS), axis=0) > 0.0)
    assert (after.data("observations/joint_velocities")[:, dead] == 0.0).all()
    return float(dead.sum())


def _off_command_rad(before: Episode, after: Episode) -> float:
    off = np.abs(after.data(TARGETS) - np.asarray(after.on_timeline(POSITIONS), dtype=np.float64))
    return float(np.sort(off.max(axis=1))[-90])  # for 1.8 s


SIZES: Mapping[str, tuple[Callable[[Episode, Episode], float], float]] = {
    "clock_drift": (_largest_shift_s, 1e-6),
    "clock_skew": (_largest_shift_s, 1e-6),
    "constant_dimension": (_dead_joints, 0.0),
    "corrupt_image": (_undecodable, 0.0),
    "degrees": (_in_degrees, 0.1),
    "dropped_frames": (_lost_share, 0.05),
    "duplicate": (_copies, 0.0),
    "early_release": (_left_of_the_hold, 0.05),
    "fall": (_fallen, 0.1),
    "float": (_raised_m, 1e-6),
    "force_spike": (_blow, 1e-6),
    "freeze": (_frozen_s, 0.05),
    "gap": (_longest_gap_s, 1e-6),
    "length_mismatch": (_missing_rows, 0.0),
    "limit_excess": (_excess, 0.02),
    "mislabelled_source": (_label, 0.0),
    "nan": (_nans, 0.0),
    "self_collision": (_deepest_m, 0.3),
    "shuffled_joints": (_elsewhere, 0.1),
    "skate": (_slide_m_s, 0.05),
    "stamps_back": (_backward_s, 1e-6),
    "stuck_camera": (_stuck_s, 0.15),
    "sunken": (_raised_m, 1e-6),
    "swapped_sides": (_sides_exchanged, 0.0),
    "teleport": (_jump, 0.02),
    "tracking_error": (_off_command_rad, 0.05),
    "tremor": (_tremor_rad, 0.02),
    "truncation": (_cut_share, 0.02),
    "truncation_matched": (_turn_left_out, 0.02),
    "wrong_quaternion_order": (_turned_streams, 0.0),
    "wrong_robot_hash": (_one, 0.0),
}


@cache
def _case(name: str) -> DefectCase:
    size, tolerance = SIZES[name]
    return DefectCase(name, cast(Defect, plugins.load("defects", name)), ROBOT, episode(), size=size, tolerance=tolerance)


@pytest.mark.parametrize("law", DEFECT_LAWS)
@pytest.mark.parametrize("name", plugins.names("defects"))
def test_defect(name: str, law: str) -> None:
    DEFECT_LAWS[law](_case(name))


def test_every_defect_is_measured() -> None:
    assert set(SIZES) == set(plugins.names("defects"))
