"""Poses of a person on the floor: standing, kneeling, on all fours, sitting, lying, as joint positions in world."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate._body import Body
from understudy.simulate._pose import two_link
from understudy.spec.skeleton import INDEX, JOINTS, SIDES

WRIST_M, KNUCKLES_M, KNEE_M, TOE_M, INSTEP_M = 0.055, 0.025, 0.055, 0.02, 0.06
"""Heights above the floor of the wrist and the knuckles over a flat palm, of a knee that kneels, of the ball of the foot, and
of the ankle of a foot that lies on its back."""
SEAT_M, LYING_M, SIDE_M = 0.095, 0.105, 0.07
"""Height of the pelvis of a person who sits, of one who lies, and of the lower shoulder of one who lies on the side."""


def turned(pitch_rad: float, roll_rad: float = 0.0) -> F64:
    """(3, 3) body to world: turned about the body's own long axis, then pitched forward about y."""
    cp, sp, cr, sr = np.cos(pitch_rad), np.sin(pitch_rad), np.cos(roll_rad), np.sin(roll_rad)
    pitch = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_long = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(pitch @ about_long)


def trunk(body: Body, pelvis_m: F64, pelvis_axes: F64, chest_axes: F64) -> dict[str, F64]:
    """Pelvis, hips, spine, head and shoulders."""
    at = {"pelvis": pelvis_m}
    waist = np.linalg.svd(pelvis_axes + chest_axes)
    middle = waist[0] @ waist[2]
    at["spine"] = pelvis_m + pelvis_axes @ body.trunk("spine")
    at["chest"] = at["spine"] + middle @ body.trunk("chest")
    at["neck"] = at["chest"] + chest_axes @ body.trunk("neck")
    at["head"] = at["neck"] + chest_axes @ body.trunk("head")
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        at[f"{side}_hip"] = pelvis_m + sign * body.half_hips_m * pelvis_axes[:, 1]
        at[f"{side}_collar"] = at["chest"] + chest_axes @ body.trunk(f"{side}_collar")
        at[f"{side}_shoulder"] = at[f"{side}_collar"] + chest_axes @ body.trunk(f"{side}_shoulder")
    return at


def arm(body: Body, at: dict[str, F64], side: str, wrist_m: F64, elbow_to: F64, fingers_to: F64) -> None:
    """Add an arm whose wrist is at `wrist_m` and whose elbow bends towards `elbow_to`."""
    shoulder = at[f"{side}_shoulder"][None]
    elbow, _ = two_link(shoulder, wrist_m[None], elbow_to[None], upper_m=body.upper_arm_m, lower_m=body.forearm_m)
    at[f"{side}_elbow"], at[f"{side}_wrist"] = elbow[0], wrist_m
    at[f"{side}_hand"] = wrist_m + body.knuckles_m * fingers_to / np.linalg.norm(fingers_to)


def palm(body: Body, at: dict[str, F64], side: str, x_m: float, y_m: float, elbow_to: tuple[float, float, float]) -> None:
    """Add an arm whose palm is flat on the floor under the wrist at (x, y), fingers forward."""
    drop = WRIST_M - KNUCKLES_M
    forward = np.array([np.sqrt(body.knuckles_m**2 - drop**2), 0.0, -drop])
    arm(body, at, side, np.array([x_m, y_m, WRIST_M]), np.array(elbow_to), forward)


def leg(body: Body, at: dict[str, F64], side: str, ankle_m: F64, knee_to: F64, toes_to: F64) -> None:
    """Add a leg whose ankle is at `ankle_m` and whose knee bends towards `knee_to`."""
    hip = at[f"{side}_hip"][None]
    knee, ankle = two_link(hip, ankle_m[None], knee_to[None], upper_m=body.thigh_m, lower_m=body.shank_m)
    at[f"{side}_knee"], at[f"{side}_ankle"] = knee[0], ankle[0]
    at[f"{side}_toe"] = ankle[0] + foot_m(body) * toes_to / np.linalg.norm(toes_to)


def standing_leg(body: Body, at: dict[str, F64], side: str, x_m: float, y_m: float) -> None:
    """Add a leg whose sole is flat on the floor with the ankle over (x, y)."""
    ankle = np.array([x_m, y_m, body.ankle_height_m])
    leg(body, at, side, ankle, np.array([1.0, 0.0, 0.2]), body.ball - body.ankle)


