"""The fall gate on falls that MuJoCo computed, and on squats that are none."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.kinematics.mujoco_model import mujoco_model
from understudy.quality.verdict import judge
from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.schema import GateValue, Schema, TaskRules
from understudy.testing.episodes import episode_of_motion
from understudy.testing.motions import squat, stamps

PUSHES: dict[str, tuple[float, float]] = {"forward": (1.0, 0.0), "back": (-1.0, 0.0), "left": (0.0, 1.0), "right": (0.0, -1.0)}


@cache
def _robot() -> RobotModel:
    return load_robot("unitree_g1")


@cache
def _simulated(push: str, stiffness: float) -> RobotMotion:
    """Two seconds of a standing robot that is pushed at 0.2 s, its joints held home by springs (or limp at 0)."""
    import mujoco

    robot = _robot()
    model = mujoco_model(robot, floor=True, visuals=False)
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    torso = model.body(robot.profile.links["torso"]).id
    every, samples = round(1.0 / 100.0 / model.opt.timestep), 200
    qpos: list[F64] = []
    for k in range(samples):
        qpos.append(data.qpos.copy())
        x, y = PUSHES.get(push, (0.0, 0.0))
        data.xfrc_applied[torso, :2] = np.array([x, y]) * (250.0 if 20 <= k < 40 else 0.0)
        for _ in range(every):
            torque = stiffness * (robot.home_rad - data.qpos[7:]) - 0.02 * stiffness * data.qvel[6:]
            data.qfrc_applied[6:] = np.clip(torque, -robot.effort_nm, robot.effort_nm)
            mujoco.mj_step(model, data)
    q = np.array(qpos)
    return RobotMotion(stamps((samples - 1) / 100.0, 100.0), q[:, :3], q[:, 3:7], q[:, 7:], robot.joint_names)


def _falls(motion: RobotMotion, rules: TaskRules | None = None, **fall: GateValue) -> list[Finding]:
    schema: Schema = default_schema(_robot(), "test")
    changes = {"gates": {**schema.gates, "fall": fall}, "tasks": {"stand": rules or TaskRules()}}
    episode = episode_of_motion(_robot(), motion, episode_id="x")
    notes = judge(episode, _robot(), schema.model_copy(update=changes), peers={})
    return [f for f in notes.findings if f.gate == "fall"]


@pytest.mark.parametrize("push", PUSHES)
def test_a_pushed_over_standing_robot_fails(push: str) -> None:
    motion = _simulated(push, 400.0)
    assert motion.root_pos_world_m[-1, 2] < 0.5 * _robot().profile.standing_height_m, (
        "the push must topple it, or the test shows nothing"
    )
    (found,) = _falls(motion)
    assert found.severity == "reject"
    assert found.start_ns is not None
    assert found.start_ns > 200_000_000


def test_a_robot_whose_motors_give_out_fails() -> None:
    motion = _simulated("none", 0.0)
    assert motion.root_pos_world_m[-1, 2] < 0.5 * _robot().profile.standing_height_m
    assert _falls(motion)


def test_a_fall_is_a_fall_in_a_task_that_only_squats() -> None:
    assert _falls(_simulated("left", 400.0), TaskRules(low_pelvis=True))


@pytest.mark.parametrize("depth_rad", [1.2, 1.45, 1.6, 1.8])
def test_a_squat_on_flat_feet_passes_however_deep(depth_rad: float) -> None:
    motion = squat(_robot(), stamps(4.0, 120.0), depth_rad=depth_rad)
    assert _falls(motion) == []


def test_a_squat_under_half_height_fails_only_the_strict_rule() -> None:
    motion = squat(_robot(), stamps(4.0, 120.0), depth_rad=1.45)
    lowest = motion.root_pos_world_m[:, 2].min() / _robot().profile.standing_height_m
    assert 0.40 < lowest < 0.48
    assert _falls(motion) == []
    (found,) = _falls(motion, mode="strict")
    assert found.value == pytest.approx(motion.root_pos_world_m[:, 2].min())
    shallow = squat(_robot(), stamps(4.0, 120.0), depth_rad=1.2)
    assert _falls(shallow, mode="strict") == []


def test_a_squat_dropped_into_fails_unless_the_task_goes_low() -> None:
    quick = squat(_robot(), stamps(0.8, 120.0), depth_rad=1.6)
    (found,) = _falls(quick)
    assert "m/s" in found.message
    assert _falls(quick, TaskRules(low_pelvis=True)) == []
