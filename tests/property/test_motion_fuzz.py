"""Motion files from anywhere: whatever is in them, what comes out is a motion or one of our errors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import UnderstudyError
from understudy.export._motion_flavour import FileMotion, Told
from understudy.export.motion import FLAVOURS
from understudy.pipeline.import_motion import ImportOptions, read_motion_file
from understudy.testing.episodes import make_episode, motion_of
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def original(flavour: str) -> bytes:
    """The bytes of a good file of a few frames."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip"
        FLAVOURS[flavour].write(motion_of(make_episode(ROBOT, duration_s=0.05)), ROBOT, path)
        return path.read_bytes()


def read_bytes(data: bytes, flavour: str) -> FileMotion | None:
    """The motion in some bytes; None where they were refused by an error of ours."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{FLAVOURS[flavour].suffix}"
        path.write_bytes(data)
        try:
            if flavour == "gmr":
                return FLAVOURS[flavour].read(path, ROBOT, Told(fps=50.0))
            return read_motion_file(path, ROBOT, ImportOptions(fps=50.0 if flavour == "csv" else None))[0]
        except UnderstudyError as error:
            if str(path) not in str(error):
                raise AssertionError(f"an error that does not say where: {error}") from error
            return None


def whole(found: FileMotion | None) -> bool:
    """Nothing, or a motion without a hole."""
    if found is None:
        return True
    m = found.motion
    steps = len(m.t_ns)
    shapes = (m.root_pos_world_m.shape, m.root_quat_world_wxyz.shape, m.joint_pos.shape)
    return shapes == ((steps, 3), (steps, 4), (steps, ROBOT.dof)) and bool(np.isfinite(m.joint_pos).all())


@SETTINGS
@given(st.sampled_from(sorted(FLAVOURS)), st.data())
def test_flipped_bytes(flavour: str, data: st.DataObject) -> None:
    made = bytearray(original(flavour))
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    assert whole(read_bytes(bytes(made), flavour))


@SETTINGS
@given(st.sampled_from(sorted(FLAVOURS)), st.floats(0.0, 1.0), st.binary(max_size=40))
def test_cut_files_and_what_is_put_behind_them(flavour: str, keep: float, tail: bytes) -> None:
    made = original(flavour)
    assert whole(read_bytes(made[: int(keep * len(made))] + tail, flavour))


@SETTINGS
@given(st.sampled_from(sorted(FLAVOURS)), st.binary(max_size=200))
def test_any_bytes(flavour: str, data: bytes) -> None:
    assert whole(read_bytes(data, flavour))


@SETTINGS
@given(st.lists(st.floats(), max_size=8), st.integers(0, 8 * 36), st.integers(35, 37))
def test_any_numbers(odd: list[float], at: int, width: int) -> None:
    cells = [0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 1.0, *[0.1] * (width - 7)] * 8
    cells[at : at + len(odd)] = odd
    rows = [cells[k : k + width] for k in range(0, len(cells), width)]
    text = "\n".join(",".join(map(repr, row)) for row in rows)
    assert whole(read_bytes(text.encode(), "csv"))


@cache
def headed(seed: bool) -> bytes:
    """A good CSV of a few frames with a heading: root by quaternion, or by angles as BONES-SEED has it."""
    rows = [line.split(",") for line in original("csv").decode().splitlines()]
    root = [*(f"root_translate{a}" for a in "XYZ"), *(f"root_rotate{a}" for a in "XYZ")]
    if not seed:
        root = [*(f"root_pos_{a}" for a in "xyz"), *(f"root_quat_{a}" for a in "xyzw")]
    table = [[str(k), *row[: len(root)], *row[7:]] for k, row in enumerate(rows)]
    return "\n".join(",".join(row) for row in [["Frame", *root, *ROBOT.joint_names], *table]).encode()


@SETTINGS
@given(st.booleans(), st.data())
def test_damaged_headings(seed: bool, data: st.DataObject) -> None:
    """Names that are no names, and more or fewer of them than columns."""
    good = headed(seed)
    assert whole(read_bytes(good, "csv"))
    heading = good.index(b"\n")
    start = data.draw(st.integers(0, heading))
    end = data.draw(st.integers(start, min(heading + 1, start + 40)))
    new = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"", b",", b",,", b"\n", b"time", b'"', b"root_quat_w"])))
    assert whole(read_bytes(good[:start] + new + good[end:], "csv"))
