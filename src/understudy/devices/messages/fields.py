"""Paths into a message: `wrench.force{x,y,z}`, `motor_state[*].q`, `quaternion[3,0,1,2]`, `"pelvis.x"`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from understudy.errors import InputError, did_you_mean
from understudy.geom.arrays import F64

_STEP = re.compile(
    r'\.?(?P<name>[A-Za-z_][A-Za-z0-9_]*|"[^"]+")|\[(?P<index>\*|\d+(?:,\d+)*)\]|\{(?P<names>[A-Za-z_]\w*(?:,\w+)*)\}'
)
_LONGEST = 400
HOW = (
    "a path is names with dots between, [*] or [0,1,2] for items of a list, {x,y,z} for several fields, "
    'and "quotes" around odd names'
)


@dataclass(frozen=True)
class Path:
    """A path, taken apart.

    Attributes:
        text: as it was written.
        steps: a name; or indices of a list, none for all of them; or several names at once.
    """

    text: str
    steps: tuple[str | tuple[int, ...] | Names, ...]


@dataclass(frozen=True)
class Names:
    """Several fields of one object, in this order."""

    names: tuple[str, ...]


@lru_cache(maxsize=512)
def parse_path(text: str) -> Path:
    """The path in a text.

    Raises:
        InputError: it is none.
    """
    at = 0
    steps: list[str | tuple[int, ...] | Names] = []
    while at < len(text) and len(text) <= _LONGEST:
        found = _STEP.match(text, at)
        if found is None or (at == 0 and text.startswith(".")):
            break
        if name := found["name"]:
            steps.append(name.strip('"'))
        elif index := found["index"]:
            steps.append(() if index == "*" else tuple(int(i) for i in index.split(",")))
        else:
            steps.append(Names(tuple(found["names"].split(","))))
        at = found.end()
    if not steps or at < len(text):
        raise InputError(f"field {text[:60]!r}: not a path of a message at {text[at : at + 20]!r}; {HOW}")
    return Path(text, tuple(steps))


def look_up(message: object, path: Path) -> object:
    """What stands in a message at a path: a number, text, array, list or object.

    Raises:
        InputError: there is no such field; the nearest one is named.
    """
    return _walk(message, path, 0)


def _walk(found: object, path: Path, place: int) -> object:
    steps = path.steps
    while place < len(steps):
        step = steps[place]
        place += 1
        if isinstance(step, str):
            found = _field(found, step, path)
        elif isinstance(step, Names):
            return [_number(_field(found, name, path), path) for name in step.names]
        else:
            items = _items(found, step, path)
            last = steps[-1] if place == len(steps) - 1 else None
            if isinstance(last, str) and items and last in getattr(type(items[0]), "__dataclass_fields__", ()):
                return [getattr(item, last) for item in items]  # one field of every motor, by far the most frequent path
            return items if place == len(steps) else [_walk(item, path, place) for item in items]
    return found


def numbers(message: object, path: Path) -> F64:
    """(N,) values at a path, flat.

    Raises:
        InputError: there is no such field, or it holds something else; null stands for not a number.
    """
    found = look_up(message, path)
    if isinstance(found, list) and found and type(found[0]) is float and set(map(type, found)) == {float}:
        return np.array(found, dtype=np.float64)  # what motors and wrenches give: nothing to look into
    if isinstance(found, np.ndarray) and found.dtype.kind in "biuf":
        return found.astype(np.float64).reshape(-1)
    return np.array([_number(item, path) for item in _flat(found, path)], dtype=np.float64)


def has_field(message: object, name: str) -> bool:
    """Whether an object has a field of that name."""
    return name in getattr(type(message), "__dataclass_fields__", ()) or (isinstance(message, Mapping) and name in message)


def field_names(message: object) -> tuple[str, ...]:
    """Names of an object's fields; none for anything else."""
    if isinstance(message, Mapping):
        return tuple(str(key) for key in message)
    if dataclasses.is_dataclass(message):
        return tuple(f.name for f in dataclasses.fields(message))
    return ()


def _field(found: object, name: str, path: Path) -> object:
    if name in getattr(type(found), "__dataclass_fields__", ()):
        return getattr(found, name)
    if isinstance(found, Mapping) and name in found:
        value: object = found[name]
        return value
    names = field_names(found)
    has = f"there are {', '.join(names[:12])}" if names else f"it is a {type(found).__name__} and has no fields"
    raise InputError(f"field {path.text}: no {name!r} there{did_you_mean(name, names)}; {has}")


def _items(found: object, indices: tuple[int, ...], path: Path) -> list[object]:
    if not isinstance(found, Sequence | np.ndarray) or isinstance(found, str | bytes):
        raise InputError(f"field {path.text}: not a list there but a {type(found).__name__}")
    items: list[object] = list(found)
    if not indices:
        return items
    if max(indices) >= len(items):
        raise InputError(f"field {path.text}: item {max(indices)} of a list of {len(items)}; the first one is 0")
    return [items[i] for i in indices]


def _flat(found: object, path: Path, depth: int = 0) -> list[object]:
    if isinstance(found, np.ndarray):
        return list(found.reshape(-1))
    if isinstance(found, list | tuple):
        if depth > 4:
            raise InputError(f"field {path.text}: lists in lists in lists; name one of them")
        return [item for part in found for item in _flat(part, path, depth + 1)]
    return [found]


def _number(item: object, path: Path) -> float:
    if item is None:
        return float("nan")
    if isinstance(item, bool | int | float | np.number | np.bool_):
        try:
            return float(item)
        except OverflowError:
            return float("inf")
    names = field_names(item)
    of = f" with the fields {', '.join(names[:8])}: name one of them" if names else ""
    raise InputError(f"field {path.text}: a {type(item).__name__}{of}; a number is needed")
