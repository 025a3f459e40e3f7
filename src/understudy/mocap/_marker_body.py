"""The person in a take of markers: unit, up, sides, and joint centres where the markers allow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap import _joint_centres as centres
from understudy.mocap._anthropometry import Measures, measures
from understudy.mocap._marker_sets import SIDED_ROLES, MarkerSet
from understudy.mocap._units import LEG_RANGE_M, UNITS_M, UP_AXES, up_axis
from understudy.spec.skeleton import SIDES

Roles = dict[str, F64]
"""Role to (T, 3) positions, NaN where not seen."""


@dataclass(frozen=True)
class Body:
    """Joint centres as far as each frame allows, with what was used for them.

    Attributes:
        joints: canonical joint to (T, 3), NaN where its markers were not seen.
        measures: widths and lengths of the person.
        hips: regression of the hips.
    """

    joints: dict[str, F64]
    measures: Measures
    hips: str


def leg_chain(roles: Mapping[str, F64]) -> float:
    """Front pelvis marker over knee marker to ankle marker, median over the clip, mean of both sides."""
    both = [_span(roles[f"{s}ASI"], roles[f"{s}KNE"]) + _span(roles[f"{s}KNE"], roles[f"{s}ANK"]) for s in "LR"]
    return float(np.mean(both))


def _span(a: F64, b: F64) -> float:
    d = np.linalg.norm(a - b, axis=1)
    return float(np.nanmedian(d)) if np.isfinite(d).any() else float("nan")


def true_unit(leg_m: float, unit_m: float, where: str) -> tuple[float, str | None]:
    """Metres per unit of the file, and a warning where the file's own statement cannot be true.

    Raises:
        MocapError: no unit makes a person of it.
    """
    low, high = LEG_RANGE_M
    if low <= leg_m <= high:
        return unit_m, None
    raw = leg_m / unit_m
    for name, scale in UNITS_M.items():
        if name != "cmu" and low <= raw * scale <= high:
            return scale, f"the file says 1 unit is {unit_m:g} m, which would make a leg of {leg_m:.3g} m; {name} was taken"
    raise MocapError(
        f"{where}: hip over knee to ankle is {leg_m:.3g} m; a person has {low} to {high} m, and no other unit gives that: "
        "points are misnamed, or several subjects share names"
    )


def find_up(roles: Mapping[str, F64], stated: str | None, where: str) -> tuple[str, str | None]:
    """Axis of the file that points up, from the person, and a warning where the file says otherwise or nobody stands.

    Raises:
        MocapError: shoulders and ankles are never seen together.
    """
    upward = (roles["LSHO"] + roles["RSHO"] - roles["LANK"] - roles["RANK"]) / 2.0
    upward = upward[np.isfinite(upward).all(axis=1)]
    if not len(upward):
        raise MocapError(f"{where}: the markers of both shoulders and both ankles are never seen in one frame: fill their gaps")
    found, unsure = up_axis(upward, np.zeros(3))
    if stated is None or stated == found:
        return found, unsure
    if unsure:
        return stated, None
    return found, f"the file says {stated} is up, but the person stands along {found}: {found} was taken"


def turned(roles: Mapping[str, F64], up: str) -> Roles:
    """The roles in `world`, z up."""
    return {role: np.asarray(pos @ UP_AXES[up].T) for role, pos in roles.items()}


def exchanged_sides(roles: Roles) -> tuple[Roles, str | None]:
    """The roles with left on the left, and a warning where it was not so.

    Left is up x forward of the pelvis (front and back markers, hips to shoulders) for the pelvis and legs, of the thorax for the
    arms: neither needs to know left from right. A pair is on the wrong side when it is there in most frames and does not
    move with the limbs of its own names: crossed feet stay as they are.
    """
    front = (roles["LASI"] + roles["RASI"]) / 2.0
    back = roles["SACR"] if "SACR" in roles else (roles["LPSI"] + roles["RPSI"]) / 2.0
    up = roles["C7"] - back
    left_pelvis = np.cross(up, front - back)
    left_thorax = np.cross(up, roles["CLAV"] - roles["C7"])
    pairs = [role for role in (*NEXT, *_others()) if f"L{role}" in roles and f"R{role}" in roles]
    wrong = [role for role in pairs if _across(roles, role, left_pelvis if role in LEGS else left_thorax)]
    if not wrong:
        return roles, None
    if len(wrong) == len(pairs):
        told = "left and right were swapped throughout, or the file's axes are mirrored: the names of both sides were exchanged"
        return _exchanged(roles, wrong), told
    out, changed = dict(roles), []
    for role in wrong:
        if not _belongs(out, role):
            out = _exchanged(out, [role])
            changed.append(role)
    if not changed:
        return roles, None
    listed = ", ".join(f"L{role} and R{role}" for role in changed)
    return out, f"left and right were swapped for {listed}: their names were exchanged"


LEGS = ("ASI", "PSI", "THI", "KNE", "KNM", "TIB", "ANK", "MED", "HEE", "TOE")
NEXT: dict[str, str] = {
    "ASI": "", "SHO": "", "THI": "ASI", "KNE": "THI", "KNM": "KNE", "TIB": "KNE", "ANK": "TIB", "MED": "ANK",
    "HEE": "ANK", "TOE": "ANK",
    "UPA": "SHO", "ELB": "SHO", "ELM": "ELB", "FRM": "ELB", "WRA": "ELB", "WRB": "ELB", "FIN": "WRA",
}  # fmt: skip
"""Role to one of its own limb that lies nearer to the trunk, in that order; empty where the trunk itself shows the side."""
CLEARLY = 0.5
"""A marker whose distance to its own limb varies by less than this part of that to the other limb is on the right one."""


def _others() -> list[str]:
    return [role for role in SIDED_ROLES if role not in NEXT]


def _across(roles: Mapping[str, F64], role: str, left: F64) -> bool:
    """Whether the marker of the left lies on the right in most frames."""
    aside = centres.dot(roles[f"L{role}"] - roles[f"R{role}"], left)
    return bool(np.isfinite(aside).any() and np.nanmedian(aside) < 0.0)


def _belongs(roles: Mapping[str, F64], role: str) -> bool:
    """Whether a pair moves with its own limbs and not with the others', as where somebody crosses the legs."""
    near = next((other for other in _towards_trunk(role) if f"L{other}" in roles and f"R{other}" in roles), None)
    if near is None:
        return False
    own = [_spread(roles[f"{s}{role}"], roles[f"{s}{near}"]) for s in "LR"]
    others = [_spread(roles[f"{s}{role}"], roles[f"{o}{near}"]) for s, o in ("LR", "RL")]
    return bool(np.nansum(own) < CLEARLY * np.nansum(others))


