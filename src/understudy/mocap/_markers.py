"""One take of optical markers: what every marker format is read into before anybody asks whose body it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, frozen_f64
from understudy.mocap._gait_events import Event

MM, CM, M = 0.001, 0.01, 1.0

LENGTH_UNITS_M: dict[str, float] = {
    "m": M, "meter": M, "meters": M, "metre": M, "metres": M,
    "cm": CM, "centimeter": CM, "centimeters": CM, "centimetre": CM, "centimetres": CM,
    "mm": MM, "millimeter": MM, "millimeters": MM, "millimetre": MM, "millimetres": MM,
    "in": 0.0254, "inch": 0.0254, "inches": 0.0254, "ft": 0.3048, "feet": 0.3048,
}  # fmt: skip
"""Names of units in file headers, lower case, to metres."""

CUT_UNIT = 4
"""Letters from which the beginning of a unit's name tells it."""

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
        radial: (T, 2, 3) thumb's side of the left and right hand in the axes of the file, where it has rotations.
        events: what was marked in the file, in order of time.
    """

    names: tuple[str, ...]
    pos_m: F64
    rate_hz: float
    unit_m: float
    up: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    radial: F64 | None = None
    events: tuple[Event, ...] = ()

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
    """Metres of a unit's name, also of one that was cut to four letters, as some C3D files have it.

    Raises:
        MocapError: the name is not known.
    """
    plain = word.strip().strip('"').lower()
    cut = {scale for name, scale in LENGTH_UNITS_M.items() if len(plain) >= CUT_UNIT and name.startswith(plain)}
    scale = LENGTH_UNITS_M.get(plain) or (cut.pop() if len(cut) == 1 else None)
    if scale is None:
        raise MocapError(f"{where}: unit of length {word[:40]!r} is not known; known are {', '.join(LENGTH_UNITS_M)}")
    return scale


def even_frames(place: F64, pos: F64, where: str) -> tuple[F64, str | None]:
    """Rows laid onto evenly numbered frames, so that frames which the file leaves out become gaps.

    Args:
        place: (T,) frame of each row, counted from any start; times the rate for a file that gives times.
        pos: (T, M, 3) rows.
        where: name of the file.

    Returns:
        (T', M, 3), and a warning where frames were left out.

    Raises:
        MocapError: the rows are not in order, or most frames are left out.
    """
    if len(place) < 2:
        return pos, None
    if not np.isfinite(place).all() or np.abs(place).max() > 1e12:
        raise MocapError(
            f"{where}: row {int(np.argmin(np.isfinite(place))) + 1} has no frame number or time: export the file again"
        )
    index = np.rint(place - place[0]).astype(np.int64)
    back = np.flatnonzero(np.diff(index) < 1)
    if len(back):
        raise MocapError(
            f"{where}: frame numbers or times must increase; data row {int(back[0]) + 2} does not follow the row before it: "
            "one take per file"
        )
    if index[-1] + 1 > 4 * len(pos):
        raise MocapError(f"{where}: {len(pos)} rows span {index[-1] + 1} frames; the file is cut together or its rate is wrong")
    if index[-1] + 1 == len(pos):
        return pos, None
    out = np.full((int(index[-1]) + 1, *pos.shape[1:]), np.nan)
    out[index] = pos
    return out, f"{len(out) - len(pos)} frames are left out in the file; they are gaps now"


def true_rate(stated_hz: float, t_s: F64) -> tuple[float, str | None]:
    """Frames per second by the header, or by the times of the rows where these say otherwise, with a warning."""
    known = np.flatnonzero(np.isfinite(t_s))
    step = np.diff(t_s)
    step = step[np.isfinite(step) & (step > 0.0)]
    if not step.size:
        return stated_hz, None
    by_step = 1.0 / float(np.median(step))
    span = float(t_s[known[-1]] - t_s[known[0]])
    over_all = float(known[-1] - known[0]) / span if span > 0.0 else by_step  # times that are rounded are right on average
    if stated_hz > 0.0 and min(abs(rate / stated_hz - 1.0) for rate in (by_step, over_all)) < 0.02:
        return stated_hz, None
    by_time = over_all if float(step.max()) < 1.5 / by_step else by_step
    return by_time, f"the header says {stated_hz:g} frames per second, the times of the rows {by_time:.4g}; the times were taken"


def number_cell(text: str, what: str, where: str) -> float:
    """A positive number in a header.

    Raises:
        MocapError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < 1e9:
        raise MocapError(
            f"{where}: {what} is {text[:40]!r}; a positive number is needed: correct the header or export the file again"
        )
    return value


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
