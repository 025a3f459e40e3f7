"""A first profile for any URDF or MJCF, for a person to look over."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64, frozen_f64
from understudy.kinematics.capsule_fit import FittedCapsule, fit_to_tolerance, mirror
from understudy.kinematics.checks import check_model, check_profile
from understudy.kinematics.forward import body_poses
from understudy.kinematics.geometry import link_points
from understudy.kinematics.limb_guess import SIDES, Limbs, guess_limbs, middle_joint, outermost
from understudy.kinematics.load import from_model_file
from understudy.kinematics.model_file import ModelFile, read_model_file
from understudy.kinematics.sole_fit import reduce_outline, sole_hull
from understudy.spec.protocols import Progress
from understudy.spec.robot import (
    CameraMount,
    Capsule,
    Expect,
    LinkPoint,
    ModelSource,
    Mount,
    RobotModel,
    RobotProfile,
    Sole,
    Vec3,
)

_SMALL_M = 0.03
_OPTICAL = (0.5, -0.5, 0.5, -0.5)  # camera axes (z forward) in a link whose x points forward


@dataclass(frozen=True)
class Inspection:
    """A guessed profile, and what a person must still look at."""

    profile: RobotProfile
    open_points: tuple[str, ...]


def inspect_model(path: Path, progress: Progress | None = None) -> Inspection:
    """Guess a profile from names and geometry: groups, links, points, soles, capsules, mounts.

    The home pose is all zeros, as far as the limits allow.

    Args:
        path: a URDF or MJCF file.
        progress: called with (done, total) links while capsules are fitted.

    Raises:
        ModelError: the file cannot be read as a robot with a floating root and revolute joints.
    """
    file = read_model_file(path)
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    robot = from_model_file(file, _blank(name, path))
    limbs = guess_limbs(robot)
    open_points: list[str] = []
    links = _semantic_links(robot, limbs, open_points)
    shapes = _shapes(file, open_points)
    points = _points(robot, limbs, links, shapes, open_points)
    soles, height = _soles(robot, links, shapes, open_points)
    for side, sole in soles.items():
        points[f"{side}_toe"] = _toe(sole)
    profile = robot.profile.model_copy(
        update={
            "expect": Expect(dof=robot.dof, mass_kg=round(float(robot.mass_kg.sum()), 4)),
            "groups": {group: tuple(robot.joint_names[j] for j in joints) for group, joints in limbs.groups.items()},
            "links": links,
            "points": points,
            "soles": soles,
            "standing_height_m": height,
            "capsules": _capsules(shapes, progress),
            "home_rad": _allowed_zero(robot),
            "imus": {
                f"imu_{n}": Mount(link=link) for n, link in enumerate(sorted(k for k in robot.frames if "imu" in k.lower()))
            },
            "cameras": _cameras(robot),
            "position_only_hands": len(limbs.groups.get("left_arm", ())) < 5,
        }
    )
    profile = RobotProfile.model_validate(profile.model_dump())
    if "other" in limbs.groups:
        open_points.append("groups.other: joints that fit no limb")
    return Inspection(profile, (*open_points, *_what_checks_say(robot, profile, file.where)))


def _blank(name: str, path: Path) -> RobotProfile:
    return RobotProfile(
        name=name, title=name, source=str(path), licence="unknown",
        model=ModelSource(kind="path", path=str(path.resolve())),
        expect=Expect(dof=0, mass_kg=0.0), groups={}, links={}, points={}, soles={}, standing_height_m=1.0,
        notes="Guessed by `understudy robot inspect`; look it over.",
    )  # fmt: skip


def _link_of(robot: RobotModel, body: int) -> str:
    """The link that sits at a body's origin."""
    at_origin = [link for link, frame in robot.frames.items() if frame.body == body and not frame.pos_body_frame_m.any()]
    return at_origin[0] if at_origin else next(link for link, frame in robot.frames.items() if frame.body == body)


