"""Frozen and constant columns, skew, order of joints, sides, duplicates: on both sides of what each allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.quality.fingerprint import KnownMotions, fingerprint
from understudy.quality.joint_columns import other_side
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.skeleton import INDEX, JOINTS
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, motion_of, with_data, with_joints, with_stream, without
from understudy.testing.gates import gate_findings
from understudy.testing.sensors import columns_moved, frozen, recorded, with_imu
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")
POSITIONS, VELOCITIES = "observations/joint_positions", "observations/joint_velocities"
TARGETS, BASE, COM = "actions/joint_position_target", "debug/base_pose_world", "debug/com_world"
ELBOW = ROBOT.joint_index("left_elbow_joint")


def _found(name: str, episode: Episode, **thresholds: float) -> list[Finding]:
    return gate_findings(name, episode, ROBOT, **thresholds)  # type: ignore[arg-type]


def _standing(duration_s: float = 4.0, seed: int = 0) -> Episode:
    return make_episode(ROBOT, duration_s=duration_s, seed=seed)


def _swinging(speed_rad_s: float, joint: int = ELBOW) -> Episode:
    """One joint alone back and forth, at its fastest in the middle of the episode; rates are not measured."""
    episode = without(_standing(), VELOCITIES)
    t_s = episode.stream(POSITIONS).t_ns * 1e-9
    q = np.tile(ROBOT.home_rad, (len(t_s), 1))
    q[:, joint] = 0.5 + speed_rad_s / np.pi * np.sin(np.pi * (t_s - 2.0))
    return with_data(episode, POSITIONS, q)


# frozen joints


@pytest.mark.parametrize(("lasts_s", "speed_rad_s", "is_bad"), [(0.5, 0.6, True), (0.2, 0.6, False), (0.5, 0.02, False)])
def test_a_joint_that_stops_from_one_sample_to_the_next(lasts_s: float, speed_rad_s: float, is_bad: bool) -> None:
    found = _found("frozen_joints", frozen(_swinging(speed_rad_s), from_s=2.0, lasts_s=lasts_s))
    assert [f.message.split()[0] for f in found] == (["left_elbow_joint"] if is_bad else [])
    assert _found("frozen_joints", _swinging(speed_rad_s)) == []


def test_a_joint_held_at_the_end_of_its_range_is_not_frozen() -> None:
    episode = _swinging(0.0)
    t_s = episode.stream(POSITIONS).t_ns * 1e-9
    q = episode.data(POSITIONS).copy()
    for bound, is_bad in ((ROBOT.upper_rad[ELBOW], False), (ROBOT.upper_rad[ELBOW] - 0.1, True)):
        q[:, ELBOW] = np.minimum(bound, bound - 1.0 + 1.0 * t_s)
        assert bool(_found("frozen_joints", with_data(episode, POSITIONS, q))) is is_bad


def test_a_joint_that_says_it_turns_while_it_stands() -> None:
    episode = _standing()
    rates = np.zeros((len(episode.stream(VELOCITIES)), ROBOT.dof))
    waist = ROBOT.joint_index("waist_yaw_joint")
    for rate, is_bad in ((0.25, False), (0.35, True)):
        rates[:, waist] = rate
        found = _found("frozen_joints", with_data(episode, VELOCITIES, rates))
        assert [f.message.split()[0] for f in found] == (["waist_yaw_joint"] if is_bad else [])


@pytest.mark.parametrize(("lasts_s", "is_bad"), [(0.2, False), (0.3, True)])
def test_a_recorded_robot_whose_noise_stops(lasts_s: float, is_bad: bool) -> None:
    episode = recorded(without(_standing(), VELOCITIES))
    still = with_data(episode, POSITIONS, episode.data(POSITIONS) * 0.0 + 1e-4 * np.random.default_rng(0).normal(size=(481, 29)))
    assert bool(_found("frozen_joints", frozen(still, from_s=2.0, lasts_s=lasts_s))) is is_bad


# constant columns


@pytest.mark.parametrize(("range_rad", "is_bad"), [(0.09, False), (0.12, True)])
def test_an_angle_that_never_changes_while_its_command_does(range_rad: float, is_bad: bool) -> None:
    episode = without(_standing(), VELOCITIES)
    q, told = episode.data(POSITIONS).copy(), episode.data(TARGETS).copy()
    waist = ROBOT.joint_index("waist_yaw_joint")
    q[:, waist], told[:, waist] = 0.0, np.linspace(0.0, range_rad, len(told))
    found = _found("constant", with_data(with_data(episode, POSITIONS, q), TARGETS, told))
    assert [f.stream for f in found] == ([POSITIONS] if is_bad else [])


@pytest.mark.parametrize(("range_rad", "is_bad"), [(0.09, False), (0.12, True)])
def test_a_rate_that_never_changes_while_the_joint_moves(range_rad: float, is_bad: bool) -> None:
    episode = _standing()
    q, rates = episode.data(POSITIONS).copy(), episode.data(VELOCITIES).copy()
    waist = ROBOT.joint_index("waist_yaw_joint")
    q[:, waist], rates[:, waist] = np.linspace(0.0, range_rad, len(q)), 0.0
    found = _found("constant", with_data(with_data(episode, POSITIONS, q), VELOCITIES, rates))
    assert [f.stream for f in found] == ([VELOCITIES] if is_bad else [])


def test_one_dead_axis_of_a_sensor() -> None:
    imu = with_imu(_standing(), ROBOT, noise=0.01)
    assert _found("constant", imu) == []
    data = imu.data("observations/imu_pelvis").copy()
    data[:, 5] = 0.0
    (found,) = _found("constant", with_data(imu, "observations/imu_pelvis", data))
    assert "gyro_y" in found.message
    wrench = Stream(
        SCHEMA.stream("observations/wrench_left_ankle"), imu.stream("observations/imu_pelvis").t_ns, np.zeros((801, 6))
    )
    assert _found("constant", with_stream(imu, wrench)) == []  # a foot in the air, without noise


def test_a_recorded_column_without_the_noise_of_the_others() -> None:
    episode = recorded(_standing())
    assert _found("constant", episode) == []
    q = episode.data(POSITIONS).copy()
    q[:, 3] = q[0, 3]
    told = episode.data(TARGETS).copy()
    told[:, 3] = 0.0
    found = _found("constant", with_data(with_data(episode, POSITIONS, q), TARGETS, told))
    assert [f.stream for f in found] == [POSITIONS]


def test_gravity_and_velocity_follow_the_base() -> None:
    episode = _standing()
    for key, column in (("observations/projected_gravity", 0), ("observations/base_velocity", 0)):
        data = episode.data(key).copy()
        data[:, column] = 0.0
        leaning = with_data(episode, BASE, _leaning_pose(episode))
        assert [f.stream for f in _found("constant", with_data(leaning, key, data))] == [key]
        assert (
            _found("constant", with_data(episode, "observations/gripper", data)) == []
            if "observations/gripper" in episode
            else True
        )


def _leaning_pose(episode: Episode) -> F64:
    pose, t_s = episode.data(BASE).copy(), episode.stream(BASE).t_ns * 1e-9
    half = 0.1 * np.sin(2.0 * t_s)
    pose[:, 0] += 0.1 * np.sin(3.0 * t_s)
    pose[:, 3:] = np.stack([np.cos(half), 0 * half, np.sin(half), 0 * half], axis=1)
    return pose


# skew


@pytest.mark.parametrize(
    "key", [VELOCITIES, *(f"observations/{n}" for n in ("base_velocity", "projected_gravity", "foot_contact"))]
)
@pytest.mark.parametrize(("late_ms", "is_bad"), [(0, False), (14, False), (-14, False), (16, True), (-30, True)])
def test_a_stream_of_a_motion_that_is_late(key: str, late_ms: int, is_bad: bool) -> None:
    episode = _standing()
    stream = episode.stream(key)
    found = _found("skew", with_data(episode, key, stream.data, stream.t_ns + late_ms * 1_000_000))
    assert [f.stream for f in found] == ([key] if is_bad else [])
    assert all(f.value == pytest.approx(abs(late_ms) * 1e-3, abs=1e-3) for f in found)


@pytest.mark.parametrize(("drift_ms", "is_bad"), [(5, False), (8, True), (60, True), (-60, True)])
def test_a_stream_of_a_motion_that_runs_off(drift_ms: float, is_bad: bool) -> None:
    episode = _standing()
    stream = episode.stream(VELOCITIES)
    run = np.round(stream.t_ns * (1.0 + drift_ms * 1e6 / stream.t_ns[-1])).astype(np.int64)  # 8 ms of 4 s are 2000 ppm
    assert [f.stream for f in _found("skew", with_data(episode, VELOCITIES, stream.data, run))] == (
        [VELOCITIES] if is_bad else []
    )


@pytest.mark.parametrize(("late_s", "is_bad"), [(0.0, False), (0.012, False), (0.03, True), (-0.03, True)])
def test_a_recorded_stream_is_judged_by_its_motion(late_s: float, is_bad: bool) -> None:
    episode = recorded(_moving())
    rates = episode.stream(VELOCITIES)
    cut = slice(30, -30)  # begins and ends as it likes
    late = replace(rates, t_ns=rates.t_ns[cut] + round(late_s * 1e9), values=rates.data[cut], extra={})
    assert [f.stream for f in _found("skew", with_stream(episode, late))] == ([VELOCITIES] if is_bad else [])


def _moving() -> Episode:
    episode = _standing(8.0)
    t_ns = episode.stream(POSITIONS).t_ns
    rng = np.random.default_rng(3)
    waves = sum(a * np.sin(2 * np.pi * f * t_ns[:, None] * 1e-9 + p) for a, f, p in rng.uniform(0.1, 1.0, (4, 3, ROBOT.dof)))
    moved = with_data(episode, POSITIONS, 0.3 * np.asarray(waves))
    return with_data(moved, VELOCITIES, np.gradient(0.3 * np.asarray(waves), t_ns * 1e-9, axis=0))


@pytest.mark.parametrize(("latency_s", "is_bad"), [(0.002, False), (-0.01, False), (-0.02, True)])
def test_samples_cannot_arrive_before_they_are_taken(latency_s: float, is_bad: bool) -> None:
    episode = recorded(_standing())
    stream = episode.stream(BASE)
    early = replace(stream, extra={**stream.extra, "t_arrival_ns": stream.t_ns + round(latency_s * 1e9)})
    assert [f.stream for f in _found("skew", with_stream(episode, early))] == ([BASE] if is_bad else [])
    stepped = {**episode.metadata, "record_clock_steps": "[]"}  # stamps were carried on by hand: arrivals tell nothing
    assert _found("skew", replace(with_stream(episode, early), metadata=stepped)) == []


def test_the_delay_of_a_robot_is_no_skew_but_a_change_of_it_is() -> None:
    episode = recorded(_moving())
    told, t_ns = episode.stream(TARGETS), episode.stream(TARGETS).t_ns
    for start_ms, end_ms, is_bad in ((60, 60, False), (200, 200, False), (20, 60, False), (20, 110, True)):
        moved_ns = -np.round(np.linspace(start_ms, end_ms, len(t_ns)) * 1e6).astype(np.int64)
        q = episode.data(POSITIONS)
        at = told.t_ns - moved_ns
        values = np.stack([np.interp(at, episode.stream(POSITIONS).t_ns, q[:, j]) for j in range(ROBOT.dof)], axis=1)
        commanded = with_stream(episode, replace(told, values=values, t_ns=told.t_ns))
        assert bool(_found("skew", commanded)) is is_bad, (start_ms, end_ms)


def test_two_kinds_of_nothing_to_see() -> None:
    still = with_data(_standing(), POSITIONS, np.tile(ROBOT.home_rad, (481, 1)))
    assert _found("skew", with_data(still, VELOCITIES, np.zeros((481, ROBOT.dof)))) == []
    assert _found("skew", _standing(0.5)) == []


# order of joints and sides


def _bent() -> Episode:
    angles = {"left_elbow_joint": 1.2, "right_elbow_joint": 0.2, "left_shoulder_pitch_joint": -1.0, "left_hip_pitch_joint": -0.6}
    return with_joints(_standing(), ROBOT, angles)


def _order(*cycle: str) -> list[int]:
    order, joints = list(range(ROBOT.dof)), [ROBOT.joint_index(f"{name}_joint") for name in cycle]
    for here, there in zip(joints, [*joints[1:], joints[0]], strict=True):
        order[here] = there
    return order


SIDES = [other_side(ROBOT.joint_names).get(j, j) for j in range(ROBOT.dof)]


def test_names_in_another_order_are_refused() -> None:
    episode = _standing()
    assert _found("joint_order", episode) == []
    names = episode.joint_names
    turned = replace(episode, joint_names=(names[1], names[0], *names[2:]))
    (found,) = _found("joint_order", turned)
    assert "joint 0 is left_hip_roll_joint, and the dataset has left_hip_pitch_joint there" in found.message
    stream = episode.stream(TARGETS)
    spec = stream.spec.model_copy(update={"names": (names[1], names[0], *names[2:])})
    assert [f.stream for f in _found("joint_order", with_stream(episode, replace(stream, spec=spec)))] == [TARGETS]


def test_targets_of_other_joints() -> None:
    episode = _bent()
    assert _found("joint_order", episode) == []
    shuffled = columns_moved(episode.data(TARGETS), _order("left_elbow", "left_shoulder_pitch", "left_hip_pitch"))
    (found,) = _found("joint_order", with_data(episode, TARGETS, shuffled))
    assert found.stream == TARGETS
    assert _found("joint_order", with_data(episode, TARGETS, shuffled), min_joints=4.0) == []


def test_angles_that_contradict_the_centre_of_mass() -> None:
    episode = _bent()
    for key in (POSITIONS, VELOCITIES, TARGETS):
        episode = with_data(episode, key, columns_moved(episode.data(key), _order("left_hip_pitch", "left_elbow")))
    (found,) = _found("joint_order", episode)
    assert found.stream == COM
    assert found.value is not None
    assert found.value > 0.008
    assert _found("joint_order", episode, max_com_error_m=found.value + 1e-4) == []
    assert _found("joint_order", without(episode, COM)) == []  # nothing else can tell


@pytest.mark.parametrize("keys", [(POSITIONS,), (TARGETS,), (VELOCITIES,), (POSITIONS, VELOCITIES, TARGETS)])
def test_left_and_right_exchanged(keys: tuple[str, ...]) -> None:
    episode = _bent() if VELOCITIES not in keys else _followed(_moving_arm())
    assert _found("swapped_sides", episode) == []
    for key in keys:
        episode = with_data(episode, key, columns_moved(episode.data(key), SIDES))
    assert len(_found("swapped_sides", episode)) == 1


def _moving_arm() -> Episode:
    """The left arm swings, off the body; the centre of mass follows."""
    from understudy.testing.episodes import episode_of_motion
    from understudy.testing.motions import planted, stamps

    t_ns = stamps(4.0, 120.0)
    q = np.tile(ROBOT.home_rad, (len(t_ns), 1))
    for name in ("left_elbow_joint", "left_shoulder_pitch_joint"):
        q[:, ROBOT.joint_index(name)] += 0.6 * np.sin(3.0 * t_ns * 1e-9) + 0.3
    q[:, ROBOT.joint_index("left_shoulder_roll_joint")] = 0.6
    return episode_of_motion(ROBOT, planted(ROBOT, t_ns, q), episode_id="arm_00000000")


@pytest.mark.parametrize(("lean_rad", "is_bad"), [(0.2, False), (-0.1, False), (-0.2, True)])
def test_arms_through_the_body_where_nothing_else_can_tell(lean_rad: float, is_bad: bool) -> None:
    episode = without(_standing(), BASE)
    q = episode.data(POSITIONS).copy()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        q[:, ROBOT.joint_index(f"{side}_shoulder_roll_joint")] = sign * lean_rad
    found = _found("swapped_sides", with_data(episode, POSITIONS, q))
    assert [f.severity for f in found] == (["warn"] if is_bad else [])


def _followed(episode: Episode) -> Episode:
    """The episode with a person whose wrists and ankles are where the robot has its own."""
    motion = motion_of(episode)
    poses = body_poses(ROBOT, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    places = np.zeros((len(motion.t_ns), len(JOINTS), 3))
    for name in (f"{side}_{part}" for side in ("left", "right") for part in ("wrist", "ankle")):
        places[:, INDEX[name]] = poses.points(*ROBOT.point(name)) + 0.005
    return with_stream(episode, Stream(SCHEMA.stream("debug/human_target_world"), motion.t_ns, places))


def test_arms_crossed_before_the_chest_are_no_fault_where_the_person_had_them_there() -> None:
    crossed = with_joints(_standing(), ROBOT, {"left_shoulder_roll_joint": -0.4, "right_shoulder_roll_joint": 0.4})
    assert [f.severity for f in _found("swapped_sides", crossed)] == ["warn"]
    assert _found("swapped_sides", _followed(crossed)) == []


# duplicates


def _known(*episodes: Episode) -> KnownMotions:
    known = KnownMotions()
    for episode in episodes:
        known.add(episode.id, fingerprint(episode))
    return known


def _stretch(episode: Episode, first: int, last: int, **changes: object) -> Episode:
    cut = {key: s.with_values(s.data[first:last], s.t_ns[first:last]) for key, s in episode.streams.items() if len(s) == 481}
    return replace(episode, id="cut", streams={**episode.streams, **cut}, **changes)  # type: ignore[arg-type]


def _duplicates(episode: Episode, known: KnownMotions) -> list[Finding]:
    return gate_findings("duplicates", episode, ROBOT, others=known)


def test_a_copy_and_a_stretch_are_found_wherever_they_begin() -> None:
    whole = _standing()
    known = _known(whole, _standing(seed=1), _standing(seed=2))
    assert _duplicates(whole, known) == []  # itself is no other
    for first, last in ((0, 481), (7, 480), (100, 350), (240, 481)):
        (found,) = _duplicates(_stretch(whole, first, last), known)
        assert found.severity == "reject"
        assert whole.id in found.message
    later = replace(whole, id="later", streams={k: replace(s, t_ns=s.t_ns + 10**15) for k, s in whole.streams.items()})
    assert len(_duplicates(later, known)) == 1


def test_how_much_may_be_shared() -> None:
    whole, other = _standing(), _standing(seed=5)
    known = _known(whole)
    for share, is_bad in ((0.6, False), (0.95, True)):
        rows = round(share * 481)
        q = np.concatenate([whole.data(POSITIONS)[:rows], other.data(POSITIONS)[rows:]])
        found = _duplicates(replace(with_data(whole, POSITIONS, q), id="mixed"), known)
        assert bool(found) is is_bad


def test_a_longer_episode_and_one_made_from_another_are_only_warned_of() -> None:
    whole = _standing()
    (longer,) = _duplicates(replace(whole, id="longer"), _known(_stretch(whole, 100, 300)))
    (child,) = _duplicates(replace(whole, id="child", metadata={**whole.metadata, "parent_id": whole.id}), _known(whole))
    assert (longer.severity, child.severity) == ("warn", "warn")


def test_the_same_poses_at_another_speed_are_another_motion() -> None:
    whole = _standing()
    slower = {key: replace(s, t_ns=s.t_ns * 2) for key, s in whole.streams.items()}
    assert _duplicates(replace(whole, id="slower", streams=slower), _known(whole)) == []


def test_what_stands_still_is_like_nothing() -> None:
    still = with_data(_standing(), POSITIONS, np.tile(ROBOT.home_rad, (481, 1)))
    assert fingerprint(still) == ""
    assert _duplicates(replace(still, id="b"), _known(still)) == []
    assert KnownMotions().alike("no fingerprint!", but="") == []
