"""What the report says about one episode, as arrays and figures. Streams that an episode lacks leave their part empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.pipeline.recollect import Segment, segments_of
from understudy.segment.signals import known_signals, phase_spans
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

RESIDUAL_LIMIT_M = 0.05
"""An end effector further off its feasible target than this makes a frame infeasible."""
_BLOCK = 4096


@dataclass(frozen=True)
class Motion:
    """The robot's motion in the world, at the joints' own stamps.

    Attributes:
        t_s: (T,) seconds from the episode's start.
        root_pos_world_m: (T, 3); root_quat_world_wxyz (T, 4); joint_pos (T, J) in the robot's order.
        human_m: (T, 23, 3) the person laid over the robot; None where it was not kept.
    """

    t_s: F64
    root_pos_world_m: F64
    root_quat_world_wxyz: F64
    joint_pos: F64
    human_m: F64 | None


@dataclass(frozen=True)
class Clip:
    """One episode as the report shows it; times in seconds from its start, None where there is no such stream.

    Attributes:
        joint_t_s, joint_pos: (T,) and (T, J) in the robot's order.
        residual_t_s, residual_m: (N,) and (N, 4) end effector off its target; `residual_names` (4,).
        infeasible_t_s, infeasible: (N,) flagged frames.
        contact_t_s, contact: (N, 2) robot's feet on the ground, left and right; source_contact the person's.
        sole_t_s, sole_height_m: (T, 2) lowest point of each sole above the floor.
        skate_m_s: mean horizontal speed of the soles while they should stand; None without a standing step.
        again: stretches to record again.
        phases: (name, from, to) of every gait phase; empty where the robot's motion in the world is not known.
        segments: (label, from, to, what is said of it) of every segment that is noted.
    """

    episode: Episode
    notes: Notes
    duration_s: float
    joint_t_s: F64 | None = None
    joint_pos: F64 | None = None
    residual_t_s: F64 | None = None
    residual_m: F64 | None = None
    residual_names: tuple[str, ...] = ()
    infeasible_t_s: F64 | None = None
    infeasible: Bool | None = None
    contact_t_s: F64 | None = None
    contact: Bool | None = None
    source_contact_t_s: F64 | None = None
    source_contact: Bool | None = None
    sole_t_s: F64 | None = None
    sole_height_m: F64 | None = None
    skate_m_s: float | None = None
    motion: Motion | None = None
    again: tuple[Segment, ...] = ()
    phases: tuple[tuple[str, float, float], ...] = ()
    segments: tuple[tuple[str, float, float, str], ...] = ()

    @property
    def id(self) -> str:
        """The episode's id."""
        return self.episode.id

    @property
    def residual_max_m(self) -> float | None:
        """Worst residual of any limb."""
        return None if self.residual_m is None or not self.residual_m.size else float(np.nanmax(self.residual_m))

    @property
    def residual_mean_m(self) -> float | None:
        """Mean residual over limbs and frames."""
        return None if self.residual_m is None or not self.residual_m.size else float(np.nanmean(self.residual_m))

    @property
    def infeasible_share(self) -> float | None:
        """Share of frames flagged infeasible."""
        return None if self.infeasible is None or not self.infeasible.size else float(self.infeasible.mean())

    @property
    def sole_min_m(self) -> float | None:
        """Lowest any sole gets; negative is inside the floor."""
        return None if self.sole_height_m is None or not self.sole_height_m.size else float(self.sole_height_m.min())

    def badness(self) -> tuple[int, float, float, str]:
        """Sorts clips worst first: refused, unchecked, accepted; then low ratings; then large residuals."""
        order = {"rejected": 0, "unchecked": 1, "accepted": 2}
        rating = self.notes.quality_rating
        return order[self.notes.verdict], 1.0 if rating is None else rating, -(self.residual_max_m or 0.0), self.id


