"""The simulated robot's streams against mechanics: gravity, weights, finite differences, pushes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from understudy.devices import SimClock
from understudy.devices.robot.mujoco import ArmWaves, Mover, MujocoRobot, SharpMotions
from understudy.devices.robot.mujoco.world import imu_mount, wrench_link
from understudy.errors import DeviceError, UnknownNameError
from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_apply, quat_conj, quat_mul, quat_to_matrix
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot, robot_names
from understudy.spec.default_schema import default_schema
from understudy.spec.robot import RobotModel
from understudy.spec.sample import NO_STAMP, Sample
from understudy.spec.schema import Schema
from understudy.spec.skeleton import SIDES

G = 9.81


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


class Take:
    """A device, and everything it gave."""

    def __init__(self, device: MujocoRobot, clock: SimClock) -> None:
        self.device, self.clock = device, clock
        self.samples: list[Sample] = []

    def live(self, seconds: float, step_s: float = 0.05) -> Take:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.samples += self.device.read(0.0)
        return self

    def of(self, key: str) -> Sequence[Sample]:
        return [s for s in self.samples if s.stream.endswith(key)]

    def data(self, key: str) -> F64:
        return np.array([s.data for s in self.of(key)], dtype=np.float64)

    def t_s(self, key: str) -> F64:
        return np.array([s.t_ns for s in self.of(key)]) * 1e-9


def begin(
    robot: RobotModel,
    mover: Mover | None = None,
    *,
    lift_m: float = 0.05,
    scene: str = "empty",
    rates_hz: dict[str, float] | None = None,
    noise_seed: int | None = None,
) -> Take:
    clock = SimClock(1_000_000_000)
    device = MujocoRobot(robot, clock=clock, mover=mover, lift_m=lift_m, scene=scene, rates_hz=rates_hz, noise_seed=noise_seed)
    device.start()
    return Take(device, clock)


def weight_beyond(robot: RobotModel, link: str) -> float:
    """Weight in newtons of a body and all it carries."""
    body = robot.frame(link).body
    below = {body}
    for j, parent in enumerate(robot.body_parent):
        if int(parent) in below:
            below.add(j + 1)
    return G * float(sum(robot.mass_kg[b] for b in below))


def test_every_standard_stream_has_the_schemas_shape_type_and_rate(robot: RobotModel) -> None:
    take = begin(robot, scene="table").live(1.0)
    wanted = {s.key: s for s in default_schema(robot, "x").streams}
    made = {s.stream for s in take.samples}
    missing = {k for k, s in wanted.items() if s.group == "observations" and s.kind != "image"} - made
    assert not missing
    assert {"debug/base_pose_world", "debug/object_poses_world", "actions/joint_position_target", "actions/control_mode"} <= made
    rates = {s.key: s.rate_hz for s in take.device.streams}
    assert made == set(rates)
    for key in made:
        samples, spec = take.of(key), wanted[key]
        assert {s.data.shape for s in samples if isinstance(s.data, np.ndarray)} == {spec.shape}, key
        assert {str(s.data.dtype) for s in samples if isinstance(s.data, np.ndarray)} == {spec.dtype}, key
        assert len(samples) == pytest.approx(rates[key] + 1, abs=0.5), key
    assert rates["observations/joint_positions"] == 100.0
    assert rates["observations/imu_pelvis"] == rates["observations/wrench_left_ankle"] == 200.0
    assert rates["observations/gripper"] == rates["debug/base_pose_world"] == 100.0


def test_stamps_are_even_numbered_and_on_the_hosts_clock(robot: RobotModel) -> None:
    take = begin(robot).live(0.5, step_s=0.013)
    for key, period_ns in (("joint_positions", 10_000_000), ("imu_torso", 5_000_000)):
        samples = take.of(key)
        assert [s.seq for s in samples] == list(range(len(samples)))
        assert [s.t_ns for s in samples] == [1_000_000_000 + n * period_ns for n in range(len(samples))]
        assert {s.t_device_ns for s in samples} == {NO_STAMP}
        assert all(s.t_arrival_ns == s.t_ns for s in samples)
    order = [s.t_ns for s in take.samples]
    assert order == sorted(order)


def test_the_same_on_any_step_of_the_clock(robot: RobotModel) -> None:
    fine = begin(robot, SharpMotions(robot, first_s=0.2, raise_s=0.1)).live(0.6, step_s=0.002)
    coarse = begin(robot, SharpMotions(robot, first_s=0.2, raise_s=0.1)).live(0.6, step_s=0.3)
    for key in ("joint_positions", "imu_pelvis", "joint_position_target", "wrench_left_wrist"):
        np.testing.assert_array_equal(fine.data(key), coarse.data(key))


@pytest.mark.parametrize("name", robot_names())
def test_robots_hang_still_near_their_targets(name: str) -> None:
    robot = load_robot(name)
    take = begin(robot).live(3.0)
    late = take.data("joint_positions")[-1]
    assert np.abs(late - robot.home_rad).max() < 0.06, "the servos sag"
    assert np.abs(take.data("joint_velocities")[-1]).max() < 1e-3
    assert (np.abs(take.data("joint_torques")) <= robot.effort_nm + 1e-9).all()
    assert np.abs(take.data("base_velocity")[-1]).max() < 1e-3
    np.testing.assert_allclose(take.data("projected_gravity")[-1], [0, 0, -1], atol=0.01)
    np.testing.assert_allclose(
        take.data("base_pose_world")[-1], [0, 0, robot.profile.standing_height_m + 0.05, 1, 0, 0, 0], atol=0.01
    )


@pytest.mark.parametrize("name", robot_names())
def test_robots_survive_sharp_motions_and_arrive(name: str) -> None:
    robot = load_robot(name)
    mover = SharpMotions(robot, first_s=1.5)
    take = begin(robot, mover).live(4.4)
    assert np.isfinite(take.data("joint_positions")).all()
    reached = take.data("joint_positions")[-1] - mover.motion(4.4)[0]
    assert np.abs(reached).max() < 0.01
    assert np.abs(take.data("base_pose_world")[:, :3] - take.data("base_pose_world")[0, :3]).max() < 0.02


def test_joints_that_are_fed_forward_are_where_they_are_sent_when_they_are_sent(robot: RobotModel) -> None:
    mover = SharpMotions(robot, first_s=1.5)
    take = begin(robot, mover).live(4.4)
    t_s = take.t_s("joint_positions") - 1.0
    due, settled = np.array([mover.motion(t)[0] for t in t_s]), t_s > 0.5
    assert np.ptp(due[settled], axis=0).max() > 0.3
    assert np.abs(take.data("joint_positions") - due)[settled].max() < 0.01


def test_sensor_noise_is_the_same_however_it_is_read_and_leaves_the_motion_alone(robot: RobotModel) -> None:
    plain = begin(robot).live(0.3)
    fine, coarse = (begin(robot, noise_seed=4).live(0.3, step_s=step_s) for step_s in (0.002, 0.3))
    other = begin(robot, noise_seed=5).live(0.3)
    for key, deviation in (("joint_positions", 1e-4), ("wrench_left_wrist", 0.05)):
        np.testing.assert_array_equal(fine.data(key), coarse.data(key))
        assert not np.array_equal(fine.data(key), other.data(key))
        noise = (fine.data(key) - plain.data(key))[:, :3]
        assert np.std(noise) == pytest.approx(deviation, rel=0.3)
    np.testing.assert_array_equal(fine.data("imu_head")[:, :4], plain.data("imu_head")[:, :4])
    np.testing.assert_array_equal(fine.data("foot_contact"), plain.data("foot_contact"))


def test_a_still_imu_feels_gravity_upwards(robot: RobotModel) -> None:
    take = begin(robot).live(2.0)
    for part in ("pelvis", "torso", "head"):
        imu = take.data(f"imu_{part}")[-1]
        up = quat_apply(quat_conj(imu[:4]), np.array([0.0, 0.0, 1.0]))
        np.testing.assert_allclose(imu[7:], G * up, atol=0.01)
        np.testing.assert_allclose(imu[4:7], 0.0, atol=1e-3)


def test_imus_agree_with_finite_differences_of_where_they_are(robot: RobotModel) -> None:
    take = begin(robot, ArmWaves(robot, amplitude_rad=0.3, rate_hz=0.5), rates_hz={
        f"observations/{key}": 800.0 for key in ("joint_positions", "imu_torso", "imu_pelvis", "imu_head")
    } | {"debug/base_pose_world": 800.0}).live(4.0)  # fmt: skip
    dt = 1.0 / 800.0
    base, q = take.data("base_pose_world"), take.data("joint_positions")
    poses = body_poses(robot, base[:, :3], base[:, 3:], q)
    late = slice(1600, -2)
    for part in ("pelvis", "torso", "head"):
        mount = imu_mount(robot, part)
        body, offset = robot.on_body(mount.link, np.array(mount.pos_m))
        where = poses.points(body, offset)
        quat, gyro, accel = np.split(take.data(f"imu_{part}"), [4, 7], axis=1)
        frame = robot.frame(mount.link)
        link = poses.rot_world[:, body] @ frame.rot_body_frame
        np.testing.assert_allclose(quat_to_matrix(quat), link @ quat_to_matrix(np.array(mount.quat_wxyz)), atol=1e-6)
        turn = 2.0 * quat_mul(quat_conj(quat[:-2]), quat[2:])[:, 1:] / (2.0 * dt)
        np.testing.assert_allclose(gyro[1:-1][late], turn[late], atol=3e-3)
        second = (where[2:] - 2.0 * where[1:-1] + where[:-2]) / dt**2
        felt = quat_apply(quat_conj(quat[1:-1]), second + np.array([0.0, 0.0, G]))
        assert np.abs(accel[1:-1] - np.array([0.0, 0.0, G]))[late].max() > 0.15, "nothing moves: the test says nothing"
        assert np.sqrt(np.mean((accel[1:-1] - felt)[late] ** 2)) < 0.02
        assert np.abs(gyro[late]).max() > 0.01


def test_joint_rates_are_the_derivative_of_joint_angles(robot: RobotModel) -> None:
    take = begin(robot, ArmWaves(robot), rates_hz={f"observations/joint_{k}": 800.0 for k in ("positions", "velocities")}).live(
        3.0
    )
    q, rate = take.data("joint_positions"), take.data("joint_velocities")
    np.testing.assert_allclose(rate[1:-1], (q[2:] - q[:-2]) * 400.0, atol=1e-6)
    assert np.abs(rate).max() > 0.3


def test_base_velocity_is_the_derivative_of_the_base_pose(robot: RobotModel) -> None:
    keys = ("observations/base_velocity", "debug/base_pose_world")
    take = begin(robot, SharpMotions(robot, first_s=1.0, raise_s=0.5), rates_hz=dict.fromkeys(keys, 800.0)).live(1.6)
    pose, velocity = take.data("base_pose_world"), take.data("base_velocity")
    linear = (pose[2:, :3] - pose[:-2, :3]) * 400.0
    turn = 2.0 * quat_mul(pose[2:, 3:], quat_conj(pose[:-2, 3:]))[:, 1:] * 400.0
    assert np.abs(velocity).max(axis=0)[[0, 4]].min() > 0.002
    np.testing.assert_allclose(velocity[1:-1], np.concatenate([linear, turn], axis=1), atol=1e-5)


@pytest.mark.parametrize("name", robot_names())
def test_hanging_parts_pull_with_their_weight(name: str) -> None:
    robot = load_robot(name)
    take = begin(robot).live(3.0)
    for side in SIDES:
        for part in ("ankle", "wrist"):
            link = wrench_link(robot, f"{side}_{part}")
            force_link = take.data(f"wrench_{side}_{part}")[-1, :3]
            np.testing.assert_allclose(_to_world(robot, take, link, force_link), [0, 0, -weight_beyond(robot, link)], atol=0.02)


def _to_world(robot: RobotModel, take: Take, link: str, vec_link: F64) -> F64:
    base, q = take.data("base_pose_world")[-1:], take.data("joint_positions")[-1:]
    frame = robot.frame(link)
    return np.asarray(body_poses(robot, base[:, :3], base[:, 3:], q).rot_world[0, frame.body] @ frame.rot_body_frame @ vec_link)


def test_a_push_on_a_hand_shows_with_its_sign_and_lever(robot: RobotModel) -> None:
    take = begin(robot).live(2.0)
    link, hand = wrench_link(robot, "left_wrist"), robot.profile.links["left_hand"]
    before = take.data("wrench_left_wrist")[-1]
    push = np.array([3.0, -2.0, 1.0])
    take.device.simulation.push(hand, push)
    take.live(2.0)
    after = take.data("wrench_left_wrist")[-1]
    change = _to_world(robot, take, link, after[:3])
    np.testing.assert_allclose(change, push + np.array([0, 0, -weight_beyond(robot, link)]), atol=0.05)
    moved = take.device.simulation
    lever = moved.data.body(hand).xipos - moved.data.site("wrench_left_wrist").xpos
    carried = _torque_of_weight(take, robot, link)
    np.testing.assert_allclose(_to_world(robot, take, link, after[3:]), np.cross(lever, push) + carried, atol=0.02)
    assert np.abs(after - before).max() > 1.0


def _torque_of_weight(take: Take, robot: RobotModel, link: str) -> F64:
    """What the parts beyond a sensor do to it by their weight, Nm in `world`."""
    data, model = take.device.simulation.data, take.device.simulation.model
    first = model.body(link).id
    origin, total = data.site("wrench_left_wrist").xpos, np.zeros(3)
    for b in range(model.nbody):
        up = b
        while up not in (0, first):
            up = int(model.body_parentid[up])
        if up == first:
            total += np.cross(data.xipos[b] - origin, [0.0, 0.0, -G * model.body_mass[b]])
    return total


def test_a_robot_let_down_on_its_feet_feels_the_floor(robot: RobotModel) -> None:
    hanging, standing = begin(robot).live(1.0), begin(robot, lift_m=-0.004).live(2.0)
    assert not hanging.data("foot_contact").any()
    assert standing.data("foot_contact")[-1].all()
    for side in SIDES:
        assert hanging.data(f"wrench_{side}_ankle")[-1, 2] < 0.0
        assert standing.data(f"wrench_{side}_ankle")[-1, 2] > 20.0, "the sole pushes up"


def test_commands_come_into_force_at_their_stamps(robot: RobotModel) -> None:
    take = begin(robot, ArmWaves(robot)).live(0.5)
    q = robot.home_rad.copy()
    elbow = robot.joint_index("left_elbow_joint")
    q[elbow] = 0.4
    take.device.command(q, 1_700_000_000)
    take.device.command_gripper(np.array([0.0, 1.0]), 1_705_000_000)
    seen = len(take.samples)
    take.live(1.0)
    targets = [s for s in take.samples[seen:] if s.stream.endswith("joint_position_target")]
    first = next(s for s in targets if np.array_equal(s.data, q))
    assert first.t_ns == 1_700_000_000
    assert all(np.array_equal(s.data, q) for s in targets if s.t_ns >= first.t_ns), "the mover came back"
    assert np.diff([s.t_ns for s in targets]).max() < 40_000_000, "a command in force is repeated"
    assert take.data("joint_positions")[-1, elbow] == pytest.approx(0.4, abs=0.05)
    np.testing.assert_allclose(take.data("gripper")[-1], [0.0, 1.0])
    closing = take.data("gripper")[:, 0]
    assert (np.diff(closing)[take.t_s("gripper")[1:] > 1.71] <= 1e-12).all()


def test_a_command_from_the_past_comes_at_once(robot: RobotModel) -> None:
    take = begin(robot).live(0.5)
    q = robot.home_rad + 0.05
    take.device.command(q, 0)
    seen = len(take.samples)
    take.live(0.1)
    first = next(s for s in take.samples[seen:] if s.stream.endswith("joint_position_target") and np.array_equal(s.data, q))
    assert 1_500_000_000 - 1_250_000 <= first.t_ns <= 1_501_250_000


@pytest.mark.parametrize("bad", [np.zeros(3), np.full(29, np.nan), np.zeros((29, 1))])
def test_bad_commands_are_refused(robot: RobotModel, bad: F64) -> None:
    device = MujocoRobot(robot, clock=SimClock())
    with pytest.raises(DeviceError, match="joint targets"):
        device.command(bad, 0)


def test_a_robot_with_fingers_has_no_jaws() -> None:
    device = MujocoRobot(load_robot("unitree_g1_hands"), clock=SimClock())
    assert not [s for s in device.streams if "gripper" in s.name]
    with pytest.raises(DeviceError, match="fingers"):
        device.command_gripper(np.zeros(2), 0)


def test_the_schema_rules_streams_and_their_columns(robot: RobotModel) -> None:
    schema = default_schema(robot, "x")
    order = tuple(reversed(robot.joint_names))
    streams = [
        s.model_copy(update={"names": order}) if s.key == "observations/joint_positions" else s
        for s in schema.streams
        if s.name != "imu_head"
    ]
    own = schema.model_copy(update={"streams": tuple(streams)})
    clock = SimClock()
    device = MujocoRobot(robot, own, clock=clock)
    device.start()
    clock.advance(0.1)
    samples = device.read(0.0)
    assert not [s for s in samples if s.stream.endswith("imu_head")]
    position = next(s for s in samples if s.stream.endswith("joint_positions"))
    np.testing.assert_allclose(np.asarray(position.data), robot.home_rad[::-1], atol=0.05)


def _schema(robot: RobotModel, **change: object) -> Schema:
    return default_schema(robot, "x").model_copy(update=change)


def test_what_the_simulation_cannot_do_is_refused(robot: RobotModel) -> None:
    with pytest.raises(DeviceError, match="takes positions"):
        MujocoRobot(robot, _schema(robot, action_kind="torque"))
    with pytest.raises(DeviceError, match="800 Hz"):
        MujocoRobot(robot, rates_hz={"observations/imu_head": 1000.0})
    with pytest.raises(DeviceError, match="it measures"):
        MujocoRobot(robot, rates_hz={"observations/head_left": 30.0})
    with pytest.raises(UnknownNameError, match="table"):
        MujocoRobot(robot, scene="tabel")
    device = MujocoRobot(robot, clock=SimClock())
    with pytest.raises(DeviceError, match="before start"):
        device.read(0.0)
    device.start()
    with pytest.raises(DeviceError, match="watch first"):
        device.watch(30.0, lambda t_ns, qpos: None)
    device.close()
    device.close()
    with pytest.raises(DeviceError, match="after close"):
        device.read(0.0)


def test_watchers_see_the_state_when_they_asked_to(robot: RobotModel) -> None:
    clock, seen = SimClock(), list[tuple[int, F64]]()
    device = MujocoRobot(robot, clock=clock, mover=ArmWaves(robot))
    device.watch(30.0, lambda t_ns, qpos: seen.append((t_ns, qpos)))
    device.start()
    for _ in range(20):
        clock.advance(0.05)
        device.read(0.0)
    t_ns: I64 = np.array([t for t, _ in seen])
    assert len(seen) == 31
    late = t_ns - np.arange(31) * 1e9 / 30.0
    assert late.min() >= -1.0
    assert late.max() < 1_250_000
    assert np.ptp([q[7:] for _, q in seen], axis=0).max() > 0.1


def test_an_unread_robot_leaves_a_gap_and_says_so(robot: RobotModel, caplog: pytest.LogCaptureFixture) -> None:
    take = begin(robot).live(0.2)
    take.clock.advance(30.0)
    take.samples += take.device.read(0.0)
    take.live(0.2)
    samples = take.of("joint_positions")
    gaps = np.diff([s.seq for s in samples])
    assert gaps.max() == pytest.approx(3000, abs=2)
    assert np.diff([s.t_ns for s in samples]).max() == pytest.approx(30e9, abs=0.02e9)
    assert "not read for 30.0 s" in caplog.text


def test_an_object_on_the_table_stays_there(robot: RobotModel) -> None:
    take = begin(robot, scene="table").live(1.0)
    pose = take.data("object_poses_world")
    np.testing.assert_allclose(pose[-1, :3], [0.45, 0.15, 0.73], atol=0.003)
    assert not [s for s in begin(robot).device.streams if s.name == "object_poses_world"]


def test_joint_torques_are_what_holds_the_limbs_against_gravity(robot: RobotModel) -> None:
    """In a still robot the servos carry the weights: virtual work of every joint, from the kinematics alone."""
    take = begin(robot).live(4.0)
    base, q = take.data("base_pose_world")[-1:], take.data("joint_positions")[-1:]

    def height_energy(q_rad: F64) -> float:
        poses = body_poses(robot, base[:, :3], base[:, 3:], q_rad)
        return sum(G * float(robot.mass_kg[b]) * float(poses.points(b, robot.com_body_m[b])[0, 2]) for b in range(robot.dof + 1))

    step = 1e-5
    wanted = [
        (height_energy(q + step * np.eye(robot.dof)[j]) - height_energy(q - step * np.eye(robot.dof)[j])) / (2 * step)
        for j in range(robot.dof)
    ]
    np.testing.assert_allclose(take.data("joint_torques")[-1], wanted, atol=2e-3)
