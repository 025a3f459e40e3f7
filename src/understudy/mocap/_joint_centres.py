"""Joint centres from markers, by the published model behind Plug-in Gait.

The knee, ankle, shoulder, elbow and wrist lie at a known distance from a marker on the skin, square to the bone that ends
in them, in a plane that a third point gives: the chord function.

Source: Davis, Ounpuu, Tyburski and Gage, "A gait analysis data collection and reduction technique", Human Movement Science
10 (1991), eqs. 1 to 4 (hip) and figs. 5, 6 (knee, ankle); Kadaba, Ramakrishnan and Wootten, "Measurement of lower extremity
kinematics during level walking", J. Orthop. Res. 8 (1990); Plug-in Gait reference guide (upper body).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.mocap._anthropometry import Measures
from understudy.spec.skeleton import SIDES

HipModel = Literal["davis", "harrington"]

DAVIS_THETA, DAVIS_BETA = 0.5, 0.314
"""Radians: the 28.4 and 18 degrees of Davis (1991), rounded as Plug-in Gait rounds them."""

STRAIGHT = float(np.sin(np.radians(12.0)))
"""Sine of a bend; an elbow or knee bent by less says nothing about its axis."""

BEYOND_DOUBT = 0.5
"""Sine of the bend from which an axis is believed although the wrist is known by one marker only."""


def unit(v: F64) -> F64:
    """(..., 3) vectors of length 1; NaN where the length is zero."""
    size = np.sqrt(dot(v, v))
    return np.asarray(v / np.where(size > 1e-9, size, np.nan))


def dot(a: F64, b: F64) -> F64:
    """(..., 1) inner products, shaped to scale vectors."""
    return np.asarray(np.einsum("...i,...i->...", a, b)[..., None])


def chord(marker: F64, proximal: F64, away: F64, offset_m: float) -> F64:
    """The centre C of a joint under a marker: |C - marker| = offset, square to C - proximal.

    Args:
        marker: (T, 3) on the skin beside the joint.
        proximal: (T, 3) joint at the other end of the bone.
        away: (T, 3) direction from the centre to the marker, roughly; only its part square to marker - proximal counts.
        offset_m: half the joint's width and the radius of the marker.

    Returns:
        (T, 3), NaN where the marker is nearer to `proximal` than the offset.
    """
    along = proximal - marker
    length = np.linalg.norm(along, axis=1, keepdims=True)
    cos = np.where(length > offset_m, offset_m / np.maximum(length, 1e-9), np.nan)
    u = along / np.maximum(length, 1e-9)
    inward = -unit(away - dot(away, u) * u)
    return np.asarray(marker + offset_m * (cos * u + np.sqrt(1.0 - cos**2) * inward))


def _sine(a: F64, b: F64) -> F64:
    """(T,) sine of the angle between two directions."""
    return np.asarray(np.linalg.norm(np.cross(unit(a), unit(b)), axis=1))


def pelvis_axes(lasi: F64, rasi: F64, sacrum: F64) -> tuple[F64, F64]:
    """Middle of the front markers (T, 3) and axes (T, 3, 3) with columns x forward, y left, z up."""
    origin = (lasi + rasi) / 2.0
    y = unit(lasi - rasi)
    z = unit(np.cross(origin - sacrum, y))
    return origin, np.stack([np.cross(y, z), y, z], axis=2)


def davis_hips(body: Measures) -> F64:
    """(2, 3) left and right hip from the middle of the front pelvis markers, pelvis axes.

    Source: Davis et al. (1991), eqs. 1 to 4: C = 0.115 leg - 0.0153, x_dis = 0.1288 leg - 0.04856, metres.
    """
    c = 0.115 * float(body.leg.mean()) - 0.0153
    x_dis = np.where(body.asis_trochanter > 0.0, body.asis_trochanter, 0.1288 * body.leg - 0.04856) + body.marker_radius
    cos, sin = np.cos(DAVIS_BETA), np.sin(DAVIS_BETA)
    forward = -x_dis * cos + c * np.cos(DAVIS_THETA) * sin
    up = -x_dis * sin - c * np.cos(DAVIS_THETA) * cos
    aside = body.inter_asis / 2.0 - c * np.sin(DAVIS_THETA)
    return np.stack([forward, np.array([aside, -aside]), up], axis=1)


def harrington_hips(inter_asis_m: float, depth_m: float) -> F64:
    """(2, 3) left and right hip from the middle of the front pelvis markers, pelvis axes.

    Source: Harrington, Zavatsky, Lawson, Yuan and Theologis, "Prediction of the hip joint centre in adults, children, and
    patients with cerebral palsy based on magnetic resonance imaging", J. Biomechanics 40 (2007), the regressions in pelvic
    width and depth.
    """
    forward, up = -0.24 * depth_m - 0.0099, -0.30 * inter_asis_m - 0.0109
    aside = 0.33 * inter_asis_m + 0.0073
    return np.array([[forward, aside, up], [forward, -aside, up]])


def thorax_axes(m: Mapping[str, F64], body: Measures) -> tuple[F64, F64]:
    """Origin (T, 3) behind the collar-bone marker, and axes (T, 3, 3) with columns x forward, y left, z up.

    Without T10 or STRN the long axis comes up from the front of the pelvis.
    """
    top, front, back = (m["C7"] + m["CLAV"]) / 2.0, m["CLAV"], m["C7"]
    bottom = (m["LASI"] + m["RASI"]) / 2.0
    if "T10" in m and "STRN" in m:
        bottom, front, back = (m["STRN"] + m["T10"]) / 2.0, front + m["STRN"], back + m["T10"]
    z = unit(top - bottom)
    y = unit(np.cross(z, front - back))
    x = np.cross(y, z)
    return np.asarray(m["CLAV"] - body.marker_radius * x), np.stack([x, y, z], axis=2)


def leg_centres(
    m: Mapping[str, F64], hip: F64, lateral: F64, body: Measures, side: int, *, lateral_wands: bool
) -> dict[str, F64]:
    """Knee, ankle and ball of one leg.

    Args:
        m: role without its side to (T, 3).
        hip: (T, 3).
        lateral: (T, 3) outward direction of the pelvis.
        body: widths.
        side: 0 left, 1 right.
        lateral_wands: the thigh and shank markers lie at the side; else they are only fixed to their segment.
    """
    r = body.marker_radius
    knee_m, ankle_m = float(body.knee[side]) / 2.0 + r, float(body.ankle[side]) / 2.0 + r
    thigh, shank = m.get("THI"), m.get("TIB")
    if "KNM" in m:
        knee = np.asarray((m["KNE"] + m["KNM"]) / 2.0)
    elif thigh is not None and lateral_wands:
        knee = chord(m["KNE"], hip, thigh - m["KNE"], knee_m)
    else:
        knee = chord(m["KNE"], hip, _knee_axis(m, hip, lateral, (knee_m, ankle_m)), knee_m)
    if "MED" in m:
        ankle = np.asarray((m["ANK"] + m["MED"]) / 2.0)
    elif shank is not None and lateral_wands:
        ankle = chord(m["ANK"], knee, shank - m["ANK"], ankle_m)
    else:
        axis = _fixed_to(shank, m["ANK"], knee, m["KNE"] - knee, np.ones(len(knee)))
        ankle = chord(m["ANK"], knee, axis, ankle_m)
    return {"knee": knee, "ankle": ankle, **_ball(m, knee, ankle, r)}


def _knee_axis(m: Mapping[str, F64], hip: F64, lateral: F64, offset_m: tuple[float, float]) -> F64:
    """(T, 3) outward direction of the knee's axis where no wand shows it.

    Square to the leg's plane where the knee is bent, the pelvis' own lateral direction elsewhere, and at a constant angle
    about the bone to a marker of the thigh, if there is one.
    """
    axis = lateral
    for _ in range(4):
        knee = chord(m["KNE"], hip, axis, offset_m[0])
        ankle = chord(m["ANK"], knee, axis, offset_m[1])
        bend = np.cross(hip - knee, ankle - knee)
        bend = bend * np.sign(np.nansum(dot(bend, lateral)))
        bent = np.clip(_sine(hip - knee, ankle - knee) - STRAIGHT, 0.0, None)
        guess = unit(lateral) + (8.0 * bent)[:, None] * unit(bend)
        axis = _fixed_to(m.get("THI"), m["KNE"], hip, guess, 0.02 + bent)
    return axis


def _fixed_to(wand: F64 | None, marker: F64, proximal: F64, guess: F64, weight: F64) -> F64:
    """(T, 3) the direction that keeps its angle to a marker of the segment about the bone and fits the guesses best."""
    if wand is None:
        return guess
    bone = unit(proximal - marker)
    front = unit(wand - marker - dot(wand - marker, bone) * bone)
    aside = np.cross(bone, front)
    out = unit(guess - dot(guess, bone) * bone)
    x, y = np.nansum(weight[:, None] * dot(out, front)), np.nansum(weight[:, None] * dot(out, aside))
    return np.asarray(x * front + y * aside)


def _ball(m: Mapping[str, F64], knee: F64, ankle: F64, r: float) -> dict[str, F64]:
    """Ball of the foot: under the toe marker, by the marker's radius and 1.2 cm of bone and skin."""
    if "TOE" not in m:
        return {}
    heel = m.get("HEE", ankle)
    along = unit(m["TOE"] - heel)
    upward = ankle - heel if "HEE" in m else knee - ankle
    up = unit(upward - dot(upward, along) * along)
    return {"toe": np.asarray(m["TOE"] - (r + 0.012) * up)}


