"""Laws of the whole retargeter, on motions of the project's own walker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.retarget.clip import mirrored
from understudy.retarget.drive import acceleration_weight, make_drive
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import make_problem
from understudy.retarget.retarget import Retargeted, retarget
from understudy.retarget.start import start_pose
from understudy.retarget.targets import calibrate, make_targets
from understudy.retarget.trajectory import Settings, Trajectory
from understudy.simulate.walker import stand, walk
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(4.0, rate_hz=60.0)


@pytest.fixture(scope="module")
def walked(walking: HumanMotion, robot: RobotModel) -> Retargeted:
    return retarget(walking, robot)


def _mirror_joints(robot: RobotModel, q: F64) -> F64:
    """Joint angles of the mirrored pose: sides exchanged, roll and yaw turned over."""
    other = {"left": "right", "right": "left"}
    columns, signs = [], []
    for name in robot.joint_names:
        side, _, rest = name.partition("_")
        columns.append(robot.joint_index(f"{other[side]}_{rest}") if side in other else robot.joint_index(name))
        signs.append(-1.0 if "roll" in name or "yaw" in name else 1.0)
    return np.asarray(q[:, columns] * np.array(signs))


def test_walking_keeps_every_bar(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    found = motion_metrics(walking, walked.motion, robot)
    assert found.limb_dir_deg <= 3.0
    assert found.skate_cm_s <= 0.6
    assert found.float_cm <= 0.2
    assert found.penetration_pct <= 0.5
    assert found.limit_violations == 0
    assert found.fast_steps == 0


def test_the_mirrored_clip_gives_the_mirrored_motion(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    """Left is left: a swapped side, a flipped sign or a wrong axis anywhere breaks this."""
    reflected = retarget(mirrored(walking), robot)
    expected = _mirror_joints(robot, walked.motion.joint_pos)
    assert np.degrees(np.abs(reflected.motion.joint_pos - expected).mean()) < 0.3
    assert np.degrees(np.abs(reflected.motion.joint_pos - expected).max()) < 4.0
    np.testing.assert_allclose(reflected.motion.root_pos_world_m, walked.motion.root_pos_world_m * [1.0, -1.0, 1.0], atol=0.01)


def test_turning_the_world_turns_only_the_root(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned = retarget(replace(walking, joint_pos_world_m=walking.joint_pos_world_m @ turn.T), robot)
    assert np.degrees(np.abs(turned.motion.joint_pos - walked.motion.joint_pos).max()) < 0.5
    np.testing.assert_allclose(turned.motion.root_pos_world_m, walked.motion.root_pos_world_m @ turn.T, atol=2e-3)


def test_a_raised_left_hand_is_the_robots_left_hand(robot: RobotModel) -> None:
    motion = stand(2.0, rate_hz=60.0)
    pos = motion.joint_pos_world_m.copy()
    shoulder = pos[:, INDEX["left_shoulder"]]
    for name, up in (("left_elbow", 0.28), ("left_wrist", 0.53), ("left_hand", 0.62)):
        pos[:, INDEX[name]] = shoulder + np.array([0.05, 0.02, up])
    result = retarget(replace(motion, joint_pos_world_m=pos), robot).motion
    from understudy.kinematics.forward import body_poses

    poses = body_poses(robot, result.root_pos_world_m, result.root_quat_world_wxyz, result.joint_pos)
    height = {s: poses.points(*robot.point(f"{s}_wrist"))[:, 2].min() for s in ("left", "right")}
    assert height["left"] > height["right"] + 0.4


def test_the_stretch_length_changes_nothing(walking: HumanMotion, robot: RobotModel) -> None:
    """Long clips are factored in stretches; the elimination is the same, whatever their length (0.2 degrees are allowed)."""
    whole = retarget(walking, robot, settings=Settings(stretch=100_000))
    for stretch in (37, 120):
        parts = retarget(walking, robot, settings=Settings(stretch=stretch))
        assert np.degrees(np.abs(parts.motion.joint_pos - whole.motion.joint_pos).max()) < 1e-3


def test_factoring_each_stretch_twice_changes_nothing(
    walking: HumanMotion, robot: RobotModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = retarget(walking, robot, settings=Settings(stretch=50))
    monkeypatch.setattr("understudy.retarget.trajectory.KEEP_BYTES", 0)
    again = retarget(walking, robot, settings=Settings(stretch=50))
    np.testing.assert_array_equal(kept.motion.joint_pos, again.motion.joint_pos)


def test_the_same_input_gives_the_same_bits(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    again = retarget(walking, robot)
    np.testing.assert_array_equal(again.motion.joint_pos, walked.motion.joint_pos)
    np.testing.assert_array_equal(again.motion.root_pos_world_m, walked.motion.root_pos_world_m)


def test_the_frame_rate_hardly_matters(walking: HumanMotion, robot: RobotModel, walked: Retargeted) -> None:
    fast = walk(4.0, rate_hz=120.0)
    result = retarget(fast, robot)
    shared = np.searchsorted(fast.t_ns, walking.t_ns - 1_000)
    gap = np.degrees(np.abs(result.motion.joint_pos[shared] - walked.motion.joint_pos))
    assert gap.mean() < 0.5


@pytest.mark.parametrize("frequency_hz", [1.0, 5.0, 8.0])
def test_smoothing_is_the_stated_low_pass(robot: RobotModel, frequency_hz: float) -> None:
    """A forearm that swings sinusoidally comes out at 1 / (1 + (f / 5 Hz)^4) of its swing, without delay."""
    motion = stand(4.0, rate_hz=120.0)
    t_s = motion.t_ns * 1e-9
    swing = 0.12 * np.sin(2 * np.pi * frequency_hz * t_s)
    pos = motion.joint_pos_world_m.copy()
    elbow = pos[:, INDEX["left_elbow"]].copy()
    forearm = 0.25 * np.stack([np.cos(swing), np.zeros_like(swing), np.sin(swing)], axis=1)
    pos[:, INDEX["left_wrist"]] = elbow + forearm
    pos[:, INDEX["left_hand"]] = elbow + 1.3 * forearm
    result = retarget(replace(motion, joint_pos_world_m=pos), robot)
    elbow_angle = result.motion.joint_pos[:, robot.joint_index("left_elbow_joint")]
    middle = slice(120, -120)
    signal = elbow_angle[middle] - elbow_angle[middle].mean()
    wave = np.exp(-2j * np.pi * frequency_hz * t_s[middle])
    gain = abs(2 * np.mean(signal * wave)) / 0.12
    expected = 1.0 / (1.0 + (frequency_hz / 5.0) ** 4)
    assert gain == pytest.approx(expected, abs=0.1)
    delay = np.angle(np.mean(signal * wave) / np.mean(swing[middle] * wave))
    assert min(abs(delay), abs(abs(delay) - np.pi)) < 0.1


def test_no_lowpass_follows_more_closely(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    free = retarget(walking, robot, settings=Settings(lowpass_hz=0.0))
    smooth, rough = (motion_metrics(walking, r.motion, robot) for r in (walked, free))
    assert rough.limb_dir_deg < smooth.limb_dir_deg + 0.05
    assert rough.jerk_rad_s3 > smooth.jerk_rad_s3


@pytest.mark.parametrize("rate_hz", [30.0, 60.0, 240.0])
@pytest.mark.parametrize("cut_hz", [2.5, 5.0, 14.0])
def test_the_low_pass_halves_its_cut_off_at_every_rate(cut_hz: float, rate_hz: float) -> None:
    """The minimiser of |q - u|^2 + w |second difference of q|^2 over a whole turn, frame by frame as a dense system."""
    frames = round(rate_hz * 2.0)  # whole waves of every frequency above
    second = np.roll(np.eye(frames), 1, axis=1) - 2.0 * np.eye(frames) + np.roll(np.eye(frames), -1, axis=1)
    wave = np.cos(2.0 * np.pi * cut_hz * np.arange(frames) / rate_hz)
    found = np.linalg.solve(np.eye(frames) + acceleration_weight(cut_hz, rate_hz) * second.T @ second, wave)
    np.testing.assert_allclose(found, 0.5 * wave, atol=1e-9)


def test_a_slow_low_pass_goes_with_the_fourth_power() -> None:
    assert acceleration_weight(0.25) == pytest.approx(16 * acceleration_weight(0.5), rel=0.01)
    assert acceleration_weight(0.5) == pytest.approx((30.0 / np.pi) ** 4, rel=0.01)


def test_filtering_the_arms_leaves_the_feet_alone(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    filtered = retarget(walking, robot, arm_filter_hz=2.0)
    legs = [robot.joint_index(n) for g in ("left_leg", "right_leg") for n in robot.profile.groups[g]]
    arms = [robot.joint_index(n) for n in robot.profile.groups["left_arm"]]
    np.testing.assert_array_equal(filtered.motion.joint_pos[:, legs], walked.motion.joint_pos[:, legs])
    np.testing.assert_array_equal(filtered.motion.root_pos_world_m, walked.motion.root_pos_world_m)
    assert np.abs(filtered.motion.joint_pos[:, arms] - walked.motion.joint_pos[:, arms]).max() > 1e-4


def test_limits_hold_and_quaternions_stay_on_one_side(walked: Retargeted, robot: RobotModel) -> None:
    q, quat = walked.motion.joint_pos, walked.motion.root_quat_world_wxyz
    assert np.all(q >= robot.lower_rad)
    assert np.all(q <= robot.upper_rad)
    np.testing.assert_allclose(np.linalg.norm(quat, axis=1), 1.0, atol=1e-12)
    assert np.sum(quat[1:] * quat[:-1], axis=1).min() > 0


def test_an_arm_that_cannot_fold_as_far_is_flagged_clipped_and_bridged(robot: RobotModel) -> None:
    """For a third of a second the forearm is folded flat onto the upper arm; a G1's elbow stops 30 degrees short of that."""
    motion = stand(3.0, rate_hz=60.0)
    pos = motion.joint_pos_world_m.copy()
    shoulder = pos[:, INDEX["left_shoulder"]]
    bad = slice(80, 100)
    pos[bad, INDEX["left_elbow"]] = shoulder[bad] + np.array([0.0, 0.0, -0.28])
    for name in ("left_wrist", "left_hand"):
        pos[bad, INDEX[name]] = shoulder[bad] + np.array([0.0, 0.0, -0.03])
    asked = replace(motion, joint_pos_world_m=pos)
    flagged, clipped, bridged = (retarget(asked, robot, infeasible=mode) for mode in ("flag", "clip", "interpolate"))
    for result, word in ((flagged, "flagged"), (clipped, "clipped"), (bridged, "interpolated")):
        assert result.infeasible[bad].mean() > 0.7  # what was asked stays on record, whatever is done about it
        assert not result.infeasible[:70].any()
        assert {s.treated for s in result.stretches if s.end == "left_hand"} == {word}
        assert any("infeasible" in w for w in result.warnings)
    elbow = robot.joint_index("left_elbow_joint")
    rest = flagged.motion.joint_pos[60, elbow]
    assert abs(bridged.motion.joint_pos[90, elbow] - rest) < 0.3
    assert abs(flagged.motion.joint_pos[90, elbow] - rest) > 1.0
    assert abs(clipped.motion.joint_pos[90, elbow] - rest) > 1.0


