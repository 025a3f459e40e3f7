"""Opens another device and makes it worse: late, lossy, with a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from fnmatch import fnmatchcase

from understudy import plugins
from understudy.devices._clocks import Clocked
from understudy.devices._faults import ClockFault, StreamFault
from understudy.devices._imperfect import Imperfect
from understudy.devices._settings import Settings, Value
from understudy.errors import DeviceError
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema

__all__ = ["PLUGIN", "ClockFault", "Imperfect", "StreamFault", "worsened"]

_STREAM_FIELDS = tuple(f.name for f in fields(StreamFault))
_CLOCK_FIELDS = tuple(f.name for f in fields(ClockFault))


class ImperfectFactory:
    """`of` names the device (default `sim`); its own settings are given beside it, faults as `PATTERN.FAULT`.

    `observations/imu_*.latency_s=0.01` makes IMUs late, `*.drop=0.05` loses one sample in twenty, `clock.kind=ping` and
    `clock.drift_ppm=50` give every device a clock of its own. `seed` chooses the lots.
    """

    title = "another device, made worse on purpose"

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """The devices of `of`, wrapped.

        Raises:
            DeviceError: a fault is not known, out of range, or fits no stream.
            UnknownNameError: there is no such device.
        """
        settings = Settings("imperfect", config)
        kind = settings.text("of", "sim")
        seed = settings.count("seed", 0, low=0, high=2**31)
        if kind == "imperfect":
            raise DeviceError("device imperfect: of=imperfect; only a device that is none can be made worse")
        given = settings.rest()
        faults = {key: value for key, value in given.items() if "." in key}
        factory: DeviceFactory = plugins.load("devices", kind)  # type: ignore[assignment]
        devices = factory.open({key: value for key, value in given.items() if key not in faults}, robot, schema)
        return worsened(devices, faults, seed=seed)


def worsened(devices: Sequence[Device], faults: Mapping[str, Value], *, seed: int) -> list[Imperfect]:
    """Devices with faults, each with lots of its own.

    Args:
        devices: not started.
        faults: `PATTERN.FAULT` or `clock.FAULT` to its value.
        seed: of the lots.

    Raises:
        DeviceError: a fault is not known, out of range, or fits no stream.
    """
    streams, clock = _stream_faults(faults), _clock_fault(faults)
    keys = [spec.key for device in devices for spec in device.streams]
    for pattern in streams:
        if not any(fnmatchcase(key, pattern) for key in keys):
            raise DeviceError(f"device imperfect: no stream fits {pattern!r}; there are {', '.join(keys)}")
    return [
        Imperfect(
            device,
            {p: fault for p, fault in streams.items() if any(fnmatchcase(spec.key, p) for spec in device.streams)},
            clock_fault=clock,
            seed=seed + k,
            clock=device.time if isinstance(device, Clocked) else None,
        )
        for k, device in enumerate(devices)
    ]


def _stream_faults(given: Mapping[str, Value]) -> dict[str, StreamFault]:
    patterns: dict[str, dict[str, Value]] = {}
    for key, value in given.items():
        pattern, _, name = key.rpartition(".")
        if pattern != "clock":
            patterns.setdefault(pattern, {})[name] = value
    out = {}
    for pattern, values in patterns.items():
        settings = Settings(f"imperfect, {pattern}", values)
        silent = settings.spans("silent")
        numbers = {name: settings.number(name, 0.0, low=-1e9, high=1e9) for name in _STREAM_FIELDS if name != "silent"}
        settings.close()
        out[pattern] = StreamFault(**numbers, silent=silent)
    return out


def _clock_fault(given: Mapping[str, Value]) -> ClockFault:
    settings = Settings("imperfect, clock", {k.removeprefix("clock."): v for k, v in given.items() if k.startswith("clock.")})
    kind = settings.text("kind", "host", ("host", "ping", "push"))
    steps, own = settings.spans("steps"), ClockFault()
    numbers = {
        name: settings.number(name, float(getattr(own, name)), low=-1e10, high=1e10)
        for name in _CLOCK_FIELDS
        if name not in ("kind", "steps")
    }
    settings.close()
    return ClockFault(kind="ping" if kind == "ping" else "push" if kind == "push" else "host", steps=steps, **numbers)


PLUGIN: DeviceFactory = ImperfectFactory()
