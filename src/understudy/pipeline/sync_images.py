"""Images as small grey ones, which is all that a motion is read from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.errors import EpisodeError, SyncError
from understudy.geom.arrays import U8
from understudy.spec.video import Video

_LEAST_HEIGHT = 110
"""Decoding skips what is not needed down to this many rows: a quarter of the work for a camera of 480."""


def small_greys(images: Sequence[bytes], *, where: str) -> U8:
    """(n, H, W) grey images.

    Args:
        images: whole JPEG files of one size.
        where: named in messages.

    Raises:
        SyncError: one cannot be decoded, or they differ in size.
    """
    import simplejpeg

    greys = []
    for k, image in enumerate(images):
        try:
            grey = simplejpeg.decode_jpeg(image, colorspace="GRAY", fastdct=True, min_height=_LEAST_HEIGHT, min_width=1)
        except (ValueError, TypeError) as error:
            raise SyncError(f"{where}: image {k} around a motion is no whole JPEG ({error}); run `understudy check`") from None
        greys.append(grey[:, :, 0])
    if len({grey.shape for grey in greys}) > 1:
        raise SyncError(f"{where}: images of different sizes around one motion; the camera was set meanwhile")
    return np.stack(greys) if greys else np.zeros((0, 1, 1), dtype=np.uint8)


def video_greys(video: Video, steps: Sequence[int]) -> U8:
    """(n, H, W) the images at `steps`, which go up, as means of square tiles of their brightness.

    Raises:
        SyncError: one cannot be decoded.
    """
    greys = []
    try:
        for grey in video.greys(steps):
            tile = max(grey.shape[0] // _LEAST_HEIGHT, 1)
            height, width = (size // tile for size in grey.shape)
            tiles = grey[: height * tile, : width * tile].reshape(height, tile, width, tile)
            greys.append(tiles.mean(axis=(1, 3), dtype=np.float32).astype(np.uint8))
    except EpisodeError as error:
        raise SyncError(str(error)) from None
    return np.stack(greys) if greys else np.zeros((0, 1, 1), dtype=np.uint8)
