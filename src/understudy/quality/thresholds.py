"""The figures a gate works with: its own defaults, the schema's, the task's, each laid over the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from understudy.errors import SchemaError, UnknownNameError
from understudy.spec.findings import Severity
from understudy.spec.protocols import Gate
from understudy.spec.schema import GateValue, Schema

COMMON: tuple[str, ...] = ("enabled", "severity")
"""Keys that every gate's table may hold: `enabled = false` turns it off, `severity = "warn"` keeps it from refusing."""


def merged(name: str, gate: Gate, schema: Schema, task_id: str) -> dict[str, GateValue]:
    """Thresholds of one gate for one task.

    Raises:
        SchemaError: a key that the gate does not know, or a value of another type than its default.
    """
    out: dict[str, GateValue] = {"enabled": True, **gate.defaults}
    layers = {
        f"gates.{name}": schema.gates.get(name, {}),
        f"tasks.{task_id}.gates.{name}": schema.task(task_id).gates.get(name, {}),
    }
    for where, table in layers.items():
        for key, value in table.items():
            _check(where, key, value, out)
            out[key] = value
    return out


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
