"""Names inside an episode file. The page is docs/episode_format.md."""

from __future__ import annotations

FORMAT = "understudy-episode"
FORMAT_VERSION = 1
GROUPS = ("observations", "actions", "debug")
ROOT_ATTRS = ("format", "format_version", "schema_sha256", "robot", "model_sha256", "created_by")
STREAM_ATTRS = ("unit", "frame", "rate_hz", "names", "kind", "derived")
EXTRA_COLUMNS = ("t_device_ns", "t_arrival_ns", "seq", "valid")
SEGMENT_COLUMNS = ("start_ns", "end_ns", "label", "source")
SEGMENT_EXTRA = ("subtask", "by")
"""Further columns of recorded segments, written where one of them says something."""
IMAGE_DATASETS = ("jpeg", "h264")
"""What an image stream has in place of `data`: one of them."""
VIDEO_COLUMNS = ("keyframe", "crc32")
"""What it has beside `h264`."""
EXTRADATA = "extradata"
"""Attribute of `h264`: the parameter sets."""
