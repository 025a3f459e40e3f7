"""ASF/AMC (Acclaim, CMU, HDM05): a skeleton in one file, the motion in another."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._amc import Channels, columns, parse_amc
from understudy.mocap._asf import ROTATIONS, TRANSLATIONS, Skeleton, parse_asf, turn
from understudy.mocap._file import read_bytes
from understudy.mocap._take import Take, motion_of, source_of, stamps
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

RATE_HZ = 120.0
"""An AMC file does not say its rate; 120 Hz is that of CMU and HDM05."""
RATES_HZ = (1.0, 10_000.0)


class AsfAmc:
    """Reader of AMC files with the ASF skeleton beside them or named."""

    suffixes: tuple[str, ...] = (".amc", ".asf")
    title: str = "Acclaim skeleton and motion (ASF/AMC)"

    def __init__(self, *, skeleton: Path | None = None, rate_hz: float | None = None, unit: str | None = None) -> None:
        """Take the ASF file, the rate and the unit as given; None finds the file and the unit, and takes 120 Hz."""
        self.skeleton, self.rate_hz, self.unit = skeleton, rate_hz, unit

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the text is an AMC motion, or an ASF skeleton, which `read` explains."""
        lines = [line.split(b"#")[0].strip().upper() for line in head.removeprefix(b"\xef\xbb\xbf").splitlines()]
        words = [line for line in lines if line]
        if not words or not words[0].startswith(b":"):
            return False
        return bool({b":FULLY-SPECIFIED", b":DEGREES", b":RADIANS"} & set(words)) or words[0].startswith(b":VERSION")

    def with_unit(self, unit: str) -> AsfAmc:
        """The same reader with a unit that is not searched for."""
        return AsfAmc(skeleton=self.skeleton, rate_hz=self.rate_hz, unit=unit)

    def with_rate(self, rate_hz: float) -> AsfAmc:
        """The same reader with the rate of the take."""
        return AsfAmc(skeleton=self.skeleton, rate_hz=rate_hz, unit=self.unit)

    def with_companion(self, companion: Path) -> AsfAmc:
        """The same reader with the skeleton in `companion`."""
        return AsfAmc(skeleton=companion, rate_hz=self.rate_hz, unit=self.unit)

    def companion(self, path: Path) -> Path | None:
        """The ASF file that goes with the motion in `path`.

        Raises:
            MocapError: there is none, or which one cannot be told.
        """
        return self.skeleton or find_asf(path)

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`.

        Raises:
            MocapError: names file, line, frame or bone, and what to do.
        """
        data = read_bytes(path)
        if path.suffix.lower() == ".asf":
            raise MocapError(f"{path}: a skeleton without motion; name the take's .amc file, the skeleton is found beside it")
        skeleton = self.skeleton or find_asf(path)
        return motion_from_amc(data, read_bytes(skeleton), str(path), str(skeleton), rate_hz=self.rate_hz, unit=self.unit)


def find_asf(path: Path) -> Path:
    """The skeleton beside a motion: of the same name, else the longest name that the motion's begins with, else the only one.

    Raises:
        MocapError: none or several; lists them.
    """
    found = sorted(p for p in path.parent.iterdir() if p.suffix.lower() == ".asf" and p.is_file()) if path.parent.is_dir() else []
    named = [p for p in found if path.stem.lower().startswith(p.stem.lower())]
    if named:
        return max(named, key=lambda p: len(p.stem))
    if len(found) == 1:
        return found[0]
    listed = ", ".join(p.name for p in found[:5]) or "none"
    raise MocapError(
        f"{path}: its skeleton is not known: an .asf file whose name this one begins with is looked for in {path.parent} "
        f"(found: {listed}); put it there, or name it: --companion subject.asf, or "
        "read_motion(path, companion=Path('subject.asf'))"
    )


def motion_from_amc(
    data: bytes, skeleton_data: bytes, where: str, skeleton_where: str, *, rate_hz: float | None = None, unit: str | None = None
) -> HumanMotion:
    """The canonical motion in the bytes of an AMC file and its ASF file.

    Raises:
        MocapError: names file, line, frame or bone, and what to do.
        UnknownNameError: `unit` is not known.
    """
    skeleton = parse_asf(skeleton_data, skeleton_where)
    channels = parse_amc(data, skeleton, where)
    if rate_hz is not None and not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise MocapError(f"{where}: a rate of {rate_hz:g} Hz; allowed are {RATES_HZ[0]:g} to {RATES_HZ[1]:g}")
    rate = rate_hz or RATE_HZ
    # the motion's own word on its angles goes before the skeleton's
    degrees = skeleton.degrees if channels.degrees is None else channels.degrees
    still = Channels(channels.frame[:1], np.zeros((1, channels.values.shape[1])), degrees)
    names, parents, is_end = _nodes(skeleton)
    take = Take(
        names=names,
        parents=parents,
        is_end=is_end,
        pos=_positions(skeleton, channels.values, degrees),
        rest=_positions(skeleton, still.values, degrees)[0],
        t_ns=stamps(channels.frame - channels.frame[0], rate),
        rate_hz=rate,
        unit=unit,
        forced=unit is not None,
        warnings=_warnings(skeleton, channels, rate_hz),
    )
    return motion_of(take, source_of(where, hashlib.sha256(data).hexdigest(), "asf_amc"))


def _warnings(skeleton: Skeleton, channels: Channels, rate_hz: float | None) -> tuple[str, ...]:
    said = []
    if rate_hz is None:
        said.append(f"an AMC file does not say its rate; {RATE_HZ:g} Hz was taken (name another one if it is not)")
    lost = int(channels.frame[-1] - channels.frame[0]) + 1 - len(channels.frame)
    if lost:
        said.append(f"{lost} frames are missing from the file by its frame numbers")
    if not np.allclose(skeleton.bones[0].axes, np.eye(3)):
        said.append("the skeleton has a pre-set root orientation, which programs apply differently: look at the result")
    return tuple(said)


def _nodes(skeleton: Skeleton) -> tuple[tuple[str, ...], np.ndarray[tuple[int], np.dtype[np.int64]], tuple[bool, ...]]:
    """Joints of a skeleton: the start of every bone, and behind them the ends of bones without children."""
    parents = skeleton.parents
    leaves = [i for i in range(1, len(parents)) if i not in parents]
    names = [bone.name for bone in skeleton.bones] + [""] * len(leaves)
    return tuple(names), np.concatenate([parents, leaves]).astype(np.int64), tuple(not name for name in names)


def _positions(skeleton: Skeleton, values: F64, degrees: bool) -> F64:
    """(T, N, 3) positions of `_nodes`, in the file's axes and unit.

    A bone turns in its own axis system: M = A R A', with A its axes and R its channels, and carries the bones behind it.
    """
    slots, bones = columns(skeleton), skeleton.bones
    scale = np.pi / 180.0 if degrees else 1.0
    rot: list[F64] = []
    end: list[F64] = []
    out: list[F64] = []
    for bone in bones:
        own = values[:, slots[bone.name]]
        turns = [(k, channel) for k, channel in enumerate(bone.dof) if channel in ROTATIONS]
        local = turn([channel for _, channel in turns], own[:, [k for k, _ in turns]] * scale)
        if bone.parent < 0:
            start = skeleton.root_pos + own[:, [bone.dof.index(channel) for channel in TRANSLATIONS]]
            rot.append(local @ bone.axes)
        else:
            start = end[bone.parent]
            rot.append(rot[bone.parent] @ (bone.axes @ local @ bone.axes.T if turns else np.eye(3)))
        out.append(start)
        end.append(start + rot[-1] @ bone.span)
    leaves = [i for i in range(1, len(bones)) if all(bone.parent != i for bone in bones)]
    return np.stack(out + [end[i] for i in leaves], axis=1)


PLUGIN: MocapReader = AsfAmc()
