"""The host's clock as a recording should know it: where its monotonic time lies on the wall clock, and who keeps that right."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

NtpState = Literal["synchronized", "unsynchronized", "unknown"]
_TRIES = 9


@dataclass(frozen=True)
class HostClockState:
    """What is known of this computer's clock.

    Attributes:
        monotonic_ns: a moment on the monotonic clock, which all stamps are on.
        wall_ns: the same moment in nanoseconds since 1970, UTC.
        anchor_bound_ns: the two were read at most this far apart.
        ntp: whether a time service says that it keeps the wall clock right; `unknown` where none answers.
        ntp_source: which service said so; empty where none did.
        ntp_offset_s: how far the wall clock is off by its estimate; None where it does not tell.
        ptp_devices: hardware clocks of network cards, `/dev/ptp0 (name)`; there or not says nothing about their use.
    """

    monotonic_ns: int
    wall_ns: int
    anchor_bound_ns: int
    ntp: NtpState
    ntp_source: str
    ntp_offset_s: float | None
    ptp_devices: tuple[str, ...]


def host_clock_state() -> HostClockState:
    """Read it now; asks the time services of this computer, none outside."""
    monotonic_ns, wall_ns, bound_ns = wall_anchor()
    ntp, source, offset_s = _ntp()
    return HostClockState(
        monotonic_ns, wall_ns, bound_ns, ntp, source, offset_s, ptp_devices(Path("/dev"), Path("/sys/class/ptp"))
    )


def host_clock_json(state: HostClockState) -> str:
    """One line for an episode's metadata, `record_host_clock`."""
    return json.dumps(asdict(state))


def wall_anchor() -> tuple[int, int, int]:
    """Monotonic and wall time of one moment, and how far apart they were read; the closest of a few tries."""
    best = (0, 0, 1 << 62)
    for _ in range(_TRIES):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        if after - before < best[2]:
            best = ((before + after) // 2, wall, after - before)
    return best


def parse_chrony(text: str) -> tuple[NtpState, float | None]:
    """State and offset in seconds from `chronyc -c tracking`: comma-separated, the offset fifth, the leap status last."""
    fields = text.strip().split(",")
    if len(fields) < 14:
        return "unknown", None
    try:
        offset_s = float(fields[4])
    except ValueError:
        return "unknown", None
    return ("unsynchronized" if fields[-1] == "Not synchronised" else "synchronized"), offset_s


def parse_timedatectl(text: str) -> NtpState:
    """State from `timedatectl show`."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    said = values.get("NTPSynchronized", "")
    return "synchronized" if said == "yes" else "unsynchronized" if said == "no" else "unknown"


def ptp_devices(dev: Path, sys_class: Path) -> tuple[str, ...]:
    """Hardware clocks by name.

    Args:
        dev: folder of devices. sys_class: folder with their names.
    """
    found = []
    for device in sorted(dev.glob("ptp[0-9]*")):
        name = sys_class / device.name / "clock_name"
        try:
            found.append(f"{device} ({name.read_text(encoding='ascii', errors='replace').strip()})")
        except OSError:
            found.append(str(device))
    return tuple(found)


def _ntp() -> tuple[NtpState, str, float | None]:
    state, offset_s = parse_chrony(_answer("chronyc", "-c", "tracking"))
    if state != "unknown":
        return state, "chrony", offset_s
    state = parse_timedatectl(_answer("timedatectl", "show", "-p", "NTPSynchronized"))
    return state, "" if state == "unknown" else "timedatectl", None


def _answer(program: str, *args: str) -> str:
    """What a program prints; empty where it is not there, fails or takes over a second."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        ran = subprocess.run([path, *args], capture_output=True, text=True, timeout=1.0, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""
