"""Pictures of an episode for the page: a strip of stills, and a short film, as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from understudy.apps.report.facts import Clip, Motion
from understudy.geom.arrays import F64, I64, U8
from understudy.scenes.render import Renderer, View

STILLS = 9
FILM_S, FILM_FPS = 6.0, 10
MOST_WORST = 6
"""Stretches to record again that are drawn."""
_FILM_STEP_S = 0.25


@dataclass(frozen=True)
class Pictures:
    """What was drawn of one episode.

    Attributes:
        stills: (seconds, JPEG as data URI) each.
        worst: the same at the worst moment of each stretch to record again, in the clip's order of them.
        film: MP4 as data URI; empty without one.
        film_start_s, film_end_s: the stretch it shows, from the episode's start.
    """

    stills: tuple[tuple[float, str], ...]
    worst: tuple[tuple[float, str], ...]
    film: str
    film_start_s: float
    film_end_s: float


def draw(clip: Clip, renderer: Renderer, film: Renderer | None) -> Pictures | None:
    """Stills and film of an episode; None where its motion in the world is not known.

    Args:
        clip: the episode.
        renderer: draws the stills, smooth.
        film: draws the film, fast; None for no film.
    """
    motion = clip.motion
    if motion is None or not len(motion.t_s):
        return None
    view = View(heading_rad=_heading(motion))
    still_steps = np.unique(np.round(np.linspace(0, len(motion.t_s) - 1, STILLS)).astype(np.int64))
    stills = _stills(renderer, motion, still_steps, view)
    worst_s = np.array([segment.worst_s for segment in clip.again[:MOST_WORST]])
    worst = _stills(renderer, motion, np.clip(np.searchsorted(motion.t_s, worst_s - 1e-3), 0, len(motion.t_s) - 1), view)
    start_s = film_start(clip)
    end_s = min(start_s + FILM_S, float(motion.t_s[-1]))
    if film is None or end_s - start_s < 2.0 / FILM_FPS:
        return Pictures(stills, worst, "", start_s, start_s)
    steps = film_steps(motion.t_s, start_s, end_s)
    images = (_frame(film, motion, int(k), view) for k in steps)
    return Pictures(stills, worst, _mp4_uri(images, film.width, film.height), start_s, end_s)


def _stills(renderer: Renderer, motion: Motion, steps: I64, view: View) -> tuple[tuple[float, str], ...]:
    return tuple((float(motion.t_s[k]), _jpeg_uri(_frame(renderer, motion, int(k), view))) for k in steps)


def film_start(clip: Clip) -> float:
    """Where the film begins: the stretch with the worst residual in a long clip, else its start."""
    if clip.duration_s <= FILM_S or clip.residual_m is None or clip.residual_t_s is None or not len(clip.residual_t_s):
        return 0.0
    worst = np.nanmax(np.atleast_2d(clip.residual_m), axis=1)
    starts = np.arange(0.0, clip.duration_s - FILM_S + _FILM_STEP_S / 2, _FILM_STEP_S)
    total = np.concatenate([[0.0], np.cumsum(worst)])
    a, b = np.searchsorted(clip.residual_t_s, starts), np.searchsorted(clip.residual_t_s, starts + FILM_S)
    return float(starts[int(np.argmax(total[b] - total[a]))])


def film_steps(t_s: F64, start_s: float, end_s: float) -> I64:
    """Motion samples nearest before each film frame."""
    at = np.arange(start_s, end_s, 1.0 / FILM_FPS)
    return np.clip(np.searchsorted(t_s, at + 1e-9, side="right") - 1, 0, len(t_s) - 1)


def _heading(motion: Motion) -> float:
    """The clip's front: mean direction in which the pelvis faces, about z."""
    w, x, y, z = motion.root_quat_world_wxyz.T
    return float(np.arctan2(np.mean(2 * (w * z + x * y)), np.mean(1 - 2 * (y * y + z * z))))


def _frame(renderer: Renderer, motion: Motion, k: int, view: View) -> U8:
    human = None if motion.human_m is None else motion.human_m[k]
    return renderer.frame(motion.root_pos_world_m[k], motion.root_quat_world_wxyz[k], motion.joint_pos[k], human, view)


def _jpeg_uri(image: U8) -> str:
    import simplejpeg

    return _uri("image/jpeg", simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=82, colorspace="RGB"))


def _mp4_uri(images: Iterator[U8], width: int, height: int) -> str:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("h264", rate=Fraction(FILM_FPS))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "26", "preset": "veryfast"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return _uri("video/mp4", buffer.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
