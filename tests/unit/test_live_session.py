"""A live session on a made-up source and clock: calibration, holding, coming back, gaps and takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_conj, quat_mul, quat_to_rotvec
from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.pipeline.build import open_or_create
from understudy.pipeline.live import LiveSample, LiveSession, TakeLabel
from understudy.pipeline.live.follower import Follower
from understudy.retarget.drive import FASTEST_RAD_S, SPEED_SHARE
from understudy.retarget.problem import make_problem
from understudy.retarget.streaming import LivePose
from understudy.retarget.targets import Calibration, calibrate
from understudy.simulate.walker import reach, stand, walk
from understudy.spec.live import LiveCounters, LiveFrame
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion
from understudy.store.dataset import Dataset

RATE_HZ = 60.0
STEP_NS = round(1e9 / RATE_HZ)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, duration_s: float) -> None:
        self.now_ns += round(duration_s * 1e9)


class Source:
    """A stream that hands out what was put in."""

    name = "made-up"
    rate_hz: float | None = RATE_HZ

    def __init__(self) -> None:
        self.counters = LiveCounters()
        self.frames: list[LiveFrame] = []
        self.closed = False
        self.broken = ""

    def read(self, timeout_s: float) -> LiveFrame | None:
        if self.broken:
            raise MocapError(self.broken)
        return self.frames.pop(0) if self.frames else None

    def close(self) -> None:
        self.closed = True


class Stage:
    """A session with its source and clock; `play` runs a motion through it in its own time."""

    def __init__(self, robot: RobotModel, known: Calibration | None, dataset: Dataset | None = None) -> None:
        self.clock, self.source = Clock(), Source()
        self.session = LiveSession(self.source, robot, known=known, dataset=dataset, clock_ns=self.clock)
        self.session.prepare()
        self.sequence = 0

    def play(self, joints: F64, *, t_ns: int | None = None) -> list[LiveSample | None]:
        """Frames (T, 23, 3) at 60 Hz, stamped by the clock or from `t_ns` on."""
        made = []
        for k, pos in enumerate(joints):
            self.clock.now_ns += STEP_NS
            stamp = self.clock.now_ns if t_ns is None else t_ns + k * STEP_NS
            self.sequence += 1
            self.source.frames.append(LiveFrame(self.sequence, stamp, self.clock.now_ns, pos))
            made.append(self.session.poll(0.0))
        return made

    @property
    def state(self) -> str:
        return self.session.snapshot().state


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(4.0, rate_hz=RATE_HZ)


@pytest.fixture(scope="module")
def known(walking: HumanMotion, robot: RobotModel) -> Calibration:
    return calibrate(walking, make_problem(robot))


@pytest.fixture
def stage(robot: RobotModel, known: Calibration) -> Iterator[Stage]:
    made = Stage(robot, known)
    yield made
    made.session.close()


def _poses(samples: list[LiveSample | None]) -> F64:
    poses = [s.pose for s in samples if s is not None and s.pose is not None]
    return np.stack([np.concatenate([p.root_pos_world_m, p.root_quat_world_wxyz, p.joint_pos]) for p in poses])


def _check_speeds(poses: F64, robot: RobotModel, root_m_s: float) -> None:
    """Between frames of 60 Hz nothing moves faster than the robot's bounds."""
    most = np.minimum(FASTEST_RAD_S, SPEED_SHARE * robot.velocity_rad_s)
    assert (np.abs(np.diff(poses[:, 7:], axis=0)) * RATE_HZ <= 1.51 * most).all()
    assert float(np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1).max()) * RATE_HZ <= root_m_s
    turned = quat_to_rotvec(quat_mul(poses[1:, 3:7], quat_conj(poses[:-1, 3:7])))
    assert float(np.linalg.norm(turned, axis=1).max()) * RATE_HZ <= 7.0


def test_a_person_who_stands_is_calibrated_in_two_seconds(robot: RobotModel) -> None:
    stage = Stage(robot, None)
    assert stage.state == "waiting"
    standing = stand(3.0, rate_hz=RATE_HZ)
    stage.play(standing.joint_pos_world_m[:60])
    assert stage.state == "calibrating"
    assert 0.4 < stage.session.snapshot().progress < 0.6
    stage.play(standing.joint_pos_world_m[60:130])
    found = stage.session.snapshot()
    assert found.state == "live"
    assert found.sample is not None
    assert found.sample.pose is not None
    assert found.sample.residual_m.max() < 0.05


