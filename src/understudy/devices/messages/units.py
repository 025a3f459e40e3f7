"""Units that messages come in, and the SI unit that each is turned into."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from understudy.errors import InputError, UnknownNameError

UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "1": ("1", 1.0), "%": ("1", 0.01),
        "rad": ("rad", 1.0), "deg": ("rad", math.pi / 180.0), "rev": ("rad", 2.0 * math.pi),
        "rad/s": ("rad/s", 1.0), "deg/s": ("rad/s", math.pi / 180.0), "rpm": ("rad/s", math.pi / 30.0),
        "m": ("m", 1.0), "cm": ("m", 1e-2), "mm": ("m", 1e-3),
        "m/s": ("m/s", 1.0), "mm/s": ("m/s", 1e-3),
        "m/s^2": ("m/s^2", 1.0), "g": ("m/s^2", 9.80665),
        "N": ("N", 1.0), "kN": ("N", 1e3), "N*m": ("N*m", 1.0), "N*mm": ("N*m", 1e-3),
    }
)  # fmt: skip
"""Unit to the SI unit and what one of it is in that; `g` is the standard acceleration of fall."""


def factors(units: Sequence[str], stream_unit: str, *, where: str) -> tuple[float, ...]:
    """What to multiply with for each unit.

    Args:
        units: that the message is in.
        stream_unit: the stream's, such as `rad` or `1,rad/s,m/s^2`.
        where: named in messages.

    Raises:
        UnknownNameError: no such unit.
        InputError: a unit measures something else than the stream does.
    """
    allowed = [part.strip() for part in stream_unit.split(",")]
    for unit in units:
        if unit not in UNITS:
            raise UnknownNameError("unit", unit, UNITS)
        if UNITS[unit][0] not in allowed:
            fitting = ", ".join(name for name, (si, _) in UNITS.items() if si in allowed)
            raise InputError(f"{where}: unit {unit!r}, but the stream is in {stream_unit}; fitting units: {fitting or 'none'}")
    return tuple(UNITS[unit][1] for unit in units)
