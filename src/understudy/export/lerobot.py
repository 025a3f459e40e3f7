"""LeRobot v3.0: parquet tables and H.264 videos, read by lerobot's LeRobotDataset and trained on by its policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from understudy.errors import ExportError
from understudy.export._folder import new_folder, refuse_existing
from understudy.export._lerobot_check import check_lerobot
from understudy.export._lerobot_files import FileLimits
from understudy.export._lerobot_writer import LeRobotWriter, whole_fps
from understudy.export._plan import plan_export, walk_again
from understudy.export._video import VideoSettings
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Exporter, ExportOptions, ExportReport, Progress
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class LeRobotExporter:
    """Writes and checks LeRobot v3.0 datasets."""

    title = "LeRobot v3.0"

    def __init__(self, *, limits: FileLimits | None = None, video: VideoSettings | None = None) -> None:
        self.limits = limits or FileLimits()
        self.video = video or VideoSettings()

    def export(
        self,
        episodes: Iterable[Episode],
        out: Path,
        *,
        robot: RobotModel,
        schema: Schema,
        options: ExportOptions,
        progress: Progress,
    ) -> ExportReport:
        """Write `episodes` to the new folder `out`; nothing is left behind when it fails.

        Raises:
            ExportError: `out` is there already, there is no episode, or an episode cannot be exported.
            JointOrderError: an episode's joints are another robot's.
            StorageError: the disk refuses.
        """
        if options.policy != "flat":
            raise ExportError(f"LeRobot is written for policy 'flat'; {options.policy!r} is not offered by this format")
        refuse_existing(out)
        again = walk_again(episodes)
        plan = plan_export(again, robot, schema, options)
        whole_fps(plan.fps)
        with new_folder(out) as part:
            writer = LeRobotWriter(part, plan, limits=self.limits, video=self.video)
            try:
                for done, episode in enumerate(again):
                    progress(done, plan.episodes)
                    writer.add(episode)
                warnings = writer.finish()
            except BaseException:
                writer.abandon()
                raise
        progress(plan.episodes, plan.episodes)
        return ExportReport(out, plan.episodes, writer.frames, warnings)

    def validate(self, out: Path, episodes: Mapping[str, Episode], robot: RobotModel) -> Sequence[Finding]:
        """Read `out` back and hold it against itself, the robot, and the episodes at hand."""
        return check_lerobot(out, episodes, robot)


PLUGIN: Exporter = LeRobotExporter()
