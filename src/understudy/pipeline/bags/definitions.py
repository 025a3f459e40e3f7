"""Message definitions that a recording carries in itself.

rosbags turns a definition into Python code. A recording comes from anywhere, so every name in it is checked before it gets there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from understudy.devices.messages.decode import new_types
from understudy.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from rosbags.interfaces.typing import Typesdict
    from rosbags.typesys.store import Typestore

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_]*/(msg|srv|action)/[A-Za-z][A-Za-z0-9_]*")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RULE = "=" * 80 + "\n"
MOST_BYTES = 1 << 20


def message_type(name: str) -> str:
    """A ROS 2 type name in full: `pkg/Name` is `pkg/msg/Name`.

    Raises:
        InputError: it is none.
    """
    full = name if name.count("/") != 1 else name.replace("/", "/msg/")
    if not _TYPE.fullmatch(full):
        raise InputError(f"message type {name[:80]!r}: not a ROS 2 name such as sensor_msgs/msg/Imu")
    return full


def types_of(name: str, text: str, *, idl: bool) -> Typestore:
    """A store with a message type as a recording defines it, and all that it consists of.

    Args:
        name: message type, checked by `message_type`.
        text: its definition; empty takes the standard one.
        idl: whether it is OMG IDL; ROS message definitions otherwise.

    Raises:
        InputError: the definition is none, or is not known where the recording has none.
        MissingDependencyError: rosbags is missing.
    """
    try:
        from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
    except ImportError:
        from understudy.devices.messages.decode import INSTALL_ROS

        raise MissingDependencyError(f"ROS 2 messages need the library rosbags: {INSTALL_ROS}") from None
    if not text.strip():
        return _standard(name)
    if len(text) > MOST_BYTES:
        raise InputError(f"message type {name}: a definition of {len(text):,} characters; at most {MOST_BYTES:,} are read")
    try:
        found = _from_idl(text) if idl else get_types_from_msg(text, name)
        _check(found, name)
        store = get_typestore(Stores.EMPTY)
        store.register({key: ([], fields) for key, (_, fields) in found.items()})
        store.get_msgdef(name)
    except (TypesysError, KeyError, AssertionError, RecursionError, ValueError, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"message type {name}: its definition cannot be read ({str(error)[:200] or type(error).__name__})"
        ) from None
    return store


def _standard(name: str) -> Typestore:
    store = new_types()
    if name not in store.fielddefs:
        raise InputError(f"message type {name}: the recording does not define it, and it is no standard one")
    return store


def _from_idl(text: str) -> Typesdict:
    from rosbags.typesys import get_types_from_idl

    if not text.startswith(f"{_RULE}IDL: "):
        return get_types_from_idl(text)
    found: Typesdict = {}
    for part in text.split(_RULE)[1:]:
        found.update(get_types_from_idl(part.partition("\n")[2]))
    return found


def _check(found: Typesdict, name: str) -> None:
    from rosbags.interfaces import Nodetype

    for key, (_, fields) in found.items():
        if not _TYPE.fullmatch(key):
            raise InputError(f"message type {name}: it contains {key[:80]!r}, which is no type name")
        for field, (kind, what) in fields:
            inner = what[0] if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) else (kind, what)
            if not _FIELD.fullmatch(field) or (inner[0] == Nodetype.NAME and not _TYPE.fullmatch(str(inner[1]))):
                raise InputError(f"message type {name}: field {field[:80]!r} of {key} is no field")
