"""What the gates say of one clean episode and of everything that can go wrong with it."""

from __future__ import annotations

import hashlib
import tempfile
import traceback
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import cast

import defects_baselines as baselines
from defects_clean import Source, Variant, clean_schema, episode_name, make_clean, sources

from understudy import plugins
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset
from understudy.quality.skip import NotApplicable
from understudy.quality.travel import joint_travel_rad
from understudy.quality.verdict import judge
from understudy.spec.default_schema import schema_toml
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Notes
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.store.dataset import Dataset

ROBOT = "unitree_g1"
MOST_SEVERE = 100.0
CLEAN = "clean"
GRADED = 4
"""Every so-manieth episode is given all strengths, the others the documented ones."""
MADE_OF = ("retarget", "simulate", "kinematics", "mocap", "devices", "record", "pipeline/record", "testing/sensed.py")
"""Parts of the package that clean episodes are made by."""


@dataclass(frozen=True)
class Row:
    """One judgement.

    Attributes:
        episode, group, kind: of the clean episode.
        defect: its name; `clean` for none.
        strength: 0 for none.
        refused: by any gate.
        gates: of those that refuse it, each with the worst of value over limit.
        warned: gates that warn.
        rating: the combined score; None without one.
        figures: of the published rules.
        findings: sentences of what refuses a clean episode.
        unfit: why the episode cannot have the defect; empty where it can.
        crash: what a gate or score broke down with; the episode counts as not refused.
    """

    episode: str
    group: str
    kind: str
    defect: str
    strength: float
    refused: bool = False
    gates: Mapping[str, float] = field(default_factory=dict)
    warned: Sequence[str] = ()
    rating: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    findings: Sequence[str] = ()
    unfit: str = ""
    crash: str = ""


@dataclass(frozen=True)
class Place:
    """Where a worker finds everything.

    Attributes:
        root: dataset of clean episodes.
        samples: folder of public samples; None for none.
        peers: task to episode id to seconds.
        travels: task to episode id to how far its joints go, radians.
        quick: only documented strengths.
    """

    root: Path
    samples: Path | None
    peers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    travels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    quick: bool = False


@cache
def _robot() -> RobotModel:
    return load_robot(ROBOT)


@cache
def _schema(samples: Path | None) -> tuple[Schema, str]:
    schema = clean_schema(_robot(), samples)
    return schema, schema_toml(schema)


@cache
def _sources(samples: Path | None) -> dict[str, Source]:
    return {source.name: source for source in sources(samples)}


def clean_root(work: Path) -> Path:
    """Folder of the clean episodes, another one when what makes them has changed."""
    package = Path(plugins.__file__).parent
    files = [Path(__file__).with_name(name) for name in ("defects_clean.py", "defects_recorded.py", "defects_apart.py")]
    for part in MADE_OF:
        files += sorted((package / part).rglob("*.py")) if (package / part).is_dir() else [package / part]
    return work / f"clean_{hashlib.sha256(b''.join(path.read_bytes() for path in files)).hexdigest()[:8]}"


def open_clean(root: Path, samples: Path | None) -> Dataset:
    """The dataset of clean episodes, made empty where there is none."""
    if (root / "schema.toml").is_file():
        return Dataset.open(root)
    return Dataset.create(root, _schema(samples)[0], _robot())


def ensure_clean(place: Place, source_name: str, v: Variant) -> tuple[str, float, float]:
    """Make a clean episode unless it is there; its id, its length in seconds, and how far its joints go."""
    source = _sources(place.samples)[source_name]
    path = place.root / "episodes" / source.name / f"{episode_name(source, v)}.h5"
    dataset = Dataset.open(place.root)
    if not path.is_file():
        schema = dataset.schema
        dataset.add(make_clean(source, v, schema, dataset.schema_text, place.root.parent))
    episode = dataset.read(path.stem)
    return path.stem, episode.duration_s, joint_travel_rad(episode)


def examine(place: Place, source_name: str, v: Variant) -> list[dict[str, object]]:
    """Rows of one clean episode: itself, and every defect that it can have."""
    source, (schema, text) = _sources(place.samples)[source_name], _schema(place.samples)
    episode = _in_memory(Dataset.open(place.root).read(episode_name(source, v)), text)
    base = Row(episode.id, source.group or source.name, source.kind, CLEAN, 0.0)
    rows = [_judged(base, episode, place, schema, source.name)]
    every_strength = not place.quick and zlib.crc32(episode.id.encode()) % GRADED == 0
    for name in plugins.names("defects"):
        defect = cast(Defect, plugins.load("defects", name))
        for strength in defect.strengths if every_strength else (defect.documented,):
            row = replace(base, defect=name, strength=strength)
            try:
                hurt = defect.inject(episode, strength, robot=_robot(), seed=zlib.crc32(episode.id.encode()))
            except NotApplicable as why:
                rows.append(replace(row, unfit=str(why)))
                continue
            if hurt.id != episode.id:  # a second one, which is seen beside the first
                rows.append(_beside(row, episode, hurt, schema))
            else:
                figured = strength == defect.documented
                rows.append(_judged(row, hurt, place, schema, source.name, figured=figured))
    return [asdict(row) for row in rows]


def _in_memory(episode: Episode, schema_text: str) -> Episode:
    """The episode with all its samples read, under the schema as it is now."""
    streams = {key: stream.with_values(stream.data, stream.t_ns) for key, stream in episode.streams.items()}
    return replace(episode, streams=streams, schema_toml=schema_text)


def _judged(row: Row, episode: Episode, place: Place, schema: Schema, task: str, *, figured: bool = True) -> Row:
    try:
        peers, travels = place.peers.get(task, {}), place.travels.get(task, {})
        notes = judge(episode, _robot(), schema, peers=peers, travels=travels)
    except Exception as error:  # noqa: BLE001 - a gate that breaks down is a result of this benchmark
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if "understudy" in frame.filename][-1]
        return replace(row, crash=f"{Path(ours.filename).name}:{ours.lineno}: {type(error).__name__}: {str(error)[:200]}")
    return replace(_with_notes(row, notes), figures=baselines.figures(episode) if figured else {})


def _beside(row: Row, first: Episode, second: Episode, schema: Schema) -> Row:
    """Both in one dataset: refused where either of them is."""
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        dataset = Dataset.create(Path(folder) / "set", schema, _robot())
        for episode in (first, second):
            dataset.add(episode)
        notes = [checked.notes for checked in check_dataset(dataset).episodes if checked.notes is not None]
    worst = next((n for n in notes if n.verdict == "rejected"), notes[-1])
    return _with_notes(row, worst)


def _with_notes(row: Row, notes: Notes) -> Row:
    rejecting = [f for f in notes.findings if f.severity == "reject"]
    gates: dict[str, float] = {}
    for finding in rejecting:
        gates[finding.gate] = max(gates.get(finding.gate, 0.0), severity(finding))
    warned = sorted({f.gate for f in notes.findings if f.severity == "warn"})
    said = [f"{f.gate}: {f.message}" for f in rejecting] if row.defect == CLEAN else []
    rating = notes.quality_rating
    return replace(row, refused=notes.verdict == "rejected", gates=gates, warned=warned, rating=rating, findings=said)


def severity(finding: Finding) -> float:
    """How far a finding is beyond its limit, as a factor of at least 1; 2 where it gives no figure."""
    if finding.value is None or finding.limit is None:
        return 2.0
    value, limit = abs(finding.value), abs(finding.limit)
    small, large = min(value, limit), max(value, limit)
    return float(min(large / small, MOST_SEVERE)) if small > 0 else min(1.0 + large, MOST_SEVERE)