def test_no_joint_turns_faster_than_the_bound(robot: RobotModel) -> None:
    """An arm thrown up within a frame: the robot's follows at the bound, with and without smoothing."""
    motion = stand(3.0, rate_hz=60.0)
    pos = motion.joint_pos_world_m.copy()
    shoulder = pos[90:, INDEX["right_shoulder"]]
    for name, up in (("right_elbow", 0.28), ("right_wrist", 0.53), ("right_hand", 0.62)):
        pos[90:, INDEX[name]] = shoulder + np.array([0.02, 0.0, up])
    for lowpass_hz in (0.0, 5.0):
        result = retarget(replace(motion, joint_pos_world_m=pos), robot, settings=Settings(lowpass_hz=lowpass_hz))
        speed = np.abs(np.diff(result.motion.joint_pos, axis=0)) * 60.0
        assert speed.max() <= 15.0
        assert speed.max() > 7.0


def test_somebody_on_tiptoe_for_most_of_a_clip_is_measured_with_the_heels_down(robot: RobotModel) -> None:
    flat, problem = stand(4.0, rate_hz=60.0), make_problem(robot)
    joints = flat.joint_pos_world_m.copy()
    raised = [i for name, i in INDEX.items() if not name.endswith("toe")]
    joints[: round(0.7 * len(flat)), raised, 2] += 0.06
    known, wanted = calibrate(replace(flat, joint_pos_world_m=joints), problem), calibrate(flat, problem)
    assert known.stand_pitch_rad == pytest.approx(wanted.stand_pitch_rad, abs=1e-3)
    assert known.height_shift_m == pytest.approx(wanted.height_shift_m, abs=1e-3)


