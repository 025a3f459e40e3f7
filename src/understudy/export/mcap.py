"""MCAP files that Foxglove opens: every stream of an episode at its own stamps, with named joints, pictures and frames."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from understudy.errors import ExportError
from understudy.export._features import export_grid
from understudy.export._folder import new_folder, refuse_existing
from understudy.export._mcap_check import check_mcap
from understudy.export._mcap_file import write_mcap
from understudy.export._mcap_info import FOLDER, INFO, McapEntry, Written, about, info_json
from understudy.export._mcap_schemas import FRAMES_TOPIC
from understudy.export._mcap_tracks import tracks
from understudy.export._plan import walk_again
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Exporter, ExportOptions, ExportReport, Progress
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class McapExporter:
    """Writes one MCAP file per episode."""

    title = "MCAP files for Foxglove"

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
            ExportError: `out` is there already, there is no episode, or a value cannot be written.
            JointOrderError: an episode's joints are another robot's.
            UnknownNameError: a camera was asked for that an episode does not have.
            StorageError: the disk refuses.
        """
        refuse_existing(out)
        if options.policy != "flat":
            raise ExportError(f"MCAP files hold streams, no policy's features; policy {options.policy!r} is not offered")
        again = walk_again(episodes)
        total = _count(again)
        files: list[Written] = []
        topics: dict[str, str] = {}
        with new_folder(out) as part:
            (part / FOLDER).mkdir()
            for done, episode in enumerate(again):
                progress(done, total)
                files.append(_write(part, episode, done, robot, options, topics))
            (part / INFO).parent.mkdir()
            (part / INFO).write_text(info_json(files, topics, robot, schema, options, []), encoding="utf-8")
        progress(total, total)
        return ExportReport(out, total, sum(f.entry.frames for f in files))

    def validate(self, out: Path, episodes: Mapping[str, Episode], robot: RobotModel) -> Sequence[Finding]:
        """Read `out` back and hold it against itself and the episodes at hand."""
        return check_mcap(out, episodes, robot)


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
    part: Path, episode: Episode, index: int, robot: RobotModel, options: ExportOptions, topics: dict[str, str]
) -> Written:
    """Write one episode's file."""
    made = tracks(episode, robot, options)
    frames = len(export_grid(episode, options.fps)) if options.fps else len(episode.timeline_ns)
    file = Path(FOLDER) / f"{episode.id}.mcap"
    messages = write_mcap(part / file, episode, made)
    topics.update({t.topic: t.topic.removeprefix("/") for t in made if t.topic != FRAMES_TOPIC})
    digest = hashlib.sha256((part / file).read_bytes()).hexdigest()
    entry = McapEntry(episode_index=index, id=episode.id, file=file.as_posix(), frames=frames, messages=messages, sha256=digest)
    return Written(entry, about(episode))


PLUGIN: Exporter = McapExporter()