def arm_centres(m: Mapping[str, F64], origin: F64, axes: F64, body: Measures, side: int, *, wrist_bar: bool) -> dict[str, F64]:
    """Shoulder, elbow, wrist and knuckles of one arm.

    The elbow's axis is square to upper arm and forearm. Plug-in Gait takes the plane of shoulder, elbow marker and wrist for
    that of the arm, which turns the axis by tens of degrees in an arm that is nearly straight; here the plane is that of the
    centres themselves, found by repetition, and where the arm is straight the axis keeps its place in the thorax.

    Args:
        m: role without its side to (T, 3).
        origin, axes: of the thorax.
        body: widths.
        side: 0 left, 1 right.
        wrist_bar: the wrist markers sit on a bar on the back of the wrist.
    """
    r = body.marker_radius
    wand = np.cross(m["SHO"] - origin, axes[:, :, 0])
    wand *= np.sign(dot(wand, axes[:, :, 2]))
    shoulder = chord(m["SHO"], origin, wand, float(body.shoulder[side]) + r)
    bar = [m[role] for role in ("WRA", "WRB") if role in m]
    wrist = np.asarray(sum(bar) / len(bar))
    elbow = _elbow(m, shoulder, wrist, axes, body, side)
    if len(bar) == 2 and wrist_bar:
        back = np.cross(elbow - wrist, bar[0] - bar[1]) * (1.0 if side == 0 else -1.0)
        wrist = chord(wrist, elbow, back, float(body.wrist[side]) / 2.0 + r)
        elbow = _elbow(m, shoulder, wrist, axes, body, side)
    out = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist}
    if "FIN" in m:
        out["hand"] = _knuckles(m["FIN"], bar, wrist, float(body.hand[side]) / 2.0 + r, side)
    return out


