"""Rotations of a rigid skeleton from joint positions: what a BVH file stores and a canonical motion does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_normalize, quat_to_matrix
from understudy.mocap._units import UP_AXES
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion

CM_PER_M = 100.0


@dataclass(frozen=True)
class Joint:
    """A joint of the file: its name, its canonical joint, its parent, and its direction from it in the rest pose.

    The rest pose is a T: x left, y up, z forward. Joints that share a parent lie as the motion has them.
    """

    name: str
    canonical: str
    parent: int
    rest: tuple[float, float, float]


def _joints() -> tuple[Joint, ...]:
    out = [Joint("Hips", "pelvis", -1, (0.0, 1.0, 0.0))]

    def add(name: str, canonical: str, parent: str, *rest: float) -> None:
        x, y, z = rest
        out.append(Joint(name, canonical, [joint.name for joint in out].index(parent), (x, y, z)))

    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        word = side.capitalize()
        add(f"{word}UpLeg", f"{side}_hip", "Hips", sign, 0.0, 0.0)
        add(f"{word}Leg", f"{side}_knee", f"{word}UpLeg", 0.0, -1.0, 0.0)
        add(f"{word}Foot", f"{side}_ankle", f"{word}Leg", 0.0, -1.0, 0.0)
        add(f"{word}Toe", f"{side}_toe", f"{word}Foot", 0.0, -0.35, 0.94)
    add("Spine", "spine", "Hips", 0.0, 1.0, 0.0)
    add("Spine1", "chest", "Spine", 0.0, 1.0, 0.0)
    add("Neck", "neck", "Spine1", 0.0, 1.0, 0.0)
    add("Head", "head", "Neck", 0.0, 1.0, 0.0)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        word = side.capitalize()
        add(f"{word}Shoulder", f"{side}_collar", "Spine1", sign, 0.0, 0.0)
        add(f"{word}Arm", f"{side}_shoulder", f"{word}Shoulder", sign, 0.0, 0.0)
        add(f"{word}ForeArm", f"{side}_elbow", f"{word}Arm", sign, 0.0, 0.0)
        add(f"{word}Hand", f"{side}_wrist", f"{word}ForeArm", sign, 0.0, 0.0)
        add(f"{word}HandMiddle1", f"{side}_hand", f"{word}Hand", sign, 0.0, 0.0)
    return tuple(out)


JOINTS: tuple[Joint, ...] = _joints()

_FRAMES: dict[str, tuple[tuple[str, str], str]] = {
    "pelvis": (("right_hip", "left_hip"), "spine"),
    "chest": (("right_shoulder", "left_shoulder"), "neck"),
}
"""Joints with several children: which pair of joints points left (x), and which joint lies up (y)."""


@dataclass(frozen=True)
class Posed:
    """A motion as a skeleton with rotations, in the axes of the file (y up), centimetres.

    Attributes:
        root_cm: (T, 3) position of the root.
        offset_cm: (N, 3) each joint from its parent.
        tip_cm: (N, 3) end of each joint without children.
        local: per joint (T, 3, 3) its axes in those of its parent.
        error_m: (N,) largest distance of each joint from where the motion has it.
    """

    root_cm: F64
    offset_cm: F64
    tip_cm: F64
    local: tuple[F64, ...]
    error_m: F64


def pose_skeleton(motion: HumanMotion) -> Posed:
    """The motion on a skeleton of constant bones (medians over the clip); bones are not twisted about their own axis."""
    pos = CM_PER_M * motion.joint_pos_world_m @ UP_AXES["y"]
    at = [pos[:, INDEX[joint.canonical]] for joint in JOINTS]
    world: list[F64] = []
    offset, tip = np.zeros((len(JOINTS), 3)), np.zeros((len(JOINTS), 3))
    for j, joint in enumerate(JOINTS):
        parent = world[joint.parent] if joint.parent >= 0 else np.broadcast_to(np.eye(3), (len(pos), 3, 3))
        children = [i for i, other in enumerate(JOINTS) if other.parent == j]
        if joint.canonical in _FRAMES:
            world.append(_frame(pos, joint.canonical))
            for i in children:
                offset[i] = np.median(np.einsum("tji,tj->ti", world[j], at[i] - at[j]), axis=0)
        elif children:
            rest = np.array(JOINTS[children[0]].rest) / np.linalg.norm(JOINTS[children[0]].rest)
            bone = at[children[0]] - at[j]
            offset[children[0]] = rest * np.median(np.linalg.norm(bone, axis=1))
            world.append(_turn(parent @ rest, bone) @ parent)
        else:
            toe = joint.canonical.endswith("toe")
            tip[j] = 0.5 * np.linalg.norm(offset[j]) * np.array((0.0, 0.0, 1.0) if toe else joint.rest)
            world.append(_level(parent) @ parent if toe else parent)
    local = tuple(
        np.swapaxes(world[joint.parent], 1, 2) @ world[j] if joint.parent >= 0 else world[j] for j, joint in enumerate(JOINTS)
    )
    offset[0] = [0.0, float(np.median(at[0][:, 1])), 0.0]
    return Posed(at[0], offset, tip, local, _errors(at, world, offset))


def _frame(pos: F64, name: str) -> F64:
    """(T, 3, 3) axes of a joint with several children: x left, y up, z forward."""
    (right, left), up = _FRAMES[name]
    x = pos[:, INDEX[left]] - pos[:, INDEX[right]]
    z = np.cross(x, pos[:, INDEX[up]] - pos[:, INDEX[name]])
    y = np.cross(z, x)
    return np.stack([axis / np.linalg.norm(axis, axis=1, keepdims=True) for axis in (x, y, z)], axis=2)


def _turn(start: F64, end: F64) -> F64:
    """(T, 3, 3) shortest turns that take each direction `start` to `end`."""
    a = start / np.linalg.norm(start, axis=1, keepdims=True)
    b = end / np.maximum(np.linalg.norm(end, axis=1, keepdims=True), 1e-12)
    w = 1.0 + np.sum(a * b, axis=1, keepdims=True)
    aside = np.cross(a, np.where(np.abs(a[:, :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    quat = np.concatenate([w, np.where(w > 1e-9, np.cross(a, b), aside)], axis=1)
    return quat_to_matrix(quat_normalize(quat))


def _level(foot: F64) -> F64:
    """(T, 3, 3) the turn that lays the toes level, as they are on the ground while the heel rises."""
    forward = foot[:, :, 2]
    return _turn(forward, forward * [1.0, 0.0, 1.0] + [0.0, 1e-9, 0.0])


def _errors(at: list[F64], world: list[F64], offset: F64) -> F64:
    built: list[F64] = []
    for j, joint in enumerate(JOINTS):
        built.append(built[joint.parent] + world[joint.parent] @ offset[j] if joint.parent >= 0 else at[j])
    return np.array([np.linalg.norm(b - a, axis=1).max() / CM_PER_M for a, b in zip(at, built, strict=True)])
