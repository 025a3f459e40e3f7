"""The person's side of the problem: directions to copy, and where the root goes at the robot's size.

Directions come from the person and lengths from the robot, so every target can be reached in principle; the root's
path is the person's times the ratio of leg lengths, which keeps a foot that stands still standing still.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.retarget.contacts import flat, heel_down, slowness, stance, standing, standing_pitch
from understudy.retarget.foot_pitch import lifted_soles
from understudy.retarget.problem import LIMBS, VECTORS, Problem
from understudy.retarget.touch import floor_level, lying_feet, touching
from understudy.spec.skeleton import INDEX, SIDES, SURFACES, HumanMotion, Subject

WEIGHTS: dict[str, float] = {
    **{f"{a}>{b}": 1.0 for a, b in LIMBS},
    "pelvis_lateral": 3.0,
    "pelvis_up": 0.3,
    "trunk": 1.0,
    "shoulder_line": 0.1,
    "left_hand": 1.0,
    "right_hand": 1.0,
    "midhip": 30.0,
    "left_sole": 0.25,
    "right_sole": 0.25,
    **{f"{side}_hand_{what}": 0.0 for side in SIDES for what in ("aim", "side")},
}
"""Weights of unit-length directions: 1 means that a radian off costs 1. `midhip` is per square metre.
A hand's direction and its palm's turn weigh `HAND` where they are measured and the arm can follow, see `hand_weights`."""

HAND = 0.3

ALIKE_PLACE, ALIKE_POINTS, OTHER_POINTS = 2.0, 2.5, 4.0
"""Weight of a hand's place where the upper arm's share of the arm is the person's within so many percentage points; from the
last on it is that of `WEIGHTS`: a hand that is where the person's is costs directions then."""
SLOW_SOLE = 1.5
"""Weight of a foot's direction while it moves slowly and does not stand: a heel that rises or comes down as the person's, a foot
that is held in the air. One that swings fast has the usual weight: its shank would pay."""
STANDING_FOOT = 6.0
"""Most that a foot's place weighs while it stands under a straight leg. What it and the directions of the leg's bones are at odds
about there is how much wider the robot's hips are; robots whose hips are twice as wide as a person's meet it halfway."""
BENT, STRAIGHT = 0.8, 0.95
"""A leg is straight from the second share of its length on from the middle of the hips to the ankle, bent below the first."""
FOOT_OF_BOWED = 1.5
"""How many times a foot's place weighs where the trunk is bowed down or lies: there the floor keeps feet off their places."""
BOWED, UPRIGHT = 0.4, 0.7
"""Height of a direction along the trunk (sine of its slope): below the first somebody is bowed down, above the second upright."""
LYING_SOLE = 0.3
"""Share of a foot's direction that is asked of one that rests on the floor otherwise than on its sole."""

PLACE: dict[str, int] = {name: i for i, name in enumerate(VECTORS)}
HANDS = [PLACE[f"{side}_hand"] for side in SIDES]
SOLES = [PLACE[f"{side}_sole"] for side in SIDES]
_DIRECTIONS: tuple[tuple[int, int, int], ...] = tuple(
    (PLACE[name], INDEX[start], INDEX[end])
    for name, start, end in (
        *((f"{a}>{b}", a, b) for a, b in LIMBS),
        ("pelvis_lateral", "right_hip", "left_hip"),
        ("shoulder_line", "right_shoulder", "left_shoulder"),
        *((f"{side}_hand_aim", f"{side}_wrist", f"{side}_hand") for side in SIDES),
    )
)
"""Tasks that are the direction from one joint to another: column, and the joints."""


