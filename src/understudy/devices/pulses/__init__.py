"""Pulses that trigger cameras, and which frame belongs to which pulse."""

from understudy.devices.pulses.device import TriggerDevice, trigger_spec
from understudy.devices.pulses.lines import GpioLine, Line, SerialRtsLine
from understudy.devices.pulses.match import FrameMatch, match_frames, rising_edges

__all__ = [
    "FrameMatch",
    "GpioLine",
    "Line",
    "SerialRtsLine",
    "TriggerDevice",
    "match_frames",
    "rising_edges",
    "trigger_spec",
]
