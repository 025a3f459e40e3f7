"""The gates run once over an episode in which nothing happens, so that the first real one does not wait for what they load."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import AnyArray
from understudy.quality.verdict import judge
from understudy.spec.episode import Episode, even_timeline
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.schema_text import schema_toml
from understudy.spec.stream import Stream, StreamSpec

STEPS_S = 1.0


def rehearse(schema: Schema, robot: RobotModel) -> None:
    """Judge a robot that stands still for a second; what is found does not matter."""
    timeline_ns = even_timeline(0, round(STEPS_S * 1e9), schema.control_rate_hz)
    streams = {
        spec.key: Stream(spec, timeline_ns, _still(spec, robot, len(timeline_ns)))
        for spec in schema.streams
        if spec.kind != "image" and np.dtype(spec.dtype).kind in "biuf"
    }
    metadata = {"task_id": "rehearsal"}
    text = schema_toml(schema)
    judge(
        Episode("rehearsal", schema.robot, robot.model_sha256, schema.joint_names, timeline_ns, streams, metadata, text),
        robot,
        schema,
    )


def _still(spec: StreamSpec, robot: RobotModel, steps: int) -> AnyArray:
    one = np.zeros(spec.shape, dtype=np.dtype(spec.dtype))
    flat = one.reshape(-1)
    if spec.kind in ("quaternion", "imu"):
        flat[0] = 1
    elif spec.kind == "pose":
        flat[2:4] = robot.profile.standing_height_m, 1.0
    elif flat.size == robot.dof and spec.unit == "rad":
        flat[:] = robot.home_rad
    return np.repeat(one[None], steps, axis=0)
