"""The re-collect list of a dataset: read from its episodes, written to `reports/recollect.csv` and `reports/recollect.json`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from understudy.errors import InputError
from understudy.spec.episode import Episode
from understudy.store.atomic import write_text
from understudy.store.dataset import Dataset

FORMAT = "understudy-recollect"
FIELD = "retarget_recollect"
"""Metadata of an episode: JSON list of `retarget.recollect.Recollect`."""


@dataclass(frozen=True)
class Segment:
    """One stretch to record again; columns of the table.

    Attributes:
        episode, clip, task, demonstrator: whose motion.
        start_s, end_s: times in the episode; worst_s when it is worst.
        limb: such as `left hand`; off_cm how far the robot's is from what was asked, at worst.
        cause: the kind; why the same in words; tell what to tell the demonstrator.
        treated: what was done with it in the episode.
    """

    episode: str
    clip: str
    task: str
    demonstrator: str
    start_s: float
    end_s: float
    worst_s: float
    limb: str
    off_cm: float
    cause: str
    why: str
    tell: str
    treated: str


@dataclass(frozen=True)
class RecollectList:
    """Segments of a dataset, the worst first, and where they were written.

    Attributes:
        segments: what to record again.
        episodes: how many episodes carry a list; the others were not retargeted here.
        csv, json: the files.
    """

    segments: tuple[Segment, ...]
    episodes: int
    csv: Path
    json: Path


def write_recollect(dataset: Dataset) -> RecollectList:
    """Gather the lists of all episodes, accepted or refused, and write them; an empty list is written too.

    Raises:
        StorageError: the disk refused.
    """
    segments: list[Segment] = []
    listed = 0
    for ref in dataset.refs("all"):
        try:
            episode = dataset.read(ref.id)
        except InputError:
            continue  # whoever checks the dataset names it
        listed += FIELD in episode.metadata
        segments += segments_of(episode)
    segments.sort(key=lambda s: (-s.off_cm, s.episode, s.start_s))
    folder = dataset.root / "reports"
    table, text = folder / "recollect.csv", folder / "recollect.json"
    _replace(table, _csv(segments))
    said = {"format": FORMAT, "format_version": 1, "episodes": listed, "segments": [asdict(s) for s in segments]}
    _replace(text, json.dumps(said, indent=2) + "\n")
    return RecollectList(tuple(segments), listed, table, text)


def _replace(path: Path, text: str) -> None:
    """Write a file unless it says the same already."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def segments_of(episode: Episode) -> tuple[Segment, ...]:
    """What is to be recorded again of one episode; nothing where it carries no list."""
    try:
        entries = json.loads(str(episode.metadata.get(FIELD, "[]")))
        return tuple(_segment(episode, entry) for entry in entries)
    except (ValueError, TypeError, KeyError):
        return ()


def _segment(episode: Episode, entry: dict[str, object]) -> Segment:
    data = episode.metadata
    start_s, end_s, worst_s = (round(float(str(entry[key])), 3) for key in ("start_s", "end_s", "worst_s"))
    return Segment(
        episode=episode.id,
        clip=str(data.get("clip", "")),
        task=str(data.get("task_id", "")),
        demonstrator=str(data.get("demonstrator_id", "")),
        start_s=start_s,
        end_s=end_s,
        worst_s=worst_s,
        limb=str(entry["end"]).replace("_", " "),
        off_cm=round(100.0 * float(str(entry["worst_m"])), 1),
        cause=str(entry["cause"]),
        why=str(entry["why"]),
        tell=str(entry["tell"]),
        treated=str(entry["treated"]),
    )


def _csv(segments: Sequence[Segment]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, [field.name for field in fields(Segment)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(segment) for segment in segments)
    return out.getvalue()
