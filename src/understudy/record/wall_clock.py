"""How well this machine's wall clock is kept, in words, for the metadata: the system says it where it is asked (adjtimex)."""

from __future__ import annotations

import ctypes
import struct
import sys

_BYTES, _MAXERROR, _STATUS = 256, 24, 40
_UNSYNCED, _ERROR = 0x0040, 5


def wall_clock_state() -> str:
    """Such as `synchronized (NTP or PTP), at most 1.5 ms off`, or why that is not known."""
    if not sys.platform.startswith("linux"):
        return "not known on this system"
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return "not known on this system"
    told = ctypes.create_string_buffer(_BYTES)
    state = int(adjtimex(told))
    if state < 0:
        return "not known: the system does not tell"
    (most_us,) = struct.unpack_from("=q", told.raw, _MAXERROR)
    (status,) = struct.unpack_from("=i", told.raw, _STATUS)
    if state == _ERROR or status & _UNSYNCED:
        return "not synchronized: no NTP or PTP keeps it"
    return f"synchronized (NTP or PTP), at most {most_us * 1e-3:.3g} ms off"
