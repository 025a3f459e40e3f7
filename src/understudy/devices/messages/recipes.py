"""What is known of message types: where the values of a stream, their names and the stamp are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from understudy.devices.messages.unitree import MOTORS
from understudy.errors import InputError
from understudy.spec.stream import StreamSpec

PICTURES = frozenset(
    {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "foxglove.CompressedImage", "foxglove_msgs/msg/CompressedImage"}
)
TICK_STAMP = "tick"
"""Unitree's controllers count milliseconds since they were turned on."""


@dataclass(frozen=True)
class Recipe:
    """How a stream is made of a message.

    Attributes:
        field: paths of the values.
        unit: of each path; empty for the stream's own.
        names: path of the values' names; empty where there are none.
        columns: what each value is, where that is known without the message.
        ok: name of a field that is 0 while the values mean what the stream says, where the message has it; empty for none.
    """

    field: tuple[str, ...]
    unit: tuple[str, ...] = ()
    names: str = ""
    columns: tuple[str, ...] = ()
    ok: str = ""


def _joint_state(spec: StreamSpec, robot: str) -> Recipe | None:
    field = {"rad": "position", "rad/s": "velocity", "N*m": "effort"}.get(spec.unit)
    return Recipe((field,), names="name") if field else None


def _imu(spec: StreamSpec, robot: str) -> Recipe | None:
    if spec.kind == "imu":
        return Recipe(("orientation{w,x,y,z}", "angular_velocity{x,y,z}", "linear_acceleration{x,y,z}"))
    return Recipe(("orientation{w,x,y,z}",)) if spec.kind == "quaternion" else None


def _pose(prefix: str) -> Callable[[StreamSpec, str], Recipe | None]:
    def recipe(spec: StreamSpec, robot: str) -> Recipe | None:
        fields = {"pose": (f"{prefix}position{{x,y,z}}", f"{prefix}orientation{{w,x,y,z}}")}
        return Recipe(fields[spec.kind]) if spec.kind in fields else None

    return recipe


def _wrench(prefix: str) -> Callable[[StreamSpec, str], Recipe | None]:
    def recipe(spec: StreamSpec, robot: str) -> Recipe | None:
        fits = spec.shape == (6,) and spec.unit.startswith("N")
        return Recipe((f"{prefix}force{{x,y,z}}", f"{prefix}torque{{x,y,z}}")) if fits else None

    return recipe


def _low_state(spec: StreamSpec, robot: str) -> Recipe | None:
    if spec.kind == "imu":
        return Recipe(("imu_state.quaternion", "imu_state.gyroscope", "imu_state.accelerometer"))
    return _motors("motor_state", {"rad": "q", "rad/s": "dq", "N*m": "tau_est"}, spec, robot)


def _low_state_hg(spec: StreamSpec, robot: str) -> Recipe | None:
    recipe = _low_state(spec, robot)
    if recipe is None or spec.kind == "imu":
        return recipe
    # mode_pr 1: ankles and waist are given as the motors of their parallel linkages, not as pitch and roll
    return Recipe(recipe.field, columns=recipe.columns, ok="mode_pr")


def _low_cmd(spec: StreamSpec, robot: str) -> Recipe | None:
    return _motors("motor_cmd", {"rad": "q", "rad/s": "dq", "N*m": "tau"}, spec, robot)


def _motors(path: str, fields: Mapping[str, str], spec: StreamSpec, robot: str) -> Recipe | None:
    field = fields.get(spec.unit)
    return Recipe((f"{path}[*].{field}",), columns=MOTORS.get(robot, ())) if field else None


def _imu_state(spec: StreamSpec, robot: str) -> Recipe | None:
    return Recipe(("quaternion", "gyroscope", "accelerometer")) if spec.kind == "imu" else None


def _sample(spec: StreamSpec, robot: str) -> Recipe | None:
    return Recipe(("value",), ok="invalid")


def _plain(field: str) -> Callable[[StreamSpec, str], Recipe | None]:
    def recipe(spec: StreamSpec, robot: str) -> Recipe | None:
        return Recipe((field,))

    return recipe


_RECIPES: Mapping[str, Callable[[StreamSpec, str], Recipe | None]] = MappingProxyType(
    {
        "sensor_msgs/msg/JointState": _joint_state,
        "sensor_msgs/msg/Imu": _imu,
        "geometry_msgs/msg/PoseStamped": _pose("pose."),
        "geometry_msgs/msg/Pose": _pose(""),
        "nav_msgs/msg/Odometry": _pose("pose.pose."),
        "geometry_msgs/msg/WrenchStamped": _wrench("wrench."),
        "geometry_msgs/msg/Wrench": _wrench(""),
        "unitree_hg/msg/LowState": _low_state_hg,
        "unitree_go/msg/LowState": _low_state,
        "unitree_hg/msg/LowCmd": _low_cmd,
        "unitree_go/msg/LowCmd": _low_cmd,
        "unitree_hg/msg/IMUState": _imu_state,
        "unitree_go/msg/IMUState": _imu_state,
        **{f"std_msgs/msg/{name}": _plain("data") for name in ("Float64", "Float32", "Float64MultiArray", "Float32MultiArray")},
        **{f"std_msgs/msg/{name}": _plain("data") for name in ("Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16")},
        "understudy.Sample": _sample,
    }
)
KNOWN_TYPES = tuple(sorted({*_RECIPES, *PICTURES}))


def recipe_for(type_name: str, spec: StreamSpec, robot: str) -> Recipe | None:
    """How messages of a known type become a stream; None where they do not fit, or the type is not known.

    Args:
        type_name: such as `sensor_msgs/msg/Imu`.
        spec: of the stream.
        robot: profile name, for messages that number their motors.
    """
    make = _RECIPES.get(type_name)
    return make(spec, robot) if make and (spec.kind != "image") else None


def needed_recipe(type_name: str, spec: StreamSpec, robot: str, *, where: str) -> Recipe:
    """The same, where the mapping names no field.

    Raises:
        InputError: none is known.
    """
    found = recipe_for(type_name, spec, robot)
    if found is None:
        known = "this type does not fit that stream" if type_name in _RECIPES else "nothing is known of this type"
        raise InputError(f"{where}: {known} ({type_name} into {spec.key}, {spec.unit}); name the fields: field = [...]")
    return found


def stamp_path(type_name: str, fields: tuple[str, ...]) -> str:
    """Path of the stamp in messages of a type with these fields; empty where there is none.

    A Unitree tick is one too, but of a clock of its own: `on_wall_clock` tells them apart.
    """
    if "header" in fields:
        return "header.stamp"
    if "timestamp" in fields:
        return "timestamp"
    return TICK_STAMP if type_name.startswith("unitree_") and TICK_STAMP in fields else ""


def on_wall_clock(path: str) -> bool:
    """Whether stamps at this path can stand beside those of other topics."""
    return path != TICK_STAMP