@dataclass(frozen=True)
class Targets:
    """What the robot is asked to do.

    Attributes:
        vectors: (T, V, 3) targets of the vector tasks, order `VECTORS`.
        weights: (V,) their weights.
        stance: (T, 2) feet that stand; flat (T, 2) feet whose whole sole does; firm (T, 2) feet that are held down, and placed
            (T, 2) feet whose place over the floor is kept, see `contacts.Standing`.
        slow: (T, 2) share to which a foot moves slowly, 0 while it stands.
        touch: (T, S) what else rests on the floor; planted (T, S) what of that does not move; order `skeleton.SURFACES`.
        lying: (T, 2) standing feet that do not stand on their soles; lying_still (T, 2) those of them that do not move.
        scale: robot's leg over the person's.
        height_shift_m: added to the scaled height so that standing ankles are as high as the robot's.
        hip_mismatch_pct: how much wider the robot's hips are, in percent of the leg.
    """

    vectors: F64
    weights: F64
    stance: Bool
    flat: Bool
    firm: Bool
    placed: Bool
    slow: F64
    touch: Bool
    planted: Bool
    lying: Bool
    lying_still: Bool
    scale: float
    height_shift_m: float
    hip_mismatch_pct: float

    def at(self, frames: I64) -> Targets:
        """Those of some frames."""
        return replace(
            self,
            vectors=self.vectors[frames],
            stance=self.stance[frames],
            flat=self.flat[frames],
            firm=self.firm[frames],
            placed=self.placed[frames],
            slow=self.slow[frames],
            touch=self.touch[frames],
            planted=self.planted[frames],
            lying=self.lying[frames],
            lying_still=self.lying_still[frames],
        )


@dataclass(frozen=True)
class Calibration:
    """What must be known of a person before a single frame can be retargeted; measured on a clip, or on a short take.

    Attributes:
        leg_m, arm_m: left and right.
        stand_pitch_rad: angle of ankle to toe below the horizontal when the foot lies flat, left and right.
        toe_level_m: low level of each toe, the 5th percentile of its height.
        scale, height_shift_m, hip_mismatch_pct: as in `Targets`.
    """

    leg_m: tuple[float, float]
    arm_m: tuple[float, float]
    stand_pitch_rad: tuple[float, float]
    toe_level_m: tuple[float, float]
    scale: float
    height_shift_m: float
    hip_mismatch_pct: float


def calibrate(motion: HumanMotion, problem: Problem, lying: Bool | None = None) -> Calibration:
    """Measure a person on a motion in which the feet stand at least once; `lying` (T, 2) is `flat` of it, where that is known."""
    subject = motion.subject()
    scale = problem.leg_m / subject.leg_m
    lying = flat(motion, stance(motion)) if lying is None else lying
    mismatch = 100.0 * (problem.hip_half_width_m / problem.leg_m - 0.5 * subject.hip_width_m / subject.leg_m)
    left, right = SIDES
    return Calibration(
        leg_m=(_limb_m(motion, left, "hip", "knee", "ankle"), _limb_m(motion, right, "hip", "knee", "ankle")),
        arm_m=(_limb_m(motion, left, "shoulder", "elbow", "wrist"), _limb_m(motion, right, "shoulder", "elbow", "wrist")),
        stand_pitch_rad=(_flat_pitch(motion, left, lying[:, 0], problem), _flat_pitch(motion, right, lying[:, 1], problem)),
        toe_level_m=(_low_level(motion, left), _low_level(motion, right)),
        scale=scale,
        height_shift_m=_height_shift(motion, lying, scale, problem.ankle_height_m),
        hip_mismatch_pct=mismatch,
    )


def _flat_pitch(motion: HumanMotion, side: str, lying: Bool, problem: Problem) -> float:
    """Pitch of a foot that lies flat, radians; the robot's own where the person's never does."""
    return standing_pitch(motion, side, lying) if lying.any() else problem.foot_pitch_rad


def _low_level(motion: HumanMotion, side: str) -> float:
    return float(np.percentile(motion.joint(f"{side}_toe")[:, 2], 5))


def make_targets(motion: HumanMotion, problem: Problem) -> Targets:
    """Feasible targets of a motion for a robot."""
    feet = standing(motion)
    known = calibrate(motion, problem, flat(motion, feet.stands))
    flat_feet = flat(motion, feet.placed)
    rests, planted = touching(motion)
    lying, lying_still = lying_feet(motion, feet.stands)
    radial = known_throughout(motion.hand_radial_world)
    weights = task_weights(known.hip_mismatch_pct) + hand_weights(problem, motion.measured, radial)
    weights[HANDS] = place_of_hand_weight(motion.subject(), problem)
    vectors = vector_targets(motion.joint_pos_world_m, known, problem, radial)
    vectors[:, SOLES] = lifted_soles(vectors[:, SOLES], _ankle_heights(vectors, problem), motion, feet, flat_feet, problem)
    return Targets(
        vectors=vectors,
        weights=weights,
        stance=feet.stands,
        flat=flat_feet,
        firm=feet.firm,
        placed=feet.placed,
        slow=np.where(feet.placed, 0.0, slowness(motion)),
        touch=rests,
        planted=planted,
        lying=lying,
        lying_still=lying_still,
        scale=known.scale,
        height_shift_m=known.height_shift_m,
        hip_mismatch_pct=known.hip_mismatch_pct,
    )


