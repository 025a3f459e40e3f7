"""Make the pictures of the documentation from the project's own walker: `python scripts/make_pictures.py [NAME...]`.

strip: moments of the demo motion, the robot with the person over it; walk: a few steps as a moving picture; report: the top of
the report page; live: the page of `understudy live`, where a hand is out of reach; record: the page of `understudy record`, where
one stream is slow and two have stopped. The last three are taken by a Chromium that is found or named in CHROMIUM. Needs OpenGL
and Pillow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from understudy.apps.cli._main import main as understudy
from understudy.apps.web.dashboard.server import DashboardServer
from understudy.apps.web.live.server import LiveServer
from understudy.geom.arrays import U8
from understudy.kinematics.load import load_robot
from understudy.mocap.live.replay import ReplayStream
from understudy.pipeline.build import open_or_create
from understudy.pipeline.live import LiveSession, TakeLabel
from understudy.pipeline.record.devices import DeviceRequest, DeviceRunner
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import parse_address
from understudy.record.commands import Commander
from understudy.retarget.problem import make_problem
from understudy.retarget.retarget import Retargeted, retarget
from understudy.retarget.targets import calibrate
from understudy.scenes.render import Renderer, View
from understudy.simulate.walker import parametric_motion, stand, write_bvh
from understudy.spec.default_schema import default_schema
from understudy.spec.skeleton import INDEX, HumanMotion
from understudy.store.dataset import Dataset
from understudy.testing.chromium import Chromium
from understudy.testing.producers_killed import start_recorder

OUT = Path(__file__).parents[1] / "docs" / "img"
ROBOT = "unitree_g1"
MOST_BYTES = 300_000
MOMENTS_S = (3.1, 6.9, 12.0, 15.5, 17.5, 20.6, 23.6)
"""A step, a turn, a squat, reaching forward, reaching up, picking up, carrying."""
WALK_S = (1.2, 4.8)
WALK_FPS = 12
SETTLED_NS = 4_500_000_000
"""When the hand of the live picture has been where it goes."""
FAULTS = {
    "of": "sim", "scene": "table", "external": "1", "observations/imu_torso.drop": 0.3,
    "observations/wrench_*_ankle.silent": "20-1000",
}  # fmt: skip
"""Of the simulated robot in the picture of a recording."""
CHROMIUM = (
    "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@cache
def demo() -> Retargeted:
    """The demo motion on the robot."""
    return retarget(parametric_motion(), load_robot(ROBOT))


def draw(renderer: Renderer, at_s: float, view: View) -> U8:
    """(H, W, 3) the robot and the person at a time of the demo."""
    motion = demo().motion
    k = min(int(np.searchsorted(motion.t_ns, round(at_s * 1e9))), len(motion.t_ns) - 1)
    human = demo().human_target_world_m[k]
    return renderer.frame(motion.root_pos_world_m[k], motion.root_quat_world_wxyz[k], motion.joint_pos[k], human, view)


def strip() -> list[Image.Image]:
    """Moments side by side."""
    view = View(azimuth_deg=48.0, elevation_deg=9.0, distance_m=2.95, height_m=0.7)
    gap = np.full((320, 4, 3), 255, dtype=np.uint8)
    with Renderer(load_robot(ROBOT), 200, 320) as renderer:
        parts = [part for t in MOMENTS_S for part in (gap, draw(renderer, t, view))]
    return [Image.fromarray(np.concatenate(parts[1:], axis=1))]


def walk() -> list[Image.Image]:
    """A few steps, seen by a camera that goes along."""
    view = View(azimuth_deg=62.0, elevation_deg=8.0, distance_m=2.7, height_m=0.66, heading_rad=0.0)
    with Renderer(load_robot(ROBOT), 320, 360) as renderer:
        return [Image.fromarray(draw(renderer, t, view)) for t in np.arange(*WALK_S, 1.0 / WALK_FPS)]


def report() -> list[Image.Image]:
    """The report of a dataset with the demo motion in it."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        clip, dataset, shot = Path("walk_turn_squat_reach_carry.bvh"), Path("demo"), Path("shot.png")
        write_bvh(parametric_motion(), clip)
        labels = ["--task", "whole_body", "--demonstrator", "walker", "--instruction", "walk, turn, squat, reach and carry"]
        if understudy(["build", str(clip), "--robot", ROBOT, "--into", str(dataset), *labels, "--no-video"]):
            raise SystemExit("the demo dataset was not accepted")
        page = (dataset / "reports" / "report.html").resolve().as_uri()
        photograph(page, shot, "--window-size=1180,2350", "--disable-gpu")
        return [Image.open(shot).convert("RGB")]


