"""Marker takes around a known skeleton: the model behind Plug-in Gait run backwards, for tests of marker readers.

    take = plug_in_gait_take(walk(3.0))

The joint centres that a reader finds in the take are those of the motion, as nearly as its own model is right.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, frozen_f64
from understudy.mocap import _joint_centres as centres
from understudy.mocap._anthropometry import Measures
from understudy.mocap._markers import MarkerTake
from understudy.spec.skeleton import SIDES, HumanMotion

PARAMETERS: dict[str, float] = {
    "Height": 1.75, "MarkerDiameter": 0.014,
    **{side + name: value for side in "LR" for name, value in (
        ("LegLength", 0.9), ("KneeWidth", 0.1), ("AnkleWidth", 0.07), ("ElbowWidth", 0.066), ("WristWidth", 0.04),
        ("HandThickness", 0.027), ("ShoulderOffset", 0.048), ("AsisTrocanterDistance", 0.07),
    )},
}  # fmt: skip
"""Measures of the person, metres, by their names in a C3D file; the distance of the front pelvis markers follows."""

FOOT_TILT_RAD = 0.42
"""Between the line from ankle to ball and the sole."""


def plug_in_gait_take(motion: HumanMotion) -> MarkerTake:
    """Markers of Plug-in Gait around the joints of a motion, in metres, z up, with the person's measures.

    Args:
        motion: a whole skeleton whose elbows are bent by more than ten degrees or so.
    """
    markers = plug_in_gait_markers(motion)
    names = tuple(markers)
    pos = np.stack([markers[name] for name in names], axis=1)
    inter_asis = float(np.linalg.norm(markers["LASI"] - markers["RASI"], axis=1)[0])
    parameters = {**PARAMETERS, "InterAsisDistance": inter_asis}
    return MarkerTake(names, pos, motion.rate_hz, 1.0, up="z", parameters=parameters)


def plug_in_gait_markers(motion: HumanMotion) -> dict[str, F64]:
    """(T, 3) per marker, `world`, metres."""
    j = motion.joint
    out: dict[str, F64] = {}
    left, up = unit(j("left_hip") - j("right_hip")), j("spine") - j("pelvis")
    pelvis = _axes(left, up)
    hips_apart = float(np.median(np.linalg.norm(j("left_hip") - j("right_hip"), axis=1)))
    inter_asis = hips_apart + 2.0 * (0.115 * PARAMETERS["LLegLength"] - 0.0153) * np.sin(centres.DAVIS_THETA)
    body = _measures(inter_asis)
    forward, _, above = centres.davis_hips(body)[0]
    origin = j("pelvis") - forward * pelvis[:, :, 0] - above * pelvis[:, :, 2]
    out["LASI"], out["RASI"] = origin + 0.5 * inter_asis * pelvis[:, :, 1], origin - 0.5 * inter_asis * pelvis[:, :, 1]
    out["SACR"] = origin - 0.16 * pelvis[:, :, 0]
    out |= _trunk(motion)
    for side, name in enumerate(SIDES):
        outward = (1.0 if side == 0 else -1.0) * pelvis[:, :, 1]
        letter = name[0].upper()
        own = _leg(motion, name, outward, body) | _arm(motion, name, out, body)
        out |= {letter + role: pos for role, pos in own.items()}
    return out


def unit(v: F64) -> F64:
    """Vectors of length 1."""
    return centres.unit(v)


def _axes(left: F64, up: F64) -> F64:
    """(T, 3, 3) columns x forward, y left, z up, with y exactly `left`."""
    x = unit(np.cross(left, up))
    return np.stack([x, left, np.cross(x, left)], axis=2)


def _square(v: F64, to: F64) -> F64:
    """The direction of `v` square to the direction of `to`."""
    along = unit(to)
    return unit(v - centres.dot(v, along) * along)


def _measures(inter_asis_m: float) -> Measures:
    def pair(name: str) -> F64:
        return frozen_f64([PARAMETERS["L" + name], PARAMETERS["R" + name]])

    return Measures(
        marker_radius=PARAMETERS["MarkerDiameter"] / 2.0,
        leg=pair("LegLength"),
        inter_asis=inter_asis_m,
        asis_trochanter=pair("AsisTrocanterDistance"),
        knee=pair("KneeWidth"),
        ankle=pair("AnkleWidth"),
        elbow=pair("ElbowWidth"),
        wrist=pair("WristWidth"),
        hand=pair("HandThickness"),
        shoulder=pair("ShoulderOffset"),
        from_file=(),
    )


def _trunk(motion: HumanMotion) -> dict[str, F64]:
    j = motion.joint
    thorax = _axes(unit(j("left_shoulder") - j("right_shoulder")), j("neck") - j("chest"))
    x, y, z = (thorax[:, :, i] for i in range(3))
    across = 0.13 * (np.cos(0.5) * x - np.sin(0.5) * z)
    tilt = np.radians(8.0)
    c7 = j("neck") - 0.55 * (np.cos(tilt) * across + np.sin(tilt) * np.cross(across, y))
    head = j("head") + centres.HEAD_UNDER_BAND_M * z
    out = {"C7": c7, "CLAV": c7 + across, "T10": j("chest") - 0.1 * x, "STRN": j("chest") + 0.1 * x}
    return out | {
        f"{s}{f}HD": head + a * 0.09 * x + b * 0.075 * y for f, a in (("F", 1), ("B", -1)) for s, b in (("L", 1), ("R", -1))
    }


def _leg(motion: HumanMotion, side: str, outward: F64, body: Measures) -> dict[str, F64]:
    i = SIDES.index(side)
    hip, knee, ankle, toe = (motion.joint(f"{side}_{part}") for part in ("hip", "knee", "ankle", "toe"))
    thigh_axis, shank_axis = _square(outward, hip - knee), _square(outward, knee - ankle)
    r = body.marker_radius
    down_foot = unit(toe - ankle)
    lifted = np.cross(down_foot, _square(outward, down_foot)) * (1.0 if i == 0 else -1.0)
    along = np.cos(FOOT_TILT_RAD) * down_foot + np.sin(FOOT_TILT_RAD) * lifted
    up = np.cos(FOOT_TILT_RAD) * lifted - np.sin(FOOT_TILT_RAD) * down_foot
    toe_marker = toe + (r + 0.012) * up
    return {
        "THI": (hip + knee) / 2.0 + 0.09 * thigh_axis,
        "KNE": knee + (body.knee[i] / 2.0 + r) * thigh_axis,
        "TIB": (knee + ankle) / 2.0 + 0.07 * shank_axis,
        "ANK": ankle + (body.ankle[i] / 2.0 + r) * shank_axis,
        "HEE": toe_marker - 0.2 * along,
        "TOE": toe_marker,
    }


def _arm(motion: HumanMotion, side: str, trunk: dict[str, F64], body: Measures) -> dict[str, F64]:
    i = SIDES.index(side)
    sign = 1.0 if i == 0 else -1.0
    shoulder, elbow, wrist, hand = (motion.joint(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist", "hand"))
    origin, thorax = centres.thorax_axes(trunk, body)
    r = body.marker_radius
    axis = unit(sign * np.cross(shoulder - elbow, wrist - elbow))
    forearm = unit(elbow - wrist)
    middle = wrist + (body.wrist[i] / 2.0 + r) * axis
    bar = 0.03 * sign * np.cross(axis, forearm)
    return {
        "SHO": _acromion(shoulder, origin, thorax, float(body.shoulder[i]) + r),
        "ELB": elbow + (body.elbow[i] / 2.0 + r) * axis,
        "WRA": middle + bar,
        "WRB": middle - bar,
        "FIN": hand + (body.hand[i] / 2.0 + r) * _square(axis, wrist - hand),
    }


def _acromion(shoulder: F64, origin: F64, thorax: F64, offset_m: float) -> F64:
    """The marker from which the chord function finds the shoulder: by repetition."""
    marker = shoulder + offset_m * thorax[:, :, 2]
    for _ in range(30):
        wand = np.cross(marker - origin, thorax[:, :, 0])
        wand = wand * np.sign(centres.dot(wand, thorax[:, :, 2]))
        marker = marker + shoulder - centres.chord(marker, origin, wand, offset_m)
    return marker
