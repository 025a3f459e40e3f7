"""How well clocks, landmarks and the gate do: `python benchmarks/sync.py [--trials 50] [--out FILE.json]`.

Everything is simulated, so the truth is known. Bars: lateness left after calibration within 1 ms (stretch 0.2 ms), the gate trips
at 6 ms and passes at 4 ms in every trial.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import simplejpeg

from understudy.devices.benches._sensors import Camera, Encoders, Inertial, Markers, Wrist
from understudy.devices.benches.block import Block
from understudy.geom.arrays import F64, I64
from understudy.pipeline.sync import tracks_of
from understudy.pipeline.sync_calibrate import calibrate
from understudy.spec.clock import to_host_ns
from understudy.spec.sample import ClockPing
from understudy.spec.stream import Stream
from understudy.sync.landmark import window
from understudy.sync.measure import measure
from understudy.sync.motion import Motion, find_motions
from understudy.sync.offset import Offset, Reference, offset_of
from understudy.sync.ping import fit_pings
from understudy.sync.push import fit_push, fit_push_pieces
from understudy.sync.verdict import judge_sync
from understudy.testing.stand_in import stand_in_robot
from understudy.testing.sync import ENCODERS, Link, sharp_path, sharp_streams

Delay = Callable[[np.random.Generator, int], F64]
Row = dict[str, object]
LINKS: dict[str, tuple[Delay, Delay]] = {
    "wire, 0.4 ms": (lambda r, n: 0.2 + r.exponential(0.03, n),) * 2,
    "wireless, 4 +- 2 ms": (lambda r, n: np.abs(r.normal(2.0, 1.0, n)),) * 2,
    "wireless, 15 ms + exp(20)": (lambda r, n: 7.5 + r.exponential(10.0, n),) * 2,
    "uneven, 65/35 of 4 ms": (lambda r, n: 2.6 + r.exponential(1.3, n), lambda r, n: 1.4 + r.exponential(0.7, n)),
}
JITTER: dict[str, tuple[float, float, float]] = {
    "200 Hz, exp(2 ms)": (200.0, 60.0, 2.0), "30 Hz, exp(2 ms)": (30.0, 60.0, 2.0), "30 Hz, exp(10 ms)": (30.0, 60.0, 10.0),
    "30 Hz for 10 s, exp(2 ms)": (30.0, 10.0, 2.0),
}  # fmt: skip
LANDMARKS = {
    "joints 200 Hz": (200.0, 5e-4),
    "hand 100 Hz": (100.0, 1e-3),
    "headset 72 Hz": (72.0, 2e-3),
    "camera 30 Hz": (30.0, 4e-3),
}
CAMERAS = {"quiet (2 grey, q90)": (2.0, 90), "noisy (12 grey, q60)": (12.0, 60), "very noisy (25 grey, q40)": (25.0, 40)}
PPM = 30.0
VIEWS: tuple[tuple[str, float, float | None], ...] = (
    ("left_shoulder_pitch", -0.5, 60.0), ("left_shoulder_pitch", -0.5, 5.0), ("left_shoulder_roll", 0.4, 5.0),
    ("left_elbow", 0.5, 32.0), ("left_elbow", -0.5, 180.0), ("left_elbow", -0.6, None), ("left_shoulder_pitch", -0.8, None),
)  # fmt: skip
"""Joint, how far it swings in rad, and from which side it is seen in degrees (0 in front, 90 from its left); None: own head."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--render", action="store_true", help="also draw a Unitree G1 that moves (needs OpenGL)")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    trials = args.trials
    tables: dict[str, list[Row]] = {
        "pings": [_pings(name, trials) for name in LINKS],
        "pushes": [_pushes(name, max(5, trials // 3)) for name in JITTER],
        "landmarks": [_landmarks(name, max(5, trials // 3)) for name in LANDMARKS],
        "recovery": _recovery(max(4, trials // 5)),
        "gate": _gate(trials),
        "motions": [_motions(name, max(4, trials // 5)) for name in CAMERAS],
        "calibration": _calibration(max(2, trials // 10)),
    }
    if args.render:
        tables["rendered"] = [_rendered(*view) for view in VIEWS]
    for name, rows in tables.items():
        _print(name, rows)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        **tables,
        "trials": trials,
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    print(f"\n{found['cpu_s']} CPU seconds")
    if args.out:
        args.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _pings(link: str, trials: int) -> Row:
    """Largest error over 60 s of ten exchanges a second, by four rules."""
    worst = {"single": 0.0, "median": 0.0, "lowest_rtt": 0.0, "ours": 0.0}
    bounds = []
    at = np.linspace(0.0, 60e9, 50)
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        there, back = (1e6 * delay(rng, 600) for delay in LINKS[link])
        sent = np.arange(600) * 1e8
        answered = sent + there
        device = answered / (1.0 + PPM * 1e-6)
        truth = at * (1.0 + PPM * 1e-6)
        middle, rtt = (sent + answered + back) / 2.0 - device, there + back
        best = np.argsort(rtt)[:60]
        lines = {
            "single": np.poly1d([float(middle[300])]),
            "median": np.poly1d([float(np.median(middle))]),
            "lowest_rtt": np.poly1d(np.polyfit(device[best], middle[best], 1)),
        }
        for name, line in lines.items():
            worst[name] = max(worst[name], float(np.abs(at + line(at) - truth).max()))
        rows = zip(np.rint(sent), np.rint(device), np.rint(answered + back), strict=True)
        model = fit_pings([ClockPing(int(a) + 1, int(b) + 1, int(c) + 1) for a, b, c in rows], source="x")
        found = to_host_ns(model, at.astype(np.int64) + 1) - 1
        worst["ours"] = max(worst["ours"], float(np.abs(found - truth).max()))
        bounds.append(model.bound_ns)
    return {
        "link": link,
        **{k: round(v * 1e-6, 4) for k, v in worst.items()},
        "bound_median": round(float(np.median(bounds)) * 1e-6, 3),
    }


def _pushes(name: str, trials: int) -> Row:
    """Largest error beyond the least delay, of a clock 100 ppm off."""
    rate, seconds, jitter = JITTER[name]
    worst, drift, bounds = 0.0, 0.0, []
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        t = np.arange(round(rate * seconds)) * 1e9 / rate
        device = np.rint(t / 1.0001).astype(np.int64)
        arrival = np.rint(np.maximum.accumulate(t + 3e6 + rng.exponential(jitter * 1e6, len(t)))).astype(np.int64)
        model = fit_push(device, arrival, source="x")
        worst = max(worst, float(np.abs(to_host_ns(model, device) - t - 3e6).max()))
        drift = max(drift, abs(model.drift_ppm - 100.0))
        bounds.append(model.bound_ns)
    return {
        "source": name,
        "worst_ms": round(worst * 1e-6, 4),
        "drift_off_ppm": round(drift, 2),
        "bound_median_ms": round(float(np.median(bounds)) * 1e-6, 3),
    }


def _landmarks(name: str, trials: int) -> Row:
    """One stream against encoders at 200 Hz, clocks perfect: three ways to say when a motion was."""
    rate, noise = LANDMARKS[name]
    late: dict[str, list[float]] = {"threshold": [], "template": [], "half_way": []}
    for seed in range(trials):
        path, ends_s = sharp_path(20, np.random.default_rng(seed))
        rng = np.random.default_rng(1000 + seed)
        streams = []
        for hz, sigma in ((200.0, 3e-4), (rate, noise)):
            t_s = np.arange(rng.uniform(0.0, 1.0 / hz), ends_s, 1.0 / hz)
            streams.append((np.rint(t_s * 1e9).astype(np.int64), (path.at(t_s)[0] + rng.normal(0.0, sigma, len(t_s)))[:, None]))
        (ref_ns, ref_q), (t_ns, q) = streams
        reference = Reference(ref_ns, ref_q, find_motions(ref_ns, ref_q))
        begins = np.array([m[0] for m in path._moves[1:]])
        for index, motion in enumerate(reference.motions):
            part = window(t_ns, motion)
            start_s = float(begins[np.argmin(np.abs(begins - motion.start_ns * 1e-9))])
            late["threshold"].append(_threshold_ms(t_ns[part], q[part, 0], noise, start_s))
            late["template"].append(_template_ms(t_ns[part], q[part, 0], motion, start_s))
            offset = offset_of(t_ns[part], q[part], index, reference)
            late["half_way"].append(np.nan if offset is None else offset.offset_ns * 1e-6)
    bias, spread = float(np.nanmedian(late["threshold"])), np.nanpercentile(late["threshold"], [2.5, 97.5])
    return {
        "stream": name,
        "threshold_bias_ms": round(bias, 1),
        "threshold_spread_95_ms": round(float(spread[1] - spread[0]), 1),
        "template_95_ms": round(float(np.nanpercentile(np.abs(late["template"]), 95)), 2),
        "half_way_95_ms": round(float(np.nanpercentile(np.abs(late["half_way"]), 95)), 2),
        "half_way_missed": int(np.isnan(late["half_way"]).sum()),
    }


def _threshold_ms(t_ns: I64, q: F64, noise: float, start_s: float) -> float:
    """First sample six sigma off the rest, after the motion began."""
    rest = q[t_ns * 1e-9 < start_s - 0.05]
    over = np.flatnonzero((np.abs(q - np.median(rest)) > 6.0 * noise) & (t_ns * 1e-9 >= start_s))
    return float("nan") if len(over) == 0 else float(t_ns[over[0]] * 1e-9 - start_s) * 1e3


def _template_ms(t_ns: I64, q: F64, motion: Motion, start_s: float) -> float:
    """A curve of least jerk of the right duration, fitted by shifting it in steps of 0.25 ms."""
    shifts = np.arange(-0.04, 0.04, 0.00025)
    left = []
    for shift in shifts:
        u = np.clip((t_ns * 1e-9 - start_s - shift) / 0.2, 0.0, 1.0)
        design = np.stack([np.ones(len(u)), u**3 * (10.0 - 15.0 * u + 6.0 * u**2)], axis=1)
        solved = np.linalg.lstsq(design, q, rcond=None)
        left.append(float(((q - design @ solved[0]) ** 2).sum()))
    return float(shifts[int(np.argmin(left))]) * 1e3


def _offsets(streams: dict[str, Stream]) -> dict[str, tuple[Offset, ...]]:
    tracks, _ = tracks_of(streams)
    return dict(measure(tracks, reference=ENCODERS).offsets)


def _recovery(trials: int) -> list[Row]:
    """Lateness of 1 to 40 ms, drift up to 100 ppm, exponential jitter of 3 ms, clocks known from arrivals alone; 20 motions."""
    off: dict[str, list[float]] = {}
    spread: dict[str, list[float]] = {}
    sensors = (Encoders(stand_in_robot(), 18), Inertial(), Wrist(), Markers(), Camera())
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        names = ("imu_torso", "wrench_left_wrist", "object_poses_world", "head_left")
        links = {
            n: Link(
                late_s=float(rng.uniform(1e-3, 40e-3)), drift_ppm=float(rng.uniform(-100, 100)), transport_s=0.001, jitter_s=0.003
            )
            for n in names
        }
        streams = sharp_streams(links, motions=20, seed=seed, sensors=sensors)
        streams = {k: _relaid(s) if s.spec.name in links else s for k, s in streams.items()}
        for found in judge_sync(_offsets(streams), reference=ENCODERS).streams:
            name = found.key.split("/")[1]
            off.setdefault(name, []).append(found.offset_ns * 1e-6 - links[name].late_s * 1e3 - 1.0)
            spread.setdefault(name, []).append(found.spread_ns * 1e-6)
    return [
        {
            "stream": name,
            "trials": len(values),
            "worst_ms": round(max(map(abs, values)), 3),
            "rms_ms": round(float(np.sqrt(np.mean(np.square(values)))), 3),
            "spread_of_one_motion_ms": round(float(np.mean(spread[name])), 3),
        }
        for name, values in sorted(off.items())
    ]


def _relaid(stream: Stream) -> Stream:
    device, arrival = (stream.extra[c].astype(np.int64) for c in ("t_device_ns", "t_arrival_ns"))
    return replace(stream, t_ns=fit_push_pieces(device, arrival, source=stream.spec.name).to_host_ns(device, arrival))


def _camera(noise: float, quality: int, motions: int, seed: int, late_ms: float = 0.0) -> Sequence[Offset]:
    sensors = (Encoders(stand_in_robot(), 18), Camera(width=80, height=60, noise_grey=noise, quality=quality))
    streams = sharp_streams({"head_left": Link(late_s=late_ms * 1e-3)}, motions=motions, seed=seed, sensors=sensors)
    return _offsets(streams)["observations/head_left"]


def _gate(trials: int) -> list[Row]:
    """Verdicts on a noisy 30 Hz camera and 20 motions. A take is made once, its landmarks moved as shifted stamps would."""
    takes = [_camera(8.0, 70, 20, seed) for seed in range(trials)]
    rows: list[Row] = []
    for late_ms in (-6.0, -4.0, 4.0, 6.0):
        answers: list[str] = []
        for take in takes:
            late = [replace(o, offset_ns=o.offset_ns + round(late_ms * 1e6)) for o in take]
            answers.append(judge_sync({"camera": late}, reference=ENCODERS).answer)
        rows.append({"late_ms": late_ms, "trials": trials, **{a: answers.count(a) for a in ("pass", "fail", "undecided")}})
    return rows


def _motions(name: str, trials: int) -> Row:
    """Share of takes that a camera 4 ms late decides (and passes), by the number of motions."""
    noise, quality = CAMERAS[name]
    row: Row = {"camera": name}
    takes = [_camera(noise, quality, 30, 500 + seed, 4.0) for seed in range(trials)]
    row["spread_of_one_motion_ms"] = round(
        float(np.mean([judge_sync({"c": t}, reference=ENCODERS).streams[0].spread_ns for t in takes])) * 1e-6, 2
    )
    for count in (6, 10, 20, 30):
        answers = [judge_sync({"c": t[:count]}, reference=ENCODERS).answer for t in takes]
        row[f"decided_with_{count}"] = round(answers.count("pass") / trials, 2)
    return row


def _calibration(trials: int) -> list[Row]:
    """What is left on motions that the constants were not made from, by the bench's own five devices."""
    left, before = [], []
    for seed in range(trials):
        found = calibrate(Block(seed=seed), stand_in_robot(), latencies_ns={})
        left.append(max(abs(s.offset_ns) for s in found.after.streams) * 1e-6)
        before.append(found.before.range_ns * 1e-6)
    return [
        {
            "trials": trials,
            "before_ms": round(max(before), 2),
            "left_worst_ms": round(max(left), 3),
            "bar_ms": 1.0,
            "stretch_ms": 0.2,
        }
    ]


def _rendered(joint: str, swing_rad: float, azimuth_deg: float | None) -> Row:
    """Eight motions of a drawn G1 in JPEG of 320x240 at 30 Hz, 2 grey of noise, 20 ms late."""
    from understudy.kinematics.load import load_robot
    from understudy.scenes.render import Renderer, View

    robot, rng = load_robot("unitree_g1"), np.random.default_rng(0)
    path, ends_s = sharp_path(8, rng, swing_rad=swing_rad)
    index = robot.joint_names.index(f"{joint}_joint")
    stand, upright = np.array([0.0, 0.0, robot.profile.standing_height_m]), np.array([1.0, 0.0, 0.0, 0.0])
    at_s, t_s = np.arange(0.007, ends_s, 1.0 / 30.0), np.arange(0.001, ends_s, 0.005)
    images = np.empty(len(at_s), dtype=object)
    with Renderer(robot, 320, 240) as renderer:
        for k, angle in enumerate(path.at(at_s)[0]):
            q = robot.home_rad.copy()
            q[index] += angle
            view = View(azimuth_deg=azimuth_deg or 0.0)
            drawn = (
                renderer.ego(stand, upright, q, "head") if azimuth_deg is None else renderer.frame(stand, upright, q, view=view)
            )
            noisy = np.clip(drawn + rng.normal(0.0, 2.0, drawn.shape), 0, 255).astype(np.uint8)
            images[k] = simplejpeg.encode_jpeg(noisy, quality=90)
    angles = np.tile(robot.home_rad, (len(t_s), 1))
    angles[:, index] += path.at(t_s)[0]
    encoders = Encoders(robot, index).spec
    streams = {
        ENCODERS: Stream(encoders, np.rint(t_s * 1e9).astype(np.int64), angles + rng.normal(0.0, 3e-4, angles.shape)),
        "camera": Stream(Camera(width=320, height=240).spec, np.rint(at_s * 1e9).astype(np.int64) + 20_000_000, images),
    }
    off = np.array([o.offset_ns * 1e-6 - 20.0 for o in _offsets(streams)["observations/head_left"]])
    return {
        "joint": joint,
        "swing_rad": swing_rad,
        "seen_from": "own head" if azimuth_deg is None else f"{azimuth_deg:g} deg",
        "motions": len(off),
        "off_median_ms": round(float(np.median(off)), 2),
        "off_worst_motion_ms": round(float(np.abs(off).max()), 2),
    }


def _print(name: str, rows: Sequence[Row]) -> None:
    columns = list(rows[0])
    print(f"\n{name}\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(row[c]) for c in columns)} |")


if __name__ == "__main__":
    main()
