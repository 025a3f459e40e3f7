"""When an image was: the middle of its exposure, whatever moment the camera stamps."""

from __future__ import annotations

from typing import Literal

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import I64

Stamped = Literal["start", "middle", "end"]


def exposure_middle_ns(t_ns: I64, exposure_s: float, *, stamped: Stamped = "start", readout_s: float = 0.0) -> I64:
    """(N,) middle of the exposure of the middle row.

    Args:
        t_ns: (N,) stamps of the camera.
        exposure_s: how long each row collects light.
        stamped: what the camera stamps: start or end of the first row's exposure (`end` is what a driver stamps that takes the
            time when the readout begins), or already the middle.
        readout_s: from the first row's to the last row's start in a rolling shutter; 0 for a global one.

    Raises:
        SyncError: a time is negative, not a number, or over 10 s; or `stamped` is not one of the three.
    """
    for name, value in (("exposure_s", exposure_s), ("readout_s", readout_s)):
        if not 0.0 <= value <= 10.0:
            raise SyncError(f"{name} is {value}; 0 to 10 s is allowed. Is it in microseconds?")
    shift_s = {"start": exposure_s / 2.0, "middle": 0.0, "end": -exposure_s / 2.0}
    if stamped not in shift_s:
        raise SyncError(f"stamped is {stamped!r}; start, middle and end are known")
    rows_s = 0.0 if stamped == "middle" else readout_s / 2.0
    return np.asarray(t_ns + round((shift_s[stamped] + rows_s) * 1e9))