def live_targets(joint_pos_world_m: F64, stands: Bool, known: Calibration, problem: Problem) -> Targets:
    """Targets of a calibrated person's joints (T, 23, 3), of which no more is known than which feet stand (T, 2)."""
    none = np.zeros((len(stands), len(SURFACES)), dtype=np.bool_)
    return Targets(
        vectors=vector_targets(joint_pos_world_m, known, problem),
        weights=task_weights(known.hip_mismatch_pct),
        stance=stands,
        flat=stands,
        firm=stands,
        placed=stands,
        slow=np.zeros(stands.shape),
        touch=none,
        planted=none,
        lying=np.zeros_like(stands),
        lying_still=np.zeros_like(stands),
        scale=known.scale,
        height_shift_m=known.height_shift_m,
        hip_mismatch_pct=known.hip_mismatch_pct,
    )


def frame_weights(targets: Targets) -> F64:
    """(T, V) weights of the vector tasks in every frame.

    A slow foot points as the person's does; one that lies on its back or side need not. A foot's place weighs less under a
    straight leg that stands, and more where the person is bowed down.
    """
    out = np.tile(targets.weights, (len(targets.vectors), 1))
    bowed = _share(targets.vectors[:, PLACE["trunk"], 2], UPRIGHT, BOWED)
    for i, side in enumerate(SIDES):
        foot = PLACE[f"{side}_foot"]
        straight = _share(np.linalg.norm(targets.vectors[:, foot], axis=1), BENT, STRAIGHT)
        yields = max(targets.weights[foot] - STANDING_FOOT, 0.0)
        out[:, foot] -= yields * straight * (targets.flat[:, i] & targets.firm[:, i])
        out[:, foot] *= 1.0 + (FOOT_OF_BOWED - 1.0) * bowed
        out[:, PLACE[f"{side}_sole"]] += (SLOW_SOLE - WEIGHTS[f"{side}_sole"]) * targets.slow[:, i]
        out[targets.lying[:, i], PLACE[f"{side}_sole"]] *= LYING_SOLE
    return out


def vector_targets(joint_pos_world_m: F64, known: Calibration, problem: Problem, radial: F64 | None = None) -> F64:
    """(T, V, 3) targets of the vector tasks for a calibrated person's joints (T, 23, 3).

    `radial` (T, 2, 3) is the thumbs' side of the hands; zeros stand where it is not known, and count only with a weight.
    """

    def at(name: str) -> F64:
        return joint_pos_world_m[:, INDEX[name]]

    midhip = 0.5 * (at("left_hip") + at("right_hip"))
    vectors = np.empty((len(joint_pos_world_m), len(VECTORS), 3))
    columns, starts, ends = zip(*_DIRECTIONS, strict=True)
    vectors[:, columns] = _unit(joint_pos_world_m[:, ends] - joint_pos_world_m[:, starts])
    trunk, lateral = _unit(at("neck") - midhip), vectors[:, PLACE["pelvis_lateral"]]
    vectors[:, PLACE["pelvis_up"]] = _unit(trunk - np.sum(trunk * lateral, axis=1, keepdims=True) * lateral)
    vectors[:, PLACE["trunk"]] = trunk
    for i, side in enumerate(SIDES):
        vectors[:, PLACE[f"{side}_foot"]] = (at(f"{side}_ankle") - midhip) / known.leg_m[i]
        vectors[:, PLACE[f"{side}_hand"]] = (at(f"{side}_wrist") - at(f"{side}_shoulder")) / known.arm_m[i]
        foot = at(f"{side}_toe") - at(f"{side}_ankle")
        vectors[:, PLACE[f"{side}_hand_side"]] = 0.0 if radial is None else np.nan_to_num(radial[:, i])
        vectors[:, PLACE[f"{side}_sole"]] = _sole_direction(foot, problem.foot_pitch_rad - known.stand_pitch_rad[i])
    vectors[:, PLACE["midhip"]] = known.scale * midhip + np.array([0.0, 0.0, known.height_shift_m])
    return vectors


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


def task_weights(mismatch_pct: float) -> F64:
    """(V,) weights of the vector tasks.

    The foot's grows with the hip mismatch: a narrow-hipped person's feet would end up too wide otherwise.
    """
    foot = float(np.clip(3.5 * (max(mismatch_pct, 0.0) / 7.5) ** 1.2, 0.5, 8.0))
    return np.array([foot if name in ("left_foot", "right_foot") else WEIGHTS[name] for name in VECTORS])


