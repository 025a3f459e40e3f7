"""Edits of a person's motion before retargeting: a stretch of it, its mirror image, its false first frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.errors import MocapError
from understudy.spec.skeleton import INDEX, JOINTS, HumanMotion

JUMP_M_S = 15.0
"""No joint of a person moves faster between two frames; a first frame that is further off is a reference pose."""


def trimmed(motion: HumanMotion, start_s: float | None, end_s: float | None) -> HumanMotion:
    """The frames from `start_s` to `end_s` (inclusive), seconds from the clip's start; stamps begin at 0 again.

    Raises:
        MocapError: nothing is left.
    """
    first = 0 if start_s is None else round(start_s * 1e9)
    last = int(motion.t_ns[-1]) if end_s is None else round(end_s * 1e9)
    keep = (motion.t_ns >= first) & (motion.t_ns <= last)
    if keep.sum() < 2:
        raise MocapError(
            f"{motion.source.path}: {first * 1e-9:g} s to {last * 1e-9:g} s leaves {int(keep.sum())} frames of a clip of "
            f"{motion.duration_s:.2f} s; choose start_s and end_s inside it"
        )
    t_ns = motion.t_ns[keep]
    return replace(
        motion,
        joint_pos_world_m=motion.joint_pos_world_m[keep],
        t_ns=t_ns - t_ns[0],
        contact=None if motion.contact is None else motion.contact[keep],
        hand_pos_world_m=None if motion.hand_pos_world_m is None else motion.hand_pos_world_m[keep],
        hand_radial_world=None if motion.hand_radial_world is None else motion.hand_radial_world[keep],
    )


def mirrored(motion: HumanMotion) -> HumanMotion:
    """The motion with left and right exchanged: reflected in the world's x-z plane."""
    swap = [INDEX[_other(name)] for name in JOINTS]
    across = np.array([1.0, -1.0, 1.0])
    return replace(
        motion,
        joint_pos_world_m=motion.joint_pos_world_m[:, swap] * across,
        measured=motion.measured[swap],
        contact=None if motion.contact is None else motion.contact[:, ::-1],
        hand_pos_world_m=None if motion.hand_pos_world_m is None else motion.hand_pos_world_m[:, ::-1] * across,
        hand_radial_world=None if motion.hand_radial_world is None else motion.hand_radial_world[:, ::-1] * across,
    )


def without_reference_pose(motion: HumanMotion) -> tuple[HumanMotion, str]:
    """The motion with a reference pose in its first frame replaced by the frame after it, and a sentence that says so.

    Some files (CMU's, and Xsens exports) begin with a T-pose that is no part of the motion. Stamps stay as they are, so that
    frame i of the file is still step i. The sentence is empty where there was none.
    """
    if len(motion) < 3:
        return motion, ""
    steps = np.linalg.norm(np.diff(motion.joint_pos_world_m[:3], axis=0), axis=2).max(axis=1)
    dt_s = float(motion.t_ns[1] - motion.t_ns[0]) * 1e-9
    if steps[0] < JUMP_M_S * dt_s or steps[0] < 5.0 * steps[1]:
        return motion, ""
    second = np.maximum(np.arange(len(motion)), 1)
    said = f"frame 1 is a reference pose {steps[0]:.2f} m away from frame 2, which was put in its place"
    kept = tuple(w for w in motion.source.warnings if not w.startswith("frame 1 "))  # the reader's own word on it
    motion = replace(
        motion,
        joint_pos_world_m=motion.joint_pos_world_m[second],
        hand_pos_world_m=None if motion.hand_pos_world_m is None else motion.hand_pos_world_m[second],
        hand_radial_world=None if motion.hand_radial_world is None else motion.hand_radial_world[second],
    )
    return replace(motion, source=replace(motion.source, warnings=kept)), said


def _other(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name
