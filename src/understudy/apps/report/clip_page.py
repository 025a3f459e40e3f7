"""The section of one episode."""

from __future__ import annotations

import json
from html import escape

from understudy.apps.report import plots
from understudy.apps.report.facts import RESIDUAL_LIMIT_M, Clip
from understudy.apps.report.pictures import Pictures
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, ScoreResult
from understudy.spec.robot import RobotModel

_MARK = '<span class="key left">left</span> and <span class="key right">right</span>'


def figure(value: float | None, digits: int, scale: float = 1.0) -> str:
    """A figure with its digits; a dash where it is not known."""
    if value is None:
        return "–"
    rounded = round(value * scale, digits) + 0.0  # no minus before a zero
    return f"{rounded:.{digits}f}".replace("-", "\u2212")


def over_limit(value: float | None, limit: float) -> bool:
    """Whether a figure is known and over its limit."""
    return value is not None and value > limit


def pill(word: str) -> str:
    """A verdict or severity as a coloured label."""
    return f'<span class="pill {escape(word)}">{escape(word)}</span>'


def clip_section(clip: Clip, pictures: Pictures | None, robot: RobotModel) -> str:
    """One episode: figures, findings, film, strip and plots; a part whose stream is missing is left out."""
    parts = [
        _part("Flagged frames and findings over time", plots.timeline_plot(clip)),
        _part("End-effector residual", plots.residual_plot(clip)),
        _part("Foot contacts", plots.contact_plot(clip)),
        _part("Segments and gait phases", plots.phase_plot(clip)),
        _part("Sole height", plots.sole_plot(clip)),
        _joints(clip, robot),
    ]
    film = _film(pictures)
    return (
        f'<section class="card clip" id="ep-{escape(clip.id)}">{_head(clip)}'
        f'<div class="top{"" if film else " plain"}">{film}<div>{_figures(clip)}{_findings(clip)}{_scores(clip)}</div></div>'
        f"{_again(clip, pictures)}{_strip(pictures)}{''.join(parts)}</section>"
    )


def _head(clip: Clip) -> str:
    data = clip.episode.metadata
    said = str(data.get("language_instruction", ""))
    about = [
        ("task", data.get("task_id")),
        ("clip", data.get("clip")),
        ("by", data.get("demonstrator_id")),
        ("source", data.get("motion_source")),
    ]
    meta = " · ".join(f"{name} {escape(str(value))}" for name, value in about if value not in (None, ""))
    quoted = f" · “{escape(said)}”" if said else ""
    return (
        f'<div class="head"><h2>{escape(clip.id)}</h2>{pill(clip.notes.verdict)}<span class="clock"></span></div>'
        f'<div class="meta">{meta}{quoted}</div>'
    )


def _figures(clip: Clip) -> str:
    rating = clip.notes.quality_rating
    rows = [
        ("length", f"{figure(clip.duration_s, 1)} s", False),
        ("quality rating", figure(rating, 2), False),
        ("residual, mean", f"{figure(clip.residual_mean_m, 2, 100)} cm", False),
        ("residual, worst", f"{figure(clip.residual_max_m, 1, 100)} cm", over_limit(clip.residual_max_m, RESIDUAL_LIMIT_M)),
        ("infeasible frames", f"{figure(clip.infeasible_share, 1, 100)} %", bool(clip.infeasible_share)),
        ("stance skate", f"{figure(clip.skate_m_s, 2, 100)} cm/s", False),
        ("lowest sole", f"{figure(clip.sole_min_m, 1, 100)} cm", clip.sole_min_m is not None and clip.sole_min_m < -0.01),
    ]
    known = [(name, value, over) for name, value, over in rows if not value.startswith("–")]
    cells = "".join(f"<div{' class=over' if over else ''}><dt>{name}</dt><dd>{value}</dd></div>" for name, value, over in known)
    return f'<dl class="facts">{cells}</dl>'


def _findings(clip: Clip) -> str:
    order = {"reject": 0, "warn": 1, "info": 2}
    found = sorted(clip.notes.findings, key=lambda f: (order[f.severity], f.start_ns or 0))
    items = "".join(_item(pill(f.severity), f.gate, _when(f, clip), f.message) for f in found)
    skipped = "".join(_item('<span class="pill info">skipped</span>', s.name, "", s.reason) for s in clip.notes.skipped)
    if clip.notes.verdict == "unchecked":
        body = '<p class="small soft">Not checked yet: <code>understudy check</code> runs the gates.</p>'
    elif not items:
        body = '<p class="small soft">No gate found anything.</p>'
    else:
        body = ""
    noticed = "".join(_item('<span class="pill info">note</span>', "retargeting", "", text) for text in warnings_of(clip.episode))
    listed = f'<ul class="findings">{items}{noticed}{skipped}</ul>' if items or noticed or skipped else ""
    return f"<h3>Findings</h3>{body}{listed}"


