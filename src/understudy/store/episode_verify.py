"""A file that was just written, read back and held against what it should hold, before it gets its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from understudy.errors import EpisodeError
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.spec.video import Video
from understudy.store.episode_read import read_episode

IMAGES = 5
"""Of each camera that are compared, spread over the take."""


def verify_episode(part: Path, episode: Episode) -> None:
    """Hold a written file against its episode: streams, counts, stamps, every array, every packet, and some JPEG files.

    Raises:
        EpisodeError: it does not hold what it should, or cannot be read.
    """
    written = read_episode(part)
    if set(written.streams) != set(episode.streams) or not np.array_equal(written.timeline_ns, episode.timeline_ns):
        raise EpisodeError(f"{part}: the file does not hold the streams or the timeline that were written; check the disk")
    for key, stream in episode.streams.items():
        found = written.streams[key]
        same = np.array_equal(found.t_ns, stream.t_ns) and set(found.extra) == set(stream.extra)
        same = same and all(np.array_equal(found.extra[name], column) for name, column in stream.extra.items())
        if not (same and _same_samples(found, stream)):
            raise EpisodeError(f"{part}: stream {key} is not what was written; check the disk")


def _same_samples(found: Stream, stream: Stream) -> bool:
    if stream.spec.kind != "image":
        return np.array_equal(found.data, stream.data, equal_nan=stream.data.dtype.kind == "f")
    if stream.video is not None or found.video is not None:
        return _same_video(found.video, stream.video)
    steps = sorted({0, len(stream) - 1, *range(0, len(stream), max(len(stream) // IMAGES, 1))})
    return all(found.image(step) == stream.image(step) for step in steps)


def _same_video(found: Video | None, video: Video | None) -> bool:
    """Every packet, for an image needs all since its keyframe."""
    if found is None or video is None or len(found) != len(video):
        return False
    pairs = zip(found.packets.span(0, len(found)), video.packets.span(0, len(video)), strict=True)
    parts = found.extradata == video.extradata and np.array_equal(found.keyframe, video.keyframe)
    return parts and all(a == b for a, b in pairs)
