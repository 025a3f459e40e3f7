"""Names that become folders and files: nothing that leads elsewhere."""

from __future__ import annotations

import re

from understudy.errors import EpisodeError

_MOST_BYTES = 120
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def path_name(name: str, *, what: str) -> str:
    """`name`, if it can stand as one folder or file name on any disk.

    Args:
        name: a task or an episode id.
        what: it is, for the message.

    Raises:
        EpisodeError: it is empty, too long, holds a slash or control character, or leads elsewhere.
    """
    reason = _fault(name)
    if reason:
        raise EpisodeError(f"{what} {name!r} cannot be a file name: {reason}; use letters, digits, '-', '_' and '.'")
    return name


def _fault(name: str) -> str:
    if not name or name != name.strip():
        return "it is empty, or begins or ends with a space"
    if name.startswith(".") or name.endswith("."):
        return "it begins or ends with a dot"
    if len(name.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
        return f"it is longer than {_MOST_BYTES} bytes"
    wrong = [c for c in name if c in '/\\:*?"<>|' or not c.isprintable()]
    if wrong:
        return f"it holds {wrong[0]!r}"
    return "a system keeps that name for a device" if _RESERVED.fullmatch(name) else ""
