"""The recorder under load, as JSON.

    python benchmarks/recorder.py [--seconds 60] [--h264 60] [--kills 30] [--soak 1800] [--out FILE.json]

16 vector streams (2 470 samples a second) and 4 cameras of 640x480 at 30 Hz in real time, each producer in a process of its own,
JPEG encoded there. What is told of the recorder is its own process: CPU time over wall time, memory once a second.
`--seconds 300` is the soak in real time. `--h264` does the same with 6 cameras that encode H.264. What is in the file is held
against what was filmed. `--kills` kills recorders at random times and tells what was lost; `--soak` lets a recorder live for so
long by a clock that runs faster, and tells its memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from understudy.devices._encoder import Codec
from understudy.geom.arrays import U8
from understudy.kinematics.load import load_robot
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import parse_address
from understudy.record.bus import Publisher
from understudy.record.commands import Commander
from understudy.record.producer import run_device
from understudy.record.zmq_bus import ZmqLink
from understudy.spec.default_schema import default_schema
from understudy.spec.stream import Stream
from understudy.store.dataset import Dataset
from understudy.testing.producers import BODY_STREAMS, CAMERA_HZ, CAMERAS, Scene, body_device, raw_camera_device
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.producers_killed import killed_takes, start_recorder

BARS = {
    "cpu_share": 0.15,
    "vector_samples_lost": 0,
    "image_drop_share": 0.001,
    "finalize_s_per_min": 3.0,
    "h264_mb_per_min": 100.0,
    "kill_lost_s": 0.5,
}
SIX_CAMERAS = (*CAMERAS, "debug/external_2", "debug/external_3")
SIZE = (480, 640, 3)
PICTURES = 30
"""That a camera films, over and over."""
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the take")
    parser.add_argument("--h264", type=float, default=0.0, help="length of a take with six H.264 cameras")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--soak", type=float, default=0.0, help="seconds, by a clock that runs faster than real time")
    parser.add_argument("--cameras", type=int, default=len(CAMERAS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found: dict[str, Any] = {"machine": _machine(), "bars": BARS}
    if args.seconds > 0:
        found["take"] = take(args.seconds, CAMERAS[: args.cameras])
    if args.h264 > 0:
        found["h264"] = take(args.h264, SIX_CAMERAS, "h264")
    if args.kills:
        found["kills"] = kills(args.kills)
    if args.soak:
        found["soak"] = soak(args.soak)
    text = json.dumps(found, indent=2)
    sys.stdout.write(text + "\n")
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")


def _machine() -> dict[str, object]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"python": platform.python_version(), "cores": os.cpu_count(), "load_before": load, "system": platform.system()}


def _produce(root: Path, bus: str, what: str, codec: Codec, made: Any) -> None:
    """Main of a producer's process; sends at its end what it made and dropped."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    schema = Dataset.open(root).schema
    if what == "body":
        device = body_device(schema, load_robot(schema.robot))
    else:
        device = raw_camera_device(schema, what, seed=SIX_CAMERAS.index(what), pictures=PICTURES, codec=codec)
    publisher = Publisher(ZmqLink(parse_address(bus)), device.name)
    run_device(device, publisher, stop)
    publisher.close()
    used = os.times()
    made.send({"dropped": publisher.dropped, "cpu_s": used.user + used.system})


