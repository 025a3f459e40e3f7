"""A live session: frames in, the robot's pose out, held where the source falls silent, recorded on demand."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

import numpy as np

from understudy.errors import InputError, ShapeError
from understudy.pipeline.live.calibration import StandingCalibration
from understudy.pipeline.live.figures import Meter, source_rate_hz
from understudy.pipeline.live.follower import Follower, compile_ahead
from understudy.pipeline.live.limbs import LimbKeeper
from understudy.pipeline.live.recorder import Recorder
from understudy.pipeline.live.sample import LiveSample
from understudy.pipeline.live.snapshot import LiveSnapshot, State, floor_m, why_held, why_waiting
from understudy.pipeline.live.stamps import SessionClock
from understudy.pipeline.live.take import TakeLabel
from understudy.retarget.feasibility import ENDS
from understudy.retarget.problem import make_problem
from understudy.retarget.targets import Calibration
from understudy.spec.live import LiveFrame, LiveStream
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset

SILENT_S = 0.2
"""A source that is silent for longer has stopped: the robot holds."""
READ_S = 0.05
BEHIND_S = 0.05
"""A frame that waited for longer is left out where a newer one is there."""
_USUAL_HZ = 60.0


class LiveSession:
    """Reads a stream in a thread of its own; everything else may be called from any thread.

        with LiveSession(open_source("walk.bvh"), load_robot("unitree_g1")) as session:
            pose = session.snapshot().sample

    Args:
        stream: an open live source; it is closed with the session.
        robot: who follows.
        known: the person, where that is known already; None calibrates on the first two seconds of standing.
        dataset: where takes are saved; None records nothing.
        clock_ns: the host's monotonic clock, on which `LiveFrame.t_arrival_ns` is too.
    """

    def __init__(
        self,
        stream: LiveStream,
        robot: RobotModel,
        *,
        known: Calibration | None = None,
        dataset: Dataset | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.robot, self.stream = robot, stream
        self._clock_ns, self._known = clock_ns, known
        self._problem = make_problem(robot)
        self._recorder = Recorder(robot, dataset)
        self._standing = StandingCalibration(self._problem, stream.name)
        self._limbs, self._stamps = LimbKeeper(), SessionClock()
        self._follower: Follower | None = None
        self._before: Follower | None = None
        self._newest: LiveSample | None = None
        self._newest_arrival_ns: int | None = None
        self._meter, self._anew = Meter(), False
        self._prepared, self._failure = False, ""
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> LiveSession:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._run, name="understudy-live", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading, close the stream, save the running take and wait for the disk; safe to call twice."""
        self._closing.set()
        self.stream.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._recorder.close()

    def prepare(self) -> None:
        """Compile what the first frame needs; `start` does it by itself."""
        compile_ahead(self._problem)
        self._prepared = True

    def poll(self, timeout_s: float) -> LiveSample | None:
        """Do what was asked for and take the next frame: what the session's thread does again and again.

        Returns:
            What was made of the frame; None where none came, or where it was not usable.
        """
        while not self._asked.empty():
            self._asked.get_nowait()()
        frame = self.stream.read(timeout_s)
        while frame is not None and (self._clock_ns() - frame.t_arrival_ns) * 1e-9 > BEHIND_S:
            newer = self.stream.read(0.0)
            if newer is None:
                break
            self._meter.skipped += 1
            frame = newer
        return None if frame is None else self._take_in(frame)

    def recalibrate(self, *, on_movement: bool = False) -> None:
        """Calibrate anew; a running take is ended and saved.

        Args:
            on_movement: at once, on the last ten seconds of whatever the person did.
        """
        self._asked.put(self._calibrate_on_movement if on_movement else self._calibrate_anew)

    def start_take(self, label: TakeLabel) -> None:
        """Begin to record; the snapshot's `take` says whether it does."""
        self._asked.put(lambda: self._recorder.start(label, self.stream.name, self._known))

    def stop_take(self) -> None:
        """End the take and save it."""
        self._asked.put(self._recorder.stop)

    def save_again(self) -> None:
        """Try again to save what the disk refused."""
        self._asked.put(self._recorder.save_again)

    def snapshot(self) -> LiveSnapshot:
        """The session now."""
        now_ns = self._clock_ns()
        state = self._state(now_ns)
        return LiveSnapshot(
            state=state,
            message=self._message(state, now_ns),
            progress=self._standing.progress.share if state == "calibrating" else float(self._known is not None),
            sample=self._newest,
            figures=self._meter.figures(self.stream.counters, now_ns, self._age_s(now_ns)),
            take=self._recorder.status(),
            floor_m=0.0 if self._known is None else floor_m(self._known),
        )

    def _run(self) -> None:
        try:
            self.prepare()
            while not self._closing.is_set():
                self.poll(READ_S)
        except InputError as error:
            self._failure = str(error)
        except BaseException as error:
            self._failure = f"the session stopped: {error!r}; what was recorded is saved"
            raise
        finally:
            self._recorder.stop()

    def _take_in(self, frame: LiveFrame) -> LiveSample | None:
        t_ns, anew = self._stamps.stamp(frame.t_ns, frame.t_arrival_ns)
        self._anew |= anew
        self._meter.arrivals_s.append(frame.t_arrival_ns * 1e-9)
        whole = self._limbs.fill(frame.joint_pos_world_m, t_ns)
        if whole is None:
            self._meter.unusable += 1
            return None
        pose = self._newest.pose if self._newest is not None else None
        sample = LiveSample(t_ns, whole.joint_pos_world_m, pose, np.zeros(len(ENDS)), whole.held, whole.lost)
        if self._known is None and frame.whole:
            self._known = self._standing.add(frame.joint_pos_world_m, t_ns)
        if self._known is not None:
            try:
                sample = self._follow(sample, self._known)
            except ShapeError:  # nobody stands like that: hips and neck in one line
                self._meter.unusable += 1
                return None
            self._recorder.add(sample)
        self._newest, self._newest_arrival_ns = sample, frame.t_arrival_ns
        self._meter.latency_ms.append((self._clock_ns() - frame.t_arrival_ns) * 1e-6)
        return sample

    def _follow(self, sample: LiveSample, known: Calibration) -> LiveSample:
        if self._follower is None:
            self._follower = Follower(self._problem, known, self._rate_hz())
            self._follower.take_over(self._before)
        started_s = time.perf_counter()
        pose = self._follower.step(sample.joint_pos_world_m, sample.t_ns, anew=self._anew)
        self._meter.step_ms.append((time.perf_counter() - started_s) * 1e3)
        self._anew = False
        return replace(sample, pose=pose, residual_m=self._follower.residual_m(pose, sample.joint_pos_world_m))

    def _rate_hz(self) -> float:
        """The stream's nominal rate, else the one seen so far."""
        return self.stream.rate_hz or source_rate_hz(self._meter.arrivals_s, self._clock_ns() * 1e-9) or _USUAL_HZ

    def _calibrate_anew(self) -> None:
        self._recorder.stop()
        self._standing = StandingCalibration(self._problem, self.stream.name)
        self._before, self._follower, self._known = self._follower or self._before, None, None

    def _calibrate_on_movement(self) -> None:
        if self._known is None:
            self._known = self._standing.on_movement()

    def _state(self, now_ns: int) -> State:
        if self._failure:
            return "failed"
        if not self._prepared:
            return "preparing"
        if self._newest_arrival_ns is None:
            return "waiting"
        if (now_ns - self._newest_arrival_ns) * 1e-9 > SILENT_S:
            return "held" if self._newest is not None and self._newest.pose is not None else "waiting"
        return "live" if self._known is not None else "calibrating"

    def _message(self, state: State, now_ns: int) -> str:
        if state == "failed":
            return self._failure
        if state == "calibrating":
            return self._standing.progress.say
        if state == "waiting":
            return why_waiting(self.stream.name, unusable=self._meter.unusable > 0)
        if state == "held":
            seen = self._meter.quiet_s(now_ns) < SILENT_S
            return why_held(self._age_s(now_ns), ended=bool(getattr(self.stream, "ended", False)), hips_missing=seen)
        return "getting ready: some seconds, and the first time up to a minute" if state == "preparing" else ""

    def _age_s(self, now_ns: int) -> float:
        """Since the newest usable frame arrived; NaN before the first."""
        return float("nan") if self._newest_arrival_ns is None else (now_ns - self._newest_arrival_ns) * 1e-9
