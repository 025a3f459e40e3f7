"""A process of its own for a device's heavy work: started, fed, read without waiting, and started anew when it dies."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from understudy.devices._frames import FAILED, FRAME, NOTICE, READY, SETUP, STATE, Assembler, message
from understudy.errors import DeviceError

_PIPE_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)
_PACKAGE_PARENT = str(Path(__file__).parents[2])


class Worker:
    """Runs `main` of a module; the first message to it is the setup, its first answer READY or FAILED. POSIX only."""

    def __init__(
        self, module: str, setup: Mapping[str, object], *, name: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """A process that is not started.

        Args:
            module: whose `main` is run.
            setup: sent as JSON.
            name: of the device, for messages.
            environment: variables set for the process over this one's.
        """
        self.name, self._module, self._setup = name, module, dict(setup)
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._assembler, self._unsent = Assembler(), bytearray()
        self._early: list[bytes] = []
        self._lock = threading.RLock()
        self.ready = False

    def start(self) -> None:
        """Start it, or start it anew; it is ready later."""
        self.stop()
        path = os.pathsep.join(filter(None, (_PACKAGE_PARENT, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {self._module} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path, **self._environment},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for stream in (self._process.stdin, self._process.stdout):
            os.set_blocking(stream.fileno(), False)
            _widen(stream.fileno())
        self._assembler, self._unsent, self.ready = Assembler(), bytearray(), False
        self._early = []
        self._unsent += message(SETUP, json.dumps(self._setup).encode())
        self._flush()

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until it can begin.

        Raises:
            DeviceError: it cannot, with its reason; it died; or it takes too long.
        """
        until_s = time.monotonic() + timeout_s
        while not self.ready:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                self.stop()
                raise DeviceError(f"{self.name}: its process was not ready in {timeout_s:.0f} s; try again on an idle machine")
            self._early += self.receive(min(left_s, 0.5))
            if not self.alive:
                raise DeviceError(f"{self.name}: its process ended at once; standard error says why")

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Of the process; None where there is none."""
        return self._process.pid if self._process else None

    def send(self, content: bytes, *, keep: bool = False) -> bool:
        """Give it something to work on, without waiting.

        Args:
            content: of the message.
            keep: hold it until the process takes it, rather than drop it where much is waiting already.

        Returns:
            Whether it will get it.
        """
        with self._lock:
            self._flush()
            if self._process is None or (self._unsent and not keep):
                return False
            self._unsent += message(STATE, content)
            self._flush()
            return True

    def receive(self, timeout_s: float) -> list[bytes]:
        """Contents of the FRAME messages that are there, after waiting up to `timeout_s` for anything to happen.

        Raises:
            DeviceError: the process says that it cannot begin.
        """
        if self._early and self.ready:
            frames, self._early = self._early, []
            return frames
        process = self._process
        if process is None:
            return []
        assert process.stdin is not None
        assert process.stdout is not None
        self._flush()
        waits = [process.stdin] if self._unsent else []
        try:
            readable, writable, _ = select.select([process.stdout], waits, [], max(timeout_s, 0.0))
        except (OSError, ValueError):
            if process is self._process:
                raise
            return []  # another thread stopped it
        if writable:
            self._flush()
        came = []
        for kind, content in self._assembler.take(self._pieces(process)) if readable else ():
            if kind == FAILED:
                self.stop()
                raise DeviceError(f"{self.name}: {content.decode(errors='replace')}")
            if kind == FRAME:
                came.append(content)
            elif kind == NOTICE:
                _log.warning("%s: %s", self.name, content.decode(errors="replace"))
            self.ready = self.ready or kind == READY
        return came

    def stop(self) -> None:
        """End the process; safe to call twice."""
        with self._lock:
            process, self._process, self.ready = self._process, None, False
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(1.0)  # it ends when its input does
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _pieces(self, process: subprocess.Popen[bytes]) -> bytes:
        """Everything that can be read now; the process is over where its output is."""
        assert process.stdout is not None
        pieces = []
        while True:
            try:
                piece = os.read(process.stdout.fileno(), _PIPE_BYTES)
            except BlockingIOError:
                break
            if not piece:
                self.stop()
                break
            pieces.append(piece)
        return b"".join(pieces)

    def _flush(self) -> None:
        """Hand over what the pipe takes."""
        with self._lock:
            while self._unsent and self._process is not None:
                assert self._process.stdin is not None
                try:
                    del self._unsent[: os.write(self._process.stdin.fileno(), self._unsent)]
                except BlockingIOError:
                    return
                except BrokenPipeError:
                    self.stop()


def _widen(descriptor: int) -> None:
    """Room for a second of images where the system has it to give."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
