"""The robot's own head camera, rendered for episodes that have none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import InputError, ModelError
from understudy.export._features import POSITIONS, export_grid
from understudy.geom.arrays import I64, AnyArray
from understudy.spec.episode import Episode
from understudy.spec.robot import CameraMount, RobotModel
from understudy.spec.stream import Stream, StreamSpec

if TYPE_CHECKING:
    from understudy.scenes.render import Renderer

NAME = "head_left"
KEY = f"observations/{NAME}"
BASE_POSE = "debug/base_pose_world"
RENDERED = "rendered"
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class _Mount:
    name: str
    camera: CameraMount


class EgoCamera:
    """Gives episodes the stream `observations/head_left` at the export's rate; a context manager, it holds a renderer."""

    def __init__(self, robot: RobotModel, *, fps: float) -> None:
        """Set up for one robot.

        Raises:
            ModelError: the robot's profile has no head camera.
        """
        self.robot, self.fps, self._mount = robot, fps, _head_mount(robot)
        self._renderer: Renderer | None = None

    def __enter__(self) -> EgoCamera:
        """Open the renderer.

        Raises:
            MissingDependencyError: nothing here can draw; the message has the command that installs it.
        """
        from understudy.scenes.render import Renderer

        self._renderer = Renderer(self.robot, self._mount.camera.width, self._mount.camera.height)
        self._renderer.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._renderer is not None:
            self._renderer.__exit__(kind, error, trace)
            self._renderer = None

    @property
    def spec(self) -> StreamSpec:
        """The stream that is added."""
        shape = (self._mount.camera.height, self._mount.camera.width, 3)
        return StreamSpec(
            name=NAME, group="observations", dtype="uint8", shape=shape, kind="image", frame=f"{NAME}_camera", rate_hz=self.fps
        )

    def add(self, episode: Episode) -> Episode:
        """The episode with the camera's images, drawn when they are first looked at; as it is where it has real ones.

        Raises:
            InputError: the episode does not say where the robot's base was.
        """
        if KEY in episode:
            return episode
        if BASE_POSE not in episode:
            raise InputError(f"episode {episode.id}: no stream {BASE_POSE}, so its head camera cannot be rendered; leave it out")
        grid = export_grid(episode, self.fps)
        stream = Stream(self.spec, grid, lambda: self._draw(episode, grid), derived=RENDERED)
        return replace(episode, streams={**episode.streams, KEY: stream})

    def _draw(self, episode: Episode, grid_ns: I64) -> AnyArray:
        import simplejpeg

        if self._renderer is None:
            raise InputError(f"episode {episode.id}: its head camera is drawn only while the export runs")
        base = episode.stream(BASE_POSE).sample_at(grid_ns).astype(np.float64)
        joints = episode.stream(POSITIONS)
        order = self.robot.reorder(joints.spec.names or episode.joint_names, where=f"episode {episode.id}, stream {POSITIONS}")
        q_rad = joints.sample_at(grid_ns).astype(np.float64)[:, order]
        images = np.empty(len(grid_ns), dtype=object)
        for step in range(len(grid_ns)):
            image = self._renderer.ego(base[step, :3], base[step, 3:], q_rad[step], self._mount.name)
            images[step] = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=_JPEG_QUALITY, colorspace="RGB")
        return images


def _head_mount(robot: RobotModel) -> _Mount:
    for name in (NAME, "head"):
        if name in robot.profile.cameras:
            return _Mount(name, robot.profile.cameras[name])
    raise ModelError(
        f"robot {robot.name} has no camera 'head' in its profile (found: {', '.join(robot.profile.cameras) or 'none'}); "
        "add [cameras.head] to it, or export without the rendered camera"
    )
