"""How a device's clock lies to the host's, exact to the nanosecond, and the text that keeps it in an episode."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from typing import get_args

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import I64
from understudy.spec.device import ClockKind
from understudy.spec.sample import NO_STAMP

MOST_DRIFT_PPM = 1000.0
"""A quartz is within 100 ppm; what is over this is no clock, or counts in another unit."""
MOST_NS = 2**62
"""Stamps beyond are no stamps; their differences would not fit int64."""
_NS_PER_S = 1_000_000_000
_ROUNDS = 8


@dataclass(frozen=True)
class ClockModel:
    """A device's clock on the host's, as a line.

    host = device + offset_ns + drift_ppm * 1e-6 * (device - t_ref_ns) - latency_ns

    Attributes:
        source: name of the device.
        kind: how it was found: `host` (the host's own clock), `ping` or `push`.
        offset_ns: host minus device at `t_ref_ns`.
        drift_ppm: host nanoseconds gained per million device nanoseconds.
        t_ref_ns: on the device's clock, where `offset_ns` holds.
        bound_ns: the host time it gives is at most this far off; for `push` seen from the least delay, which nobody can know.
        n: exchanges or stamps it was fitted to.
        latency_ns: from the event to the device's stamp, from calibration; 0 where it is not known.
    """

    source: str
    kind: ClockKind
    offset_ns: int
    drift_ppm: float
    t_ref_ns: int
    bound_ns: int
    n: int
    latency_ns: int = 0

    def __post_init__(self) -> None:
        where = f"clock of {self.source!r}"
        if self.kind not in get_args(ClockKind):
            raise SyncError(f"{where}: kind is {self.kind!r}; host, ping and push are known")
        for name in ("offset_ns", "t_ref_ns", "bound_ns", "n", "latency_ns"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_NS:
                raise SyncError(f"{where}: {name} is {value!r}; a whole number within {MOST_NS} is needed")
        if self.bound_ns < 0 or self.n < 0:
            raise SyncError(f"{where}: bound_ns is {self.bound_ns} and n is {self.n}; neither can be negative")
        if not isinstance(self.drift_ppm, int | float) or not abs(self.drift_ppm) <= MOST_DRIFT_PPM:
            raise SyncError(
                f"{where}: drift_ppm is {self.drift_ppm!r}; at most {MOST_DRIFT_PPM:g} is a clock. Does it count in nanoseconds?"
            )


def host_clock(source: str) -> ClockModel:
    """The clock of a device whose stamps are the host's already."""
    return ClockModel(source, "host", 0, 0.0, 0, 0, 0)


def to_host_ns(model: ClockModel, t_device_ns: I64) -> I64:
    """(N,) host stamps of device stamps, rounded to the nanosecond and exact before that.

    A stamp of 1e18 ns has no float64 to the nanosecond, so whole seconds and the rest are turned apart, and of the drift the
    whole nanoseconds per second in integers.

    Args:
        model: of the device.
        t_device_ns: (N,) int64 device stamps.

    Raises:
        SyncError: a stamp is missing, or so large that the sum has no int64.
    """
    device = checked_stamps(t_device_ns, f"clock of {model.source!r}")
    per_s = Fraction(model.drift_ppm) * 1000
    whole = round(per_s)
    rest = float(per_s - whole)
    since = device - model.t_ref_ns
    seconds, ns = np.divmod(since, _NS_PER_S)
    drift = seconds * whole + np.rint(seconds * rest + ns * (model.drift_ppm * 1e-6)).astype(np.int64)
    shift = model.offset_ns - model.latency_ns
    if len(device) and (abs(int(np.abs(drift).max())) + abs(shift) + int(np.abs(device).max())) > MOST_NS * 2 - 1:
        raise SyncError(f"clock of {model.source!r}: device stamps and offset together have no int64; check both")
    return np.asarray(device + drift + shift)


def to_device_ns(model: ClockModel, t_host_ns: I64) -> I64:
    """(N,) device stamps of host stamps: what `to_host_ns` turns into them, give or take a nanosecond.

    Raises:
        SyncError: a stamp is missing, or so large that the difference has no int64.
    """
    host = checked_stamps(t_host_ns, f"clock of {model.source!r}")
    device = host - (model.offset_ns - model.latency_ns)
    for _ in range(_ROUNDS):  # each makes the error smaller by the drift, a thousandth at most
        off = host - to_host_ns(model, checked_stamps(device, f"clock of {model.source!r}, device"))
        device = device + off
        if not off.any():
            break
    return np.asarray(device)


def checked_stamps(t_ns: I64, where: str) -> I64:
    """The stamps, if they are int64 (N,), all there, and within `MOST_NS`.

    Raises:
        SyncError: they are not, with the first that is wrong.
    """
    stamps = np.asarray(t_ns)
    if stamps.ndim != 1 or stamps.dtype != np.int64:
        raise SyncError(f"{where}: stamps are {stamps.dtype} {stamps.shape}; int64 (N,) nanoseconds are needed")
    wrong = np.flatnonzero((stamps > MOST_NS) | (stamps < -MOST_NS) | (stamps == NO_STAMP))
    if len(wrong):
        step = int(wrong[0])
        raise SyncError(f"{where}: stamp {step} is {stamps[step]}, which is none ({len(wrong)} such); leave these samples out")
    return stamps


@dataclass(frozen=True)
class ClockPiece:
    """A clock model and from when on it holds: a device whose clock was set has one before and one after.

    Attributes:
        from_ns: host's clock at arrival; the piece holds from here to the next one's.
        model: of this stretch.
    """

    from_ns: int
    model: ClockModel


@dataclass(frozen=True)
class DeviceClock:
    """Everything that is known of one device's clock in a recording.

    Attributes:
        device: its name.
        pieces: in the order of time, at least one; the first holds before its `from_ns` too.
        streams: `group/name` of the streams stamped by it; empty where that is not known.
    """

    device: str
    pieces: tuple[ClockPiece, ...]
    streams: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        starts = [piece.from_ns for piece in self.pieces]
        if not starts or any(b <= a for a, b in zip(starts, starts[1:], strict=False)):
            raise SyncError(f"clock of {self.device!r}: pieces must be there and begin one after the other, not at {starts}")

    @classmethod
    def of(cls, model: ClockModel, streams: tuple[str, ...] = ()) -> DeviceClock:
        """A clock that was never set."""
        return cls(model.source, (ClockPiece(-MOST_NS, model),), streams)

    def to_host_ns(self, t_device_ns: I64, t_arrival_ns: I64) -> I64:
        """(N,) host stamps.

        Args:
            t_device_ns: (N,) device stamps.
            t_arrival_ns: (N,) host stamps of arrival; they say which piece a sample belongs to, for the device's own stamps
                can occur twice.

        Raises:
            SyncError: a stamp is missing or too large, or the two columns differ in length.
        """
        device = checked_stamps(t_device_ns, f"clock of {self.device!r}")
        if len(self.pieces) == 1:
            return to_host_ns(self.pieces[0].model, device)
        arrival = checked_stamps(t_arrival_ns, f"clock of {self.device!r}, arrival")
        if device.shape != arrival.shape:
            raise SyncError(f"clock of {self.device!r}: {len(device)} device stamps and {len(arrival)} of arrival")
        out = np.empty_like(device)
        for k, part in enumerate(self.pieces):
            held = self._piece(arrival) == k
            out[held] = to_host_ns(part.model, device[held])
        return out

    def to_device_ns(self, t_host_ns: I64) -> I64:
        """(N,) device stamps of host stamps.

        Raises:
            SyncError: a stamp is missing or too large.
        """
        host = checked_stamps(t_host_ns, f"clock of {self.device!r}")
        out = np.empty_like(host)
        for k, part in enumerate(self.pieces):
            held = self._piece(host) == k
            out[held] = to_device_ns(part.model, host[held])
        return out

    def _piece(self, host_ns: I64) -> I64:
        starts = np.array([p.from_ns for p in self.pieces], dtype=np.int64)
        return np.maximum(np.searchsorted(starts, host_ns, side="right") - 1, 0)

    def with_latency(self, latency_ns: int) -> DeviceClock:
        """The same clock with another latency in every piece."""
        pieces = tuple(replace(p, model=replace(p.model, latency_ns=latency_ns)) for p in self.pieces)
        return replace(self, pieces=pieces)


def clock_json(clock: DeviceClock | ClockModel) -> str:
    """A clock as one line of JSON, as it stands in an episode's metadata under `record_clock_<device>`."""
    if isinstance(clock, ClockModel):
        return json.dumps(asdict(clock))
    if len(clock.pieces) == 1 and clock.pieces[0].from_ns == -MOST_NS and not clock.streams:
        return json.dumps(asdict(clock.pieces[0].model))
    pieces = [{"from_ns": p.from_ns, **asdict(p.model)} for p in clock.pieces]
    return json.dumps({"device": clock.device, "streams": list(clock.streams), "pieces": pieces})


def clock_from_json(text: str, *, where: str) -> DeviceClock:
    """The clock in a text that `clock_json` made: one model, or a device with its pieces.

    Args:
        text: JSON.
        where: named in messages, such as `walk_01.h5: metadata record_clock_robot`.

    Raises:
        SyncError: it is no JSON, or no clock.
    """
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SyncError(f"{where}: not a clock in JSON: {error}") from None
    if not isinstance(found, dict):
        raise SyncError(f"{where}: a {type(found).__name__} is no clock; an object is needed")
    if "pieces" not in found:
        return DeviceClock.of(_model(found, where))
    _only(found, {"device", "streams", "pieces"}, where)
    pieces, streams, device = found["pieces"], found.get("streams", []), found.get("device")
    if not (isinstance(pieces, list) and all(isinstance(p, dict) for p in pieces) and isinstance(device, str)):
        raise SyncError(f"{where}: device must be a name and pieces a list of objects")
    if not (isinstance(streams, list) and all(isinstance(s, str) for s in streams)):
        raise SyncError(f"{where}: streams must be a list of names")
    parts = tuple(ClockPiece(_whole(p.get("from_ns"), where), _model({**p, "from_ns": None}, where)) for p in pieces)
    return DeviceClock(device, parts, tuple(streams))


def _model(found: dict[str, object], where: str) -> ClockModel:
    values = {name: value for name, value in found.items() if not (name == "from_ns" and value is None)}
    known = {f.name for f in fields(ClockModel)}
    _only(values, known, where)
    missing = known - set(values) - {"latency_ns"}
    if missing:
        raise SyncError(f"{where}: a clock without {', '.join(sorted(missing))}")
    source, kind, drift = values["source"], values["kind"], values["drift_ppm"]
    if not isinstance(source, str) or isinstance(drift, bool) or not isinstance(drift, int | float) or not math.isfinite(drift):
        raise SyncError(f"{where}: source must be a name and drift_ppm a number, not {source!r} and {drift!r}")
    if not (kind == "host" or kind == "ping" or kind == "push"):
        raise SyncError(f"{where}: kind is {kind!r}; host, ping and push are known")
    whole = {name: _whole(values.get(name, 0), where) for name in ("offset_ns", "t_ref_ns", "bound_ns", "n", "latency_ns")}
    return ClockModel(source=source, kind=kind, drift_ppm=float(drift), **whole)


def _only(found: dict[str, object], known: set[str], where: str) -> None:
    unknown = sorted(set(found) - known)
    if unknown:
        raise SyncError(f"{where}: {', '.join(unknown)} is no part of a clock; known: {', '.join(sorted(known))}")


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_NS:
        raise SyncError(f"{where}: {value!r} is no count of nanoseconds")
    return value
