"""ROS 2 and Unitree messages for tests: every field at its default but those that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from understudy.devices.messages.decode import known_types
from understudy.devices.messages.unitree import MOTORS, UNUSED

if TYPE_CHECKING:
    from cyclonedds.idl import IdlStruct
    from rosbags.typesys.store import Typestore

Tree = Mapping[str, object]
"""Field to value; a message in it is another tree."""


def stamped(t_ns: int, frame: str = "") -> Tree:
    """A header."""
    return {"stamp": {"sec": t_ns // 1_000_000_000, "nanosec": t_ns % 1_000_000_000}, "frame_id": frame}


def xyz(values: tuple[float, float, float]) -> Tree:
    """A vector or point."""
    return dict(zip("xyz", values, strict=True))


def wxyz(values: tuple[float, float, float, float]) -> Tree:
    """A quaternion, given w first."""
    return dict(zip("wxyz", values, strict=True))


def joint_state(t_ns: int, positions: Mapping[str, float]) -> Tree:
    """A JointState; velocities are ten times the positions and efforts a hundred times."""
    q = np.array(list(positions.values()), dtype=np.float64)
    return {"header": stamped(t_ns), "name": list(positions), "position": q, "velocity": 10.0 * q, "effort": 100.0 * q}


def imu(t_ns: int) -> Tree:
    """An Imu whose ten values all differ; its quaternion is (0.5, -0.5, 0.5, 0.5)."""
    return {
        "header": stamped(t_ns),
        "orientation": wxyz((0.5, -0.5, 0.5, 0.5)),
        "angular_velocity": xyz((1.0, 2.0, 3.0)),
        "linear_acceleration": xyz((4.0, 5.0, 6.0)),
    }


def low_state(robot: str, tick_ms: int, positions: Mapping[str, float]) -> Tree:
    """A Unitree LowState: velocities ten times the positions, torques a hundred times, motors without a joint at 99."""
    motors = []
    for joint in MOTORS[robot]:
        q = positions[joint] if joint != UNUSED else 99.0
        motors.append({"q": q, "dq": 10.0 * q, "tau_est": 100.0 * q})
    state = {"quaternion": [0.5, -0.5, 0.5, 0.5], "gyroscope": [1.0, 2.0, 3.0], "accelerometer": [4.0, 5.0, 6.0]}
    return {"tick": tick_ms, "motor_state": motors, "imu_state": state}


def low_cmd(robot: str, positions: Mapping[str, float]) -> Tree:
    """A Unitree LowCmd."""
    return {"motor_cmd": [{"q": positions[joint] if joint != UNUSED else 99.0} for joint in MOTORS[robot]]}


def ros_message(name: str, values: Tree, types: Typestore | None = None) -> object:
    """The message as rosbags has it, to be written into a bag."""
    store = types or known_types()
    return store.types[name](**{field: _ros(what, values.get(field), store) for field, what in store.fielddefs[name][1]})


def message_bytes(name: str, values: Tree, types: Typestore | None = None) -> bytes:
    """The message as ROS 2 sends it: CDR with its encapsulation header."""
    store = types or known_types()
    return bytes(store.serialize_cdr(ros_message(name, values, store), name))


def wire_message(name: str, values: Tree) -> IdlStruct:
    """The message as Cyclone DDS publishes it."""
    from understudy.devices.dds.idl import wire_type

    fields = {field: _wire_value(what, values.get(field)) for field, what in known_types().fielddefs[name][1]}
    return wire_type(name)(**fields)


def _ros(what: tuple[object, object], value: object, store: Typestore) -> object:
    from rosbags.interfaces import Nodetype

    kind, inner = what
    if kind == Nodetype.NAME:
        return ros_message(str(inner), value if isinstance(value, Mapping) else {}, store)
    assert isinstance(inner, tuple)
    if kind == Nodetype.BASE:
        return value if value is not None else _zero(str(inner[0]))
    items = _items(inner, value, fixed=kind == Nodetype.ARRAY)
    if inner[0][0] == Nodetype.BASE and inner[0][1][0] != "string":
        return np.array(items, dtype={"bool": "bool", "byte": "uint8", "octet": "uint8"}.get(inner[0][1][0], inner[0][1][0]))
    return [_ros(inner[0], item, store) for item in items]


def _wire_value(what: tuple[object, object], value: object) -> object:
    from rosbags.interfaces import Nodetype

    kind, inner = what
    if kind == Nodetype.NAME:
        return wire_message(str(inner), value if isinstance(value, Mapping) else {})
    assert isinstance(inner, tuple)
    if kind == Nodetype.BASE:
        return value if value is not None else _zero(str(inner[0]))
    items = _items(inner, value, fixed=kind == Nodetype.ARRAY)
    return [_wire_value(inner[0], item) for item in items]


def _items(inner: tuple[object, object], value: object, *, fixed: bool) -> list[object]:
    if value is None:
        return [None if _is_message(inner[0]) else _zero_of(inner[0])] * int(str(inner[1])) if fixed else []
    return value.tolist() if isinstance(value, np.ndarray) else list(value)  # type: ignore[call-overload, no-any-return]


def _is_message(what: object) -> bool:
    from rosbags.interfaces import Nodetype

    return isinstance(what, tuple) and what[0] == Nodetype.NAME


def _zero_of(what: object) -> object:
    return _zero(str(what[1][0])) if isinstance(what, tuple) else 0


def _zero(primitive: str) -> object:
    return {"string": "", "bool": False}.get(primitive, 0.0 if primitive.startswith("float") else 0)
