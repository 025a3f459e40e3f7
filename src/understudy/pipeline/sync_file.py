"""`sync.toml`: the latency constants of a dataset's streams, with their spread and the day they were measured."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError

from understudy.errors import SyncError
from understudy.spec.robot import Strict
from understudy.store.atomic import write_text
from understudy.sync.verdict import SyncVerdict

SYNC_FILE = "sync.toml"
MOST_LATENCY_NS = 2_000_000_000


class StreamLatency(Strict):
    """One stream's constant.

    Attributes:
        key: `group/name`.
        latency_ns: how late its stamps are; taken off them.
        spread_ns: standard deviation of one motion.
        low_ns, high_ns: 95 % interval of the constant.
        motions: it was measured on.
        measured: date and time, UTC, ISO 8601.
    """

    key: str
    latency_ns: int = Field(ge=-MOST_LATENCY_NS, le=MOST_LATENCY_NS)
    spread_ns: int = Field(ge=0)
    low_ns: int
    high_ns: int
    motions: int = Field(ge=0)
    measured: datetime


class LatencyTable(Strict):
    """The file.

    Attributes:
        reference: stream whose own latency is taken as 0.
        bench: what moved.
        answer: of the gate, with the constants applied to motions they were not made from.
        stream: one entry per stream.
    """

    format: str = Field(default="understudy-sync", pattern="^understudy-sync$")
    format_version: int = Field(default=1, ge=1, le=1)
    reference: str
    bench: str
    answer: str
    stream: tuple[StreamLatency, ...] = ()

    def latencies_ns(self) -> dict[str, int]:
        """Key to constant."""
        return {entry.key: entry.latency_ns for entry in self.stream}


def read_latencies(path: Path) -> LatencyTable:
    """The constants in a file.

    Raises:
        SyncError: it is no such file, with the line or field.
    """
    try:
        table = LatencyTable.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SyncError(f"{path}: not valid TOML: {error}; restore it, or calibrate again") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SyncError(f"{path}: {place}: {first['msg']}; restore it, or calibrate again") from None
    keys = [entry.key for entry in table.stream]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise SyncError(f"{path}: {', '.join(twice)} stands there twice; take one out")
    return table


def latencies_of(root: Path) -> Mapping[str, int]:
    """Stream key to the constant to take off its stamps, ns; empty for a dataset that was never calibrated.

    Raises:
        SyncError: its sync.toml cannot be read.
    """
    path = root / SYNC_FILE
    return read_latencies(path).latencies_ns() if path.is_file() else {}


def updated(old: LatencyTable | None, verdict: SyncVerdict, *, bench: str, answer: str, when: datetime) -> LatencyTable:
    """The table after a calibration: new constants for the streams that showed the motions, the old ones for the rest.

    Args:
        old: what was there.
        verdict: of stamps from which no constant was taken off.
        bench: its name. answer: of the check with the constants. when: UTC.
    """
    fresh = {
        s.key: StreamLatency(
            key=s.key, latency_ns=s.offset_ns, spread_ns=s.spread_ns, low_ns=s.low_ns, high_ns=s.high_ns, motions=s.motions,
            measured=when,
        )
        for s in verdict.streams
    }  # fmt: skip
    kept = {e.key: e for e in old.stream if e.key != verdict.reference} if old and old.reference == verdict.reference else {}
    merged = {**kept, **fresh}
    return LatencyTable(
        reference=verdict.reference, bench=bench, answer=answer, stream=tuple(merged[key] for key in sorted(merged))
    )


def write_latencies(path: Path, table: LatencyTable) -> None:
    """Write the file, whole or not at all.

    Raises:
        StorageError: the disk refused.
    """
    write_text(path, latencies_toml(table))


def latencies_toml(table: LatencyTable) -> str:
    """The table as TOML."""
    lines = [
        "# How late the stamps of each stream are, from `understudy sync calibrate`. The recorder takes latency_ns off t_ns;",
        "# raw stamps stay in the episode, so `understudy sync realign` can apply other constants later.",
        *(f"{name} = {_toml(getattr(table, name))}" for name in ("format", "format_version", "reference", "bench", "answer")),
    ]
    for entry in table.stream:
        lines += ["", "[[stream]]", *(f"{name} = {_toml(getattr(entry, name))}" for name in StreamLatency.model_fields)]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, int):
        return str(value)
    import json

    return json.dumps(str(value), ensure_ascii=False)
