"""A made-up humanoid in round figures, for tests that need any robot and no model file.

29 joints with the names of a Unitree G1 in its order, x forward, y left, z up; proportions near a G1's.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from understudy.geom.arrays import frozen_f64, frozen_i64
from understudy.spec.robot import (
    Capsule,
    Expect,
    Frame,
    LinkPoint,
    ModelSource,
    Mount,
    RobotModel,
    RobotProfile,
    Sole,
    Vec3,
)

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_LEG: tuple[tuple[str, Vec3, Vec3, float, float], ...] = (
    ("hip_pitch", (0.0, 0.06, -0.10), _Y, -2.5, 2.8),
    ("hip_roll", (0.0, 0.05, -0.03), _X, -0.5, 2.9),
    ("hip_yaw", (0.0, 0.0, -0.12), _Z, -2.7, 2.7),
    ("knee", (0.0, 0.0, -0.18), _Y, -0.1, 2.8),
    ("ankle_pitch", (0.0, 0.0, -0.30), _Y, -1.2, 0.6),
    ("ankle_roll", (0.0, 0.0, -0.02), _X, -0.26, 0.26),
)
_WAIST: tuple[tuple[str, Vec3, Vec3, float, float], ...] = (
    ("waist_yaw", (0.0, 0.0, 0.02), _Z, -2.6, 2.6),
    ("waist_roll", (0.0, 0.0, 0.04), _X, -0.5, 0.5),
    ("waist_pitch", (0.0, 0.0, 0.0), _Y, -0.5, 0.5),
)
_ARM: tuple[tuple[str, Vec3, Vec3, float, float], ...] = (
    ("shoulder_pitch", (0.0, 0.10, 0.24), _Y, -3.0, 2.6),
    ("shoulder_roll", (0.0, 0.05, 0.0), _X, -1.5, 2.2),
    ("shoulder_yaw", (0.0, 0.0, -0.10), _Z, -2.6, 2.6),
    ("elbow", (0.02, 0.0, -0.10), _Y, -1.0, 2.0),
    ("wrist_roll", (0.10, 0.0, 0.0), _X, -1.9, 1.9),
    ("wrist_pitch", (0.04, 0.0, 0.0), _Y, -1.6, 1.6),
    ("wrist_yaw", (0.05, 0.0, 0.0), _Z, -1.6, 1.6),
)
_HOME = {"hip_pitch": -0.1, "knee": 0.3, "ankle_pitch": -0.2}
_SOLE_BELOW_ANKLE_M = 0.03
_OUTLINE_M: tuple[Vec3, ...] = ((-0.05, -0.03, -0.03), (0.12, -0.03, -0.03), (0.12, 0.03, -0.03), (-0.05, 0.03, -0.03))


@cache
def stand_in_robot() -> RobotModel:
    """The stand-in: the same object on every call."""
    rows = _rows()
    names = tuple(name for name, *_ in rows)
    links = {name: name.replace("_joint", "_link") for name in names}
    parents = [0 if parent == "pelvis" else names.index(parent) + 1 for _, parent, *_ in rows]
    count = len(names)
    eye = np.broadcast_to(np.eye(3), (count, 3, 3))
    mass = np.full(count + 1, 0.9)
    mass[0], mass[names.index("waist_pitch_joint") + 1] = 4.0, 8.0
    frames = {"pelvis": Frame(0, frozen_f64(np.eye(3)), frozen_f64(np.zeros(3)))}
    for i, name in enumerate(names):
        frames[links[name]] = Frame(i + 1, frozen_f64(np.eye(3)), frozen_f64(np.zeros(3)))
    profile = _profile(names)
    return RobotModel(
        profile=profile,
        joint_names=names,
        body_parent=frozen_i64(parents),
        rot_parent_joint=frozen_f64(eye),
        pos_parent_joint_m=frozen_f64([row[2] for row in rows]),
        axis_joint=frozen_f64([row[3] for row in rows]),
        lower_rad=frozen_f64([row[4] for row in rows]),
        upper_rad=frozen_f64([row[5] for row in rows]),
        velocity_rad_s=frozen_f64(np.full(count, 20.0)),
        effort_nm=frozen_f64(np.full(count, 50.0)),
        mass_kg=frozen_f64(mass),
        com_body_m=frozen_f64(np.zeros((count + 1, 3))),
        inertia_body_kgm2=frozen_f64(np.broadcast_to(0.01 * np.eye(3), (count + 1, 3, 3))),
        frames=frames,
        home_rad=frozen_f64([profile.home_rad.get(name, 0.0) for name in names]),
        model_sha256="0" * 64,
        model_path=None,
    )


def _rows() -> list[tuple[str, str, Vec3, Vec3, float, float]]:
    """(joint, parent joint or pelvis, position, axis, lower, upper) in the model's order."""
    rows: list[tuple[str, str, Vec3, Vec3, float, float]] = []
    both = ("left_", "right_")
    for chain, root, sides in ((_LEG, "pelvis", both), (_WAIST, "pelvis", ("",)), (_ARM, "waist_pitch_joint", both)):
        for side in sides:
            parent = root
            for part, (x, y, z), axis, lower, upper in chain:
                mirrored = side == "right_"
                roll_or_yaw = axis != _Y
                low, high = (-upper, -lower) if mirrored and roll_or_yaw else (lower, upper)
                name = f"{side}{part}_joint"
                rows.append((name, parent, (x, -y if mirrored else y, z), axis, low, high))
                parent = name
    return rows