def test_a_raised_arm_is_named_and_movement_calibrates_on_demand(robot: RobotModel) -> None:
    stage = Stage(robot, None)
    raised = stand(3.0, rate_hz=RATE_HZ).joint_pos_world_m.copy()
    raised[:, INDEX["left_wrist"], 2] = raised[:, INDEX["left_shoulder"], 2] + 0.2
    stage.play(raised)
    found = stage.session.snapshot()
    assert (found.state, found.progress) == ("calibrating", 0.0)
    assert "left arm is up" in found.message
    stage.session.recalibrate(on_movement=True)
    stage.play(raised[:2])
    assert stage.state == "live"


def test_walking_feet_do_not_calibrate(robot: RobotModel, walking: HumanMotion) -> None:
    stage = Stage(robot, None)
    stage.play(walking.joint_pos_world_m[60:180])
    found = stage.session.snapshot()
    assert found.state == "calibrating"
    assert "feet move" in found.message or "knee is bent" in found.message


def test_a_silent_source_is_held_within_300_ms(stage: Stage, walking: HumanMotion) -> None:
    stage.play(walking.joint_pos_world_m[:90])
    before = stage.session.snapshot().sample
    stage.clock.wait(0.19)
    assert stage.state == "live"
    stage.clock.wait(0.02)
    found = stage.session.snapshot()
    assert found.state == "held"
    assert found.sample is before
    assert "silent" in found.message
    stage.play(walking.joint_pos_world_m[90:92])
    assert stage.state == "live"


def test_coming_back_is_no_jump(stage: Stage, robot: RobotModel, walking: HumanMotion) -> None:
    """The person walks on for 1.5 s unseen, turns round and lifts both arms; the robot follows at bounded speed and arrives."""
    stage.play(walking.joint_pos_world_m[:100])
    held = stage.session.snapshot().sample
    stage.clock.wait(1.5)
    elsewhere = walking.joint_pos_world_m[130:].copy() * np.array([-1.0, -1.0, 1.0]) + np.array([2.0, 1.0, 0.0])
    back = stage.play(elsewhere)
    still = stage.play(np.repeat(elsewhere[-1:], 120, axis=0))
    poses = _poses([held, *back, *still])
    _check_speeds(poses, robot, root_m_s=4.5)
    assert np.linalg.norm(poses[1, :3] - poses[0, :3]) < 0.06
    arrived = still[-1]
    assert arrived is not None
    assert arrived.pose is not None
    scale = stage.session._known.scale if stage.session._known else 0.0
    pelvis = arrived.joint_pos_world_m[INDEX["pelvis"]]
    assert np.linalg.norm(arrived.pose.root_pos_world_m[:2] - scale * pelvis[:2]) < 0.1


def test_a_source_that_begins_anew_is_followed(stage: Stage, robot: RobotModel, walking: HumanMotion) -> None:
    first = stage.play(walking.joint_pos_world_m[:150], t_ns=7_000_000_000)
    again = stage.play(walking.joint_pos_world_m[:60], t_ns=0)
    stamps = [s.t_ns for s in (*first, *again) if s is not None]
    assert len(stamps) == 210
    assert all(a < b for a, b in pairwise(stamps))
    _check_speeds(_poses([*first, *again]), robot, root_m_s=4.5)


def test_a_missing_limb_is_held_then_lost(stage: Stage, walking: HumanMotion) -> None:
    joints = walking.joint_pos_world_m.copy()
    arm = [INDEX[f"left_{part}"] for part in ("elbow", "wrist", "hand")]
    joints[60:, arm] = np.nan
    stage.play(joints[:60])
    (sample,) = stage.play(joints[60:61])
    assert sample is not None
    assert (sample.held, sample.lost) == (("left_arm",), ())
    whole = walking.joint_pos_world_m[59]
    bone = sample.joint_pos_world_m[arm[0]] - sample.joint_pos_world_m[INDEX["left_shoulder"]]
    np.testing.assert_allclose(bone, whole[arm[0]] - whole[INDEX["left_shoulder"]], atol=0.02)
    later = stage.play(joints[61:80])[-1]
    assert later is not None
    assert (later.held, later.lost) == ((), ("left_arm",))
    assert later.pose is not None
    assert np.isfinite(later.pose.joint_pos).all()


