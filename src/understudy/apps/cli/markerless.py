"""A person's motion from the videos of several calibrated cameras."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from understudy.apps.cli._command import DONE, Command


def markerless(
    videos: Annotated[tuple[Path, ...], tyro.conf.Positional],
    /,
    *,
    calibration: Path,
    out: Path,
    cameras: tuple[str, ...] = (),
    offsets: tuple[float, ...] = (),
    find_offsets: float = 0.0,
    json: bool = False,
) -> int:
    """Detect a person in the videos of calibrated cameras and write a session that `build` and `retarget` read as a clip.

    MediaPipe does it in an environment of its own (`make env-mediapipe`). Videos whose keypoints lie in OUT already are not
    detected again. Keypoints of other detectors need no command: name them in a session file.

    Args:
        videos: one per camera, two or more, called like their cameras in the calibration.
        calibration: file of OpenCV (yml, json, npz), Qualisys (qca.txt) or Pose2Sim (Calib.toml), or a
            folder with a file per camera.
        out: folder for keypoints and session; its name is the clip's name.
        cameras: camera of each video, in order, where the videos are not called like them.
        offsets: when each video began, seconds, in order; needed where the cameras were not started together.
        find_offsets: search when each video began, up to so many seconds around --offsets, from the keypoints themselves.
        json: print what was made as JSON.
    """
    from understudy.apps.cli._command import UsageError
    from understudy.apps.cli._console import print_table, progress, say, say_json
    from understudy.mocap.markerless import triangulate_session
    from understudy.pipeline.markerless import prepare_session

    if not videos:
        raise UsageError("no video was given; name one per camera")
    order: dict[str, int] = {}
    with progress("detecting people") as advance:

        def told(camera: str, done: int, total: int) -> None:
            place = order.setdefault(camera, len(order))
            advance(round(1000 * (place + done / total)), 1000 * len(videos))

        session = prepare_session(
            videos, calibration, out, cameras=cameras, offsets_s=offsets, find_offsets_s=find_offsets, advance=told
        )
    say(f"keypoints and session: {session}") if not json else None
    found = triangulate_session(session)
    motion = found.motion
    if json:
        views = [
            {"camera": r.name, "offset_s": s, "median_px": r.median_px, "dropped": r.dropped, "left_out": r.left_out}
            for r, s in zip(found.reports, found.offsets_s, strict=True)
        ]
        warnings = list(motion.source.warnings)
        say_json(
            {"session": str(session), "frames": len(motion), "rate_hz": motion.rate_hz, "views": views, "warnings": warnings}
        )
        return DONE
    rows = [
        [r.name, f"{s:.3f}", f"{r.median_px:.1f}", f"{100 * r.dropped:.1f}", "left out" if r.left_out else ""]
        for r, s in zip(found.reports, found.offsets_s, strict=True)
    ]
    print_table(["camera", "began s", "reprojection error px (median)", "dropped %", ""], rows)
    for warning in motion.source.warnings:
        say(f"warning: {warning}")
    say(f"{len(motion)} frames at {motion.rate_hz:g} Hz; the person's leg is {motion.subject().leg_m:.2f} m")
    say(f"retarget it: understudy build {session} --robot unitree_g1 --into DIR")
    return DONE


PLUGIN: Command = Command.of(markerless)
