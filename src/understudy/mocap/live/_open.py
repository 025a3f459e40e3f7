"""A live source by its address: the scheme says which protocol it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from understudy import plugins
from understudy.errors import MocapError, did_you_mean
from understudy.mocap.live.replay import is_file
from understudy.spec.live import LiveSource, LiveStream

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):(?=//|\S)", re.IGNORECASE)
"""Two letters at least: a single one is a drive of Windows."""
FILE = "file"


def open_source(url: str | Path) -> LiveStream:
    """The live stream at an address, or the replay of a file.

    Args:
        url: such as `vmc://0.0.0.0:39539`, `ws://phone:8770`, or the path of a motion capture file.

    Raises:
        MocapError: no source knows the scheme, the address is wrong or cannot be had, the file cannot be read.
        MissingDependencyError: the protocol needs a library that is not installed.
    """
    known, text = sources(), str(url)
    found = None if isinstance(url, Path) or is_file(text) else _SCHEME.match(text)
    if found is None:
        return known[FILE].open(text)
    scheme = found[1].lower()
    if scheme not in known:
        listed = ", ".join(f"{name}://" for name in sorted(known))
        raise MocapError(
            f"{url}: no live source has the scheme {scheme!r}{did_you_mean(scheme, known)}; known are {listed} "
            "and the path of a motion capture file"
        )
    return known[scheme].open(text)


def sources() -> dict[str, LiveSource]:
    """Scheme to the source that answers to it."""
    plugged = [cast(LiveSource, plugins.load("live", name)) for name in plugins.names("live")]
    return {scheme: source for source in plugged for scheme in source.schemes}
