"""C3D bytes: against an independent library, and damaged in every part of the header."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.mocap._c3d_file import DEC, INTEL, MIPS, parse_c3d
from understudy.mocap._markers import MarkerTake
from understudy.mocap.c3d import C3d, take_from_c3d
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion
from understudy.testing.marker_files import c3d_bytes
from understudy.testing.mocap import check_reader

SAMPLES = ("c3d/gaitalytics_fullbody_pig_walk.c3d", "c3d/pyomeca_box_lift_upperbody.c3d")


@pytest.fixture(scope="module")
def take() -> MarkerTake:
    rng = np.random.default_rng(0)
    pos = rng.normal(0.0, 1.0, (8, 3, 3))
    pos[2:4, 1] = np.nan
    return MarkerTake(("A", "B", "C"), pos, 120.0, 0.001, up="y", parameters={"LKneeWidth": 0.1, "RLegLength": 0.87})


@pytest.mark.parametrize("name", SAMPLES)
def test_points_are_those_of_an_independent_library(name: str, samples: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    oracle = ezc3d.c3d(str(samples / name))
    file = parse_c3d((samples / name).read_bytes(), name)
    assert file.texts("POINT:LABELS") == [label.strip() for label in oracle["parameters"]["POINT"]["LABELS"]["value"]]
    assert file.rate_hz == oracle["header"]["points"]["frame_rate"]
    np.testing.assert_array_equal(file.points, oracle["data"]["points"][:3].transpose(2, 1, 0))
    for group, parameters in oracle["parameters"].items():
        for key, parameter in parameters.items():
            values = parameter.get("value") if isinstance(parameter, dict) else None
            if values is not None and len(values) == 1 and isinstance(values[0], float):
                assert file.number(f"{group}:{key}".upper()) == pytest.approx(values[0], rel=1e-6)


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS])
@pytest.mark.parametrize("unit", ["m", "cm", "mm"])
def test_written_takes_read_back(processor: int, unit: str, take: MarkerTake) -> None:
    got = take_from_c3d(c3d_bytes(take, processor=processor, unit=unit, analog=4), "x")
    assert (got.names, got.rate_hz, got.up) == (take.names, 120.0, "y")
    np.testing.assert_allclose(got.pos_m, take.pos_m, rtol=3e-7)
    assert got.parameters == pytest.approx({"LKneeWidth": 0.1, "RLegLength": 0.87})


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS])
def test_integers_read_back_to_a_tenth_of_a_millimetre(processor: int, take: MarkerTake) -> None:
    got = take_from_c3d(c3d_bytes(take, processor=processor, integers=True), "x")
    np.testing.assert_allclose(got.pos_m, take.pos_m, atol=6e-5)


def test_a_point_at_the_origin_counts_as_missing(take: MarkerTake) -> None:
    pos = take.pos_m.copy()
    pos[5, 2] = 0.0
    assert np.isnan(take_from_c3d(c3d_bytes(replace(take, pos_m=pos)), "x").pos_m[5, 2]).all()


def test_a_long_take_counts_its_frames_in_the_trial_group() -> None:
    long = MarkerTake(("A",), np.ones((70_000, 1, 3)), 100.0, 0.001)
    data = c3d_bytes(long, extra={"TRIAL:ACTUAL_START_FIELD": [1.0, 0.0], "TRIAL:ACTUAL_END_FIELD": [70_000.0 % 65536, 1.0]})
    assert len(take_from_c3d(data, "x")) == 70_000


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (1, b"\0", "not a C3D file"),
        (0, b"\xff", "parameters begin in block 255"),
        (512 + 3, b"\x07", "byte order 7 is not known"),
        (2, b"\0\0", "holds neither points nor poses"),
        (2, b"\xff\xff", "cut off: 8 frames are declared, 0 are there"),
        (8, b"\xff\xff", "cut off: 65535 frames are declared, 8 are there"),
        (8, b"\0\0", "the take holds 0 frames"),
        (12, b"\0\0\0\0", "header is damaged"),
        (12, b"\0\0\xc0\x7f", "header is damaged"),
        (16, b"\xff\xff", "header is damaged"),
    ],
)
def test_a_damaged_header_is_named(at: int, value: bytes, message: str, take: MarkerTake) -> None:
    with pytest.raises(MocapError, match=f"x: .*{message}"):
        take_from_c3d(_patched(c3d_bytes(take), at, value), "x")


def test_unknown_units_and_missing_units(take: MarkerTake) -> None:
    data = c3d_bytes(take)
    with pytest.raises(MocapError, match=r"x: unit of length 'qq' is not known; known are m, meter"):
        take_from_c3d(c3d_bytes(take, extra={"POINT:UNITS": ["qq"]}), "x")
    told = take_from_c3d(data.replace(b"UNITS", b"UNIQS"), "x").warnings
    assert told == ("the file does not say its unit: millimetres were taken",)


def test_a_chain_of_parameters_without_end_stops_at_the_points(take: MarkerTake) -> None:
    """Some programs fill no zero in behind the last parameter; what its step points at are points, not parameters."""
    data = bytearray(c3d_bytes(take))
    end = 512 * (int.from_bytes(data[16:18], "little") - 1)
    at = 516
    while at < end and data[at]:
        last, at = at, at + 2 + data[at] + int.from_bytes(data[at + 2 + data[at] : at + 4 + data[at]], "little")
    step = last + 2 + data[last]
    data[step : step + 2] = (len(data) - step - 40).to_bytes(2, "little")
    got = take_from_c3d(bytes(data), "x")
    assert got.names == take.names
    np.testing.assert_allclose(got.pos_m, take.pos_m, rtol=3e-7)


@pytest.mark.parametrize(("word", "unit_m"), [("mete", 1.0), ("MILL", 0.001), ("cent", 0.01), ("inch", 0.0254)])
def test_units_cut_to_four_letters(word: str, unit_m: float, take: MarkerTake) -> None:
    assert take_from_c3d(c3d_bytes(take, extra={"POINT:UNITS": [word]}), "x").unit_m == unit_m


@pytest.mark.parametrize("word", ["me", "mil", "c", "qqqq"])
def test_units_of_fewer_letters_say_nothing(word: str, take: MarkerTake) -> None:
    with pytest.raises(MocapError, match="is not known"):
        take_from_c3d(c3d_bytes(take, extra={"POINT:UNITS": [word]}), "x")


THEIA = {
    "pelvis": "pelvis", "torso": "neck", "neck": "neck", "head": "head",
    **{f"{s[0]}_{segment}": f"{s}_{joint}" for s in SIDES for segment, joint in (
        ("thigh", "hip"), ("shank", "knee"), ("foot", "ankle"), ("toes", "toe"), ("clavicle", "collar"), ("uarm", "shoulder"),
        ("larm", "elbow"), ("hand", "wrist"),
    )},
}  # fmt: skip
"""Theia's segments and the joints where they begin."""