def _elbow(m: Mapping[str, F64], shoulder: F64, wrist: F64, axes: F64, body: Measures, side: int) -> F64:
    if "ELM" in m:
        return np.asarray((m["ELB"] + m["ELM"]) / 2.0)
    offset, outward = float(body.elbow[side]) / 2.0 + body.marker_radius, 1.0 if side == 0 else -1.0
    axis = outward * np.cross(shoulder - m["ELB"], wrist - m["ELB"])
    for _ in range(20):
        elbow = chord(m["ELB"], shoulder, axis, offset)
        bend = outward * np.cross(shoulder - elbow, wrist - elbow)
        axis = unit(unit(axis) + unit(bend))
    bent = _sine(shoulder - elbow, wrist - elbow) > (STRAIGHT if {"WRA", "WRB"} <= set(m) else BEYOND_DOUBT)
    kept = _held(np.einsum("tij,ti->tj", axes, axis), bent, np.array([0.0, outward, 0.0]))
    return chord(m["ELB"], shoulder, np.einsum("tij,tj->ti", axes, kept), offset)


def _held(direction: F64, sure: Bool, otherwise: F64) -> F64:
    """(T, 3) directions; where they are not sure they are interpolated between those that are."""
    sure = sure & np.isfinite(direction).all(axis=1)
    if not sure.any():
        return np.broadcast_to(otherwise, direction.shape).copy()
    at = np.flatnonzero(sure)
    return np.stack([np.interp(np.arange(len(direction)), at, direction[at, i]) for i in range(3)], axis=1)


