"""Make the pictures of the documentation from the project's own walker: `python scripts/make_pictures.py [NAME...]`.

strip: moments of the demo motion, the robot with the person over it; walk: a few steps as a moving picture; report: the top of
the report page, taken by a Chromium that is found or named in CHROMIUM. Needs OpenGL and Pillow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import chdir
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from understudy.apps.cli._main import main as understudy
from understudy.geom.arrays import U8
from understudy.kinematics.load import load_robot
from understudy.retarget.retarget import Retargeted, retarget
from understudy.scenes.render import Renderer, View
from understudy.simulate.walker import parametric_motion, write_bvh

OUT = Path(__file__).parents[1] / "docs" / "img"
ROBOT = "unitree_g1"
MOST_BYTES = 300_000
MOMENTS_S = (3.1, 6.9, 12.0, 15.5, 17.5, 20.6, 23.6)
"""A step, a turn, a squat, reaching forward, reaching up, picking up, carrying."""
WALK_S = (1.2, 4.8)
WALK_FPS = 12
CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-quic", "--no-first-run",
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
        browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        if browser is None:
            raise SystemExit("no Chromium: install one, or set CHROMIUM to its path")
        page = (dataset / "reports" / "report.html").resolve().as_uri()
        options = [f"--user-data-dir={folder}/profile", f"--screenshot={shot.resolve()}", "--window-size=1180,2350"]
        subprocess.run([browser, *CHROMIUM, *options, page], check=True, stderr=subprocess.DEVNULL, timeout=120)
        return [Image.open(shot).convert("RGB")]


PICTURES: dict[str, Callable[[], list[Image.Image]]] = {"strip": strip, "walk": walk, "report": report}


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
