"""A device's clock from exchanges with it: every exchange fences the offset in, and all fences together leave a narrow lane.

The device answers between question and reply, so host minus device lies between `send - device` and `receive - device`,
whatever the link does. Under the receive times the line of least delay is laid, over the send times its mirror image, and the
clock is the line midway. What is left is half of what the two least delays differ by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64, Bool
from understudy.spec.clock import MOST_DRIFT_PPM, MOST_NS, ClockModel, ClockPiece, DeviceClock
from understudy.spec.sample import ClockPing
from understudy.sync.envelope import Line, line_under
from understudy.sync.steps import STEP_NS, lone, spaced, step_places

LEAST_PINGS = 8
MOST_BAD = 0.2
"""Share of exchanges that may be senseless before the device, not the link, is at fault."""
ALARM_NS = 2_000_000
_PROOF_NS = 50_000
_WINDOWS = 12


@dataclass(frozen=True)
class Exchanges:
    """Exchanges in the order of time.

    Attributes:
        send_ns, device_ns, receive_ns: (N,) as in `ClockPing`.
    """

    send_ns: I64
    device_ns: I64
    receive_ns: I64

    def __len__(self) -> int:
        return len(self.send_ns)

    def only(self, kept: Bool) -> Exchanges:
        """Those that are `kept`."""
        return Exchanges(self.send_ns[kept], self.device_ns[kept], self.receive_ns[kept])

    def part(self, start: int, stop: int) -> Exchanges:
        """Those from `start` to before `stop`."""
        return Exchanges(self.send_ns[start:stop], self.device_ns[start:stop], self.receive_ns[start:stop])

    @property
    def rtt_ns(self) -> I64:
        """(N,) question to reply."""
        return self.receive_ns - self.send_ns


def fit_pings(pings: Sequence[ClockPing], *, source: str, latency_ns: int = 0) -> ClockModel:
    """The clock that a set of exchanges tells, for a device whose clock was not set meanwhile.

    Args:
        pings: at least `LEAST_PINGS` exchanges, in any order; over the whole stretch the model is for.
        source: name of the device.
        latency_ns: from calibration, kept in the model.

    Raises:
        SyncError: too few or senseless exchanges; the device's clock stepped by over 1 ms (the message says when and by how
            much; `fit_ping_pieces` splits there); it runs over 1000 ppm off.
    """
    clock = fit_ping_pieces(pings, source=source, latency_ns=latency_ns)
    if len(clock.pieces) > 1:
        raise SyncError(
            f"clock of {source!r}: {said_steps(clock)}. One line cannot describe it: fit it in pieces, "
            "or keep the device's time service from setting its clock during a take"
        )
    return clock.pieces[0].model


def fit_ping_pieces(pings: Sequence[ClockPing], *, source: str, latency_ns: int = 0) -> DeviceClock:
    """The clock in pieces, one between each two steps; a single one where the clock was never set.

    Raises:
        SyncError: as `fit_pings`, but not for steps.
    """
    table = _exchanges(pings, source)
    mid = _middle_ns(table)
    spread = np.maximum(table.rtt_ns / 2.0, 1.0)
    table = _agreeing(table, ~lone(mid, spread), source)
    t = (table.send_ns - table.send_ns[0]).astype(np.float64)
    base = table.receive_ns[0] - table.device_ns[0]
    places = step_places(t, (table.send_ns - table.device_ns - base) * 1.0, (table.receive_ns - table.device_ns - base) * 1.0)
    bounds = spaced(places, len(table), least=LEAST_PINGS)
    pieces: list[ClockPiece] = []
    begun = 0
    for a, b in zip(bounds, bounds[1:], strict=False):
        if pieces and _fits_one_line(table.part(begun, b)):
            start, a = pieces.pop().from_ns, begun
        else:
            start = -MOST_NS if a == 0 else int((table.receive_ns[a - 1] + table.send_ns[a]) // 2)
        pieces.append(ClockPiece(start, _fit(table.part(a, b), source, latency_ns)))
        begun = a
    return DeviceClock(source, tuple(pieces))


def _fits_one_line(table: Exchanges) -> bool:
    """Whether a single line passes between all fences: a step that noise suggested is then none that can be proved.

    Where it was one after all, it is smaller than the lane is wide and lies within the bound.
    """
    x, above, below, _, _ = _fences(table)
    at = _midway(x, above, below).at(x)
    return max(float((below - at).max()), float((at - above).max())) < _PROOF_NS


def said_steps(clock: DeviceClock) -> str:
    """When and by how much a clock was set, for a message; empty where it was not."""
    said = []
    for before, after in zip(clock.pieces, clock.pieces[1:], strict=False):
        a, b = before.model, after.model
        drifted = a.drift_ppm * 1e-6 * (b.t_ref_ns - a.t_ref_ns)
        size_ms = -(b.offset_ns - a.offset_ns - drifted) * 1e-6
        said.append(f"it stepped by {size_ms:+.3f} ms at host time {after.from_ns} ns")
    return ", ".join(said)


def clock_alarms(clock: DeviceClock) -> tuple[str, ...]:
    """What an operator should hear about a clock: a bound over 2 ms, a step over 1 ms; empty when all is well."""
    alarms = [
        f"clock of {clock.device!r} is only known to {p.model.bound_ns * 1e-6:.2f} ms (2 ms allowed): use a wire, or calibrate"
        for p in clock.pieces
        if p.model.bound_ns > ALARM_NS
    ]
    if steps := said_steps(clock):
        alarms.append(f"clock of {clock.device!r}: {steps}; stop what sets it")
    return tuple(alarms)


def _exchanges(pings: Sequence[ClockPing], source: str) -> Exchanges:
    """Exchanges sorted by time, without the senseless ones."""
    rows = [(p.t_send_ns, p.t_device_ns, p.t_receive_ns) for p in pings]
    good = [r for r in rows if all(abs(v) < MOST_NS for v in r) and r[2] >= r[0]]
    if len(rows) < LEAST_PINGS or len(good) < LEAST_PINGS:
        raise SyncError(f"clock of {source!r}: {len(good)} usable exchanges of {len(rows)}; at least {LEAST_PINGS} are needed")
    if len(rows) - len(good) > MOST_BAD * len(rows):
        raise SyncError(
            f"clock of {source!r}: {len(rows) - len(good)} of {len(rows)} exchanges have a reply before their question or a "
            "stamp out of all range; the device or its driver is at fault"
        )
    table = np.array(sorted(good), dtype=np.int64)
    return Exchanges(table[:, 0], table[:, 1], table[:, 2])


def _agreeing(table: Exchanges, kept: Bool, source: str) -> Exchanges:
    if kept.sum() < max(LEAST_PINGS, (1.0 - MOST_BAD) * len(table)):
        raise SyncError(
            f"clock of {source!r}: only {int(kept.sum())} of {len(table)} exchanges agree with those around them; "
            "it jumps about, or answers with something that is no clock"
        )
    return table.only(kept)


def _middle_ns(table: Exchanges) -> F64:
    """(N,) host minus device at the middle of each exchange, from that of the first."""
    middle = table.send_ns - table.device_ns + table.rtt_ns // 2
    return np.asarray((middle - middle[0]).astype(np.float64))


def _fences(table: Exchanges) -> tuple[F64, F64, F64, int, int]:
    """Device time, upper and lower fence of host minus device, each from the first; and those first two values."""
    order = np.argsort(table.device_ns, kind="stable")
    first = int(table.device_ns[order[0]])
    base = int(table.receive_ns[order[0]]) - first
    x = (table.device_ns[order] - first).astype(np.float64)
    above = (table.receive_ns - table.device_ns - base)[order].astype(np.float64)
    below = (table.send_ns - table.device_ns - base)[order].astype(np.float64)
    return x, above, below, first, base


def _fit(table: Exchanges, source: str, latency_ns: int) -> ClockModel:
    table = _agreeing(table, ~lone(_middle_ns(table), np.maximum(table.rtt_ns / 2.0, 1.0)), source)
    x, above, below, first, base = _fences(table)
    line = _midway(x, above, below)
    bound, slope_off = _bound(x, above, below, line)
    if abs(line.slope) > MOST_DRIFT_PPM * 1e-6 and slope_off > abs(line.slope):
        line = Line(0.5 * (float(above.min()) + float(below.max())), 0.0, line.x_ref)  # too short a stretch to tell a rate
        bound, _ = _bound(x, above, below, line)
    drift_ppm = line.slope * 1e6
    if abs(drift_ppm) > MOST_DRIFT_PPM:
        raise SyncError(
            f"clock of {source!r}: it runs {drift_ppm:.0f} ppm off the host's (at most {MOST_DRIFT_PPM:g} is a clock); "
            "does it count in nanoseconds?"
        )
    at = round(line.x_ref)
    offset = base + round(float(line.at(np.array([float(at)]))[0]))
    return ClockModel(source, "ping", offset, drift_ppm, first + at, round(bound), len(table), latency_ns)


def _midway(x: F64, above: F64, below: F64) -> Line:
    under, over = line_under(x, above), line_under(x, -below)
    return Line((under.level - over.level) / 2.0, (under.slope - over.slope) / 2.0, under.x_ref)


def _bound(x: F64, above: F64, below: F64, line: Line) -> tuple[float, float]:
    """How far off the line can be anywhere on the stretch, ns, and its slope.

    At an exchange the truth lies between the fences, so the line is off by at most its distance to the farther one. Error of a
    line is a line: it is largest at an end, so the best exchange of each of a few windows bounds all that lies between them.
    """
    at = line.at(x)
    off = np.maximum(above - at, at - below)
    edges = np.unique(np.linspace(0, len(x), min(_WINDOWS, max(2, len(x) // 4)) + 1).astype(np.intp))
    best = [int(a + np.argmin(off[a:b])) for a, b in zip(edges, edges[1:], strict=False)]
    first, last = best[0], best[-1]
    reach = max(float(x[last] - x[first]), 1.0)
    slope_off = float(off[first] + off[last]) / reach
    outside = max(float(x[first] - x[0]), float(x[-1] - x[last]), 0.0)
    broken = max(0.0, float((below - at).max()), float((at - above).max()))
    return float(off[best].max()) + slope_off * outside + broken, slope_off


__all__ = ["ALARM_NS", "LEAST_PINGS", "STEP_NS", "Exchanges", "clock_alarms", "fit_ping_pieces", "fit_pings", "said_steps"]
