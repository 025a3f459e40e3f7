"""All gates and scores over one episode, and what follows from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import cast

from understudy import __version__, plugins
from understudy.errors import InputError, SchemaError, UnknownNameError
from understudy.quality.rating import weakest
from understudy.quality.skip import NotApplicable
from understudy.quality.thresholds import lowered, merged
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Notes, ScoreResult, Skipped
from understudy.spec.protocols import Gate, GateContext, Score
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


def judge(episode: Episode, robot: RobotModel, schema: Schema, *, peers: Mapping[str, float] | None = None) -> Notes:
    """What every gate and score says about an episode; it is rejected when one gate says so.

    Args:
        episode: as read; its segments and review are kept in the result.
        robot: the episode's robot.
        schema: the dataset's schema, whose thresholds and task rules hold.
        peers: id to duration in seconds of the episodes of the same task; the episode's own is left out.

    Returns:
        Notes with verdict, findings (gate by gate), scores, what was skipped and why, and the rating of the weakest score.

    Raises:
        SchemaError: the schema has a table for a gate that is not there, or a key or value that its gate cannot take.
        JointOrderError: the episode is of another robot.
    """
    robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    gates = load_gates()
    _check_tables(schema, gates)
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    task_id = str(episode.metadata.get("task_id", ""))
    for name, gate in gates.items():
        context = GateContext(robot, schema, merged(name, gate, schema, task_id), dict(peers or {}))
        findings += run_gate(name, gate, episode, context, skipped)
    scores = _rate(episode, GateContext(robot, schema, {}, dict(peers or {})), skipped)
    old = episode.notes
    return Notes(
        episode=episode.id,
        verdict="rejected" if any(f.severity == "reject" for f in findings) else "accepted",
        findings=tuple(findings),
        scores=tuple(scores),
        skipped=tuple(skipped),
        segments=old.segments if old else (),
        quality_rating=weakest(scores),
        duration_s=episode.duration_s,
        review=old.review if old else {},
        checked_with=check_hash(schema, robot),
    )


def load_gates() -> dict[str, Gate]:
    """Every gate by its name."""
    return {name: cast(Gate, plugins.load("gates", name)) for name in plugins.names("gates")}


def run_gate(name: str, gate: Gate, episode: Episode, context: GateContext, skipped: list[Skipped]) -> Sequence[Finding]:
    """Findings of one gate; where it cannot run, why is added to `skipped`."""
    if context.thresholds.get("enabled") is False:
        skipped.append(Skipped(name=name, reason="turned off in schema.toml"))
        return []
    if reason := _lacks(episode, gate.needs):
        skipped.append(Skipped(name=name, reason=reason))
        return []
    try:
        found = gate.check(episode, context)
    except NotApplicable as why:
        skipped.append(Skipped(name=name, reason=str(why)))
        return []
    except SchemaError:
        raise
    except InputError as error:
        found = [Finding(gate=name, severity="reject", message=f"cannot be checked: {error}")]
    return [f.model_copy(update={"severity": lowered(f.severity, context.thresholds)}) for f in found]


def check_hash(schema: Schema, robot: RobotModel) -> str:
    """What a verdict depends on besides the episode: schema, robot, the gates and scores there are, and their version."""
    model = (robot.model_sha256, robot.profile.model_dump_json())
    parts = (__version__, schema.model_dump_json(), *model, *plugins.names("gates"), *plugins.names("scores"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _rate(episode: Episode, context: GateContext, skipped: list[Skipped]) -> list[ScoreResult]:
    scores = []
    for name in plugins.names("scores"):
        score = cast(Score, plugins.load("scores", name))
        if reason := _lacks(episode, score.needs):
            skipped.append(Skipped(name=name, reason=reason))
            continue
        try:
            scores.append(score.rate(episode, context))
        except (NotApplicable, InputError) as why:
            skipped.append(Skipped(name=name, reason=str(why)))
    return scores


def _lacks(episode: Episode, needs: Sequence[str]) -> str:
    missing = [key for key in needs if key not in episode]
    return f"the episode has no stream {', '.join(missing)}" if missing else ""


def _check_tables(schema: Schema, gates: Mapping[str, Gate]) -> None:
    tables = [("gates", schema.gates)] + [(f"tasks.{task}.gates", rules.gates) for task, rules in schema.tasks.items()]
    for where, table in tables:
        for name in table:
            if name not in gates:
                raise SchemaError(f"schema.toml [{where}]: {UnknownNameError('gate', name, gates)}")
