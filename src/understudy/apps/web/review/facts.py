"""What the page is told of the robot once, and of an episode when it is opened."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from understudy.apps.web.live.shapes import RobotShapes, robot_shapes
from understudy.apps.web.review.curves import Json, lanes, panels
from understudy.errors import InputError
from understudy.geom.arrays import F32, F64, I64
from understudy.pipeline.review.apply import relative
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.spec.robot import RobotModel
from understudy.store.dataset import EpisodeRef

MOST_HZ = 60.0
FLOOR_OFF_M = 0.15
"""A person whose lowest joint keeps further from z = 0 than this was captured with another floor."""
JOINTS, BASE, HUMAN, IMU = (
    "observations/joint_positions",
    "debug/base_pose_world",
    "debug/human_joints_world",
    "observations/imu_pelvis",
)


@dataclass(frozen=True)
class RobotFacts:
    """The robot for the page: its triangles, and how its bodies hang together."""

    shapes: RobotShapes
    kinematics: Json

    @classmethod
    def of(cls, robot: RobotModel) -> RobotFacts:
        """Facts of a robot; the page poses its bodies from joint angles itself."""
        kinematics: Json = {
            "parent": robot.body_parent.tolist(),
            "rot": np.round(robot.rot_parent_joint, 9).reshape(-1, 9).tolist(),
            "pos": np.round(robot.pos_parent_joint_m, 7).tolist(),
            "axis": np.round(robot.axis_joint, 9).tolist(),
        }
        return cls(robot_shapes(robot), kinematics)

    def json(self) -> Json:
        """All but the triangles."""
        return {**self.shapes.description, "kinematics": self.kinematics}


@dataclass(frozen=True)
class Opened:
    """An episode for the page, and its cameras' stamps."""

    episode: Episode
    facts: Json

    @property
    def cameras(self) -> tuple[str, ...]:
        """Keys of its image streams."""
        return camera_keys(self.episode)


def camera_keys(episode: Episode) -> tuple[str, ...]:
    """Image streams that have images; what the robot sees comes first."""
    keys = [key for key, stream in episode.streams.items() if stream.spec.kind == "image" and len(stream)]
    return tuple(sorted(keys, key=lambda key: (not key.startswith("observations/"), key)))


def episode_facts(episode: Episode, ref: EpisodeRef, robot: RobotModel) -> Json:
    """Everything the page shows of an episode, but its images. Times in seconds from its first step.

    Raises:
        InputError: it has no timeline or no joints to show.
        JointOrderError: it is of another robot.
    """
    if not len(episode.timeline_ns):
        raise InputError(f"{ref.path}: the episode is empty: its timeline has no step")
    start_ns, notes = int(episode.timeline_ns[0]), episode.notes or Notes(episode=episode.id)
    segments = notes.segments or episode.segments
    return {
        "id": episode.id,
        "task": ref.task,
        "operator": str(episode.metadata.get("demonstrator_id", "")),
        "instruction": str(episode.metadata.get("language_instruction", "")),
        "source": str(episode.metadata.get("motion_source", "")),
        "duration_s": episode.duration_s,
        "span_ns": int(episode.timeline_ns[-1]) - start_ns + _step_ns(episode.timeline_ns),
        "segments": [stretch.model_dump() for stretch in relative(segments, start_ns)],
        "motion": motion(episode, robot),
        "panels": panels(episode, robot),
        "lanes": lanes(episode),
        "cameras": [_camera(episode, key, start_ns) for key in camera_keys(episode)],
        **noted(notes, ref, start_ns),
    }


def noted(notes: Notes, ref: EpisodeRef, start_ns: int) -> Json:
    """What gates, scores and people noted about an episode."""
    findings = [
        {
            "gate": f.gate,
            "severity": f.severity,
            "message": f.message,
            "stream": f.stream,
            "start_s": None if f.start_ns is None else round((f.start_ns - start_ns) * 1e-9, 4),
            "end_s": None if f.end_ns is None else round((f.end_ns - start_ns) * 1e-9, 4),
        }
        for f in notes.findings
    ]
    return {
        "partition": ref.partition,
        "verdict": notes.verdict,
        "rating": notes.quality_rating,
        "findings": findings,
        "scores": [{"name": s.name, "value": round(s.rated, 3)} for s in notes.scores],
        "skipped": [s.model_dump() for s in notes.skipped],
    }


def motion(episode: Episode, robot: RobotModel) -> Json | None:
    """Pose of the robot, and of the person, at even steps of the timeline; None where there are no joints.

    Rows of little-endian float32: time, root position (3) and quaternion (4, wxyz) in `world`, joints (J), person (23 x 3).
    """
    if JOINTS not in episode:
        return None
    steps = np.arange(0, len(episode.timeline_ns), stride(episode.timeline_ns))
    at: I64 = episode.timeline_ns[steps]
    joints = episode.stream(JOINTS).sample_at(at).astype(np.float64)[:, robot.reorder(episode.joint_names, where=episode.id)]
    parts = [(at - at[0])[:, None] * 1e-9, _root(episode, robot, at), joints]
    human, sunk_m = HUMAN in episode, 0.0
    if human:
        person = episode.stream(HUMAN).sample_at(at).astype(np.float64)
        sunk_m = _off_the_floor(person)
        parts.append((person - [0.0, 0.0, sunk_m]).reshape(len(at), -1))
    rows: F32 = np.nan_to_num(np.concatenate(parts, axis=1)).astype("<f4")
    return {
        "rows": len(rows),
        "width": rows.shape[1],
        "human": human,
        "in_place": BASE not in episode,
        "person_off_m": round(sunk_m, 3),
        "data": base64.b64encode(rows.tobytes()).decode("ascii"),
    }


def _off_the_floor(person_m: F64) -> float:
    """How far the floor that a person stands on is from z = 0, metres; 0 where it is there, give or take a sole.

    Some captures have an origin at the hips. The robot was set on the floor when it was retargeted; the person is, for the page.

    Args:
        person_m: (T, 23, 3) joints in `world`.
    """
    lowest = float(np.nanpercentile(person_m[..., 2].min(axis=1), 5.0))
    return lowest if abs(lowest) > FLOOR_OFF_M else 0.0


def _step_ns(timeline_ns: I64) -> int:
    """Usual length of a step: what stands at the last one holds until that long after it."""
    return int(np.median(np.diff(timeline_ns))) if len(timeline_ns) > 1 else 1


def stride(timeline_ns: I64) -> int:
    """Steps from one that is shown to the next, so that at most 60 a second are."""
    if len(timeline_ns) < 2:
        return 1
    return max(1, int(np.ceil(1e9 / (MOST_HZ * _step_ns(timeline_ns)) - 1e-6)))


def _root(episode: Episode, robot: RobotModel, at: I64) -> F64:
    """(T, 7) pose of the root; where it was not recorded the robot stands in place and turns as its pelvis IMU says."""
    if BASE in episode:
        return np.asarray(episode.stream(BASE).sample_at(at), dtype=np.float64)
    root = np.tile([0.0, 0.0, robot.profile.standing_height_m, 1.0, 0.0, 0.0, 0.0], (len(at), 1))
    if IMU in episode:
        root[:, 3:] = episode.stream(IMU).sample_at(at)[:, :4]
    return root


def _camera(episode: Episode, key: str, start_ns: int) -> Json:
    t_s = (episode.stream(key).t_ns - start_ns).astype(np.float64) * 1e-9
    return {"key": key, "name": key.partition("/")[2].replace("_", " "), "t": np.round(t_s, 4).tolist()}