def live() -> list[Image.Image]:
    """The page of a live session whose person lays a hand on the shoulder, which the robot's elbow cannot."""
    robot, motion = load_robot(ROBOT), hand_on_shoulder()
    stream = ReplayStream(motion, name="hand on the shoulder")
    known = calibrate(motion, make_problem(robot))
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        dataset = open_or_create(Path(folder) / "takes", robot)
        label = TakeLabel("reach", "p07", "lay a hand on the shoulder")
        session = LiveSession(stream, robot, known=known, dataset=dataset)
        with session, LiveServer(session, port=0, label=label) as server:
            while (found := session.snapshot()).sample is None or found.sample.t_ns < SETTLED_NS:
                time.sleep(0.1)
            drawn = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--virtual-time-budget=4000")
            photograph(server.url, shot, "--window-size=1400,820", *drawn)
        return [Image.open(shot).convert("RGB")]


def record() -> list[Image.Image]:
    """The page of a recording of the simulated robot, whose torso IMU loses samples and whose ankles fall silent."""
    robot = load_robot(ROBOT)
    with tempfile.TemporaryDirectory() as folder:
        root, bus = Path(folder) / "kitchen", f"ipc://{folder}/bus"
        dataset = Dataset.create(root, default_schema(robot, "kitchen"), robot)
        labels = {"motion_source": "simulation", "task_id": "wave", "demonstrator_id": "p07"}
        given = {**labels, "language_instruction": "wave with both arms"}
        process, address = start_recorder(ServiceOptions(root, bus, labels, check=False)), parse_address(bus)
        commander = Commander(address)
        runner = DeviceRunner(DeviceRequest("imperfect", FAULTS), root, bus)
        try:
            with (
                DashboardServer(dataset.schema, address, labels=given, port=0) as server,
                Chromium(server.url, width=1400, height=960) as page,
            ):
                page.until("document.querySelectorAll('figure').length >= 3", timeout_s=60.0)
                commander.ask("start", {"metadata": given})
                page.until("document.querySelectorAll('tr.dead').length >= 2", timeout_s=60.0)
                time.sleep(1.0)
                shot = page.photograph()
        finally:
            runner.close()
            commander.close()
            process.terminate()
            process.join()
    return [Image.open(BytesIO(shot)).convert("RGB")]


def hand_on_shoulder() -> HumanMotion:
    """Standing, then half a minute with the right arm out and its forearm folded back onto it."""
    still = stand(40.0, rate_hz=60.0)
    pos = still.joint_pos_world_m.copy()
    share = np.clip((np.arange(len(pos)) / 60.0 - 2.0) / 1.0, 0.0, 1.0)[:, None]
    shoulder = pos[:, INDEX["right_shoulder"]]
    chest = pos[:, INDEX["chest"]]
    out = shoulder - chest
    out[:, 2] = 0.0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    for part, reach_m, rise_m in (("elbow", 0.28, 0.0), ("wrist", 0.04, 0.05), ("hand", -0.04, 0.06)):
        there = shoulder + reach_m * out + np.array([0.02, 0.0, rise_m])
        pos[:, INDEX[f"right_{part}"]] += share * (there - pos[:, INDEX[f"right_{part}"]])
    return replace(still, joint_pos_world_m=pos)


def photograph(page: str, shot: Path, *options: str) -> None:
    """Write a picture of a page, as a Chromium without a screen shows it."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no Chromium: install one, or set CHROMIUM to its path")
    with tempfile.TemporaryDirectory() as profile:
        own = [f"--user-data-dir={profile}", f"--screenshot={shot.resolve()}"]
        subprocess.run([browser, *CHROMIUM, *own, *options, page], check=True, stderr=subprocess.DEVNULL, timeout=120)


PICTURES: dict[str, Callable[[], list[Image.Image]]] = {
    "strip": strip, "walk": walk, "report": report, "live": live, "record": record,
}  # fmt: skip


def save(name: str, images: list[Image.Image]) -> None:
    """Write one WebP, moving where there are several images; refuse what is too large for a repository."""
    path = OUT / f"{name}.webp"
    rest = {"save_all": True, "append_images": images[1:], "duration": round(1000 / WALK_FPS), "loop": 0} if images[1:] else {}
    images[0].save(path, quality=72, method=6, **rest)
    size = path.stat().st_size
    print(f"{path.name}: {images[0].width} x {images[0].height}, {len(images)} images, {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        raise SystemExit(f"{path}: larger than {MOST_BYTES / 1000:.0f} kB")


def main() -> None:
    """Make the pictures named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES])
    OUT.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().names or PICTURES:
        save(name, PICTURES[name]())


if __name__ == "__main__":
    main()