def place_of_hand_weight(subject: Subject, problem: Problem) -> float:
    """What the wrist's place from the shoulder weighs: more where it asks for the same as the directions of the arm's bones.

    Then it matters only where limits and the torso leave an arm neither, and says that the hand should be nearly right at least.
    """
    lengths = problem.lengths_m
    share = np.mean([lengths[f"{side}_shoulder>{side}_elbow"] / lengths[f"{side}_arm"] for side in SIDES])
    points = 100.0 * abs(float(share) - subject.upper_arm_m / subject.arm_m)
    other = np.clip((points - ALIKE_POINTS) / (OTHER_POINTS - ALIKE_POINTS), 0.0, 1.0)
    return float(ALIKE_PLACE + other * (WEIGHTS["left_hand"] - ALIKE_PLACE))


def hand_weights(problem: Problem, measured: Bool, radial: F64 | None) -> F64:
    """(V,) what the hands' directions and turns weigh; nothing where the person's are not known or the arm cannot follow.

    Args:
        problem: the robot.
        measured: (23,) joints that the source has.
        radial: (T, 2, 3) the thumbs' side of the hands, all NaN for a hand of which it is not known; None for neither.
    """
    out = np.zeros(len(VECTORS))
    for i, (side, palm) in enumerate(zip(SIDES, problem.palms, strict=True)):
        if palm is None:
            continue
        out[PLACE[f"{side}_hand_aim"]] = HAND * (palm.can_aim and bool(measured[INDEX[f"{side}_hand"]]))
        out[PLACE[f"{side}_hand_side"]] = HAND * (palm.can_roll and radial is not None and bool(np.isfinite(radial[:, i]).all()))
    return out


def known_throughout(radial: F64 | None) -> F64 | None:
    """(T, 2, 3) the thumbs' side of the hands with its gaps filled evenly; a hand that is never known stays NaN."""
    if radial is None:
        return None
    out, frames = radial.copy(), np.arange(len(radial))
    for i in range(len(SIDES)):
        seen = np.flatnonzero(np.isfinite(radial[:, i]).all(axis=1))
        if 0 < len(seen) < len(radial):
            out[:, i] = _unit(np.stack([np.interp(frames, seen, radial[seen, i, c]) for c in range(3)], axis=1))
    return np.asarray(out)


def _ankle_heights(vectors: F64, problem: Problem) -> F64:
    """(T, 2) height over the floor at which the ankles are asked for, left and right, metres."""
    reach = [problem.lengths_m[f"{side}_leg"] * vectors[:, PLACE[f"{side}_foot"], 2] for side in SIDES]
    return vectors[:, PLACE["midhip"], 2, None] + np.stack(reach, axis=1)


def _height_shift(motion: HumanMotion, lying: Bool, scale: float, ankle_height_m: float) -> float:
    """Metres to add so that the ankle of a flat foot whose heel is down (median) is as high as the robot's; by the toes where no
    foot lies flat."""
    if not lying.any():
        return -scale * floor_level(motion)
    down = [motion.joint(f"{side}_ankle")[heel_down(motion, side, lying[:, i]), 2] for i, side in enumerate(SIDES)]
    return ankle_height_m - scale * float(np.median(np.concatenate(down)))


def _sole_direction(foot_m: F64, pitch_off_rad: float) -> F64:
    """(T, 3) direction of ankle to toe (T, 3), pitched down by `pitch_off_rad`: a foot lying flat gets the robot's own pitch."""
    pitch = np.arctan2(-foot_m[:, 2], np.hypot(foot_m[:, 0], foot_m[:, 1])) + pitch_off_rad
    yaw = np.arctan2(foot_m[:, 1], foot_m[:, 0])
    return np.stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), -np.sin(pitch)], axis=1)


def _share(value: F64, none: float, whole: float) -> F64:
    """(T,) how far values (T,) are from `none` to `whole`, within 0 to 1."""
    return np.asarray(np.clip((value - none) / (whole - none), 0.0, 1.0))


def _limb_m(motion: HumanMotion, side: str, a: str, b: str, c: str) -> float:
    return motion.length_m(f"{side}_{a}", f"{side}_{b}") + motion.length_m(f"{side}_{b}", f"{side}_{c}")


def _unit(v: F64) -> F64:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
