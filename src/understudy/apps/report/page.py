"""The page: one HTML text that needs nothing else. Everything that came from a file is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from understudy import __version__
from understudy.apps.report.clip_page import figure, over_limit, pill
from understudy.apps.report.facts import RESIDUAL_LIMIT_M, Clip
from understudy.apps.report.overview import Overview, overview_html
from understudy.apps.report.plots import coverage_plot
from understudy.geom.arrays import F64
from understudy.pipeline.recollect import Segment
from understudy.spec.robot import RobotModel

_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_FIGURES = (
    "rating", "length<br>s", "steps", "residual mean<br>cm", "residual max<br>cm", "infeasible<br>%",
    "stance skate<br>cm/s", "lowest sole<br>cm", "findings",
)  # fmt: skip
MOST_AGAIN = 200
"""Rows of the list of what to record again."""


@dataclass(frozen=True)
class Row:
    """One episode in the summary table; `moves` when its motion in the world is known, `shown` when its section follows."""

    id: str
    task: str
    verdict: str
    rating: float | None
    duration_s: float
    frames: int
    residual_mean_m: float | None
    residual_max_m: float | None
    infeasible_share: float | None
    skate_m_s: float | None
    sole_min_m: float | None
    findings: int
    source: str
    moves: bool = False
    shown: bool = False

    @classmethod
    def of(cls, clip: Clip) -> Row:
        """The row of an episode."""
        return cls(
            id=clip.id,
            task=str(clip.episode.metadata.get("task_id", "")),
            verdict=clip.notes.verdict,
            rating=clip.notes.quality_rating,
            duration_s=clip.duration_s,
            frames=len(clip.episode.timeline_ns),
            residual_mean_m=clip.residual_mean_m,
            residual_max_m=clip.residual_max_m,
            infeasible_share=clip.infeasible_share,
            skate_m_s=clip.skate_m_s,
            sole_min_m=clip.sole_min_m,
            findings=len(clip.notes.findings),
            source=str(clip.episode.metadata.get("motion_source", "")),
            moves=clip.motion is not None,
        )


@dataclass(frozen=True)
class Report:
    """Everything the page shows.

    Attributes:
        name: of the dataset; `where` its folder.
        rows: every episode, worst first.
        sections: HTML of those shown in full, worst first, as `clip_section` makes it.
        ranges: (J, 4) lowest, 1st and 99th percentile, highest angle of each joint over the dataset; NaN where unknown.
        whole: the dataset as a whole.
        again: stretches of all episodes to record again, worst first.
        unreadable: (file, why) of episodes that could not be read.
        no_pictures: why nothing was drawn; empty when it was.
    """

    name: str
    where: str
    robot: RobotModel
    rate_hz: float
    rows: Sequence[Row]
    sections: Sequence[str]
    ranges: F64
    whole: Overview
    again: Sequence[Segment]
    unreadable: Sequence[tuple[str, str]]
    no_pictures: str


def html(report: Report) -> str:
    """The whole page."""
    css, js = (files("understudy.apps.report").joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    sections = "".join(report.sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(report.name)} · dataset report</title><style>{css}</style></head><body><main>"
        f"{_header(report)}{_notices(report)}{overview_html(report.whole)}{_summary(report)}{_again(report)}{_coverage(report)}{sections}"
        f"<footer>Made by Understudy {escape(__version__)}. Left is blue, right is orange, in pictures and plots.</footer>"
        f"</main><script>{js}</script></body></html>\n"
    )


def _header(report: Report) -> str:
    rows = report.rows
    verdicts = Counter(row.verdict for row in rows)
    hours = sum(row.duration_s for row in rows) / 3600.0
    tiles = [
        ("episodes", f"{len(rows)}"),
        ("minutes" if hours < 2 else "hours", figure(hours * 60 if hours < 2 else hours, 1)),
        ("steps", f"{sum(row.frames for row in rows):,}".replace(",", " ")),
        *((name, f"{verdicts[name]}") for name in ("accepted", "rejected", "unchecked") if verdicts[name] or name != "unchecked"),
        ("tasks", f"{len({row.task for row in rows})}"),
    ]
    cells = "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for name, value in tiles)
    sources = ", ".join(sorted({row.source for row in rows if row.source})) or "unknown"
    return (
        f"<header><h1>{escape(report.name)}</h1>"
        f'<p class="soft">{escape(report.robot.profile.title)} (<code>{escape(report.robot.name)}</code>) · {report.rate_hz:g} Hz'
        f" · motion: {escape(sources)} · <code>{escape(report.where)}</code></p>"
        f'<div class="tiles">{cells}</div></header>'
    )


def _notices(report: Report) -> str:
    out = []
    if report.no_pictures:
        out.append(f"This report has no pictures. {escape(report.no_pictures)}")
    hidden = len(report.rows) - len(report.sections)
    if hidden > 0:
        out.append(f"The {len(report.sections)} worst episodes are shown in full; the other {hidden} are in the table.")
    if report.unreadable:
        listed = "".join(f"<li><code>{escape(name)}</code>: {escape(why)}</li>" for name, why in report.unreadable)
        out.append(f"Episodes that could not be read: {len(report.unreadable)}<ul>{listed}</ul>")
    return "".join(f'<div class="notice">{text}</div>' for text in out)


def _summary(report: Report) -> str:
    heads = "<th>episode</th><th>task</th><th>verdict</th>" + "".join(f'<th class="n">{name}</th>' for name in _FIGURES)
    body = "".join(_summary_row(row) for row in report.rows)
    empty = '<p class="soft">The dataset has no episodes yet.</p>' if not report.rows else ""
    return (
        '<section class="card" id="summary"><h2>Episodes, worst first</h2>'
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>{empty}</section>'
    )


def _summary_row(row: Row) -> str:
    cells = [
        _cell(None if row.rating is None else f"{row.rating:.2f}"),
        _cell(figure(row.duration_s, 1)),
        _cell(str(row.frames)),
        _cell(figure(row.residual_mean_m, 2, 100)),
        _cell(figure(row.residual_max_m, 1, 100), over=over_limit(row.residual_max_m, RESIDUAL_LIMIT_M)),
        _cell(figure(row.infeasible_share, 1, 100), over=bool(row.infeasible_share)),
        _cell(figure(row.skate_m_s, 2, 100)),
        _cell(figure(row.sole_min_m, 1, 100), over=row.sole_min_m is not None and row.sole_min_m < -0.01),
        _cell(str(row.findings)),
    ]
    name = _name(row.id, row.shown)
    return f'<tr><td class="id">{name}</td><td>{escape(row.task)}</td><td>{pill(row.verdict)}</td>{"".join(cells)}</tr>'


def _again(report: Report) -> str:
    """What to record again, or that there is nothing."""
    if not report.rows:
        return ""
    heads = '<th>episode</th><th class="n">from s</th><th class="n">to s</th><th>limb</th><th class="n">off<br>cm</th>'
    shown = {row.id for row in report.rows if row.shown}
    body = "".join(
        f'<tr><td class="id">{_name(s.episode, s.episode in shown)}</td>{_cell(f"{s.start_s:.2f}")}{_cell(f"{s.end_s:.2f}")}'
        f"<td>{escape(s.limb)}</td>{_cell(f'{s.off_cm:.0f}')}<td>{escape(s.why)}</td><td>{escape(s.tell)}</td></tr>"
        for s in report.again[:MOST_AGAIN]
    )
    more = len(report.again) - MOST_AGAIN
    rest = f'<p class="small soft">and {more} more in <code>reports/recollect.csv</code></p>' if more > 0 else ""
    table = (
        f'<div class="scroll"><table><thead><tr>{heads}<th>why</th><th>tell the demonstrator</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>{rest}"
    )
    nothing = '<p class="soft">Nothing: no retargeted hand or foot is over 5 cm from where it was asked to be.</p>'
    return f'<section class="card" id="again"><h2>To record again</h2>{table if report.again else nothing}</section>'


def _name(id: str, shown: bool) -> str:
    return f'<a href="#ep-{escape(id)}">{escape(id)}</a>' if shown else escape(id)


def _cell(text: str | None, *, over: bool = False) -> str:
    return f'<td class="n{" over" if over else ""}">{escape(text or "–")}</td>'


def _coverage(report: Report) -> str:
    if not report.rows:
        return ""
    return (
        '<section class="card" id="coverage"><h2>Joint travel used by the dataset</h2>'
        '<p class="soft small">Solid: 1st to 99th percentile, median over episodes. Faint: extremes.</p>'
        f"{coverage_plot(report.ranges, report.robot)}</section>"
    )