def clip_facts(episode: Episode, robot: RobotModel) -> Clip:
    """Everything the report shows about an episode.

    Raises:
        JointOrderError: the episode belongs to another robot.
    """
    start = int(episode.timeline_ns[0]) if len(episode.timeline_ns) else 0

    def seconds(key: str) -> F64 | None:
        return _seconds(episode.stream(key).t_ns, start) if key in episode else None

    def flags(key: str) -> Bool | None:
        return episode.data(key) > 0.5 if key in episode else None

    motion = _motion(episode, robot, start)
    joints = motion.joint_pos if motion else _joints(episode, robot)
    soles = sole_paths(motion, robot) if motion else None
    residual_key = "debug/ee_residual"
    source_contact, source_t_s = flags("debug/source_contact"), seconds("debug/source_contact")
    skate_m_s = None
    if soles is not None and motion is not None and source_contact is not None and source_t_s is not None:
        skate_m_s = _skate(soles[1], motion, source_contact, source_t_s)
    return Clip(
        episode=episode,
        notes=episode.notes or Notes(episode=episode.id),
        duration_s=episode.duration_s,
        joint_t_s=seconds("observations/joint_positions"),
        joint_pos=joints,
        residual_t_s=seconds(residual_key),
        residual_m=episode.data(residual_key) if residual_key in episode else None,
        residual_names=episode.stream(residual_key).spec.names if residual_key in episode else (),
        infeasible_t_s=seconds("debug/infeasible"),
        infeasible=flags("debug/infeasible"),
        contact_t_s=seconds("observations/foot_contact"),
        contact=flags("observations/foot_contact"),
        source_contact_t_s=source_t_s,
        source_contact=source_contact,
        sole_t_s=motion.t_s if motion else None,
        sole_height_m=soles[0] if soles else None,
        skate_m_s=skate_m_s,
        motion=motion,
        again=segments_of(episode),
        phases=_phases(episode, robot, start) if motion else (),
        segments=_segments(episode, start),
    )


def _phases(episode: Episode, robot: RobotModel, start_ns: int) -> tuple[tuple[str, float, float], ...]:
    found = known_signals(episode, robot)
    spans = phase_spans(found) if found else []
    return tuple((name, (a - start_ns) * 1e-9, (b - start_ns) * 1e-9) for name, a, b in spans)


def _segments(episode: Episode, start_ns: int) -> tuple[tuple[str, float, float, str], ...]:
    """What is noted, else what was recorded; each with its subtask, source and who set it."""
    noted = episode.notes.segments if episode.notes else ()
    return tuple(
        (
            s.label,
            (s.start_ns - start_ns) * 1e-9,
            (s.end_ns - start_ns) * 1e-9,
            ", ".join(filter(None, (s.subtask, s.source, s.by))),
        )
        for s in (noted or episode.segments)
    )


def _seconds(t_ns: I64, start_ns: int) -> F64:
    return (t_ns - start_ns).astype(np.float64) * 1e-9


def _joints(episode: Episode, robot: RobotModel) -> F64 | None:
    if "observations/joint_positions" not in episode:
        return None
    columns = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    return episode.data("observations/joint_positions")[:, columns]


def _motion(episode: Episode, robot: RobotModel, start_ns: int) -> Motion | None:
    joint_pos = _joints(episode, robot)
    if joint_pos is None or "debug/base_pose_world" not in episode or not len(joint_pos):
        return None
    at: I64 = episode.stream("observations/joint_positions").t_ns
    pose = episode.stream("debug/base_pose_world").sample_at(at).astype(np.float64)
    human_key = "debug/human_target_world"
    human = episode.stream(human_key).sample_at(at).astype(np.float64) if human_key in episode else None
    return Motion(_seconds(at, start_ns), pose[:, :3], pose[:, 3:7], joint_pos, human)


def sole_paths(motion: Motion, robot: RobotModel) -> tuple[F64, F64]:
    """(T, 2) lowest point of each sole and (T, 2, 3) middle of its outline in `world`, metres, left and right.

    Worked through in blocks, so long takes stay small in memory.
    """
    from understudy.kinematics.contact import sole_points
    from understudy.kinematics.forward import body_poses

    lowest, middle = [], []
    for a in range(0, len(motion.t_s), _BLOCK):
        cut = slice(a, a + _BLOCK)
        poses = body_poses(robot, motion.root_pos_world_m[cut], motion.root_quat_world_wxyz[cut], motion.joint_pos[cut])
        soles = sole_points(robot, poses)
        lowest.append(np.stack([soles[side][..., 2].min(axis=1) for side in SIDES], axis=1))
        middle.append(np.stack([soles[side].mean(axis=1) for side in SIDES], axis=1))
    return np.concatenate(lowest), np.concatenate(middle)


def _skate(middle_world_m: F64, motion: Motion, source_contact: Bool, source_t_s: F64) -> float | None:
    nearest = np.clip(np.searchsorted(source_t_s, motion.t_s, side="right") - 1, 0, len(source_t_s) - 1)
    standing = source_contact[nearest]
    speeds = []
    for k in range(len(SIDES)):
        speed = np.linalg.norm(np.diff(middle_world_m[:, k, :2], axis=0), axis=1) / np.maximum(np.diff(motion.t_s), 1e-9)
        speeds.append(speed[standing[1:, k] & standing[:-1, k]])
    every = np.concatenate(speeds)
    return float(every.mean()) if len(every) else None
