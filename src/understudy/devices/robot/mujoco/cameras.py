"""Cameras of the simulated robot: drawn in a process of their own from the states that the physics hands over."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from understudy.devices._clocks import Clock, HostClock
from understudy.devices._encoder import JPEG_FILES, Encoding
from understudy.devices._frames import IMAGE
from understudy.devices._worker import Worker
from understudy.devices.robot.mujoco.camera_worker import BACKLOG, Drawn, Task, pack_state
from understudy.devices.robot.mujoco.device import MujocoRobot
from understudy.errors import DeviceError
from understudy.geom.arrays import F64
from understudy.scenes.camera_scene import CELL_M, SMALL_CELL_M, WORLD, camera_model
from understudy.spec.device import ClockKind
from understudy.spec.robot import CameraMount
from understudy.spec.sample import ClockPing, Sample
from understudy.spec.stream import StreamSpec

NICENESS = 10
START_S = 60.0
"""How long the process may take to begin."""
RESTART_S = 1.0
"""A process that dies is started again, at most this often."""
STEPPED_S = 60.0
"""How long a read on a stepped clock waits for what is still to be drawn."""
_MODULE = "understudy.devices.robot.mujoco.camera_worker"
_WIDE_PX = 480
_log = logging.getLogger(__name__)


class RenderedCameras:
    """Some cameras of one simulated robot, exposed together at an even rate and encoded in their process.

    The exposure is an instant: `t_ns` is the instant of the state that was drawn, exactly. `seq` is the camera's own frame
    counter: it counts exposures, so that a frame that the machine had no time to draw is a step over one. On a stepped clock
    no frame is lost, and `read` returns all that were exposed up to now.
    """

    clock: ClockKind = "host"

    def __init__(
        self,
        robot: MujocoRobot,
        streams: Sequence[StreamSpec],
        mounts: Mapping[str, CameraMount],
        *,
        name: str = "cameras",
        clock: Clock | None = None,
        scene: str = "empty",
        encoding: Encoding = JPEG_FILES,
        give_way: bool = False,
    ) -> None:
        """Cameras that are not yet on; make them before the robot starts.

        Args:
            robot: whose states they draw; it must be read, in any thread, for them to see anything.
            streams: one per camera, all of one rate.
            mounts: name of a stream to where its camera is.
            name: on the bus.
            clock: the robot's.
            scene: the robot's.
            encoding: of the pictures.
            give_way: to other processes: where the machine is short of time these cameras are the first to lose frames.

        Raises:
            DeviceError: cameras of several rates, none at all, or one without a mount.
        """
        rates = {spec.rate_hz for spec in streams}
        if len(rates) != 1 or not {spec.name for spec in streams} <= set(mounts):
            raise DeviceError(
                f"{name}: needs cameras of one rate, each with a mount; got {[s.key for s in streams]} at {rates} Hz"
            )
        self.name, self.streams = (
            name,
            tuple(spec.model_copy(update={"shape": (mounts[spec.name].height, mounts[spec.name].width, 3)}) for spec in streams),
        )
        self._robot, self.time, self._scene = robot, clock or HostClock(), scene
        self._mounts = {spec.name: mounts[spec.name] for spec in streams}
        self._encoding, self._give_way = encoding, give_way
        self._worker: Worker | None = None
        self._folder = ""
        self._exposures = self._sent = self._drawn = 0
        self._restarted_s = 0.0
        robot.watch(rates.pop(), self._expose)

    def start(self) -> None:
        """Start the process and wait until it can draw.

        Raises:
            DeviceError: it cannot, with what to do.
        """
        import mujoco

        whole_robot = max((mount.width for mount in self._mounts.values() if mount.link == WORLD), default=0)
        cell_m = CELL_M if whole_robot >= _WIDE_PX else SMALL_CELL_M
        model = camera_model(self._robot.robot, self._mounts, scene=self._scene, cell_m=cell_m)
        self._folder = tempfile.mkdtemp(prefix="understudy-cameras-")
        path = Path(self._folder) / "cameras.mjb"
        mujoco.mj_saveModel(model, str(path))
        rate_hz = self.streams[0].rate_hz
        drawn = tuple(Drawn(name, mount.width, mount.height, rate_hz) for name, mount in self._mounts.items())
        niceness, backlog = (NICENESS, BACKLOG // 4) if self._give_way else (0, BACKLOG)
        task = Task(str(path), drawn, self._encoding, niceness, backlog, self.time.stepped)
        # Mesa draws in the one thread that asks: two processes fill two cores, and its own threads only wait for each other
        worker = Worker(_MODULE, asdict(task), name=self.name, environment={"LP_NUM_THREADS": "0"})
        worker.start()
        worker.wait_ready(START_S)
        self._worker = worker

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """Frames that were drawn since the last call.

        Raises:
            DeviceError: it was not started, or is closed; or on a stepped clock the process does not answer.
        """
        worker = self._worker
        if worker is None:
            raise DeviceError(f"{self.name}: read before start, or after close")
        if not worker.alive:
            self._start_again(worker, timeout_s)
            return []
        frames = self._until_all_is_drawn(worker) if self.time.stepped else worker.receive(timeout_s)
        return [self._sample(content) for content in frames]

    @property
    def pid(self) -> int | None:
        """Of the process that draws; None where there is none."""
        return self._worker.pid if self._worker else None

    def ping(self) -> ClockPing | None:
        """None: its stamps are the host's."""
        return None

    def close(self) -> None:
        """End the process."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _expose(self, t_ns: int, qpos: F64) -> None:
        """In the robot's thread: hand a state over, or lose the frame where the process is far behind."""
        worker, number = self._worker, self._exposures
        self._exposures += 1
        if worker is not None and worker.ready and worker.send(pack_state(number, t_ns, qpos), keep=self.time.stepped):
            self._sent += len(self.streams)

    def _until_all_is_drawn(self, worker: Worker) -> list[bytes]:
        frames: list[bytes] = []
        until_s = time.monotonic() + STEPPED_S
        while self._drawn < self._sent:
            frames += (came := worker.receive(0.5))
            self._drawn += len(came)
            if not worker.alive or time.monotonic() > until_s:
                raise DeviceError(f"{self.name}: {self._sent - self._drawn} frames were not drawn; its process died or hangs")
        return frames

    def _start_again(self, worker: Worker, timeout_s: float) -> None:
        wait_s = self._restarted_s + RESTART_S - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            return
        _log.warning("%s: its process died; it is started again", self.name)
        self._restarted_s, self._drawn = time.monotonic(), self._sent
        worker.start()
        if self.time.stepped:
            worker.wait_ready(START_S)

    def _sample(self, content: bytes) -> Sample:
        camera, number, t_ns, t_device_ns = IMAGE.unpack_from(content)
        data = content[IMAGE.size :]
        return Sample(self.streams[camera].key, data, t_ns, t_device_ns, self.time.arrival_ns(t_ns), number)
