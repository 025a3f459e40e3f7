"""The joints of an average person in the rest pose of the SMPL family, for archives whose body model is not at hand.

Rest pose: a T; x left, y up, z forward; the root at the origin. Everything is a fraction of the body's height.

Source: de Leva, "Adjustments to Zatsiorsky-Seluyanov's segment inertia parameters", J. Biomechanics 29 (1996), table 4
(thigh, shank to the ankle's centre, trunk from C7 to mid-hip, upper arm, forearm, hand to the third metacarpal; mm);
Winter, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1 (ankle, shoulders, foot). Where those say
nothing (hip and collar width, the height of the root and of the bends of the trunk) the figures are this project's estimates.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64

MEAN_HEIGHT_M: dict[str, float] = {"male": 1.753, "female": 1.613, "neutral": 1.683}
"""Source: Fryar et al., "Anthropometric reference data for children and adults", NCHS Vital Health Stat 3(46), 2021."""
_MEASURED_HEIGHT_MM: dict[str, float] = {"male": 1741.0, "female": 1735.0}
_LENGTHS_MM: dict[str, dict[str, float]] = {
    "male": {"thigh": 422.2, "shank": 440.3, "trunk": 603.3, "upper_arm": 281.7, "forearm": 268.9, "hand": 86.2},
    "female": {"thigh": 368.5, "shank": 438.6, "trunk": 614.8, "upper_arm": 275.1, "forearm": 264.3, "hand": 78.0},
}
HALF_HIPS, ROOT_OVER_HIPS = 0.049, 0.052
SPINE_AT = (0.33, 0.55, 0.66)
"""Where the three bends of the trunk lie on the way from the hips to C7."""
SHOULDER_BELOW_NECK, HALF_SHOULDERS = 0.042, 0.109
COLLAR_BELOW_NECK, HALF_COLLARS = 0.05, 0.035
HEAD_OVER_NECK, HEAD_FORWARD = 0.05, 0.02
BALL_FORWARD, BALL_BELOW_ANKLE, BALL_HEIGHT = 0.075, 0.028, 0.011
TOE_OUT_RAD = np.radians(7.0)
"""How far the feet of a standing person point outward. Source: McIlroy and Maki, Clinical Biomechanics 12 (1997)."""


def segment(name: str, gender: str) -> float:
    """Length of a segment over the body's height."""
    kinds = [gender] if gender in _LENGTHS_MM else list(_LENGTHS_MM)
    return float(np.mean([_LENGTHS_MM[kind][name] / _MEASURED_HEIGHT_MM[kind] for kind in kinds]))


def mean_rest_joints(names: tuple[str, ...], gender: str = "neutral") -> F64:
    """(N, 3) rest joints of a person of height 1, from the root.

    Args:
        names: which joints, of `_smpl.NODES`.
        gender: `male`, `female`, anything else for the mean of both.
    """
    trunk, hips = segment("trunk", gender), -ROOT_OVER_HIPS
    neck = hips + trunk
    at: dict[str, tuple[float, float, float]] = {"Pelvis": (0.0, 0.0, 0.0), "Neck": (0.0, neck, 0.0)}
    at["Head"] = (0.0, neck + HEAD_OVER_NECK, HEAD_FORWARD)
    for k, share in enumerate(SPINE_AT, start=1):
        at[f"Spine{k}"] = (0.0, hips + share * trunk, 0.0)
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        knee = hips - segment("thigh", gender)
        ankle = knee - segment("shank", gender)
        at[f"{letter}_Hip"] = (sign * HALF_HIPS, hips, 0.0)
        at[f"{letter}_Knee"] = (sign * HALF_HIPS, knee, 0.0)
        at[f"{letter}_Ankle"] = (sign * HALF_HIPS, ankle, 0.0)
        out, ahead = BALL_FORWARD * np.sin(TOE_OUT_RAD), BALL_FORWARD * np.cos(TOE_OUT_RAD)
        at[f"{letter}_Foot"] = (sign * (HALF_HIPS + out), ankle - BALL_BELOW_ANKLE, ahead)
        at[f"{letter}_Collar"] = (sign * HALF_COLLARS, neck - COLLAR_BELOW_NECK, 0.0)
        reach, level = HALF_SHOULDERS, neck - SHOULDER_BELOW_NECK
        for joint, bone in (("Shoulder", ""), ("Elbow", "upper_arm"), ("Wrist", "forearm"), ("Hand", "hand")):
            reach += segment(bone, gender) if bone else 0.0
            at[f"{letter}_{joint}"] = (sign * reach, level, 0.0)
    return np.array([at[name] for name in names])
