"""Real cameras, files and network streams, read in a process of their own."""

from understudy.devices.video.camera import VideoCamera
from understudy.devices.video.source import VideoSource

__all__ = ["VideoCamera", "VideoSource"]
