"""Whatever bytes a BVH file holds, the reader returns a motion or raises MocapError."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.mocap.bvh import motion_from_bvh
from understudy.simulate.walker import reach, write_bvh

_WORDS = [
    b"{", b"}", b"\n", b" ", b"\0", b"nan", b"-inf", b"1e308", b"1e-320", b"-", b"0", b"1", b"99999999999999999999", b"\xff\xfe",
    b"JOINT LeftArm", b"ROOT", b"End Site", b"OFFSET", b"OFFSET 0 0 0", b"CHANNELS", b"CHANNELS 3", b"CHANNELS 0",
    b"Xrotation", b"Xposition", b"HIERARCHY", b"MOTION", b"Frames:", b"Frame Time:", b"\xc3\xa4", b"\r", b"\x0b", b"\x85",
]  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = tmp_path_factory.mktemp("fuzz") / "good.bvh"
    write_bvh(reach(rate_hz=2.0), path)
    return path.read_bytes()


_KINDS = st.sampled_from(["flip", "cut", "insert", "replace", "swap", "truncate"])
_edits = st.lists(st.tuples(_KINDS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6)), min_size=1, max_size=6)


def _edit(data: bytes, kind: str, a: float, b: float, pick: int) -> bytes:
    at, to = sorted((int(a * len(data)), int(b * len(data))))
    if kind == "flip" and data:
        return data[: at - 1] + bytes([data[at - 1] ^ (1 << pick % 8)]) + data[at:]
    if kind == "cut":
        return data[:at] + data[min(to, at + 1 + pick % 200) :]
    if kind == "insert":
        return data[:at] + _WORDS[pick % len(_WORDS)] + data[at:]
    if kind == "replace":
        lines = data.split(b"\n")
        words = lines[pick % len(lines)].split(b" ")
        words[int(a * (len(words) - 1))] = _WORDS[pick % len(_WORDS)]
        lines[pick % len(lines)] = b" ".join(words)
        return b"\n".join(lines)
    if kind == "swap":
        lines = data.split(b"\n")
        i, j = int(a * (len(lines) - 1)), int(b * (len(lines) - 1))
        lines[i], lines[j] = lines[j], lines[i]
        return b"\n".join(lines)
    return data[:at] if pick % 4 == 0 else data


def _only_its_own_errors(data: bytes) -> None:
    try:
        motion = motion_from_bvh(data, "fuzz.bvh")
    except MocapError as error:
        message = str(error)
    else:
        message = "fuzz.bvh"
        assert len(motion) >= 3
        assert np.isfinite(motion.joint_pos_world_m).all()
    assert message.startswith("fuzz.bvh")


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=_edits)
def test_a_spoiled_file_gives_a_motion_or_its_own_error(good: bytes, edits: list[tuple[str, float, float, int]]) -> None:
    data = good
    for edit in edits:
        data = _edit(data, *edit)
    _only_its_own_errors(data)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(_WORDS), max_size=40).map(b" ".join)))
def test_any_bytes_at_all(data: bytes) -> None:
    _only_its_own_errors(data)
    _only_its_own_errors(b"HIERARCHY\n" + data)


def test_every_truncation_of_a_file(good: bytes) -> None:
    for length in range(0, len(good) - 1, 7):
        _only_its_own_errors(good[:length])
