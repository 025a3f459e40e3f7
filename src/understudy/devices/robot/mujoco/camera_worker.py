"""The process that draws: states come in, images go out. `RenderedCameras` starts it."""

from __future__ import annotations

import json
import os
import select
import struct
from dataclasses import dataclass

import numpy as np

from understudy.devices._encoder import Encoding, PictureEncoder
from understudy.devices._frames import (
    FAILED,
    READY,
    SETUP,
    STATE,
    Assembler,
    image_message,
    message,
    take_over_output,
    write_all,
)
from understudy.errors import UnderstudyError
from understudy.geom.arrays import F64
from understudy.spec.sample import NO_STAMP

STATE_HEAD = struct.Struct("<qq")
"""Number of the exposure and its stamp, before the doubles of `qpos`."""
BACKLOG = 15
"""States that may wait on a clock that runs: half a second without time for them costs nothing, and a machine that is
too slow for good shows pictures not older than that."""


@dataclass(frozen=True)
class Drawn:
    """A camera to draw.

    Attributes:
        name: in the model.
        width, height: pixels.
        rate_hz: of its pictures.
    """

    name: str
    width: int
    height: int
    rate_hz: float


@dataclass(frozen=True)
class Task:
    """What the process is set up for.

    Attributes:
        model: path of the compiled model.
        cameras: drawn for every state, in this order.
        encoding: of the pictures.
        niceness: it is given up to so much to processes that matter more.
        backlog: of states that wait only so many are drawn, the newest; the others' frames are lost.
        keep_all: draw every state.
    """

    model: str
    cameras: tuple[Drawn, ...]
    encoding: Encoding
    niceness: int
    backlog: int
    keep_all: bool


def pack_state(number: int, t_ns: int, qpos: F64) -> bytes:
    """Content of a STATE message."""
    return STATE_HEAD.pack(number, t_ns) + np.ascontiguousarray(qpos, dtype=np.float64).tobytes()


def main() -> None:
    """Draw until the input ends."""
    out, inbox = take_over_output(), Inbox()
    try:
        task = _task(inbox.first())
        _draw(task, inbox, out)
    except (UnderstudyError, OSError, ValueError) as error:
        if not isinstance(error, BrokenPipeError):
            write_all(out, message(FAILED, str(error).encode()))


class Inbox:
    """Messages on standard input."""

    def __init__(self) -> None:
        self._assembler, self._waiting = Assembler(), list[tuple[int, bytes]]()
        self._open = True

    def first(self) -> bytes:
        """The setup."""
        while not self._waiting and self._open:
            self._fill(None)
        kind, content = self._waiting.pop(0) if self._waiting else (0, b"")
        if kind != SETUP:
            raise ValueError("the process was started by hand; it is started by its device")
        return content

    def states(self) -> list[bytes]:
        """Every STATE that waits, after waiting for one; empty at the end of the input."""
        while not self._waiting and self._open:
            self._fill(None)
        while self._open and self._fill(0.0):
            continue
        states = [content for kind, content in self._waiting if kind == STATE]
        self._waiting.clear()
        return states

    def _fill(self, timeout_s: float | None) -> bool:
        if not select.select([0], [], [], timeout_s)[0]:
            return False
        piece = os.read(0, 1 << 20)
        self._open = bool(piece)
        self._waiting += self._assembler.take(piece)
        return self._open


def _task(content: bytes) -> Task:
    found = json.loads(content)
    cameras = tuple(Drawn(**each) for each in found["cameras"])
    encoding = Encoding(**found["encoding"])
    return Task(str(found["model"]), cameras, encoding, int(found["niceness"]), int(found["backlog"]), bool(found["keep_all"]))


def _draw(task: Task, inbox: Inbox, out: int) -> None:
    from understudy.scenes.opengl import opengl_backend

    opengl_backend()  # first, for `import mujoco` fails when MUJOCO_GL names a library that is not there
    import mujoco

    from understudy.scenes.camera_images import CameraImages

    if hasattr(os, "nice"):
        os.nice(task.niceness)
    images = CameraImages(mujoco.MjModel.from_binary_path(task.model))
    encoders = [PictureEncoder(task.encoding, each.width, each.height, each.rate_hz) for each in task.cameras]
    write_all(out, message(READY, b""))
    while states := inbox.states():
        for content in states if task.keep_all else states[-task.backlog :]:
            number, t_ns = STATE_HEAD.unpack_from(content)
            images.pose(np.frombuffer(content, dtype=np.float64, offset=STATE_HEAD.size))
            for k, camera in enumerate(task.cameras):
                data = encoders[k].encode(images.image(camera.name, camera.width, camera.height))
                write_all(out, image_message(k, number, t_ns, NO_STAMP, data))
    images.close()
