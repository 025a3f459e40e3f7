"""Joint centres of one person over a clip, held to bones of constant length and bridged where they were not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.mocap._constant_bone_kernel import fit_chain
from understudy.spec.skeleton import SIDES

CHAINS: tuple[tuple[str, ...], ...] = (
    ("left_toe", "left_ankle", "left_knee", "left_hip", "right_hip", "right_knee", "right_ankle", "right_toe"),
    *((f"{s}_shoulder", f"{s}_elbow", f"{s}_wrist", f"{s}_hand") for s in SIDES),
    ("neck", "head"),
    *((name,) for name in ("spine", "chest", "left_collar", "right_collar")),
)
"""Neighbours in a chain keep their distance."""

BONE_WEIGHT, BRIDGE_WEIGHT = 1e4, 1e-3
"""Against a joint that was seen, and a marker of one that was not, whose weight is 1; per square metre."""
ON_JOINT_M = 0.07
"""A marker this near sits on the joint."""
TRUNK = ("left_hip", "right_hip", "neck", "chest")


@dataclass(frozen=True)
class Fit:
    """The outcome.

    Attributes:
        joints: (T, 3) per joint, finite throughout.
        covered: (T,) per joint, whether it was seen or follows from markers and bones around it; elsewhere it was bridged.
        lengths_m: per pair of neighbours.
    """

    joints: Mapping[str, F64]
    covered: Mapping[str, Bool]
    lengths_m: Mapping[tuple[str, str], float]


def fit_constant_bones(joints: Mapping[str, F64], anchors: Mapping[str, Sequence[F64]]) -> Fit:
    """Damped least squares per frame: joints near where they were seen, bones at their median length.

    A joint that was not seen in a frame is placed by its distances to the markers of its segments, which are constant too, and
    by its bones; where these are too few it moves with the markers that are left, or with the trunk.

    Args:
        joints: (T, 3) per joint, NaN where it could not be computed; every joint is known in some frame.
        anchors: markers (T, 3) at a constant distance from a joint.
    """
    out: dict[str, F64] = {}
    covered: dict[str, Bool] = {}
    lengths: dict[tuple[str, str], float] = {}
    guesses = _bridged(joints, anchors)
    for chain in CHAINS:
        names = [name for name in chain if name in joints]
        if not names:
            continue
        pos = np.stack([joints[name] for name in names], axis=1)
        guess = np.stack([guesses[name] for name in names], axis=1)
        bones = np.array([_length(pos[:, i], pos[:, i + 1], guess[:, i], guess[:, i + 1]) for i in range(len(names) - 1)])
        tied = [_tied(anchors.get(name, ()), joints[name]) for name in names]
        solved = _solve(pos, guess, bones, tied)
        known = _covered(pos, tied)
        for i, name in enumerate(names):
            out[name], covered[name] = solved[:, i], known[:, i]
        lengths |= {(names[i], names[i + 1]): float(bones[i]) for i in range(len(bones))}
    return Fit(out, covered, lengths)


def _bridged(joints: Mapping[str, F64], anchors: Mapping[str, Sequence[F64]]) -> dict[str, F64]:
    """Every joint in every frame: carried by its markers that are there, the nearest most, else by the trunk.

    What is carried is the joint's offset, interpolated between the frames where it is known.
    """
    trunk = {name: _interpolated(joints[name]) for name in TRUNK if name in joints}
    centre = np.asarray(sum(trunk.values()) / len(trunk))
    out = {}
    for name, track in joints.items():
        lost: Bool = np.asarray(~np.isfinite(track).all(axis=1))
        if not lost.any():
            out[name] = track
            continue
        total, weights = np.zeros(track.shape), np.zeros((len(track), 1))
        for marker in anchors.get(name, ()):
            distance = _median_distance(marker, track)
            if np.isfinite(distance):
                there: Bool = np.asarray(np.isfinite(marker).all(axis=1, keepdims=True))
                weight = there / max(distance, 0.01) ** 2
                total += weight * np.where(there, marker + _interpolated(track - marker), 0.0)
                weights += weight
        by_trunk = trunk[name] if name in trunk else _interpolated(track - centre) + centre
        carried = np.where(weights > 0.0, total / np.maximum(weights, 1e-9), by_trunk)
        out[name] = np.where(lost[:, None], carried, track)
    return out


def _interpolated(track: F64) -> F64:
    """(T, 3) with a line through every gap, and the last known value beyond the ends."""
    frames, at = np.arange(len(track)), np.flatnonzero(np.isfinite(track).all(axis=1))
    return np.stack([np.interp(frames, at, track[at, i]) for i in range(3)], axis=1)


def _length(a: F64, b: F64, guess_a: F64, guess_b: F64) -> float:
    seen = _median_distance(a, b)
    return seen if np.isfinite(seen) else float(np.median(np.linalg.norm(guess_a - guess_b, axis=1)))


def _median_distance(a: F64, b: F64) -> float:
    d = np.linalg.norm(a - b, axis=1)
    d = d[np.isfinite(d)]
    return float(np.median(d)) if d.size else float("nan")


Tied = list[list[tuple[F64, float]]]


def _tied(markers: Sequence[F64], joint: F64) -> list[tuple[F64, float]]:
    """Markers and their distance from a joint, those that were never seen with it left out."""
    distances = [(marker, _median_distance(marker, joint)) for marker in markers]
    return [(marker, distance) for marker, distance in distances if np.isfinite(distance)]


def _covered(pos: F64, tied: Tied) -> Bool:
    """(T, n) seen, or with at least three known distances; a marker on the joint itself counts as two."""
    seen: Bool = np.asarray(np.isfinite(pos).all(axis=2))
    markers = np.zeros(seen.shape, dtype=np.int64)
    for i, own in enumerate(tied):
        for marker, distance in own:
            markers[:, i] += np.isfinite(marker).all(axis=1) * (2 if distance < ON_JOINT_M else 1)
    known: Bool = seen
    for _ in range(pos.shape[1]):
        ties = markers.copy()
        ties[:, 1:] += known[:, :-1]
        ties[:, :-1] += known[:, 1:]
        known = np.asarray(seen | (ties >= 3))
    return known


def _solve(pos: F64, guess: F64, bones: F64, tied: Tied) -> F64:
    """(T, n, 3) the joints of one chain; markers pull only where their joint was not seen."""
    seen: Bool = np.asarray(np.isfinite(pos).all(axis=2))
    target = np.where(seen[..., None], pos, guess)
    weight = np.where(seen, 1.0, BRIDGE_WEIGHT)
    used = [
        (i, np.where(seen[:, i, None] | ~np.isfinite(marker).all(axis=1, keepdims=True), np.nan, marker), distance)
        for i, own in enumerate(tied)
        if not seen[:, i].all()
        for marker, distance in own
    ]
    markers = np.array([marker for _, marker, _ in used]).reshape(len(used), len(pos), 3)
    joint_of = np.array([i for i, _, _ in used], dtype=np.int64)
    out = np.empty_like(target)
    radius = np.array([distance for _, _, distance in used], dtype=np.float64)
    fit_chain(target, weight, bones, BONE_WEIGHT, markers, joint_of, radius, out)
    return out


def marker_residual(marker: F64, joints: Sequence[F64]) -> float:
    """Root mean square change of a marker's distances from the joints it should move with, metres; NaN if never seen."""
    errors = []
    for joint in joints:
        d = np.linalg.norm(marker - joint, axis=1)
        d = d[np.isfinite(d)]
        errors.append(d - np.median(d) if d.size else d)
    every = np.concatenate(errors) if errors else np.zeros(0)
    return float(np.sqrt(np.mean(every**2))) if every.size else float("nan")
