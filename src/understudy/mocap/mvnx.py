"""MVNX (Xsens MVN, versions 3 and 4): segments of an inertial suit with positions, orientations and foot contacts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import quat_apply
from understudy.mocap._file import read_bytes
from understudy.mocap._mvnx_hands import hands_of, palms_of
from understudy.mocap._mvnx_xml import Mvnx, read_mvnx
from understudy.mocap._take import Take, motion_of, source_of, stamps
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import SIDES, HumanMotion

_CHAINS = (
    ("Pelvis", "L5", "L3", "T12", "T8", "Neck", "Head"),
    *(("T8", f"{s}Shoulder", f"{s}UpperArm", f"{s}ForeArm", f"{s}Hand") for s in ("Left", "Right")),
    *(("Pelvis", f"{s}UpperLeg", f"{s}LowerLeg", f"{s}Foot", f"{s}Toe") for s in ("Left", "Right")),
)
PARENTS: dict[str, str] = {child: parent for chain in _CHAINS for parent, child in zip(chain[:-1], chain[1:], strict=True)}
"""The tree of the 23 segments, for files without a section joints."""
TIPS: dict[str, str] = {f"{side}Hand": f"p{side}TopOfHand" for side in ("Left", "Right")}
"""Segment to the point at its tip that is read as well: the fingertips, from which the knuckles follow."""

_LEGS = frozenset(f"{side}_{part}" for side in SIDES for part in ("knee", "ankle", "toe"))
_ARMS = frozenset(f"{side}_{part}" for side in SIDES for part in ("collar", "shoulder", "elbow", "wrist", "hand"))
ANOTHER_RATE = 0.02
"""Share by which the times of the frames may be off the stated rate before they overrule it."""
NOT_WORN: dict[str, frozenset[str]] = {"upperbody": _LEGS, "lowerbody": _ARMS}
"""Beginning of the suit's configuration to the joints that no sensor sees."""


class MvnxReader:
    """Reader of MVNX files."""

    suffixes: tuple[str, ...] = (".mvnx",)
    title: str = "Xsens MVN (MVNX)"

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether an element <mvnx> stands in the first bytes."""
        return b"<mvnx" in head

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`.

        Raises:
            MocapError: names file, line, frame or segment, and what to do.
        """
        where = str(path)
        head = read_bytes(path, 65536)
        if b"<" not in head:
            raise MocapError(
                f"{where}: {'the file is empty' if not head.strip() else 'no XML, so no MVNX file'}: export it again"
            )
        file = read_mvnx(path, where)
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return motion_from_mvnx(file, where, digest)


def motion_from_mvnx(file: Mvnx, where: str, sha256: str) -> HumanMotion:
    """The canonical motion of an MVNX file.

    Raises:
        MocapError: names segment or frame, and what to do.
    """
    labels = [segment.label for segment in file.segments]
    t_ns, late = frame_times(file, where)
    names, parents, pos, rest = _with_tips(file, labels)
    said = [late] if late else []
    if not file.quat_wxyz.shape[1]:
        said.append("the file has no orientations: fingertips, toes and palms are not known; export them with the positions")
    worn = next((key for key in NOT_WORN if file.configuration.lower().startswith(key)), None)
    if worn:
        half = "legs" if worn == "upperbody" else "arms"
        said.append(f"the suit was worn as {file.configuration}: the {half} were not measured but filled in by Xsens MVN")
    take = Take(
        names=names,
        parents=parents,
        is_end=tuple(not name for name in names),
        pos=pos,
        rest=rest,
        t_ns=t_ns,
        rate_hz=_rate_hz(t_ns, file.rate_hz),
        unit="m",
        up="z",
        inferred=NOT_WORN.get(worn or "", frozenset()),
        contact=None if worn == "upperbody" else _contact(file),
        hands=hands_of(file, where),
        radial=palms_of(file, pos, labels),
        warnings=tuple(said),
    )
    return motion_of(take, source_of(where, sha256, "mvnx"))


def _rate_hz(t_ns: I64, stated_hz: float) -> float:
    """Frames per second as stated, or by the times where these say otherwise."""
    step_ns = float(np.median(np.diff(t_ns))) if len(t_ns) > 1 else 0.0
    return 1e9 / step_ns if step_ns > 0.0 and abs(step_ns * stated_hz * 1e-9 - 1.0) > ANOTHER_RATE else stated_hz


def frame_times(file: Mvnx, where: str) -> tuple[I64, str]:
    """(T,) nanoseconds from the first frame, and a sentence where frames are missing or the rate is not the stated one.

    The file's times are whole milliseconds, so at 60 Hz they jitter by half of one. Where frame number and rate agree with
    them the frame numbers are taken, which are exact; else the times are.

    Raises:
        MocapError: the times do not increase.
    """
    frames = len(file.time_ms)
    index = file.index - file.index[0] if bool(np.all(np.diff(file.index) > 0)) else np.arange(frames)
    even = stamps(index, file.rate_hz)
    said = file.time_ms - file.time_ms[0]
    off_ms = np.abs(said - even * 1e-6)
    if frames < 2 or not np.any(np.diff(file.time_ms)) or off_ms.max() <= 1.5 + 1e-4 * float(said[-1]):
        lost = int(index[-1]) + 1 - frames
        return even, f"{lost} frames are missing from the file by its frame numbers" if lost else ""
    if not bool(np.all(np.diff(said) > 0)):
        at = int(np.argmin(np.diff(said) > 0)) + 1
        raise MocapError(f"{where}: frame {at + 1} is at {file.time_ms[at]} ms, not after frame {at}; export the file again")
    return said * 1_000_000, (
        f"the times of the frames do not fit {file.rate_hz:g} Hz (up to {off_ms.max():.0f} ms off); the times were taken"
    )


def _with_tips(file: Mvnx, labels: list[str]) -> tuple[tuple[str, ...], I64, F64, F64 | None]:
    """Segment origins and the tips behind them: names, parents, positions (T, N, 3) and the T-pose (N, 3)."""
    links = file.parents or PARENTS
    parents = [labels.index(links[label]) if links.get(label) in labels else -1 for label in labels]
    pos, rest = [file.pos_m], [file.rest_pos_m]
    names = list(labels)
    for label, point in TIPS.items():
        at = labels.index(label) if label in labels else -1
        offset = file.segments[at].points.get(point, ()) if at >= 0 else ()
        if not offset or not file.quat_wxyz.shape[1]:
            continue
        quat = file.quat_wxyz[:, at]
        size = np.linalg.norm(quat, axis=1, keepdims=True)
        turned = quat_apply(quat / np.maximum(size, 1e-9), np.broadcast_to(np.array(offset), (len(quat), 3)))
        names.append("")
        parents.append(at)
        pos.append((file.pos_m[:, at] + turned)[:, None])
        rest.append(None if file.rest_pos_m is None else (file.rest_pos_m[at] + np.array(offset))[None])
    known = [each for each in rest if each is not None]
    tree = np.array(parents, dtype=np.int64)
    return tuple(names), tree, np.concatenate(pos, axis=1), np.concatenate(known) if len(known) == len(rest) else None


def _contact(file: Mvnx) -> Bool | None:
    """(T, 2) heel or toe of a foot on the ground; None where the file does not say it of both feet."""
    sides = [[k for k, label in enumerate(file.contacts) if label.lower().startswith(side)] for side in SIDES]
    if not all(sides) or file.contact.shape[1] != len(file.contacts):
        return None
    return np.stack([file.contact[:, own].any(axis=1) for own in sides], axis=1)


PLUGIN: MocapReader = MvnxReader()
