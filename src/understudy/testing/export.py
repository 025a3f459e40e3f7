"""What every exporter must do, as a test class to subclass, and episodes with a camera to try it on.

class TestMyFormat(ExporterSuite):
    exporter = MyExporter()
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from understudy.errors import EpisodeError, ExportError, JointOrderError, StorageError
from understudy.geom.arrays import U8, AnyArray
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode, even_timeline
from understudy.spec.findings import Finding
from understudy.spec.protocols import Exporter, ExportOptions, ExportReport
from understudy.spec.stream import Stream, StreamSpec
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.stand_in import stand_in_robot

CAMERA = "head_left"


def picture(step: int, *, width: int, height: int) -> U8:
    """(H, W, 3) RGB: mostly red, greener to the right, and a bright bar that moves with `step`."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0] = 200
    image[..., 1] = np.linspace(0, 120, width).astype(np.uint8)
    image[..., 2] = 30
    at = (step * 4) % (width - 8)
    image[:, at : at + 8] = 240
    return image


def with_camera(episode: Episode, *, width: int = 64, height: int = 48, rate_hz: float = 30.0) -> Episode:
    """The episode with a head camera of its own rate."""
    import simplejpeg

    t_ns = even_timeline(int(episode.timeline_ns[0]), int(episode.timeline_ns[-1]), rate_hz)
    images = np.empty(len(t_ns), dtype=object)
    for step in range(len(t_ns)):
        images[step] = simplejpeg.encode_jpeg(picture(step, width=width, height=height), quality=95, colorspace="RGB")
    shape = (height, width, 3)
    spec = StreamSpec(name=CAMERA, group="observations", dtype="uint8", shape=shape, kind="image", frame=f"{CAMERA}_camera")
    return with_stream(episode, Stream(spec, t_ns, images))


def with_shuffled_joints(episode: Episode, key: str, *, seed: int = 0) -> Episode:
    """The episode with the columns of one joint stream in another order, and their names with them."""
    stream = episode.stream(key)
    order = np.random.default_rng(seed).permutation(len(episode.joint_names))
    names = tuple(episode.joint_names[i] for i in order)
    spec = stream.spec.model_copy(update={"names": names})
    return with_stream(episode, replace(stream, spec=spec, values=stream.data[:, order]))


def with_failing_read(episode: Episode, key: str, error: Exception) -> Episode:
    """The episode with a stream that cannot be read: what a damaged file or a full disk looks like to an exporter."""

    def fail() -> AnyArray:
        raise error

    return with_stream(episode, replace(episode.stream(key), values=fail))


