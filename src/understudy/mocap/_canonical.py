"""Positions of a file's nodes to the canonical motion: unit, axes, inferred toes, and what the user should know."""

from __future__ import annotations

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._tree import Layout
from understudy.spec.skeleton import INDEX, JOINTS, LIMB_BONES, SIDES, joint_distances

TOE_OVER_LEG, ANKLE_HEIGHT_OVER_LEG = 0.19, 0.05
"""Ankle to ball of the foot, forward and down, over hip to ankle, where a file has no toes. Source: Winter,
Biomechanics, 4th ed., fig. 4.1: foot 0.152, ankle height 0.039, leg 0.491 of the body's height; ball near 0.6 of the foot."""

_MUST_HAVE_LENGTH = (*LIMB_BONES, ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), ("pelvis", "neck"))
_LEGS = tuple((f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in (("hip", "knee"), ("knee", "ankle")))


def canonical_positions(node_pos: F64, nodes: list[int], layout: Layout) -> F64:
    """(T, 23, 3) canonical joints in file axes and unit, from (T, K, 3) nodes; toes that the file lacks are NaN."""
    out = np.full((len(node_pos), len(JOINTS), 3), np.nan)
    place = {node: i for i, node in enumerate(nodes)}
    for joint, weights in layout.weights.items():
        (first, weight), *others = weights.items()
        at = node_pos[:, place[first]] if weight == 1.0 else weight * node_pos[:, place[first]]
        for node, weight in others:
            at = at + weight * node_pos[:, place[node]]
        out[:, INDEX[joint]] = at
    return out


def leg_length(pos: F64) -> float:
    """Hip to knee to ankle, median over the clip, mean of both sides."""
    thighs_and_shanks = joint_distances(pos, _LEGS)
    return float(np.mean(np.median(thighs_and_shanks[::2] + thighs_and_shanks[1::2], axis=1)))


def check_bones(pos: F64, where: str) -> None:
    """Refuse bones without length: nothing can be aimed along them.

    Raises:
        MocapError: names the two joints.
    """
    least = 0.01 * float(np.ptp(pos[0][np.isfinite(pos[0]).all(axis=1)], axis=0).max())
    for (a, b), length in zip(_MUST_HAVE_LENGTH, np.median(joint_distances(pos, _MUST_HAVE_LENGTH), axis=1), strict=True):
        if not length > least:
            raise MocapError(
                f"{where}: {a} and {b} lie at the same point (a bone of zero length): "
                "correct the OFFSET of the child joint, or export the skeleton again with its proportions"
            )


def upward(pos: F64) -> F64:
    """(T, 3) from the middle of the ankles to the head."""
    return np.asarray(pos[:, INDEX["head"]] - (pos[:, INDEX["left_ankle"]] + pos[:, INDEX["right_ankle"]]) / 2.0)


def forward_direction(pos_world_m: F64) -> F64:
    """(T, 3) unit horizontal direction that the hips face."""
    across = pos_world_m[:, INDEX["left_hip"]] - pos_world_m[:, INDEX["right_hip"]]
    forward = np.stack([across[:, 1], -across[:, 0], np.zeros(len(across))], axis=1)
    return np.asarray(forward / np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9))


def fill_toes(pos_world_m: F64) -> F64:
    """Toes that are NaN, laid forward of the ankle at the height of the sole; a copy."""
    out = pos_world_m.copy()
    lacking = [side for side in SIDES if np.isnan(out[0, INDEX[f"{side}_toe"]]).any()]
    if not lacking:
        return out
    leg, forward = leg_length(out), forward_direction(out)
    for side in lacking:
        down = np.array([0.0, 0.0, ANKLE_HEIGHT_OVER_LEG * leg])
        out[:, INDEX[f"{side}_toe"]] = out[:, INDEX[f"{side}_ankle"]] + TOE_OVER_LEG * leg * forward - down
    return out


