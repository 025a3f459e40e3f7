"""Labelled points to a motion: joint centres where they are named so (markerless tracking, solved skeletons), else markers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap import _canonical as canonical
from understudy.mocap._constant_bones import fit_constant_bones
from understudy.mocap._fingers import finger_nodes, hand_positions, wrists_of
from understudy.mocap._gaps import fill_gaps
from understudy.mocap._marker_body import true_unit
from understudy.mocap._marker_motion import (
    canonical_from_joints,
    check_joints,
    fit_warnings,
    kept_frames,
    long_gaps,
    motion_from_markers,
    stamps,
)
from understudy.mocap._marker_sets import cast_markers, roles_missed
from understudy.mocap._markers import FEWEST_FRAMES, MarkerTake, bare_name, subject_of
from understudy.mocap._names import find_limbs, joints_missed
from understudy.mocap._palms import best_radial, radial_from_fingers
from understudy.mocap._tree import Tree, lay_out
from understudy.mocap._units import LEG_RANGE_M, UP_AXES, up_axis
from understudy.spec.skeleton import INDEX, JOINTS, SIDES, HumanMotion, SourceInfo

FEW = 4
"""Joints that may be missing of points that are still taken for a skeleton whose names are wrong, not for markers."""
_RENAMED = {"bigtoe": "toe"}
"""Plain names of keypoints that the naming schemes of skeleton files do not have, without their side."""


def motion_from_points(take: MarkerTake, *, path: str, sha256: str, format_name: str) -> HumanMotion:
    """The motion of the person in a take whose points are markers or joint centres.

    Raises:
        MocapError: neither a whole marker set nor every required joint is there.
    """
    try:
        cast_markers(take.names, path)
    except MocapError:
        joints = joint_points(take)
        if joints is not None:
            parents = np.full(len(joints.names), -1, dtype=np.int64)
            return motion_from_joints(joints, parents, path=path, sha256=sha256, format_name=format_name)
        words = [_joint_name(name) for name in take.names]
        if joints_missed(words) <= min(FEW, roles_missed(take.names) - 1):
            find_limbs(words, path)  # says which joint is missing
    return motion_from_markers(take, path=path, sha256=sha256, format_name=format_name)


def joint_points(take: MarkerTake) -> MarkerTake | None:
    """The points of the first subject that has every required joint; None where nobody has."""
    for subject in dict.fromkeys(map(subject_of, take.names)):
        index = [i for i, name in enumerate(take.names) if subject_of(name) == subject]
        names = tuple(_joint_name(take.names[i]) for i in index)
        try:
            find_limbs(names, "")
        except MocapError:
            continue
        return MarkerTake(names, take.pos_m[:, index], take.rate_hz, take.unit_m, take.up, warnings=take.warnings)
    return None


def _joint_name(name: str) -> str:
    bare = bare_name(name)
    for old, new in _RENAMED.items():
        if bare.lower().endswith(old):
            return bare[: len(bare) - len(old)] + new
    return bare


def motion_from_joints(
    take: MarkerTake, parents: I64, *, path: str, sha256: str, format_name: str, is_end: Sequence[bool] = ()
) -> HumanMotion:
    """The motion of a skeleton whose joint centres are given, held to bones of constant length.

    Args:
        take: joint centres as points, one subject.
        parents: (M,) index of each joint's parent, -1 where unknown.
        path: the file.
        sha256: hash of its bytes.
        format_name: the reader's name.
        is_end: per joint, whether it is a tip without a name; none by default.

    Raises:
        MocapError: a required joint is missing or never seen, or no unit fits a person.
    """
    filled, gaps = fill_gaps(take.pos_m, take.rate_hz, ())
    shown: Bool = np.asarray(np.isfinite(filled).all(axis=2))
    used = shown.sum(axis=0) >= FEWEST_FRAMES
    whole = np.flatnonzero(shown[:, used].all(axis=1))
    names = [name if ok else "" for name, ok in zip(take.names, used, strict=True)]
    if not len(whole):
        raise MocapError(f"{path}: no frame shows every joint; fill the gaps where the motion was made")
    tree = Tree(names, parents, np.nan_to_num(filled[whole[0]]), list(is_end) or [not ok for ok in used])
    layout = lay_out(tree, path)
    nodes = layout.nodes()
    pos = canonical.canonical_positions(filled[:, nodes], nodes, layout)
    unit_m, odd_unit = true_unit(_leg(pos), take.unit_m, path)
    pos, filled = pos * (unit_m / take.unit_m), filled * (unit_m / take.unit_m)
    joints = {name: pos[:, INDEX[name]] for name in JOINTS if name in layout.weights and name != "pelvis"}
    check_joints(joints, path)
    fit = fit_constant_bones(joints, {})
    keep = kept_frames(fit, path, take.rate_hz)
    kept = {name: track[keep] for name, track in fit.joints.items()}
    leg = canonical.leg_length(canonical_from_joints(kept))
    if not LEG_RANGE_M[0] <= leg <= LEG_RANGE_M[1]:
        raise MocapError(f"{path}: hip to knee to ankle is {leg:.3g} m; a person has {LEG_RANGE_M[0]} to {LEG_RANGE_M[1]} m")
    found, unsure = up_axis(_upward(kept), np.zeros(3))
    up = take.up if unsure and take.up else found
    to_world = UP_AXES[up].T
    pos_world_m = canonical_from_joints({name: np.asarray(track @ to_world) for name, track in kept.items()})
    hands = hand_positions(finger_nodes(tree, wrists_of(layout)), filled)
    if hands is not None:
        hands = _on_wrists(hands[keep], kept)
    turned = best_radial(
        None if hands is None else radial_from_fingers(hands), None if take.radial is None else take.radial[keep]
    )
    warnings = [*take.warnings, odd_unit, None if take.up else unsure, *long_gaps(take.names, gaps, take.rate_hz)]
    warnings += [*fit_warnings(fit, keep, len(take), take.rate_hz), *canonical.observations(pos_world_m, layout.measured)]
    return HumanMotion(
        joint_pos_world_m=pos_world_m,
        t_ns=stamps(len(pos_world_m), take.rate_hz),
        measured=np.array([name in layout.measured for name in JOINTS]),
        source=SourceInfo(
            path=path, sha256=sha256, format=format_name, dialect=layout.dialect, unit_m=unit_m, up=up,
            rate_hz=take.rate_hz, warnings=tuple(text for text in warnings if text),
        ),
        hand_pos_world_m=None if hands is None else hands @ to_world,
        hand_radial_world=None if turned is None else turned @ to_world,
    )  # fmt: skip


def _leg(pos: F64) -> float:
    """Hip to knee to ankle, median over the frames that show them, mean of both sides; NaN where none does."""
    spans = [
        np.linalg.norm(pos[:, INDEX[f"{side}_{a}"]] - pos[:, INDEX[f"{side}_{b}"]], axis=1)
        for side in SIDES
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    return float(sum(np.median(span[np.isfinite(span)]) if np.isfinite(span).any() else np.nan for span in spans) / 2.0)


def _on_wrists(hands: F64, joints: dict[str, F64]) -> F64:
    """(T, 2, 21, 3) hands moved so that their wrists are the body's."""
    wrists = np.stack([joints[f"{side}_wrist"] for side in SIDES], axis=1)
    return np.asarray(hands + (wrists - hands[:, :, 0])[:, :, None])


def _upward(joints: dict[str, F64]) -> F64:
    """(T, 3) from the middle of the ankles to the head or neck."""
    return np.asarray(joints.get("head", joints["neck"]) - (joints["left_ankle"] + joints["right_ankle"]) / 2.0)
