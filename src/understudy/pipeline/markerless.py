"""Videos of calibrated cameras to a session of keypoints: MediaPipe runs in an environment of its own, one process per video."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.errors import InputError, MissingDependencyError, MocapError, StorageError, did_you_mean
from understudy.mocap import _mediapipe_runner
from understudy.mocap._calibration import Calibration, read_calibration
from understudy.mocap._npz import open_npz
from understudy.mocap._session import MOST_SEARCH_S
from understudy.store.atomic import atomic_file, write_text

ENVIRONMENT, FOLDER = "ENV_MEDIAPIPE", ".venv-mediapipe"
Advance = Callable[[str, int, int], None]
"""Called with a camera's name, frames done and frames in all."""


def mediapipe_python() -> Path:
    """The Python of MediaPipe's environment.

    Raises:
        MissingDependencyError: there is none; says how to make it.
    """
    python = Path(os.environ.get(ENVIRONMENT) or FOLDER).absolute() / "bin" / "python"
    if not python.is_file():
        raise MissingDependencyError(
            f"no MediaPipe environment at {python.parents[1]}: `make env-mediapipe` (scripts/env_mediapipe.sh) makes it, about "
            f"1 GB; {ENVIRONMENT} names another place. Keypoints detected elsewhere need none: name them in a session file"
        )
    return python


def cameras_of_videos(videos: Sequence[Path], calibration: Calibration, named: Sequence[str]) -> list[str]:
    """The camera of every video: as named, in order, else by the video's file name.

    Raises:
        InputError: a video cannot be given a camera of the calibration, or two have the same.
    """
    known = [c.name for c in calibration.cameras]
    if named and len(named) != len(videos):
        raise InputError(f"{len(named)} cameras are named for {len(videos)} videos; name one per video, in their order")
    wanted = list(named) or [video.stem for video in videos]
    out = []
    for video, name in zip(videos, wanted, strict=True):
        match = [k for k in known if k.lower() == name.lower()]
        if not match:
            raise InputError(
                f"{video}: the calibration has no camera {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}: call "
                "the video like its camera, or name them: --cameras"
            )
        out.append(match[0])
    for name in out:
        if out.count(name) > 1:
            raise InputError(f"two videos are of camera {name!r}; every camera has one")
    return out


def prepare_session(
    videos: Sequence[Path],
    calibration: Path,
    out: Path,
    *,
    cameras: Sequence[str] = (),
    offsets_s: Sequence[float] = (),
    find_offsets_s: float = 0.0,
    advance: Advance,
) -> Path:
    """Detect a person in every video and write the session file; what was detected before is kept.

    Args:
        videos: one per camera.
        calibration: file or folder.
        out: folder for `<camera>.npz` and `<folder's name>.toml`; made where it is missing.
        cameras: name of each video's camera; by default the videos are called like their cameras.
        offsets_s: when each video began, on one clock; all at once by default.
        find_offsets_s: search the offsets up to so far around these, from the keypoints; 0 takes them as they are.
        advance: told of progress.

    Returns:
        the session file.

    Raises:
        MissingDependencyError: no MediaPipe environment. InputError, MocapError: videos or calibration that cannot be used.
    """
    if not 0.0 <= find_offsets_s <= MOST_SEARCH_S:
        raise InputError(f"--find-offsets is {find_offsets_s:g}; give the seconds to search, 0 to {MOST_SEARCH_S:g}")
    if offsets_s and len(offsets_s) != len(videos):
        raise InputError(
            f"{len(offsets_s)} offsets for {len(videos)} videos; give one per video, in their order, 0 for the first"
        )
    for video in videos:
        if not video.is_file():
            raise MocapError(f"{video}: no such video")
    names = cameras_of_videos(videos, read_calibration(calibration), cameras)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out}: cannot be made: {error.strerror}") from None
    keypoints = [_detected(video, out / f"{_plain(name)}.npz", name, advance) for video, name in zip(videos, names, strict=True)]
    offsets = list(offsets_s) or [0.0] * len(videos)
    session = out / f"{out.resolve().name}.toml"
    write_text(session, _session_text(calibration, out, names, keypoints, offsets, find_offsets_s))
    return session


def _detected(video: Path, target: Path, name: str, advance: Advance) -> Path:
    """Keypoints of a video, from an earlier run where the video is the same."""
    with video.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if target.is_file() and _made_from(target) == sha256:
        advance(name, 1, 1)
        return target
    python = mediapipe_python()
    with atomic_file(target) as part, tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        command = [str(python), _mediapipe_runner.__file__, str(video), str(part), sha256]
        # stderr goes to a file: a full pipe that nobody reads would stop the process.
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process:
            try:
                for line in process.stdout or ():
                    match line.split():
                        case ["frame", done, total]:
                            advance(name, int(done), int(total))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            raise MocapError(f"{video}: detection failed (exit code {process.returncode}): {_last_line(said.read())}")
    advance(name, 1, 1)
    return target


def _made_from(target: Path) -> str:
    """Hash of the video that keypoints were detected in; empty where they are damaged."""
    try:
        found = open_npz(target).array("video_sha256")
    except MocapError:
        return ""
    return str(found) if found.shape == () and found.dtype.kind == "U" else ""


def _last_line(text: str) -> str:
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("W0000", "I0000", "WARNING", "INFO"))
    ]
    return lines[-1][:300] if lines else "it said nothing; run `make env-mediapipe` again to see whether MediaPipe starts"


def _session_text(
    calibration: Path, out: Path, names: Sequence[str], keypoints: Sequence[Path], offsets_s: Sequence[float], search_s: float
) -> str:
    place = os.path.relpath(calibration.resolve(), out.resolve())
    lines = [
        "# Made by `understudy markerless`; docs/markerless.md explains every key.",
        "[markerless]",
        f"calibration = {_quoted(place)}",
        *([f"find_offsets_s = {float(search_s)!r}"] if search_s else []),
    ]
    for name, file, offset_s in zip(names, keypoints, offsets_s, strict=True):
        sha256 = open_npz(file).sha256()
        lines += [
            "",
            "[[view]]",
            f"camera = {_quoted(name)}",
            f"keypoints = {_quoted(file.name)}",
            f"offset_s = {float(offset_s)!r}",
        ]
        lines.append(f'sha256 = "{sha256}"')
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
