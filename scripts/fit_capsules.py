"""Print the `[[capsules]]` of a robot's profile, fitted to the shapes of its model.

    python scripts/fit_capsules.py unitree_g1 [--model other.urdf]

How many capsules each link gets is written in PLANS; the right side is the mirror image of the left.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.capsule_fit import CapsuleFit, FittedCapsule, fit_capsules
from understudy.kinematics.geometry import link_points
from understudy.kinematics.model_file import model_file, read_model_file
from understudy.spec.profiles import load_profile


@dataclass(frozen=True)
class Plan:
    """Capsules of one link: `name` in the profile, how many, and which part of the shape (between two heights in the link)."""

    name: str
    link: str
    count: int
    low_m: float = -np.inf
    high_m: float = np.inf


PLANS: dict[str, tuple[Plan, ...]] = {
    "unitree_g1": (
        Plan("pelvis", "pelvis_contour_link", 2),
        Plan("torso", "torso_link", 4),
        Plan("head", "head_link", 2),
        Plan("hip_pitch", "{s}_hip_pitch_link", 1),
        Plan("hip", "{s}_hip_roll_link", 1),
        Plan("thigh", "{s}_hip_yaw_link", 2),
        Plan("shank", "{s}_knee_link", 2),
        Plan("foot", "{s}_ankle_roll_link", 2),
        Plan("shoulder_side", "{s}_shoulder_pitch_link", 1),
        Plan("shoulder", "{s}_shoulder_roll_link", 1),
        Plan("upper_arm", "{s}_shoulder_yaw_link", 1),
        Plan("elbow", "{s}_elbow_link", 1),
        Plan("forearm", "{s}_wrist_roll_link", 1),
        Plan("wrist", "{s}_wrist_pitch_link", 1),
        Plan("hand", "{s}_rubber_hand", 2),
    ),
    "unitree_h1": (
        Plan("pelvis", "pelvis", 6),
        Plan("torso", "torso_link", 6, high_m=0.50),
        Plan("head", "torso_link", 2, low_m=0.52),
        Plan("hip_yaw", "{s}_hip_yaw_link", 1),
        Plan("hip", "{s}_hip_roll_link", 1),
        Plan("hip_side", "{s}_hip_pitch_link", 3, low_m=-0.15),
        Plan("thigh", "{s}_hip_pitch_link", 1, high_m=-0.13),
        Plan("shank", "{s}_knee_link", 2),
        Plan("foot", "{s}_ankle_link", 2),
        Plan("shoulder", "{s}_shoulder_roll_link", 1),
        Plan("upper_arm", "{s}_shoulder_yaw_link", 1),
        Plan("forearm", "{s}_elbow_link", 2),
    ),
    "fourier_gr1": (
        Plan("pelvis", "base_link", 4),
        Plan("waist", "waist_pitch_link", 1),
        Plan("torso", "waist_roll_link", 6),
        Plan("head", "head_pitch_link", 2),
        Plan("hip_side", "{s}_thigh_roll_link", 1),
        Plan("hip", "{s}_thigh_yaw_link", 2),
        Plan("thigh", "{s}_thigh_pitch_link", 2),
        Plan("shank", "{s}_shank_pitch_link", 2),
        Plan("foot", "{s}_foot_roll_link", 2),
        Plan("shoulder_side", "{s}_upper_arm_pitch_link", 1),
        Plan("shoulder", "{s}_upper_arm_roll_link", 1),
        Plan("upper_arm", "{s}_upper_arm_yaw_link", 1),
        Plan("forearm", "{s}_hand_yaw_link", 1),
    ),
}
PLANS["unitree_g1_hands"] = (*PLANS["unitree_g1"][:-1], Plan("hand", "{s}_hand_palm_link", 2))


def main() -> None:
    """Fit, and print TOML with the errors as comments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("robot", choices=sorted(PLANS))
    parser.add_argument("--model", type=Path, help="take the shapes from this file instead of the profile's")
    arguments = parser.parse_args()
    file = read_model_file(arguments.model) if arguments.model else model_file(load_profile(arguments.robot))
    seen, solid = link_points(file, visual=True, spacing_m=0.01), link_points(file, visual=False)
    for plan in PLANS[arguments.robot]:
        link = plan.link.format(s="left")
        points = seen[link] if link in seen else solid[link]
        part = points[(points[:, 2] > plan.low_m) & (points[:, 2] < plan.high_m)]
        across = "{s}" not in plan.link and plan.count % 2 == 0
        fit = fit_capsules(part, plan.count, mirrored=across)
        fit = fit if "{s}" in plan.link or across else centred(fit)
        print(f"# {plan.name}: hull up to {1000 * fit.uncovered_m:.0f} mm outside, {1000 * fit.protrusion_m:.0f} mm inside")
        print("\n".join(rows(plan, fit)))


def centred(fit: CapsuleFit) -> CapsuleFit:
    """Capsules of a link in the middle of the body, moved onto its plane of symmetry."""
    flat = np.array([1.0, 0.0, 1.0])
    return replace(fit, capsules=tuple(FittedCapsule(c.a_m * flat, c.b_m * flat, c.radius_m) for c in fit.capsules))


def rows(plan: Plan, fit: CapsuleFit) -> Iterator[str]:
    """TOML of one plan's capsules; for a link with a side, of both sides."""
    single = len(fit.capsules) == 1
    for side, sign in (("left", 1.0), ("right", -1.0)) if "{s}" in plan.link else (("", 1.0),):
        flip = np.array([1.0, sign, 1.0])
        for number, capsule in enumerate(fit.capsules, start=1):
            name = f"{side + '_' if side else ''}{plan.name}{'' if single else f'_{number}'}"
            yield (
                f'[[capsules]]\nname = "{name}"\nlink = "{plan.link.format(s=side)}"\n'
                f"a_m = {triple(capsule.a_m * flip)}\nb_m = {triple(capsule.b_m * flip)}\nradius_m = {capsule.radius_m:.4f}\n"
            )


def triple(values: F64) -> str:
    """A TOML array to a tenth of a millimetre."""
    return "[" + ", ".join(f"{value + 0.0:.4f}" for value in values) + "]"


if __name__ == "__main__":
    main()
