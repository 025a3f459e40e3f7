"""The dataset as a whole, from its catalog: distributions, tasks by operator, refusals, systematic problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from understudy.apps.report.svg import Plot, label, ticks
from understudy.apps.report.workspace import Reach, reach_plots
from understudy.geom.arrays import F64
from understudy.kinematics.pace import BIN_M_S
from understudy.quality.systematic import Judged, Systematic, siblings_by_kind, systematic
from understudy.spec.schema import Schema
from understudy.store.catalog import Row

_BINS = 24
_WIDTH, _HEIGHT = 300, 150
_MOST_OPERATORS = 12


@dataclass(frozen=True)
class Overview:
    """What the whole dataset's part of the report shows.

    Attributes:
        rows: of the catalog.
        problems: that follow an operator, task, source, clip or stream.
        reach: where the hands have been.
    """

    rows: Sequence[Row]
    problems: tuple[Systematic, ...]
    reach: Reach


def overview(rows: Sequence[Row], schema: Schema, reach: Reach) -> Overview:
    """The dataset's part of the report.

    Args:
        rows: of the catalog, every partition.
        schema: the dataset's; says which streams are of one kind.
        reach: of all episodes.
    """
    siblings = siblings_by_kind(
        {spec.key: spec.kind for spec in schema.streams if spec.group == "observations" or spec.kind == "image"}
    )
    return Overview(rows, systematic([_judged(row) for row in rows], siblings=siblings), reach)


def _judged(row: Row) -> Judged:
    faults = [tuple(text.split("@", 1)) for text in str(row.get("faults") or "").split(",") if text]
    return Judged(
        attributes={name: str(row.get(name) or "") for name in ("demonstrator_id", "task", "motion_source", "clip")},
        faults=frozenset((gate, stream) for gate, stream in faults),
        streams=frozenset(str(row.get("streams") or "").split(",")),
    )


def overview_html(part: Overview) -> str:
    """The cards: distributions, tasks by operator, refusals and systematic problems, workspace; empty without episodes."""
    if not part.rows:
        return ""
    return f"{_problems(part)}{_distributions(part.rows)}{_operators(part.rows)}{_refused(part.rows)}{_reach(part.reach)}"


def _card(name: str, title: str, note: str, body: str) -> str:
    about = f'<p class="soft small">{note}</p>' if note else ""
    return f'<section class="card" id="{name}"><h2>{title}</h2>{about}{body}</section>'


def _distributions(rows: Sequence[Row]) -> str:
    scores = sorted({name for row in rows for name in row if name.startswith("score_")})
    plots = [_histogram(_known(rows, "duration_s"), "length", "s")]
    plots += [_histogram(_known(rows, name), title, "", span=(0.0, 1.0)) for name, title in (
        ("quality_rating", "rating"), *((name, name.removeprefix("score_").replace("_", " ")) for name in scores))]  # fmt: skip
    plots.append(_speeds(rows))
    cells = "".join(f'<div class="cell">{plot}</div>' for plot in plots if plot)
    return _card(
        "distributions",
        "Distributions",
        "Number of episodes; for the speed of the base, minutes.",
        f'<div class="hists">{cells}</div>',
    )


def _known(rows: Sequence[Row], name: str) -> F64:
    return np.array([value for row in rows if isinstance(value := row.get(name), int | float)], dtype=np.float64)


def _histogram(values: F64, title: str, unit: str, *, span: tuple[float, float] | None = None) -> str:
    if not len(values):
        return ""
    low, high = span or (0.0, float(values.max()) or 1.0)
    edges = np.asarray(np.linspace(low, high * (1 + 1e-9), _BINS + 1), dtype=np.float64)
    counts = np.histogram(values, bins=edges)[0]
    named = f"{title}, median {label(float(f'{np.median(values):.3g}'))}{f' {unit}' if unit else ''}"
    return _bars(counts.astype(np.float64), edges, named, unit, whole=True)


def _bars(counts: F64, edges: F64, title: str, unit: str, *, whole: bool) -> str:
    top = float(counts.max()) * 1.08 or 1.0
    plot = Plot(
        (float(edges[0]), float(edges[-1])), (0.0, top), _WIDTH, _HEIGHT, left=38, right=14, top=24, timed=False, title=title
    )
    plot.x_axis(unit, wanted=4)
    marks = [float(v) for v in ticks(0.0, top, 3) if not whole or float(v).is_integer()]
    plot.y_axis("", values=marks or [0.0])
    for count, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
        if count > 0:
            pad = 0.06 * (b - a)
            plot.box(
                float(a + pad),
                float(b - pad),
                0.0,
                float(count),
                "bar middle",
                f"{label(float(a))} to {label(float(b))}: {label(float(count))}",
            )
    plot.text(2, 12, title, "cell")
    return plot.svg()


def _speeds(rows: Sequence[Row]) -> str:
    each = [np.array(value) for row in rows if isinstance(value := row.get("speed_s"), list)]
    if not each:
        return ""
    minutes = np.sum(each, axis=0) / 60.0
    last = int(np.flatnonzero(minutes)[-1]) + 1 if minutes.any() else 1
    last = max(last, 10)
    edges = np.asarray(np.arange(last + 1) * BIN_M_S, dtype=np.float64)
    title = f"speed of the base, {float(minutes[2:].sum()):.1f} min over 0.2 m/s"
    return _bars(minutes[:last], edges, title, "m/s", whole=False)


def _operators(rows: Sequence[Row]) -> str:
    """Episodes of each task by each operator, and how many of them were refused."""
    count = Counter((str(row["task"]), _operator(row)) for row in rows)
    bad = Counter((str(row["task"]), _operator(row)) for row in rows if row["verdict"] == "rejected")
    by_operator = Counter(_operator(row) for row in rows)
    operators = sorted(name for name, _ in by_operator.most_common(_MOST_OPERATORS))
    tasks = sorted({task for task, _ in count})
    heads = "".join(f'<th class="n">{escape(name)}</th>' for name in operators)
    body = "".join(
        f'<tr><td>{escape(task)}</td>{"".join(_count(count[task, name], bad[task, name]) for name in operators)}'
        f'{_count(sum(count[task, n] for n in by_operator), sum(bad[task, n] for n in by_operator))}</tr>'
        for task in tasks
    )  # fmt: skip
    rest = len(by_operator) - len(operators)
    note = "Episodes, and in brackets those refused." + (
        f" {rest} operators with fewer episodes are only in the sum." if rest else ""
    )
    top = f'<thead><tr><th>task</th>{heads}<th class="n">all</th></tr></thead>'
    table = f'<div class="scroll"><table>{top}<tbody>{body}</tbody></table></div>'
    return _card("operators", "Tasks by operator", note, table)


def _operator(row: Row) -> str:
    return str(row.get("demonstrator_id") or "unknown")


def _count(all_: int, refused: int) -> str:
    text = f"{all_}" + (f" ({refused})" if refused else "") if all_ else "–"
    return f'<td class="n{" over" if refused else ""}">{text}</td>'


def _refused(rows: Sequence[Row]) -> str:
    """Refused episodes by the gate that refused them, and warnings by gate."""
    refused = Counter(gate for row in rows for gate in _listed(row, "refused_by"))
    warned = Counter(gate for row in rows for gate in _listed(row, "warned_by"))
    by_person = sum(row["verdict"] == "rejected" and not _listed(row, "refused_by") for row in rows)
    if by_person:
        refused["a person"] += by_person
    if not refused and not warned:
        return _card("refused", "Refused, by reason", "", '<p class="soft">No gate found anything.</p>')
    names = sorted({*refused, *warned}, key=lambda name: (-refused[name], -warned[name], name))
    most = float(max([*refused.values(), *warned.values()]))
    high_px, title = 30 + 19.0 * len(names), "Episodes refused and warned about by each gate"
    plot = Plot((0.0, most * 1.05), (0.0, float(len(names))), 960, high_px, left=170, top=4, timed=False, title=title)
    whole = [float(v) for v in ticks(*plot.x, 8) if float(v).is_integer()]
    plot.x_axis("episodes", values=whole)
    for row, name in enumerate(names):
        y = len(names) - row
        for count, low, css, word in ((refused, y - 0.5, "reject", "refused"), (warned, y - 0.85, "warn", "warned about")):
            if count[name]:
                plot.box(0.0, float(count[name]), low, low + 0.35, f"bar {css}", f"{name}: {word} {count[name]}")
        plot.text(4, plot.py(y - 0.5) + 4, name.replace("_", " "), "lane")
    note = "Red: episodes refused. Yellow: episodes warned about. One episode may count at several gates."
    return _card("refused", "Refused, by reason", note, plot.svg())


def _listed(row: Row, name: str) -> list[str]:
    return [gate for gate in str(row.get(name) or "").split(",") if gate]


_WORDS: Mapping[str, str] = {"demonstrator_id": "operator", "motion_source": "source"}


def _problems(part: Overview) -> str:
    note = (
        "Faults much more frequent in one part than in the rest, by Fisher's exact test at 1 %, corrected for the number of "
        "comparisons. Mend these at their root."
    )
    if not part.problems:
        return _card("systematic", "Systematic problems", note, '<p class="soft">None found.</p>')
    lines = "".join(f"<li>{_problem(problem)}</li>" for problem in part.problems)
    return _card("systematic", "Systematic problems", note, f'<ul class="problems">{lines}</ul>')


def _problem(problem: Systematic) -> str:
    kind = _WORDS.get(problem.attribute, problem.attribute)
    others = "the other streams of its kind" if problem.attribute == "stream" else "the others"
    return (
        f"<b>{escape(problem.gate.replace('_', ' '))}</b> follows {escape(kind)} <b>{escape(problem.value)}</b>: "
        f"{problem.hit} of {problem.seen} episodes, {problem.hit_else} of {problem.seen_else} for {others} "
        f'<span class="soft">(p {problem.p:.1g})</span>'
    )


def _reach(reach: Reach) -> str:
    if not reach.steps:
        return ""
    note = "Cells of 5 cm that the wrists were in; each shade is ten times the time of the one before."
    return _card("workspace", "Workspace of the hands", note, reach_plots(reach))
