"""Devices run beside the recorder: a process for each plugin, a thread for each of its devices."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from understudy import plugins
from understudy.devices import pace_of
from understudy.errors import DeviceError, UnderstudyError
from understudy.kinematics.load import load_robot
from understudy.record.address import parse_address
from understudy.record.bus import Publisher
from understudy.record.producer import run_device
from understudy.record.remote_clock import keep_measured
from understudy.record.zmq_bus import ZmqLink
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.stream import StreamSpec
from understudy.store.dataset import Dataset

RESTARTS = 5
MOST_SAID = 300
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceRequest:
    """A plugin and what it is asked for.

    Attributes:
        plugin: name in the group `devices`.
        config: option to text.
    """

    plugin: str
    config: Mapping[str, str | float | bool] = field(default_factory=dict)


def parse_device(text: str) -> DeviceRequest:
    """`NAME` or `NAME:option=value,option=value`.

    Raises:
        DeviceError: an option without a value.
        UnknownNameError: no such plugin.
    """
    name, _, rest = text.partition(":")
    config: dict[str, str | float | bool] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise DeviceError(f"--device {text}: {part!r} is no option; write {name}:option=value")
        config[key] = value
    if name not in plugins.names("devices"):
        plugins.load("devices", name)  # says which there are
    return DeviceRequest(name, config)


def open_devices(request: DeviceRequest, root: Path) -> Sequence[Device]:
    """The devices that are asked for, with the robot and the schema of the dataset in `root`, not started yet.

    Raises:
        DeviceError: there are none.
    """
    factory = cast(DeviceFactory, plugins.load("devices", request.plugin))
    dataset = Dataset.open(root)
    devices = factory.open(request.config, load_robot(dataset.robot_source), dataset.schema)
    if not devices:
        raise DeviceError(f"device {request.plugin}: it opened nothing; check its options")
    return devices


def run_devices(devices: Sequence[Device], bus: str, stop: threading.Event) -> list[str]:
    """Run devices in threads until `stop` is set or one fails; says what failed."""
    address, failed = parse_address(bus), list[str]()
    offset_ns = (lambda: 0) if address.local else partial(getattr, keep_measured(address, stop), "offset_ns")

    def one(device: Device) -> None:
        link = ZmqLink(address)
        token, pace = address.token, pace_of(device)
        publisher = Publisher(link, device.name, clock=device.clock, pace=pace, token=token, offset_ns=offset_ns)
        try:
            run_device(device, publisher, stop)
        except UnderstudyError as error:
            failed.append(f"device {device.name}: {error}")
            stop.set()
        finally:
            publisher.close()

    threads = [threading.Thread(target=one, args=(device,), name=device.name) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def device_process(request: DeviceRequest, root: Path, bus: str, told: Any) -> None:
    """Main of a process of devices; ends with SIGTERM or with the process that started it.

    Args:
        request: what to open.
        root: folder of the dataset.
        bus: address of the recorder.
        told: connection on which it says what it produces, a tuple of streams; what it logs, a list of a text; and why it ended,
            a text.
    """
    logging.getLogger("understudy").addHandler(_Telling(told))
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    parent = multiprocessing.parent_process()
    threading.Thread(target=_stop_with, args=(parent, stop), daemon=True).start()
    try:
        devices = open_devices(request, root)
        told.send(tuple(spec.key for device in devices for spec in device.streams if _steady(spec)))
        failed = run_devices(devices, bus, stop)
    except UnderstudyError as error:
        failed = [str(error)]
    told.send("; ".join(failed))


class _Telling(logging.Handler):
    """Warnings go to whoever shows them, in place of a terminal that draws something else."""

    def __init__(self, told: Any) -> None:
        super().__init__(logging.WARNING)
        self._told, self._left = told, MOST_SAID

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if self._left > 0:  # nobody may read any more, and a device never waits
            self._left -= 1
            try:
                self._told.send([record.getMessage()])
            except OSError:
                self.handleError(record)


def _steady(spec: StreamSpec) -> bool:
    """Whether samples come without anything that has to happen."""
    return spec.rate_hz > 0 or spec.kind not in ("discrete", "command")


def _stop_with(parent: Any, stop: threading.Event) -> None:
    if parent is not None:
        parent.join()
        stop.set()


class DeviceRunner:
    """Keeps a process of devices running: one that ended is started again, a few times.

    Args:
        request: what to open.
        root: folder of the dataset.
        bus: address of the recorder.

    Attributes:
        streams: that its devices produce all along; None until they are open.
    """

    def __init__(self, request: DeviceRequest, root: Path, bus: str) -> None:
        self._request, self._root, self._bus, self._left = request, root, bus, RESTARTS
        self.streams: tuple[str, ...] | None = None
        self._said: deque[str] = deque()
        self._start()

    @property
    def name(self) -> str:
        """Of the device, as it was asked for."""
        return self._request.plugin

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe(duplex=False)
        self._why = ""
        self._process = context.Process(
            target=device_process, args=(self._request, self._root, self._bus, theirs)
        )  # no daemon: cameras have processes of their own
        self._process.start()
        theirs.close()

    def look(self) -> str:
        """Start it again where it ended; what to tell of that, or the oldest thing that it said, or nothing."""
        alive = self._process.is_alive()
        self._listen()
        if alive or self._said:
            return self._said.popleft() if self._said else ""
        why = self._why or f"ended with code {self._process.exitcode}"
        if self._left <= 0:
            return f"device {self._request.plugin}: {why}; it is not started again"
        self._left -= 1
        self._start()
        return f"device {self._request.plugin}: {why}; started again"

    def _listen(self) -> None:
        """Keep what the process says: what it produces, and why it ends."""
        try:
            while self._told.poll(0):
                told = self._told.recv()
                if isinstance(told, str):
                    self._why = told
                elif isinstance(told, list):
                    self._said.extend(told)
                else:
                    self.streams = told
        except EOFError:
            return  # it is gone, and has said all

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.join(5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
