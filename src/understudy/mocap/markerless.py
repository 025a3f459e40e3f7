"""Markerless capture: 2-D keypoints of two or more calibrated cameras, named by a session file, to a person in space."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from understudy.errors import MocapError, UnknownNameError
from understudy.geom.arrays import F64
from understudy.mocap._calibration import Calibration, read_calibration
from understudy.mocap._cameras import Camera
from understudy.mocap._file import read_bytes
from understudy.mocap._keypoints import Keypoints, read_keypoints
from understudy.mocap._landmark_body import body_of
from understudy.mocap._landmark_hands import landmark_hands
from understudy.mocap._session import Session, View, parse_session
from understudy.mocap._take import Take, motion_of, source_of, stamps
from understudy.mocap._tree import Layout
from understudy.mocap._view_offsets import find_offsets
from understudy.mocap._view_tracks import Tracks, on_one_clock
from understudy.mocap._views import Scene, ViewReport, complaints, triangulate_views
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

MAX_SESSION_BYTES = 1 << 20
ROOM_PX = 64
"""A keypoint may be guessed a little outside the image."""


@dataclass(frozen=True)
class Triangulated:
    """A motion with what its cameras say of each other.

    Attributes:
        motion: the person.
        reports: one per view.
        error_px: median reprojection error of the views used.
        offsets_s: when each view began, as the session says or as was found.
    """

    motion: HumanMotion
    reports: tuple[ViewReport, ...]
    error_px: float
    offsets_s: tuple[float, ...]


class Markerless:
    """Reader of session files."""

    suffixes: tuple[str, ...] = (".toml",)
    title: str = "markerless session of several cameras"

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the text has a table [markerless]."""
        return any(line.split(b"#")[0].strip() == b"[markerless]" for line in head.splitlines())

    def read(self, path: Path) -> HumanMotion:
        """The motion of the session in `path`.

        Raises:
            MocapError: names the session, the view, camera or joint, and what to do.
        """
        return triangulate_session(path).motion


def triangulate_session(path: Path) -> Triangulated:
    """The person of a session file, and how well its cameras agree.

    Raises:
        MocapError: names the session, the view, camera or joint, and what to do.
    """
    data = read_bytes(path, MAX_SESSION_BYTES)
    try:
        return _triangulated(parse_session(data, path.parent), data, path)
    except (MocapError, UnknownNameError) as error:
        raise error if str(error).startswith(str(path)) else MocapError(f"{path}: {error}") from None
    except ValueError as error:
        if "null byte" not in str(error):
            raise
        raise MocapError(f"{path}: a file name in it cannot be one: {error}") from None


def _triangulated(session: Session, data: bytes, path: Path) -> Triangulated:
    calibration = read_calibration(session.calibration)
    if len(session.views) < 2:
        raise MocapError(
            f"{path}: only one camera ({session.views[0].camera}); where a point lies in space follows from two or more "
            "calibrated cameras that see it at the same time: add a [[view]]"
        )
    seen = [_keypoints(view, session) for view in session.views]
    cameras = [_camera(calibration, view, k) for view, k in zip(session.views, seen, strict=True)]
    seen = [_in_pixels(k, camera) for k, camera in zip(seen, cameras, strict=True)]
    session, began = _with_offsets(session, cameras, seen, str(path))
    tracks = on_one_clock(session, seen)
    scene = triangulate_views(
        cameras, tracks.names, tracks.px, tracks.confidence,
        max_error_px=session.max_reprojection_px, min_confidence=session.min_confidence, where=str(path),
    )  # fmt: skip
    digest = hashlib.sha256(data + calibration.sha256.encode() + "".join(k.sha256 for k in seen).encode())
    warnings = [*_crowds(session, seen), *complaints(scene.reports, len(tracks.px[0]))]
    motion = _motion(session, calibration, tracks, scene, digest.hexdigest(), path, warnings)
    motion = replace(motion, notes=(*motion.notes, *began))
    offsets_s = tuple(view.offset_s for view in session.views)
    return Triangulated(motion, scene.reports, float(np.nanmedian(scene.points.error_px)), offsets_s)


def _with_offsets(session: Session, cameras: list[Camera], seen: list[Keypoints], where: str) -> tuple[Session, tuple[str, ...]]:
    """The session with offsets found from the keypoints where it asks for it, and a note that says them."""
    if session.find_offsets_s <= 0.0:
        return session, ()
    declared = [view.offset_s for view in session.views]
    found = find_offsets(cameras, seen, declared, within_s=session.find_offsets_s, where=where)
    views = tuple(replace(view, offset_s=float(s)) for view, s in zip(session.views, found.offset_s, strict=True))
    told = ", ".join(f"{v.camera} {v.offset_s:.3f} s" for v in views)
    return replace(session, views=views), (f"offsets found from the keypoints: {told} (to {1000 * found.sigma_s.max():.0f} ms)",)


