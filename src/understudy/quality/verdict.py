"""All gates and scores over one episode, and what follows from them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from understudy import __version__, plugins
from understudy.errors import InputError, SchemaError, UnderstudyError, UnknownNameError
from understudy.quality.fingerprint import fingerprint
from understudy.quality.rating import weakest
from understudy.quality.skip import NotApplicable
from understudy.quality.thresholds import RENAMED, check_old_table, lowered, merged
from understudy.quality.travel import joint_travel_rad
from understudy.spec.episode import Episode
from understudy.spec.findings import Facts, Finding, Notes, ScoreResult, Skipped
from understudy.spec.protocols import Gate, GateContext, Others, Score
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema

_log = logging.getLogger(__name__)
_Known = tuple[dict[str, float], Others | None, dict[str, float]]
"""Durations, motions and travels of other episodes, as a GateContext takes them."""
_FOREIGN = "schema_match"
"""The one gate that an episode of another robot is put to."""


def judge(
    episode: Episode,
    robot: RobotModel,
    schema: Schema,
    *,
    peers: Mapping[str, float] | None = None,
    others: Others | None = None,
    travels: Mapping[str, float] | None = None,
    file_bytes: int = 0,
) -> Notes:
    """What every gate and score says about an episode; it is rejected when one gate says so.

    An episode of another robot is rejected by that alone: no other gate can look at it.

    Args:
        episode: as read; its segments and review are kept in the result.
        robot: the dataset's robot.
        schema: the dataset's schema, whose thresholds and task rules hold.
        peers: id to duration in seconds of the episodes of the same task; the episode's own is left out.
        others: the dataset's other episodes, to find duplicates among; None where they are not known.
        travels: id to how far all joints together go, radians, in the task's episodes of which that is known.
        file_bytes: size of the episode's file, kept in the notes.

    Returns:
        Notes with verdict, findings (gate by gate), scores, what was skipped and why, and the rating of the weakest score.

    Raises:
        SchemaError: the schema has a table for a gate that is not there, or a key or value that its gate cannot take.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a damaged column may hold any number; gates say what is wrong with it
        return _judge(episode, robot, schema, (dict(peers or {}), others, dict(travels or {})), file_bytes)


def _judge(episode: Episode, robot: RobotModel, schema: Schema, known: _Known, file_bytes: int) -> Notes:
    gates = load_gates()
    _check_tables(schema, gates)
    task_id = str(episode.metadata.get("task_id", ""))
    joints = set(episode.joint_names) == set(robot.joint_names) and len(episode.joint_names) == robot.dof
    foreign = episode.robot != robot.name or not joints
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for name, gate in gates.items():
        context = GateContext(robot, schema, merged(name, gate, schema, task_id), *known)
        if foreign and name != _FOREIGN:
            skipped.append(Skipped(name=name, reason="the episode is of another robot"))
            continue
        try:
            findings += run_gate(name, gate, episode, context, skipped)
        except UnderstudyError:
            raise
        except Exception as error:  # noqa: BLE001 - a faulty gate must not stop the others, nor refuse what it cannot look at
            _log.exception("gate %s failed on episode %s", name, episode.id)
            skipped.append(Skipped(name=name, reason=f"the gate itself failed: {type(error).__name__}: {error}"))
    scores = [] if foreign else _rate(episode, GateContext(robot, schema, {}, *known), skipped)
    findings = _said_once(findings, skipped)
    old = episode.notes
    return Notes(
        episode=episode.id,
        verdict="rejected" if any(f.severity == "reject" for f in findings) else "accepted",
        findings=tuple(_with_steps(f, episode) for f in findings),
        scores=tuple(scores),
        skipped=tuple(skipped),
        segments=old.segments if old else (),
        quality_rating=weakest(scores),
        review=old.review if old else {},
        checked_with=check_hash(schema, robot),
        facts=facts_of(episode, file_bytes),
    )


def facts_of(episode: Episode, file_bytes: int = 0) -> Facts:
    """What other episodes are held against."""
    try:
        motion, travel_rad = fingerprint(episode), round(joint_travel_rad(episode), 3)
    except InputError:
        motion, travel_rad = "", 0.0  # damaged samples: the gates say so
    return Facts(duration_s=episode.duration_s, bytes=file_bytes, fingerprint=motion, travel_rad=travel_rad)


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
        found = [Finding(gate=name, severity="reject", message=f"{_CANNOT}{error}")]
    return [f.model_copy(update={"severity": lowered(f.severity, context.thresholds)}) for f in found]


_CANNOT = "cannot be checked: "


def _said_once(findings: Sequence[Finding], skipped: list[Skipped]) -> list[Finding]:
    """The findings, but a fault that stops one gate after another is one finding; the other gates are skipped with it."""
    said: set[str] = set()
    kept = []
    for finding in findings:
        if finding.message.startswith(_CANNOT) and finding.message in said:
            skipped.append(Skipped(name=finding.gate, reason=finding.message.removeprefix(_CANNOT)))
            continue
        said.add(finding.message)
        kept.append(finding)
    return kept


def _with_steps(finding: Finding, episode: Episode) -> Finding:
    """The finding with the steps of the timeline that its times cover: from the last one before to the first one after."""
    if finding.start_ns is None or finding.end_ns is None or len(episode.timeline_ns) == 0:
        return finding
    last = len(episode.timeline_ns) - 1
    start = int(np.searchsorted(episode.timeline_ns, finding.start_ns, side="right")) - 1
    end = int(np.searchsorted(episode.timeline_ns, finding.end_ns, side="left"))
    steps = (min(max(start, 0), last), min(max(end, 0), last))
    return finding.model_copy(update={"steps": (steps[0], max(steps))})


def check_hash(schema: Schema, robot: RobotModel) -> str:
    """What a verdict depends on besides the episodes: schema, robot, gates and scores with their defaults, and their versions."""
    model = (robot.model_sha256, robot.profile.model_dump_json())
    gates = json.dumps({name: dict(gate.defaults) for name, gate in load_gates().items()}, sort_keys=True)
    parts = (__version__, schema.model_dump_json(), *model, gates, *plugins.names("scores"), *plugins.outside_versions())
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
        except UnderstudyError:
            raise
        except Exception as error:  # noqa: BLE001 - a faulty score must not stop gates and others
            _log.exception("score %s failed on episode %s", name, episode.id)
            skipped.append(Skipped(name=name, reason=f"the score itself failed: {type(error).__name__}: {error}"))
    return scores


def _lacks(episode: Episode, needs: Sequence[str]) -> str:
    missing = [key for key in needs if key not in episode]
    return f"the episode has no stream {', '.join(missing)}" if missing else ""


def _check_tables(schema: Schema, gates: Mapping[str, Gate]) -> None:
    tables = [("gates", schema.gates)] + [(f"tasks.{task}.gates", rules.gates) for task, rules in schema.tasks.items()]
    for where, table in tables:
        for name, values in table.items():
            if name in RENAMED:
                check_old_table(where, name, values)
            elif name not in gates:
                raise SchemaError(f"schema.toml [{where}]: {UnknownNameError('gate', name, gates)}")
