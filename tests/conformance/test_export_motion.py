"""Every flavour of motion file keeps every law of an exporter."""

from __future__ import annotations

from typing import ClassVar

from understudy.export.motion import FLAVOURS, MotionExporter
from understudy.spec.episode import Episode
from understudy.testing.export import ExporterSuite


class MotionSuite(ExporterSuite):
    cameras: ClassVar[bool] = False
    reads: ClassVar[str] = "debug/base_pose_world"

    def frames(self, episode: Episode) -> int:
        """A motion keeps its own rate."""
        return len(episode.stream("observations/joint_positions"))


class TestCsv(MotionSuite):
    exporter = MotionExporter("csv")


class TestWholeBodyTracking(MotionSuite):
    exporter = MotionExporter("wbt")


class TestLocoMujoco(MotionSuite):
    exporter = MotionExporter("locomujoco")


class TestGmr(MotionSuite):
    exporter = MotionExporter("gmr")


def test_every_flavour_is_held_to_the_laws() -> None:
    assert set(FLAVOURS) == {"csv", "wbt", "locomujoco", "gmr"}