class ExporterSuite:
    """Laws of an exporter; pytest runs them for every subclass.

    Attributes:
        exporter: the one under test.
        cameras: whether the format holds images.
        reads: a stream that every export takes in; it is made unreadable to see what is left behind.
    """

    exporter: ClassVar[Exporter]
    cameras: ClassVar[bool] = True
    reads: ClassVar[str] = "observations/joint_velocities"

    @pytest.fixture
    def episodes(self) -> list[Episode]:
        """Three episodes of different lengths and two tasks, with a camera where the format holds images."""
        robot, tasks = stand_in_robot(), ("stand", "stand", "sway")
        made = [
            make_episode(robot, duration_s=1.0 + 0.3 * i, seed=i, metadata={"language_instruction": task})
            for i, task in enumerate(tasks)
        ]
        return [with_camera(e) for e in made] if self.cameras else made

    def export(self, episodes: Iterable[Episode], out: Path, *, fps: float | None = None) -> ExportReport:
        """Export episodes to a folder."""
        robot = stand_in_robot()
        schema = default_schema(robot, "conformance")
        return self.exporter.export(
            episodes, out, robot=robot, schema=schema, options=ExportOptions(fps=fps), progress=lambda done, total: None
        )

    def frames(self, episode: Episode) -> int:
        """How many frames an episode gives when no rate is asked for: its steps, where the format says nothing else."""
        return len(episode.timeline_ns)

    def findings(self, out: Path, episodes: Iterable[Episode]) -> list[Finding]:
        """What validation says of an export, held against episodes."""
        return list(self.exporter.validate(out, {e.id: e for e in episodes}, stand_in_robot()))

    def test_round_trip(self, episodes: list[Episode], tmp_path: Path) -> None:
        report = self.export(episodes, tmp_path / "out")
        assert report.episodes == len(episodes)
        assert report.frames == sum(self.frames(e) for e in episodes)
        assert self.findings(tmp_path / "out", episodes) == []

    def test_episodes_may_come_from_a_generator(self, episodes: list[Episode], tmp_path: Path) -> None:
        def one_by_one() -> Iterator[Episode]:
            yield from episodes

        self.export(one_by_one(), tmp_path / "out")
        assert self.findings(tmp_path / "out", episodes) == []

    def test_another_rate_round_trips(self, episodes: list[Episode], tmp_path: Path) -> None:
        report = self.export(episodes, tmp_path / "out", fps=20.0)
        assert report.frames < sum(self.frames(e) for e in episodes)
        assert self.findings(tmp_path / "out", episodes) == []

    def test_validation_sees_another_episode(self, episodes: list[Episode], tmp_path: Path) -> None:
        self.export(episodes, tmp_path / "out")
        other = replace(episodes[1], id=episodes[0].id)
        assert self.findings(tmp_path / "out", [*episodes, other])

    def test_joints_are_taken_by_name(self, episodes: list[Episode], tmp_path: Path) -> None:
        for key in ("observations/joint_positions", "actions/joint_position_target"):
            shuffled = [with_shuffled_joints(e, key) for e in episodes]
            out = tmp_path / key.replace("/", "_")
            self.export(shuffled, out)
            assert self.findings(out, episodes) == []

    def test_joints_of_another_robot_are_refused(self, episodes: list[Episode], tmp_path: Path) -> None:
        stream = episodes[0].stream("observations/joint_positions")
        spec = stream.spec.model_copy(update={"names": ("tail", *stream.spec.names[1:])})
        with pytest.raises(JointOrderError, match="tail"):
            self.export([with_stream(episodes[0], replace(stream, spec=spec))], tmp_path / "out")
        with pytest.raises(JointOrderError, match="another_robot"):
            self.export([replace(episodes[0], robot="another_robot")], tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_what_is_there_is_not_written_over(self, episodes: list[Episode], tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "precious").write_text("mine")
        with pytest.raises(ExportError, match="already there"):
            self.export(episodes, tmp_path / "out")
        assert (tmp_path / "out" / "precious").read_text() == "mine"
        assert len(list(tmp_path.iterdir())) == 1

    def test_an_empty_dataset_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ExportError, match="no episode"):
            self.export([], tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("error", "raised"),
        [
            (EpisodeError("damaged half-way"), EpisodeError),
            (OSError(errno.ENOSPC, "no space"), StorageError),
            (KeyboardInterrupt(), KeyboardInterrupt),
        ],
    )
    def test_nothing_is_left_behind_when_it_fails_mid_way(
        self,
        episodes: list[Episode],
        tmp_path: Path,
        error: Exception,
        raised: type[BaseException],
    ) -> None:
        broken = with_failing_read(episodes[2], self.reads, error)
        with pytest.raises(raised):
            self.export([*episodes[:2], broken], tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_the_same_episodes_give_the_same_bytes(self, episodes: list[Episode], tmp_path: Path) -> None:
        for name in ("a", "b"):
            self.export(episodes, tmp_path / name)
        files = [p.relative_to(tmp_path / "a") for p in sorted((tmp_path / "a").rglob("*")) if p.is_file()]
        assert files
        for file in files:
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file

    def test_not_a_number_is_refused(self, episodes: list[Episode], tmp_path: Path) -> None:
        stream = episodes[0].stream("observations/joint_positions")
        data = np.array(stream.data, dtype=np.float64)
        data[7, 3] = np.nan
        with pytest.raises(ExportError, match=f"{episodes[0].id}.*{episodes[0].joint_names[3]}"):
            self.export([with_stream(episodes[0], replace(stream, values=data))], tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
