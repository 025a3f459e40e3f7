"""Message types for Cyclone DDS, made of the same definitions that decode bags.

A ROS 2 topic `/joint_states` is `rt/joint_states` on the wire, and `sensor_msgs/msg/JointState` is
`sensor_msgs::msg::dds_::JointState_`; Unitree follows the same convention.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from understudy.devices.messages.decode import check_type, known_types
from understudy.errors import DeviceError, MissingDependencyError

if TYPE_CHECKING:
    from cyclonedds.idl import IdlStruct
    from rosbags.typesys.store import Typestore

INSTALL_DDS = "python -m pip install 'understudy[unitree]'"
_SAME = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "byte")


class Taken:
    """A message as it came, with what DDS says of it.

    Attributes:
        data: its bytes, encapsulation header first.
        sample_info: filled in by Cyclone DDS.
    """

    __slots__ = ("data", "sample_info")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sample_info: object = None


def need_cyclone() -> None:
    """Check that Cyclone DDS is there.

    Raises:
        MissingDependencyError: it is not.
    """
    try:
        import cyclonedds.domain  # noqa: F401
    except ImportError:
        raise MissingDependencyError(f"ROS 2 and Unitree topics need the library cyclonedds: {INSTALL_DDS}") from None


def topic_on_wire(topic: str) -> str:
    """DDS name of a ROS 2 topic: `/lowstate` is `rt/lowstate`; a name that is one already stays."""
    return topic if topic.startswith("rt/") else f"rt/{topic.lstrip('/')}"


def type_on_wire(name: str) -> str:
    """DDS name of a message type, as discovery shows it."""
    package, _, message = name.split("/")
    return f"{package}::msg::dds_::{message}_"


def type_from_wire(name: str) -> str:
    """Message type of a DDS name; the name itself where it does not follow the convention."""
    parts = name.split("::")
    fits = len(parts) == 4 and parts[1:3] == ["msg", "dds_"] and parts[3].endswith("_")
    return f"{parts[0]}/msg/{parts[3][:-1]}" if fits else name


@cache
def wire_type(name: str) -> type[IdlStruct]:
    """A class whose instances can be published.

    Raises:
        MissingDependencyError: a library is missing.
        UnknownNameError: no such message type.
        DeviceError: a type that Cyclone DDS cannot carry.
    """
    need_cyclone()
    return _Builder(known_types()).build(name)


@cache
def taking_type(name: str) -> type[IdlStruct]:
    """The same type for a reader: messages are left as bytes, which are quicker decoded by what decodes bags.

    Raises:
        MissingDependencyError, UnknownNameError, DeviceError: as `wire_type`.
    """
    need_cyclone()
    made = _Builder(known_types()).build(name)
    made.deserialize = classmethod(lambda cls, data, *args, **kwargs: Taken(data))
    return made


class _Builder:
    def __init__(self, types: Typestore) -> None:
        self.types = types
        self._made: dict[str, type[IdlStruct]] = {}

    def build(self, name: str) -> type[IdlStruct]:
        import cyclonedds.idl as idl
        from cyclonedds.idl import annotations

        if name not in self._made:
            check_type(self.types, name)
            fields = {field: self._type(what, name) for field, what in self.types.fielddefs[name][1]}
            package, _, message = name.split("/")
            made = idl.make_idl_struct(f"{message}_", f"{package}.msg.dds_.{message}_", fields)
            annotations.final(made)
            annotations.autoid("sequential")(made)
            self._made[name] = made
        return self._made[name]

    def _type(self, field: tuple[object, object], where: str) -> object:
        from cyclonedds.idl import types as idl_types
        from rosbags.interfaces import Nodetype

        kind, what = field
        if kind == Nodetype.NAME:
            return self.build(str(what))
        if not isinstance(what, tuple):
            raise DeviceError(f"{where}: a field of unknown kind {kind}")
        if kind == Nodetype.BASE:
            return _primitive(str(what[0]), where)
        item, length = self._type(what[0], where), int(what[1])
        if kind == Nodetype.ARRAY:
            return idl_types.array[item, length]
        return idl_types.sequence[item, length] if length else idl_types.sequence[item]


def _primitive(name: str, where: str) -> object:
    from cyclonedds.idl import types as idl_types

    if name in _SAME:
        return getattr(idl_types, name)
    known = {"bool": bool, "string": str, "octet": idl_types.byte, "char": idl_types.uint8}
    if name not in known:
        raise DeviceError(f"{where}: a field of type {name}, which cannot be read from DDS")
    return known[name]