def _item(mark: str, name: str, when: str, text: str) -> str:
    return f"<li>{mark}<span><b>{escape(name)}</b>{when}. {escape(text)}</span></li>"


def warnings_of(episode: Episode) -> tuple[str, ...]:
    """What the reader and the retargeter noticed: the metadata field `warnings`, a JSON list."""
    text = str(episode.metadata.get("warnings", ""))
    try:
        listed = json.loads(text or "[]")
    except json.JSONDecodeError:
        return (text,)
    return tuple(str(item) for item in listed) if isinstance(listed, list) else (text,)


def _when(found: Finding, clip: Clip) -> str:
    if found.start_ns is None:
        return ""
    zero = int(clip.episode.timeline_ns[0])
    start = (found.start_ns - zero) * 1e-9
    end = start if found.end_ns is None else (found.end_ns - zero) * 1e-9
    return f", {start:.2f} s" if end <= start else f", {start:.2f} to {end:.2f} s"


def _scores(clip: Clip) -> str:
    if not clip.notes.scores:
        return ""
    rows = "".join(
        f'<div title="{escape(_components(s))}"><span>{escape(s.name.replace("_", " "))}</span>'
        f'<span class="meter"><i style="width:{100 * s.rated:.0f}%"></i></span><b>{s.rated:.2f}</b></div>'
        for s in clip.notes.scores
    )
    against = any(s.in_task is not None for s in clip.notes.scores)
    return f'<h3>Scores, 0 to 1{", against the task" if against else ""}</h3><div class="scores">{rows}</div>'


def _components(score: ScoreResult) -> str:
    """The figures behind a score, for who rests the pointer on it."""
    said = [f"{score.raw:.4g} {score.unit}"] + [
        f"{c.name.replace('_', ' ')} {c.raw:.4g} {c.unit}" + ("" if c.in_task is None else f" ({c.in_task:.2f} in its task)")
        for c in score.components
    ]
    return "; ".join(said)


def _film(pictures: Pictures | None) -> str:
    if pictures is None or not pictures.film:
        return ""
    start, end = pictures.film_start_s, pictures.film_end_s
    return (
        f'<div><video src="{pictures.film}" data-start="{start:.4f}" muted loop playsinline controls></video>'
        f'<div class="caption">{start:.1f} to {end:.1f} s, at real speed. '
        f"Over the robot, the person it follows: {_MARK}.</div></div>"
    )


def _again(clip: Clip, pictures: Pictures | None) -> str:
    """Stretches to record again, each with what to tell the demonstrator and, where it was drawn, its worst moment."""
    if not clip.again:
        return ""
    drawn = pictures.worst if pictures else ()
    items = []
    for k, segment in enumerate(clip.again):
        image = f'<img src="{drawn[k][1]}" alt="robot at {drawn[k][0]:.2f} s">' if k < len(drawn) else ""
        items.append(
            f"<figure>{image}<figcaption><b>{segment.start_s:.2f} to {segment.end_s:.2f} s, {escape(segment.limb)}, "
            f"{segment.off_cm:.0f} cm off</b> ({escape(segment.treated)})<br>{escape(segment.why)}: "
            f"{escape(segment.tell)}.</figcaption></figure>"
        )
    return f'<h3>To record again</h3><div class="again">{"".join(items)}</div>'


def _strip(pictures: Pictures | None) -> str:
    if pictures is None:
        return ""
    stills = "".join(
        f'<figure><img src="{uri}" alt="robot at {t:.2f} s"><figcaption>{t:.2f} s</figcaption></figure>'
        for t, uri in pictures.stills
    )
    return f'<h3>Strip</h3><div class="strip">{stills}</div>'


def _joints(clip: Clip, robot: RobotModel) -> str:
    groups = plots.joint_plots(clip, robot)
    if not groups:
        return ""
    body = "".join(f'<h4>{escape(title)}</h4><div class="cells">{cells}</div>' for title, cells in groups.items())
    return f"<h3>Joint angles between their limits, radians</h3>{body}"


def _part(title: str, svg: str) -> str:
    return f"<h3>{title}</h3>{svg}" if svg else ""
