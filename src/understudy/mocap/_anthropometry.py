"""Measures of a person that Plug-in Gait asks for: from the file where it has them, else from published proportions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.geom.arrays import F64, frozen_f64

MARKER_RADIUS_M = 0.007
"""Half of the 14 mm marker that Plug-in Gait assumes."""

PHANTOM_HEIGHT = 1.7018
FEMUR, ANKLE, HUMERUS, WRIST = 0.0952, 0.0668, 0.0648, 0.0521
"""Breadths of a person of PHANTOM_HEIGHT: femoral condyles, malleoli, humeral condyles, styloids, metres. Source: Ross and
Wilson, "A stratagem for proportional growth assessment", Acta Paediatrica Belgica 28 suppl. (1974), the Phantom."""

WRIST_DEPTH, HAND_DEPTH = 0.7 * WRIST, 0.5 * WRIST
"""Thickness of wrist and hand from back to palm: our estimate, 36 and 26 mm, since the Phantom has none."""
SHOULDER_DROP = 0.047
"""Acromion to shoulder centre of the Phantom: our estimate."""

LEG_OVER_HEIGHT = 0.52
"""Spine of the ilium over the knee to the malleolus, over the height."""


@dataclass(frozen=True)
class Measures:
    """Lengths in metres; pairs are left and right.

    Attributes:
        marker_radius: of every marker.
        leg: (2,) anterior iliac spine to medial malleolus, over the knee.
        inter_asis: between the anterior iliac spines.
        asis_trochanter: (2,) along the axis of the pelvis, zero where it follows from the leg.
        knee, ankle, elbow: (2,) widths along the joint's axis.
        wrist, hand: (2,) thickness from back to palm.
        shoulder: (2,) acromion to shoulder centre, downwards.
        from_file: names that the file gave; the others are proportions of the height.
    """

    marker_radius: float
    leg: F64
    inter_asis: float
    asis_trochanter: F64
    knee: F64
    ankle: F64
    elbow: F64
    wrist: F64
    hand: F64
    shoulder: F64
    from_file: tuple[str, ...]


_SIDED: dict[str, tuple[str, float]] = {
    "knee": ("KneeWidth", FEMUR),
    "ankle": ("AnkleWidth", ANKLE),
    "elbow": ("ElbowWidth", HUMERUS),
    "wrist": ("WristWidth", WRIST_DEPTH),
    "hand": ("HandThickness", HAND_DEPTH),
    "shoulder": ("ShoulderOffset", SHOULDER_DROP),
}
"""Measure to its name in the file without the side, and its value for a person of PHANTOM_HEIGHT."""


def measures(parameters: Mapping[str, float], leg_m: float, inter_asis_m: float) -> Measures:
    """Measures of a person.

    Args:
        parameters: what the file holds, metres; zero means not measured.
        leg_m: hip bone over knee to ankle as seen in the markers.
        inter_asis_m: between the front pelvis markers.
    """
    given = {name: value for name, value in parameters.items() if 0.005 < value < 2.5}
    used: list[str] = []

    def take(name: str, otherwise: float) -> float:
        if name in given:
            used.append(name)
        return given.get(name, otherwise)

    leg = [take(f"{side}LegLength", leg_m) for side in "LR"]
    scale = take("Height", sum(leg) / 2.0 / LEG_OVER_HEIGHT) / PHANTOM_HEIGHT
    sided = {key: frozen_f64([take(side + name, size * scale) for side in "LR"]) for key, (name, size) in _SIDED.items()}
    return Measures(
        marker_radius=take("MarkerDiameter", 2.0 * MARKER_RADIUS_M) / 2.0,
        leg=frozen_f64(leg),
        inter_asis=take("InterAsisDistance", inter_asis_m),
        asis_trochanter=frozen_f64([take(f"{side}AsisTrocanterDistance", 0.0) for side in "LR"]),
        from_file=tuple(used),
        **sided,
    )