def kneeling_leg(body: Body, at: dict[str, F64], side: str, x_m: float, y_m: float) -> None:
    """Add a leg that kneels at (x, y), the shank on the floor behind it and the toes tucked under."""
    ankle_z = 0.9 * foot_m(body)
    back = np.sqrt(body.shank_m**2 - (ankle_z - KNEE_M) ** 2)
    at[f"{side}_knee"] = np.array([x_m, y_m, KNEE_M])
    at[f"{side}_ankle"] = np.array([x_m - back, y_m, ankle_z])
    down = ankle_z - TOE_M
    at[f"{side}_toe"] = at[f"{side}_ankle"] + np.array([np.sqrt(max(foot_m(body) ** 2 - down**2, 0.0)), 0.0, -down])


def foot_m(body: Body) -> float:
    """Ankle to ball."""
    return float(np.linalg.norm(body.ball - body.ankle))


def stacked(at: dict[str, F64]) -> F64:
    """(23, 3) in the order of JOINTS."""
    out = np.empty((len(JOINTS), 3))
    for name, place in at.items():
        out[INDEX[name]] = place
    return out


def standing(body: Body, x_m: float = 0.0) -> F64:
    """Upright with hanging arms."""
    height = 0.985 * body.leg_m + body.ankle_height_m
    at = trunk(body, np.array([x_m, 0.0, height]), turned(0.02), turned(0.03))
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        standing_leg(body, at, side, x_m, 1.1 * sign * body.half_hips_m)
        hang = at[f"{side}_shoulder"] + np.array([0.08, 0.08 * sign, -0.97 * (body.upper_arm_m + body.forearm_m)])
        arm(body, at, side, hang, np.array([-1.0, 0.3 * sign, 0.0]), np.array([0.2, 0.0, -1.0]))
    return stacked(at)


def half_kneeling(body: Body, x_m: float) -> F64:
    """Right knee on the floor at x, left foot in front, hands on the way down."""
    at = trunk(body, np.array([x_m - 0.02, 0.0, body.thigh_m + KNEE_M - 0.01]), turned(0.15), turned(0.3))
    standing_leg(body, at, "left", x_m + 0.9 * body.thigh_m, body.half_hips_m)
    kneeling_leg(body, at, "right", x_m, -body.half_hips_m)
    _hands_hang(body, at)
    return stacked(at)


def kneeling(body: Body, x_m: float, *, sink_m: float = 0.0) -> F64:
    """Both knees on the floor at x, upright; `sink_m` lowers the seat towards the heels."""
    height = body.thigh_m + KNEE_M - 0.003 - sink_m
    back = np.sqrt(max(body.thigh_m**2 - (height - KNEE_M) ** 2, 0.0))
    at = trunk(body, np.array([x_m - back, 0.0, height]), turned(0.05 + 1.2 * sink_m), turned(0.08 + 1.5 * sink_m))
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        kneeling_leg(body, at, side, x_m, sign * body.half_hips_m)
    _hands_hang(body, at)
    return stacked(at)


def _hands_hang(body: Body, at: dict[str, F64]) -> None:
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        hang = at[f"{side}_shoulder"] + np.array([0.15, 0.05 * sign, -0.9 * (body.upper_arm_m + body.forearm_m)])
        arm(body, at, side, hang, np.array([-1.0, 0.3 * sign, 0.0]), np.array([0.3, 0.0, -1.0]))


def all_fours(body: Body, hands_x_m: tuple[float, float], knees_x_m: tuple[float, float]) -> F64:
    """On hands and knees, left and right; the trunk over the middle of them."""
    knee, hand = float(np.mean(knees_x_m)), float(np.mean(hands_x_m))
    height = float(np.sqrt(body.thigh_m**2 - (0.5 * (knees_x_m[0] - knees_x_m[1])) ** 2)) + KNEE_M - 0.01
    long_m = float(np.linalg.norm(sum(body.trunk(n) for n in ("spine", "chest", "neck"))))
    shoulder_z = 0.96 * (body.upper_arm_m + body.forearm_m) + WRIST_M
    pitch = np.pi / 2 - np.arcsin(np.clip((shoulder_z - height) / long_m, -0.9, 0.9))
    pelvis = np.array([knee + 0.3 * (hand - knee - long_m), 0.0, height])
    at = trunk(body, pelvis, turned(pitch), turned(pitch))
    for i, (side, sign) in enumerate(zip(SIDES, (1.0, -1.0), strict=True)):
        kneeling_leg(body, at, side, knees_x_m[i], sign * body.half_hips_m)
        palm(body, at, side, hands_x_m[i], 1.1 * sign * body.part(0.105), (-1.0, 0.4 * sign, 0.0))
    return stacked(at)


