"""`robot.json`: joint order, limits, groups and model hash of a dataset's robot, in one file that every stage can refer to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from understudy.errors import JointOrderError, ModelError, StorageError
from understudy.spec.robot import RobotModel, Strict

FORMAT, VERSION = "understudy-robot", 1
_LIMIT_TOLERANCE_RAD = 1e-4


class JointLimits(Strict):
    """Range of a joint, and the most that its motor can do."""

    name: str
    lower_rad: float
    upper_rad: float
    effort_nm: float
    velocity_rad_s: float


class RobotJson(Strict):
    """What `robot.json` holds. `joints` is the order of every joint array of the dataset; `root_link` is the floating base."""

    format: Literal["understudy-robot"] = "understudy-robot"
    version: int = VERSION
    name: str
    title: str
    root_link: str
    joints: tuple[JointLimits, ...] = Field(min_length=1)
    groups: dict[str, tuple[str, ...]]
    links: dict[str, str]
    home_rad: tuple[float, ...]
    standing_height_m: float
    mass_kg: float
    position_only_hands: bool = False
    model_sha256: str

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joint order."""
        return tuple(joint.name for joint in self.joints)


def robot_json(robot: RobotModel) -> RobotJson:
    """The document of a robot."""
    profile = robot.profile
    limits = zip(robot.joint_names, robot.lower_rad, robot.upper_rad, robot.effort_nm, robot.velocity_rad_s, strict=True)
    return RobotJson(
        name=robot.name,
        title=profile.title,
        root_link=profile.links["pelvis"],
        joints=tuple(
            JointLimits(name=name, lower_rad=float(lo), upper_rad=float(hi), effort_nm=float(effort), velocity_rad_s=float(speed))
            for name, lo, hi, effort, speed in limits
        ),
        groups=profile.groups,
        links=profile.links,
        home_rad=tuple(float(angle) for angle in robot.home_rad),
        standing_height_m=profile.standing_height_m,
        mass_kg=round(float(robot.mass_kg.sum()), 6),
        position_only_hands=profile.position_only_hands,
        model_sha256=robot.model_sha256,
    )


def write_robot_json(robot: RobotModel, path: Path) -> None:
    """Write the file; it appears whole or not at all.

    Raises:
        StorageError: the disk refuses.
    """
    text = robot_json(robot).model_dump_json(indent=2) + "\n"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path}: cannot be written ({error.strerror}); free space or choose another place") from error


def read_robot_json(path: Path) -> RobotJson:
    """Read the file.

    Raises:
        ModelError: it is missing, is not such a file, or a key is wrong; the message names the key.
    """
    advice = "write it with `understudy robot show NAME --json FILE`"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); {advice}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: not JSON ({error}); {advice}") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ModelError(f"{path}: not a robot file: key format must be {FORMAT!r}; {advice}")
    if table.get("version") != VERSION:
        raise ModelError(f"{path}: version {table.get('version')!r}, this program reads {VERSION}; {advice}")
    try:
        return RobotJson.model_validate(table)
    except ValidationError as error:
        item = error.errors()[0]
        raise ModelError(f"{path}: key {'.'.join(str(part) for part in item['loc'])}: {item['msg']}; {advice}") from error


def check_robot_json(robot: RobotModel, path: Path) -> None:
    """Hold the file against a robot: the same joints in the same order with the same limits.

    Raises:
        ModelError: the file is unusable, or limits differ.
        JointOrderError: joints or their order differ; the message says where first, and how to reorder.
    """
    written = read_robot_json(path)
    _check_order(robot, written, path)
    for k, joint in enumerate(written.joints):
        for name, value in (("lower_rad", robot.lower_rad[k]), ("upper_rad", robot.upper_rad[k])):
            if not abs(getattr(joint, name) - value) <= _LIMIT_TOLERANCE_RAD:
                raise ModelError(
                    f"{path}: joint {joint.name}: {name} {getattr(joint, name):.4f}, the model of {robot.name} has {value:.4f}; "
                    "the model changed since the file was written: use the old model, or a new dataset"
                )


def _check_order(robot: RobotModel, written: RobotJson, path: Path) -> None:
    if written.joint_names == robot.joint_names:
        return
    robot.reorder(written.joint_names, where=str(path))
    first = next(k for k, name in enumerate(written.joint_names) if name != robot.joint_names[k])
    raise JointOrderError(
        f"{path}: joint {first} is {written.joint_names[first]}, {robot.name} has {robot.joint_names[first]} there; "
        "the same joints in another order: reorder the columns by name with RobotModel.reorder(names)"
    )