def _towards_trunk(role: str) -> list[str]:
    out = []
    while role := NEXT.get(role, ""):
        out.append(role)
    return out


def _spread(a: F64, b: F64) -> float:
    d = np.linalg.norm(a - b, axis=1)
    return float(np.nanstd(d)) if np.isfinite(d).any() else float("nan")


def _exchanged(roles: Mapping[str, F64], pairs: Sequence[str]) -> Roles:
    out = dict(roles)
    for role in pairs:
        out[f"L{role}"], out[f"R{role}"] = roles[f"R{role}"], roles[f"L{role}"]
    return out


def body_of(roles: Mapping[str, F64], marker_set: MarkerSet, parameters: Mapping[str, float], hips: centres.HipModel) -> Body:
    """Joint centres of every frame from roles in metres, z up."""
    asis = _span(roles["LASI"], roles["RASI"])
    person = measures(parameters, leg_chain(roles), asis)
    sacrum = roles["SACR"] if "SACR" in roles else (roles["LPSI"] + roles["RPSI"]) / 2.0
    origin, pelvis = centres.pelvis_axes(roles["LASI"], roles["RASI"], sacrum)
    local = centres.davis_hips(person) if hips == "davis" else centres.harrington_hips(asis, _span(origin, sacrum))
    thorax_origin, thorax = centres.thorax_axes(roles, person)
    joints = centres.trunk_centres(roles, thorax)
    head = centres.head_centre(roles, joints["neck"])
    if head is not None:
        joints["head"] = head
    for side, name in enumerate(SIDES):
        own = centres.sided(roles, side)
        hip = np.asarray(origin + pelvis @ local[side])
        outward = pelvis[:, :, 1] * (1.0 if side == 0 else -1.0)
        parts = {"hip": hip}
        parts |= centres.leg_centres(own, hip, outward, person, side, lateral_wands=marker_set.wands_lateral)
        parts |= centres.arm_centres(own, thorax_origin, thorax, person, side, wrist_bar=marker_set.wrist_bar)
        joints |= {f"{name}_{part}": pos for part, pos in parts.items()}
    return Body(joints, person, hips)
