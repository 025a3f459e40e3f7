"""The LeRobot writer keeps every law of an exporter."""

from __future__ import annotations

from understudy.export.lerobot import LeRobotExporter
from understudy.testing.export import ExporterSuite


class TestLeRobot(ExporterSuite):
    exporter = LeRobotExporter()
