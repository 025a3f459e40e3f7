"""Keypoints of several cameras brought to one clock and one list of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._keypoint_names import HANDS, SCHEMES
from understudy.mocap._keypoints import Keypoints
from understudy.mocap._session import Session

MIN_FRAMES, MAX_FRAMES = 3, 1_000_000


@dataclass(frozen=True)
class Tracks:
    """What all cameras saw at the same times.

    Attributes:
        names: K keypoints.
        schemes: names of the schemes they came in.
        px: (C, T, K, 2) pixels; NaN where not seen.
        confidence: (C, T, K) 0 to 1; 0 where not seen.
        rate_hz: frames per second.
    """

    names: tuple[str, ...]
    schemes: tuple[str, ...]
    px: F64
    confidence: F64
    rate_hz: float


def on_one_clock(session: Session, seen: Sequence[Keypoints]) -> Tracks:
    """Keypoints at the session's rate over the time that every camera covers, interpolated where a camera's frames lie between.

    Args:
        session: says rate, offsets and the part that is kept.
        seen: one per view, in pixels, with a rate.

    Raises:
        MocapError: the views do not overlap in time.
    """
    rates = [k.rate_hz or 0.0 for k in seen]
    rate_hz = session.rate_hz or max(rates)
    starts = [view.offset_s for view in session.views]
    ends = [start + (len(k.px) - 1) / rate for start, k, rate in zip(starts, seen, rates, strict=True)]
    begin, end = max(*starts, session.start_s) if session.start_s else max(starts), min(*ends, session.end_s)
    frames = int(np.floor((end - begin) * rate_hz + 1e-6)) + 1
    if not MIN_FRAMES <= frames <= MAX_FRAMES:
        listed = ", ".join(f"{v.camera} {a:.2f} to {b:.2f} s" for v, a, b in zip(session.views, starts, ends, strict=True))
        raise MocapError(
            f"{max(frames, 0)} frames are covered by every camera ({listed}; kept {begin:.2f} to {end:.2f} s); {MIN_FRAMES} to "
            f"{MAX_FRAMES} are needed: check offset_s, rate_hz, start_s and end_s"
        )
    t_s = begin + np.arange(frames) / rate_hz
    names = tuple(dict.fromkeys(name for k in seen for name in k.names))
    px, confidence = np.full((len(seen), frames, len(names), 2), np.nan), np.zeros((len(seen), frames, len(names)))
    for c, (k, start, rate) in enumerate(zip(seen, starts, rates, strict=True)):
        columns = [names.index(name) for name in k.names]
        px[c][:, columns], confidence[c][:, columns] = _at(k, (t_s - start) * rate)
    schemes = dict.fromkeys(
        next((s for s, listed in SCHEMES.items() if k.names in (listed, (*listed, *HANDS))), "?") for k in seen
    )
    return Tracks(names, tuple(schemes), px, confidence, rate_hz)


def _at(seen: Keypoints, frame: F64) -> tuple[F64, F64]:
    """Pixels and confidence at fractional frames (T,); between two frames both must be seen, the less sure one counts."""
    frame = np.clip(np.where(np.abs(frame - np.rint(frame)) < 1e-3, np.rint(frame), frame), 0.0, len(seen.px) - 1.0)
    before = np.floor(frame).astype(np.int64)
    after = np.ceil(frame).astype(np.int64)
    u = (frame - before)[:, None, None]
    px = np.where(u > 0.0, (1.0 - u) * seen.px[before] + u * seen.px[after], seen.px[before])
    confidence = np.minimum(seen.confidence[before], seen.confidence[after])
    return px, np.where(np.isfinite(px).all(axis=2), confidence, 0.0)
