"""Every kind of fault in a LeRobot export is found, and named by file, column and row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from understudy.errors import ExportError
from understudy.export._lerobot_files import FileLimits
from understudy.export._video import VideoSettings, VideoWriter, read_video
from understudy.export.lerobot import LeRobotExporter
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import ExportOptions
from understudy.testing.episodes import make_episode
from understudy.testing.export import with_camera
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
VIDEO = "videos/observation.images.head_left/chunk-000/file-000.mp4"
Json = dict[str, Any]


def make_episodes() -> list[Episode]:
    return [with_camera(make_episode(ROBOT, duration_s=0.6 + 0.2 * i, seed=i)) for i in range(3)]


@pytest.fixture
def episodes() -> list[Episode]:
    return make_episodes()


@pytest.fixture
def out(tmp_path: Path, episodes: list[Episode]) -> Path:
    return write(tmp_path / "out", episodes, FileLimits())


def write(out: Path, episodes: list[Episode], limits: FileLimits) -> Path:
    LeRobotExporter(limits=limits).export(
        episodes,
        out,
        robot=ROBOT,
        schema=default_schema(ROBOT, "test"),
        options=ExportOptions(),
        progress=lambda done, total: None,
    )
    return out


def check(out: Path, episodes: list[Episode] | None = None) -> list[Finding]:
    return list(LeRobotExporter().validate(out, {e.id: e for e in episodes or []}, ROBOT))


def edit_json(path: Path, change: Callable[[Json], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def edit_column(path: Path, name: str, change: Callable[[Any], object]) -> None:
    """Rewrite one column of a parquet file; `change` works on its values in place."""
    table = pq.read_table(path)
    at, column = table.schema.get_field_index(name), table.column(name)
    if pa.types.is_fixed_size_list(column.type):
        flat = column.combine_chunks().flatten().to_numpy().reshape(-1, column.type.list_size).copy()
        change(flat)
        array = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), column.type.list_size)
    else:
        values = column.to_pylist()
        change(values)
        array = pa.array(values, column.type)
    pq.write_table(table.set_column(at, table.schema.field(at), array), path)


def put(row: int, value: object, column: int | None = None) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        if column is None:
            values[row] = value
        else:
            values[row, column] = value

    return change


def info(change: Callable[[Json], object]) -> Callable[[Path], None]:
    return lambda out: edit_json(out / "meta/info.json", change)


def stats(change: Callable[[Json], object]) -> Callable[[Path], None]:
    return lambda out: edit_json(out / "meta/stats.json", change)


def data(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    return lambda out: edit_column(out / DATA, name, change)


def table(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    return lambda out: edit_column(out / EPISODES, name, change)


def swap(names: list[Any]) -> None:
    names[3], names[9] = names[9], names[3]


def refilm(change: Callable[[list[Any]], list[Any]], *, fps: int = 50) -> Callable[[Path], None]:
    """Write the video anew from its changed images."""

    def redo(out: Path) -> None:
        images = change([image for _, image in read_video(out / VIDEO)])
        height, width = images[0].shape[:2]
        video = VideoWriter(out / VIDEO, width=width, height=height, fps=fps, settings=VideoSettings())
        for image in images:
            video.write(np.ascontiguousarray(image))
        video.close()

    return redo


FAULTS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "version": (info(lambda i: i.update(codebase_version="v2.1")), "version", "v2.1"),
    "frames counted wrong": (info(lambda i: i.update(total_frames=1)), "totals", "total_frames"),
    "episodes counted wrong": (info(lambda i: i.update(total_episodes=9)), "totals", "total_episodes"),
    "action one short": (info(lambda i: i["features"]["action"].update(shape=[28])), "action_size", "29 joints"),
    "no action": (info(lambda i: i["features"].pop("action")), "features", "action is missing"),
    "joint order": (info(lambda i: swap(i["features"]["observation.state"]["names"])), "joint_order", "column 3"),
    "joint order of the robot": (info(lambda i: swap(i["understudy"]["robot"]["joint_names"])), "joint_order", "column 3"),
    "another robot's joint": (info(lambda i: i["features"]["action"]["names"].__setitem__(0, "tail")), "joint_order", "tail"),
    "a name too few": (info(lambda i: i["features"]["observation.base_velocity"]["names"].pop()), "shape", "5 names"),
    "a column gone": (info(lambda i: i["features"].update(x=dict(i["features"]["action"]))), "columns", "no column x"),
    "not a number": (data("action", put(17, np.nan, 4)), "not_finite", "row 17, column action"),
    "timestamp": (data("timestamp", put(5, 0.1001)), "timestamp", "row 5 (episode 0, frame 5)"),
    "frame index": (data("frame_index", put(40, 3)), "index", "row 40 (episode 1, frame 9)"),
    "episode index": (data("episode_index", put(2, 1)), "index", "column episode_index"),
    "running index": (data("index", put(3, 99)), "index", "column index"),
    "task index": (data("task_index", put(3, 1)), "index", "column task_index"),
    "row of the table": (table("episode_index", put(1, 2)), "episodes", "row 1"),
    "gap between episodes": (table("dataset_from_index", put(1, 32)), "episodes", "row 1"),
    "length": (table("length", put(2, 50)), "episode_length", "row 2"),
    "unknown task": (table("tasks", put(0, ["fly"])), "tasks", "fly"),
    "wrong data file": (table("data/file_index", put(0, 1)), "data_file", "file-001"),
    "statistics": (stats(lambda s: s["action"].update(q99=[9.0] * 29)), "stats", "q99"),
    "no statistics": (stats(lambda s: s.pop("action")), "stats", "action"),
    "statistics of an episode": (table("stats/action/mean", put(1, [0.5] * 29)), "stats", "row 1"),
    "a video frame too few": (refilm(lambda images: images[:-1]), "video_frames", "122 frames for 123 rows"),
    "a video at another rate": (refilm(lambda images: images, fps=25), "video_time", "frame 1"),
    "a small picture": (refilm(lambda images: [i[:32, :32] for i in images]), "image_size", "[32, 32, 3]"),
    "red for blue": (refilm(lambda images: [i[..., ::-1] for i in images]), "channel_order", "RGB"),
    "a video that begins elsewhere": (
        table("videos/observation.images.head_left/from_timestamp", put(1, 0.0)), "video_time", "row 1",
    ),
    "no video": (lambda out: (out / VIDEO).unlink(), "video", "mp4"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_placed(out: Path, fault: str) -> None:
    spoil, kind, words = FAULTS[fault]
    spoil(out)
    found = check(out)
    named = [f.message for f in found if f.gate == f"lerobot.{kind}"]
    assert any(words in message for message in named), [(f.gate, f.message) for f in found]


def test_a_whole_export_has_no_findings(out: Path, episodes: list[Episode]) -> None:
    assert check(out) == []
    assert check(out, episodes) == []


def test_one_value_off_by_one_bit_is_found(out: Path, episodes: list[Episode]) -> None:
    def nudge(values: Any) -> None:
        values[33, 4] = np.nextafter(values[33, 4], np.float32(np.inf))

    edit_column(out / DATA, "observation.state", nudge)
    faults = [f for f in check(out, episodes) if f.gate == "lerobot.values"]
    assert len(faults) == 1
    assert ROBOT.joint_names[4] in faults[0].message
    assert "row 33" in faults[0].message
    assert f"{episodes[1].id} " in faults[0].message


def test_values_of_two_joints_exchanged_are_found(out: Path, episodes: list[Episode]) -> None:
    def exchange(values: Any) -> None:
        values[:, [4, 13]] = values[:, [13, 4]]

    edit_column(out / DATA, "action", exchange)
    assert any(f.gate == "lerobot.values" for f in check(out, episodes))


def test_a_video_that_lags_is_found(out: Path, episodes: list[Episode]) -> None:
    refilm(lambda images: [*images[:5], *images[:-5]])(out)
    assert any(f.gate == "lerobot.picture" for f in check(out, episodes))


def test_an_episode_that_left_the_dataset_is_named(out: Path, episodes: list[Episode]) -> None:
    found = check(out, episodes[:2])
    assert [f.gate for f in found] == ["lerobot.episode_gone"]
    assert episodes[2].id in found[0].message


def test_many_faults_of_a_kind_are_counted_not_listed(out: Path) -> None:
    edit_json(
        out / "meta/stats.json", lambda s: [s["action"].update({k: [7.0] * 29}) for k in ("min", "max", "mean", "q01", "q10")]
    )
    found = [f for f in check(out) if f.gate == "lerobot.stats"]
    assert len(found) == 4
    assert "and 2 more" in found[-1].message


@pytest.mark.parametrize(
    "spoil",
    [
        lambda out: (out / "meta/info.json").unlink(),
        lambda out: (out / "meta/info.json").write_text("{"),
        lambda out: (out / "meta/info.json").write_text("{}"),
        lambda out: (out / "meta/stats.json").unlink(),
        lambda out: (out / "meta/tasks.parquet").write_bytes(b"PAR1"),
        lambda out: (out / DATA).write_bytes((out / DATA).read_bytes()[:-100]),
        lambda out: edit_json(out / "meta/info.json", lambda i: i.pop("fps")),
    ],
)
def test_what_cannot_be_read_at_all_is_an_error_that_names_the_file(out: Path, spoil: Callable[[Path], object]) -> None:
    spoil(out)
    with pytest.raises(ExportError, match=r"info|stats|tasks|file-000"):
        check(out)


def test_full_files_and_chunks_go_on_in_the_next(tmp_path: Path, episodes: list[Episode]) -> None:
    limits = FileLimits(data_mb=0, video_mb=0, files_per_chunk=2, episodes_per_file=1)
    out = write(tmp_path / "many", episodes, limits)
    names = ["chunk-000/file-000", "chunk-000/file-001", "chunk-001/file-000"]
    for folder, suffix in (("data", "parquet"), ("meta/episodes", "parquet"), ("videos/observation.images.head_left", "mp4")):
        assert [p.relative_to(out / folder).as_posix() for p in sorted((out / folder).rglob(f"*.{suffix}"))] == [
            f"{n}.{suffix}" for n in names
        ]
    assert check(out, episodes) == []
