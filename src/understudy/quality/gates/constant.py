"""Gate `constant`: columns that never change although what they measure does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.geom.filters import derivative
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj
from understudy.quality.columns import (
    BASE,
    POSITIONS,
    QUATERNION,
    TARGETS,
    TORQUES,
    VELOCITIES,
    column_name,
    extent,
    joint_series,
    series,
    spread,
    table,
)
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream

_FEWEST, _SHORTEST_S = 20, 0.5
_TURN, _OFTEN = 0.02, 0.9
_NEARLY = 0.99
"""Whole ranges under this share of a limit cannot be over it, however they are rounded."""
_GRAVITY, _BASE_VELOCITY = "observations/projected_gravity", "observations/base_velocity"


class Constant:
    """A column of an observation is the same from first to last although another stream shows that it changes.

    Joints: their angle moves by over `moving_rad`, their rate by over `moving_rad_s`, by what the other joint streams say. IMU
    and wrench: the sensor's other columns change. Base velocity and gravity: by the base pose. A recorded sensor: by its noise.
    """

    title = "Constant columns"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"moving_rad": 0.1, "moving_rad_s": 0.2}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names."""
        found = []
        for key in sorted(episode.streams):
            stream = episode.streams[key]
            if not key.startswith("observations/") or stream.spec.kind in ("image", "discrete") or not _long_enough(stream):
                continue
            columns = extent(stream)
            constant = columns.high == columns.low
            if columns.finite and constant.any():
                found += [_finding(stream, *said) for said in _contradicted(episode, stream, constant, context.thresholds)][:1]
        return found


def _long_enough(stream: Stream) -> bool:
    return len(stream) >= _FEWEST and (int(stream.t_ns[-1]) - int(stream.t_ns[0])) * 1e-9 >= _SHORTEST_S


def _contradicted(
    episode: Episode, stream: Stream, constant: Bool, limit: Mapping[str, GateValue]
) -> Iterator[tuple[Bool, str, float, float, str]]:
    """Columns that are constant and should not be, why, and the figure that says so with its limit and unit."""
    key, rad, rad_s = stream.spec.key, number(limit, "moving_rad"), number(limit, "moving_rad_s")
    if key == POSITIONS:
        told, rates = _joint_spread(episode, TARGETS, constant, rad), _joint_spread(episode, VELOCITIES, constant, rad_s)
        yield from _against(constant, told, rad, "rad", "its command moves by {:.2f} rad")
        yield from _against(constant, rates, rad_s, "rad/s", "its rate changes by {:.2f} rad/s")
    elif key in (VELOCITIES, TORQUES):
        moves = _joint_spread(episode, POSITIONS, constant, rad)
        yield from _against(constant, moves, rad, "rad", "the joint moves by {:.2f} rad")
    elif stream.spec.kind == "imu" or stream.spec.unit.startswith("N"):
        dead = constant & ~_orientation(stream, len(constant))
        if int(dead.sum()) == 1 or (0 < dead.mean() <= 0.5 and "t_arrival_ns" in stream.extra):
            yield dead, "the sensor's other columns change", float(dead.sum()), 0.0, "1"
        return
    elif key in (_GRAVITY, _BASE_VELOCITY):
        moves = _of_base(episode, key)
        yield from _against(constant, moves, _TURN if key == _GRAVITY else 5 * _TURN, "1", "the base pose says {:.2f}")
    if _noisy(stream, constant):
        yield constant, "the noise of the others does, all the time", float(constant.sum()), 0.0, "1"


def _orientation(stream: Stream, columns: int) -> Bool:
    """(C,) columns of a quaternion: those of one that turns about one axis alone do not change."""
    found = np.zeros(columns, dtype=bool)
    if stream.spec.kind in QUATERNION:
        found[QUATERNION[stream.spec.kind]] = True
    return found


def _against(
    constant: Bool, moves: F64 | None, most: float, unit: str, why: str
) -> Iterator[tuple[Bool, str, float, float, str]]:
    if moves is None or len(moves) != len(constant):
        return
    wrong = constant & (moves > most)
    if wrong.any():
        top = float(moves[wrong].max())
        yield wrong, why.format(top), top, most, unit


def _joint_spread(episode: Episode, key: str, asked: Bool, most: float) -> F64 | None:
    """(J,) how far each joint's column goes, without the hundredth at either end that noise and spikes fill.

    Of columns that are not asked for, or go no further than `most` even with their ends, it is 0.
    """
    found = joint_series(episode, key)
    if found is None or len(asked) != found[1].shape[1]:
        return None
    every = extent(episode.stream(key))
    reach = every.high - every.low if every.finite else spread(found[1])
    columns = np.flatnonzero(asked & (reach > _NEARLY * most))
    moves = np.zeros(len(asked))
    low, high = np.percentile(found[1][:, columns], [1, 99], axis=0) if len(columns) else (0.0, 0.0)
    moves[columns] = high - low
    return moves


def _of_base(episode: Episode, key: str) -> F64 | None:
    """(C,) how far each column of the gravity or the velocity goes by the base pose."""
    found = series(episode, BASE)
    if found is None or found[1].shape[1] != 7:
        return None
    t_ns, pose = found
    whole = extent(episode.stream(BASE))
    if bool((whole.low == whole.high).all()) and whole.finite:
        return np.zeros(3 if key == _GRAVITY else 6)
    if key == _GRAVITY:
        return spread(quat_apply(quat_conj(pose[:, 3:]), np.broadcast_to([0.0, 0.0, -1.0], (len(pose), 3))))
    velocity = spread(derivative(pose[:, :3], t_ns - t_ns[0]))
    if whole.finite and bool((whole.low == whole.high)[3:].all()):
        return np.concatenate([velocity, np.zeros(3)])  # it does not turn
    turn = angular_velocity(pose[:, 3:], (t_ns - t_ns[0]).astype(np.float64))
    return np.concatenate([velocity, spread(turn)])


def _noisy(stream: Stream, constant: Bool) -> bool:
    """Whether a recorded sensor's other columns, two or more, hardly ever give a number twice in a row: noise moves them."""
    if "t_arrival_ns" not in stream.extra or int((~constant).sum()) < 2:
        return False
    changes = (np.diff(table(stream)[:, ~constant], axis=0) != 0).mean(axis=0)
    return bool(float(np.median(changes)) > _OFTEN)


def _finding(stream: Stream, wrong: Bool, why: str, value: float, limit: float, unit: str) -> Finding:
    names = [column_name(stream, int(c)) for c in np.flatnonzero(wrong)]
    message = (
        f"{stream.spec.name}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''} never "
        f"{'changes' if len(names) == 1 else 'change'}, but {why}. Check the sensor's wiring and what fills the column; "
        "record it again"
    )
    return Finding(
        gate="constant",
        severity="reject",
        message=message,
        stream=stream.spec.key,
        start_ns=int(stream.t_ns[0]),
        end_ns=int(stream.t_ns[-1]),
        value=value,
        limit=limit,
        unit=unit,
    )


PLUGIN: Gate = Constant()
