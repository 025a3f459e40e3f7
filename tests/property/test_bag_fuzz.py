"""Damaged recordings, mappings and messages end in an error of ours or in what could be read, never in anything else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("rosbags", reason="python -m pip install 'understudy[ros]'")

from understudy.devices.messages.convert import Converter, Reading
from understudy.devices.messages.decode import decode_cdr, known_types
from understudy.devices.messages.fields import numbers, parse_path
from understudy.devices.messages.mapping import StreamMap, parse_mapping
from understudy.devices.messages.recipes import KNOWN_TYPES, recipe_for
from understudy.errors import UnderstudyError
from understudy.kinematics.load import load_robot
from understudy.pipeline.bags.collect import collect
from understudy.pipeline.bags.definitions import types_of
from understudy.pipeline.bags.episode import make_streams
from understudy.pipeline.bags.propose import propose
from understudy.pipeline.bags.ros2_bag import open_bag, open_mcap
from understudy.pipeline.bags.survey import survey
from understudy.spec.default_schema import default_schema
from understudy.spec.stream import StreamSpec
from understudy.testing.bags import mapping_text, standing_messages, write_bag, write_ros_mcap
from understudy.testing.messages import message_bytes

ROBOT = load_robot("unitree_g1")
SCHEMA = default_schema(ROBOT, "test")
IMU_FIELDS = ('"orientation{w,x,y,z}"', '"angular_velocity{x,y,z}"', '"linear_acceleration{x,y,z}"')
TEXT = mapping_text(
    "unitree_g1",
    [
        ("observations/joint_positions", "/joint_states", 'unit = "rad"\nclock = "header"'),
        (
            "observations/imu_pelvis",
            "/imu/pelvis",
            'field = ["orientation{w,x,y,z}", "angular_velocity{x,y,z}", "linear_acceleration{x,y,z}"]',
        ),
    ],
)
FUZZ = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


Result = TypeVar("Result")


def tried(call: Callable[[], Result]) -> Result | None:
    """What a call returns; None where it ends in an error of ours that says something."""
    try:
        return call()
    except UnderstudyError as error:
        if len(str(error)) < 10:
            raise AssertionError("an error without words") from error
        return None


def _read(path: Path) -> int:
    """Samples that a recording gives; looks at it in every way there is."""
    mapping = parse_mapping(TEXT, where="map.toml")
    recording = open_bag(path) if path.is_dir() or path.suffix == ".db3" else open_mcap(path)
    topics, _ = survey(recording)
    proposed = propose(topics, ROBOT, SCHEMA)
    if "[[streams]]" in proposed:
        parse_mapping(proposed, where="proposed")
    specs = {e.stream: SCHEMA.stream(e.stream) for e in mapping.streams}
    collected = collect(recording, mapping, specs, robot="unitree_g1")
    return len(make_streams(collected, SCHEMA).timeline_ns)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short recording in each form."""
    folder = tmp_path_factory.mktemp("small")
    write_ros_mcap(folder / "ros.mcap", standing_messages(ROBOT, duration_s=0.25), chunk_bytes=1 << 13)
    write_bag(folder / "sqlite", standing_messages(ROBOT, duration_s=0.25), storage="sqlite3")
    return folder


def test_an_mcap_file_cut_anywhere_gives_what_stands_before_the_cut(small: Path, tmp_path: Path) -> None:
    whole = (small / "ros.mcap").read_bytes()
    counts = []
    for at in np.linspace(0, len(whole), 60).astype(int):
        (tmp_path / "cut.mcap").write_bytes(whole[:at])
        counts.append(tried(lambda: _read(tmp_path / "cut.mcap")) or 0)
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 13
    assert len(set(counts)) > 4


@FUZZ
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_changed_mcap_file(small: Path, tmp_path: Path, changes: list[tuple[float, int]]) -> None:
    data = bytearray((small / "ros.mcap").read_bytes())
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    (tmp_path / "changed.mcap").write_bytes(data)
    steps = tried(lambda: _read(tmp_path / "changed.mcap"))
    assert steps is None or steps >= 2


@FUZZ
@given(place=st.integers(0, 2_000), value=st.integers(0, 255))
def test_a_changed_head_of_an_mcap_file(small: Path, tmp_path: Path, place: int, value: int) -> None:
    """Header, schemas and channels stand first: names, types and definitions are hit."""
    data = bytearray((small / "ros.mcap").read_bytes())
    data[place] = value
    (tmp_path / "changed.mcap").write_bytes(data)
    tried(lambda: _read(tmp_path / "changed.mcap"))


@FUZZ
@given(cut=st.floats(0, 1), changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6))
def test_a_changed_sqlite_bag(small: Path, tmp_path: Path, cut: float, changes: list[tuple[float, int]]) -> None:
    whole = (small / "sqlite" / "sqlite.db3").read_bytes()
    data = bytearray(whole[: int(len(whole) * cut)] if len(changes) < 2 else whole)
    for place, value in changes:
        if data:
            data[int(place * (len(data) - 1))] = value
    (tmp_path / "changed.db3").write_bytes(data)
    steps = tried(lambda: _read(tmp_path / "changed.db3"))
    assert steps is None or steps >= 2