def _knuckles(fin: F64, bar: list[F64], wrist: F64, offset_m: float, side: int) -> F64:
    """Under the knuckle marker, on the palm's side where two wrist markers tell it; else the marker itself."""
    if len(bar) < 2:
        return fin
    back = np.cross(wrist - fin, bar[0] - bar[1]) * (1.0 if side == 0 else -1.0)
    return chord(fin, wrist, back, offset_m)


def trunk_centres(m: Mapping[str, F64], axes: F64) -> dict[str, F64]:
    """Base of the neck and chest.

    Source: Reed, Manary and Schneider, "Methods for measuring and representing automobile occupant posture", SAE 1999-01-0959:
    the joint of C7 and T1 lies 0.55 of the way from the C7 to the collar-bone marker, lifted by 8 degrees.
    """
    across = m["CLAV"] - m["C7"]
    lift = np.cross(across, axes[:, :, 1])
    neck = m["C7"] + 0.55 * (np.cos(np.radians(8.0)) * across + np.sin(np.radians(8.0)) * lift)
    out = {"neck": np.asarray(neck)}
    if "STRN" in m and "T10" in m:
        out["chest"] = np.asarray(m["T10"] + 0.5 * (m["STRN"] - m["T10"]))
    return out


HEAD_UNDER_BAND_M = 0.04
"""Centre of a head band above the brows to the level of the ear canals."""


def head_centre(m: Mapping[str, F64], neck: F64) -> F64 | None:
    """The skull's joint: under the middle of the head markers; None where there are none."""
    pairs = [m[role] for role in ("LFHD", "RFHD", "LBHD", "RBHD") if role in m]
    if len(pairs) == 4:
        centre = np.asarray(sum(pairs) / 4.0)
        up = unit(np.cross((pairs[0] + pairs[1] - pairs[2] - pairs[3]), (pairs[0] + pairs[2] - pairs[1] - pairs[3])))
        return np.asarray(centre - HEAD_UNDER_BAND_M * up)
    if len(pairs) >= 2:
        centre = np.asarray(sum(pairs[:2]) / 2.0)
        return np.asarray(centre - HEAD_UNDER_BAND_M * unit(centre - neck))
    single = next((m[role] for role in ("TOP", "FHD", "BHD") if role in m), None)
    return None if single is None else np.asarray(neck + 0.62 * (single - neck))


def sided(m: Mapping[str, F64], side: int) -> dict[str, F64]:
    """The roles of one side without its letter, central ones left out."""
    letter = SIDES[side][0].upper()
    return {role[1:]: pos for role, pos in m.items() if role[0] == letter and role not in ("C7", "CLAV")}