def _motion(
    session: Session, calibration: Calibration, tracks: Tracks, scene: Scene, sha256: str, path: Path, warnings: list[str]
) -> HumanMotion:
    body = body_of(tracks.names, scene.points.pos_world, rate_hz=tracks.rate_hz, lowpass_hz=session.lowpass_hz, where=str(path))
    said = {1.0: "m", 0.001: "mm"}.get(calibration.unit_m or 0.0)
    take = Take(
        names=body.names,
        parents=np.full(len(body.names), -1),
        is_end=(False,) * len(body.names),
        pos=body.pos,
        rest=None,
        t_ns=stamps(np.arange(len(body.pos)), tracks.rate_hz),
        rate_hz=tracks.rate_hz,
        unit=session.unit or said,
        up=session.up,
        hands=landmark_hands(
            tracks.names,
            scene.points.pos_world[slice(*body.frames)],
            dict(zip(body.names, np.moveaxis(body.pos, 1, 0), strict=True)),
            rate_hz=tracks.rate_hz,
            lowpass_hz=session.lowpass_hz,
        ),
        warnings=(*warnings, *body.warnings),
    )
    layout = Layout("+".join(tracks.schemes), {name: {i: 1.0} for i, name in enumerate(body.names)}, body.measured)
    source = source_of(str(path), sha256, "markerless", dialect=layout.dialect, synthetic=session.synthetic)
    motion = motion_of(take, source, layout=layout)
    agreed = ", ".join(f"{r.name} {'left out' if r.left_out else f'{r.median_px:.1f} px'}" for r in scene.reports)
    return replace(
        motion,
        notes=(f"{calibration.format} calibration; median reprojection error {agreed}; low-pass {session.lowpass_hz:g} Hz",),
    )


def _keypoints(view: View, session: Session) -> Keypoints:
    try:
        found = read_keypoints(view.keypoints, scheme=view.scheme)
    except MocapError as error:
        raise MocapError(f"view {view.camera}: {error}") from None
    if view.sha256 and found.sha256 != view.sha256:
        raise MocapError(
            f"view {view.camera}: {view.keypoints} is not the file that the session was made with (sha256 differs); detect again"
        )
    rate_hz = view.rate_hz or found.rate_hz or session.rate_hz
    if rate_hz is None:
        raise MocapError(
            f"view {view.camera}: {view.keypoints} does not say its rate; give rate_hz, frames per second of the video"
        )
    return replace(found, rate_hz=rate_hz, size_px=view.size_px or found.size_px)


def _camera(calibration: Calibration, view: View, seen: Keypoints) -> Camera:
    camera = calibration.camera(view.camera)
    return camera if seen.size_px is None else camera.resized(seen.size_px)


def _in_pixels(seen: Keypoints, camera: Camera) -> Keypoints:
    """Keypoints in pixels of the camera's image, checked to lie in it."""
    size = camera.size_px
    if size is None:
        if seen.normalised:
            raise MocapError(
                f"view {camera.name}: landmarks are parts of an image of unknown size; give size_px = [width, height]"
            )
        return seen
    px: F64 = seen.px * np.array(size) - 0.5 if seen.normalised else seen.px
    inside = np.all((px > -ROOM_PX) & (px < np.array(size) + ROOM_PX), axis=2)
    there = np.isfinite(px).all(axis=2)
    if not seen.normalised and float((inside & there).sum()) < 0.9 * float(there.sum()):
        raise MocapError(
            f"view {camera.name}: {100 * (1 - (inside & there).sum() / there.sum()):.0f} % of the keypoints lie outside its "
            f"image of {size[0]} x {size[1]} pixels; give size_px of the video that was detected in, or the camera that these "
            "keypoints belong to"
        )
    return replace(seen, px=np.where((inside & there)[..., None], px, np.nan), normalised=False)


def _crowds(session: Session, seen: list[Keypoints]) -> list[str]:
    return [
        f"camera {view.camera} sees several people in {k.crowded} of {len(k.px)} frames; the one detected most surely was "
        "taken in each"
        for view, k in zip(session.views, seen, strict=True)
        if k.crowded
    ]


PLUGIN: MocapReader = Markerless()
