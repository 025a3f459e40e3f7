"""Every image of a camera decoded once, small and grey, for the gates that look at images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from understudy.geom.arrays import F64, I64, U8, Bool
from understudy.quality.memo import Last
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.spec.video import Video

_SMALL = 8
"""A JPEG is decoded at an eighth of its size, straight from its blocks: enough to tell that every one of them can be read."""
_CHUNK = 64
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Pictures:
    """What is known of a camera's images.

    Attributes:
        fault: step to why it cannot be decoded.
        size_px: (N, 2) height and width; 0 where it cannot be decoded.
        repeats: (N,) true where an image is the one before it, to the byte; of a video, where no block of 8x8 pixels is
            brighter or darker by BRIGHTER on average than in the image that a still began with.
    """

    fault: dict[int, str]
    size_px: I64
    repeats: Bool


BLOCK_PX, BRIGHTER = 8, 3.0
"""A video's keyframe shows a still scene a little otherwise, by rounding; what moves changes some block by more, of 255."""
_last: Last[dict[str, Pictures]] = Last()


def cameras(episode: Episode) -> list[Stream]:
    """Image streams, in the order of their names."""
    return [episode.streams[key] for key in sorted(episode.streams) if episode.streams[key].spec.kind == "image"]


def pictures(episode: Episode) -> dict[str, Pictures]:
    """Key to what its images are, of every camera; those of the last episode are kept, since gates ask one after another."""
    return _last.get(episode, make=lambda: _all(cameras(episode)))


def _all(streams: Sequence[Stream]) -> dict[str, Pictures]:
    """Videos beside each other, for each is decoded in one go; JPEG files of one camera beside each other."""
    with ThreadPoolExecutor(_THREADS) as threads:
        watched = {s.spec.key: threads.submit(_watched, s.video) for s in streams if s.video is not None}
        looked_at = {s.spec.key: _looked_at(s) for s in streams if s.video is None}
        return {s.spec.key: watched[s.spec.key].result() if s.video is not None else looked_at[s.spec.key] for s in streams}


def _looked_at(stream: Stream) -> Pictures:
    fault: dict[int, str] = {}
    sizes = np.zeros((len(stream), 2), dtype=np.int64)
    repeats = np.zeros(len(stream), dtype=bool)
    before, step = b"", 0
    with ThreadPoolExecutor(_THREADS) as threads:  # the decoder lets go of the interpreter's lock
        for chunk in _chunks(stream.each_image()):
            for jpeg, (height, width, why) in zip(chunk, threads.map(_decoded, chunk), strict=True):
                sizes[step] = height, width
                if why:
                    fault[step] = why
                repeats[step] = step > 0 and jpeg == before
                before, step = jpeg, step + 1
    return Pictures(fault, sizes, repeats)


def _watched(video: Video) -> Pictures:
    """The same of a video, which is decoded in one go."""
    fault: dict[int, str] = {}
    sizes = np.zeros((len(video), 2), dtype=np.int64)
    repeats = np.zeros(len(video), dtype=bool)
    still: F64 | None = None
    for step, grey in enumerate(video.brightness()):
        if grey is None:
            fault[step] = "its packet is damaged or missing, or one that it builds on"
            continue
        sizes[step] = grey.shape
        blocks = _blocks(grey)
        repeats[step] = still is not None and still.shape == blocks.shape and bool(np.abs(blocks - still).max() < BRIGHTER)
        if not repeats[step]:
            still = blocks
    return Pictures(fault, sizes, repeats)


def _blocks(grey: U8) -> F64:
    """Mean brightness of each block of BLOCK_PX x BLOCK_PX pixels; a border that is narrower is left out."""
    rows, columns = grey.shape[0] // BLOCK_PX, grey.shape[1] // BLOCK_PX
    if rows == 0 or columns == 0:
        return np.asarray(grey, dtype=np.float64)
    whole = grey[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    return np.asarray(whole.mean(axis=(1, 3)))


def _chunks(images: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(images)
    while chunk := [bytes(jpeg) for jpeg in islice(rest, _CHUNK)]:
        yield chunk


def _decoded(jpeg: bytes) -> tuple[int, int, str]:
    """Height, width and an empty text; or why an image cannot be decoded."""
    import simplejpeg

    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
        small = {"min_height": max(1, height // _SMALL), "min_width": max(1, width // _SMALL), "min_factor": 1}
        simplejpeg.decode_jpeg(jpeg, colorspace="GRAY", **small)
    except ValueError as error:
        return 0, 0, str(error) or "no JPEG"
    return height, width, ""
