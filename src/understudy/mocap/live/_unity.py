"""Unity's humanoid bones: from local poses to joint centres, and from Unity's left-handed axes to `world`.

Source: UnityEngine.HumanBodyBones (Unity scripting reference): bone names and which of them an avatar must have. Unity is
left-handed, y up; a person who looks along +z has the right hand at +x.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_to_matrix

_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
_PHALANGES = ("Proximal", "Intermediate", "Distal")


def _parents() -> dict[str, str]:
    parents = {"Hips": "root", "Spine": "Hips", "Chest": "Spine", "UpperChest": "Chest", "Neck": "UpperChest", "Head": "Neck"}
    for side in ("Left", "Right"):
        chains: list[tuple[str, ...]] = [
            ("Hips", "UpperLeg", "LowerLeg", "Foot", "Toes"),
            ("UpperChest", "Shoulder", "UpperArm", "LowerArm", "Hand"),
        ]
        chains += [("Hand", *(finger + phalanx for phalanx in _PHALANGES)) for finger in _FINGERS]
        for start, *bones in chains:
            above = side + start if start == "Hand" else start
            for bone in bones:
                parents[side + bone] = above
                above = side + bone
    return parents


PARENTS: dict[str, str] = _parents()
"""Bone to the bone above it in a full avatar, parents first; a bone that an avatar lacks is passed over."""
ROOT = "root"
REQUIRED: tuple[str, ...] = (
    "Hips", "Spine", "Head",
    *(side + bone for side in ("Left", "Right")
      for bone in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")),
)  # fmt: skip
"""Bones that every humanoid avatar has."""

UNITY_TO_WORLD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Unity's forward (z) to x, its left (-x) to y, its up (y) to z. The determinant is -1: it undoes the left hand, so that a
left arm stays a left arm."""
TIP_OVER_DISTAL = 0.8
"""Length of a finger's last bone over the one before: about 0.7 to 0.9 for bones with the pulp. Source: Buryanov and Kotiuk,
"Proportions of hand segments", Int. J. Morphol. 28 (2010), table 2."""


def bone_parents(bones: tuple[str, ...]) -> I64:
    """(N,) index of the nearest bone above each that is among `bones`, -1 for none."""
    place = {bone: k for k, bone in enumerate(bones)}
    out = np.full(len(bones), -1, dtype=np.int64)
    for k, bone in enumerate(bones):
        above = PARENTS.get(bone)
        while above is not None and above not in place:
            above = PARENTS.get(above)
        out[k] = place[above] if above is not None else -1
    return out


def bone_poses(local_pos: F64, local_quat_wxyz: F64, parents: I64) -> tuple[F64, F64]:
    """Positions (N, 3) and rotations (N, 3, 3) of bones in Unity's scene, from poses local to their parents.

    Quaternions multiply and turn vectors by the same formulas in left-handed axes, so only the result has to change hands.

    Args:
        local_pos: (N, 3) metres.
        local_quat_wxyz: (N, 4) unit quaternions.
        parents: (N,) index of each bone's parent, which comes before it.
    """
    pose = np.zeros((len(parents), 4, 4))
    pose[:, :3, :3], pose[:, :3, 3], pose[:, 3, 3] = quat_to_matrix(local_quat_wxyz), local_pos, 1.0
    for k, parent in enumerate(parents):
        if parent >= 0:
            pose[k] = pose[parent] @ pose[k]
    return pose[:, :3, 3], pose[:, :3, :3]


def hand_joints(bones: Mapping[str, int], pos: F64, rot: F64, local_pos: F64) -> F64 | None:
    """(2, 21, 3) hand joints in Unity's axes, order `HAND_JOINTS`; None for an avatar without fingers.

    The tip is not sent: it lies on the last bone, in the direction in which that bone continues the one before.

    Args:
        bones: bone name to its index.
        pos: (N, 3) positions, with `rot` (N, 3, 3), as `bone_poses` gives them.
        local_pos: (N, 3) the bones' positions in their parents.
    """
    if not any(side + finger + phalanx in bones for side in ("Left", "Right") for finger in _FINGERS for phalanx in _PHALANGES):
        return None
    hands = np.full((2, 21, 3), np.nan)
    for h, side in enumerate(("Left", "Right")):
        hands[h, 0] = pos[bones[f"{side}Hand"]]
        for f, finger in enumerate(_FINGERS):
            for p, phalanx in enumerate(_PHALANGES):
                at = bones.get(side + finger + phalanx)
                if at is None:
                    continue
                hands[h, 1 + 4 * f + p] = pos[at]
                if phalanx == "Distal" and side + finger + "Intermediate" in bones:
                    hands[h, 4 + 4 * f] = pos[at] + rot[at] @ (TIP_OVER_DISTAL * local_pos[at])
    return hands
