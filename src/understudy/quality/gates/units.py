"""Gate `units`: numbers that are degrees, millimetres or multiples of g where SI and radians belong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.interpolation import latest_index
from understudy.geom.vectors import lengths
from understudy.quality.columns import BASE, JOINT_STREAMS, POSITIONS, VELOCITIES, joint_series, series
from understudy.quality.slopes import slope_at, some_rows, turn_at
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue

_DEG = 180.0 / math.pi
_G = 9.81
_WITHIN = 1.35
"""A ratio counts as that of two units where it is within this factor of theirs."""
_MOST_ROWS = 1000


class Units:
    """Angles look like degrees, lengths like millimetres, accelerations like multiples of g.

    Angles: at least `min_joints` joints are beyond their range by over `beyond_rad` for half of the time, and all fit when taken
    as degrees. Rates: they are 57 times the slope of the angles, or a 57th. Heights of the base: over `max_height_ratio` of the
    standing height. Accelerations: an IMU at rest reads 1 and not 9.81.
    """

    title = "Units"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"min_joints": 2.0, "beyond_rad": 1.0, "max_height_ratio": 20.0}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream."""
        found = [
            f for key in JOINT_STREAMS if "position" in key for f in _angles(episode, key, context.robot, context.thresholds)
        ]
        seen = {f.stream for f in found}
        found += [f for f in (*_rates(episode), *_turns(episode)) if f.stream not in seen and POSITIONS not in seen]
        found += _heights(episode, context.robot, number(context.thresholds, "max_height_ratio"))
        return [*found, *_accelerations(episode)]


def _angles(episode: Episode, key: str, robot: RobotModel, limit: Mapping[str, GateValue]) -> Iterator[Finding]:
    found = joint_series(episode, key)
    if found is None:
        return
    q = found[1][some_rows(len(found[1]), _MOST_ROWS)][:, robot.reorder(episode.joint_names, where=f"episode {episode.id}")]
    most, least = number(limit, "beyond_rad"), number(limit, "min_joints")
    beyond = np.maximum(q - robot.upper_rad, robot.lower_rad - q)
    wrong = (beyond > most).mean(axis=0) > 0.5
    as_degrees = np.maximum(q / _DEG - robot.upper_rad, robot.lower_rad - q / _DEG)
    fits = float((as_degrees < 0.1 * (robot.upper_rad - robot.lower_rad)).mean()) > 0.99
    if int(wrong.sum()) >= least and fits:
        worst = int(np.argmax(np.where(wrong, np.median(beyond, axis=0), -np.inf)))
        value = float(np.median(q[:, worst]))
        message = (
            f"{key}: {int(wrong.sum())} joints are far beyond their range most of the time ({robot.joint_names[worst]} at "
            f"{value:.1f}), and all of them fit as degrees. Convert to radians where the data comes in, and import it again"
        )
        yield _finding(key, message, float(wrong.sum()), least, "1")


def _rates(episode: Episode) -> Iterator[Finding]:
    """Rates of joints against the slope of their angles."""
    angles, rates = joint_series(episode, POSITIONS), joint_series(episode, VELOCITIES)
    if angles is None or rates is None:
        return
    rows = some_rows(len(rates[0]), _MOST_ROWS)
    slope = slope_at(*angles, latest_index(angles[0], rates[0][rows]))
    yield from _ratio(VELOCITIES, slope, rates[1][rows], "the slope of the joints' angles")


def _turns(episode: Episode) -> Iterator[Finding]:
    """Rates of turn of an IMU against its own orientation."""
    for key in sorted(episode.streams):
        found = series(episode, key) if episode.streams[key].spec.kind == "imu" else None
        if found is None or found[1].shape[1] != 10 or (lengths(found[1][:, :4]) < 0.5).any():
            continue
        rows = some_rows(len(found[0]), _MOST_ROWS)
        turn, values = turn_at(found[0], found[1][:, :4], rows), found[1][rows]
        yield from _ratio(
            key,
            lengths(turn)[:, None],
            lengths(values[:, 4:7])[:, None],
            "the change of its own orientation",
        )


def _ratio(key: str, truth: F64, told: F64, what: str) -> Iterator[Finding]:
    """A finding where one is 57 times the other, taken over the moments in which there is motion to speak of."""
    top = np.percentile(np.abs(truth), 99) if truth.size else 0.0
    if top < 0.05:
        return
    moving = np.abs(truth) > 0.2 * top
    ratio = float(np.median(np.abs(told[moving]) / np.abs(truth[moving])))
    for factor, words in ((_DEG, "degrees"), (1 / _DEG, "a 57th, as where degrees stand for the other")):
        if factor / _WITHIN < ratio < factor * _WITHIN:
            message = (
                f"{key}: its rates are {ratio:.3g} times {what}: {words}. Convert to radians per second where the data comes in, "
                "and import it again"
            )
            yield _finding(key, message, ratio, 1.0, "1")


def _heights(episode: Episode, robot: RobotModel, most: float) -> Iterator[Finding]:
    found = series(episode, BASE)
    if found is None or found[1].shape[1] != 7:
        return
    ratio = float(np.median(np.abs(found[1][:, 2]))) / robot.profile.standing_height_m
    if ratio > most:
        message = (
            f"{BASE}: the base is {ratio:.0f} times as high as it stands, as if in millimetres (allowed {most:g} times). "
            "Convert to metres where the data comes in, and import it again"
        )
        yield _finding(BASE, message, ratio, most, "1")


def _accelerations(episode: Episode) -> Iterator[Finding]:
    for key in sorted(episode.streams):
        found = series(episode, key) if episode.streams[key].spec.kind == "imu" else None
        if found is None or found[1].shape[1] != 10:
            continue
        rest = float(np.median(lengths(found[1][:, 7:10])))
        if 1.0 / _WITHIN < rest < _WITHIN:
            message = (
                f"{key}: its acceleration is {rest:.2f} most of the time, as if counted in g; a still IMU reads {_G} m/s^2. "
                "Multiply by 9.81 where the data comes in, and import it again"
            )
            yield _finding(key, message, rest, _G / 2, "m/s^2")


def _finding(key: str, message: str, value: float, limit: float, unit: str) -> Finding:
    return Finding(gate="units", severity="reject", message=message, stream=key, value=value, limit=limit, unit=unit)


PLUGIN: Gate = Units()
