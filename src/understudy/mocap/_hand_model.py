"""The hand of the SMPL family and of MANO: 16 joints, posed by 15 rotations, on mean proportions or on a model's own joints.

Rest pose, as MANO's: the hand flat in a T-pose; x left, y up, z forward, so that the palm is down and the thumb's side forward.
Tips are the last phalanges' ends.

Source: Romero, Tzionas and Black, "Embodied Hands", ACM TOG 36 (2017), for the joint tree. Buryanov and Kotiuk, "Proportions of
hand segments", Int. J. Morphology 28 (2010), table 1, for the lengths of metacarpals and phalanges. Where the metacarpals begin,
how far they fan out and how the thumb stands off are this project's estimates.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.geom.arrays import F64, AnyArray
from understudy.spec.hand import finger_columns
from understudy.spec.skeleton import HAND_JOINTS, SIDES

POSED: tuple[str, ...] = ("index", "middle", "little", "ring", "thumb")
"""Fingers in the order of the models' hand poses, three rotations each."""
POSES = 3 * len(POSED)

_LENGTHS_MM: dict[str, tuple[float, float, float, float]] = {
    "thumb": (0.0, 46.22, 31.57, 21.67),
    "index": (68.12, 39.78, 22.38, 15.82),
    "middle": (64.60, 44.63, 26.33, 17.40),
    "ring": (58.00, 41.37, 25.65, 17.30),
    "little": (53.69, 32.74, 18.11, 15.96),
}
"""Metacarpal and three phalanges; of the thumb, whose first joint is the saddle, metacarpal and two."""
_BASE_MM: dict[str, tuple[float, float]] = {
    "thumb": (20.0, 20.0), "index": (22.0, 10.0), "middle": (22.0, 0.0), "ring": (22.0, -9.0), "little": (20.0, -17.0),
}  # fmt: skip
"""Wrist to the metacarpal's near end: along the hand and to the thumb's side."""
_FAN_DEG: dict[str, tuple[float, ...]] = {
    "thumb": (0.0, 45.0, 37.0, 37.0), "index": (9.0, 4.0, 4.0, 4.0), "middle": (0.0, 0.0, 0.0, 0.0),
    "ring": (-9.0, -4.0, -4.0, -4.0), "little": (-16.0, -10.0, -10.0, -10.0),
}  # fmt: skip
"""Direction of each bone to the thumb's side of the hand's own."""
_THUMB_DOWN_MM, _THUMB_DOWN_DEG = 10.0, 12.0
MEAN_HAND_M = 1e-3 * (_BASE_MM["middle"][0] + _LENGTHS_MM["middle"][0])
"""Wrist to middle knuckle of the mean hand."""

TIP_VERTICES: dict[str, dict[str, int]] = {
    "mano": {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "little": 671},
    "smplh_left": {"thumb": 2746, "index": 2319, "middle": 2445, "ring": 2556, "little": 2673},
    "smplh_right": {"thumb": 6191, "index": 5782, "middle": 5905, "ring": 6016, "little": 6133},
    "smplx_left": {"thumb": 5361, "index": 4933, "middle": 5058, "ring": 5169, "little": 5286},
    "smplx_right": {"thumb": 8079, "index": 7669, "middle": 7794, "ring": 7905, "little": 8022},
}
"""Vertices at the fingers' ends, by model. Source: the vertex lists of the models' public Python packages."""
FIRST_JOINT: dict[str, int] = {
    "mano": 1, "smplh_left": 22, "smplh_right": 37, "smplx_left": 25, "smplx_right": 40,
}  # fmt: skip
"""The first of the 15 joints of a hand among the model's."""


def mean_hand(side: str) -> F64:
    """(21, 3) rest joints of a mean hand, metres, the wrist at the origin."""
    out = np.zeros((len(HAND_JOINTS), 3))
    for finger, lengths in _LENGTHS_MM.items():
        along, radial = _BASE_MM[finger]
        down = -_THUMB_DOWN_MM if finger == "thumb" else 0.0
        at = np.array([along, down, radial])
        slope = np.radians(_THUMB_DOWN_DEG if finger == "thumb" else 0.0)
        for k, (length, fan) in enumerate(zip(lengths, np.radians(_FAN_DEG[finger]), strict=True)):
            direction = [np.cos(slope) * np.cos(fan), -np.sin(slope), np.cos(slope) * np.sin(fan)]
            at += length * np.array(direction)
            out[finger_columns(finger)[k]] = 1e-3 * at
    return np.asarray(out * np.array([1.0 if side == SIDES[0] else -1.0, 1.0, 1.0]))


def model_hand(joints: F64, vertices: F64, kind: str) -> F64:
    """(21, 3) rest joints of a model's hand, the wrist where it has it.

    Args:
        joints: (J, 3) all rest joints of the model; its wrist is joint 0 for MANO, 20 and 21 for the bodies.
        vertices: (V, 3) its shaped template.
        kind: a name of `TIP_VERTICES`.
    """
    out = np.empty((len(HAND_JOINTS), 3))
    out[0] = joints[{"mano": 0, "left": 20, "right": 21}[kind.rpartition("_")[2]]]
    for i, finger in enumerate(POSED):
        columns = finger_columns(finger)
        first = FIRST_JOINT[kind] + 3 * i
        out[columns[:3]] = joints[first : first + 3]
        out[columns[3]] = vertices[TIP_VERTICES[kind][finger]]
    return out


def pose_hand(rest: F64, local: F64, wrist_rot: F64) -> F64:
    """Joints of a posed hand, from its wrist.

    Args:
        rest: (21, 3) rest joints.
        local: (T, 15, 3, 3) rotations in the order of `POSED`, each in the axes of its parent.
        wrist_rot: (T, 3, 3) rotation of the wrist.

    Returns:
        (T, 21, 3) the wrist at the origin; in the axes that `wrist_rot` leads to.
    """
    out = np.zeros((len(local), len(HAND_JOINTS), 3))
    for i, finger in enumerate(POSED):
        rot, above = wrist_rot, 0
        for k, column in enumerate(finger_columns(finger)):
            out[:, column] = out[:, above] + rot @ (rest[column] - rest[above])
            above = column
            if k < 3:
                rot = rot @ local[:, 3 * i + k]
    return out


def mirrored_pose(rotvec: F64) -> F64:
    """(..., 3) rotation vectors of the other hand that makes the same gesture: mirrored in the plane x = 0."""
    return np.asarray(rotvec * np.array([1.0, -1.0, -1.0]))


def has_tips(model: Mapping[str, AnyArray], kind: str) -> bool:
    """Whether a model has the vertices at its fingers' ends."""
    return kind in TIP_VERTICES and len(model["v_template"]) > max(TIP_VERTICES[kind].values())
