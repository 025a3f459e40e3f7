"""Every gate of the package against the suite that is shipped for authors of gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np
import pytest

from understudy import plugins
from understudy.geom.arrays import F64
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Severity
from understudy.spec.protocols import Gate
from understudy.testing.episodes import (
    make_episode,
    make_fall_episode,
    with_base_shift,
    with_data,
    with_gap,
    with_joint_jump,
    with_joints,
    with_object,
    with_stream,
    with_wrench,
)
from understudy.testing.gates import GATE_LAWS, GateCase
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")


def _standing() -> Episode:
    return make_episode(ROBOT, duration_s=3.0)


def _legs_crossed() -> Episode:
    return with_joints(_standing(), ROBOT, {"left_hip_roll_joint": -0.45, "right_hip_roll_joint": 0.45}, from_s=1.0)


def _beyond_a_limit() -> Episode:
    episode = _standing()
    q: F64 = episode.data("observations/joint_positions").copy()
    q[120:, ROBOT.joint_index("left_knee_joint")] = 3.2
    return with_data(episode, "observations/joint_positions", q)


def _long_quaternion() -> Episode:
    pose = _standing().data("debug/base_pose_world").copy()
    pose[50:60, 3:] *= 1.05
    return with_data(_standing(), "debug/base_pose_world", pose)


def _out_of_reach() -> Episode:
    flags = np.zeros(len(_standing().stream("debug/infeasible")), dtype=np.bool_)
    flags[: len(flags) // 3] = True
    return with_data(_standing(), "debug/infeasible", flags)


def _skating() -> Episode:
    t_s = _standing().stream("debug/base_pose_world").t_ns * 1e-9
    return with_base_shift(_standing(), ROBOT, np.stack([0.3 * t_s, 0 * t_s, 0 * t_s], axis=1))


def _wrench(spike_n: float) -> Episode:
    return with_wrench(_standing(), SCHEMA, "observations/wrench_left_wrist", spike_n=spike_n)


def _shaking() -> Episode:
    stream = _standing().stream("observations/joint_positions")
    q: F64 = stream.data.astype(np.float64)
    q[:, ROBOT.joint_index("left_elbow_joint")] += 0.05 * np.sin(2.0 * np.pi * 8.0 * stream.t_ns * 1e-9)
    return with_data(_standing(), "observations/joint_positions", q)


def _commanded(off_rad: float) -> Episode:
    """Commands that were given, and one joint that is off them."""
    told = _standing().stream("actions/joint_position_target")
    target: F64 = told.data.astype(np.float64)
    target[:, 3] += off_rad
    return with_stream(_standing(), replace(told, values=target, derived=""))


def _turned_speeds() -> Episode:
    return with_data(_standing(), "observations/joint_velocities", -_standing().data("observations/joint_velocities"))


BAD: dict[str, Callable[[], Episode]] = {
    "fall": lambda: make_fall_episode(ROBOT),
    "self_collision": _legs_crossed,
    "limits": _beyond_a_limit,
    "wrench_spike": lambda: _wrench(100.0),
    "sync": lambda: with_gap(_standing(), "observations/joint_positions", start_s=1.0, gap_s=0.08),
    "integrity": _long_quaternion,
    "retarget": _out_of_reach,
    "foot_skate": _skating,
    "foot_height": lambda: with_base_shift(_standing(), ROBOT, np.array([0.0, 0.0, 0.05])),
    "teleport": lambda: with_joint_jump(_standing(), "left_elbow_joint", jump_rad=0.3),
    "tremor": _shaking,
    "tracking": lambda: _commanded(0.3),
    "velocities": _turned_speeds,
    "dropped_object": lambda: with_object(_standing(), SCHEMA, dropped_at_s=1.0),
}
GOOD: dict[str, Callable[[], Episode]] = {
    "wrench_spike": lambda: _wrench(0.0),
    "tracking": lambda: _commanded(0.0),
    "dropped_object": lambda: with_object(_standing(), SCHEMA),
}
WARNS: dict[str, Severity] = {"retarget": "warn"}


@cache
def _case(name: str) -> GateCase:
    gate = cast(Gate, plugins.load("gates", name))
    return GateCase(name, gate, ROBOT, SCHEMA, BAD[name](), GOOD.get(name, _standing)(), WARNS.get(name, "reject"))


@pytest.mark.parametrize("law", GATE_LAWS)
@pytest.mark.parametrize("name", plugins.names("gates"))
def test_gate_keeps_the_law(name: str, law: str) -> None:
    GATE_LAWS[law](_case(name))


def test_every_gate_has_an_episode_that_must_fail_it() -> None:
    assert set(BAD) == set(plugins.names("gates"))


class _Blind:
    """A gate that never finds anything, to show that the suite sees it."""

    title = "blind"
    needs: tuple[str, ...] = ()
    defaults = {"tolerance": 0.1}

    def check(self, episode: Episode, context: object) -> list[object]:
        return []


def test_the_suite_refuses_a_gate_that_sees_nothing() -> None:
    blind = replace(_case("limits"), gate=cast(Gate, _Blind()))
    with pytest.raises(AssertionError, match="must reject the bad episode"):
        GATE_LAWS["tells_bad_from_good"](blind)
