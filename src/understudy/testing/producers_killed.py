"""Recorders that are killed in the middle of a take, and what is left of it: for the crash suite and the benchmark."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from understudy.devices._encoder import Codec
from understudy.errors import BusError
from understudy.pipeline.record.recover import recover
from understudy.pipeline.record.service import ServiceOptions, serve
from understudy.record.address import BusAddress, parse_address
from understudy.record.bus import Publisher
from understudy.record.commands import Commander
from understudy.record.producer import run_device
from understudy.record.zmq_bus import ZmqLink
from understudy.spec.device import Device
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.store.dataset import Dataset
from understudy.testing.producers import FakeDevice
from understudy.testing.producers_bench import few_devices

READY_S = 60.0
SHORTEST_S = 0.15
"""A take that is younger may have nothing in its journal yet, on a busy machine."""
SERVICE = "understudy.pipeline.record.service"


@dataclass(frozen=True)
class Killed:
    """One killed take and the episode that was made of it.

    Attributes:
        take: its id.
        error: why there is no episode; empty where there is one.
        recorded_s: from the command to the kill.
        lost_s: from the last moment of the timeline to the kill.
        reported_s: what the episode says was lost at most.
        episode: as recovered.
    """

    take: str
    error: str
    recorded_s: float
    lost_s: float
    reported_s: float
    episode: Episode | None


@contextmanager
def producing(devices: Sequence[Device], address: BusAddress) -> Iterator[None]:
    """Devices that publish in threads while the block runs."""
    stop = threading.Event()

    def run(device: Device) -> None:
        publisher = Publisher(ZmqLink(address), device.name, clock=device.clock, token=address.token)
        try:
            run_device(device, publisher, stop)
        finally:
            publisher.close()

    threads = [threading.Thread(target=run, args=(device,), daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def start_recorder(options: ServiceOptions) -> BaseProcess:
    """A recorder's process that is ready.

    Raises:
        BusError: it cannot record.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([SERVICE])  # imported once, not for every process
    told, theirs = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(options, theirs))
    process.start()
    theirs.close()
    try:
        why = str(told.recv()) if told.poll(READY_S) else "not ready in time"
    except EOFError:
        why = "it died"
    if why:
        process.kill()
        process.join()
        raise BusError(why)
    return process


def kill_take(root: Path, bus: str, devices: Sequence[FakeDevice], *, after_s: float) -> tuple[str, int, float]:
    """Start a recorder, begin a take, kill it with SIGKILL so many seconds later.

    Returns:
        The take, the monotonic clock at the kill, and how long it was recorded.
    """
    address = parse_address(bus)
    process = start_recorder(ServiceOptions(root, bus, {"motion_source": "simulation"}, preroll_s=0.5, check=False))
    commander = Commander(address)
    try:
        with producing(devices, address):
            _wait_for_streams(commander, {spec.key for device in devices for spec in device.streams})
            take = str(commander.ask("start")["take"])
            began_s = time.monotonic()
            time.sleep(after_s)
            killed_ns = time.monotonic_ns()
            os.kill(int(process.pid or 0), signal.SIGKILL)
            process.join()
            return take, killed_ns, killed_ns * 1e-9 - began_s
    finally:
        commander.close()
        if process.is_alive():
            process.kill()
            process.join()


def _wait_for_streams(commander: Commander, wanted: set[str]) -> None:
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        streams = commander.ask("health")["health"]["streams"]
        if wanted <= {s["stream"] for s in streams if s["received"]}:
            return
        time.sleep(0.05)
    raise BusError(f"the streams {sorted(wanted)} did not come")


def killed_takes(
    folder: Path,
    schema: Schema,
    robot: RobotModel,
    *,
    kills: int,
    seed: int = 0,
    workers: int = 3,
    longest_s: float = 1.2,
    codec: Codec = "jpeg",
) -> list[Killed]:
    """Takes killed at random times, recovered by the next start, and held against the truth.

    Args:
        folder: where a dataset is made for each worker.
        schema: of the datasets.
        robot: theirs.
        kills: how many.
        seed: of the times.
        workers: recorders at a time, each with its own dataset.
        longest_s: of the times.
        codec: of the cameras.
    """
    times_s = np.random.default_rng(seed).uniform(SHORTEST_S, longest_s, kills)

    def work(worker: int) -> list[Killed]:
        root, bus = folder / f"set{worker}", f"ipc://{folder}/bus{worker}"
        Dataset.create(root, schema, robot)
        return [_one(root, bus, few_devices(schema, robot, codec=codec), after_s=float(t)) for t in times_s[worker::workers]]

    with ThreadPoolExecutor(workers) as pool:
        return [found for part in pool.map(work, range(workers)) for found in part]


def _one(root: Path, bus: str, devices: Sequence[FakeDevice], *, after_s: float) -> Killed:
    take, killed_ns, recorded_s = kill_take(root, bus, devices, after_s=after_s)
    (found,) = recover(root, check=False)
    if found.error:
        return Killed(take, found.error, recorded_s, float("nan"), float("nan"), None)
    episode = Dataset.open(root).read(take)
    lost_s = (killed_ns - int(episode.timeline_ns[-1])) * 1e-9
    return Killed(take, "", recorded_s, lost_s, float(episode.metadata["record_lost_tail_s"]), episode)