def _profile(names: tuple[str, ...]) -> RobotProfile:
    home = {n: angle for n in names for part, angle in _HOME.items() if n.endswith(f"{part}_joint")}
    thigh, shank, rest = 0.03 + 0.12 + 0.18, 0.30, 0.10 + 0.02 + _SOLE_BELOW_ANKLE_M
    height = float(rest + thigh * np.cos(0.1) + shank * np.cos(0.2))
    return RobotProfile(
        name="stand_in",
        title="made-up humanoid for tests",
        source="round figures",
        licence="Apache-2.0",
        model=ModelSource(kind="figures"),
        expect=Expect(dof=len(names), mass_kg=37.2, mass_tolerance_kg=0.1),
        groups={
            **{f"{side}_leg": tuple(f"{side}_{part}_joint" for part, *_ in _LEG) for side in ("left", "right")},
            "waist": tuple(f"{part}_joint" for part, *_ in _WAIST),
            **{f"{side}_arm": tuple(f"{side}_{part}_joint" for part, *_ in _ARM) for side in ("left", "right")},
        },
        links=_links(),
        points=_points(),
        soles={side: Sole(link=f"{side}_ankle_roll_link", outline_m=_OUTLINE_M) for side in ("left", "right")},
        home_rad=home,
        standing_height_m=height,
        capsules=_capsules(),
        collision_ignore=(("torso", "pelvis"),),
        imus={"imu_pelvis": Mount(link="pelvis"), "imu_torso": Mount(link="waist_pitch_link")},
    )


def _links() -> dict[str, str]:
    links = {"pelvis": "pelvis", "torso": "waist_pitch_link", "head": "waist_pitch_link"}
    parts = {"hip": "hip_yaw", "knee": "knee", "ankle": "ankle_pitch", "foot": "ankle_roll", "shoulder": "shoulder_yaw"}
    parts |= {"elbow": "elbow", "wrist": "wrist_yaw", "hand": "wrist_yaw"}
    links |= {f"{side}_{part}": f"{side}_{link}_link" for side in ("left", "right") for part, link in parts.items()}
    return links


def _points() -> dict[str, LinkPoint]:
    points = {
        "neck": LinkPoint(link="waist_pitch_link", offset_m=(0.0, 0.0, 0.24)),
        "pelvis": LinkPoint(link="pelvis", offset_m=(0.0, 0.0, -0.13)),
    }
    parts = {"hip": "hip_roll", "knee": "knee", "ankle": "ankle_roll"}
    parts |= {"shoulder": "shoulder_roll", "elbow": "elbow", "wrist": "wrist_yaw"}
    for side in ("left", "right"):
        points |= {f"{side}_{part}": LinkPoint(link=f"{side}_{link}_link") for part, link in parts.items()}
    return points


def _capsules() -> tuple[Capsule, ...]:
    body = (
        _capsule("torso", "waist_pitch_link", (0.0, 0.0, 0.05), (0.0, 0.0, 0.22), 0.08),
        _capsule("pelvis", "pelvis", (0.0, -0.05, -0.05), (0.0, 0.05, -0.05), 0.06),
    )
    limbs = [
        _capsule(f"{side}_{name}", f"{side}_{link}_link", a_m, b_m, radius_m)
        for side in ("left", "right")
        for name, link, a_m, b_m, radius_m in _LIMBS
    ]
    return (*body, *limbs)


_LIMBS: tuple[tuple[str, str, Vec3, Vec3, float], ...] = (
    ("thigh", "hip_yaw", (0.0, 0.0, -0.02), (0.0, 0.0, -0.14), 0.06),
    ("shank", "knee", (0.0, 0.0, -0.05), (0.0, 0.0, -0.26), 0.05),
    ("foot", "ankle_roll", (-0.03, 0.0, 0.0), (0.1, 0.0, 0.0), 0.03),
    ("forearm", "elbow", (0.02, 0.0, 0.0), (0.1, 0.0, 0.0), 0.035),
    ("hand", "wrist_yaw", (0.02, 0.0, 0.0), (0.1, 0.0, 0.0), 0.035),
)


def _capsule(name: str, link: str, a_m: Vec3, b_m: Vec3, radius_m: float) -> Capsule:
    return Capsule(name=name, link=link, a_m=a_m, b_m=b_m, radius_m=radius_m)
