"""Small datasets on disk, of standing robots."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode, make_fall_episode, with_gap


@cache
def _g1() -> RobotModel:
    return load_robot("unitree_g1")


def dataset_of(root: Path, robot: RobotModel, *episodes: Episode, name: str = "test") -> Dataset:
    """A new dataset with these episodes of a robot, under the default schema."""
    dataset = Dataset.create(root, default_schema(robot, name), robot)
    for episode in episodes:
        dataset.add(episode)
    return dataset


def good_episode(seed: int = 0) -> Episode:
    """Two seconds of a Unitree G1 that stands; every gate lets it through. Its id is `stand_0000000` and the seed."""
    return make_episode(_g1(), duration_s=2.0, seed=seed)


def mixed_dataset(root: Path) -> Dataset:
    """Two good episodes (`stand_00000000`, `stand_00000001`), a fall (`fall_00000000`), and one with a hole in a stream
    (`stand_00000002`)."""
    holed = with_gap(good_episode(seed=2), "observations/joint_velocities", start_s=0.5, gap_s=0.2)
    return dataset_of(root, _g1(), good_episode(), good_episode(seed=1), make_fall_episode(_g1()), holed)
