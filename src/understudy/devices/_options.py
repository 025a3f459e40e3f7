"""Options of a DDS device, checked as they are taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from understudy.errors import DeviceError, did_you_mean

if TYPE_CHECKING:
    from understudy.devices.dds.topics import Network


_OF_THE_RECORDER = ("dataset",)
"""Options that a recorder may give to every device."""
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Options:
    """What was said of a device."""

    def __init__(self, what: str, config: Mapping[str, str | float | bool], *, known: Sequence[str]) -> None:
        """Take the options of the device `what`.

        Raises:
            DeviceError: one is not known; the nearest that is is named.
        """
        self.what, self.config = what, config
        for name in config:
            if name not in known and name not in _OF_THE_RECORDER:
                raise DeviceError(f"device {what}: no option {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")

    def text(self, name: str, default: str) -> str:
        """An option that is a text."""
        value = self.config.get(name, default)
        if not isinstance(value, str):
            raise DeviceError(f"device {self.what}: {name} is {value!r}, a text is needed")
        return value

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """An option that is a number from `low` to `high`; a text that says one is taken too."""
        value = self.config.get(name, default)
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except ValueError:
            found = math.nan
        if not low <= found <= high:
            raise DeviceError(f"device {self.what}: {name} is {value!r}, a number from {low:g} to {high:g} is needed")
        return found

    def topic(self, name: str, usual: str, *, default: str = "") -> str:
        """An option that is a topic; true stands for the usual one, false for none."""
        value = self.config.get(name, default)
        value = _WORDS.get(value, value) if isinstance(value, str) else value
        if isinstance(value, bool):
            return usual if value else ""
        if not isinstance(value, str) or (value and not value.startswith("/")):
            raise DeviceError(f"device {self.what}: {name} is {value!r}, a topic such as {usual} is needed, or true for that one")
        return value

    def network(self) -> Network:
        """`domain`, `interface` and `wait_s`."""
        from understudy.devices.dds.topics import Network

        domain = self.number("domain", 0, low=0, high=232)
        if domain != int(domain):
            raise DeviceError(f"device {self.what}: domain is {domain}, a whole number is needed")
        usual = Network()
        wait_s = self.number("wait_s", usual.wait_s, low=0.0, high=600.0)
        return Network(int(domain), self.text("interface", usual.interface), wait_s)
