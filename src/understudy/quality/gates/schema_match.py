"""Gate `schema_match`: an episode of another robot, another model of it, or another schema than its dataset's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from understudy.errors import SchemaError
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue, Schema, parse_schema
from understudy.spec.stream import Stream

_FIELDS = ("unit", "frame", "kind", "shape", "names", "dtype")


class SchemaMatch:
    """Robot, hash of its model, joints, streams and action kind are the dataset's.

    Thresholds and metadata fields of the schema that the episode carries may differ: they change while a dataset grows.
    """

    title = "Schema and robot"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """One finding per thing that differs."""
        said = [*_of_robot(episode, context.robot), *_of_schema(episode, context.schema)]
        streams = [(key, *fault) for key in sorted(episode.streams) for fault in _of_stream(episode.streams[key], context.schema)]
        return [_finding("", severity, message) for severity, message in said] + [
            _finding(key, severity, message) for key, severity, message in streams
        ]


def _of_robot(episode: Episode, robot: RobotModel) -> Iterator[tuple[Severity, str]]:
    if episode.robot != robot.name:
        yield "reject", f"the episode is of {episode.robot}, the dataset of {robot.name}; move it to a dataset of its robot"
    elif set(episode.joint_names) != set(robot.joint_names) or len(episode.joint_names) != robot.dof:
        missing = [name for name in robot.joint_names if name not in episode.joint_names]
        unknown = [name for name in episode.joint_names if name not in robot.joint_names]
        yield (
            "reject",
            f"the episode's {len(episode.joint_names)} joints are not the {robot.dof} of {robot.name}: missing "
            f"{', '.join(missing[:3]) or 'none'}, unknown {', '.join(unknown[:3]) or 'none'}; move it to a dataset of its robot",
        )
    elif episode.model_sha256 and episode.model_sha256 != robot.model_sha256:
        yield (
            "reject",
            f"the episode was made with another model of {robot.name} (sha256 {episode.model_sha256[:12]}, the dataset's is "
            f"{robot.model_sha256[:12]}); make it again with this one, or load the dataset with the model it was begun with",
        )


def _of_schema(episode: Episode, schema: Schema) -> Iterator[tuple[Severity, str]]:
    if not episode.schema_toml:
        return
    try:
        own = parse_schema(episode.schema_toml, where=f"episode {episode.id}: its schema")
    except SchemaError as error:
        yield "reject", f"the schema in the episode cannot be read: {error}; it was written by another version: make it again"
        return
    if own.robot != schema.robot:
        yield (
            "reject",
            f"its schema is for {own.robot}, the dataset's for {schema.robot}; move it to a dataset of its robot",
        )
    if own.action_kind != schema.action_kind:
        yield (
            "reject",
            f"its actions are a {own.action_kind}, the dataset's a {schema.action_kind}; keep the two in datasets apart",
        )
    if own.control_rate_hz != schema.control_rate_hz:
        yield (
            "warn",
            f"the episode's timeline runs at {own.control_rate_hz:g} Hz, the dataset's at {schema.control_rate_hz:g} Hz; exports "
            "resample it, so give --fps",
        )


def _of_stream(stream: Stream, schema: Schema) -> Iterator[tuple[Severity, str]]:
    declared = next((spec for spec in schema.streams if spec.key == stream.spec.key), None)
    if declared is None:
        yield "warn", f"{stream.spec.key} is not in the dataset's schema; declare it in schema.toml, or exports leave it out"
        return
    for field in _FIELDS:
        found, wanted = getattr(stream.spec, field), getattr(declared, field)
        if found != wanted:
            yield (
                "warn" if field == "dtype" else "reject",
                f"{stream.spec.key}: {field} is {_short(found)} in the episode and {_short(wanted)} in the dataset's schema; "
                "convert the episode, or put the schema right",
            )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _finding(key: str, severity: Severity, message: str) -> Finding:
    return Finding(gate="schema_match", severity=severity, message=message, stream=key)


PLUGIN: Gate = SchemaMatch()
