"""Lengths, duration, truncation, schema and robot, source, units and quaternion order: both sides of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.interpolation import slerp_at
from understudy.geom.rotations import quat_apply, quat_conj, quat_mul
from understudy.spec.default_schema import default_schema, schema_toml
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, make_squat_episode, with_data, with_stream, without
from understudy.testing.gates import gate_findings
from understudy.testing.sensors import recorded, with_imu
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")
POSITIONS, VELOCITIES = "observations/joint_positions", "observations/joint_velocities"
TARGETS, BASE, IMU = "actions/joint_position_target", "debug/base_pose_world", "observations/imu_pelvis"


def _found(name: str, episode: Episode, **thresholds: float) -> list[Finding]:
    return gate_findings(name, episode, ROBOT, **thresholds)  # type: ignore[arg-type]


def _refused(name: str, episode: Episode, **thresholds: float) -> bool:
    return any(f.severity == "reject" for f in _found(name, episode, **thresholds))


def _scaled(episode: Episode, key: str, factor: float, columns: slice = slice(None)) -> Episode:
    data = episode.data(key).copy()
    data[:, columns] *= factor
    return with_data(episode, key, data)


def _turned(episode: Episode, key: str, columns: slice) -> Episode:
    """Stored as x, y, z, w."""
    data = episode.data(key).copy()
    data[:, columns] = np.roll(data[:, columns], -1, axis=1)
    return with_data(episode, key, data)


def _nodding(yaw_rad: float = 0.0) -> Episode:
    """A robot that squats, its pelvis turned and leaning, and carries an IMU."""
    from understudy.geom.rotations import rotvec_to_quat

    episode = make_squat_episode(ROBOT, duration_s=3.0)
    pose = episode.data(BASE).copy()
    t_s = episode.stream(BASE).t_ns * 1e-9
    lean = np.stack([0.15 * np.sin(3.0 * t_s), 0.2 + 0.1 * np.cos(2.0 * t_s), yaw_rad + 0.3 * np.sin(t_s)], axis=1)
    pose[:, 3:] = quat_mul(rotvec_to_quat(lean), pose[:, 3:])
    return with_imu(with_data(episode, BASE, pose), ROBOT, noise=0.003)


# lengths


@pytest.mark.parametrize("column", ["t_arrival_ns", "seq", "valid"])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_raw_columns_are_as_long_as_their_stream(column: str, off: int) -> None:
    episode = recorded(make_episode(ROBOT, duration_s=1.0))
    stream = episode.stream(POSITIONS)
    odd = replace(stream, extra={**stream.extra, column: np.zeros(len(stream) + off, dtype=np.int64)})
    found = _found("lengths", with_stream(episode, odd))
    assert bool(found) is (off != 0)
    assert all(column in f.message and f.stream == POSITIONS for f in found)


def test_samples_are_as_many_as_stamps_and_steps() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    assert _found("lengths", episode) == []
    stream = episode.stream(VELOCITIES)
    assert _refused("lengths", with_stream(episode, replace(stream, values=stream.data[:-1])))
    assert _refused("lengths", replace(episode, timeline_ns=episode.timeline_ns[:-1]))  # targets were made for every step
    assert _refused("lengths", replace(episode, timeline_ns=episode.timeline_ns[:0]))


def test_columns_are_as_many_as_joints_and_names() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    stream = episode.stream(VELOCITIES)
    spec = stream.spec.model_copy(update={"shape": (ROBOT.dof - 1,), "names": stream.spec.names[:-1]})
    assert _refused("lengths", with_stream(episode, Stream(spec, stream.t_ns, stream.data[:, :-1])))
    unnamed = stream.spec.model_copy(update={"names": stream.spec.names[:-1]})
    assert _refused("lengths", with_stream(episode, replace(stream, spec=unnamed)))


# duration and truncation


@pytest.mark.parametrize(("duration_s", "is_bad"), [(0.48, True), (0.52, False), (3.0, False), (3.1, True)])
def test_duration(duration_s: float, is_bad: bool) -> None:
    assert _refused("duration", make_episode(ROBOT, duration_s=duration_s), max_s=3.05) is is_bad


def _truncated(
    duration_s: float,
    peers: dict[str, float],
    *,
    moving: bool = False,
    travels: dict[str, float] | None = None,
    **metadata: bool | str,
) -> list[Finding]:
    episode = make_episode(ROBOT, duration_s=duration_s, metadata=metadata)
    if moving:
        t_s = episode.stream(POSITIONS).t_ns * 1e-9
        q = episode.data(POSITIONS).copy()
        q[:, 20] = 0.6 * t_s
        episode = with_data(episode, POSITIONS, q)
    return gate_findings("truncation", episode, ROBOT, peers=peers, travels=travels)


ALIKE = {"a": 4.0, "b": 3.8, "c": 4.2, "d": 4.1}


@pytest.mark.parametrize(
    ("duration_s", "moving", "is_bad"), [(2.58, False, True), (2.7, False, False), (2.9, True, True), (3.1, True, False)]
)
def test_a_take_shorter_than_its_task(duration_s: float, moving: bool, is_bad: bool) -> None:
    assert bool(_truncated(duration_s, ALIKE, moving=moving)) is is_bad


def test_a_task_whose_durations_differ_says_nothing() -> None:
    mixed = {"reach": 2.7, "walk": 2.9, "turn": 1.72}  # one label for everything
    assert _truncated(1.6, mixed, moving=True) == []
    assert _truncated(1.0, {"a": 4.0, "b": 9.0, "c": 20.0}) == []
    assert _truncated(1.0, {"a": 4.0, "b": 4.0}) == []  # two are too few


def _going(way_rad: float, *, duration_s: float = 4.0, shake_rad: float = 0.0) -> Episode:
    """One joint goes that far and back, and stands before and after; with a tremor if asked for."""
    episode = make_episode(ROBOT, duration_s=duration_s)
    t_s, q = episode.stream(POSITIONS).t_ns * 1e-9, np.tile(ROBOT.home_rad, (len(episode.stream(POSITIONS)), 1))
    share = np.clip((t_s - t_s[0]) / (t_s[-1] - t_s[0]) * 1.4 - 0.2, 0.0, 1.0)
    q[:, 20] += 0.25 * way_rad * (1.0 - np.cos(2.0 * np.pi * share)) + shake_rad * np.sin(2.0 * np.pi * 10.0 * t_s)
    return with_data(episode, POSITIONS, q)


WAYS = {"a": 4.0, "b": 3.8, "c": 4.2, "d": 4.1}


@pytest.mark.parametrize(("way_rad", "is_bad"), [(2.7, True), (2.9, False), (4.0, False)])
@pytest.mark.parametrize("duration_s", [3.5, 4.0, 6.0])
def test_a_take_whose_joints_go_less_far_than_in_its_task(way_rad: float, is_bad: bool, duration_s: float) -> None:
    """Whatever it lasts: 70 % of the median, 4.05 rad, are 2.84."""
    found = gate_findings("truncation", _going(way_rad, duration_s=duration_s), ROBOT, travels=WAYS)
    assert [f.severity for f in found] == (["reject"] if is_bad else [])
    assert all(f.value == pytest.approx(way_rad / 4.05, abs=0.02) and "ends in its middle" in f.message for f in found)


def test_the_shortest_way_that_is_usual_counts_too() -> None:
    """80 % of 2.9 rad (the 10th percentile) are under 70 % of the median."""
    ways = {"a": 2.9, "b": 2.9, "c": 4.5, "d": 4.5, "e": 4.5}
    assert gate_findings("truncation", _going(2.5), ROBOT, travels=ways) == []
    assert gate_findings("truncation", _going(2.2), ROBOT, travels=ways)


def test_ways_that_differ_or_are_none_say_nothing() -> None:
    for ways in ({"a": 4.0, "b": 9.0, "c": 20.0}, {"a": 4.0, "b": 4.0}, {"a": 0.0, "b": 4.0, "c": 4.0}):
        assert gate_findings("truncation", _going(1.0), ROBOT, travels=ways) == []
    still = dict.fromkeys("abcd", 0.9)  # everybody stands
    assert gate_findings("truncation", _going(0.1), ROBOT, travels=still) == []
    assert gate_findings("truncation", _going(0.1), ROBOT, travels=dict.fromkeys("abcd", 1.1))


@pytest.mark.parametrize(("way_rad", "is_bad"), [(3.5, True), (3.8, False)])
def test_a_short_take_that_does_the_whole_of_it_was_quick(way_rad: float, is_bad: bool) -> None:
    """90 % of the median, 4.05 rad, are 3.65."""
    found = gate_findings("truncation", _going(way_rad, duration_s=2.4), ROBOT, peers=ALIKE, travels=WAYS)
    assert bool(found) is is_bad
    assert gate_findings("truncation", _going(way_rad, duration_s=2.4), ROBOT, peers=ALIKE)  # where no way is known


def test_its_own_way_and_a_tremor_count_for_nothing() -> None:
    quick = replace(_going(2.0), id="a")
    assert gate_findings("truncation", quick, ROBOT, travels={"a": 2.0, "b": 4.0, "c": 4.1, "d": 4.2})
    assert gate_findings("truncation", _going(2.0, shake_rad=0.05), ROBOT, travels=WAYS)


def test_fewer_samples_than_the_recorder_counted() -> None:
    counted = '[{"stream": "observations/joint_positions", "samples": 300}]'
    (found,) = _truncated(2.0, {}, record_streams=counted)
    assert (found.severity, found.stream) == ("reject", POSITIONS)
    assert found.value == pytest.approx(241 / 300)
    assert _truncated(2.4, {}, record_streams=counted) == []
    (edited,) = _truncated(2.0, {}, record_streams=counted, parent_id="x")
    assert edited.severity == "warn"


def test_a_recovered_take_that_ends_in_motion_is_only_noted() -> None:
    (found,) = _truncated(2.0, {}, moving=True, record_recovered=True)
    assert found.severity == "warn"
    assert _truncated(2.0, {}, moving=False, record_recovered=True) == []


# schema and robot


def test_robot_model_and_joints_are_the_datasets() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    assert _found("schema_match", episode) == []
    assert _found("schema_match", replace(episode, model_sha256="")) == []  # says nothing, contradicts nothing
    for other in (
        replace(episode, model_sha256="f" * 64),
        replace(episode, robot="unitree_h1"),
        replace(episode, joint_names=episode.joint_names[:-1]),
    ):
        (found,) = _found("schema_match", other)
        assert found.severity == "reject"


@pytest.mark.parametrize(("field", "value"), [("unit", "deg"), ("frame", "world"), ("kind", "command"), ("names", ())])
def test_a_stream_is_as_the_schema_declares_it(field: str, value: object) -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    stream = episode.stream(POSITIONS)
    (found,) = _found("schema_match", with_stream(episode, replace(stream, spec=stream.spec.model_copy(update={field: value}))))
    assert (found.severity, found.stream) == ("reject", POSITIONS)
    assert field in found.message


def test_the_schema_in_the_episode() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)

    def carrying(**changes: object) -> list[str]:
        text = schema_toml(SCHEMA.model_copy(update=changes))
        return [f.severity for f in _found("schema_match", replace(episode, schema_toml=text))]

    assert carrying(gates={}) == []  # thresholds may change
    assert carrying(name="other") == []
    assert carrying(control_rate_hz=30.0) == ["warn"]
    assert carrying(action_kind="torque") == ["reject"]
    assert carrying(robot="unitree_h1") == ["reject"]
    (found,) = _found("schema_match", replace(episode, schema_toml="format_version = 99"))
    assert "another version" in found.message


# source


@pytest.mark.parametrize(
    ("make", "said", "is_bad"),
    [
        (lambda: make_episode(ROBOT, duration_s=1.0), "synthetic", False),
        (lambda: make_episode(ROBOT, duration_s=1.0), "mocap", False),
        (lambda: make_episode(ROBOT, duration_s=1.0), "teleop", True),
        (lambda: make_episode(ROBOT, duration_s=1.0), "simulation", True),
        (lambda: recorded(make_episode(ROBOT, duration_s=1.0)), "teleop", False),
        (lambda: recorded(make_episode(ROBOT, duration_s=1.0)), "simulation", False),
        (lambda: recorded(make_episode(ROBOT, duration_s=1.0)), "mocap", True),
        (lambda: recorded(make_episode(ROBOT, duration_s=1.0)), "video", True),
    ],
)
def test_the_source_that_is_said_is_the_one_that_shows(make: Callable[[], Episode], said: str, is_bad: bool) -> None:
    episode = make()
    assert _refused("source", replace(episode, metadata={**episode.metadata, "motion_source": said})) is is_bad


# units


@pytest.mark.parametrize("key", [POSITIONS, TARGETS])
@pytest.mark.parametrize(("factor", "is_bad"), [(1.0, False), (180.0 / np.pi, True)])
def test_degrees(key: str, factor: float, is_bad: bool) -> None:
    found = _found("units", _scaled(make_episode(ROBOT, duration_s=2.0), key, factor))
    assert [f.stream for f in found if f.stream == key] == ([key] if is_bad else [])


@pytest.mark.parametrize(("joints", "is_bad"), [(1, False), (2, True)])
def test_one_joint_far_off_is_no_other_unit(joints: int, is_bad: bool) -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    q = episode.data(POSITIONS).copy()
    q[:, 21 : 21 + joints] = 20.0
    assert _refused("units", with_data(episode, POSITIONS, q)) is is_bad


@pytest.mark.parametrize(("factor", "is_bad"), [(1.0, False), (1.4, False), (57.3, True), (1 / 57.3, True)])
@pytest.mark.parametrize(("key", "columns"), [(VELOCITIES, slice(None)), (IMU, slice(4, 7))])
def test_rates_in_degrees(key: str, columns: slice, factor: float, is_bad: bool) -> None:
    found = _found("units", _scaled(_nodding(), key, factor, columns))
    assert [f.stream for f in found] == ([key] if is_bad else [])


@pytest.mark.parametrize(("factor", "is_bad"), [(1.0, False), (1 / 9.81, True)])
def test_accelerations_in_g(factor: float, is_bad: bool) -> None:
    assert _refused("units", _scaled(_nodding(), IMU, factor, slice(7, 10))) is is_bad


@pytest.mark.parametrize(("factor", "is_bad"), [(1.0, False), (19.0, False), (21.0, True), (1000.0, True)])
def test_millimetres(factor: float, is_bad: bool) -> None:
    pose = make_episode(ROBOT, duration_s=1.0).data(BASE).copy()
    pose[:, 2] = ROBOT.profile.standing_height_m * factor
    assert _refused("units", with_data(make_episode(ROBOT, duration_s=1.0), BASE, pose)) is is_bad


# quaternion order


GRAVITY = "observations/projected_gravity"


@pytest.mark.parametrize("told_by", [BASE, IMU])
@pytest.mark.parametrize(("off_rad", "is_bad"), [(0.19, False), (0.21, True), (np.pi, True)])
def test_gravity_that_does_not_point_down(told_by: str, off_rad: float, is_bad: bool) -> None:
    """Turned by so much; seen by the pose of the base, or by the IMU where there is none."""
    episode = _leaning(_nodding())
    quat = episode.data(BASE)[:, 3:]
    imu = episode.data(IMU).copy()
    imu[:, :4] = slerp_at(episode.stream(BASE).t_ns, quat, episode.stream(IMU).t_ns)
    episode = with_data(episode, IMU, imu)
    if told_by == IMU:
        episode = without(episode, BASE)
    down = episode.data(GRAVITY)
    across = np.cross(down, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    turned = np.cos(off_rad) * down + np.sin(off_rad) * across
    assert _found("gravity", episode) == []
    found = _found("gravity", with_data(episode, GRAVITY, turned))
    assert [f.stream for f in found] == ([GRAVITY] if is_bad else [])
    if is_bad:
        assert found[0].value == pytest.approx(off_rad, abs=0.02)
        assert ("sign is reversed" in found[0].message) is (off_rad > 3.0)


@pytest.mark.parametrize(("factor", "is_bad"), [(1.0, False), (-1.0, True)])
def test_an_accelerometer_that_feels_a_push_downwards(factor: float, is_bad: bool) -> None:
    found = _found("gravity", _scaled(_nodding(), IMU, factor, slice(7, 10)))
    assert [f.stream for f in found if f.stream == IMU] == ([IMU] if is_bad else [])


@pytest.mark.parametrize(("factor", "is_bad"), [(1.0, False), (-1.0, True)])
def test_an_imu_that_is_mounted_upside_down_and_says_so(factor: float, is_bad: bool) -> None:
    episode, over = _nodding(), np.array([0.0, 1.0, 0.0, 0.0])
    imu = episode.data(IMU).copy()
    imu[:, :4] = quat_mul(imu[:, :4], over)
    imu[:, 4:7], imu[:, 7:10] = quat_apply(quat_conj(over), imu[:, 4:7]), factor * quat_apply(quat_conj(over), imu[:, 7:10])
    found = _found("gravity", with_data(without(episode, GRAVITY), IMU, imu))
    assert [f.stream for f in found] == ([IMU] if is_bad else [])


@pytest.mark.parametrize("yaw_rad", [0.0, 1.0, -2.0])
def test_an_imu_whose_quaternion_is_xyzw(yaw_rad: float) -> None:
    episode = _nodding(yaw_rad)
    assert (
        _found("quaternion_order", without(without(episode, "observations/projected_gravity"), "observations/base_velocity"))
        == []
    )
    found = _found("quaternion_order", _turned(episode, IMU, slice(0, 4)))
    assert IMU in [f.stream for f in found]


@pytest.mark.parametrize("other", ["observations/projected_gravity", "observations/base_velocity"])
def test_a_base_whose_quaternion_is_xyzw(other: str) -> None:
    episode = make_squat_episode(ROBOT, duration_s=3.0)
    spare = {"observations/projected_gravity", "observations/base_velocity"} - {other}
    lean = _leaning(without(episode, spare.pop()))
    assert _found("quaternion_order", lean) == []
    assert [f.stream for f in _found("quaternion_order", _turned(lean, BASE, slice(3, 7)))] == [BASE]


def _leaning(episode: Episode) -> Episode:
    """Base turned and leaning, and what follows from it."""
    from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj, rotvec_to_quat

    stream = episode.stream(BASE)
    pose, t_s = episode.data(BASE).copy(), stream.t_ns * 1e-9
    pose[:, 3:] = rotvec_to_quat(np.stack([0.1 * np.sin(3 * t_s), 0.2 + 0 * t_s, 0.5 + np.sin(t_s)], axis=1))
    out = with_data(episode, BASE, pose)
    down: F64 = quat_apply(quat_conj(pose[:, 3:]), np.broadcast_to([0.0, 0.0, -1.0], (len(pose), 3)))
    if "observations/projected_gravity" in out:
        out = with_data(out, "observations/projected_gravity", down)
    if "observations/base_velocity" in out:
        twist = out.data("observations/base_velocity").copy()
        twist[:, 3:] = angular_velocity(pose[:, 3:], stream.t_ns.astype(np.float64))
        out = with_data(out, "observations/base_velocity", twist)
    return out


@pytest.mark.parametrize(("tilt_rad", "is_bad"), [(0.05, False), (0.2, False)])
def test_a_sensor_mounted_askew_is_not_in_another_order(tilt_rad: float, is_bad: bool) -> None:
    from understudy.geom.rotations import rotvec_to_quat

    episode = _nodding(0.4)
    imu = episode.data(IMU).copy()
    imu[:, :4] = quat_mul(rotvec_to_quat(np.array([[tilt_rad, 0.0, 0.0]])), imu[:, :4])
    assert _refused("quaternion_order", with_data(episode, IMU, imu)) is is_bad
