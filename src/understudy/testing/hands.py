"""Hands with fingers in given poses, for tests: built from angles by plain trigonometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.hand import FINGERS, finger_columns, palm_normal
from understudy.spec.skeleton import HAND_JOINTS, SIDES, HumanMotion

Gesture = Literal["flat", "fist", "pinch", "half"]

KNUCKLE_M: dict[str, tuple[float, float]] = {
    "index": (0.088, 0.022), "middle": (0.087, 0.0), "ring": (0.080, -0.018), "little": (0.070, -0.034),
}  # fmt: skip
"""Wrist to knuckle: along the hand, and to the thumb's side."""
PHALANGES_M: dict[str, tuple[float, float, float]] = {
    "thumb": (0.046, 0.032, 0.022), "index": (0.040, 0.022, 0.016), "middle": (0.045, 0.026, 0.017),
    "ring": (0.041, 0.026, 0.017), "little": (0.033, 0.018, 0.016),
}  # fmt: skip
SADDLE_M = (0.022, 0.022, 0.010)
"""Wrist to the thumb's first joint: along the hand, to the thumb's side, out of the palm."""
_BENDS_DEG: dict[str, tuple[float, float, float]] = {
    "flat": (0.0, 0.0, 0.0), "half": (40.0, 45.0, 30.0), "fist": (88.0, 100.0, 65.0), "pinch": (45.0, 50.0, 25.0),
}  # fmt: skip


def hand_in(gesture: Gesture) -> F64:
    """(21, 3) joints of a hand in palm coordinates: along the hand, to the thumb's side, out of the palm; metres.

    `flat` has the thumb abducted, `fist` across the fingers, `pinch` with its tip on the index finger's and the other fingers
    straight, `half` all half closed. Both sides have the same coordinates.
    """
    out = np.zeros((len(HAND_JOINTS), 3))
    for finger in FINGERS[1:]:
        straight = gesture == "pinch" and finger != "index"
        out[finger_columns(finger)] = _finger(finger, _BENDS_DEG["flat" if straight else gesture])
    index_tip, middle = out[finger_columns("index")[3]], out[finger_columns("middle")]
    ends: Mapping[str, F64] = {
        "flat": np.array(SADDLE_M) + 0.1 * np.array([np.cos(0.8), np.sin(0.8), 0.0]),
        "fist": middle[1] + np.array([-0.005, 0.0, 0.012]),
        "pinch": index_tip,
        "half": np.array(SADDLE_M) + 0.09 * np.array([0.6, 0.55, 0.58]),
    }
    out[finger_columns("thumb")] = _thumb(ends[gesture])
    return out


def hand_at(palm: F64, side: str, *, wrist_world_m: F64, forward: F64, radial: F64) -> F64:
    """(T, 21, 3) a hand in palm coordinates (21, 3) or (T, 21, 3) laid where its wrist is and as it is turned, (T, 3) each."""
    axes = np.stack([forward, radial, palm_normal(forward, radial, side)], axis=-2)
    return np.asarray(wrist_world_m[:, None] + np.broadcast_to(palm, (len(forward), *palm.shape[-2:])) @ axes)


def with_hands(motion: HumanMotion, palm: F64, radial: F64) -> HumanMotion:
    """A motion whose hands are given in palm coordinates, (2, 21, 3) or (T, 2, 21, 3), and turned as `radial` (T, 2, 3)."""
    hands = []
    for i, side in enumerate(SIDES):
        forward = motion.joint(f"{side}_hand") - motion.joint(f"{side}_wrist")
        forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
        turned = radial[:, i] - np.sum(radial[:, i] * forward, axis=1, keepdims=True) * forward
        turned = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        hands.append(
            hand_at(palm[..., i, :, :], side, wrist_world_m=motion.joint(f"{side}_wrist"), forward=forward, radial=turned)
        )
    return replace(motion, hand_pos_world_m=np.stack(hands, axis=1), hand_radial_world=radial)


def _finger(finger: str, bends_deg: tuple[float, float, float]) -> F64:
    """(4, 3) a finger that bends towards the palm."""
    at = np.array([*KNUCKLE_M[finger], 0.0])
    out, angle = [at], 0.0
    for length, bend in zip(PHALANGES_M[finger], np.radians(bends_deg), strict=True):
        angle += bend
        at = at + length * np.array([np.cos(angle), 0.0, np.sin(angle)])
        out.append(at)
    return np.array(out)


def _thumb(tip: F64) -> F64:
    """(4, 3) a thumb from the saddle to where its tip is, bowed to the thumb's side so that its bones keep their lengths."""
    base, lengths = np.array(SADDLE_M), np.array(PHALANGES_M["thumb"])
    reach = tip - base
    far = float(np.linalg.norm(reach))
    along = reach / far
    bow = np.array([0.0, 1.0, 0.0]) - along[1] * along
    bow /= np.linalg.norm(bow)
    # equal turns between the three bones: the turn for which the chord has the wanted length
    turns = np.linspace(0.0, np.pi * 0.9, 2000)
    headings = turns[:, None] * np.array([1.0, 0.0, -1.0])
    chord = (lengths * np.cos(headings)).sum(axis=1)
    turn = turns[int(np.argmin(np.abs(chord - far)))] * np.array([1.0, 0.0, -1.0])
    steps = lengths[:, None] * (np.cos(turn)[:, None] * along + np.sin(turn)[:, None] * bow)
    out = base + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    out[-1] = tip
    return np.asarray(out)
