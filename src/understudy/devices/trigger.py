"""Opens a trigger: pulses on a GPIO line or on the RTS pin of a serial port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.devices._settings import Settings
from understudy.errors import DeviceError, UnknownNameError
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class TriggerFactory:
    """Settings: `rate_hz` (30), `pulse_s` (0.001), `name`, and either `chip` and `line`, or `serial` (a port) and `inverted`."""

    title = "camera trigger on a GPIO line or a serial port's RTS"

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """One trigger; its line is taken at once, and low.

        Raises:
            DeviceError: no line is named, it cannot be had, or the schema lacks the stream of edges.
            MissingDependencyError: the library of the line is not installed.
        """
        from understudy.devices.pulses import GpioLine, Line, SerialRtsLine, TriggerDevice
        from understudy.devices.pulses.device import STREAM

        settings = Settings("trigger", config)
        name = settings.text("name", "trigger")
        rate_hz = settings.number("rate_hz", 30.0, low=0.01, high=1000.0)
        pulse_s = settings.number("pulse_s", 0.001, low=1e-6, high=50.0)
        chip, number = settings.text("chip", "/dev/gpiochip0"), settings.count("line", 0, low=0, high=10_000)
        port, inverted = settings.text("serial", ""), settings.switch("inverted", False)
        settings.close()
        try:
            spec = schema.stream(STREAM)
        except UnknownNameError:
            raise DeviceError(f"device trigger: the schema has no stream {STREAM}; add it as docs/devices.md shows") from None
        if bool(port) == settings.given("line"):
            raise DeviceError("device trigger: give line (a number, with chip) or serial (a port), one of the two")
        line: Line = SerialRtsLine(port, inverted=inverted) if port else GpioLine(chip, number)
        return [TriggerDevice(line, spec, rate_hz=rate_hz, pulse_s=pulse_s, name=name)]


PLUGIN: DeviceFactory = TriggerFactory()
