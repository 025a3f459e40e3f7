"""Joint positions as plain arrays (npz, csv): the way in for every program that has no format of its own.

npz: `joint_pos` (T, J, 3), `joint_names` (J,), `rate_hz` or `t_s` (T,); `unit` and `up` where they are known.
csv: `frame,time,<joint>.x,<joint>.y,<joint>.z,...`, a row per frame; lines `# unit: mm`, `# up: y`, `# rate_hz: 100` above it.
An empty cell or a NaN is a gap. docs/mocap.md has the names that are known.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap._file import read_bytes
from understudy.mocap._joint_csv import is_joint_csv, parse_joint_csv
from understudy.mocap._joint_gaps import fill_gaps
from understudy.mocap._npz import Archive, npz_names, open_npz
from understudy.mocap._parents import guess_parents
from understudy.mocap._take import Take, enough_frames, motion_of, source_of, stamps
from understudy.mocap._units import UNITS_M, UP_AXES
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HAND_JOINTS, JOINTS, SIDES, HumanMotion

MAX_JOINTS = 1000


@dataclass(frozen=True)
class Joints:
    """Joint positions as a file has them.

    Attributes:
        names: J joint names.
        pos: (T, J, 3); NaN in gaps.
        t_s: (T,) seconds; None where the file has a rate.
        rate_hz: frames per second; None where the file has times.
        unit: name of `UNITS_M`, and `up` an axis; None where the file does not say.
        synthetic: made by a program, by the file's own word.
    """

    names: tuple[str, ...]
    pos: F64
    t_s: F64 | None = None
    rate_hz: float | None = None
    unit: str | None = None
    up: str | None = None
    synthetic: bool = False


class JointArray:
    """Reader of joint positions in .npz and .csv files."""

    suffixes: tuple[str, ...] = (".npz", ".csv")
    title: str = "joint positions (npz, csv)"

    def __init__(self, *, unit: str | None = None, rate_hz: float | None = None) -> None:
        """Take unit and rate as given; None takes what the file says."""
        self.unit, self.rate_hz = unit, rate_hz

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether an archive has joint positions with names, or a table has columns `<joint>.x` after frame and time."""
        names = npz_names(path, head)
        if names is not None:
            return "joint_pos" in names and "joint_names" in names
        return is_joint_csv(head)

    def with_unit(self, unit: str) -> JointArray:
        """The same reader with a unit that is not searched for."""
        return JointArray(unit=unit, rate_hz=self.rate_hz)

    def with_rate(self, rate_hz: float) -> JointArray:
        """The same reader with the rate of the take."""
        return JointArray(unit=self.unit, rate_hz=rate_hz)

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`.

        Raises:
            MocapError: names file, array or line, and what to do.
        """
        if read_bytes(path, 4)[:4] == b"PK\x03\x04":
            archive = open_npz(path)
            return motion_from_joints(_from_npz(archive), archive.where, archive.sha256(), unit=self.unit, rate_hz=self.rate_hz)
        data = read_bytes(path)
        names, pos, t_s, said = parse_joint_csv(data, str(path))
        rate = said.get("rate_hz")
        joints = Joints(
            names=names,
            pos=pos,
            t_s=t_s,
            rate_hz=_number(rate, str(path)) if rate is not None else None,
            unit=said.get("unit"),
            up=said.get("up"),
            synthetic=said.get("synthetic") == "true",
        )
        return motion_from_joints(joints, str(path), hashlib.sha256(data).hexdigest(), unit=self.unit, rate_hz=self.rate_hz)


def motion_from_joints(
    joints: Joints, where: str, sha256: str, *, unit: str | None = None, rate_hz: float | None = None
) -> HumanMotion:
    """The canonical motion of joint positions.

    Raises:
        MocapError: names or shapes do not fit, a required joint is missing, a gap is too long.
    """
    names = joints.names
    if len(names) > MAX_JOINTS or joints.pos.shape[1:] != (len(names), 3):
        raise MocapError(
            f"{where}: joint positions {joints.pos.shape} for {len(names)} names; (frames, names, 3) and at most "
            f"{MAX_JOINTS} names are needed"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise MocapError(f"{where}: two joints are called {twice!r}; rename one of them")
    for what, value, known in (("unit", joints.unit, UNITS_M), ("up", joints.up, UP_AXES)):
        if value is not None and value not in known:
            raise MocapError(f"{where}: {what} is {value[:20]!r}; allowed are {', '.join(known)}")
    enough_frames(len(joints.pos), where)
    t_ns, rate = _times(joints, rate_hz, where)
    pos, said = fill_gaps(joints.pos, names, t_ns, where)
    take = Take(
        names=names,
        parents=guess_parents(names, pos, where),
        is_end=(False,) * len(names),
        pos=pos,
        rest=None,
        t_ns=t_ns,
        rate_hz=rate,
        unit=unit or joints.unit,
        forced=unit is not None,
        up=joints.up,
        warnings=said,
    )
    return motion_of(take, source_of(where, sha256, "joint_array", synthetic=joints.synthetic))


def write_joint_array(motion: HumanMotion, path: Path) -> None:
    """A motion as an .npz that this reader takes, with the canonical names; fingers' joints that are known throughout too."""
    names, pos = list(JOINTS), [motion.joint_pos_world_m]
    if motion.hand_pos_world_m is not None:
        known: Bool = np.asarray(np.isfinite(motion.hand_pos_world_m).all(axis=(0, 3)))
        known[:, 0] = False  # the wrist is the body's
        names += [f"{SIDES[i]}_{HAND_JOINTS[k]}" for i, k in np.argwhere(known)]
        pos.append(motion.hand_pos_world_m[:, known])
    np.savez_compressed(
        path,
        joint_pos=np.concatenate(pos, axis=1),
        joint_names=np.array(names),
        t_s=motion.t_ns * 1e-9,
        unit="m",
        up="z",
        synthetic=motion.source.synthetic,
    )


def _from_npz(archive: Archive) -> Joints:
    where = archive.where
    found = archive.array("joint_pos")
    if found.ndim != 3 or found.shape[2] != 3 or found.dtype.kind != "f":
        raise MocapError(f"{where}: joint_pos is {found.dtype} {found.shape}; floats of shape (frames, joints, 3) are needed")
    names = archive.array("joint_names")
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise MocapError(f"{where}: joint_names is {names.dtype} {names.shape}; one word per joint is needed")
    words = [word.decode("utf-8", errors="replace") if isinstance(word, bytes) else str(word) for word in names]
    synthetic = archive.array("synthetic") if "synthetic" in archive else np.zeros(())
    return Joints(
        names=tuple(words),
        pos=np.asarray(found, dtype=np.float64),
        t_s=archive.numbers("t_s", None) if "t_s" in archive else None,
        rate_hz=float(archive.numbers("rate_hz")) if "rate_hz" in archive else None,
        unit=archive.text("unit") or None,
        up=archive.text("up") or None,
        synthetic=bool(synthetic.dtype.kind == "b" and synthetic.size == 1 and synthetic.reshape(-1)[0]),
    )


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MocapError(f"{where}: rate_hz is {text[:20]!r}; a number is needed") from None


def _times(joints: Joints, given_hz: float | None, where: str) -> tuple[I64, float]:
    """(T,) stamps from 0 and the rate: the user's word, else the file's rate, else its times."""
    frames, rate = len(joints.pos), given_hz or joints.rate_hz
    if rate is None and joints.t_s is None:
        raise MocapError(f"{where}: neither rate_hz nor times: give it with --rate 100, or read_motion(path, rate_hz=100)")
    if rate is not None:
        if not 1.0 <= rate <= 10_000.0:
            raise MocapError(f"{where}: rate_hz is {rate:g}; 1 to 10000 frames per second are allowed")
        if given_hz is None:
            _agree(rate, joints.t_s, where)
        return stamps(np.arange(frames), rate), rate
    t_s = joints.t_s if joints.t_s is not None else np.zeros(0)
    if len(t_s) != frames:
        raise MocapError(f"{where}: {len(t_s)} times for {frames} frames; they must be as many")
    step = np.diff(t_s)
    if not bool(np.all(np.isfinite(t_s))) or not bool(np.all(step > 1e-5)) or float(np.ptp(t_s)) > 1e9:
        at = int(np.argmin(np.where(np.isfinite(step), step, -1.0))) + 1
        raise MocapError(f"{where}: frame {at + 1} is at {t_s[at]:g} s, not after frame {at} at {t_s[at - 1]:g} s")
    even = float(np.ptp(step)) < 1e-3 * float(np.median(step))
    rate = 1.0 / float(np.mean(step) if even else np.median(step))
    if not 1.0 <= rate <= 10_000.0:
        raise MocapError(f"{where}: the times make {rate:g} frames per second; 1 to 10000 are allowed: are they in seconds?")
    return np.asarray(np.rint((t_s - t_s[0]) * 1e9), dtype=np.int64), rate


def _agree(rate_hz: float, t_s: F64 | None, where: str) -> None:
    """Refuse a file whose rate and whose times make another pace: one of them is of another clip."""
    if t_s is None or len(t_s) < 2 or not bool(np.isfinite(t_s).all()):
        return
    step_s = float(np.median(np.diff(t_s)))
    if step_s > 0.0 and abs(rate_hz * step_s - 1.0) > 0.05:
        raise MocapError(
            f"{where}: rate_hz is {rate_hz:g}, and the times make {1.0 / step_s:.4g} frames per second; "
            "leave out the one that is wrong, or say the rate with --rate"
        )


PLUGIN: MocapReader = JointArray()
