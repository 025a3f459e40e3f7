"""A take of a live session, and the episode it becomes: the robot's motion as it was shown, not solved again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from understudy.geom.arrays import F64, AnyArray
from understudy.pipeline.labels import UNLABELLED
from understudy.pipeline.live.calibration import human_motion
from understudy.pipeline.live.sample import LiveSample, as_motion
from understudy.pipeline.motion_episode import motion_episode
from understudy.retarget.feasibility import stretches
from understudy.retarget.problem import Problem
from understudy.retarget.streaming import LOST_S, LivePose
from understudy.retarget.targets import Calibration, Targets, person_at_robot_size, task_weights, vector_targets
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.skeleton import HumanMotion
from understudy.store.dataset import Dataset

SHORTEST_S = 0.5
LONGEST_FRAMES = 240_000
"""A take of half an hour at 120 Hz: it is ended and saved then, for it is kept in memory."""
GAP_NS = round(0.2e9)


@dataclass(frozen=True)
class TakeLabel:
    """What is said of a take; empty for what nobody said."""

    task: str = ""
    demonstrator: str = ""
    instruction: str = ""


@dataclass
class Take:
    """What is recorded.

    Attributes:
        label: what it is.
        source: name of the stream.
        known: the person.
        began: date and time of the first frame, UTC.
        samples: frames so far.
        holds: (from, to) in the take, seconds, while the source was silent and the robot held.
    """

    label: TakeLabel
    source: str
    known: Calibration
    began: datetime
    samples: list[LiveSample] = field(default_factory=list)
    holds: list[tuple[float, float]] = field(default_factory=list)

    def add(self, sample: LiveSample) -> None:
        """Append a frame with a pose; after a silence the held pose goes in once more, two frames before it."""
        if self.samples and sample.t_ns - self.samples[-1].t_ns > GAP_NS:
            last = self.samples[-1]
            self.holds.append(((last.t_ns - self.samples[0].t_ns) * 1e-9, (sample.t_ns - self.samples[0].t_ns) * 1e-9))
            step_ns = last.t_ns - self.samples[-2].t_ns if len(self.samples) > 1 else GAP_NS
            until_ns = sample.t_ns - min(2 * step_ns, GAP_NS // 2)
            pose = None if last.pose is None else replace(last.pose, t_ns=until_ns)
            self.samples.append(replace(last, t_ns=until_ns, pose=pose))
        self.samples.append(sample)

    @property
    def duration_s(self) -> float:
        """From the first to the last frame, seconds."""
        return (self.samples[-1].t_ns - self.samples[0].t_ns) * 1e-9 if self.samples else 0.0

    @property
    def full(self) -> bool:
        """Whether it must end."""
        return len(self.samples) >= LONGEST_FRAMES


def take_episode(take: Take, problem: Problem, dataset: Dataset, *, index: int) -> Episode:
    """The episode of a take.

    Args:
        take: at least half a second of it.
        problem: of the robot.
        dataset: whose schema it follows.
        index: number of the take in its session; the next free one is taken where an episode of that name is there.
    """
    poses = [sample.pose for sample in take.samples if sample.pose is not None]
    human = human_motion(
        np.stack([s.joint_pos_world_m for s in take.samples]), np.array([s.t_ns for s in take.samples]), take.source
    )
    residual = np.stack([s.residual_m for s in take.samples])
    return motion_episode(
        problem.robot,
        as_motion(poses, problem.robot.joint_names),
        episode_id=_free_id(take, dataset, index),
        schema_toml=dataset.schema_text,
        metadata=_metadata(take, human, residual),
        extra=_streams(take, human, poses, residual, problem),
    )


def _streams(take: Take, human: HumanMotion, poses: list[LivePose], residual: F64, problem: Problem) -> Mapping[str, AnyArray]:
    stance = np.stack([pose.stance for pose in poses])
    known = take.known
    targets = Targets(
        vectors=vector_targets(human.joint_pos_world_m, known, problem),
        weights=task_weights(known.hip_mismatch_pct),
        stance=stance,
        flat=stance,
        scale=known.scale,
        height_shift_m=known.height_shift_m,
        hip_mismatch_pct=known.hip_mismatch_pct,
    )
    return {
        "debug/human_joints_world": human.joint_pos_world_m,
        "debug/human_target_world": person_at_robot_size(human, targets, problem),
        "debug/ee_residual": residual,
        "debug/infeasible": np.stack([s.infeasible.any() for s in take.samples]),
        "debug/source_contact": stance,
    }


def _metadata(take: Take, human: HumanMotion, residual: F64) -> dict[str, MetadataValue]:
    subject, found = human.subject(), stretches(residual, human.t_ns)
    return {
        "task_id": take.label.task or UNLABELLED,
        "demonstrator_id": take.label.demonstrator or UNLABELLED,
        "language_instruction": take.label.instruction or UNLABELLED,
        "motion_source": "mocap",
        "clip": take.source,
        "warnings": json.dumps(_warnings(take)),
        "source_path": take.source,
        "source_format": "live",
        "source_rate_hz": human.rate_hz,
        "source_subject_leg_m": subject.leg_m,
        "source_subject_arm_m": subject.arm_m,
        "source_subject_height_m": subject.height_m,
        "record_began_utc": take.began.isoformat(timespec="milliseconds"),
        "record_holds_s": json.dumps([[round(a, 3), round(b, 3)] for a, b in take.holds]),
        "retarget_mode": "streaming",
        "retarget_scale": take.known.scale,
        "retarget_infeasible": "flag",
        "retarget_infeasible_stretches": json.dumps([vars(s) for s in found]),
    }


def _warnings(take: Take) -> list[str]:
    said = []
    if take.holds:
        silent_s = sum(b - a for a, b in take.holds)
        said.append(f"the source was silent {len(take.holds)} times, {silent_s:.1f} s in all; the robot held its pose")
    for limb in sorted({limb for s in take.samples for limb in (*s.held, *s.lost)}):
        frames = sum(limb in s.held or limb in s.lost for s in take.samples)
        said.append(f"{limb} was not wholly seen in {frames} of {len(take.samples)} frames and was held there")
    restarts = sum(s.pose is not None and s.pose.restarted for s in take.samples[1:])
    if restarts:
        said.append(f"retargeting began afresh {restarts} times, after gaps over {LOST_S:g} s or because the source began anew")
    return said


def _free_id(take: Take, dataset: Dataset, index: int) -> str:
    source = re.sub(r"[^A-Za-z0-9]+", "-", take.source).strip("-")[:40] or "live"
    while True:
        name = dataset.schema.naming.recorded.format(
            date=f"{take.began:%Y-%m-%d}", time=f"{take.began:%H%M%S}", source=source, index=f"{index:03d}"
        )
        if dataset.find(name) is None:
            return name
        index += 1
