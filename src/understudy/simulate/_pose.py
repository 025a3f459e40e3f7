"""Joint positions of a person from the feet, the pelvis, the trunk and the wrists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate._body import Body
from understudy.simulate._feet import FootPath
from understudy.spec.skeleton import INDEX, JOINTS, SIDES


@dataclass(frozen=True)
class Trunk:
    """Orientation of the upper body over time, radians: yaw about z, then pitch forward about y, then roll about x.

    Attributes:
        pelvis: (T, 3) yaw, pitch, roll.
        chest: (T, 3) the same.
    """

    pelvis: F64
    chest: F64


def axes(yaw_pitch_roll: F64) -> F64:
    """(T, 3, 3) body to world."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(yaw_pitch_roll.T), np.sin(yaw_pitch_roll.T)
    rows = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def two_link(root: F64, tip: F64, pole: F64, *, upper_m: float, lower_m: float) -> tuple[F64, F64]:
    """Middle and end joint of two straight links.

    Args:
        root: (T, 3) hip or shoulder.
        tip: (T, 3) where ankle or wrist should be; moved onto the reach of the links where it lies outside.
        pole: (T, 3) direction towards which the middle joint bends.
        upper_m: length from root to middle.
        lower_m: length from middle to tip.

    Returns:
        (T, 3) middle and (T, 3) tip.
    """
    line = tip - root
    want = np.linalg.norm(line, axis=1)
    span = np.clip(want, abs(upper_m - lower_m) * 1.01 + 1e-6, (upper_m + lower_m) * 0.9995)
    along = line / np.maximum(want, 1e-9)[:, None]
    bend = pole - np.sum(pole * along, axis=1, keepdims=True) * along
    bend = bend / np.linalg.norm(bend, axis=1, keepdims=True)
    a = (upper_m**2 - lower_m**2 + span**2) / (2.0 * span)
    out = np.sqrt(np.maximum(upper_m**2 - a**2, 0.0))
    middle = root + a[:, None] * along + out[:, None] * bend
    return middle, root + span[:, None] * along


def hips_from_pelvis(body: Body, trunk: Trunk) -> F64:
    """(T, 2, 3) left and right hip from the pelvis, world axes."""
    left = axes(trunk.pelvis)[:, :, 1] * body.half_hips_m
    return np.stack([left, -left], axis=1)


def joint_positions(body: Body, feet: tuple[FootPath, FootPath], pelvis_m: F64, trunk: Trunk, wrists_from_shoulders: F64) -> F64:
    """(T, 23, 3) in world.

    Args:
        body: the person.
        feet: left and right.
        pelvis_m: (T, 3) world.
        trunk: orientation of pelvis and chest.
        wrists_from_shoulders: (T, 2, 3) left and right, in the axes of the chest.
    """
    pos: dict[str, F64] = {"pelvis": pelvis_m}
    pelvis, chest = axes(trunk.pelvis), axes(trunk.chest)
    waist = axes((trunk.pelvis + trunk.chest) / 2.0)
    head = axes(trunk.chest * [1.0, 0.4, 0.3])
    pos["spine"] = pelvis_m + pelvis @ body.trunk("spine")
    pos["chest"] = pos["spine"] + waist @ body.trunk("chest")
    pos["neck"] = pos["chest"] + chest @ body.trunk("neck")
    pos["head"] = pos["neck"] + head @ body.trunk("head")
    hips = hips_from_pelvis(body, trunk)
    for i, side in enumerate(SIDES):
        _leg(pos, body, side, pelvis_m + hips[:, i], feet[i], trunk)
        _arm(pos, body, side, chest, wrists_from_shoulders[:, i])
    out = np.empty((len(pelvis_m), len(JOINTS), 3))
    for name, values in pos.items():
        out[:, INDEX[name]] = values
    return out


def _leg(pos: dict[str, F64], body: Body, side: str, hip: F64, foot: FootPath, trunk: Trunk) -> None:
    """The knee bends towards the mean of where the toes and the pelvis point."""
    yaw = (foot.yaw + trunk.pelvis[:, 0]) / 2.0
    pole = np.stack([np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)], axis=1)
    knee, ankle = two_link(hip, foot.ankle, pole, upper_m=body.thigh_m, lower_m=body.shank_m)
    pos[f"{side}_hip"], pos[f"{side}_knee"], pos[f"{side}_ankle"] = hip, knee, ankle
    pos[f"{side}_toe"] = foot.ball


def _arm(pos: dict[str, F64], body: Body, side: str, chest: F64, wrist_from_shoulder: F64) -> None:
    """The elbow points backward, down and a little outward."""
    out = 1.0 if side == "left" else -1.0
    pos[f"{side}_collar"] = pos["chest"] + chest @ body.trunk(f"{side}_collar")
    shoulder = pos[f"{side}_collar"] + chest @ body.trunk(f"{side}_shoulder")
    pole = chest @ np.array([-1.0, 0.35 * out, -0.6])
    target = shoulder + np.einsum("tij,tj->ti", chest, wrist_from_shoulder)
    elbow, wrist = two_link(shoulder, target, pole, upper_m=body.upper_arm_m, lower_m=body.forearm_m)
    pos[f"{side}_shoulder"], pos[f"{side}_elbow"], pos[f"{side}_wrist"] = shoulder, elbow, wrist
    pos[f"{side}_hand"] = wrist + (wrist - elbow) * (body.knuckles_m / body.forearm_m)


def hanging_wrist(body: Body, flexion_rad: F64, out_rad: F64, elbow_rad: F64) -> F64:
    """(T, 3) left wrist from the shoulder in the axes of the chest, of an arm that swings beside the body.

    Args:
        body: the person.
        flexion_rad: (T,) upper arm forward of hanging.
        out_rad: (T,) upper arm away from the body.
        elbow_rad: (T,) bend of the elbow, forearm forward.
    """
    upper, lower = body.upper_arm_m, body.forearm_m
    forward = upper * np.sin(flexion_rad) + lower * np.sin(flexion_rad + elbow_rad)
    down = upper * np.cos(flexion_rad) + lower * np.cos(flexion_rad + elbow_rad)
    return np.stack([forward, down * np.sin(out_rad), -down * np.cos(out_rad)], axis=1)
