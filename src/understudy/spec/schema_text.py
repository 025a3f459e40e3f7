"""A schema as text: commented TOML for editing, Markdown for reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec

_HEAD = """\
# The single source of truth of this dataset: recorder, gates, exporters and loaders read it and nothing else.
# Edit it by hand; SCHEMA.md says the same as a page. Units are SI and radians, quaternions wxyz, z up.
"""
_STREAMS = """\
# Streams. group: observations (only what a deployed policy has), actions, debug (everything privileged).
# kind: vector (interpolated), quaternion, pose, imu (slerped), discrete and image (newest sample),
# command (in force from its stamp on).
# rate_hz 0: events, or the rate of the source. required: an episode without it is refused.
"""
_METADATA = """\
# Metadata of an episode. type: string, number, integer, boolean. allowed: the only values there may be.
# Fields that begin with source_, retarget_, record_ or simulate_ are a step's own record and need no entry.
"""
_GATES = """\
# Gates and their thresholds. enabled = false turns one off; a gate without a table here uses its own defaults.
"""
_TASKS = """\
# What a task allows that others do not, by task id. For a task that kneels or lies down:
#   [tasks.get_up]
#   low_pelvis = true       # the pelvis may come under half its standing height
#   floor_contact = true    # other bodies than the feet may touch the floor
#   [tasks.get_up.gates.fall]
#   max_descent_m_s = 1.5   # a task's own thresholds
"""


def schema_toml(schema: Schema) -> str:
    """The schema as commented TOML; `parse_schema` of it gives the same schema."""
    head = [
        _HEAD,
        _pairs({"format": schema.format, "format_version": schema.format_version, "name": schema.name, "robot": schema.robot}),
        "# Rate of the timeline and of actions, and what an action commands: position, velocity or torque of joints.",
        _pairs({"control_rate_hz": schema.control_rate_hz, "action_kind": schema.action_kind}),
        "\n# How episode files are named.",
        _table("naming", schema.naming.model_dump()),
        "# The clock all stamps are on: the robot's where it has one, else the host's.",
        _table("clock", schema.clock.model_dump()),
        "# Groups of joints, in the order of robot.json.",
        _table("joint_groups", schema.joint_groups),
        "# Coordinate frames that streams are given in.",
        _table("frames", schema.frames),
        _STREAMS,
    ]
    streams = [_stream(spec) for spec in schema.streams]
    metadata = [_table(f"metadata.{_key(n)}", f.model_dump(exclude_defaults=True)) for n, f in schema.metadata.items()]
    gates = [_table(f"gates.{_key(name)}", values) for name, values in schema.gates.items()]
    return "\n".join([*head, *streams, _METADATA, *metadata, _GATES, *gates, _TASKS, *_tasks(schema)])


def _stream(spec: StreamSpec) -> str:
    values = spec.model_dump(exclude_defaults=True)
    order = ("group", "name", "dtype", "shape", "unit", "frame", "rate_hz", "kind", "privileged", "required", "names")
    always = {"dtype": spec.dtype, "shape": spec.shape, "unit": spec.unit, "frame": spec.frame, "rate_hz": spec.rate_hz}
    values = {**values, **always, "kind": spec.kind}
    return "[[streams]]\n" + _pairs({k: values[k] for k in order if k in values}) + "\n"


def _tasks(schema: Schema) -> list[str]:
    out = []
    for name, rules in schema.tasks.items():
        out.append(_table(f"tasks.{_key(name)}", {"low_pelvis": rules.low_pelvis, "floor_contact": rules.floor_contact}))
        out += [_table(f"tasks.{_key(name)}.gates.{_key(gate)}", values) for gate, values in rules.gates.items()]
    return out


def _table(name: str, values: Mapping[str, object]) -> str:
    return f"[{name}]\n{_pairs(values)}\n"


def _pairs(values: Mapping[str, object]) -> str:
    return "\n".join(f"{_key(key)} = {_value(value)}" for key, value in values.items())


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _string(key)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but TOML also wants DEL escaped, and pairs of surrogates not at all
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Iterable):
        return _array([_value(v) for v in value])
    raise TypeError(f"no TOML for {type(value).__name__}")


def _array(items: list[str]) -> str:
    one_line = f"[{', '.join(items)}]"
    if len(one_line) <= 100:
        return one_line
    lines, line = [], ""
    for item in items:
        if line and len(line) + len(item) > 100:
            lines.append(line)
            line = ""
        line += f"{item}, "
    return "[\n" + "\n".join(f"    {text.rstrip()}" for text in [*lines, line]) + "\n]"


def schema_markdown(schema: Schema) -> str:
    """The schema as a page, for `SCHEMA.md`."""
    parts = [
        f"# Schema of {schema.name}",
        "Generated from `schema.toml`; edit that file, not this one.",
        f"Robot `{schema.robot}`, {len(schema.joint_names)} joints. Timeline and actions at {schema.control_rate_hz:g} Hz; "
        f"an action is a joint {schema.action_kind}. Stamps are int64 nanoseconds on the {schema.clock.reference}'s clock. "
        "Units are SI and radians, quaternions wxyz, z up.",
    ]
    for group, title in (("observations", "Observations"), ("actions", "Actions"), ("debug", "Debug (privileged)")):
        parts.append(f"## {title}")
        parts.append(_stream_rows([spec for spec in schema.streams if spec.group == group]))
    parts += ["## Frames", _rows(("frame", "meaning"), [(f"`{k}`", v) for k, v in schema.frames.items()])]
    joints = [(f"`{k}`", ", ".join(f"`{j}`" for j in v)) for k, v in schema.joint_groups.items()]
    parts += ["## Joint groups", _rows(("group", "joints"), joints), "## Metadata", _metadata_rows(schema)]
    limits = [(f"`{gate}`", ", ".join(f"{k} = {v}" for k, v in values.items())) for gate, values in schema.gates.items()]
    parts += ["## Gates", _rows(("gate", "thresholds"), limits), "## Files"]
    parts.append(f"Recorded episodes are named `{schema.naming.recorded}`, retargeted ones `{schema.naming.retargeted}`.")
    return "\n\n".join(parts) + "\n"


def _stream_rows(specs: list[StreamSpec]) -> str:
    head = ("stream", "dtype", "shape", "unit", "frame", "rate", "kind", "required")
    rows = [
        (
            f"`{s.name}`", s.dtype, "×".join(map(str, s.shape)) or "one", s.unit, f"`{s.frame}`",
            f"{s.rate_hz:g} Hz" if s.rate_hz else "as its source", s.kind, "yes" if s.required else "",
        )
        for s in specs
    ]  # fmt: skip
    return _rows(head, rows)


def _metadata_rows(schema: Schema) -> str:
    rows = [
        (f"`{name}`", field.type, "yes" if field.required else "", ", ".join(field.allowed), field.description)
        for name, field in schema.metadata.items()
    ]
    return _rows(("field", "type", "required", "allowed", "meaning"), rows)


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def cells(row: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"

    return "\n".join([cells(head), cells(("---",) * len(head)), *map(cells, rows)])
