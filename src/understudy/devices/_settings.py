"""Settings of a device as a person gives them, taken one by one and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from understudy.errors import DeviceError, UnknownNameError, did_you_mean

Value = str | float | bool
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def named_settings(text: str) -> tuple[str, dict[str, Value]]:
    """`NAME` or `NAME:setting=value,setting=value` taken apart.

    Raises:
        DeviceError: a setting without a value.
    """
    name, _, rest = text.partition(":")
    given: dict[str, Value] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise DeviceError(f"{text}: {part!r} is no setting; write {name}:setting=value")
        given[key] = value
    return name, given


class Settings:
    """What a person said about a device; every setting is taken once, and what is left over is refused."""

    def __init__(self, device: str, given: Mapping[str, Value]) -> None:
        """Settings of which none is taken yet.

        Args:
            device: its name, for messages.
            given: setting to value.
        """
        self.device, self._given = device, given
        self._taken: set[str] = set()

    def text(self, name: str, default: str, allowed: Iterable[str] | None = None) -> str:
        """A text, one of `allowed` where there is a choice.

        Raises:
            DeviceError: it is no text.
            UnknownNameError: it is none of those allowed.
        """
        value = self._take(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, value, "a text")
        if allowed is not None and value not in (choices := tuple(allowed)):
            raise UnknownNameError(f"{name} of device {self.device}", value, choices)
        return value

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        """A number from `low` to `high`, or a text that says one.

        Raises:
            DeviceError: it is no number, or outside.
        """
        value = self._take(name, default)
        try:
            found = float("nan") if isinstance(value, bool) else float(value)
        except ValueError:
            found = float("nan")
        if not low <= found <= high:
            raise self._wrong(name, value, f"a number from {low:g} to {high:g}")
        return found

    def count(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number from `low` to `high`.

        Raises:
            DeviceError: it is none, or outside.
        """
        found = self.number(name, default, low=low, high=high)
        if found != int(found):
            raise self._wrong(name, found, f"a whole number from {low} to {high}")
        return int(found)

    def switch(self, name: str, default: bool) -> bool:
        """True or false, or a text that says it.

        Raises:
            DeviceError: it is neither.
        """
        value = self._take(name, default)
        if isinstance(value, str) and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def topic(self, name: str, usual: str, default: str = "") -> str:
        """A topic such as `/lowstate`; true stands for the usual one, false for none.

        Raises:
            DeviceError: it is none.
        """
        value = self._take(name, default)
        value = _WORDS.get(value.lower(), value) if isinstance(value, str) else value
        if isinstance(value, bool):
            return usual if value else ""
        if not isinstance(value, str) or (value and not value.startswith("/")):
            raise self._wrong(name, value, f"a topic such as {usual}, or true for that one,")
        return value

    def size(self, name: str, default: tuple[int, int]) -> tuple[int, int]:
        """Width and height of a picture, such as `640x480`.

        Raises:
            DeviceError: it is none, or not between 16 and 4096 pixels.
        """
        text = str(self._take(name, f"{default[0]}x{default[1]}"))
        parts = text.lower().split("x")
        if len(parts) != 2 or not all(part.isdigit() and 16 <= int(part) <= 4096 for part in parts):
            raise self._wrong(name, text, "a size such as 640x480, 16 to 4096 pixels each way")
        return int(parts[0]), int(parts[1])

    def spans(self, name: str) -> tuple[tuple[float, float], ...]:
        """Spans of seconds, such as `2-3.5;10-11`; none by default.

        Raises:
            DeviceError: they are none.
        """
        text = str(self._take(name, ""))
        try:
            pairs = [tuple(float(end) for end in span.split("-")) for span in text.split(";") if span]
            return tuple((begin, end) for begin, end in pairs)
        except ValueError:
            raise self._wrong(name, text, "spans of seconds such as 2-3.5;10-11") from None

    def given(self, name: str) -> bool:
        """Whether there is such a setting."""
        return name in self._given

    def rest(self) -> dict[str, Value]:
        """What is not taken yet; it counts as taken."""
        left = {name: value for name, value in self._given.items() if name not in self._taken}
        self._taken |= set(left)
        return left

    def close(self) -> None:
        """Every setting must have been taken.

        Raises:
            DeviceError: one was not, with the nearest that exists.
        """
        for name in self._given:
            if name not in self._taken:
                known = ", ".join(sorted(self._taken))
                raise DeviceError(
                    f"device {self.device}: no setting {name!r}{did_you_mean(name, self._taken)} (settings: {known})"
                )

    def _take(self, name: str, default: Value) -> Value:
        self._taken.add(name)
        return self._given.get(name, default)

    def _wrong(self, name: str, value: object, due: str) -> DeviceError:
        return DeviceError(f"device {self.device}: {name} is {value!r}; {due} is due")
