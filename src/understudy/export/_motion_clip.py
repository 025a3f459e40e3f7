"""The robot's motion in an episode: at its own rate, or at one that was asked for."""

from __future__ import annotations

import numpy as np

from understudy.errors import ExportError, JointOrderError
from understudy.export._features import POSITIONS, export_grid
from understudy.geom.arrays import F64, I64
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel, RobotMotion

ROOT = "debug/base_pose_world"
_UNEVEN = 0.01
"""Steps of a motion's own stamps may differ by this share of the middle one; beyond it they are no single rate."""


def motion_clip(episode: Episode, robot: RobotModel, fps: float | None) -> RobotMotion:
    """An episode's root and joints.

    Args:
        episode: with joint positions and the root's pose in world.
        robot: gives the joint order.
        fps: rate asked for; None keeps the motion's own stamps, or takes the timeline where joints and root have no
            even rate in common.

    Raises:
        ExportError: a stream is missing or a value is not finite.
        JointOrderError: the episode is another robot's.
    """
    if episode.robot != robot.name:
        raise JointOrderError(f"episode {episode.id} is of robot {episode.robot}, the export of {robot.name}; export them apart")
    for key in (POSITIONS, ROOT):
        if key not in episode or not len(episode.stream(key)):
            raise ExportError(
                f"episode {episode.id} has no stream {key}; a motion file holds joints and the root's pose in world: "
                "leave the episode out, or record that stream"
            )
    t_ns = _grid(episode, fps)
    joints = episode.stream(POSITIONS)
    order = robot.reorder(joints.spec.names or episode.joint_names, where=f"episode {episode.id}, stream {POSITIONS}")
    joint_pos = np.asarray(joints.sample_at(t_ns), dtype=np.float64)[:, order]
    pose = np.asarray(episode.stream(ROOT).sample_at(t_ns), dtype=np.float64)
    _check_finite(episode, joint_pos, robot.joint_names, POSITIONS)
    _check_finite(episode, pose, ("x", "y", "z", "qw", "qx", "qy", "qz"), ROOT)
    return RobotMotion(t_ns, pose[:, :3], pose[:, 3:], np.ascontiguousarray(joint_pos), robot.joint_names)


def own_stamps(episode: Episode) -> I64 | None:
    """(N,) the stamps that joints and root share, if they are even; None where they are not."""
    t_ns = episode.stream(POSITIONS).t_ns
    if not np.array_equal(t_ns, episode.stream(ROOT).t_ns):
        return None
    steps = np.diff(t_ns)
    if len(steps) == 0:
        return t_ns
    middle = float(np.median(steps))
    return t_ns if middle > 0 and float(np.abs(steps - middle).max()) <= _UNEVEN * middle else None


def _grid(episode: Episode, fps: float | None) -> I64:
    if fps is not None:
        return export_grid(episode, fps)
    own = own_stamps(episode)
    return own if own is not None else episode.timeline_ns


def _check_finite(episode: Episode, values: F64, names: tuple[str, ...], key: str) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        frame, column = bad[0]
        raise ExportError(
            f"episode {episode.id}, stream {key}, {names[column]}: {values[frame, column]} at frame {frame}; only finite "
            "numbers can be tracked. Run `understudy check`, it moves such episodes to failures"
        )
