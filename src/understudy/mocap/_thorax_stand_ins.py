"""The thorax of a person without markers on the neck or the collar bones: stand-ins for C7 and CLAV, laid by the shoulders.

Many sets (Helen Hayes, those of OpenSim's examples) have markers on both shoulders and nothing else that shows where the
thorax faces. The shoulders and the pelvis below them do, nearly.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.geom.arrays import F64
from understudy.mocap import _joint_centres as centres

PLACES: dict[str, tuple[float, float]] = {"C7": (-0.155, 0.06), "CLAV": (0.305, -0.20)}
"""Forward and up from the middle of the shoulder markers, over the distance between these.

Source: means over five people recorded with Plug-in Gait (one trial of each; forward -0.26 to -0.10 and 0.20 to 0.44, up
-0.05 to 0.14 and -0.28 to -0.12)."""


def with_thorax(roles: Mapping[str, F64]) -> tuple[dict[str, F64], tuple[str, ...]]:
    """The roles with C7 and CLAV, and which of them are stand-ins.

    Which way is forward is told by the front and back of the pelvis, not by left and right. Where one of the two markers is
    there, the other one is laid from it.

    Args:
        roles: role to (T, 3); both shoulders and the pelvis are there.
    """
    made = tuple(name for name in PLACES if name not in roles)
    if not made:
        return dict(roles), ()
    front = (roles["LASI"] + roles["RASI"]) / 2.0
    back = roles["SACR"] if "SACR" in roles else (roles["LPSI"] + roles["RPSI"]) / 2.0
    middle, across = (roles["LSHO"] + roles["RSHO"]) / 2.0, roles["LSHO"] - roles["RSHO"]
    up = centres.unit(middle - (front + back) / 2.0)
    left = across - centres.dot(across, up) * up
    left = left * np.sign(centres.dot(left, np.cross(up, front - back)))
    forward = np.cross(centres.unit(left), up)
    width = float(np.nanmedian(np.linalg.norm(across, axis=1))) if np.isfinite(across).any() else float("nan")
    laid = {name: middle + width * (ahead * forward + above * up) for name, (ahead, above) in PLACES.items()}
    there = next((name for name in PLACES if name in roles), None)
    shift = roles[there] - laid[there] if there else 0.0
    return {**roles, **{name: np.asarray(laid[name] + shift) for name in made}}, made


def told(made: tuple[str, ...]) -> str | None:
    """What to say of stand-ins."""
    if not made:
        return None
    missing = " and ".join(made)
    return f"no marker shows {missing}: the thorax was laid by the shoulders and the pelvis, so its lean and twist are rough"