def segments_c3d(motion: HumanMotion, *, ratio: float = 1.0, hidden: tuple[int, str] | None = None) -> bytes:
    """A C3D file of segment poses, each turned in its own way."""
    names, frames = ["worldbody", *THEIA], len(motion)
    table = np.zeros((frames, len(names), 17))
    rng = np.random.default_rng(0)
    for k, name in enumerate(names):
        turn = Rotation.from_rotvec(np.linspace(0.0, 2.0, frames)[:, None] * rng.normal(size=3)).as_matrix()
        poses = np.tile(np.eye(4), (frames, 1, 1))
        poses[:, :3, :3] = turn
        poses[:, :3, 3] = 1000.0 * motion.joint(THEIA[name]) if name in THEIA else 0.0
        table[:, k, :16] = poses.transpose(0, 2, 1).reshape(frames, 16)
    if hidden is not None:
        table[hidden[0], names.index(hidden[1]), 16] = -1.0

    def file(block: float) -> bytes:
        extra: dict[str, list[str] | list[float]] = {
            "ROTATION:LABELS": [f"{name}_4X4" for name in names], "ROTATION:USED": [float(len(names))], "ROTATION:RATIO": [ratio],
            "ROTATION:RATE": [motion.rate_hz], "ROTATION:DATA_START": [block], "POINT:FRAMES": [frames / ratio],
        }  # fmt: skip
        return c3d_bytes(MarkerTake((), np.zeros((frames, 0, 3)), motion.rate_hz / ratio, 0.001, up="z"), extra=extra)

    head = file(0.0)
    return file(len(head) // 512 + 1.0) + table.astype("<f4").tobytes()


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_poses_of_segments_are_read_where_there_are_no_points(ratio: float, tmp_path: Path) -> None:
    motion = walk(2.0, 1.1, rate_hz=60.0)
    path = tmp_path / "theia.c3d"
    path.write_bytes(segments_c3d(motion, ratio=ratio, hidden=(20, "l_shank")))
    got = check_reader(C3d(), path, scratch=tmp_path)
    assert (got.source.dialect, got.source.up) == ("theia", "z")
    assert got.source.rate_hz == pytest.approx(60.0)
    index = [INDEX[name] for name in THEIA.values() if "collar" not in name]
    np.testing.assert_allclose(got.joint_pos_world_m[:, index], motion.joint_pos_world_m[:, index], atol=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-600], "the rotations are cut off: 180 frames are declared, 179 are there"),
        (lambda data: data[:-68] + np.full(17, 3.0, "<f4").tobytes(), "holds no 4 by 4 matrices"),
        (lambda data: data.replace(b"ROTATION", b"ROTATIUN"), "neither points nor poses of segments"),
        (lambda data: data.replace(b"l_shank_4X4", b"l_shonk_4X4"), "required joints are missing: left_knee"),
    ],
)
def test_damaged_poses_of_segments(change: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    path = tmp_path / "theia.c3d"
    path.write_bytes(change(segments_c3d(walk(2.0, 1.1, rate_hz=60.0))))
    with pytest.raises(MocapError, match=message):
        C3d().read(path)


def test_unlabelled_points_are_no_markers(take: MarkerTake) -> None:
    got = take_from_c3d(c3d_bytes(replace(take, names=("*12", "Anna:LASI", "C_001"))), "x")
    assert got.names == ("Anna:LASI",)
    with pytest.raises(MocapError, match="no labelled marker"):
        take_from_c3d(c3d_bytes(replace(take, names=("*1", "*2", "*3"))), "x")
