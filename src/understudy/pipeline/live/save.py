"""A take becomes an episode: the robot's motion as it was shown, not solved again. Runs in a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from understudy.errors import UnderstudyError
from understudy.geom.arrays import F64, Bool
from understudy.kinematics.load import load_robot
from understudy.pipeline.labels import UNLABELLED
from understudy.pipeline.live.calibration import human_motion
from understudy.pipeline.live.limbs import LIMBS
from understudy.pipeline.live.take import Rows, Take
from understudy.pipeline.motion_episode import motion_episode
from understudy.retarget.feasibility import LIMIT_M, stretches
from understudy.retarget.problem import Problem, make_problem
from understudy.retarget.streaming import LOST_S
from understudy.retarget.targets import Calibration, live_targets, person_at_robot_size
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.robot import RobotMotion
from understudy.spec.skeleton import HumanMotion
from understudy.store.dataset import Dataset


@dataclass(frozen=True)
class Saved:
    """What came of saving a take.

    Attributes:
        episode: its id; empty where it was not saved.
        error: why it was not.
    """

    episode: str = ""
    error: str = ""


def save_take(root: Path, take: Take, index: int) -> Saved:
    """Write a take into the dataset in `root`, under the first free name from `index` on."""
    try:
        dataset = Dataset.open(root)
        return Saved(dataset.add(take_episode(take, _problem(dataset.robot_source), dataset, index=index)).id)
    except (UnderstudyError, OSError) as error:
        return Saved(error=str(error))


@lru_cache(maxsize=1)
def _problem(robot_source: str) -> Problem:
    return make_problem(load_robot(robot_source))


def ready(root: Path) -> None:
    """Load what saving a take needs, so that the first one is quick; a fault shows when that one is saved."""
    try:
        _problem(Dataset.open(root).robot_source)
    except (UnderstudyError, OSError):
        return


def take_episode(take: Take, problem: Problem, dataset: Dataset, *, index: int) -> Episode:
    """The episode of a take.

    Args:
        take: at least half a second of it.
        problem: of the robot.
        dataset: whose schema it follows.
        index: number of the take in its session; the next free one is taken where an episode of that name is there.
    """
    rows = take.rows()
    human = human_motion(rows["joints"], rows["t_ns"], take.source)
    motion = RobotMotion(rows["t_ns"], rows["root"], rows["quat"], rows["q"], problem.robot.joint_names)
    return motion_episode(
        problem.robot,
        motion,
        episode_id=_free_id(take, dataset, index),
        schema_toml=dataset.schema_text,
        metadata=_metadata(take, rows, human),
        extra={
            "debug/human_joints_world": human.joint_pos_world_m,
            "debug/human_target_world": _person_at_robot_size(human, rows["stance"], take.known, problem),
            "debug/ee_residual": rows["residual"],
            "debug/infeasible": np.asarray((rows["residual"] > LIMIT_M).any(axis=1)),
            "debug/source_contact": rows["stance"],
        },
    )


def _person_at_robot_size(human: HumanMotion, standing: Bool, known: Calibration, problem: Problem) -> F64:
    targets = live_targets(human.joint_pos_world_m, standing, known, problem)
    return person_at_robot_size(human, targets, problem)


def _metadata(take: Take, rows: Rows, human: HumanMotion) -> Mapping[str, MetadataValue]:
    subject, found = human.subject(), stretches(rows["residual"], human.t_ns)
    return {
        "task_id": take.label.task or UNLABELLED,
        "demonstrator_id": take.label.demonstrator or UNLABELLED,
        "language_instruction": take.label.instruction or UNLABELLED,
        "motion_source": "mocap",
        "clip": take.source,
        "warnings": json.dumps(_warnings(take, rows)),
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
        "retarget_infeasible_stretches": json.dumps([asdict(s) for s in found]),
    }


def _warnings(take: Take, rows: Rows) -> list[str]:
    said = []
    if take.holds:
        silent_s = sum(b - a for a, b in take.holds)
        said.append(f"the source was silent {len(take.holds)} times, {silent_s:.1f} s in all; the robot held its pose")
    for limb, frames in zip(LIMBS, rows["unseen"].sum(axis=0), strict=True):
        if frames:
            said.append(f"{limb} was not wholly seen in {frames} of {len(rows)} frames and was held there")
    restarts = int(rows["restarted"][1:].sum())
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
