"""Things with a clock that return samples and know no bus: robots, cameras, triggers.

A file here without an underscore is a plugin of the group `devices`; support code has one.
"""

from understudy.devices._clocks import Clock, HostClock, PacedClock, SimClock, pace_of

__all__ = ["Clock", "HostClock", "PacedClock", "SimClock", "pace_of"]
