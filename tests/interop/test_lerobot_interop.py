"""lerobot 0.4.4 itself reads what we write, frame by frame what the episodes hold."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from understudy.export.lerobot import LeRobotExporter
from understudy.geom.arrays import AnyArray
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.testing.episodes import make_episode
from understudy.testing.export import picture, with_camera
from understudy.testing.stand_in import stand_in_robot

pytestmark = pytest.mark.interop
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROBOT = stand_in_robot()
CHUNK = 16
STREAMS = {
    "observation.state": "observations/joint_positions",
    "action": "actions/joint_position_target",
    "observation.velocity": "observations/joint_velocities",
    "observation.base_velocity": "observations/base_velocity",
    "observation.projected_gravity": "observations/projected_gravity",
    "observation.foot_contact": "observations/foot_contact",
}


@dataclass(frozen=True)
class Dump:
    """What lerobot gave: one array per feature over all frames, and its metadata."""

    columns: dict[str, AnyArray]
    meta: dict[str, Any]


def make_episodes(*, camera: bool) -> list[Episode]:
    tasks = ("stand", "stand", "sway")
    made = [
        make_episode(ROBOT, duration_s=0.6 + 0.2 * i, seed=i, metadata={"language_instruction": task})
        for i, task in enumerate(tasks)
    ]
    return [with_camera(e) for e in made] if camera else made


def export(episodes: list[Episode], out: Path) -> Path:
    schema = default_schema(ROBOT, "test")
    LeRobotExporter().export(
        episodes, out, robot=ROBOT, schema=schema, options=ExportOptions(), progress=lambda done, total: None
    )
    return out


def load(folder: Path) -> Dump:
    return Dump({p.stem: np.load(p) for p in folder.glob("*.npy")}, json.loads((folder / "meta.json").read_text()))


@pytest.fixture(scope="session")
def in_lerobot() -> Callable[..., str]:
    """Run a script of this folder with lerobot's Python; the test is skipped where that environment is missing."""
    folder = Path(os.environ.get("ENV_LEROBOT", ".venv-lerobot"))
    python = (folder if folder.is_absolute() else ROOT / folder) / "bin" / "python"
    if not python.exists():
        pytest.skip(
            f"no lerobot environment at {python.parents[1]}: `make env-lerobot` makes it, ENV_LEROBOT names another place"
        )

    def run(script: str, *args: object) -> str:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
        command = [str(python), str(HERE / script), *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=600)
        assert done.returncode == 0, f"{script}: {done.stderr[-3000:]}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def vectors(in_lerobot: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Dump:
    folder = tmp_path_factory.mktemp("vectors")
    in_lerobot("read_lerobot.py", export(make_episodes(camera=False), folder / "out"), folder / "dump")
    return load(folder / "dump")


