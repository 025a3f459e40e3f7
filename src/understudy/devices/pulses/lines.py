"""Wires that can be high or low: a GPIO line of this computer, or the RTS pin of a serial port."""

from __future__ import annotations

from typing import Protocol

from understudy.errors import DeviceError, MissingDependencyError


class Line(Protocol):
    """A wire.

    Attributes:
        where: what it is, for messages.
    """

    where: str

    def set(self, high: bool) -> None:
        """Make it high or low; returns when it is."""
        ...

    def close(self) -> None:
        """Make it low and let go of it; safe to call twice."""
        ...


class GpioLine:
    """A line of a GPIO chip, by the kernel's character device.

    Raises:
        MissingDependencyError: gpiod is not installed.
        DeviceError: there is no such chip or line, or it is in use.
    """

    def __init__(self, chip: str, line: int) -> None:
        try:
            import gpiod
        except ImportError as error:
            raise MissingDependencyError('GPIO needs gpiod: pip install "understudy[trigger]"') from error
        self.where, self._line = f"{chip} line {line}", line
        self._active, self._inactive = gpiod.line.Value.ACTIVE, gpiod.line.Value.INACTIVE
        settings = gpiod.LineSettings(direction=gpiod.line.Direction.OUTPUT, output_value=self._inactive)
        try:
            self._request = gpiod.request_lines(chip, consumer="understudy", config={line: settings})
        except (OSError, ValueError) as error:
            raise DeviceError(f"trigger: {self.where} cannot be had ({error}); `gpioinfo` lists chips and lines") from error
        self._open = True

    def set(self, high: bool) -> None:
        """Make it high or low.

        Raises:
            OSError: the chip is gone.
        """
        self._request.set_value(self._line, self._active if high else self._inactive)

    def close(self) -> None:
        """Make it low and release it."""
        if self._open:
            self._open = False
            self._request.set_value(self._line, self._inactive)
            self._request.release()


class SerialRtsLine:
    """The RTS pin of a serial port, also of a USB adapter. Many adapters invert it: `inverted` makes high low.

    Raises:
        MissingDependencyError: pyserial is not installed.
        DeviceError: there is no such port, or it is in use.
    """

    def __init__(self, port: str, *, inverted: bool = False) -> None:
        try:
            import serial
        except ImportError as error:
            raise MissingDependencyError('a serial port needs pyserial: pip install "understudy[trigger]"') from error
        self.where, self._inverted = f"RTS of {port}", inverted
        try:
            self._port = serial.serial_for_url(port, do_not_open=True)
            self._port.rts = inverted  # before it opens, so that opening gives no pulse
            self._port.open()
        except (OSError, ValueError) as error:
            raise DeviceError(f"trigger: {self.where} cannot be had ({error}); `ls /dev/tty*` lists ports") from error

    def set(self, high: bool) -> None:
        """Make it high or low.

        Raises:
            OSError: the adapter is gone.
        """
        self._port.rts = high != self._inverted

    def close(self) -> None:
        """Make it low and close the port."""
        if self._port.is_open:
            self._port.rts = self._inverted
            self._port.close()
