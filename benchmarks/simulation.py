"""What the simulated robot and its cameras cost, in CPU seconds, and whether they keep up with real time.

    python benchmarks/simulation.py [--robot unitree_g1] [--seconds 10] [--external 4] [--codec h264] [--pace 1.0] [--out F.json]

Run it on an idle machine: frames that others left no time for are counted as lost. CPU figures are less sensitive.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("LP_NUM_THREADS", "0")  # as in the cameras' own processes

from understudy.devices import Clock, HostClock, PacedClock, SimClock
from understudy.devices._encoder import Encoding, PictureEncoder
from understudy.devices.robot.mujoco import ArmWaves, MujocoRobot, RenderedCameras, SharpMotions
from understudy.devices.robot.mujoco.movers import raised_arms
from understudy.geom.arrays import U8
from understudy.kinematics.load import load_robot
from understudy.scenes.camera_images import CameraImages
from understudy.scenes.camera_scene import CELL_M, SMALL_CELL_M, camera_model, external_cameras, head_cameras
from understudy.scenes.render import Renderer
from understudy.spec.default_schema import default_schema
from understudy.spec.device import Device
from understudy.spec.robot import RobotModel
from understudy.spec.sample import Sample
from understudy.spec.stream import Stream, StreamSpec
from understudy.spec.video import Video

REPEATS, ROUNDS, FILMED = 20, 4, 120


def cpu_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of one call, the least of several rounds."""
    work()
    best = np.inf
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(REPEATS):
            work()
        best = min(best, (time.process_time() - start) / REPEATS * 1e3)
    return round(best, 2)


def pictures(robot: RobotModel) -> dict[str, dict[str, float]]:
    """CPU milliseconds of a picture by what is drawn."""
    import simplejpeg

    cameras = head_cameras(robot, 640, 480) | external_cameras(robot, 1, 320, 240)
    root, quat, q = np.array([0, 0, robot.profile.standing_height_m]), np.array([1.0, 0, 0, 0]), raised_arms(robot)
    qpos = np.concatenate([root, quat, q])
    out: dict[str, dict[str, float]] = {}
    with Renderer(robot, 640, 480) as stage:
        out["report's renderer, endless floor, shadows"] = {"head_left": cpu_ms(lambda: stage.ego(root, quat, q, "head"))}
    for title, cell_m in (("every face", 0.0), ("thinned", CELL_M), ("thinned for small pictures", SMALL_CELL_M)):
        model = camera_model(robot, cameras, cell_m=cell_m)
        images = CameraImages(model)
        images.pose(qpos)
        row: dict[str, float] = {"faces": int(model.mesh_facenum.sum())}
        for name in ("head_left", "external_0"):
            mount = cameras[name]
            row[name] = cpu_ms(lambda m=mount, n=name, im=images: im.image(n, m.width, m.height))  # type: ignore[misc]
        picture = images.image("head_left", 640, 480)
        row["jpeg_head"] = cpu_ms(lambda p=picture: simplejpeg.encode_jpeg(p, quality=90, colorspace="RGB"))  # type: ignore[misc]
        images.close()
        out[title] = row
    return out


def physics(robot: RobotModel) -> float:
    """CPU seconds of the robot with all its vector streams per second of simulation."""
    clock = SimClock()
    device = MujocoRobot(robot, clock=clock, mover=ArmWaves(robot))
    device.start()
    start = time.process_time()
    for _ in range(1000):
        clock.advance(0.01)
        device.read(0.0)
    return round((time.process_time() - start) / 10.0, 4)


def encoders(robot: RobotModel) -> dict[str, dict[str, float]]:
    """JPEG and H.264 of what a camera at 640x480 sees of a robot that waves: CPU time, size, and what it looks like after."""
    mounts = head_cameras(robot, 640, 480) | external_cameras(robot, 1, 640, 480)
    images, mover = CameraImages(camera_model(robot, mounts, cell_m=CELL_M)), ArmWaves(robot)
    root = [0, 0, robot.profile.standing_height_m, 1.0, 0, 0, 0]
    seen: dict[str, list[U8]] = {"head_left": [], "external_0": []}
    for k in range(FILMED):
        images.pose(np.concatenate([root, mover.joints_rad(k / 30.0)]))
        for name, pictures in seen.items():
            pictures.append(images.image(name, 640, 480).copy())
    images.close()
    codecs = {"jpeg": Encoding("jpeg"), "h264": Encoding("h264")}
    return {f"{name}, {codec}": _encoded(seen[name], how) for name in seen for codec, how in codecs.items()}