def test_without_the_hips_nothing_can_be_done_and_it_says_so(stage: Stage, walking: HumanMotion) -> None:
    stage.play(walking.joint_pos_world_m[:30])
    joints = walking.joint_pos_world_m[30:60].copy()
    joints[:, [INDEX["pelvis"], INDEX["left_hip"]]] = np.nan
    assert stage.play(joints) == [None] * 30
    found = stage.session.snapshot()
    assert found.state == "held"
    assert "hips" in found.message
    assert found.figures.unusable == 30


def test_frames_that_waited_give_way_to_newer_ones(stage: Stage, walking: HumanMotion) -> None:
    stage.play(walking.joint_pos_world_m[:10])
    for k in range(10, 16):
        stage.clock.wait(0.02)
        stage.source.frames.append(LiveFrame(k + 1, stage.clock.now_ns, stage.clock.now_ns, walking.joint_pos_world_m[k]))
    sample = stage.session.poll(0.0)
    assert sample is not None
    np.testing.assert_array_equal(sample.joint_pos_world_m, walking.joint_pos_world_m[13])
    assert stage.session.snapshot().figures.skipped == 3


def test_figures_count_what_came(stage: Stage, walking: HumanMotion) -> None:
    stage.play(walking.joint_pos_world_m[:60])
    figures = stage.session.snapshot().figures
    assert figures.source_hz == pytest.approx(RATE_HZ, rel=0.01)
    assert 0.0 < figures.step_p50_ms <= figures.step_p99_ms
    assert figures.age_s == 0.0


def test_a_hand_out_of_reach_is_infeasible(robot: RobotModel) -> None:
    """An arm held out sideways with the forearm folded back onto it is beyond the elbow's limit."""
    motion = reach("right", (0.55, 0.0, 0.1), rate_hz=RATE_HZ)
    stage = Stage(robot, calibrate(motion, make_problem(robot)))
    stage.play(motion.joint_pos_world_m[:30])
    joints = np.repeat(motion.joint_pos_world_m[29:30], 60, axis=0)
    shoulder = joints[:, INDEX["right_shoulder"]]
    for part, out_m in (("elbow", 0.28), ("wrist", 0.03), ("hand", -0.04)):
        joints[:, INDEX[f"right_{part}"]] = shoulder + np.array([0.0, -out_m, 0.0])
    sample = stage.play(joints)[-1]
    assert sample is not None
    assert sample.infeasible.tolist() == [False, True, False, False]


def test_a_take_is_read_back_as_it_was_shown(robot: RobotModel, known: Calibration, walking: HumanMotion, tmp_path: Path) -> None:
    dataset = open_or_create(tmp_path / "takes", robot)
    stage = Stage(robot, known, dataset)
    stage.session.start_take(TakeLabel("walk", "p01", "walk ahead"))
    shown = stage.play(walking.joint_pos_world_m[:100])
    stage.clock.wait(0.5)
    shown += stage.play(walking.joint_pos_world_m[100:160])
    assert stage.session.snapshot().take.recording
    stage.session.close()
    (ref,) = dataset.refs()
    episode = dataset.read(ref.id)
    assert episode.metadata["retarget_mode"] == "streaming"
    assert episode.metadata["task_id"] == "walk"
    holds = json.loads(str(episode.metadata["record_holds_s"]))
    assert holds == [[pytest.approx(99 / RATE_HZ, abs=0.01), pytest.approx(100 / RATE_HZ + 0.5, abs=0.01)]]
    joints = episode.streams["observations/joint_positions"]
    poses = _poses(shown)
    kept = np.delete(np.arange(161), 100)
    np.testing.assert_array_equal(np.asarray(joints.data)[kept], poses[:, 7:])
    np.testing.assert_array_equal(np.asarray(joints.data)[100], poses[99, 7:])
    human: F64 = np.asarray(episode.streams["debug/human_joints_world"].data, dtype=np.float64)
    np.testing.assert_array_equal(human[:100], walking.joint_pos_world_m[:100])
    speeds: F64 = np.asarray(episode.streams["observations/joint_velocities"].data, dtype=np.float64)
    assert (np.abs(speeds) <= robot.velocity_rad_s).all()
    archive = tmp_path / "take.npz"
    stamps = episode.streams["debug/human_joints_world"].t_ns
    np.savez(archive, joint_pos=human, joint_names=JOINTS, t_s=stamps * 1e-9, unit="m", up="z")
    np.testing.assert_allclose(read_motion(archive).joint_pos_world_m[:100], human[:100], atol=1e-9)


