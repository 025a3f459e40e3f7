"""What an export says about itself: where it came from, joint order, units, limits, and what is known of each episode."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from understudy import __version__
from understudy.export._features import Camera, Feature, action_key, export_grid
from understudy.export._plan import Plan
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel

Json = Mapping[str, object]


def task_of(episode: Episode) -> str:
    """The episode's task in words: its instruction, else its task id."""
    for key in ("language_instruction", "task_id"):
        text = str(episode.metadata.get(key, "")).strip()
        if text and text != "unlabelled":
            return text
    return "unlabelled"


@dataclass
class Description:
    """Gathers the self-description while episodes are written, in the order of their indices."""

    format: str
    plan: Plan
    _episodes: list[Json] = field(default_factory=list)
    _derived: dict[str, set[str]] = field(default_factory=dict)
    _schemas: set[str] = field(default_factory=set)

    def add(self, episode: Episode, *, frames: int, task: str) -> None:
        """Note one episode."""
        sources = [(f.name, f.spec) for f in self.plan.features] + [(c.name, c.spec) for c in self.plan.cameras]
        for name, spec in sources:
            self._derived.setdefault(name, set()).add(episode.stream(spec.key).derived)
        self._schemas.add(hashlib.sha256(episode.schema_toml.encode()).hexdigest())
        notes = episode.notes
        segments = [*episode.segments, *(notes.segments if notes else ())]
        self._episodes.append(
            {
                "episode_index": len(self._episodes),
                "id": episode.id,
                "task": task,
                "frames": frames,
                "start_ns": int(export_grid(episode, self.plan.fps)[0]),
                "verdict": notes.verdict if notes else "unchecked",
                "quality_rating": notes.quality_rating if notes else None,
                "segments": [s.model_dump() for s in segments],
                "metadata": dict(episode.metadata),
            }
        )

    def as_json(self, warnings: Sequence[str]) -> Json:
        """The whole description, ready for JSON."""
        plan = self.plan
        return {
            "format": self.format,
            "created_by": f"understudy {__version__}",
            "dataset": plan.options.source,
            "partition": plan.options.partition,
            "policy": plan.options.policy,
            "schema_info": {
                "name": plan.schema.name,
                "sha256": sorted(self._schemas),
                "control_rate_hz": plan.schema.control_rate_hz,
            },
            "robot": robot_json(plan.robot),
            "frames": dict(plan.schema.frames),
            "action": {
                "stream": action_key(plan.schema),
                "kind": plan.schema.action_kind,
                "derived": sorted(self._derived.get("action", set())),
            },
            "features": {f.name: _feature_json(f, self._derived.get(f.name, set())) for f in plan.features}
            | {c.name: _camera_json(c, self._derived.get(c.name, set())) for c in plan.cameras},
            "warnings": list(warnings),
            "episodes": self._episodes,
        }


def robot_json(robot: RobotModel) -> Json:
    """Joint order, groups and limits, as in the dataset's robot.json."""
    return {
        "name": robot.name,
        "model_sha256": robot.model_sha256,
        "joint_names": list(robot.joint_names),
        "joint_groups": {group: list(names) for group, names in robot.profile.groups.items()},
        "lower_rad": robot.lower_rad.tolist(),
        "upper_rad": robot.upper_rad.tolist(),
        "velocity_rad_s": robot.velocity_rad_s.tolist(),
        "effort_nm": robot.effort_nm.tolist(),
    }


def _feature_json(feature: Feature, derived: set[str]) -> Json:
    spec = feature.spec
    return {
        "stream": spec.key,
        "unit": spec.unit,
        "frame": spec.frame,
        "kind": spec.kind,
        "source_dtype": spec.dtype,
        "source_shape": list(spec.shape),
        "derived": sorted(derived),
    }


def _camera_json(camera: Camera, derived: set[str]) -> Json:
    spec = camera.spec
    return {
        "stream": spec.key,
        "unit": spec.unit,
        "frame": spec.frame,
        "kind": spec.kind,
        "channels": "RGB",
        "derived": sorted(derived),
    }
