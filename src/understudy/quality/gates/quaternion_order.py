"""Gate `quaternion_order`: orientations kept as x, y, z, w where w, x, y, z belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import lerp_at
from understudy.geom.rotations import quat_apply, quat_conj, quat_normalize, xyzw_to_wxyz
from understudy.geom.vectors import lengths
from understudy.quality.columns import BASE, QUATERNION, series, severity_of
from understudy.quality.slopes import some_rows, turn_at
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_GRAVITY, _BASE_VELOCITY = "observations/projected_gravity", "observations/base_velocity"
_MOST_ROWS = 1000
_CLEARLY = 0.35
"""The other order must leave at most this share of the contradiction."""
_SMALL, _EXACTLY = 0.2, 0.05
"""A contradiction from this share of the limit on counts too, where the other order leaves next to nothing of it."""
_TURNS_RAD_S = 0.02
_UP = np.array([0.0, 0.0, 1.0])


class QuaternionOrder:
    """An orientation contradicts gravity, the rate of turn or another orientation by over `max_error`, and not as x, y, z, w.

    Each by what the episode has: the IMU's own acceleration and rate of turn, `projected_gravity`, the angular part of
    `base_velocity`. Errors are lengths of differences of unit vectors, or shares of the rate of turn.
    """

    title = "Order of quaternions"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_error": 0.1}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names."""
        found, most = [], number(context.thresholds, "max_error")
        for key in sorted(episode.streams):
            stream = episode.streams[key]
            columns = QUATERNION.get(stream.spec.kind)
            read = series(episode, key) if columns is not None else None
            if columns is None or read is None or read[1].shape[1] not in (4, 7, 10):
                continue
            t_ns, values = read[0], read[1]
            quat = values[:, columns]
            if (np.abs(lengths(quat) - 1.0) > 0.5).any():
                continue
            for what, as_is, other in _errors(episode, key, t_ns, values, quat):
                if (as_is > most and other < _CLEARLY * as_is) or (as_is > _SMALL * most and other < _EXACTLY * as_is):
                    message = (
                        f"{key}: as w, x, y, z its orientation contradicts {what} ({as_is:.2f}, allowed {most:g}); taken as "
                        f"x, y, z, w it does not ({other:.2f}). Reorder the columns where the data comes in, and import it again"
                    )
                    found.append(
                        Finding(
                            gate="quaternion_order",
                            severity=severity_of(stream),
                            message=message,
                            stream=key,
                            value=as_is,
                            limit=most if as_is > most else _SMALL * most,
                            unit="1",
                        )
                    )
                    break
        return found


def _errors(episode: Episode, key: str, t_ns: I64, values: F64, quat: F64) -> Iterator[tuple[str, float, float]]:
    """What contradicts, and by how much as wxyz and as xyzw."""
    swapped = xyzw_to_wxyz(quat)
    rows = some_rows(len(t_ns), _MOST_ROWS)
    if values.shape[1] == 10:
        accel = values[rows, 7:10]
        up = accel / np.maximum(np.linalg.norm(accel, axis=1, keepdims=True), 1e-9)
        tilts = [_median(quat_apply(q[rows], up) - _UP) for q in (quat, swapped)]
        yield "its own acceleration", tilts[0], tilts[1]
        turns = [_turn_error(t_ns, q, rows, values[rows, 4:7], body=True) for q in (quat, swapped)]
        yield "its own rate of turn", turns[0], turns[1]
    if key != BASE:
        return
    gravity = series(episode, _GRAVITY)
    if gravity is not None and gravity[1].shape[1] == 3:
        told = lerp_at(*gravity, t_ns[rows])
        down = np.broadcast_to(-_UP, told.shape)
        tilts = [_median(quat_apply(quat_conj(q[rows]), down) - told) for q in (quat, swapped)]
        yield _GRAVITY, tilts[0], tilts[1]
    velocity = series(episode, _BASE_VELOCITY)
    if velocity is not None and velocity[1].shape[1] == 6:
        told = lerp_at(*velocity, t_ns[rows])[:, 3:]
        turns = [_turn_error(t_ns, q, rows, told, body=False) for q in (quat, swapped)]
        yield _BASE_VELOCITY, turns[0], turns[1]


def _median(difference: F64) -> float:
    return float(np.median(lengths(difference))) if len(difference) else 0.0


def _turn_error(t_ns: I64, quat: F64, rows: I64, told: F64, *, body: bool) -> float:
    """Root mean square of the difference of two rates of turn over that of the one that is told; 0 where it hardly turns."""
    scale = float(np.sqrt((told**2).sum(axis=1).mean()))
    if len(t_ns) < 3 or scale <= _TURNS_RAD_S:
        return 0.0
    turn = turn_at(t_ns, quat_normalize(quat), rows)
    if body:
        turn = quat_apply(quat_conj(quat[rows]), turn)
    return float(np.sqrt(((turn - told) ** 2).sum(axis=1).mean())) / scale


PLUGIN: Gate = QuaternionOrder()