def take(seconds: float, cameras: Sequence[str], codec: Codec = "jpeg") -> dict[str, object]:
    """One take in real time, and the episode that is made of it."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        root, bus = Path(folder) / "set", f"ipc://{folder}/bus"
        robot = load_robot("unitree_g1")
        Dataset.create(root, with_small_cameras(default_schema(robot, "benchmark"), SIZE), robot)
        recorder = start_recorder(ServiceOptions(root, bus, {"motion_source": "simulation", "task_id": "sway"}))
        commander = Commander(parse_address(bus), timeout_s=60.0)
        producers, pipes = [], []
        for what in ("body", *cameras):
            ours, theirs = context.Pipe(duplex=False)
            producer = context.Process(target=_produce, args=(root, bus, what, codec, theirs))
            producer.start()
            producers.append(producer)
            pipes.append(ours)
        _wait(commander, len(BODY_STREAMS) + len(cameras))
        measured = _measure(commander, recorder, seconds)
        for producer in producers:
            producer.terminate()
        made = [pipe.recv() for pipe in pipes]
        for producer in producers:
            producer.join()
        result = _result(commander, seconds, cameras)
        commander.ask("quit")
        recorder.join()
        commander.close()
        against = _against(Dataset.open(root), str(measured["take"]), cameras)
        return {**measured, **result, **against, "producers": made}


def _wait(commander: Commander, streams: int) -> None:
    """Until every stream came and the rates have settled."""
    while sum(s["received"] > 0 for s in commander.ask("health")["health"]["streams"]) < streams:
        time.sleep(0.2)
    time.sleep(3.0)


def _measure(commander: Commander, recorder: BaseProcess, seconds: float) -> dict[str, Any]:
    name = commander.ask("start")["take"]
    cpu_s, wall_s, memory = _cpu_s(recorder), time.monotonic(), list[int]()
    while time.monotonic() - wall_s < seconds:
        time.sleep(min(1.0, max(seconds - (time.monotonic() - wall_s), 0.0)))
        memory.append(_memory(recorder) >> 20)
    share = (_cpu_s(recorder) - cpu_s) / (time.monotonic() - wall_s)
    threads = _threads(recorder)
    commander.ask("stop")
    return {
        "take": name,
        "seconds": seconds,
        "cpu_share": round(share, 4),
        "cpu_s_by_thread": threads,
        "memory_mb": {"first": memory[0], "last": memory[-1], "most": max(memory), "every_30_s": memory[::30]},
        "load_after": os.getloadavg()[0],
    }


def _result(commander: Commander, seconds: float, cameras: Sequence[str]) -> dict[str, object]:
    while not (takes := commander.ask("takes"))["takes"] or takes["finalizing"]:
        time.sleep(0.2)
    (found,) = takes["takes"]
    if found["error"]:
        raise SystemExit(found["error"])
    length_s = seconds + 2.0
    images = [row for row in found["digest"] if row["stream"] in cameras]
    vectors = [row for row in found["digest"] if row not in images]
    drops = sum(row["dropped_by_producer"] + row["dropped_by_recorder"] for row in images)
    return {
        "verdict": found["verdict"],
        "findings": [f["message"] for f in found["findings"]],
        "warnings": found["warnings"],
        "finalize_s": round(found["seconds"], 3),
        "finalize_s_per_min": round(found["seconds"] * 60.0 / length_s, 3),
        "check_s": round(found["check_s"], 3),
        "finalize_cpu_s": round(found["cpu_s"], 3),
        "finalize_cpu_s_per_min": round(found["cpu_s"] * 60.0 / length_s, 3),
        "vector_samples": sum(row["samples"] for row in vectors),
        "vector_samples_lost": sum(row["lost"] + row["refused"] for row in vectors),
        "images": sum(row["samples"] for row in images),
        "images_dropped": drops,
        "image_drop_share": drops / max(sum(row["samples"] for row in images), 1),
        "images_undecodable": sum(row["undecodable"] for row in images),
        "images_mb_per_min": round(sum(row["bytes"] for row in images) * 60e-6 / length_s, 1),
        "journal_mb_per_min": round(sum(row["bytes"] for row in found["digest"]) * 60e-6 / length_s, 1),
    }


def _against(dataset: Dataset, take: str, cameras: Sequence[str]) -> dict[str, object]:
    """Numbers that are missing inside the episode, stream by stream, counted from the file itself, and how images look."""
    missing, streams = {}, dataset.read(take).streams
    for key, stream in streams.items():
        seq = stream.extra["seq"].astype(np.int64)
        if gaps := int(seq[-1] - seq[0]) + 1 - len(seq):
            missing[key] = gaps
    db = {key: _psnr_db(streams[key], SIX_CAMERAS.index(key)) for key in cameras if key in streams}
    return {"missing_in_the_file": missing, "psnr_db": db}


def _psnr_db(stream: Stream, seed: int) -> dict[str, float]:
    """Peak signal over what encoding changed, in every image of some seconds."""
    scene = Scene(SIZE, seed=seed)
    filmed = [scene.picture(k / CAMERA_HZ) for k in range(PICTURES)]
    steps = range(min(len(stream), 10 * PICTURES))
    numbers = stream.extra["seq"].tolist()
    found = [_psnr(filmed[numbers[k] % PICTURES], picture) for k, picture in zip(steps, stream.pictures(steps), strict=True)]
    return {"mean": round(float(np.mean(found)), 2), "least": round(min(found), 2)}


def _psnr(true: U8, seen: U8) -> float:
    return float(10.0 * np.log10(255.0**2 / np.mean((true.astype(np.float32) - seen) ** 2)))


def _cpu_s(process: BaseProcess) -> float:
    """CPU time of a process alone, its children not counted."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _threads(process: BaseProcess) -> dict[str, float]:
    """CPU time of each of its threads since it began."""
    out = {}
    for task in sorted(Path(f"/proc/{process.pid}/task").iterdir()):
        name, fields = (task / "comm").read_text().strip(), (task / "stat").read_text().rpartition(")")[2].split()
        out[f"{name} {task.name}"] = (int(fields[11]) + int(fields[12])) / TICKS
    return out


def _memory(process: BaseProcess) -> int:
    return int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kills(count: int) -> dict[str, object]:
    """Recorders killed at random times."""
    robot = load_robot("unitree_g1")
    schema = with_small_cameras(default_schema(robot, "kills"), (240, 320, 3))
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        found = killed_takes(Path(folder), schema, robot, kills=count, workers=2)
    lost_s = np.array([k.lost_s for k in found])
    reported_s = np.array([k.reported_s for k in found])
    return {
        "kills": count,
        "episodes": sum(not k.error for k in found),
        "lost_s_median": round(float(np.median(lost_s)), 4),
        "lost_s_most": round(float(lost_s.max()), 4),
        "reported_less_than_lost_s_most": round(float((lost_s - reported_s).max()), 4),
    }


def soak(seconds: float) -> dict[str, object]:
    """A recorder that lives for so long, take after take, by a clock that runs faster."""
    robot = load_robot("unitree_g1")
    schema = with_small_cameras(default_schema(robot, "soak"))
    memory: list[int] = []
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        bench = RecordBench(Dataset.create(Path(folder) / "set", schema, robot), few_devices(schema, robot))
        began_s = time.process_time()
        while (bench.clock() - 10**12) * 1e-9 < seconds:
            take = bench.recorder.start()
            bench.run(55.0)
            bench.recorder.stop()
            bench.run(5.0)
            if error := bench.finished(take).error:
                raise SystemExit(error)
            memory.append(int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    half = len(memory) // 2
    return {
        "seconds": seconds,
        "cpu_s": round(time.process_time() - began_s, 1),
        "takes": len(memory),
        "memory_mb": memory[:: max(len(memory) // 20, 1)],
        "growth_mb_second_half": memory[-1] - memory[half],
    }


if __name__ == "__main__":
    main()
