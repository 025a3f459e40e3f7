"""Triangulated keypoints to the canonical person: joint centres, bones of one length, no gaps, no jitter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.filters import lowpass
from understudy.mocap._constant_bones import fit_constant_bones
from understudy.mocap._gaps import LONGEST_S, fill_gaps
from understudy.mocap._tree import CHEST_AT, KNUCKLES_OVER_FOREARM, SPINE_AT
from understudy.spec.skeleton import JOINTS, REQUIRED, SIDES

BALL_OVER_FOOT = 0.73
"""Heel to ball over heel to the tip of the toes. Source: ANSUR anthropometric survey (Gordon et al., 1989), ball of foot length
over foot length."""
BALL_OVER_TOES = 0.7
"""Ankle to ball over ankle to the tip of the toes, along the line, where no heel is seen."""
LONGEST_BRIDGE_S = 0.5
"""A gap of a required joint over this is refused."""
SPIKE_WINDOW_S, SPIKE_OVER_LEG, SPIKES = 0.12, 0.06, 6.0
"""A position further from the median around it than 6 % of a leg, and than 6 times what is usual, is an outlier."""

ACROSS = (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
BONES: tuple[tuple[str, str, float], ...] = (
    *((a, b, 0.6) for a, b in ACROSS),
    *(
        (f"{s}_{a}", f"{s}_{b}", tolerance)
        for s in SIDES
        for a, b, tolerance in (
            ("hip", "knee", 0.35), ("knee", "ankle", 0.35), ("ankle", "toe", 0.6),
            ("shoulder", "elbow", 0.35), ("elbow", "wrist", 0.4), ("wrist", "hand", 0.8),
        )
    ),
    ("neck", "head", 0.6),
)  # fmt: skip
"""Bones outwards, and by what part of the usual length one may differ before its outer end is taken for another point."""


@dataclass(frozen=True)
class Body:
    """The person.

    Attributes:
        names: canonical joints that are there, in the order of `JOINTS`.
        pos: (T, N, 3) positions, unit and axes of the calibration.
        measured: those that were seen; the others lie on lines between them.
        frames: first and last + 1 of the frames kept: the person must be seen whole at both ends.
        warnings: gaps that were bridged, frames cut.
    """

    names: tuple[str, ...]
    pos: F64
    measured: frozenset[str]
    frames: tuple[int, int]
    warnings: tuple[str, ...]


def body_of(names: Sequence[str], pos: F64, *, rate_hz: float, lowpass_hz: float, where: str) -> Body:
    """Joint centres of one person over time.

    Args:
        names: K keypoints.
        pos: (T, K, 3) positions in any unit; NaN where unknown.
        rate_hz: frames per second.
        lowpass_hz: cut-off of the zero-phase filter; 0 for none.
        where: name of the session, for messages.

    Raises:
        MocapError: a required joint is never seen, or hidden for too long.
    """
    joints = _joints({name: pos[:, i] for i, name in enumerate(names)})
    lost = [name for name in REQUIRED if name not in joints]
    if lost:
        raise MocapError(f"{where}: the keypoints have no {', '.join(lost)}; detect with a whole-body model")
    track = np.stack(list(joints.values()), axis=1)
    track[_misshapen(track, list(joints))] = np.nan
    track[_spikes(track, list(joints), rate_hz)] = np.nan
    start, end = _whole(track, list(joints), where)
    track = track[start:end]
    told = [] if end - start == len(pos) else [
        f"the person is seen whole from {start / rate_hz:.2f} to {(end - 1) / rate_hz:.2f} s of {(len(pos) - 1) / rate_hz:.2f} "
        "s; the rest was cut"
    ]  # fmt: skip
    track, said = _without_gaps(track, list(joints), rate_hz, where, start)
    if lowpass_hz > 0.0:
        track = lowpass(track, rate_hz=rate_hz, cutoff_hz=lowpass_hz)
    fit = fit_constant_bones({name: track[:, i] for i, name in enumerate(joints)}, {})
    whole = _completed(_rigid(fit.joints, fit.lengths_m))
    kept = tuple(name for name in JOINTS if name in whole)
    return Body(
        kept,
        np.stack([whole[name] for name in kept], axis=1),
        frozenset({*joints, "pelvis"} - {"neck"}),
        (start, end),
        (*told, *said),
    )


def _joints(at: Mapping[str, F64]) -> dict[str, F64]:
    """Canonical joints that keypoints give directly, (T, 3) each; a joint that is never seen is not among them."""
    out: dict[str, F64] = {}
    for name in REQUIRED:
        if name in at:
            out[name] = at[name]
    for side in SIDES:
        hand = at.get(f"{side}_hand_middle_1", _mean(at, f"{side}_index", f"{side}_pinky"))
        if hand is not None:
            out[f"{side}_hand"] = hand
        toe = _ball(at, side)
        if toe is not None:
            out[f"{side}_toe"] = toe
    ears, shoulders = _mean(at, "left_ear", "right_ear"), _mean(at, "left_shoulder", "right_shoulder")
    if shoulders is not None:
        out["neck"] = shoulders
    if ears is not None:
        out["head"] = ears
    return {name: track.copy() for name, track in out.items() if np.isfinite(track).all(axis=1).sum() >= max(2, 0.2 * len(track))}


def _mean(at: Mapping[str, F64], a: str, b: str) -> F64 | None:
    return (at[a] + at[b]) / 2.0 if a in at and b in at else None


def _ball(at: Mapping[str, F64], side: str) -> F64 | None:
    """Ball of the foot, from the tip of the toes and the heel, or the ankle where no heel is known."""
    tip = at.get(f"{side}_foot_index")
    if tip is None:
        tip = _mean(at, f"{side}_big_toe", f"{side}_small_toe")
    ankle, heel = at.get(f"{side}_ankle"), at.get(f"{side}_heel")
    if tip is None or ankle is None:
        return None
    if heel is not None:
        return np.asarray(heel + BALL_OVER_FOOT * (tip - heel))
    return np.asarray(ankle + BALL_OVER_TOES * (tip - ankle))


def _misshapen(track: F64, names: Sequence[str]) -> Bool:
    """(T, N) joints at the end of a bone whose length cannot be: two views that agree on a wrong point, such as the other arm."""
    out: Bool = np.zeros(track.shape[:2], dtype=np.bool_)
    for a, b, tolerance in BONES:
        if a not in names or b not in names:
            continue
        i, j = names.index(a), names.index(b)
        length = np.linalg.norm(track[:, i] - track[:, j], axis=1)
        length[out[:, i]] = np.nan
        known = np.isfinite(length)
        if not known.any():
            continue
        usual = float(np.median(length[known]))
        wrong = known & (np.abs(np.nan_to_num(length) - usual) > tolerance * usual)
        out[:, j] |= wrong
        if (a, b) in ACROSS:
            out[:, i] |= wrong
    return out


def _rigid(joints: Mapping[str, F64], lengths: Mapping[tuple[str, str], float]) -> dict[str, F64]:
    """The joints with every bone at its length to the last digit: hips about their middle, limbs outwards."""
    out = dict(joints)
    middle, half = (out["left_hip"] + out["right_hip"]) / 2.0, lengths["left_hip", "right_hip"] / 2.0
    across = _unit(out["left_hip"] - out["right_hip"])
    moved = {"left_hip": middle + half * across, "right_hip": middle - half * across}
    for a, b, _ in BONES:
        length = lengths.get((a, b), lengths.get((b, a)))
        if (a, b) not in ACROSS and length is not None:
            moved[b] = moved.get(a, out[a]) + length * _unit(out[b] - out[a])
    return out | moved


def _unit(vector: F64) -> F64:
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12))


def _spikes(track: F64, names: Sequence[str], rate_hz: float) -> Bool:
    """(T, N) positions that jump away from the median of those around them, gaps and ends being continued evenly."""
    frames, half = np.arange(len(track)), max(2, round(SPIKE_WINDOW_S * rate_hz / 2.0))
    out: Bool = np.zeros(track.shape[:2], dtype=np.bool_)
    if len(track) <= half:
        return out
    leg = _leg(track, names)
    for i in range(track.shape[1]):
        seen = np.flatnonzero(np.isfinite(track[:, i]).all(axis=1))
        if len(seen) < 3:
            continue
        even = np.stack([np.interp(frames, seen, track[seen, i, c]) for c in range(3)], axis=1)
        before, after = 2.0 * even[0] - even[half:0:-1], 2.0 * even[-1] - even[-2 : -half - 2 : -1]
        windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, even, after]), 2 * half + 1, axis=0)
        away = np.linalg.norm(even - np.median(windows, axis=-1), axis=1)
        out[seen, i] = away[seen] > max(SPIKES * float(np.median(away[seen])), SPIKE_OVER_LEG * leg)
    return out


def _leg(track: F64, names: Sequence[str]) -> float:
    at = {name: track[:, i] for i, name in enumerate(names)}
    sides = [
        np.linalg.norm(at[f"{s}_hip"] - at[f"{s}_knee"], axis=1) + np.linalg.norm(at[f"{s}_knee"] - at[f"{s}_ankle"], axis=1)
        for s in SIDES
    ]
    lengths = np.concatenate(sides)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.median(lengths)) if lengths.size else float("inf")


def _whole(track: F64, names: Sequence[str], where: str) -> tuple[int, int]:
    """First and last + 1 frame in which every joint of the trunk and the limbs is seen."""
    required = [names.index(name) for name in REQUIRED]
    seen: Bool = np.asarray(np.isfinite(track).all(axis=2))
    for i in required:
        if seen[:, i].mean() < 0.5:
            raise MocapError(
                f"{where}: {names[i]} is found in {100 * seen[:, i].mean():.0f} % of the frames; at least half are needed: add "
                "a camera that sees it, or cut the session with start_s and end_s"
            )
    whole = np.flatnonzero(seen[:, required].all(axis=1))
    if whole.size < 3:
        raise MocapError(
            f"{where}: the whole person is seen in {whole.size} frames; 3 or more are needed: place the cameras further back"
        )
    return int(whole[0]), int(whole[-1]) + 1


def _without_gaps(track: F64, names: Sequence[str], rate_hz: float, where: str, first: int) -> tuple[F64, list[str]]:
    """Short gaps by a cubic, longer ones relative to the trunk; every one is told, those over half a second are refused."""
    out, gaps = fill_gaps(track, rate_hz, [])
    said = []
    short = [names[g.marker] for g in gaps if g.filled]
    if short:
        listed = ", ".join(f"{name} {short.count(name)}" for name in sorted(set(short)))
        said.append(f"gaps of up to {LONGEST_S:g} s were interpolated: {listed}")
    for gap in gaps:
        name, begin, end = names[gap.marker], (first + gap.start) / rate_hz, (first + gap.end) / rate_hz
        if gap.filled:
            continue
        if end - begin > LONGEST_BRIDGE_S + 1e-9 and name in REQUIRED:
            raise MocapError(
                f"{where}: {name} is not found from {begin:.2f} to {end:.2f} s; up to {LONGEST_BRIDGE_S:g} s are bridged: add "
                "a camera that sees it, or cut the session with start_s and end_s"
            )
        said.append(f"{name} was not found from {begin:.2f} to {end:.2f} s and was bridged with the trunk: do not trust it there")
    return _bridged(out, names), said


def _bridged(track: F64, names: Sequence[str]) -> F64:
    """Gaps filled evenly relative to the middle of the hips and shoulders."""
    frames: I64 = np.arange(len(track))

    def even(values: F64) -> F64:
        known = np.flatnonzero(np.isfinite(values).all(axis=1))
        return np.stack([np.interp(frames, known, values[known, i]) for i in range(3)], axis=1)

    trunk = [names.index(f"{s}_{part}") for s in SIDES for part in ("hip", "shoulder")]
    centre = np.mean([even(track[:, i]) for i in trunk], axis=0)
    return np.stack([even(track[:, i] - centre) + centre for i in range(track.shape[1])], axis=1)


def _completed(joints: dict[str, F64]) -> dict[str, F64]:
    """The joints with those that lie between them, and hands along the forearm where none were seen."""
    joints["neck"] = (joints["left_shoulder"] + joints["right_shoulder"]) / 2.0
    joints["pelvis"] = (joints["left_hip"] + joints["right_hip"]) / 2.0
    trunk = joints["neck"] - joints["pelvis"]
    joints["spine"], joints["chest"] = joints["pelvis"] + SPINE_AT * trunk, joints["pelvis"] + CHEST_AT * trunk
    if "head" not in joints:
        joints["head"] = joints["neck"] + trunk / 3.0
    for side in SIDES:
        joints[f"{side}_collar"] = joints["neck"] + 0.2 * (joints[f"{side}_shoulder"] - joints["neck"])
        if f"{side}_hand" not in joints:
            forearm = joints[f"{side}_wrist"] - joints[f"{side}_elbow"]
            joints[f"{side}_hand"] = joints[f"{side}_wrist"] + KNUCKLES_OVER_FOREARM * forearm
    return joints