def _semantic_links(robot: RobotModel, limbs: Limbs, open_points: list[str]) -> dict[str, str]:
    links = {"pelvis": _link_of(robot, 0)}
    for side in SIDES:
        leg, arm = limbs.groups.get(f"{side}_leg", ()), limbs.groups.get(f"{side}_arm", ())
        if len(leg) >= 3:
            knee = middle_joint(limbs, leg)
            hips = leg[: leg.index(knee)] or leg[:1]
            ankle = leg[min(leg.index(knee) + 1, len(leg) - 1)]
            for key, joint in (("hip", outermost(limbs, hips, 0.01)), ("knee", knee), ("ankle", ankle), ("foot", leg[-1])):
                links[f"{side}_{key}"] = _link_of(robot, joint + 1)
        else:
            open_points.append(
                f"groups.{side}_leg: found {len(leg)} joints, a leg needs at least 3; name the leg's links and points"
            )
        if len(arm) >= 3:
            elbow = _elbow(robot, limbs, arm)
            after = arm[arm.index(elbow) + 1 :]
            shoulders = arm[: arm.index(elbow)] or arm[:1]
            wrist = after[1] if len(after) >= 3 else (after[-1] if after else elbow)
            for key, joint in (
                ("shoulder", outermost(limbs, shoulders, 0.025)),
                ("elbow", elbow),
                ("wrist", wrist),
                ("hand", arm[-1]),
            ):
                links[f"{side}_{key}"] = _link_of(robot, joint + 1)
            links.setdefault("torso", _link_of(robot, int(robot.body_parent[arm[0]])))
        else:
            open_points.append(
                f"groups.{side}_arm: found {len(arm)} joints, an arm needs at least 3; name the arm's links and points"
            )
    head = limbs.groups.get("head")
    named = next((link for link in robot.frames if "head" in link.lower()), None)
    links["head"] = _link_of(robot, head[-1] + 1) if head else (named or links.get("torso", links["pelvis"]))
    if not head and named is None:
        open_points.append("links.head: no link is called head; the torso stands for it")
    return links


def _elbow(robot: RobotModel, limbs: Limbs, arm: tuple[int, ...]) -> int:
    named = [j for j in arm if "elbow" in robot.joint_names[j].lower()]
    return named[0] if named else (arm[-1] if len(arm) == 4 else middle_joint(limbs, arm))


def _shapes(file: ModelFile, open_points: list[str]) -> dict[str, F64]:
    """Points of every link: visual shapes, else collision shapes."""
    try:
        return link_points(file, visual=False) | link_points(file, visual=True)
    except ModelError as error:
        open_points.append(f"shapes: {error}; soles and capsules are not fitted")
        return {}


def _points(
    robot: RobotModel, limbs: Limbs, links: dict[str, str], shapes: dict[str, F64], open_points: list[str]
) -> dict[str, LinkPoint]:
    keys = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    points = {f"{s}_{k}": LinkPoint(link=links[f"{s}_{k}"]) for s in SIDES for k in keys if f"{s}_{k}" in links}
    at = {key: limbs.origin_m[robot.frame(point.link).body] for key, point in points.items()}
    for name, key, link in (("pelvis", "hip", links["pelvis"]), ("neck", "shoulder", links.get("torso", links["pelvis"]))):
        if f"left_{key}" in at and f"right_{key}" in at:
            middle = (at[f"left_{key}"] + at[f"right_{key}"]) / 2.0
            points[name] = LinkPoint(link=link, offset_m=_vec3(_in_link(robot, link, middle)))
    for side in SIDES:
        if f"{side}_wrist" in links and links[f"{side}_wrist"] == links[f"{side}_elbow"]:
            shape = shapes.get(links[f"{side}_elbow"])
            tip = shape[np.argmax(np.linalg.norm(shape, axis=1))] if shape is not None else np.zeros(3)
            points[f"{side}_wrist"] = LinkPoint(link=links[f"{side}_elbow"], offset_m=_vec3(0.9 * tip))
            open_points.append(
                f"points.{side}_wrist: the arm ends at the elbow; 90 % of the way to the tip of its shape was taken"
            )
    return points


def _soles(
    robot: RobotModel, links: dict[str, str], shapes: dict[str, F64], open_points: list[str]
) -> tuple[dict[str, Sole], float]:
    soles, lowest = {}, 0.0
    for side in SIDES:
        link = links.get(f"{side}_foot")
        shape = _body_shape(robot, link, shapes) if link else None
        if link is None or shape is None:
            open_points.append(f"soles.{side}: the foot link {link or '(none)'} has no shape; write the outline by hand")
            continue
        rot, pos = _neutral_frame(robot, link)
        outline = reduce_outline(sole_hull(shape @ rot.T), 12)
        lowest = min(lowest, float(outline[:, 2].min() + pos[2]))
        soles[side] = Sole(link=link, outline_m=tuple(_vec3(point) for point in outline @ rot))
    if lowest == 0.0:
        open_points.append("standing_height_m: no sole was found; 1.0 stands in")
        return soles, 1.0
    return soles, round(-lowest, 4)


