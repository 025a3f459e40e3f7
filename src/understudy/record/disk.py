"""Room on the disk: a warning while there is time, and an end while there is still room to make the episode."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from understudy.errors import StorageError

ROOM_BYTES = 256 * 1024 * 1024
"""Left over beside the episode."""
EPISODE_SHARE = 1.1
"""Of its journal that an episode takes at most."""
WARN_S = 300.0

Room = Literal["enough", "low", "none"]


@dataclass(frozen=True)
class Disk:
    """What is free, and for how long.

    Attributes:
        free_bytes: on the dataset's disk.
        left_s: until a recording must end, at the rate of the running take; infinite where none runs.
        room: enough; low: less than `WARN_S` are left; none: the take must end now, so that its episode still fits.
    """

    free_bytes: int
    left_s: float
    room: Room


def free_bytes(folder: Path) -> int:
    """Free for this account on the folder's disk.

    Raises:
        StorageError: the folder is gone.
    """
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(f"{folder}: the dataset's disk cannot be asked for its room ({error.strerror}); is it gone?") from None


def look(free: int, *, journal_bytes: int, bytes_per_s: float, unfinished_bytes: int = 0) -> Disk:
    """How long the disk lasts.

    Args:
        free: bytes.
        journal_bytes: of the running take; its episode will need as much again.
        bytes_per_s: at which its journal grows.
        unfinished_bytes: of journals whose episodes are still being made.
    """
    spare = free - ROOM_BYTES - EPISODE_SHARE * (journal_bytes + unfinished_bytes)
    growth = (1.0 + EPISODE_SHARE) * bytes_per_s
    left_s = spare / growth if growth > 0 else float("inf")
    if spare <= 0:
        return Disk(free, 0.0, "none")
    return Disk(free, left_s, "low" if left_s < WARN_S else "enough")