def _encoded(pictures: list[U8], how: Encoding) -> dict[str, float]:
    encoder, start = PictureEncoder(how, 640, 480, 30.0), time.process_time()
    data = [encoder.encode(picture) for picture in pictures]
    cpu_s = time.process_time() - start
    spec = StreamSpec(name="cam", group="debug", kind="image", shape=(480, 640, 3))
    kept = np.empty(len(data), dtype=object)
    kept[:] = data
    stream = Stream(spec, np.arange(len(data)), Video.of(data) if how.codec == "h264" else kept)
    off = [np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(pictures, stream.pictures(range(len(data))), strict=True)]
    psnr_db = 10.0 * np.log10(255.0**2 / np.array(off))
    return {
        "cpu_ms": round(cpu_s / len(data) * 1e3, 2),
        "mb_per_min": round(sum(map(len, data)) / len(data) * 1800e-6, 1),
        "psnr_db_mean": round(float(psnr_db.mean()), 1),
        "psnr_db_least": round(float(psnr_db.min()), 1),
    }


def together(
    robot: RobotModel, *, seconds: float, external: int, size: tuple[int, int], pace: float, encoding: Encoding
) -> dict[str, object]:
    """The robot, stereo head cameras at 640x480 and external ones, all at 30 Hz, on a clock that runs."""
    clock: Clock = HostClock() if pace == 1.0 else PacedClock(pace)
    schema = default_schema(robot, "benchmark")
    body = MujocoRobot(robot, schema, clock=clock, mover=SharpMotions(robot), scene="table")
    mounts = {"head": head_cameras(robot, 640, 480), "external": external_cameras(robot, external, *size)}
    cameras = [
        RenderedCameras(
            body,
            [s for s in schema.streams if s.name in own],
            own,
            name=name,
            clock=clock,
            scene="table",
            encoding=encoding,
            give_way=name == "external",
        )
        for name, own in mounts.items()
        if own
    ]
    for camera in cameras:
        camera.start()
    body.start()
    samples: dict[str, list[Sample]] = defaultdict(list)
    until_s = time.monotonic() + seconds

    def read(device: Device) -> None:
        while time.monotonic() < until_s:
            for sample in device.read(0.02):
                samples[sample.stream].append(sample)

    own_s, worker_s = time.process_time(), [_cpu_s(camera.pid) for camera in cameras]
    threads = [threading.Thread(target=read, args=(device,)) for device in (body, *cameras)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cores = {"robot and readers": round((time.process_time() - own_s) / seconds, 3)}
    cores |= {c.name: round((_cpu_s(c.pid) - s) / seconds, 3) for c, s in zip(cameras, worker_s, strict=True)}
    devices: tuple[Device, ...] = (*cameras, body)
    for device in devices:
        device.close()
    return {"cores": cores, "streams": {key: _stream(own) for key, own in sorted(samples.items())}}


def _stream(samples: list[Sample]) -> dict[str, float]:
    late_ms = np.array([s.t_arrival_ns - s.t_ns for s in samples]) / 1e6
    took_s = (samples[-1].t_ns - samples[0].t_ns) * 1e-9
    return {
        "rate_hz": round((len(samples) - 1) / took_s, 2),
        "lost": samples[-1].seq - samples[0].seq + 1 - len(samples),
        "late_p50_ms": round(float(np.median(late_ms)), 1),
        "late_p99_ms": round(float(np.percentile(late_ms, 99)), 1),
    }


def _cpu_s(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--external", type=int, default=4)
    parser.add_argument("--size", default="320x240", help="of the external cameras")
    parser.add_argument("--codec", choices=("jpeg", "h264"), default="jpeg")
    parser.add_argument("--pace", type=float, default=1.0, help="speed of the clock; 1 is real time")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    robot = load_robot(given.robot)
    width, height = (int(part) for part in given.size.split("x"))
    found = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}",
        "picture_cpu_ms": pictures(robot),
        "encoders_640x480": encoders(robot),
        "robot_cpu_s_per_s": physics(robot),
        "together": together(
            robot,
            seconds=given.seconds,
            external=given.external,
            size=(width, height),
            pace=given.pace,
            encoding=Encoding(given.codec),
        ),
    }
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
