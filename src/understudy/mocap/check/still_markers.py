"""Markers that stand in the room: on walls, on the floor, on tripods. They show whether cameras or the volume have moved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, Bool
from understudy.mocap._file import read_bytes
from understudy.mocap._marker_sets import cast_markers
from understudy.mocap._markers import FEWEST_FRAMES, MarkerTake, bare_name
from understudy.mocap._motive_file import parse_motive
from understudy.mocap.c3d import take_from_c3d
from understudy.mocap.motive_csv import markers_of
from understudy.mocap.trc import take_from_trc
from understudy.mocap.vicon_csv import take_from_vicon_csv
from understudy.spec.skeleton import HumanMotion

STILL_M = 0.001
"""A marker that stands is within this of its median place in 95 % of the frames."""
CLEAR_M = 0.5
"""A still marker with no name that says so stands in the room if at some time nobody's marker is this near."""
LEAST_SEEN = 0.5
MOST_FRAMES = 200
_NAMED = re.compile(r"^(wall|floor|room|static|fixed|tripod|pole|ceiling|cam(era)?(check)?|check|ref(erence)?)[ _-]?\w*$", re.I)


@dataclass(frozen=True)
class Place:
    """Where a marker is, in the file's axes.

    Attributes:
        at_m: median position.
        spread_m: how far from it the marker stays in 95 % of the frames.
    """

    at_m: tuple[float, float, float]
    spread_m: float


_TAKES: dict[str, Callable[[bytes, str], MarkerTake]] = {
    "c3d": take_from_c3d,
    "trc": take_from_trc,
    "vicon_csv": take_from_vicon_csv,
    "motive_csv": lambda data, where: markers_of(parse_motive(data, where), where),
}
"""Formats that hold markers, by the reader's name."""


def marker_take(motion: HumanMotion) -> MarkerTake | None:
    """The markers of the file that a motion was read from, in metres; None where its format has none."""
    source = motion.source
    if source.format not in _TAKES:
        return None
    try:
        take = _TAKES[source.format](read_bytes(Path(source.path)), source.path)
    except MocapError:
        return None  # a skeleton without markers
    scale = source.unit_m / take.unit_m
    return MarkerTake(take.names, take.pos_m * scale, take.rate_hz, source.unit_m)


def marker_places(take: MarkerTake | None) -> dict[str, Place]:
    """Every marker that is seen in half of the frames to its place."""
    if take is None:
        return {}
    return {name: _place(take.pos_m[:, i]) for i, name in enumerate(take.names) if _seen(take.pos_m[:, i])}


def still_markers(take: MarkerTake | None) -> dict[str, Place]:
    """The markers that stand in the room: still, and named so or away from the person at some time."""
    if take is None:
        return {}
    places = marker_places(take)
    still = [name for name, place in places.items() if place.spread_m < STILL_M]
    body = _body(take, places)
    return {name: places[name] for name in still if name not in body and (_named(name) or _clear(take, name, body))}


def moved_together(then: Mapping[str, F64], now: Mapping[str, F64], *, within_m: float) -> bool:
    """Whether markers kept their distances from each other: then not they have moved, but what measures them."""
    names = sorted(set(then) & set(now))
    if len(names) < 2:
        return False
    a, b = (np.stack([places[name] for name in names]) for places in (then, now))
    apart = [np.linalg.norm(p[:, None] - p[None], axis=2) for p in (a, b)]
    return bool(np.abs(apart[0] - apart[1]).max() < within_m)


def _body(take: MarkerTake, places: Mapping[str, Place]) -> set[str]:
    """Markers of the person: those with a role, or all that move where no marker set is known."""
    try:
        cast = cast_markers(take.names, "")
    except MocapError:
        return {name for name, place in places.items() if place.spread_m >= STILL_M}
    return {take.names[i] for own in cast.players.values() for i in own}


def _clear(take: MarkerTake, name: str, body: Sequence[str] | set[str]) -> bool:
    frames = slice(None, None, -(-len(take) // MOST_FRAMES))
    own = take.pos_m[frames, take.names.index(name)]
    others = take.pos_m[frames][:, [i for i, other in enumerate(take.names) if other in body]]
    gap = np.linalg.norm(others - own[:, None], axis=2)
    nearest = np.min(np.where(np.isfinite(gap), gap, np.inf), axis=1, initial=np.inf)
    return bool((np.isfinite(nearest) & (nearest > CLEAR_M)).any())


def _named(name: str) -> bool:
    return _NAMED.match(bare_name(name).strip()) is not None


def _seen(track: F64) -> bool:
    there: Bool = np.asarray(np.isfinite(track).all(axis=1))
    return int(there.sum()) >= max(FEWEST_FRAMES, LEAST_SEEN * len(track))


def _place(track: F64) -> Place:
    seen = track[np.isfinite(track).all(axis=1)]
    at = np.median(seen, axis=0)
    x, y, z = (float(v) for v in at)
    return Place((x, y, z), float(np.percentile(np.linalg.norm(seen - at, axis=1), 95.0)))
