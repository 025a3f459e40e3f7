"""Streams as tables of numbers: what their columns are called, which are quaternions, how grave a fault in them is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numba
import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.quality.memo import Each
from understudy.spec.episode import Episode
from understudy.spec.findings import Severity
from understudy.spec.stream import Stream

POSITIONS, VELOCITIES, TORQUES = (f"observations/joint_{what}" for what in ("positions", "velocities", "torques"))
TARGETS = "actions/joint_position_target"
BASE = "debug/base_pose_world"
JOINT_STREAMS = (POSITIONS, VELOCITIES, TORQUES, *(f"actions/joint_{kind}_target" for kind in ("position", "velocity", "torque")))
"""Streams with one column per joint, in the robot's order."""
_FEWEST = 8
"""Samples that a stream must have to be compared with others."""
QUATERNION: Mapping[str, slice] = {"quaternion": slice(0, 4), "pose": slice(3, 7), "imu": slice(0, 4)}
"""Kind of stream to the columns that are a quaternion, wxyz."""
GATES_RELY_ON = frozenset({BASE})
"""Debug streams that other gates see the robot by; elsewhere in `debug` a fault is only a warning."""


def severity_of(stream: Stream) -> Severity:
    """How grave a fault in a stream is: what is in `debug`, images and the base pose apart, no policy is trained on."""
    key = stream.spec.key
    return "warn" if key.startswith("debug/") and key not in GATES_RELY_ON and stream.spec.kind != "image" else "reject"


def table(stream: Stream) -> F64:
    """(N, C) samples with every column beside the other."""
    data = stream.data
    return np.asarray(data, dtype=np.float64).reshape(len(data), math.prod(data.shape[1:]))


@dataclass(frozen=True)
class Extent:
    """How far the columns of a stream of numbers go: most questions of gates are answered by that, without a look at each sample.

    Attributes:
        low, high: (C,) smallest and largest of each column; 0 without samples, and of no meaning where `finite` is false.
        finite: whether every sample is a finite number.
    """

    low: F64
    high: F64
    finite: bool


_extents: Each[Extent] = Each()
_series: Each[tuple[I64, F64] | None] = Each()
_increasing: Each[bool] = Each()


def extent(stream: Stream) -> Extent:
    """How far the columns of a stream of numbers go; kept for the gates that ask next."""
    return _extents.get(stream, lambda: extent_of(table(stream)))


def extent_of(values: F64) -> Extent:
    """How far the columns of samples (N, C) go."""
    low, high = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    return Extent(low, high, bool(_fill_extent(np.ascontiguousarray(values), low, high)))


@numba.njit(cache=True, nogil=True)
def _fill_extent(values: F64, low: F64, high: F64) -> bool:
    """Fill `low` and `high` (C,) from (N, C), for zeros where there are no samples; returns whether every sample is finite."""
    off = 0.0
    for t in range(len(values)):
        for c in range(len(low)):
            value = values[t, c]
            low[c] = value if t == 0 or not value >= low[c] else low[c]
            high[c] = value if t == 0 or not value <= high[c] else high[c]
            off += value - value  # 0, or not a number for one that is infinite or none
    return off == 0.0


def column_name(stream: Stream, column: int) -> str:
    """What a column is called; its number where nobody named it."""
    names = stream.spec.names
    return names[column] if column < len(names) else f"column {column}"


def usable(stream: Stream) -> Bool:
    """(N,) samples that are there: finite, and not marked invalid by the recorder."""
    good = np.ones(len(stream), dtype=bool)
    if "valid" in stream.extra and len(stream.extra["valid"]) == len(good):
        good &= stream.extra["valid"].astype(bool)
    if stream.spec.kind != "image" and stream.data.dtype.kind == "f" and not extent(stream).finite:
        good &= np.isfinite(stream.data).all(axis=tuple(range(1, stream.data.ndim)))
    return good


def increasing(stream: Stream) -> bool:
    """Whether every stamp is later than the one before."""
    return _increasing.get(stream, lambda: bool((stream.t_ns[1:] > stream.t_ns[:-1]).all()))


def series(episode: Episode, key: str) -> tuple[I64, F64] | None:
    """(N,) stamps and (N, C) samples of a stream of numbers that can be compared with others; None where it cannot.

    Samples that are not finite are left out; a stream whose stamps do not increase, or with fewer than 8 samples, is none.
    """
    return _series.get(episode.stream(key), lambda: _made(episode.stream(key))) if key in episode else None


def _made(stream: Stream) -> tuple[I64, F64] | None:
    if stream.spec.kind == "image" or not increasing(stream):
        return None
    values = table(stream)
    if extent(stream).finite:
        return (stream.t_ns, values) if len(values) >= _FEWEST else None
    good = np.isfinite(values).all(axis=1)
    return (stream.t_ns[good], values[good]) if int(good.sum()) >= _FEWEST else None


def joint_series(episode: Episode, key: str) -> tuple[I64, F64] | None:
    """The same for a stream with one column per joint of the episode; None where it has another number of columns."""
    found = series(episode, key)
    return found if found is not None and found[1].shape[1] == len(episode.joint_names) else None


def numeric(episode: Episode) -> Iterator[Stream]:
    """Streams of numbers, in the order of their names."""
    for key in sorted(episode.streams):
        if episode.streams[key].spec.kind != "image":
            yield episode.streams[key]


def spread(values: F64) -> F64:
    """(C,) largest less smallest of each column."""
    return np.asarray(np.ptp(values, axis=0)) if len(values) else np.zeros(values.shape[1])
