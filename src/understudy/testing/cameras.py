"""Generated cameras around a known motion: what they would see, with noise and outliers, and the files of such a take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import lerp_at
from understudy.mocap._cameras import Camera
from understudy.mocap._keypoint_names import SCHEMES
from understudy.mocap._landmark_body import BALL_OVER_FOOT
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion

SIZE_PX = (1920, 1080)


def camera_ring(count: int, *, centre_m: Sequence[float], radius_m: float = 4.5, height_m: float = 1.8) -> tuple[Camera, ...]:
    """Cameras on a circle, all looking at one point, each with a lens of its own.

    Args:
        count: number of cameras, called cam01, cam02, ...
        centre_m: the point they look at, `world`.
        radius_m: of the circle. height_m: above the floor.
    """
    out = []
    for i in range(count):
        # 0.61 of a turn between neighbours in the list: no two of a pair face each other.
        angle = 2.0 * np.pi * (i / count if count > 3 else 0.29 * i) + 0.2
        position = np.array([centre_m[0] + radius_m * np.cos(angle), centre_m[1] + radius_m * np.sin(angle), height_m])
        forward = np.asarray(centre_m) - position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        focal = 1000.0 + 20.0 * i
        matrix = np.array([[focal, 0.0, 955.0 + 3.0 * i], [0.0, focal + 2.0, 545.0 - 2.0 * i], [0.0, 0.0, 1.0]])
        lens = np.array([-0.08, 0.03, 0.001, -0.0005, 0.004]) * (1.0 + 0.1 * i)
        out.append(Camera(f"cam{i + 1:02d}", matrix, lens, R, -R @ position, SIZE_PX))
    return tuple(out)


def keypoints_of(motion: HumanMotion, scheme: str = "mediapipe") -> F64:
    """(T, K, 3) places of a scheme's keypoints on a known person, metres; NaN for those of the face that the person has not."""
    pos = motion.joint_pos_world_m
    at = {name: pos[:, i] for name, i in INDEX.items()}
    across = at["left_hip"] - at["right_hip"]
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    at |= {"left_ear": at["head"] + 0.07 * across, "right_ear": at["head"] - 0.07 * across}
    at |= {"mid_hip": at["pelvis"], "neck": (at["left_shoulder"] + at["right_shoulder"]) / 2.0}
    for side in SIDES:
        heel = at[f"{side}_ankle"] + np.array([0.0, 0.0, -0.05])
        tip = heel + (at[f"{side}_toe"] - heel) / BALL_OVER_FOOT
        at |= {
            f"{side}_heel": heel,
            f"{side}_foot_index": tip,
            f"{side}_big_toe": tip + 0.02 * across,
            f"{side}_small_toe": tip - 0.02 * across,
        }
        at |= {f"{side}_index": at[f"{side}_hand"] + 0.03 * across, f"{side}_pinky": at[f"{side}_hand"] - 0.03 * across}
    nothing = np.full((len(pos), 3), np.nan)
    return np.stack([at.get(name, nothing) for name in SCHEMES[scheme]], axis=1)


def hand_keypoints_of(motion: HumanMotion) -> F64:
    """(T, 42, 3) places of the hands' keypoints of a motion with fingers, as they follow those of a scheme; metres."""
    if motion.hand_pos_world_m is None:
        return np.full((len(motion), 42, 3), np.nan)
    return motion.hand_pos_world_m.reshape(len(motion), 42, 3)


def seen_by(
    cameras: Sequence[Camera],
    keypoints_m: F64,
    *,
    noise_px: float = 3.0,
    outliers: float = 0.1,
    outlier_px: float = 300.0,
    seed: int = 0,
) -> tuple[F64, F64]:
    """What cameras see of keypoints (T, K, 3).

    Args:
        cameras: C cameras.
        keypoints_m: (T, K, 3) in `world`.
        noise_px: standard deviation of every coordinate.
        outliers: part of the detections that lie elsewhere, up to `outlier_px` away along both axes; as confident as the rest.
        seed: of the noise.

    Returns:
        (C, T, K, 2) pixels and (C, T, K) confidences; NaN and 0 outside the image.
    """
    rng = np.random.default_rng(seed)
    px = np.stack([camera.project(keypoints_m) for camera in cameras])
    px = np.where(np.all((px >= 0.0) & (px <= np.array(SIZE_PX)), axis=-1, keepdims=True), px, np.nan)
    px = px + noise_px * rng.standard_normal(px.shape)
    wrong = rng.random(px.shape[:-1]) < outliers
    px = np.where(wrong[..., None], px + rng.uniform(-outlier_px, outlier_px, px.shape), px)
    confidence = rng.uniform(0.6, 1.0, px.shape[:-1])
    return px, np.where(np.isfinite(px).all(axis=-1), confidence, 0.0)


def keypoints_at(keypoints_m: F64, t_ns: I64, *, start_s: float, rate_hz: float) -> F64:
    """(T', K, 3) places of keypoints (T, K, 3) at the frames of a camera that begins `start_s` after the first stamp."""
    t_s = t_ns * 1e-9
    at_s = start_s + np.arange(int((t_s[-1] - start_s) * rate_hz + 1e-6) + 1) / rate_hz
    return lerp_at(t_ns, keypoints_m, np.rint(at_s * 1e9).astype(np.int64))


def write_take(
    folder: Path, cameras: Sequence[Camera], px: F64, confidence: F64, *, rate_hz: float, scheme: str = "mediapipe",
    session: Mapping[str, object] | None = None, views: Mapping[str, Mapping[str, object]] | None = None,
) -> Path:  # fmt: skip
    """Calibration (OpenCV, npz), keypoints (npz) and session of a take; the session's path.

    Args:
        folder: to write in. session, views: further keys of [markerless], and of a camera's [[view]].
    """
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "cameras.npz",
        names=np.array([c.name for c in cameras]),
        K=np.stack([c.matrix_px for c in cameras]),
        dist=np.stack([c.distortion for c in cameras]),
        R=np.stack([c.R_camera_world for c in cameras]),
        T=np.stack([c.t_camera for c in cameras]),
        size=np.array([c.size_px for c in cameras]),
    )
    lines = [
        "[markerless]",
        'calibration = "cameras.npz"',
        "synthetic = true",
        *(f"{k} = {_toml(v)}" for k, v in (session or {}).items()),
    ]
    for camera, p, c in zip(cameras, px, confidence, strict=True):
        file = folder / f"{camera.name}.npz"
        np.savez(file, px=p.astype(np.float32), confidence=c.astype(np.float32), rate_hz=rate_hz, model=scheme)
        more = (views or {}).get(camera.name, {})
        lines += [
            "",
            "[[view]]",
            f'camera = "{camera.name}"',
            f'keypoints = "{file.name}"',
            *(f"{k} = {_toml(v)}" for k, v in more.items()),
        ]
    path = folder / "session.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
