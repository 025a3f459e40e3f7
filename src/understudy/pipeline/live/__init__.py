"""Live retargeting as a library: `LiveSession` and what it hands out."""

from understudy.pipeline.live.follower import Follower, compile_ahead
from understudy.pipeline.live.sample import LiveSample
from understudy.pipeline.live.session import LiveSession
from understudy.pipeline.live.snapshot import LiveSnapshot, State
from understudy.pipeline.live.take import TakeLabel

__all__ = ["Follower", "LiveSample", "LiveSession", "LiveSnapshot", "State", "TakeLabel", "compile_ahead"]
