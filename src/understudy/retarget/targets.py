"""The person's side of the problem: directions to copy, and where the root goes at the robot's size.

Directions come from the person and lengths from the robot, so every target can be reached in principle; the root's
path is the person's times the ratio of leg lengths, which keeps a foot that stands still standing still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.retarget.contacts import flat, foot_pitch, stance, standing_pitch
from understudy.retarget.problem import LIMBS, VECTORS, Problem
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion

WEIGHTS: dict[str, float] = {
    **{f"{a}>{b}": 1.0 for a, b in LIMBS},
    "pelvis_lateral": 3.0,
    "pelvis_up": 0.3,
    "trunk": 1.0,
    "shoulder_line": 1.0,
    "left_hand": 1.0,
    "right_hand": 1.0,
    "midhip": 30.0,
    "left_sole": 0.1,
    "right_sole": 0.1,
}
"""Weights of unit-length directions: 1 means that a radian off costs 1. `midhip` is per square metre."""


@dataclass(frozen=True)
class Targets:
    """What the robot is asked to do.

    Attributes:
        vectors: (T, V, 3) targets of the vector tasks, order `VECTORS`.
        weights: (V,) their weights.
        stance: (T, 2) feet that stand; flat (T, 2) feet whose whole sole does.
        scale: robot's leg over the person's.
        height_shift_m: added to the scaled height so that standing ankles are as high as the robot's.
        hip_mismatch_pct: how much wider the robot's hips are, in percent of the leg.
    """

    vectors: F64
    weights: F64
    stance: Bool
    flat: Bool
    scale: float
    height_shift_m: float
    hip_mismatch_pct: float


def make_targets(motion: HumanMotion, problem: Problem) -> Targets:
    """Feasible targets of a motion for a robot."""
    subject = motion.subject()
    scale = problem.leg_m / subject.leg_m
    standing = stance(motion)
    lying = flat(motion, standing)
    midhip = 0.5 * (motion.joint("left_hip") + motion.joint("right_hip"))
    shift = _height_shift(motion, lying, scale, problem.ankle_height_m)
    mismatch = 100.0 * (problem.hip_half_width_m / problem.leg_m - 0.5 * subject.hip_width_m / subject.leg_m)
    vectors = np.empty((len(motion), len(VECTORS), 3))
    for i, (a, b) in enumerate(LIMBS):
        vectors[:, i] = _unit(motion.joint(b) - motion.joint(a))
    place = {name: i for i, name in enumerate(VECTORS)}
    trunk = _unit(motion.joint("neck") - midhip)
    lateral = _unit(motion.joint("left_hip") - motion.joint("right_hip"))
    vectors[:, place["pelvis_lateral"]] = lateral
    vectors[:, place["pelvis_up"]] = _unit(trunk - np.sum(trunk * lateral, axis=1, keepdims=True) * lateral)
    vectors[:, place["trunk"]] = trunk
    vectors[:, place["shoulder_line"]] = _unit(motion.joint("left_shoulder") - motion.joint("right_shoulder"))
    for i, side in enumerate(SIDES):
        leg, arm = _length(motion, side, "hip", "knee", "ankle"), _length(motion, side, "shoulder", "elbow", "wrist")
        vectors[:, place[f"{side}_foot"]] = (motion.joint(f"{side}_ankle") - midhip) / leg
        vectors[:, place[f"{side}_hand"]] = (motion.joint(f"{side}_wrist") - motion.joint(f"{side}_shoulder")) / arm
        vectors[:, place[f"{side}_sole"]] = _sole_direction(motion, side, lying[:, i], problem.foot_pitch_rad)
    vectors[:, place["midhip"]] = scale * midhip + np.array([0.0, 0.0, shift])
    return Targets(
        vectors=vectors,
        weights=_weights(mismatch),
        stance=standing,
        flat=lying,
        scale=scale,
        height_shift_m=shift,
        hip_mismatch_pct=mismatch,
    )


def person_at_robot_size(motion: HumanMotion, targets: Targets, problem: Problem) -> F64:
    """(T, 23, 3) the person as drawn over the robot: legs at the root's scale, and trunk, shoulders and arms at the robot's.

    The robot's proportions are not the person's, so one scale for all would draw the hands beside the robot's.
    """
    subject, lengths = motion.subject(), problem.lengths_m
    pos = motion.joint_pos_world_m
    out = targets.scale * pos + np.array([0.0, 0.0, targets.height_shift_m])
    pelvis = pos[:, INDEX["pelvis"]]
    middle = 0.5 * (pos[:, INDEX["left_shoulder"]] + pos[:, INDEX["right_shoulder"]])
    trunk = lengths["trunk"] / float(np.median(np.linalg.norm(middle - pelvis, axis=1)))
    shoulders = lengths["shoulder_line"] / subject.shoulder_width_m
    arm = 0.5 * (lengths["left_arm"] + lengths["right_arm"]) / subject.arm_m
    for name in ("spine", "chest", "neck", "head"):
        out[:, INDEX[name]] = out[:, INDEX["pelvis"]] + trunk * (pos[:, INDEX[name]] - pelvis)
    drawn_middle = out[:, INDEX["pelvis"]] + trunk * (middle - pelvis)
    for side in SIDES:
        shoulder = pos[:, INDEX[f"{side}_shoulder"]]
        for name in (f"{side}_collar", f"{side}_shoulder"):
            out[:, INDEX[name]] = drawn_middle + shoulders * (pos[:, INDEX[name]] - middle)
        for name in (f"{side}_elbow", f"{side}_wrist", f"{side}_hand"):
            out[:, INDEX[name]] = out[:, INDEX[f"{side}_shoulder"]] + arm * (pos[:, INDEX[name]] - shoulder)
    return np.asarray(out)


def _weights(mismatch_pct: float) -> F64:
    """The foot's weight grows with the hip mismatch: a narrow-hipped person's feet would end up too wide otherwise."""
    foot = float(np.clip(3.0 * (max(mismatch_pct, 0.0) / 7.5) ** 1.5, 0.5, 6.0))
    return np.array([foot if name in ("left_foot", "right_foot") else WEIGHTS[name] for name in VECTORS])


def _height_shift(motion: HumanMotion, lying: Bool, scale: float, ankle_height_m: float) -> float:
    """Metres to add so that the median standing ankle is as high as the robot's; the lowest ankles where nobody stands."""
    ankles = np.stack([motion.joint(f"{s}_ankle")[:, 2] for s in SIDES], axis=1)
    level = float(np.median(ankles[lying])) if lying.any() else float(np.percentile(ankles, 5))
    return ankle_height_m - scale * level


def _sole_direction(motion: HumanMotion, side: str, lying: Bool, flat_pitch_rad: float) -> F64:
    """(T, 3) ankle to toe, pitched so that a foot lying flat has the robot's own pitch."""
    d = motion.joint(f"{side}_toe") - motion.joint(f"{side}_ankle")
    pitch = foot_pitch(motion, side) - standing_pitch(motion, side, lying) + flat_pitch_rad
    yaw = np.arctan2(d[:, 1], d[:, 0])
    return np.stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), -np.sin(pitch)], axis=1)


def _length(motion: HumanMotion, side: str, *chain: str) -> float:
    spans = [
        float(np.median(np.linalg.norm(motion.joint(f"{side}_{a}") - motion.joint(f"{side}_{b}"), axis=1)))
        for a, b in zip(chain[:-1], chain[1:], strict=True)
    ]
    return sum(spans)


def _unit(v: F64) -> F64:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
