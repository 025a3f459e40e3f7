"""`sync.toml`: written, read, merged, and refused where it is damaged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from understudy.errors import SyncError
from understudy.pipeline.sync_file import (
    LatencyTable,
    StreamLatency,
    latencies_of,
    latencies_toml,
    read_latencies,
    updated,
    write_latencies,
)
from understudy.sync.verdict import StreamSync, SyncVerdict

THEN, NOW = datetime(2026, 1, 2, 10, tzinfo=UTC), datetime(2026, 3, 4, 11, tzinfo=UTC)


def verdict(**late_ns: int) -> SyncVerdict:
    streams = tuple(StreamSync(f"observations/{k}", 20, v, 300_000, v - 9, v + 9) for k, v in late_ns.items())
    return SyncVerdict("pass", "observations/joint_positions", 0, 0, 0, 5_000_000, streams, 0, "fine")


def table() -> LatencyTable:
    return updated(None, verdict(imu_torso=-2_000_000, head_left=27_000_000), bench="block", answer="pass", when=THEN)


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "sync.toml"
    write_latencies(path, table())
    assert read_latencies(path) == table()
    assert latencies_of(tmp_path) == {"observations/head_left": 27_000_000, "observations/imu_torso": -2_000_000}
    assert latencies_of(tmp_path / "elsewhere") == {}


def test_a_stream_that_was_not_seen_keeps_its_constant_and_its_day() -> None:
    again = updated(table(), verdict(head_left=31_000_000), bench="block", answer="pass", when=NOW)
    assert {(e.key.split("/")[1], e.latency_ns, e.measured) for e in again.stream} == {
        ("head_left", 31_000_000, NOW),
        ("imu_torso", -2_000_000, THEN),
    }


def test_constants_against_another_reference_are_dropped() -> None:
    other = verdict(head_left=5)
    moved = SyncVerdict(other.answer, "debug/markers", 0, 0, 0, 5, other.streams, 0, "")
    assert [e.key for e in updated(table(), moved, bench="b", answer="pass", when=NOW).stream] == ["observations/head_left"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("latency_ns = 27000000", "latency_ns = 27.5"), "latency_ns"),
        (("latency_ns = 27000000", "latency_ns = 27000000000000"), "latency_ns"),
        (("understudy-sync", "understudy-sink"), "format"),
        (("[[stream]]", "[[stram]]"), "stram"),
        (("[[stream]]", "[[stream"), "not valid TOML"),
        (("head_left", "imu_torso"), "twice"),
        (("format_version = 1", "format_version = 2"), "format_version"),
    ],
)
def test_what_is_damaged_is_refused_by_name(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "sync.toml"
    path.write_text(latencies_toml(table()).replace(*change), encoding="utf-8")
    with pytest.raises(SyncError, match=rf"sync\.toml.*{said}"):
        read_latencies(path)


def test_a_name_with_quotes_survives(tmp_path: Path) -> None:
    entry = StreamLatency(key='a"b\\c', latency_ns=1, spread_ns=0, low_ns=0, high_ns=2, motions=5, measured=NOW)
    path = tmp_path / "sync.toml"
    write_latencies(path, LatencyTable(reference="r", bench="ä", answer="pass", stream=(entry,)))
    assert read_latencies(path).stream[0] == entry
