"""What the page is told: a snapshot of the session as JSON, a few kilobytes."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.pipeline.live import LiveSample, LiveSnapshot
from understudy.spec.robot import RobotModel

_DIGITS = 4


def snapshot_json(snapshot: LiveSnapshot, robot: RobotModel) -> bytes:
    """A snapshot for the page.

    Lengths in metres with four digits. `human` has 23 x 3 numbers, the floor at z = 0; `bodies` per body the three rows of its
    rotation and its position, 12 numbers. What was not measured is null.
    """
    told: dict[str, object] = {
        "state": snapshot.state,
        "message": snapshot.message,
        "progress": round(snapshot.progress, 3),
        "figures": {name: _number(value) for name, value in asdict(snapshot.figures).items()},
        "take": asdict(snapshot.take),
    }
    if snapshot.sample is not None:
        told |= _sample(snapshot.sample, robot, snapshot.floor_m)
    return json.dumps(told, allow_nan=False, separators=(",", ":")).encode()


def _sample(sample: LiveSample, robot: RobotModel, floor_m: float) -> dict[str, object]:
    return {
        "t_s": round(sample.t_ns * 1e-9, 4),
        "human": _rounded(sample.joint_pos_world_m - np.array([0.0, 0.0, floor_m])),
        "bodies": None if sample.pose is None else _bodies(sample, robot),
        "residual_m": _rounded(sample.residual_m),
        "infeasible": sample.infeasible.tolist(),
        "held": list(sample.held),
        "lost": list(sample.lost),
    }


def _bodies(sample: LiveSample, robot: RobotModel) -> list[float]:
    pose = sample.pose
    if pose is None:
        return []
    poses = body_poses(robot, pose.root_pos_world_m[None], pose.root_quat_world_wxyz[None], pose.joint_pos[None])
    return _rounded(np.concatenate([poses.rot_world[0].reshape(-1, 9), poses.pos_world_m[0]], axis=1))


def _rounded(values: F64) -> list[float]:
    return list(np.round(values, _DIGITS).ravel().tolist())


def _number(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value
