"""Whatever bytes a marker file holds, its reader returns a motion or raises MocapError."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.mocap._labelled_points import motion_from_joints, motion_from_points
from understudy.mocap._marker_motion import motion_from_markers
from understudy.mocap._markers import MarkerTake
from understudy.mocap._motive_file import parse_motive
from understudy.mocap.c3d import take_from_c3d
from understudy.mocap.motive_csv import markers_of, skeleton_of
from understudy.mocap.trc import take_from_trc
from understudy.mocap.vicon_csv import take_from_vicon_csv
from understudy.simulate.walker import reach
from understudy.spec.skeleton import JOINTS, HumanMotion
from understudy.testing.marker_files import c3d_bytes, motive_text, trc_text, vicon_csv_text
from understudy.testing.markers import plug_in_gait_take

WHERE = "fuzz.x"
WORDS = [
    b",", b"\t", b"\n", b"\0", b"nan", b"-inf", b"1e308", b"-", b"", b"99999999999999999999", b"\xff\xfe", b'"', b";;", b"1 2",
    b"Frame", b"X,Y,Z", b"Trajectories", b"Bone", b"Position", b"mm", b"PathFileType", b"\xc3\xa4", b"\r", b"0", b"1e12", b"*1",
]  # fmt: skip
KINDS = st.sampled_from(["flip", "cut", "insert", "replace", "swap", "zero", "truncate"])
EDITS = st.lists(st.tuples(KINDS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6)), min_size=1, max_size=6)


def _edit(data: bytes, kind: str, a: float, b: float, pick: int) -> bytes:
    # half of the edits go into the head, where the structure is
    span = len(data) if pick % 2 else min(len(data), 2500)
    at, to = sorted((int(a * span), int(b * span)))
    if kind == "flip" and at:
        return data[: at - 1] + bytes([data[at - 1] ^ (1 << pick % 8)]) + data[at:]
    if kind == "cut":
        return data[:at] + data[min(to, at + 1 + pick % 200) :]
    if kind == "insert":
        return data[:at] + WORDS[pick % len(WORDS)] + data[at:]
    if kind == "replace":
        lines = data.split(b"\n")
        words = lines[pick % len(lines)].split(b",")
        words[int(a * (len(words) - 1))] = WORDS[pick % len(WORDS)]
        lines[pick % len(lines)] = b",".join(words)
        return b"\n".join(lines)
    if kind == "swap":
        lines = data.split(b"\n")
        i, j = int(a * (len(lines) - 1)), int(b * (len(lines) - 1))
        lines[i], lines[j] = lines[j], lines[i]
        return b"\n".join(lines)
    if kind == "zero":
        return data[:at] + b"\0" * min(to - at, 64) + data[at + min(to - at, 64) :]
    return data[:at] if pick % 4 == 0 else data


def _c3d(data: bytes) -> HumanMotion:
    return motion_from_markers(take_from_c3d(data, WHERE), path=WHERE, sha256="", format_name="c3d")


def _trc(data: bytes) -> HumanMotion:
    return motion_from_points(take_from_trc(data, WHERE), path=WHERE, sha256="", format_name="trc")


def _vicon(data: bytes) -> HumanMotion:
    return motion_from_points(take_from_vicon_csv(data, WHERE), path=WHERE, sha256="", format_name="vicon_csv")


def _motive(data: bytes) -> HumanMotion:
    file = parse_motive(data, WHERE)
    skeleton = skeleton_of(file, WHERE)
    if skeleton is not None:
        return motion_from_joints(*skeleton, path=WHERE, sha256="", format_name="motive_csv")
    return motion_from_points(markers_of(file, WHERE), path=WHERE, sha256="", format_name="motive_csv")


READERS: dict[str, Callable[[bytes], HumanMotion]] = {
    "c3d": _c3d, "trc": _trc, "vicon": _vicon, "markers": _motive, "bones": _motive, "local bones": _motive,
}  # fmt: skip


class Files(dict[str, bytes]):
    """Good files by name, short in messages."""

    def __repr__(self) -> str:
        return f"Files({', '.join(self)})"


@pytest.fixture(scope="module")
def good() -> Files:
    motion = reach(rate_hz=4.0)
    take: MarkerTake = plug_in_gait_take(motion)
    names = [joint.title().replace("_", "") for joint in JOINTS]
    quat = np.tile([0.1, 0.2, 0.3, 0.9], (len(motion), len(JOINTS), 1))
    parents = ["", *("Pelvis" for _ in JOINTS[1:])]

    def bones(space: str) -> bytes:
        pos = motion.joint_pos_world_m
        return motive_text(names, pos, 4.0, kind="Bone", quat_xyzw=quat, parents=parents, space=space).encode()

    files = {
        "c3d": c3d_bytes(take, analog=2),
        "trc": trc_text(take).encode(),
        "vicon": vicon_csv_text(take, subject="A").encode(),
        "markers": motive_text(take.names, take.pos_m, 4.0).encode(),
        "bones": bones("Global"),
        "local bones": bones("Local"),
    }
    return Files(files)


def _only_its_own_errors(read: Callable[[bytes], HumanMotion], data: bytes) -> None:
    try:
        motion = read(data)
    except MocapError as error:
        message = str(error)
    else:
        message = WHERE
        assert len(motion) >= 3
        assert np.isfinite(motion.joint_pos_world_m).all()
    assert WHERE in message


@pytest.mark.parametrize("name", READERS)
def test_the_whole_file_is_good(name: str, good: Files) -> None:
    if name != "local bones":  # its rotations are none of a person
        assert len(READERS[name](good[name])) >= 3


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_a_spoiled_file_gives_a_motion_or_its_own_error(
    name: str, good: Files, edits: list[tuple[str, float, float, int]]
) -> None:
    data = good[name]
    for edit in edits:
        data = _edit(data, *edit)
    _only_its_own_errors(READERS[name], data)


@pytest.mark.parametrize("name", ["c3d", "trc", "vicon", "markers"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=1200), st.lists(st.sampled_from(WORDS), max_size=60).map(b",".join)))
def test_any_bytes_at_all(name: str, good: Files, data: bytes) -> None:
    _only_its_own_errors(READERS[name], data)
    _only_its_own_errors(READERS[name], good[name][: 30 + len(data) % 600] + data)


@pytest.mark.parametrize("name", READERS)
def test_every_truncation_of_a_file(name: str, good: Files) -> None:
    step = max(len(good[name]) // 60, 1)
    for length in range(0, len(good[name]) - 1, step):
        _only_its_own_errors(READERS[name], good[name][:length])
