"""The dataset's schema: the single source of truth that recorder, gates, exporters and loaders read."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from understudy.errors import SchemaError, UnknownNameError, did_you_mean
from understudy.spec.robot import Strict
from understudy.spec.schema_lines import line_of
from understudy.spec.stream import StreamSpec

PRIVILEGED_FRAMES = frozenset({"world"})
"""Frames that a deployed policy does not know; `base_velocity` is the one observation given in world axes."""
DEPLOYABLE_IN_WORLD = frozenset({"base_velocity"})
PRIVILEGED_NAMES: Mapping[str, str] = {
    "base_pose_world": "the world pose of the base",
    "com_world": "a position in the world",
    "human_joints_world": "motion capture of the person",
    "object_poses_world": "poses of objects in the world",
}
PRIVILEGED_PREFIXES: Mapping[str, str] = {
    "external_": "an external camera",
    "marker": "motion capture markers",
    "human_": "motion capture of the person",
}

GateValue = float | bool | str


class MetadataField(Strict):
    """One metadata field of an episode."""

    type: Literal["string", "number", "integer", "boolean"] = "string"
    required: bool = True
    allowed: tuple[str, ...] = ()
    description: str = ""


def _check_pattern(name: str, pattern: str, *, allowed: tuple[str, ...], needed: str) -> None:
    """Refuse a file name pattern with fields that there are none of, or whose names would not be unique."""
    fields = [(field, spec, conversion) for _, field, spec, conversion in string.Formatter().parse(pattern) if field is not None]
    plain = all(field in allowed and not spec and not conversion for field, spec, conversion in fields)
    if not plain or needed not in [field for field, *_ in fields]:
        listed = ", ".join(f"{{{field}}}" for field in allowed)
        raise ValueError(f"{name} is {pattern!r}; its fields may be {listed}, and {{{needed}}} makes names unique")


class Naming(Strict):
    """How episode files are named; fields in braces."""

    recorded: str = "{date}T{time}_{source}_{index}"
    retargeted: str = "{clip}_{task8}"

    @model_validator(mode="after")
    def _check(self) -> Naming:
        _check_pattern("recorded", self.recorded, allowed=("date", "time", "source", "index"), needed="index")
        _check_pattern("retargeted", self.retargeted, allowed=("clip", "task8"), needed="task8")
        return self


class Clock(Strict):
    """The clock all stamps are on."""

    reference: Literal["host", "robot"] = "host"


class TaskRules(Strict):
    """What a task allows that others do not."""

    low_pelvis: bool = False
    floor_contact: bool = False
    gates: dict[str, dict[str, GateValue]] = {}


class Schema(Strict):
    """One dataset's schema, as in `schema.toml`.

    Attributes:
        name: of the dataset.
        robot: profile name.
        control_rate_hz: rate of the timeline and of actions.
        action_kind: what an action commands.
        joint_groups: group to joints, in the robot's order.
        frames: frame to what it is.
        streams: every stream an episode may hold.
        metadata: every metadata field.
        gates: gate to its thresholds; `enabled = false` turns one off.
        tasks: task id to what it allows.
    """

    format: Literal["understudy-schema"] = "understudy-schema"
    format_version: Literal[1] = 1
    name: str
    robot: str
    control_rate_hz: float = Field(default=50.0, gt=0)
    action_kind: Literal["position", "velocity", "torque"] = "position"
    naming: Naming = Naming()
    clock: Clock = Clock()
    joint_groups: dict[str, tuple[str, ...]]
    frames: dict[str, str] = {}
    streams: tuple[StreamSpec, ...]
    metadata: dict[str, MetadataField] = {}
    gates: dict[str, dict[str, GateValue]] = {}
    tasks: dict[str, TaskRules] = {}

    @model_validator(mode="after")
    def _check(self) -> Schema:
        seen: set[str] = set()
        for spec in self.streams:
            if spec.key in seen:
                raise ValueError(f"stream {spec.key} is declared twice")
            seen.add(spec.key)
            if spec.group == "observations" and (reason := privileged_reason(spec)):
                raise ValueError(f"stream {spec.key}: {reason}; a deployed policy will not have it. Move it to group 'debug'")
            if spec.names and len(spec.names) != _count(spec.shape):
                raise ValueError(f"stream {spec.key}: {len(spec.names)} names for shape {list(spec.shape)}")
        return self

    def stream(self, key: str) -> StreamSpec:
        """A stream by `group/name`.

        Raises:
            UnknownNameError: the schema has no such stream.
        """
        for spec in self.streams:
            if spec.key == key:
                return spec
        raise UnknownNameError("stream of the schema", key, [s.key for s in self.streams])

    def task(self, task_id: str) -> TaskRules:
        """What the task allows; the defaults for a task that the schema does not name."""
        return self.tasks.get(task_id, TaskRules())

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Joint order of the dataset."""
        return self.stream("observations/joint_positions").names


def privileged_reason(spec: StreamSpec) -> str:
    """Why a stream must not be an observation; empty when it may be one."""
    if spec.privileged:
        return "it is marked privileged"
    if spec.name in PRIVILEGED_NAMES:
        return f"it is {PRIVILEGED_NAMES[spec.name]}"
    for prefix, what in PRIVILEGED_PREFIXES.items():
        if spec.name.startswith(prefix):
            return f"it is {what}"
    if spec.frame in PRIVILEGED_FRAMES and spec.name not in DEPLOYABLE_IN_WORLD:
        return f"it is given in the frame {spec.frame!r}"
    return ""


def parse_schema(text: str, *, where: str) -> Schema:
    """The schema in a TOML text.

    Args:
        text: contents of `schema.toml`.
        where: named in error messages, usually the path.

    Raises:
        SchemaError: not TOML, or not a schema; one line per fault, each with its place.
    """
    try:
        return _parsed(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{where}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise SchemaError(f"{where}: {'; '.join(_fault(e, text) for e in error.errors())}") from None


@lru_cache(maxsize=16)
def _parsed(text: str) -> Schema:
    """A schema cannot be changed, so the same text can give the same one."""
    return Schema.model_validate(tomllib.loads(text))


def _fault(error: ErrorDetails, text: str) -> str:
    """What is wrong, with the line and the name of the field, and the nearest field where there is none of that name."""
    name, line = ".".join(str(part) for part in error["loc"]), line_of(text, error["loc"])
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        fields = Schema.model_fields if len(error["loc"]) == 1 else StreamSpec.model_fields
        said = f"there is no such field{did_you_mean(str(error['loc'][-1]), fields)}"
    at = f"line {line}: " if line else ""
    return f"{at}{name}: {said}" if name else f"{at}{said}"


def _count(shape: tuple[int, ...]) -> int:
    n = 1
    for k in shape:
        n *= k
    return n