def test_too_short_a_clip_is_refused(robot: RobotModel) -> None:
    motion = stand(2.0, rate_hz=60.0)
    with pytest.raises(MocapError, match="4 frames are too few"):
        retarget(replace(motion, joint_pos_world_m=motion.joint_pos_world_m[:4], t_ns=motion.t_ns[:4]), robot)


def test_the_first_solution_faces_the_person(walking: HumanMotion, robot: RobotModel) -> None:
    problem = make_problem(robot)
    pose = start_pose(problem, make_targets(walking, problem))
    ahead = np.cross(walking.joint("left_hip") - walking.joint("right_hip"), [0.0, 0.0, 1.0])
    assert np.all(np.sum(pose.root_rot[:, :, 0] * ahead, axis=1) > 0)


def test_rotations_stay_orthonormal(walking: HumanMotion, robot: RobotModel) -> None:
    problem = make_problem(robot)
    targets = make_targets(walking, problem)
    settings = Settings(iterations=2)
    drive = make_drive(problem, targets, settings.lowpass_hz, 60.0)
    solved = Trajectory(
        problem, drive, start_pose(problem, targets), settings, 60.0, flat=targets.flat, level=targets.flat
    ).solve()
    identity = np.broadcast_to(np.eye(3), (len(walking), 3, 3))
    np.testing.assert_allclose(solved.root_rot @ np.swapaxes(solved.root_rot, 1, 2), identity, atol=1e-9)
