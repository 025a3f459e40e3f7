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
from understudy.quality.fingerprint import KnownMotions, fingerprint
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
    with_missing,
    with_nan,
    with_object,
    with_stream,
    with_wrench,
)
from understudy.testing.gates import GATE_LAWS, GateCase
from understudy.testing.sensors import frozen, with_camera
from understudy.testing.stand_in import stand_in_robot

POSITIONS, TARGETS = "observations/joint_positions", "actions/joint_position_target"
GRAVITY = "observations/projected_gravity"
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


def _swinging() -> Episode:
    """Arms that swing fast enough for a stop to be seen."""
    episode = _standing()
    t_s = episode.stream(POSITIONS).t_ns * 1e-9
    q: F64 = episode.data(POSITIONS).copy()
    q[:, ROBOT.joint_index("left_elbow_joint")] = 0.5 + 0.4 * np.sin(2 * np.pi * 0.5 * t_s)
    return with_data(episode, POSITIONS, q)


def _stamps_back() -> Episode:
    stream = _standing().stream("observations/joint_velocities")
    t_ns = stream.t_ns.copy()
    t_ns[100:120] -= 500_000_000
    return with_data(_standing(), stream.spec.key, stream.data, t_ns)


def _late_rates() -> Episode:
    stream = _standing().stream("observations/joint_velocities")
    return with_data(_standing(), stream.spec.key, stream.data, stream.t_ns + 30_000_000)


def _short_column() -> Episode:
    stream = _standing().stream("observations/joint_velocities")
    return with_stream(_standing(), replace(stream, extra={"seq": np.arange(len(stream) - 1)}))


def _seeing() -> Episode:
    return with_camera(_swinging(), ROBOT)


def _torn_picture() -> Episode:
    pictures = _seeing().stream("observations/head_left").data.copy()
    pictures[20] = pictures[20][: len(pictures[20]) // 2]
    return with_data(_seeing(), "observations/head_left", pictures)


def _stuck_camera() -> Episode:
    pictures = _seeing().stream("observations/head_left").data.copy()
    for step in range(30, 60):
        pictures[step] = pictures[30]
    return with_data(_seeing(), "observations/head_left", pictures)


def _dead_column() -> Episode:
    rates = _standing().data("observations/joint_velocities").copy()
    rates[:, ROBOT.joint_index("left_elbow_joint")] = 0.0
    return with_data(_standing(), "observations/joint_velocities", rates)


def _xyzw() -> Episode:
    pose = _standing().data("debug/base_pose_world").copy()
    pose[:, 3:] = pose[:, [4, 5, 6, 3]]
    return with_data(_standing(), "debug/base_pose_world", pose)


def _bent() -> Episode:
    """Joints apart from each other, and the targets that follow from them."""
    angles = {"left_elbow_joint": 1.2, "right_elbow_joint": 0.3, "left_shoulder_pitch_joint": -1.0, "waist_yaw_joint": 0.7}
    return with_joints(_standing(), ROBOT, angles)


def _shuffled_targets() -> Episode:
    order = list(range(ROBOT.dof))
    elbow, waist, shoulder = (ROBOT.joint_index(f"{n}_joint") for n in ("left_elbow", "waist_yaw", "left_shoulder_pitch"))
    order[elbow], order[waist], order[shoulder] = waist, shoulder, elbow
    return with_data(_bent(), TARGETS, _bent().data(TARGETS)[:, order])


def _sides_of_targets() -> Episode:
    names = ROBOT.joint_names
    turned = {"left": "right", "right": "left"}
    order = [names.index(f"{turned[s]}_{rest}") if (s := n.partition("_")[0]) in turned and (rest := n.partition("_")[2]) else j
             for j, n in enumerate(names)]  # fmt: skip
    return with_data(_bent(), TARGETS, _bent().data(TARGETS)[:, order])


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
    "monotone": _stamps_back,
    "missing_frames": lambda: with_missing(_standing(), "observations/joint_velocities", fraction=0.05),
    "gaps": lambda: with_gap(_standing(), "observations/joint_positions", start_s=1.0, gap_s=0.08),
    "skew": _late_rates,
    "nan": lambda: with_nan(_standing(), "observations/joint_velocities"),
    "lengths": _short_column,
    "images": _torn_picture,
    "frozen_images": _stuck_camera,
    "frozen_joints": lambda: frozen(_swinging(), from_s=1.0, lasts_s=0.5),
    "constant": _dead_column,
    "quaternion_norm": _long_quaternion,
    "quaternion_order": _xyzw,
    "gravity": lambda: with_data(_standing(), GRAVITY, -_standing().data(GRAVITY)),
    "schema_match": lambda: replace(_standing(), model_sha256="1" * 64),
    "joint_order": _shuffled_targets,
    "units": lambda: with_data(_standing(), TARGETS, np.degrees(_standing().data(TARGETS))),
    "swapped_sides": _sides_of_targets,
    "duration": lambda: make_episode(ROBOT, duration_s=0.4),
    "truncation": lambda: make_episode(ROBOT, duration_s=1.0),
    "duplicates": lambda: replace(_standing(), id="again"),
    "source": lambda: replace(_standing(), metadata={**_standing().metadata, "motion_source": "teleop"}),
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
    "images": _seeing,
    "frozen_images": _seeing,
    "frozen_joints": lambda: _swinging(),
    "duplicates": lambda: make_episode(ROBOT, duration_s=3.0, seed=1),
}
PEERS: dict[str, dict[str, float]] = {"truncation": {"a": 3.0, "b": 3.1, "c": 2.9}}
WARNS: dict[str, Severity] = {"retarget": "warn"}


@cache
def _case(name: str) -> GateCase:
    gate = cast(Gate, plugins.load("gates", name))
    others = KnownMotions()
    others.add("first", fingerprint(_standing()))
    return GateCase(
        name,
        gate,
        ROBOT,
        SCHEMA,
        BAD[name](),
        GOOD.get(name, _standing)(),
        WARNS.get(name, "reject"),
        PEERS.get(name, {}),
        others if name == "duplicates" else None,
    )


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