@pytest.fixture(scope="module")
def films(in_lerobot: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Dump:
    folder = tmp_path_factory.mktemp("films")
    in_lerobot("read_lerobot.py", export(make_episodes(camera=True), folder / "out"), folder / "dump", "--chunk", CHUNK)
    return load(folder / "dump")


def whole(episodes: list[Episode], key: str) -> AnyArray:
    """(frames, D) float32 values of a stream over all episodes, by the episode's own timeline."""
    return np.concatenate([e.on_timeline(key).astype(np.float32) for e in episodes])


@pytest.mark.parametrize("feature", STREAMS)
def test_every_value_of_every_frame(vectors: Dump, feature: str) -> None:
    np.testing.assert_array_equal(vectors.columns[feature], whole(make_episodes(camera=False), STREAMS[feature]))


def test_names_robot_tasks_and_rate(vectors: Dump) -> None:
    meta = vectors.meta
    assert meta["names"]["action"] == meta["names"]["observation.state"] == list(ROBOT.joint_names)
    assert (meta["robot"], meta["fps"], meta["episodes"]) == (ROBOT.name, 50, 3)
    assert meta["task_table"] == {"stand": 0, "sway": 1}
    lengths = [len(e.timeline_ns) for e in make_episodes(camera=False)]
    assert meta["tasks"] == ["stand"] * sum(lengths[:2]) + ["sway"] * lengths[2]


def test_boundaries_of_episodes(vectors: Dump) -> None:
    lengths = [len(e.timeline_ns) for e in make_episodes(camera=False)]
    ends = np.cumsum(lengths).tolist()
    assert vectors.meta["to"] == ends
    assert vectors.meta["from"] == [0, *ends[:-1]]
    np.testing.assert_array_equal(vectors.columns["episode_index"], np.repeat(np.arange(3), lengths))
    frame = np.concatenate([np.arange(n) for n in lengths])
    np.testing.assert_array_equal(vectors.columns["frame_index"], frame)
    np.testing.assert_array_equal(vectors.columns["timestamp"], (frame / 50).astype(np.float32))


def test_statistics_are_read(vectors: Dump) -> None:
    q = whole(make_episodes(camera=False), "observations/joint_positions").astype(np.float64)
    stats = vectors.meta["stats"]["observation.state"]
    np.testing.assert_allclose(stats["mean"], q.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(stats["q99"], np.quantile(q, 0.99, axis=0), atol=1e-12)
    assert np.asarray(stats["min"]).tolist() == q.min(axis=0).tolist()


def test_chunks_of_actions_end_with_the_episode(films: Dump) -> None:
    episodes = make_episodes(camera=True)
    at = 0
    for episode in episodes:
        action = episode.on_timeline("actions/joint_position_target").astype(np.float32)
        for k in range(len(action)):
            ahead = np.minimum(np.arange(k, k + CHUNK), len(action) - 1)
            np.testing.assert_array_equal(films.columns["action"][at + k], action[ahead])
            np.testing.assert_array_equal(films.columns["action_is_pad"][at + k], np.arange(k, k + CHUNK) >= len(action))
        at += len(action)


def test_images_are_those_known_at_each_frame(films: Dump) -> None:
    """Channels first, 0 to 1, red where red was; the picture of the newest image: floor(30 k / 50) by the 30 Hz camera."""
    images = films.columns["observation.images.head_left"]
    frames = films.columns["frame_index"]
    assert images.shape[1:] == (3, 48, 64)
    for image, frame in zip(images, frames, strict=True):
        want = picture(int(frame) * 30 // 50, width=64, height=48) / 255.0
        off = np.abs(image.transpose(1, 2, 0) - want)
        assert off.mean() < 0.03, f"frame {frame}"
    mean = images.mean(axis=(0, 2, 3))
    assert mean[0] > mean[1] > mean[2]
    np.testing.assert_allclose(np.ravel(films.meta["stats"]["observation.images.head_left"]["mean"]), mean, atol=0.02)


def test_tables_have_the_types_of_lerobots_own(in_lerobot: Callable[..., str], tmp_path: Path) -> None:
    """Against files that lerobot wrote: the same columns of the same types, and the same entries in info.json."""
    in_lerobot("write_lerobot.py", tmp_path / "official", tmp_path / "types.json")
    official = json.loads((tmp_path / "types.json").read_text())
    ours = export(make_episodes(camera=True), tmp_path / "ours")
    info = json.loads((ours / "meta/info.json").read_text())
    assert set(official["info"]) <= set(info)
    assert set(info) - set(official["info"]) == {"understudy"}
    for name in ("observation.images.head_left", "timestamp", "frame_index", "episode_index", "index", "task_index"):
        assert info["features"][name] == official["info"]["features"][name]
    for file, columns in official["types"].items():
        mine = {f.name: _plain(str(f.type)) for f in pq.read_schema(ours / file)}
        theirs = {n: _plain(t) for n, t in columns.items() if "observation.one" not in n}
        assert {n: mine.get(n, "missing").replace("[29]", "[3]") for n in theirs} == theirs, file


def _plain(kind: str) -> str:
    """Arrow names list items `item` or `element` and strings large or not; both are read alike."""
    return kind.replace("item:", "element:").replace("large_string", "string")


@pytest.mark.slow
@pytest.mark.parametrize("camera", [True, False])
def test_act_trains_on_it(in_lerobot: Callable[..., str], tmp_path: Path, camera: bool) -> None:
    out = in_lerobot("train_act.py", export(make_episodes(camera=camera), tmp_path / "out"), "--steps", 20)
    trained = json.loads(out.strip().splitlines()[-1])
    assert np.all(np.isfinite(trained["losses"]))
    assert np.mean(trained["losses"][-3:]) < 0.7 * np.mean(trained["losses"][:3])
