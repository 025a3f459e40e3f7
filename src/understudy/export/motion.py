"""Robot motion files for motion trackers: Unitree CSV, whole-body-tracking npz, loco-mujoco npz, GMR pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from understudy.errors import ExportError, UnknownNameError
from understudy.export import _motion_csv, _motion_gmr, _motion_locomujoco, _motion_wbt
from understudy.export._folder import new_folder, refuse_existing
from understudy.export._motion_check import check_motion
from understudy.export._motion_clip import motion_clip, own_stamps
from understudy.export._motion_flavour import Flavour, frames_per_second
from understudy.export._motion_info import FOLDER, INFO, MotionEntry, Written, info_json
from understudy.export._plan import walk_again
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Exporter, ExportOptions, ExportReport, Progress
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema

FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
    {m.FLAVOUR.name: m.FLAVOUR for m in (_motion_csv, _motion_wbt, _motion_locomujoco, _motion_gmr)}
)


class MotionExporter:
    """Writes one motion file per episode; the flavour that options leave open is `default`."""

    title = "Robot motion files (csv, wbt, locomujoco, gmr)"
    flavours = tuple(FLAVOURS)

    def __init__(self, default: str = "csv") -> None:
        self.default = default

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
            UnknownNameError: there is no such flavour.
            StorageError: the disk refuses.
        """
        flavour = self._flavour(options)
        refuse_existing(out)
        again = walk_again(episodes)
        total = _count(again)
        warnings: list[str] = []
        files: list[Written] = []
        with new_folder(out) as part:
            (part / FOLDER).mkdir()
            for done, episode in enumerate(again):
                progress(done, total)
                files.append(_write(part, episode, done, flavour, robot, options, warnings))
            (part / INFO).parent.mkdir()
            (part / INFO).write_text(info_json(files, flavour.name, robot, schema, options, warnings), encoding="utf-8")
        progress(total, total)
        return ExportReport(out, total, sum(f.entry.frames for f in files), tuple(warnings))

    def validate(self, out: Path, episodes: Mapping[str, Episode], robot: RobotModel) -> Sequence[Finding]:
        """Read `out` back and hold it against itself, the robot, and the episodes at hand."""
        return check_motion(out, episodes, robot, FLAVOURS)

    def _flavour(self, options: ExportOptions) -> Flavour:
        name = options.flavour or self.default
        if name not in FLAVOURS:
            raise UnknownNameError("flavour of motion files", name, FLAVOURS)
        if options.policy != "flat":
            raise ExportError(f"motion files hold no policy's features; policy {options.policy!r} is not offered, leave it out")
        if options.cameras or options.render_ego:
            raise ExportError("motion files hold no pictures; leave --cameras and --render-ego out, or choose the format lerobot")
        return FLAVOURS[name]


def _count(episodes: Iterable[Episode]) -> int:
    ids: set[str] = set()
    for episode in episodes:
        if episode.id in ids:
            raise ExportError(f"episode {episode.id} comes twice; ids are unique in a dataset, rename one of the files")
        ids.add(episode.id)
    if not ids:
        raise ExportError("there is no episode to export: the dataset is empty, or every episode was refused (see its failures)")
    return len(ids)


def _write(
    part: Path, episode: Episode, index: int, flavour: Flavour, robot: RobotModel, options: ExportOptions, warnings: list[str]
) -> Written:
    """Write one episode's file."""
    motion = motion_clip(episode, robot, options.fps)
    fps = frames_per_second(motion.t_ns) or options.fps or 0.0
    if fps <= 0.0:
        raise ExportError(f"episode {episode.id} has a single frame and so no rate; leave it out or give --fps")
    if options.fps is None and own_stamps(episode) is None:
        warnings.append(
            f"episode {episode.id}: joints and root have no even rate in common; written at the control rate, {fps:g} Hz"
        )
    file = Path(FOLDER) / f"{episode.id}{flavour.suffix}"
    try:
        flavour.write(motion, robot, part / file)
    except ExportError as error:
        raise ExportError(f"episode {episode.id}: {error}") from None
    digest = hashlib.sha256((part / file).read_bytes()).hexdigest()
    entry = MotionEntry(episode_index=index, id=episode.id, file=file.as_posix(), frames=len(motion.t_ns), fps=fps, sha256=digest)
    return Written(episode, entry)


PLUGIN: Exporter = MotionExporter()