def test_a_disk_that_refuses_loses_nothing(robot: RobotModel, known: Calibration, walking: HumanMotion, tmp_path: Path) -> None:
    dataset = open_or_create(tmp_path / "takes", robot)
    in_the_way = dataset.root / "episodes" / "unlabelled"
    in_the_way.write_text("no folder")
    stage = Stage(robot, known, dataset)
    stage.session.start_take(TakeLabel())
    stage.play(walking.joint_pos_world_m[:60])
    stage.session.stop_take()
    stage.session.poll(0.0)
    stage.session._recorder.wait()
    status = stage.session.snapshot().take
    assert (status.unsaved, status.saved) == (1, ())
    assert str(in_the_way) in status.message
    in_the_way.unlink()
    stage.session.save_again()
    stage.session.poll(0.0)
    stage.session.close()
    assert [ref.task for ref in dataset.refs()] == ["unlabelled"]
    assert stage.session.snapshot().take.unsaved == 0


def test_what_cannot_be_recorded_is_said(robot: RobotModel, known: Calibration, tmp_path: Path) -> None:
    stage = Stage(robot, known)
    stage.session.start_take(TakeLabel())
    stage.session.poll(0.0)
    assert "--into" in stage.session.snapshot().take.message
    uncalibrated = Stage(robot, None, open_or_create(tmp_path / "takes", robot))
    uncalibrated.session.start_take(TakeLabel())
    uncalibrated.session.poll(0.0)
    assert "not calibrated" in uncalibrated.session.snapshot().take.message
    wrong = Stage(robot, known, open_or_create(tmp_path / "takes", robot))
    wrong.session.start_take(TakeLabel(task="../elsewhere"))
    wrong.session.poll(0.0)
    assert "cannot be a file name" in wrong.session.snapshot().take.message


def test_a_source_that_can_never_deliver_fails_with_its_own_words(robot: RobotModel, known: Calibration) -> None:
    source = Source()
    source.broken = "protocol 9 is not understood; set the sender to 4"
    with LiveSession(source, robot, known=known) as session:
        thread = session._thread
        assert thread is not None
        thread.join()
        found = session.snapshot()
    assert (found.state, found.message) == ("failed", source.broken)
    assert source.closed


def test_recalibration_goes_on_from_the_pose_shown(robot: RobotModel, known: Calibration) -> None:
    stage = Stage(robot, known)
    standing = stand(3.0, rate_hz=RATE_HZ).joint_pos_world_m
    before = stage.play(standing[:30])
    stage.session.recalibrate()
    between = stage.play(standing[30:100])
    assert stage.state == "calibrating"
    after = stage.play(standing[100:170])
    assert stage.state == "live"
    _check_speeds(_poses([*before, *between, *after]), robot, root_m_s=1.6)


@pytest.mark.parametrize("kind", ["read-only", "writable", "columns first", "every other"])
def test_every_frame_reaches_the_compiled_code_as_one_kind_of_array(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `compile_ahead` compiled must do for frames of any source, or the first live frame waits for the compiler."""
    person = stand(1.0, rate_hz=60.0)
    problem = make_problem(load_robot("unitree_g1"))
    follower = Follower(problem, calibrate(person, problem), 60.0)
    seen = []

    def step(joint_pos_world_m: F64, t_ns: int) -> LivePose:
        flags = joint_pos_world_m.flags
        seen.append((flags.writeable, flags.c_contiguous, joint_pos_world_m.dtype.name, joint_pos_world_m.shape))
        return inner(joint_pos_world_m, t_ns)

    inner = follower._retargeter.step
    monkeypatch.setattr(follower._retargeter, "step", step)
    frame = np.array(person.joint_pos_world_m[0])
    wide = np.zeros((46, 3))
    wide[::2] = frame
    made = {
        "read-only": person.joint_pos_world_m[0],
        "writable": frame,
        "columns first": np.asfortranarray(frame),
        "every other": wide[::2],
    }
    follower.step(made[kind], 0, anew=False)
    assert seen == [(True, True, "float64", (23, 3))]
