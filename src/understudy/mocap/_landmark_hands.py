"""Triangulated keypoints of the hands: bones of one length, short gaps filled, no jitter, laid on the body's wrists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.filters import lowpass
from understudy.mocap._keypoint_names import HANDS
from understudy.spec.hand import FINGERS, finger_columns
from understudy.spec.skeleton import HAND_JOINTS, SIDES

LONGEST_GAP_S = 0.25
"""A joint that is not seen for longer is not known meanwhile."""
TOLERANCE = 0.5
"""A bone whose length is off by more than this share of the usual one ends in another point."""
LEAST_SEEN = 0.2


def landmark_hands(names: Sequence[str], pos: F64, body: Mapping[str, F64], *, rate_hz: float, lowpass_hz: float) -> F64 | None:
    """(T, 2, 21, 3) joints of both hands; NaN where they are not seen, None where the keypoints have no hands.

    Args:
        names: K keypoints.
        pos: (T, K, 3) positions, any unit; NaN where unknown.
        body: canonical joints of the person, (T, 3) each, same axes.
        rate_hz: frames per second.
        lowpass_hz: cut-off of the zero-phase filter; 0 for none.
    """
    if not set(HANDS) <= set(names):
        return None
    out = np.full((len(pos), len(SIDES), len(HAND_JOINTS), 3), np.nan)
    for i, side in enumerate(SIDES):
        columns = [names.index(f"{side}_hand_{joint}") for joint in HAND_JOINTS]
        from_wrist = pos[:, columns] - pos[:, columns[:1]]
        from_wrist = _one_length(from_wrist)
        for k in range(1, len(HAND_JOINTS)):
            from_wrist[:, k] = _even(from_wrist[:, k], rate_hz, lowpass_hz)
        from_wrist[:, 0] = 0.0
        out[:, i] = body[f"{side}_wrist"][:, None] + from_wrist
        out[np.isnan(from_wrist[:, 1:]).all(axis=(1, 2)), i] = np.nan
    return None if np.isnan(out).all() else out


def _one_length(hand: F64) -> F64:
    """(T, 21, 3) joints from the wrist with every bone at its usual length, outwards; outliers are left out."""
    out = hand.copy()
    for finger in FINGERS:
        above = 0
        for column in finger_columns(finger):
            bone = hand[:, column] - hand[:, above]
            length = np.linalg.norm(bone, axis=1)
            known = np.isfinite(length)
            if known.mean() < LEAST_SEEN:
                out[:, column] = np.nan
            else:
                usual = float(np.median(length[known]))
                length[~known | (np.abs(np.nan_to_num(length) - usual) > TOLERANCE * usual)] = np.nan
                out[:, column] = out[:, above] + bone * (usual / length)[:, None]
            above = column
    return out


def _even(track: F64, rate_hz: float, lowpass_hz: float) -> F64:
    """(T, 3) a joint's track with its short gaps filled and smoothed; NaN in the long ones."""
    seen = np.flatnonzero(np.isfinite(track).all(axis=1))
    if len(seen) < 2:
        return np.full_like(track, np.nan)
    frames = np.arange(len(track))
    out = np.stack([np.interp(frames, seen, track[seen, c]) for c in range(3)], axis=1)
    if lowpass_hz > 0.0:
        out = lowpass(out, rate_hz=rate_hz, cutoff_hz=lowpass_hz)
    after = np.clip(np.searchsorted(seen, frames), 0, len(seen) - 1)
    before = np.clip(np.searchsorted(seen, frames, side="right") - 1, 0, len(seen) - 1)
    longest = LONGEST_GAP_S * rate_hz
    gap = np.maximum(np.abs(seen[after] - frames), np.abs(frames - seen[before]))
    out[(seen[after] - seen[before] > longest) | (gap > longest)] = np.nan
    return out
