"""What the dashboard costs and how soon it shows what is wrong: `python benchmarks/dashboard.py [--seconds S] [--trials N]`.

A recorder in its own process takes a take of 16 vector streams (2 470 samples a second) and 4 cameras at 30 Hz from producers
in another one. Browsers are threads of a third process that ask for the state again and again, as the page does; the page's
server is this process. What they cost is CPU seconds per second. With a Chromium, producers are killed, and it is timed how long
after their last sample the page has drawn their row red, and how soon it says that the recorder, or the server, is gone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from understudy.apps.web.dashboard.server import DashboardServer
from understudy.kinematics.load import load_robot
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import parse_address
from understudy.record.commands import Commander
from understudy.spec.default_schema import default_schema
from understudy.store.dataset import Dataset
from understudy.testing.chromium import Chromium, find_chromium
from understudy.testing.producers import BODY_STREAMS, CAMERAS, body_device, camera_device
from understudy.testing.producers_bench import with_small_cameras
from understudy.testing.producers_killed import producing, start_recorder

ROBOT = "unitree_g1"
DYING = ("observations/wrench_left_ankle", "observations/wrench_right_ankle")
SPAWN = multiprocessing.get_context("spawn")
SETTLED_S = 3.0
WATCHED_AT = """(() => {
const row = document.querySelector('tr[data-stream="%s"]');
window.seenAt = 0;
const look = () => {
  if (!(%s)) return;
  watcher.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.seenAt = performance.timeOrigin + performance.now(); }));
};
const watcher = new MutationObserver(look);
watcher.observe(document.body, { attributes: true, subtree: true });
})()"""
"""When something has been drawn: after the frame that follows the change."""


def produce(root: str, bus: str, *, dying: bool, cameras: bool) -> None:
    """Main of a process of producers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    schema, robot = Dataset.open(Path(root)).schema, load_robot(ROBOT)
    rates = {key: rate for key, rate in BODY_STREAMS.items() if (key in DYING) == dying}
    devices = [body_device(schema, robot, rates=rates, name="ankles" if dying else "robot")]
    if cameras:
        devices += [camera_device(schema, key, images=8, seed=k) for k, key in enumerate(CAMERAS)]
    with producing(devices, parse_address(bus)):
        threading.Event().wait()


def browse(port: int, browsers: int, pictures: bool) -> None:
    """Main of a process of browsers that never rest."""

    def one() -> None:
        line = http.client.HTTPConnection("127.0.0.1", port)
        after = 0
        while True:
            line.request("GET", f"/state?after={after}")
            after = json.loads(line.getresponse().read())["serial"]
            for camera in CAMERAS if pictures else ():
                line.request("GET", f"/picture?camera={camera}")
                line.getresponse().read()

    for _ in range(browsers):
        threading.Thread(target=one, daemon=True).start()
    threading.Event().wait()


@contextmanager
def process(target: object, *args: object, **kwargs: object) -> Iterator[BaseProcess]:
    """A process that is killed at the end."""
    made = SPAWN.Process(target=target, args=args, kwargs=kwargs)  # type: ignore[arg-type]
    made.start()
    try:
        yield made
    finally:
        made.kill()
        made.join()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shares(recorder: BaseProcess, seconds: float) -> dict[str, float]:
    """Of one core: what the recorder and this process, the server, use from now on."""
    pid = int(recorder.pid or 0)
    began_s, recorder_s, server_s = time.monotonic(), cpu_s(pid), time.process_time()
    time.sleep(seconds)
    took_s = time.monotonic() - began_s
    return {
        "recorder": round((cpu_s(pid) - recorder_s) / took_s, 4),
        "server": round((time.process_time() - server_s) / took_s, 4),
    }


def lost(commander: Commander) -> int:
    """Vector samples that never came."""
    return sum(s["lost"] for s in commander.ask("health")["health"]["streams"] if s["kind"] != "image")


def costs(root: Path, bus: str, recorder: BaseProcess, seconds: float) -> dict[str, object]:
    """CPU without a server, and with browsers at 2, 5 Hz; five greedy ones with pictures."""
    schema, address = Dataset.open(root).schema, parse_address(bus)
    commander = Commander(address)
    with process(produce, str(root), bus, dying=False, cameras=True), process(produce, str(root), bus, dying=True, cameras=False):
        until(lambda: len(commander.ask("health")["health"]["streams"]) >= 20)
        time.sleep(SETTLED_S)
        commander.ask("start")
        before = lost(commander)
        out: dict[str, object] = {"no browser": shares(recorder, seconds)}
        for rate_hz in (2.0, 5.0):
            with (
                DashboardServer(schema, address, port=0, every_s=1.0 / rate_hz) as server,
                process(browse, int(server.url.rsplit(":", 1)[1].strip("/")), 3, False),
            ):
                time.sleep(SETTLED_S)
                out[f"3 browsers at {rate_hz:g} Hz"] = shares(recorder, seconds)
        with (
            DashboardServer(schema, address, port=0) as server,
            process(browse, int(server.url.rsplit(":", 1)[1].strip("/")), 5, True),
        ):
            time.sleep(SETTLED_S)
            out["5 browsers with pictures"] = shares(recorder, seconds)
        out["one health answer, recorder, ms"] = poll_ms(commander, recorder)
        out["vector samples lost"] = lost(commander) - before
        commander.ask("discard")
    commander.close()
    return out


