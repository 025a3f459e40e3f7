"""One entry of a mapping at work: a message in, the value, stamp and validity of one sample out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.devices.messages.columns import ByName
from understudy.devices.messages.fields import Path, field_names, has_field, look_up, numbers, parse_path
from understudy.devices.messages.mapping import StreamMap
from understudy.devices.messages.pictures import jpeg_of
from understudy.devices.messages.recipes import PICTURES, Recipe, needed_recipe, on_wall_clock, stamp_path
from understudy.devices.messages.units import factors
from understudy.errors import InputError
from understudy.geom.arrays import F64, AnyArray
from understudy.spec.sample import NO_STAMP
from understudy.spec.stream import StreamSpec

_NS_OF = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
_TICK_NS = 1_000_000
_MOST_NS = 1 << 62
_QUATERNION = {"imu": slice(0, 4), "quaternion": slice(0, 4), "pose": slice(3, 7)}
_LEAST_NORM = 0.5
"""Drivers without an orientation send zeros (and -1 as its covariance)."""


@dataclass(frozen=True)
class Reading:
    """What a message gives.

    Attributes:
        data: array of the stream's shape; a whole JPEG for images.
        t_device_ns: the message's own stamp; `NO_STAMP` where it has none.
        valid: false where the values are not what the stream says, or not numbers.
    """

    data: AnyArray | bytes
    t_device_ns: int
    valid: bool


class Converter:
    """Messages of one topic to samples of one stream."""

    def __init__(self, entry: StreamMap, spec: StreamSpec, type_name: str, *, robot: str) -> None:
        """Set up.

        Args:
            entry: of the mapping.
            spec: of the stream.
            type_name: of the messages.
            robot: profile name, for messages that number their motors.

        Raises:
            InputError: the messages do not fit the stream.
            UnknownNameError: no such unit.
        """
        self.entry, self.spec, self.type_name = entry, spec, type_name
        self.where = f"topic {entry.topic} into {spec.key}"
        self._image = spec.kind == "image"
        if self._image != (type_name in PICTURES):
            wanted = "an image topic" if self._image else "one that is no image"
            raise InputError(f"{self.where}: messages of type {type_name}; {wanted} is needed ({', '.join(sorted(PICTURES))})")
        self._stamp: Path | str | None = ""
        if self._image:
            return
        recipe = self._recipe(robot)
        self._fields = tuple(parse_path(text) for text in recipe.field)
        self._names = parse_path(recipe.names) if recipe.names else None
        self._columns = recipe.columns
        self._ok = parse_path(recipe.ok) if recipe.ok else None
        units = entry.unit or recipe.unit
        self._factors = factors(units, spec.unit, where=self.where) if units else ()
        self._by_name = ByName(spec.names, where=self.where, rename=entry.rename, ignore=entry.ignore)

    def _recipe(self, robot: str) -> Recipe:
        entry = self.entry
        if entry.field:
            return Recipe(entry.field, names=entry.names, columns=entry.columns)
        found = needed_recipe(self.type_name, self.spec, robot, where=self.where)
        named = bool(entry.names or entry.columns)
        names, columns = (entry.names, entry.columns) if named else (found.names, found.columns)
        return Recipe(found.field, found.unit, names, columns, found.ok)

    def read(self, message: object) -> Reading:
        """The sample that a message gives.

        Raises:
            InputError: the message lacks a field or a name, or has too many or too few values.
        """
        stamp_ns = self.stamp_ns(message)
        if self._image:
            return Reading(jpeg_of(message, self.type_name, where=self.where), stamp_ns, True)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers that no sensor sends are not finite afterwards
            return self._numbers(message, stamp_ns)

    def _numbers(self, message: object, stamp_ns: int) -> Reading:
        values = self._values(message)
        valid = bool(np.isfinite(values).all())
        if self._ok is not None and valid and has_field(message, self._ok.text):
            valid = not numbers(message, self._ok).any()
        data = self._shaped(values)
        if valid and data.dtype.kind == "f":
            valid = bool(np.isfinite(data).all())
        return Reading(data, stamp_ns, valid)

    def stamp_ns(self, message: object) -> int:
        """The message's own stamp, nanoseconds; `NO_STAMP` where it has none.

        Raises:
            InputError: a stamp that is none.
        """
        if self._stamp == "":
            path = self.entry.stamp or stamp_path(self.type_name, field_names(message))
            self._stamp = parse_path(path) if path else None
        if not isinstance(self._stamp, Path):
            return NO_STAMP
        found = look_up(message, self._stamp)
        if self._stamp.text == "tick" and not self.entry.stamp:
            return int(str(found)) * _TICK_NS
        return _nanoseconds(found, _NS_OF[self.entry.stamp_unit], f"{self.where}: stamp {self._stamp.text}")

    @property
    def stamped_on_wall_clock(self) -> bool:
        """Whether the header's stamps can stand beside those of other topics; known after the first message."""
        return isinstance(self._stamp, Path) and on_wall_clock(self._stamp.text)

    def _values(self, message: object) -> F64:
        """(C,) values in the stream's order and units."""
        named = look_up(message, self._fields[0]) if len(self._fields) == 1 else None
        if isinstance(named, dict):
            return self._picked(list(named), np.array([_plain(v, self.where) for v in named.values()], dtype=np.float64))
        parts = [numbers(message, path) for path in self._fields]
        if len(self._factors) > 1:
            parts = [part * factor for part, factor in zip(parts, self._factors, strict=True)]
        values: F64 = np.concatenate(parts)
        if self._names is not None:
            names = look_up(message, self._names)
            if not isinstance(names, Sequence | np.ndarray) or isinstance(names, str | bytes):
                raise InputError(f"{self.where}: names at {self._names.text} are a {type(names).__name__}, a list is needed")
            return self._picked([str(name) for name in names], values)
        return self._picked(self._columns, values) if self._columns else self._in_order(values)

    def _picked(self, names: Sequence[str], values: F64) -> F64:
        if len(names) != len(values):
            raise InputError(f"{self.where}: {len(values)} values for {len(names)} names")
        if not self.spec.names:
            return self._in_order(values)
        return self._scaled(values[self._by_name.pick(names)])

    def _in_order(self, values: F64) -> F64:
        needed = math.prod(self.spec.shape)
        if len(values) != needed:
            names = f" ({', '.join(self.spec.names[:8])})" if self.spec.names else ""
            raise InputError(f"{self.where}: {len(values)} values, the stream has {needed}{names}")
        if self.spec.frame == "joint" and needed > 2:
            raise InputError(f"{self.where}: {needed} joint values without names; say which is which: columns = [...]")
        return self._scaled(values)

    def _scaled(self, values: F64) -> F64:
        return values * self._factors[0] if len(self._factors) == 1 else values

    def _shaped(self, values: F64) -> AnyArray:
        dtype = np.dtype(self.spec.dtype)
        if (turn := _QUATERNION.get(self.spec.kind)) and np.linalg.norm(values[turn]) < _LEAST_NORM:
            raise InputError(f"{self.where}: the orientation is {values[turn].tolist()}: the sender gives none")
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            if not (np.isfinite(values).all() and (values >= info.min).all() and (values <= info.max).all()):
                raise InputError(f"{self.where}: {values[:4].tolist()} do not fit {dtype}")
        return (values != 0 if dtype.kind == "b" else values.astype(dtype)).reshape(self.spec.shape)


def _nanoseconds(found: object, unit_ns: float, where: str) -> int:
    """A stamp: seconds and nanoseconds as ROS 2 and Foxglove have them, or a number."""
    fields = field_names(found)
    if "sec" in fields:
        sec, rest = (look_up(found, parse_path("sec")), look_up(found, parse_path("nanosec" if "nanosec" in fields else "nsec")))
        if isinstance(sec, int) and isinstance(rest, int) and abs(sec) < 1 << 33 and abs(rest) < 1 << 32:
            return sec * 1_000_000_000 + rest
    elif isinstance(found, int) and not isinstance(found, bool):
        found_ns = found * int(unit_ns)
        if abs(found_ns) < _MOST_NS:
            return found_ns
    elif isinstance(found, float) and math.isfinite(found) and abs(found * unit_ns) < _MOST_NS:
        return round(found * unit_ns)
    raise InputError(f"{where}: {str(found)[:60]} is no stamp; seconds and nanoseconds, or a number with stamp_unit, are read")


def _plain(value: object, where: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    raise InputError(f"{where}: a {type(value).__name__} where a number is needed")
