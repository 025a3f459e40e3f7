"""What `understudy sync` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.pipeline.sync import EpisodeSync
    from understudy.pipeline.sync_calibrate import Calibration
    from understudy.pipeline.sync_realign import Realigned
    from understudy.store.dataset import Dataset
    from understudy.sync.verdict import SyncVerdict

_COLUMNS = ("stream", "motions", "late, ms", "spread, ms", "95 % interval, ms", "drift, ppm")
_NO_MOTION = (
    "no sharp motion in it: nothing goes from rest to rest within 0.6 s at 0.5 rad/s or more. Synchronization cannot be seen; "
    "begin a take with five quick moves of an arm, each after half a second of rest"
)


def print_check(found: EpisodeSync) -> None:
    """Table and verdict of one episode."""
    from understudy.apps.cli._console import say

    say(f"{found.episode}: {found.motions} sharp motions, held against {found.verdict.reference}")
    if found.motions == 0:
        say(_NO_MOTION)
        return
    _table(found.verdict)
    _unseen(found.unseen)
    if found.command_ms is not None:
        say(f"command to encoders, half way to half way: {found.command_ms:.1f} ms (the robot's latency, not a fault of a clock)")
    _verdict(found.verdict)


def print_calibration(found: Calibration, written: Path | None) -> None:
    """Tables of a calibration, and what became of the constants."""
    from understudy.apps.cli._console import print_table, say

    say(f"{found.bench}: {found.commanded} motions commanded, {found.motions} seen by {found.found.reference}")
    rows = [
        (name, piece.model.kind, f"{piece.model.drift_ppm:+.2f}", f"{piece.model.bound_ns * 1e-6:.3f}", str(piece.model.n))
        for name, clock in sorted(found.clocks.items())
        for piece in clock.pieces
    ]
    print_table(("device", "clock", "drift, ppm", "bound, ms", "stamps"), rows, right=("drift, ppm", "bound, ms", "stamps"))
    for alarm in found.alarms:
        say(f"  alarm: {alarm}")
    _table(found.found)
    _unseen(found.unseen)
    if found.command_ms is not None:
        say(f"command to encoders, half way to half way: {found.command_ms:.1f} ms (the robot's latency, not a fault of a clock)")
    say(f"with the constants as they were: {found.before.answer}, {found.before.reason}")
    say(f"with the new ones, on motions they were not made from: {found.after.answer}, {found.after.reason}")
    say(f"written to {written}" if written else "nothing was written: fix what is apart, or repeat with more --motions")


def print_realigned(done: Sequence[Realigned], root: Path) -> None:
    """One line per stream that moved."""
    from understudy.apps.cli._console import print_table, say

    columns = ("stream", "stamps from", "shift, ms", "largest, ms", "reordered")
    for made in done:
        rows = [(m.key, m.how, f"{m.median_ms:+.3f}", f"{m.most_ms:.3f}", str(m.reordered)) for m in made.moved]
        print_table(columns, rows, title=f"{made.id}{' (was there already)' if made.there else ''}", right=columns[2:])
    new = sum(not made.there for made in done)
    say(f"{root}: {new} episodes written, {len(done) - new} were there already; parents are as they were")


def realign_targets(where: Path, dataset: Path) -> tuple[Dataset, list[str]]:
    """The dataset and the episodes that `realign` is about."""
    from understudy.apps.cli._episodes import episode_file
    from understudy.pipeline.sync_realign import dataset_around
    from understudy.store.dataset import Dataset

    if where.is_dir():
        opened = Dataset.open(where)
        return opened, [ref.id for ref in opened.refs()]
    path = episode_file(str(where), dataset)
    opened = dataset_around(path)
    opened.ref(path.stem)
    return opened, [path.stem]


def check_as_json(found: EpisodeSync) -> dict[str, object]:
    """The result of `check`."""
    return {
        "episode": found.episode,
        "motions": found.motions,
        "verdict": asdict(found.verdict),
        "unseen": dict(found.unseen),
        "command_ms": found.command_ms,
    }


def calibration_as_json(found: Calibration, written: Path | None) -> dict[str, object]:
    """The result of `calibrate`."""
    return {
        "bench": found.bench,
        "commanded": found.commanded,
        "motions": found.motions,
        "found": asdict(found.found),
        "before": asdict(found.before),
        "after": asdict(found.after),
        "unseen": dict(found.unseen),
        "clocks": {name: [asdict(piece) for piece in clock.pieces] for name, clock in sorted(found.clocks.items())},
        "alarms": list(found.alarms),
        "command_ms": found.command_ms,
        "written": str(written) if written else None,
    }


def realigned_as_json(done: Sequence[Realigned]) -> dict[str, object]:
    """The result of `realign`."""
    return {"episodes": [{**asdict(made), "path": str(made.path)} for made in done]}


def _table(verdict: SyncVerdict) -> None:
    from understudy.apps.cli._console import print_table

    rows = [
        (
            s.key,
            str(s.motions),
            f"{s.offset_ns * 1e-6:+.2f}",
            f"{s.spread_ns * 1e-6:.2f}",
            f"{s.low_ns * 1e-6:+.2f} to {s.high_ns * 1e-6:+.2f}",
            "" if s.drift_ppm is None else f"{s.drift_ppm:+.1f}",
        )
        for s in verdict.streams
    ]
    if rows:
        print_table(_COLUMNS, rows, right=_COLUMNS[1:])


def _unseen(unseen: Mapping[str, str]) -> None:
    from understudy.apps.cli._console import say

    for key, why in sorted(unseen.items()):
        say(f"  {key}: not judged: {why}")


def _verdict(verdict: SyncVerdict) -> None:
    from understudy.apps.cli._console import say

    say(f"verdict: {verdict.answer}: {verdict.reason}")