def _body_shape(robot: RobotModel, link: str, shapes: dict[str, F64]) -> F64 | None:
    """Points, in a link's frame, of all links that are fixed to the same body."""
    own = robot.frame(link)
    parts = [
        (robot.on_body(other, points)[1] - own.pos_body_frame_m) @ own.rot_body_frame
        for other, points in shapes.items()
        if other in robot.frames and robot.frame(other).body == own.body
    ]
    return np.concatenate(parts) if parts else None


def _allowed_zero(robot: RobotModel) -> dict[str, float]:
    """Joints that cannot be at 0, at the nearest angle that is allowed."""
    nearest = np.clip(0.0, robot.lower_rad, robot.upper_rad)
    return {name: float(angle) for name, angle in zip(robot.joint_names, nearest, strict=True) if angle != 0.0}


def _toe(sole: Sole) -> LinkPoint:
    outline = np.array(sole.outline_m)
    low, high = outline.min(axis=0), outline.max(axis=0)
    return LinkPoint(link=sole.link, offset_m=_vec3(np.array([high[0], (low[1] + high[1]) / 2.0, low[2]])))


def _capsules(shapes: dict[str, F64], progress: Progress | None) -> tuple[Capsule, ...]:
    fitted: dict[str, tuple[FittedCapsule, ...]] = {}
    for done, (link, shape) in enumerate(sorted(shapes.items()), start=1):
        if progress is not None:
            progress(done, len(shapes))
        if len(shape) < 8 or np.sort(np.ptp(shape, axis=0))[1] < _SMALL_M:
            continue
        twin = next((other for other in fitted if _mirrored(shape, shapes[other])), None)
        fitted[link] = tuple(mirror(capsule) for capsule in fitted[twin]) if twin else fit_to_tolerance(shape).capsules
    return tuple(
        Capsule(
            name=link if len(capsules) == 1 else f"{link}_{number}",
            link=link,
            a_m=_vec3(capsule.a_m),
            b_m=_vec3(capsule.b_m),
            radius_m=max(round(capsule.radius_m, 4), 1e-4),
        )
        for link, capsules in fitted.items()
        for number, capsule in enumerate(capsules, start=1)
    )


def _mirrored(shape: F64, other: F64) -> bool:
    """Whether two shapes have mirrored bounding boxes, to a millimetre."""
    low, high = shape.min(axis=0), shape.max(axis=0)
    flipped = other * np.array([1.0, -1.0, 1.0])
    return bool(np.abs(np.concatenate([flipped.min(axis=0) - low, flipped.max(axis=0) - high])).max() < 1e-3)


def _cameras(robot: RobotModel) -> dict[str, CameraMount]:
    found = [link for link in robot.frames if re.search(r"camera|d435|realsense", link, re.IGNORECASE)]
    optical = [link for link in found if "optical" in link.lower()]
    picked = optical[:1] or found[:1]
    return {"head": CameraMount(link=picked[0], quat_wxyz=(1.0, 0.0, 0.0, 0.0) if optical else _OPTICAL)} if picked else {}


def _neutral_frame(robot: RobotModel, link: str) -> tuple[F64, F64]:
    """Orientation and origin of a link with every joint at 0 and the root at the origin."""
    poses = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, robot.dof)))
    frame = robot.frame(link)
    rot = poses.rot_world[0, frame.body]
    return rot @ frame.rot_body_frame, poses.pos_world_m[0, frame.body] + rot @ frame.pos_body_frame_m


def _in_link(robot: RobotModel, link: str, point_m: F64) -> F64:
    rot, pos = _neutral_frame(robot, link)
    return np.asarray((point_m - pos) @ rot)


def _what_checks_say(robot: RobotModel, profile: RobotProfile, where: str) -> list[str]:
    home = [profile.home_rad.get(name, 0.0) for name in robot.joint_names]
    whole = replace(robot, profile=profile, home_rad=frozen_f64(home))
    try:
        check_model(whole, where)
        check_profile(whole)
    except ModelError as error:
        return [str(error)]
    return []


def _vec3(values: F64) -> Vec3:
    x, y, z = (round(float(v), 5) + 0.0 for v in values)
    return x, y, z