def pressed_up(body: Body, bend_rad: float) -> F64:
    """On palms and toes with a straight body, the toes at x = 0; the elbows bent by `bend_rad` out of straight."""
    toes_back = -0.05
    reach = 0.97 * (body.upper_arm_m + body.forearm_m) * float(np.cos(0.5 * bend_rad))
    long_m = float(np.linalg.norm(sum(body.trunk(n) for n in ("spine", "chest", "neck"))))
    ankle = np.array([toes_back, 0.0, 0.8 * foot_m(body)])
    rise = float(np.arcsin((reach + WRIST_M - ankle[2]) / (long_m + 0.99 * body.leg_m)))
    along = np.array([np.cos(rise), 0.0, np.sin(rise)])
    at = trunk(body, ankle + 0.99 * body.leg_m * along, turned(np.pi / 2 - rise), turned(np.pi / 2 - rise))
    hands_x = float(PRESS_X * body.height_m)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        y = sign * body.half_hips_m
        leg(body, at, side, ankle + np.array([0.0, y, 0.0]), np.array([0.0, 0.0, -1.0]), np.array([0.3, 0.0, -1.0]))
        down = ankle[2] - TOE_M
        at[f"{side}_toe"] = np.array([toes_back + np.sqrt(foot_m(body) ** 2 - down**2), y, TOE_M])
        palm(body, at, side, hands_x, 1.5 * sign * body.part(0.105), (-1.0, 0.6 * sign, 0.2))
    return stacked(at)


LOWEST_M = 0.03
"""No joint of a person who lies is lower."""
PRESS_X = 0.74
"""Where the palms of a push-up are, in heights from the ankles."""


def sitting(body: Body, x_m: float, *, lean_rad: float = -0.35, hands: bool = True) -> F64:
    """On the seat with the knees up and the soles in front; `hands` behind on the floor, else over the knees."""
    at = trunk(body, np.array([x_m, 0.0, SEAT_M]), turned(lean_rad), turned(lean_rad + 0.15))
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        standing_leg(body, at, side, x_m + 0.95 * body.thigh_m, 1.2 * sign * body.half_hips_m)
        if hands:
            palm(body, at, side, x_m - 0.32, 1.8 * sign * body.part(0.105), (-1.0, 0.5 * sign, 0.0))
        else:
            over = at[f"{side}_knee"] + np.array([0.0, 0.0, 0.06])
            arm(body, at, side, over, np.array([0.0, 0.5 * sign, -1.0]), np.array([1.0, 0.0, -0.3]))
    return stacked(at)


def lying(body: Body, x_m: float, y_m: float, roll_rad: float) -> F64:
    """Straight on the floor with the head towards -x: on the back at 0, on the left side at pi / 2, on the belly at pi."""
    wide = abs(float(np.sin(roll_rad)))
    hips_z, shoulders_z = LYING_M + wide * 0.9 * body.half_hips_m, LYING_M + wide * (body.part(0.105) + SIDE_M - LYING_M)
    rise = float(np.arcsin((shoulders_z - hips_z) / body.part(0.3)))
    axes = turned(-np.pi / 2 + rise, roll_rad)
    at = trunk(body, np.array([x_m, y_m, hips_z]), axes, axes)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        ankle = at[f"{side}_hip"] + 0.985 * body.leg_m * np.array([1.0, 0.0, 0.0])
        ankle[2] = max(ankle[2] - 0.35 * (hips_z - INSTEP_M), INSTEP_M)
        leg(body, at, side, ankle, axes[:, 0], 0.6 * axes[:, 0] - 0.8 * axes[:, 2])
        at[f"{side}_toe"][2] = max(at[f"{side}_toe"][2], TOE_M)
        shoulder, arm_m = at[f"{side}_shoulder"], body.upper_arm_m + body.forearm_m
        beside = -0.93 * axes[:, 2] + (0.15 * sign) * axes[:, 1]
        forward = 0.75 * axes[:, 0] - 0.45 * axes[:, 2]
        wrist = shoulder + arm_m * ((1.0 - wide) * beside + wide * forward)
        wrist[2] = max(wrist[2], WRIST_M)
        arm(body, at, side, wrist, sign * axes[:, 1] + np.array([0.0, 0.0, 0.5]), -axes[:, 2])
    out = stacked(at)
    out[:, 2] = np.maximum(out[:, 2], LOWEST_M)
    return out