def poll_ms(commander: Commander, recorder: BaseProcess, *, asks: int = 200) -> float:
    """CPU milliseconds of the recorder for one answer to `health`, over what it needs anyway."""
    pid = int(recorder.pid or 0)
    idle = shares(recorder, 3.0)["recorder"]
    began_s, used_s = time.monotonic(), cpu_s(pid)
    for _ in range(asks):
        commander.ask("health")
        time.sleep(0.01)
    took_s = time.monotonic() - began_s
    return round(1e3 * (cpu_s(pid) - used_s - idle * took_s) / asks, 3)


def until(holds: object, *, timeout_s: float = 60.0) -> None:
    """Wait until something holds."""
    until_s = time.monotonic() + timeout_s
    while not holds():  # type: ignore[operator]
        if time.monotonic() > until_s:
            raise SystemExit("it did not come to that in time")
        time.sleep(0.05)


def seen_ns(page: Chromium) -> int:
    """When the page had drawn what it watches for, on the monotonic clock."""
    page.until("window.seenAt")
    wall_ns = round(1e6 * float(page.ask("window.seenAt")))
    return wall_ns - time.time_ns() + time.monotonic_ns()


def red_s(root: Path, bus: str, page: Chromium, commander: Commander) -> float:
    """From the last sample of a killed producer to its red row."""
    with process(produce, str(root), bus, dying=True, cameras=False) as producer:
        row = f"document.querySelector('tr[data-stream=\"{DYING[0]}\"]')?.className"
        page.until(f"{row} === 'ok'", timeout_s=60.0)
        time.sleep(1.0 + 0.37 * time.monotonic() % 0.5)  # not in step with the page
        page.ask(WATCHED_AT % (DYING[0], "row.className === 'dead'"))
        producer.kill()
        seen = seen_ns(page)
    health = commander.ask("health")["health"]
    age_s = next(s["age_s"] for s in health["streams"] if s["stream"] == DYING[0])
    return (seen - health["t_ns"]) * 1e-9 + float(age_s)


def serve_alone(root: str, bus: str, told: object) -> None:
    """Main of a process that only serves the page."""
    with DashboardServer(Dataset.open(Path(root)).schema, parse_address(bus), port=0) as server:
        told.send(server.url)  # type: ignore[attr-defined]
        threading.Event().wait()


def gone_s(page: Chromium, killed: BaseProcess) -> float:
    """From the death of a process to the page saying so."""
    page.until("document.body.dataset.link === 'ok'")
    time.sleep(1.0)
    page.ask(WATCHED_AT % ("", "document.body.dataset.link === 'gone'"))
    killed_ns = time.monotonic_ns()
    killed.kill()
    return (seen_ns(page) - killed_ns) * 1e-9


def delays(root: Path, bus: str, recorder: BaseProcess, trials: int) -> dict[str, object]:
    """How soon the page shows a stopped stream, a dead recorder and a dead server."""
    commander = Commander(parse_address(bus))
    told, theirs = SPAWN.Pipe(duplex=False)
    with (
        process(produce, str(root), bus, dying=False, cameras=True),
        process(serve_alone, str(root), bus, theirs) as server,
        Chromium(told.recv()) as page,
    ):
        red = sorted(red_s(root, bus, page, commander) for _ in range(trials))
        commander.close()
        recorder_s = gone_s(page, recorder)
        again = start_recorder(ServiceOptions(root, bus, {"motion_source": "simulation"}, check=False))
        try:
            server_s = gone_s(page, server)
        finally:
            again.terminate()
            again.join()
    return {
        "red row after the last sample, s": {
            "median": statistics.median(red),
            "most": red[-1],
            "all": [round(x, 3) for x in red],
        },
        "recorder gone, s": round(recorder_s, 3),
        "server gone, s": round(server_s, 3),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement of CPU")
    parser.add_argument("--trials", type=int, default=8, help="killed producers")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    robot = load_robot(ROBOT)
    with tempfile.TemporaryDirectory() as folder:
        root, bus = Path(folder) / "set", f"ipc://{folder}/bus"
        Dataset.create(root, with_small_cameras(default_schema(robot, "bench"), (480, 640, 3)), robot)
        recorder = start_recorder(ServiceOptions(root, bus, {"motion_source": "simulation"}, check=False))
        try:
            found: Mapping[str, object] = {"cpu": costs(root, bus, recorder, args.seconds)} if args.seconds else {}
            if find_chromium():
                found = {**found, "delays": delays(root, bus, recorder, args.trials)}
        finally:
            recorder.kill()
            recorder.join()
    text = json.dumps(found, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