@FUZZ
@given(cut=st.floats(0, 1), place=st.floats(0, 1), text=st.text(max_size=8))
def test_changed_metadata_of_a_bag(small: Path, tmp_path: Path, cut: float, place: float, text: str) -> None:
    folder = tmp_path / "bag"
    shutil.copytree(small / "sqlite", folder, dirs_exist_ok=True)
    whole = (small / "sqlite" / "metadata.yaml").read_text()
    at = int(place * len(whole))
    changed = whole[:at] + text + whole[at:]
    (folder / "metadata.yaml").write_text(changed[: int(len(changed) * max(cut, 0.3))], encoding="utf-8", errors="replace")
    steps = tried(lambda: _read(folder))
    assert steps is None or steps >= 2


@FUZZ
@given(st.data())
def test_a_changed_mapping(data: st.DataObject) -> None:
    text = list(TEXT)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        kind = data.draw(st.sampled_from(["cut", "swap", "insert"]))
        if kind == "cut":
            del text[at : at + data.draw(st.integers(1, 40))]
        elif kind == "insert":
            text.insert(at, data.draw(st.sampled_from(['"', "[", "]", "=", "\n", "{", "}", "é", "\x00", "[*]", "1e400", "null"])))
        elif text:
            text[at] = data.draw(st.characters())
        text = text or [" "]
    mapping = tried(lambda: parse_mapping("".join(text), where="map.toml"))
    for entry in mapping.streams if mapping else ():
        tried(partial(_converter, entry))


def _converter(entry: StreamMap) -> Converter:
    return Converter(entry, SCHEMA.stream(entry.stream), "sensor_msgs/msg/Imu", robot="unitree_g1")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "sec", "nsec", "c.d"]), inner, max_size=4)
    ),
    max_leaves=12,
)
PATHS = ["a", "a.b", "a[0]", "a[*]", "a[*].b", "a{a,b}", '"c.d"', "b[1,0]", "a[*][*]"]


@settings(FUZZ, max_examples=300)
@given(
    message=st.dictionaries(st.sampled_from(["a", "b", "c.d", "timestamp"]), JSON_VALUES, max_size=4),
    path=st.sampled_from(PATHS),
    dtype=st.sampled_from(["float64", "float32", "int8", "uint8", "bool"]),
    width=st.integers(1, 3),
)
def test_any_json_message(message: dict[str, object], path: str, dtype: str, width: int) -> None:
    message = json.loads(json.dumps(message))
    spec = StreamSpec(name="x", group="debug", shape=(width,), dtype=dtype)
    entry = StreamMap(stream="debug/x", topic="/x", field=(path,))
    reading = tried(lambda: Converter(entry, spec, "", robot="").read(message))
    if reading is not None:
        assert np.asarray(reading.data).shape == (width,)
        assert np.asarray(reading.data).dtype == np.dtype(dtype)
    found = tried(lambda: numbers(message, parse_path(path)))
    assert found is None or found.ndim == 1


STREAMS = (
    "observations/joint_positions",
    "observations/imu_pelvis",
    "observations/wrench_left_wrist",
    "debug/base_pose_world",
    "observations/head_left",
)
ROS_TYPES = [name for name in KNOWN_TYPES if name in known_types().fielddefs]


@settings(FUZZ, max_examples=300)
@given(name=st.sampled_from(ROS_TYPES), cut=st.floats(0, 1), noise=st.binary(max_size=40), at=st.floats(0, 1))
def test_any_bytes_of_a_message(name: str, cut: float, noise: bytes, at: float) -> None:
    data = bytearray(message_bytes(name, {}))
    place = 4 + int(at * max(len(data) - 4, 0))
    data[place : place + len(noise)] = noise
    message = tried(lambda: decode_cdr(bytes(data[: 4 + int(cut * len(data))]), name, known_types()))
    for key in STREAMS if message is not None else ():
        spec = SCHEMA.stream(key)
        if spec.kind != "image" and recipe_for(name, spec, "unitree_g1") is None:
            continue
        reading = tried(partial(_reading, StreamMap(stream=key, topic="/x"), spec, name, message))
        assert reading is None or isinstance(reading.data, bytes) or reading.data.shape == spec.shape


def _reading(entry: StreamMap, spec: StreamSpec, name: str, message: object) -> Reading:
    return Converter(entry, spec, name, robot="unitree_g1").read(message)


@settings(FUZZ, max_examples=200)
@given(
    text=st.text(st.sampled_from("float64 int8[]<=3\n=#'\"()_:;,.xyz/msgMSG{}structmodule \x00é"), max_size=120),
    idl=st.booleans(),
)
def test_any_definition(text: str, idl: bool) -> None:
    store = tried(lambda: types_of("pkg/msg/A", text, idl=idl))
    assert store is None or "pkg/msg/A" in store.fielddefs
