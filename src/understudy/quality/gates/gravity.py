"""Gate `gravity`: gravity that does not point down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.interpolation import lerp_at
from understudy.geom.rotations import quat_apply, quat_conj
from understudy.geom.vectors import lengths
from understudy.quality.columns import BASE, QUATERNION, series
from understudy.quality.skip import NotApplicable
from understudy.quality.slopes import some_rows
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

PROJECTED, PELVIS = "observations/projected_gravity", "observations/imu_pelvis"
_MOST_ROWS = 1000
_UPSIDE_DOWN_RAD = 0.5 * np.pi
_DOWN = np.array([0.0, 0.0, -1.0])


class Gravity:
    """`projected_gravity` is over `max_error_rad` off the way down that the base's pose, else the pelvis' IMU, tells.

    An accelerometer at rest feels the ground's push, upwards: one that on average feels a push downwards has its sign wrong.
    Which way an orientation is kept is for `quaternion_order` to say.
    """

    title = "Gravity"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_error_rad": 0.2}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream: `projected_gravity` first, then the IMUs in the order of their names."""
        found, told = [], list(_pushed(episode))
        if (off := _projected(episode)) is not None:
            by, off_rad = off
            most_rad = number(context.thresholds, "max_error_rad")
            if off_rad > most_rad:
                found.append(_finding(PROJECTED, f"is {off_rad:.2f} rad off the way down by {by}", off_rad, most_rad))
        elif not told:
            raise NotApplicable(f"the episode has no accelerometer, and not both {PROJECTED} and {BASE} or {PELVIS}")
        for key, off_rad in told:
            if off_rad > _UPSIDE_DOWN_RAD:
                message = f"feels a push {off_rad:.2f} rad off the way up on average, while the ground pushes up"
                found.append(_finding(key, message, off_rad, _UPSIDE_DOWN_RAD))
        return found


def _projected(episode: Episode) -> tuple[str, float] | None:
    """What tells the pelvis' way down, and the median angle between that and what is projected; None without both."""
    gravity = series(episode, PROJECTED)
    if gravity is None or gravity[1].shape[1] != 3:
        return None
    for key, columns in ((BASE, QUATERNION["pose"]), (PELVIS, QUATERNION["imu"])):
        if (read := series(episode, key)) is not None and (np.abs(lengths(read[1][:, columns]) - 1.0) < 0.5).all():
            rows = some_rows(len(read[0]), _MOST_ROWS)
            down = quat_apply(quat_conj(read[1][rows, columns]), np.broadcast_to(_DOWN, (len(read[0][rows]), 3)))
            return key, float(np.median(_angle(down, lerp_at(*gravity, read[0][rows]))))
    return None


def _pushed(episode: Episode) -> Iterator[tuple[str, float]]:
    """IMUs, and the angle between up and the mean of the acceleration that each feels."""
    for key in sorted(episode.streams):
        read = series(episode, key) if episode.streams[key].spec.kind == "imu" else None
        if read is not None and read[1].shape[1] == 10:
            values = read[1][some_rows(len(read[0]), _MOST_ROWS)]
            felt = quat_apply(values[:, QUATERNION["imu"]], values[:, 7:10]).mean(axis=0)
            yield key, float(_angle(-_DOWN[None], felt[None])[0])


def _angle(a: F64, b: F64) -> F64:
    """(N,) between vectors (N, 3), radians; 0 where one has no length."""
    scale = lengths(a) * lengths(b)
    cosine = np.where(scale > 1e-9, np.einsum("ni,ni->n", a, b) / np.maximum(scale, 1e-9), 1.0)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _finding(key: str, what: str, off_rad: float, most_rad: float) -> Finding:
    reversed_ = off_rad > np.pi - 0.3
    do = "Its sign is reversed: turn it where the data comes in" if reversed_ else "Look at its axes where the data comes in"
    message = f"{key.split('/')[1]} {what} (allowed {most_rad:.2f}). {do}, and import or record it again"
    return Finding(gate="gravity", severity="reject", message=message, stream=key, value=off_rad, limit=most_rad, unit="rad")


PLUGIN: Gate = Gravity()
