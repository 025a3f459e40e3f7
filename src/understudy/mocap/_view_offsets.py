"""When each camera began, found from the keypoints: shifted against each other, two views agree best at their true offset.

A point seen by two calibrated cameras at the same time lies on the epipolar line of the other. For every pair of cameras the
shift is searched at which fast keypoints lie nearest to their lines; the shifts of all pairs together give each camera's offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera
from understudy.mocap._keypoints import Keypoints
from understudy.mocap._view_pair import ViewPair, smoothed

DISAGREEMENT_FRAMES = 0.75
"""A camera is refused when its pairs are further from what all say together, in the median."""
MOST_CHANGE_FRAMES = 2.0
"""How much a camera's offset may change from the first half of the take to the second."""


@dataclass(frozen=True)
class PairShift:
    """How much later camera b began than camera a.

    Attributes:
        a, b: cameras.
        shift_s: seconds; sigma_s its standard deviation.
    """

    a: int
    b: int
    shift_s: float
    sigma_s: float


@dataclass(frozen=True)
class Offsets:
    """When each camera began.

    Attributes:
        offset_s: (C,) seconds on the session's clock; the first camera's stays as it was.
        sigma_s: (C,) standard deviation against the first camera.
        off_frames: (C,) median disagreement of the camera's pairs with these offsets, frames.
    """

    offset_s: F64
    sigma_s: F64
    off_frames: F64


def find_offsets(
    cameras: Sequence[Camera], seen: Sequence[Keypoints], declared_s: Sequence[float], *, within_s: float, where: str
) -> Offsets:
    """The offsets at which the cameras agree.

    Args:
        cameras: C cameras; seen: their keypoints in pixels, with rates.
        declared_s: offsets from which the search starts.
        within_s: how far from these it goes.
        where: name of the session, for messages.

    Raises:
        MocapError: a camera agrees with no other at any shift, or pairs contradict each other; the camera is named.
    """
    smooth = [smoothed(k, camera) for k, camera in zip(seen, cameras, strict=True)]
    rates = [float(k.rate_hz or 0.0) for k in seen]
    names, pairs, changes = [c.name for c in cameras], [], []
    for a, b in combinations(range(len(cameras)), 2):
        apart_s = declared_s[b] - declared_s[a]
        views = ViewPair.of(cameras[a], cameras[b], seen[a], seen[b], smooth[a], smooth[b], apart_s)
        if views is None or (found := views.shift(within_s)) is None:
            continue
        pairs.append(PairShift(a, b, apart_s + found[0], found[1]))
        early, late = (views.half(which).shift(within_s) for which in (0, 1))
        if early is not None and late is not None:
            changes.append(PairShift(a, b, late[0] - early[0], float(np.hypot(early[1], late[1]))))
    offsets = _together(pairs, names, declared_s[0], max(rates), within_s, where)
    _check_steady(changes, names, max(rates), where)
    return offsets


def _check_steady(changes: Sequence[PairShift], names: Sequence[str], rate_hz: float, where: str) -> None:
    """Refuse a camera whose offset is another one in the second half of the take.

    Args:
        changes: of each pair's shift from the first half to the second.
        names: of the cameras. rate_hz: frames per second. where: name of the session.
    """
    by_camera = [[p for p in changes if c in (p.a, p.b)] for c in range(len(names))]
    drift = [float(np.median([abs(p.shift_s) for p in own])) * rate_hz if own else 0.0 for own in by_camera]
    worst = int(np.argmax(drift))
    surely = [abs(p.shift_s) > 3.0 * p.sigma_s for p in by_camera[worst]]
    if drift[worst] > MOST_CHANGE_FRAMES and np.mean(surely) > 0.5:
        which = names[worst] if len(names) > 2 else " or ".join(names)
        raise MocapError(
            f"{where}: the offset of {which} changes by {drift[worst]:.1f} frames from the first half of the take to the second: "
            "its video lost frames, or its rate_hz is wrong; convert it again, or cut the take (start_s, end_s) where it does not"
        )


def _together(
    pairs: Sequence[PairShift], names: Sequence[str], first_s: float, rate_hz: float, within_s: float, where: str
) -> Offsets:
    """Offsets of least weighted squares, and the refusal of cameras whose pairs contradict them."""
    reached = {0}
    while more := {c for p in pairs if len({p.a, p.b} & reached) == 1 for c in (p.a, p.b)} - reached:
        reached |= more
    alone = [names[c] for c in range(len(names)) if c not in reached]
    if alone:
        raise MocapError(
            f"{where}: offset of {', '.join(alone)} cannot be found within {within_s:g} s: no shift makes its keypoints agree "
            "with the other cameras'; record somebody who moves fast in view of all of them, search further, or give offset_s"
        )
    weight = np.array([1.0 / max(p.sigma_s, 0.05 / rate_hz) for p in pairs])
    rows = np.zeros((len(pairs), len(names)))
    for row, p in zip(rows, pairs, strict=True):
        row[p.a], row[p.b] = -1.0, 1.0
    shifts = np.array([p.shift_s for p in pairs])
    robust = weight.copy()
    for _ in range(5):  # pairs that lie count less (Cauchy)
        A = rows[:, 1:] * robust[:, None]
        solved, *_ = np.linalg.lstsq(A, shifts * robust, rcond=None)
        offset = np.concatenate([[0.0], solved])
        off = np.abs(rows @ offset - shifts) * rate_hz
        robust = weight / np.sqrt(1.0 + (off / 0.3) ** 2)
    per_camera = np.array([np.median([o for o, p in zip(off, pairs, strict=True) if c in (p.a, p.b)]) for c in range(len(names))])
    worst = int(np.argmax(per_camera))
    if per_camera[worst] > DISAGREEMENT_FRAMES:
        raise MocapError(
            f"{where}: the cameras' offsets do not agree: pairs of {names[worst]} are {per_camera[worst]:.1f} frames off what "
            "all say together; its video may have dropped frames, its rate_hz be wrong, or its calibration be another camera's"
        )
    spread = np.sqrt(np.maximum(np.diag(np.linalg.pinv(A.T @ A)), 0.0))
    return Offsets(first_s + offset, np.concatenate([[0.0], spread]), per_camera)
