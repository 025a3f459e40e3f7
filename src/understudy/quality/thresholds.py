"""The figures a gate works with: its own defaults, the schema's, the task's, each laid over the one before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast, get_args

from understudy.errors import SchemaError, UnknownNameError
from understudy.spec.findings import Severity
from understudy.spec.protocols import Gate
from understudy.spec.schema import GateValue, Schema

COMMON: tuple[str, ...] = ("enabled", "severity")
"""Keys that every gate's table may hold: `enabled = false` turns it off, `severity = "warn"` keeps it from refusing."""


RENAMED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sync": {"monotone": (), "missing_frames": ("max_missing",), "gaps": ("max_gap_s", "slow_gap_steps")},
    "integrity": {
        "nan": (),
        "lengths": (),
        "quaternion_norm": ("max_norm_error",),
        "frozen_joints": ("frozen_s", "frozen_command_rad"),
    },
}
"""Gates that were split: old name to the gates they became, each with the keys it took. Old tables are read as those of all."""


def merged(name: str, gate: Gate, schema: Schema, task_id: str) -> dict[str, GateValue]:
    """Thresholds of one gate for one task.

    Raises:
        SchemaError: a key that the gate does not know, a value of another type than its default, or a number below 0.
    """
    out: dict[str, GateValue] = {"enabled": True, **gate.defaults}
    layers = (("gates.{}", schema.gates), (f"tasks.{task_id}.gates.{{}}", schema.task(task_id).gates))
    for where, table in ((place.format(title), own) for place, tables in layers for title, own in _tables(name, tables)):
        for key, value in table.items():
            _check(where, key, value, out)
            out[key] = value
    return out


def _tables(name: str, tables: Mapping[str, Mapping[str, GateValue]]) -> list[tuple[str, Mapping[str, GateValue]]]:
    """Tables that hold for a gate, with their names: what an old schema says of the gate it came from, then its own."""
    found = []
    for old, parts in RENAMED.items():
        if name in parts and old in tables:
            kept = {key: value for key, value in tables[old].items() if key in (*parts[name], *COMMON)}
            found.append((old, kept))
    return [*found, (name, tables.get(name, {}))]


def check_old_table(where: str, old: str, table: Mapping[str, GateValue]) -> None:
    """Refuse a key in the table of a gate that was split which none of its parts takes.

    Raises:
        SchemaError: there is one, with the nearest that is known.
    """
    known = {*COMMON, *(key for keys in RENAMED[old].values() for key in keys)}
    for key in table:
        if key not in known:
            raise SchemaError(f"schema.toml [{where}.{old}]: {UnknownNameError('key', key, known)}")


def _check(where: str, key: str, value: GateValue, known: Mapping[str, GateValue]) -> None:
    if key == "severity":
        if value not in get_args(Severity):
            raise SchemaError(f"schema.toml [{where}]: severity = {value!r}; allowed are {', '.join(get_args(Severity))}")
        return
    if key not in known:
        raise SchemaError(f"schema.toml [{where}]: {UnknownNameError('key', key, {*known, *COMMON})}")
    default = known[key]
    if _kind(value) is not _kind(default):
        raise SchemaError(f"schema.toml [{where}]: {key} = {value!r} must be a {_kind(default).__name__}, such as {default!r}")
    if _kind(value) is float and not 0.0 <= float(value) < math.inf:
        raise SchemaError(f"schema.toml [{where}]: {key} = {value!r}; it must be 0 or more, such as {default!r}")


def _kind(value: GateValue) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def number(thresholds: Mapping[str, GateValue], key: str) -> float:
    """A threshold that is a number."""
    return float(thresholds[key])


def choice(thresholds: Mapping[str, GateValue], key: str, allowed: tuple[str, ...]) -> str:
    """A threshold that is one of a few words.

    Raises:
        SchemaError: it is another word.
    """
    value = str(thresholds[key])
    if value not in allowed:
        raise SchemaError(f"schema.toml: {UnknownNameError(f'{key} of a gate', value, allowed)}")
    return value


def lowered(severity: Severity, thresholds: Mapping[str, GateValue]) -> Severity:
    """The milder of a finding's severity and the one the schema caps its gate at."""
    order = get_args(Severity)
    cap = cast(Severity, thresholds.get("severity", severity))
    return max(severity, cap, key=order.index)
