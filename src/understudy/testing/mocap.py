"""Conformance of a motion capture reader: what every plugin of the group `mocap` must do with a real file.

    from understudy.testing.mocap import check_reader

    def test_my_format(tmp_path: Path) -> None:
        check_reader(PLUGIN, Path("walk.myformat"), scratch=tmp_path)

Each function raises AssertionError with what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import INDEX, REQUIRED, SIDES, HumanMotion

HEAD_BYTES = 4096
_CUTS = (0.0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999)
_LIMBS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))


def check_reader(
    reader: MocapReader, sample: Path, *, scratch: Path, others: Sequence[Path] = (), bone_tolerance: float = 0.03
) -> HumanMotion:
    """Hold a reader against a file of its format.

    Args:
        reader: the plugin.
        sample: a file of its format with an upright person.
        scratch: an empty folder for damaged copies.
        others: files of other formats, which it must not take for its own.
        bone_tolerance: allowed spread of a limb's length over the clip, as a part of the length.

    Returns:
        the motion in `sample`.
    """
    check_sniff(reader, sample, others)
    motion = reader.read(sample)
    check_motion(motion, bone_tolerance=bone_tolerance)
    again = reader.read(sample)
    _require(np.array_equal(motion.joint_pos_world_m, again.joint_pos_world_m), f"{sample}: two readings differ")
    _require(len(motion.source.sha256) == 64, f"{sample}: source.sha256 must be the hash of the file")
    check_damage(reader, sample, scratch)
    return motion


def check_sniff(reader: MocapReader, sample: Path, others: Sequence[Path] = ()) -> None:
    """The reader knows its own files by their content, whatever they are called, and leaves those of others alone."""
    _require(bool(reader.title) and bool(reader.suffixes), "a reader needs a title and the ends of its file names")
    _require(all(s.startswith(".") and s == s.lower() for s in reader.suffixes), f"suffixes like '.bvh', got {reader.suffixes}")
    _require(reader.sniff(sample, _head(sample)), f"{sample}: the reader does not know a file of its own format")
    for other in others:
        _require(not reader.sniff(other, _head(other)), f"{other}: the reader takes a foreign file for its own")
    _require(not reader.sniff(Path("nothing"), b""), "the reader takes an empty file for its own")


def check_motion(motion: HumanMotion, *, bone_tolerance: float = 0.03) -> None:
    """A motion is in metres, z up, with left on the left, rigid limbs and increasing stamps."""
    where, pos = motion.source.path, motion.joint_pos_world_m
    _require(bool(np.isfinite(pos).all()), f"{where}: joint positions must be finite")
    _require(int(motion.t_ns[0]) == 0 and bool(np.all(np.diff(motion.t_ns) > 0)), f"{where}: stamps must increase from 0")
    rate = (len(motion) - 1) / motion.duration_s
    _require(abs(rate / motion.source.rate_hz - 1.0) < 0.02, f"{where}: stamps say {rate:g} Hz, {motion.source.rate_hz:g} given")
    missing = [name for name in REQUIRED if not motion.measured[INDEX[name]]]
    _require(not missing, f"{where}: required joints must be measured: {missing}")
    leg = motion.subject().leg_m
    _require(0.6 <= leg <= 1.2, f"{where}: hip to knee to ankle is {leg:.3f} m, so the motion is not in metres")
    ankles = (motion.joint("left_ankle") + motion.joint("right_ankle")) / 2.0
    up = np.mean(motion.joint("head") - ankles, axis=0)
    _require(up[2] > 0.7 * float(np.linalg.norm(up)), f"{where}: the head is not above the feet: z must point up")
    _check_sides(motion)
    for side in SIDES:
        for a, b in _LIMBS:
            length = np.linalg.norm(motion.joint(f"{side}_{a}") - motion.joint(f"{side}_{b}"), axis=1)
            spread = float(np.std(length) / np.mean(length))
            _require(spread <= bone_tolerance, f"{where}: {side} {a} to {b} changes its length by {100 * spread:.1f} %")


def _check_sides(motion: HumanMotion) -> None:
    """Seen along the feet, left hip, knee-to-knee line and shoulder are on the left."""
    toes = motion.joint("left_toe") + motion.joint("right_toe") - motion.joint("left_ankle") - motion.joint("right_ankle")
    left = np.cross([0.0, 0.0, 1.0], toes)
    for part in ("hip", "shoulder"):
        across = motion.joint(f"left_{part}") - motion.joint(f"right_{part}")
        on_left = float(np.median(np.sum(left * across, axis=1)))
        _require(on_left > 0.0, f"{motion.source.path}: the left {part} is on the right of where the toes point")


def check_damage(reader: MocapReader, sample: Path, scratch: Path) -> None:
    """Truncated and overwritten copies are refused with MocapError or read as a shorter motion; nothing else happens."""
    data = sample.read_bytes()
    for i, cut in enumerate(_CUTS):
        _read_damaged(reader, scratch / f"cut{i}{sample.suffix}", data[: int(cut * len(data))])
    rng = np.random.default_rng(0)
    for i in range(5):
        spoiled = bytearray(data)
        for at in rng.integers(0, len(data), 20):
            spoiled[at] = int(rng.integers(0, 256))
        _read_damaged(reader, scratch / f"spoiled{i}{sample.suffix}", bytes(spoiled))
    for missing in (scratch / f"missing{sample.suffix}", scratch):
        try:
            reader.read(missing)
        except MocapError as error:
            _require(str(missing) in str(error), f"the message does not name the file: {error}")
        else:
            raise AssertionError(f"{missing}: no such file, yet the reader returned a motion")


def _read_damaged(reader: MocapReader, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        motion: object = reader.read(path)
    except MocapError as error:
        _require(str(path) in str(error), f"the message does not name the file: {error}")
    except Exception as error:
        raise AssertionError(f"{path}: a damaged file must give MocapError, not {error!r}") from error
    else:
        _require(isinstance(motion, HumanMotion), f"{path}: read() must return a HumanMotion")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise AssertionError(message)
