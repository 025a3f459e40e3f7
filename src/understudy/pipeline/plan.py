"""A collection plan held against the catalog: what is there, what is missing, what to collect next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from understudy.errors import InputError, did_you_mean
from understudy.kinematics.pace import BIN_M_S, BINS
from understudy.spec.plan import PLAN, TEMPLATE, Category, Plan, Stretch, parse_plan
from understudy.store.atomic import write_text
from understudy.store.catalog import Row
from understudy.store.dataset import Dataset

MANY_NEXT = 5
"""Lines of advice."""


@dataclass(frozen=True)
class Target:
    """One figure of the plan.

    Attributes:
        name: of what; `category` it belongs to, empty for the whole plan.
        have, want: in `unit`.
        tell: what to collect while it is not reached.
    """

    name: str
    category: str
    have: float
    want: float
    unit: str
    tell: str

    @property
    def missing(self) -> float:
        """What is still to be collected, in `unit`."""
        return max(0.0, self.want - self.have)

    @property
    def share(self) -> float:
        """How much is there, 0 to 1."""
        return 1.0 if self.want <= 0 else min(1.0, self.have / self.want)


@dataclass(frozen=True)
class Progress:
    """A plan held against a catalog.

    Attributes:
        targets: in the order of the plan.
        shares: (motion source, share of the episodes counted, share wanted).
        next: what to collect next, the furthest behind first.
        strangers: tasks of episodes that the plan does not know, with their number.
        counted: episodes that count; `left_out` those that were refused or cannot be read.
    """

    targets: tuple[Target, ...]
    shares: tuple[tuple[str, float, float], ...]
    next: tuple[str, ...]
    strangers: tuple[tuple[str, int], ...]
    counted: int
    left_out: int


def read_plan(dataset: Dataset) -> Plan:
    """The plan of a dataset.

    Raises:
        InputError: it has none, or it is wrong.
    """
    path = dataset.root / PLAN
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no plan yet; `understudy plan {dataset.root} --init` writes one to edit") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error}") from None
    return parse_plan(text, where=str(path))


def start_plan(dataset: Dataset) -> None:
    """Write a plan to edit.

    Raises:
        InputError: there is one already.
        StorageError: the disk refused.
    """
    path = dataset.root / PLAN
    if path.exists():
        raise InputError(f"{path}: there is a plan already; edit it, or move it away first")
    write_text(path, TEMPLATE)


def progress_of(plan: Plan, rows: Iterable[Row]) -> Progress:
    """What of a plan is there. An episode counts unless it was refused or cannot be read.

    Args:
        plan: to hold against.
        rows: of the catalog.
    """
    every = list(rows)
    good = [row for row in every if row["partition"] == "episodes" and row["verdict"] not in ("rejected", "unreadable")]
    of_task = Counter(str(row["task"]) for row in good)
    targets = []
    if plan.episodes:
        targets.append(Target("all", "", len(good), plan.episodes, "episodes", "episodes of any planned task"))
    for name, category in plan.categories.items():
        targets += _of_category(name, category, good, of_task)
    shares = _shares(plan, good)
    strangers = tuple(sorted((task, count) for task, count in of_task.items() if task not in plan.tasks))
    return Progress(tuple(targets), shares, _next(plan, targets, shares), strangers, len(good), len(every) - len(good))


def _of_category(name: str, category: Category, rows: Sequence[Row], of_task: Counter[str]) -> list[Target]:
    out = []
    for task in category.tasks:
        want = category.episodes.get(task, category.episodes_per_task)
        if want:
            out.append(Target(task, name, of_task[task], want, "episodes", f"episodes of {task}"))
    mine = [row for row in rows if row["task"] in category.tasks]
    if category.hours:
        have = sum(_number(row, "duration_s") for row in mine) / 3600.0
        out.append(Target("all its tasks", name, have, category.hours, "hours", f"hours of {', '.join(category.tasks)}"))
    for stretch in category.stretches:
        have = sum(_seconds(row, stretch) for row in mine) / 3600.0
        text = _stretch_name(stretch)
        out.append(Target(text, name, have, stretch.hours, "hours", f"hours of {name}: {text}"))
    return out


def _stretch_name(stretch: Stretch) -> str:
    terrain = stretch.terrain or "any terrain"
    if stretch.to_m_s >= BINS * BIN_M_S:
        return f"{terrain}, over {stretch.from_m_s:g} m/s"
    return f"{terrain}, {stretch.from_m_s:g} to {stretch.to_m_s:g} m/s"


def _seconds(row: Row, stretch: Stretch) -> float:
    """Seconds of an episode on the stretch's terrain at its speed; a class of speed counts by the share that lies within."""
    if stretch.terrain and row.get("terrain") != stretch.terrain:
        return 0.0
    by_speed = row.get("speed_s")
    if not isinstance(by_speed, list):
        return 0.0
    total = 0.0
    for k, seconds in enumerate(by_speed):
        low, high = k * BIN_M_S, (k + 1) * BIN_M_S
        if k == len(by_speed) - 1:
            total += seconds * (stretch.from_m_s <= low and stretch.to_m_s > low)
        else:
            total += seconds * max(0.0, min(high, stretch.to_m_s) - max(low, stretch.from_m_s)) / BIN_M_S
    return total


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _shares(plan: Plan, rows: Sequence[Row]) -> tuple[tuple[str, float, float], ...]:
    counts = Counter(str(row["motion_source"]) for row in rows)
    total = sum(counts[source] for source in plan.source_shares)
    return tuple((source, counts[source] / total if total else 0.0, want) for source, want in plan.source_shares.items())


def _next(plan: Plan, targets: Sequence[Target], shares: Sequence[tuple[str, float, float]]) -> tuple[str, ...]:
    """Advice: the target of the smallest share first; the one for the whole plan only when nothing else is missing."""
    open_targets = sorted((t for t in targets if t.missing > 0 and t.category), key=lambda t: (t.share, -t.want))
    lines = [f"{_figure(t.missing, t.unit)} more {t.tell} ({_figure(t.have, t.unit)} of {_figure(t.want, t.unit)})"
             for t in open_targets]  # fmt: skip
    if not lines:
        lines = [f"{_figure(t.missing, t.unit)} more {t.tell}" for t in targets if t.missing > 0]
    short = [(want - have, source, have, want) for source, have, want in shares if want - have > plan.source_tolerance]
    if short and any(have > 0 for _, have, _ in shares):
        _, source, have, want = max(short)
        lines.insert(
            0, f"take the next ones with motion_source {source}: it is {have:.0%} of the episodes, the plan says {want:.0%}"
        )
    return tuple(lines[:MANY_NEXT])


def _figure(value: float, unit: str) -> str:
    return f"{value:.0f}" if unit == "episodes" else f"{value:.1f}" if value >= 0.1 else f"{value:.3f}"


def strangers_text(progress: Progress, plan: Plan) -> str:
    """What the plan does not know, with the nearest known task where the name looks misspelt; empty when there is nothing."""
    if not progress.strangers:
        return ""
    listed = ", ".join(f"{task} ({count}{did_you_mean(task, plan.tasks)})" for task, count in progress.strangers)
    return f"tasks that are not in the plan, with their episodes: {listed}; add them to {PLAN}, or relabel the episodes"
