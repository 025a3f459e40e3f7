"""Bytes of a message to something with named fields."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from understudy.devices.messages.unitree import DEFINITIONS
from understudy.errors import InputError, MissingDependencyError, UnknownNameError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

INSTALL_ROS = "python -m pip install 'understudy[ros]'"
CDR_LITTLE_ENDIAN, CDR_BIG_ENDIAN = b"\x00\x01", b"\x00\x00"
_HEADER_BYTES = 4
MOST_JSON_BYTES = 64 << 20


def new_types() -> Typestore:
    """The standard messages of ROS 2 and Unitree's; a fresh store, to which a file's own types can be added.

    Raises:
        MissingDependencyError: rosbags is not installed.
    """
    try:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    except ImportError:
        raise MissingDependencyError(f"ROS 2 messages need the library rosbags: {INSTALL_ROS}") from None
    types = get_typestore(Stores.ROS2_HUMBLE)
    for name, text in DEFINITIONS.items():
        types.register(get_types_from_msg(text, name))
    return types


@cache
def known_types() -> Typestore:
    """The standard messages; shared, so nothing may be added to it."""
    return new_types()


def check_type(types: Typestore, name: str) -> str:
    """`name`, if the store has that message type.

    Raises:
        UnknownNameError: it has not; the nearest one is named.
    """
    if name not in types.fielddefs:
        near = [known for known in types.fielddefs if known.split("/")[0] == name.split("/")[0]]
        raise UnknownNameError("message type", name, near or ["sensor_msgs/msg/JointState", "sensor_msgs/msg/Imu"])
    return name


def decode_cdr(data: bytes, name: str, types: Typestore) -> object:
    """A ROS 2 or Unitree message with its encapsulation header.

    Args:
        data: whole, with the four bytes that say the byte order.
        name: message type, such as `sensor_msgs/msg/JointState`.
        types: where it is defined.

    Returns:
        An object with the message's fields.

    Raises:
        InputError: the bytes are no such message.
    """
    if len(data) < _HEADER_BYTES or data[:2] not in (CDR_LITTLE_ENDIAN, CDR_BIG_ENDIAN):
        raise InputError(f"{name}: not a plain CDR message (begins with {data[:4].hex() or 'nothing'}); XCDR version 1 is read")
    from rosbags.serde import SerdeError
    from rosbags.typesys import TypesysError

    try:
        return types.deserialize_cdr(data, name)
    except (SerdeError, TypesysError, struct.error, ValueError, IndexError, KeyError, AssertionError, MemoryError) as error:
        raise InputError(f"{name}: {len(data)} bytes that are no such message ({error or type(error).__name__})") from None


def decode_json(data: bytes, what: str) -> Mapping[str, object]:
    """A JSON message: an object.

    Raises:
        InputError: it is none.
    """
    if len(data) > MOST_JSON_BYTES:
        raise InputError(f"{what}: a JSON message of {len(data):,} bytes; at most {MOST_JSON_BYTES:,} are read")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{what}: a JSON {type(found).__name__}, an object with named fields is needed")
    return found