def observations(pos_world_m: F64, measured: frozenset[str]) -> list[str]:
    """What a user should know about a motion: swapped sides, a reference frame at the start, changing bones."""
    said = (_swapped(pos_world_m, measured), _one_pair(pos_world_m), _first_frame(pos_world_m), _stretching(pos_world_m))
    return [text for text in said if text]


def toes_before_shank(pos_world_m: F64, side: str) -> F64:
    """(T,) how far the toes lie before the shank, over the foot's length: the same standing, running or lying.

    Before is square to the shank and to the line between the hips; a foot that is kicked back behind the body still points
    there, so it does not look like one of exchanged sides.
    """
    knee, ankle, toe = (pos_world_m[:, INDEX[f"{side}_{part}"]] for part in ("knee", "ankle", "toe"))
    front = np.cross(pos_world_m[:, INDEX["left_hip"]] - pos_world_m[:, INDEX["right_hip"]], knee - ankle)
    size = np.linalg.norm(front, axis=1) * np.linalg.norm(toe - ankle, axis=1)
    return np.asarray(np.einsum("tc,tc->t", front, toe - ankle) / np.maximum(size, 1e-12))


def _swapped(pos: F64, measured: frozenset[str]) -> str | None:
    if not {"left_toe", "right_toe"} <= measured:
        return "the file has no toes; they were laid forward of the ankles, so the feet cannot tell left from right"
    if float(np.median(sum(toes_before_shank(pos, side) for side in SIDES))) >= 0.0:
        return None
    return "the toes point backwards: left and right are swapped, or the file's axes are mirrored"


def shoulders_against_hips(pos_world_m: F64) -> bool:
    """Whether the left shoulder is on the side of the right hip for most of a clip (T, 23, 3)."""
    hips, shoulders = (
        pos_world_m[:, INDEX[f"left_{part}"]] - pos_world_m[:, INDEX[f"right_{part}"]] for part in ("hip", "shoulder")
    )
    return float(np.median(np.sum(hips[:, :2] * shoulders[:, :2], axis=1))) < 0.0


def _one_pair(pos: F64) -> str | None:
    if not shoulders_against_hips(pos):
        return None
    return "the left shoulder is on the side of the right hip: left and right are swapped in the arms, or in the legs"


def _first_frame(pos: F64) -> str | None:
    first = float(np.linalg.norm(pos[1] - pos[0], axis=1).max())
    if first > 0.1 and first > 5.0 * np.percentile(np.linalg.norm(np.diff(pos[1:], axis=0), axis=2).max(axis=1), 99):
        return (
            f"frame 1 is {first:.2f} m away from frame 2: it looks like a reference pose, not motion; "
            "leave it out with a start time if the retargeted clip begins with a jump"
        )
    return None


def _stretching(pos: F64) -> str | None:
    lengths = joint_distances(pos, LIMB_BONES)
    for (a, b), spread in zip(LIMB_BONES, lengths.std(axis=1) / lengths.mean(axis=1), strict=True):
        if spread > 0.02:
            return f"the bone from {a} to {b} changes its length by {100 * spread:.0f} %: the skeleton was not solved rigidly"
    return None


def rest_pose(pos: F64) -> str:
    """`T`, `A` or `other` of one pose (23, 3), from the angle between the trunk and the straight arms."""
    trunk = pos[INDEX["neck"]] - pos[INDEX["pelvis"]]
    angles = []
    for side in SIDES:
        shoulder, elbow, wrist = (pos[INDEX[f"{side}_{part}"]] for part in ("shoulder", "elbow", "wrist"))
        if _angle_deg(elbow - shoulder, wrist - elbow) > 25.0:
            return "other"
        angles.append(_angle_deg(trunk, wrist - shoulder))
    if all(75.0 <= angle <= 105.0 for angle in angles):
        return "T"
    return "A" if all(105.0 < angle <= 160.0 for angle in angles) else "other"


def _angle_deg(a: F64, b: F64) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(a @ b / size, -1.0, 1.0)))) if size > 0.0 else 180.0
