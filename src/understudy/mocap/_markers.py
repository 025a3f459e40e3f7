"""One take of optical markers: what every marker format is read into before anybody asks whose body it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, frozen_f64

MM, CM, M = 0.001, 0.01, 1.0

LENGTH_UNITS_M: dict[str, float] = {
    "m": M, "meter": M, "meters": M, "metre": M, "metres": M,
    "cm": CM, "centimeter": CM, "centimeters": CM, "centimetre": CM, "centimetres": CM,
    "mm": MM, "millimeter": MM, "millimeters": MM, "millimetre": MM, "millimetres": MM,
    "in": 0.0254, "inch": 0.0254, "inches": 0.0254, "ft": 0.3048, "feet": 0.3048,
}  # fmt: skip
"""Names of units in file headers, lower case, to metres."""

MOST_MARKERS = 4096
FEWEST_FRAMES = 3

_UNLABELLED = re.compile(r"^(\*\d*|c_\d+|u\d+|uname\d*|unlabell?ed.*|unnamed.*|)$", re.IGNORECASE)


@dataclass(frozen=True)
class MarkerTake:
    """Marker positions over time, in metres and the axes of the file.

    Attributes:
        names: marker names as in the file, with the subject before a colon where the file has it.
        pos_m: (T, M, 3) metres, NaN where a marker was not seen.
        rate_hz: frames per second.
        unit_m: metres per unit of the file, as the file says.
        up: axis of the file that points up where the file says so, else None.
        parameters: measures of the subject that the file holds, metres (`LKneeWidth`).
        warnings: what the reader noticed.
    """

    names: tuple[str, ...]
    pos_m: F64
    rate_hz: float
    unit_m: float
    up: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pos_m", frozen_f64(self.pos_m))

    def __len__(self) -> int:
        return len(self.pos_m)

    def marker(self, name: str) -> F64:
        """(T, 3) one marker; a name without a subject matches any."""
        bare = [bare_name(own) for own in self.names]
        return self.pos_m[:, self.names.index(name) if name in self.names else bare.index(name)]


def subject_of(name: str) -> str:
    """The subject before the last colon, empty where there is none."""
    return name.rpartition(":")[0]


def bare_name(name: str) -> str:
    """The name after the last colon."""
    return name.rpartition(":")[2]


def is_labelled(name: str) -> bool:
    """Whether a person gave the marker its name."""
    return _UNLABELLED.match(bare_name(name).strip()) is None


def length_unit(word: str, where: str) -> float:
    """Metres of a unit's name.

    Raises:
        MocapError: the name is not known.
    """
    try:
        return LENGTH_UNITS_M[word.strip().strip('"').lower()]
    except KeyError:
        raise MocapError(f"{where}: unit of length {word[:40]!r} is not known; known are {', '.join(LENGTH_UNITS_M)}") from None


def check_take(take: MarkerTake, where: str) -> MarkerTake:
    """The take, if it has frames, markers and a rate that can be true.

    Raises:
        MocapError: names what is missing.
    """
    if not np.isfinite(take.rate_hz) or not 1.0 <= take.rate_hz <= 10_000.0:
        raise MocapError(f"{where}: the rate is {take.rate_hz:g} frames per second; 1 to 10000 are allowed: correct the header")
    if len(take) < FEWEST_FRAMES:
        raise MocapError(
            f"{where}: the take holds {len(take)} frames; at least {FEWEST_FRAMES} are needed: export the whole take"
        )
    if not take.names:
        raise MocapError(f"{where}: the take holds no labelled marker: label the markers, or export them")
    if np.nanmax(np.abs(take.pos_m), initial=0.0) > 1e4:
        raise MocapError(
            f"{where}: a marker lies over 10 km from the origin: the file is damaged, or its unit is not {take.unit_m:g} m"
        )
    return take
