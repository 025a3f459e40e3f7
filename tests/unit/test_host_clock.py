"""What is known of the host's own clock, and that nothing is claimed that nobody said."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from understudy.pipeline.sync_host import (
    host_clock_json,
    host_clock_state,
    parse_chrony,
    parse_timedatectl,
    ptp_devices,
    wall_anchor,
)

CHRONY = "A29FC801,ntp.example,3,1767348905.1,-0.000012345,0.000002,0.0001,-12.3,0.001,0.02,0.001,0.0005,64.2,Normal\n"


def test_the_anchor_is_of_one_moment() -> None:
    before = time.monotonic_ns(), time.time_ns()
    monotonic_ns, wall_ns, bound_ns = wall_anchor()
    after = time.monotonic_ns(), time.time_ns()
    assert before[0] <= monotonic_ns <= after[0]
    assert before[1] <= wall_ns <= after[1]
    assert 0 <= bound_ns <= after[0] - before[0]


def test_chrony_says_state_and_offset() -> None:
    state, offset_s = parse_chrony(CHRONY)
    assert state == "synchronized"
    assert offset_s == pytest.approx(-1.2345e-5)
    assert parse_chrony(CHRONY.replace("Normal", "Not synchronised"))[0] == "unsynchronized"
    for nonsense in ("", "506 Cannot talk to daemon\n", ",".join("x" * 14)):
        assert parse_chrony(nonsense) == ("unknown", None)


def test_timedatectl_says_state() -> None:
    assert parse_timedatectl("NTPSynchronized=yes\n") == "synchronized"
    assert parse_timedatectl("NTPSynchronized=no\n") == "unsynchronized"
    assert parse_timedatectl("") == parse_timedatectl("NTP=maybe") == "unknown"


def test_hardware_clocks_by_name(tmp_path: Path) -> None:
    dev, names = tmp_path / "dev", tmp_path / "class"
    (names / "ptp0").mkdir(parents=True)
    dev.mkdir()
    (names / "ptp0" / "clock_name").write_text("igb\n", encoding="ascii")
    for device in ("ptp0", "ptp1", "ptp_kvm"):
        (dev / device).touch()
    assert ptp_devices(dev, names) == (f"{dev}/ptp0 (igb)", f"{dev}/ptp1")


def test_where_nobody_answers_the_state_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    state = host_clock_state()
    assert (state.ntp, state.ntp_source, state.ntp_offset_s) == ("unknown", "", None)
    assert json.loads(host_clock_json(state))["ntp"] == "unknown"


def test_a_service_that_hangs_or_fails_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "chronyc"
    program.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program) if name == "chronyc" else None)
    assert host_clock_state().ntp == "unknown"
    program.write_text(f"#!/bin/sh\nprintf '{CHRONY.strip()}'\n", encoding="ascii")
    assert host_clock_state().ntp_source == "chrony"
