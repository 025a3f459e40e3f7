"""2-D keypoints of one camera: OpenPose JSON folders, MediaPipe landmarks as JSON, and npz.

docs/markerless.md has the layouts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.errors import MocapError, UnknownNameError
from understudy.geom.arrays import F64
from understudy.mocap._file import read_bytes
from understudy.mocap._keypoint_names import BY_COUNT, HANDS, SCHEMES
from understudy.mocap._npz import open_npz
from understudy.spec.skeleton import SIDES

MAX_FILE_BYTES, MAX_JSON_BYTES, MAX_FRAMES, MAX_PEOPLE = 4 << 20, 1 << 30, 1_000_000, 1000
MAX_RATE_HZ = 2000.0
_FRAME = re.compile(r"(\d+)(?:_keypoints)?$")


@dataclass(frozen=True)
class Keypoints:
    """What one camera saw of one person.

    Attributes:
        names: K keypoints, by the names of `SCHEMES`, then `HANDS` where hands were detected.
        px: (T, K, 2) pixels; NaN where not seen.
        confidence: (T, K) 0 to 1.
        rate_hz: frames per second; None where the file does not say.
        size_px: width and height of the image; None where the file does not say.
        normalised: `px` are parts of the image's width and height, not pixels.
        crowded: frames with more than one person.
        sha256: hash of the bytes read.
    """

    names: tuple[str, ...]
    px: F64
    confidence: F64
    rate_hz: float | None
    size_px: tuple[int, int] | None
    normalised: bool
    crowded: int
    sha256: str


def read_keypoints(path: Path, *, scheme: str | None = None) -> Keypoints:
    """The keypoints in a folder of OpenPose JSON, a JSON file of MediaPipe landmarks, or an npz file.

    Args:
        path: file or folder.
        scheme: order of the keypoints, a name of `SCHEMES`; None tells it from their number.

    Raises:
        MocapError: names the file and frame, what was found and what is allowed.
        UnknownNameError: `scheme` is not known.
    """
    if scheme is not None and scheme not in SCHEMES:
        raise UnknownNameError("keypoint scheme", scheme, SCHEMES)
    try:
        if path.is_dir():
            return _openpose(path, scheme)
        head = read_bytes(path, 4)
        return _npz(path, scheme) if head == b"PK\x03\x04" or path.suffix.lower() == ".npz" else _landmarks(path, scheme)
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror or error}") from None


def _openpose(folder: Path, scheme: str | None) -> Keypoints:
    """A file per frame; the number in its name is the frame, so a missing file is a gap."""
    numbered = {
        int(m.group(1)): p for p in folder.iterdir() if p.suffix.lower() == ".json" and (m := _FRAME.search(p.stem[-40:]))
    }
    if not numbered:
        raise MocapError(f"{folder}: no OpenPose file such as walk_000000000000_keypoints.json is in the folder")
    first, last = min(numbered), max(numbered)
    if last - first + 1 > min(MAX_FRAMES, 20 * len(numbered) + 1000):
        raise MocapError(f"{folder}: {len(numbered)} files, numbered {first} to {last}; the frames are not numbered one by one")
    people, crowded, digest = {}, 0, hashlib.sha256()
    for number in sorted(numbered):
        file = numbered[number]
        data = read_bytes(file, MAX_FILE_BYTES + 1)
        digest.update(data)
        values, several = _person(file, data, scheme)
        crowded += several
        if values is not None:
            people[number] = values
    scheme = scheme or _one_scheme(folder, {len(v) - len(HANDS) for v in people.values()})
    names = (*SCHEMES[scheme], *HANDS)
    out = np.full((last + 1, len(names), 3), np.nan)
    for number, values in people.items():
        out[number] = values
    return _made(str(folder), names, out[..., :2], out[..., 2], crowded=crowded, sha256=digest.hexdigest())


def _person(file: Path, data: bytes, scheme: str | None) -> tuple[F64 | None, bool]:
    """(K + 42, 3) pixels and confidence of the surest person, both hands last, and whether there were several."""
    found = _json(file, data, MAX_FILE_BYTES)
    people = found.get("people") if isinstance(found, Mapping) else None
    if not isinstance(people, list) or len(people) > MAX_PEOPLE:
        raise MocapError(f"{file}: no list 'people'; an OpenPose file has it also when nobody is seen")
    seen = []
    for person in people:
        flat = person.get("pose_keypoints_2d") if isinstance(person, Mapping) else None
        values = _numbers(f"{file}: pose_keypoints_2d", flat)
        if values.size % 3 or (values.size // 3 not in BY_COUNT if scheme is None else values.size != 3 * len(SCHEMES[scheme])):
            raise MocapError(
                f"{file}: pose_keypoints_2d has {values.size} numbers; {_allowed(scheme)} times x, y, confidence are known"
            )
        seen.append(np.concatenate([values.reshape(-1, 3), *(_hand(file, person, side) for side in SIDES)]))
    best = max(seen, key=lambda v: float(np.nansum(v[: -len(HANDS), 2])), default=None)
    return best, len(seen) > 1


def _hand(file: Path, person: Mapping[str, object], side: str) -> F64:
    """(21, 3) pixels and confidence of a hand; zeros where the file has none (OpenPose without --hand)."""
    key, count = f"hand_{side}_keypoints_2d", len(HANDS) // 2
    flat = person.get(key)
    if flat is None or flat == []:
        return np.zeros((count, 3))
    values = _numbers(f"{file}: {key}", flat)
    if values.size != 3 * count:
        raise MocapError(f"{file}: {key} has {values.size} numbers; {count} times x, y, confidence are needed")
    return values.reshape(count, 3)


def _landmarks(path: Path, scheme: str | None) -> Keypoints:
    """`{"rate_hz", "size_px", "frames": [[{"x", "y", "visibility"}, ...], ...]}` or the list of frames alone; x, y 0 to 1."""
    data = read_bytes(path, MAX_JSON_BYTES + 1)
    found = _json(path, data, MAX_JSON_BYTES)
    wrapper: Mapping[str, object] = found if isinstance(found, Mapping) else {"frames": found}
    frames = wrapper.get("frames")
    if not isinstance(frames, list) or not 1 <= len(frames) <= MAX_FRAMES:
        raise MocapError(
            f"{path}: no list 'frames' of 1 to {MAX_FRAMES} frames; each is a list of landmarks with x, y and visibility"
        )
    rows = [_frame_landmarks(f"{path}: frame {i + 1}", frame) for i, frame in enumerate(frames)]
    hands = [_frame_hands(f"{path}: frame {i + 1}", frame) for i, frame in enumerate(frames)]
    scheme = scheme or _one_scheme(path, {len(row) for row in rows if len(row)})
    names = SCHEMES[scheme]
    out = np.full((len(rows), len(names), 3), np.nan)
    for i, row in enumerate(rows):
        if len(row):
            if len(row) != len(names):
                raise MocapError(f"{path}: frame {i + 1} has {len(row)} landmarks; {scheme} has {len(names)}")
            out[i] = row
    names, out = (*names, *HANDS), np.concatenate([out, np.stack(hands)], axis=1)
    in_pixels = wrapper.get("pixels") is True
    size, rate = wrapper.get("size_px"), wrapper.get("rate_hz")
    return _made(
        str(path), names, out[..., :2], out[..., 2],
        rate_hz=None if rate is None else rate, size_px=size, normalised=not in_pixels, sha256=hashlib.sha256(data).hexdigest(),
    )  # fmt: skip


def _frame_hands(where: str, frame: object) -> F64:
    """(42, 3) of one frame's hands (MediaPipe's holistic landmarks); zeros for a hand that was not seen."""
    out, count = np.zeros((len(HANDS), 3)), len(HANDS) // 2
    for i, side in enumerate(SIDES):
        found = frame.get(f"{side}_hand_landmarks") if isinstance(frame, Mapping) else None
        marks = _marks(where, found)
        if len(marks) not in (0, count):
            raise MocapError(f"{where}: {side}_hand_landmarks has {len(marks)} landmarks; a hand has {count}")
        if len(marks):
            out[i * count : (i + 1) * count] = marks
    return out


def _frame_landmarks(where: str, frame: object) -> F64:
    """(K, 3) of one frame; (0, 3) where nobody was seen."""
    return _marks(where, frame.get("landmarks", frame.get("pose_landmarks")) if isinstance(frame, Mapping) else frame)


def _marks(where: str, marks: object) -> F64:
    if isinstance(marks, Mapping):
        marks = marks.get("landmark")
    if marks is None:
        return np.zeros((0, 3))
    if not isinstance(marks, list) or not all(isinstance(m, Mapping) for m in marks) or len(marks) > 1000:
        raise MocapError(f"{where}: landmarks must be a list of {{x, y, visibility}}, empty where nobody is seen")
    return _numbers(where, [[m.get("x"), m.get("y"), m.get("visibility", 1.0)] for m in marks]).reshape(-1, 3)


def _npz(path: Path, scheme: str | None) -> Keypoints:
    archive = open_npz(path)
    px, confidence = archive.array("px"), archive.array("confidence")
    if px.dtype.kind not in "fiu" or confidence.dtype.kind not in "fiu" or px.ndim != 3 or px.shape[:2] != confidence.shape:
        raise MocapError(
            f"{path}: px is {px.dtype} {px.shape}, confidence {confidence.dtype} {confidence.shape}; numbers (T, K, 2) and (T, K)"
        )
    if px.shape[2] != 2 or not 1 <= len(px) <= MAX_FRAMES:
        raise MocapError(f"{path}: px has shape {px.shape}; (T, K, 2) with 1 to {MAX_FRAMES} frames is needed")
    handed = px.shape[1] - len(HANDS) in BY_COUNT
    body = px.shape[1] - (len(HANDS) if handed else 0)
    scheme = scheme or archive.text("model") or _one_scheme(path, {body})
    if scheme not in SCHEMES:
        raise MocapError(f"{path}: {UnknownNameError('keypoint scheme', scheme, SCHEMES)}")
    if body != len(SCHEMES[scheme]):
        raise MocapError(
            f"{path}: px has {px.shape[1]} keypoints; {scheme} has {len(SCHEMES[scheme])}, and both hands are {len(HANDS)} more"
        )
    rate: object = archive.array("rate_hz").tolist() if "rate_hz" in archive else None
    size: object = archive.array("size_px").tolist() if "size_px" in archive else None
    return _made(
        str(path), (*SCHEMES[scheme], *(HANDS if handed else ())), px.astype(np.float64), confidence.astype(np.float64),
        rate_hz=rate, size_px=size, sha256=archive.sha256(),
    )  # fmt: skip


def _made(
    where: str, names: tuple[str, ...], px: F64, confidence: F64,
    *, rate_hz: object = None, size_px: object = None, normalised: bool = False, crowded: int = 0, sha256: str,
) -> Keypoints:  # fmt: skip
    """Checked values; what has no confidence or no finite position is not seen."""
    seen = np.isfinite(px).all(axis=2) & np.isfinite(confidence) & (confidence > 0.0)
    if not seen.any():
        raise MocapError(f"{where}: no keypoint is seen in any of the {len(px)} frames; detect again, or leave the view out")
    if float(confidence[seen].max()) > 1.5 or float(np.abs(px[seen]).max()) > 1e6:
        raise MocapError(
            f"{where}: the largest confidence is {float(confidence[seen].max()):g}, the largest pixel "
            f"{float(np.abs(px[seen]).max()):g}; confidences are 0 to 1, keypoints lie in the image"
        )
    if not normalised and float(np.abs(px[seen]).max()) <= 2.0:
        raise MocapError(f"{where}: all keypoints lie between 0 and 2; pixels are needed (OpenPose: --keypoint_scale 0)")
    if normalised and float(np.abs(px[seen]).max()) > 50.0:
        raise MocapError(
            f"{where}: landmarks are taken as parts of the image and reach {float(np.abs(px[seen]).max()):g}; pixels "
            f'need "pixels": true'
        )
    size = None
    if size_px is not None:
        values = _numbers(f"{where}: size_px", size_px)
        if values.size != 2 or not bool(np.all((values >= 1) & (values < 1e5))):
            raise MocapError(f"{where}: size_px is {str(size_px)[:40]}; width and height in pixels are needed")
        size = (round(values[0]), round(values[1]))
    rate = None
    if rate_hz is not None:
        values = _numbers(f"{where}: rate_hz", rate_hz)
        if values.size != 1 or not 1.0 <= float(values.ravel()[0]) <= MAX_RATE_HZ:
            raise MocapError(f"{where}: rate_hz is {str(rate_hz)[:40]}; 1 to {MAX_RATE_HZ:g} frames per second are allowed")
        rate = float(values.ravel()[0])
    if names[-len(HANDS) :] == HANDS and not seen[:, -len(HANDS) :].any():
        names = names[: -len(HANDS)]
        px, seen, confidence = px[:, : len(names)], seen[:, : len(names)], confidence[:, : len(names)]
    return Keypoints(
        names, np.where(seen[..., None], px, np.nan), np.where(seen, np.minimum(confidence, 1.0), 0.0),
        rate, size, normalised, crowded, sha256,
    )  # fmt: skip


def _json(path: Path, data: bytes, limit: int) -> object:
    if len(data) > limit:
        raise MocapError(f"{path}: over {limit >> 20} MiB; that is no keypoint file")
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MocapError(f"{path}: no JSON ({str(error)[:80]}); detect again, or copy the file again") from None
    return found


def _numbers(where: str, value: object) -> F64:
    try:
        if not isinstance(value, Sequence | int | float) or isinstance(value, str):
            raise TypeError
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise MocapError(f"{where}: {str(value)[:60]!r} is no list of numbers") from None


def _one_scheme(path: Path, counts: set[int]) -> str:
    if len(counts) != 1 or not counts <= set(BY_COUNT):
        raise MocapError(
            f"{path}: {', '.join(map(str, sorted(counts))) or 'no'} keypoints per person; {_allowed(None)} are known"
        )
    return BY_COUNT[counts.pop()]


def _allowed(scheme: str | None) -> str:
    names = [scheme] if scheme else list(SCHEMES)
    return ", ".join(f"{len(SCHEMES[name])} ({name})" for name in names)
