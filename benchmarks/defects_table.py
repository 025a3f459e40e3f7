"""What the rows of the defect benchmark come to: figures per defect, false rejects, and both as Markdown."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

import defects_baselines as baselines
import numpy as np
from defects_figures import auroc, auroc_interval, wilson
from defects_run import CLEAN

from understudy import plugins
from understudy.spec.defect import Defect

ENOUGH = 0.95
Rows = Sequence[Mapping[str, Any]]


def summary(rows: Rows) -> dict[str, Any]:
    """All figures."""
    clean = {str(row["episode"]): row for row in rows if row["defect"] == CLEAN}
    by_defect: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["defect"] != CLEAN:
            by_defect[row["defect"]].append(row)
    fence = baselines.fences([row["figures"] for row in clean.values()])
    return {
        "clean": _clean(clean, fence),
        "gates": list(plugins.names("gates")),
        "scores": list(plugins.names("scores")),
        "defects": {name: _defect(name, found, clean, fence) for name, found in sorted(by_defect.items())},
    }


def _clean(clean: Mapping[str, Mapping[str, Any]], fence: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    refused = [row for row in clean.values() if row["refused"]]
    rules = Counter(rule for row in clean.values() for rule, odd in baselines.flagged(row["figures"], fence).items() if odd)
    return {
        "episodes": len(clean),
        "sources": len({row["group"] for row in clean.values()}),
        "kinds": dict(Counter(str(row["kind"]) for row in clean.values())),
        "refused": len(refused),
        "share": len(refused) / max(len(clean), 1),
        "interval": wilson(len(refused), len(clean)),
        "by_gate": dict(Counter(gate for row in refused for gate in row["gates"])),
        "warned": dict(Counter(gate for row in clean.values() for gate in row["warned"])),
        "which": {row["episode"]: list(row["findings"]) for row in refused},
        "rules": {rule: rules.get(rule, 0) for rule in baselines.RULES},
    }


def _defect(
    name: str, found: Rows, clean: Mapping[str, Mapping[str, Any]], fence: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    """Figures of one defect; episodes that are refused without it say nothing about it and are left out of recall."""
    defect = cast(Defect, plugins.load("defects", name))
    fit = [row for row in found if not row["unfit"]]
    at = [row for row in fit if row["strength"] == defect.documented]
    passing = [row for row in at if not clean[row["episode"]]["refused"]]
    hits = sum(row["refused"] for row in passing)
    expected = sum(any(gate in defect.gates for gate in row["gates"]) for row in passing)
    false = sum(bool(clean[row["episode"]]["refused"]) for row in at)
    named = Counter(gate for row in passing for gate in row["gates"])
    group = [row["group"] for row in at]
    areas = {}
    for kind, figure in (("gates", _severity), ("score", _unrated)):
        bad, good = (np.array([figure(r) for r in side]) for side in (at, [clean[row["episode"]] for row in at]))
        areas[kind] = {"auroc": auroc(bad, good), "interval": auroc_interval(bad, good, group) if len(bad) else (0.0, 1.0)}
    odd = [rule for row in at if row["figures"] for rule, hit in baselines.flagged(row["figures"], fence).items() if hit]
    missed = [row["episode"] for row in passing if not row["refused"]]
    return {
        "title": defect.title,
        "unit": defect.unit,
        "documented": defect.documented,
        "meant": list(defect.gates),
        "episodes": len(passing),
        "sources": len(set(group)),
        "unfit": len({row["episode"] for row in found} - {row["episode"] for row in fit}),
        "recall": _share(hits, len(passing)),
        "recall_by_its_gate": _share(expected, len(passing)),
        "precision": _share(hits, hits + false),
        "areas": areas,
        "strengths": _strengths(fit, clean),
        "caught_by": {gate: count / max(len(passing), 1) for gate, count in named.most_common()},
        "warned": dict(Counter(gate for row in passing if not row["refused"] for gate in row["warned"])),
        "missed": missed,
        "crashes": sorted({row["crash"] for row in fit if row["crash"]}),
        "rules": {rule: odd.count(rule) / len(at) for rule in baselines.RULES} if any(row["figures"] for row in at) else None,
    }


def _share(hits: int, of: int) -> dict[str, Any]:
    return {"hits": hits, "of": of, "share": hits / of if of else math.nan, "interval": wilson(hits, of)}


def _severity(row: Mapping[str, Any]) -> float:
    return max(row["gates"].values(), default=0.0)


def _unrated(row: Mapping[str, Any]) -> float:
    """One less the combined score; nothing known is nothing wrong."""
    return 1.0 - row["rating"] if row["rating"] is not None else 0.0


def _strengths(fit: Rows, clean: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Recall at every strength."""
    out = []
    for strength in sorted({float(row["strength"]) for row in fit}):
        rows = [row for row in fit if row["strength"] == strength and not clean[row["episode"]]["refused"]]
        out.append({"strength": strength, **_share(sum(row["refused"] for row in rows), len(rows))})
    return out


def smallest_caught(strengths: Sequence[Mapping[str, Any]]) -> float | None:
    """The smallest strength from which on recall is enough."""
    least = None
    for row in reversed(strengths):
        if not row["share"] >= ENOUGH:
            break
        least = float(row["strength"])
    return least


def markdown(found: Mapping[str, Any]) -> str:
    """What was run, false rejects, the defects, what is missed, and published rules on the same episodes."""
    parts = [_said(found), _false(found["clean"]), _defect_table(found["defects"]), _missed(found["defects"])]
    return "\n\n".join(part for part in (*parts, _rule_table(found)) if part)


def _said(found: Mapping[str, Any]) -> str:
    clean = found["clean"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(clean["kinds"].items(), key=lambda item: -item[1]))
    return (
        f"{clean['episodes']} clean episodes of {clean['sources']} sources (`--split {found.get('split', 'test')}`): {kinds}. "
        f"{len(found['gates'])} gates, {len(found['scores'])} scores."
        + (" A quick look (`--quick`): few episodes, the documented strengths only." if found.get("quick") else "")
    )


def _false(clean: Mapping[str, Any]) -> str:
    low, high = clean["interval"]
    lines = [f"**{clean['refused']} of them are refused without a defect: {clean['share']:.1%} ({low:.1%} to {high:.1%}).**"]
    lines += [f"- `{episode}`: {findings[0].split('. ')[0]}" for episode, findings in clean["which"].items()]
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _defect_table(defects: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| defect | strength | episodes | recall, % | by its gate, % | precision, % | AUROC gates | score | caught from | by |",
        "|---" * 10 + "|",
    ]
    for name, row in defects.items():
        caught = smallest_caught(row["strengths"])
        by = ", ".join(f"{gate} {_percent(share)}" for gate, share in list(row["caught_by"].items())[:3]) or "none"
        areas = [f"{a['auroc']:.2f} ({a['interval'][0]:.2f} to {a['interval'][1]:.2f})" for a in row["areas"].values()]
        cells = [f"`{name}`", f"{row['documented']:g} {row['unit']}", str(row["episodes"]), _with_interval(row["recall"])]
        cells += [_percent(row["recall_by_its_gate"]["share"]), _with_interval(row["precision"]), *areas]
        cells += ["none" if caught is None else f"{caught:g}", by]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _missed(defects: Mapping[str, Mapping[str, Any]]) -> str:
    """What is not found often enough, with recall at every strength."""
    lines = []
    for name, row in defects.items():
        if not row["recall"]["share"] >= ENOUGH:
            graded = ", ".join(f"{s['strength']:g}: {_percent(s['share'])} %" for s in row["strengths"])
            lines.append(f"- `{name}` is found in {_percent(row['recall']['share'])} % ({graded})")
    return f"Found in under {ENOUGH:.0%} at the documented strength:\n\n" + "\n".join(lines) if lines else ""


def _rule_table(found: Mapping[str, Any]) -> str:
    clean = found["clean"]
    lines = ["| published rules, own code: % found odd | " + " | ".join(baselines.RULES) + " |"]
    lines.append("|---" * (1 + len(baselines.RULES)) + "|")
    false = [_percent(clean["rules"][rule] / max(clean["episodes"], 1)) for rule in baselines.RULES]
    lines.append(f"| none (false alarms) | {' | '.join(false)} |")
    for name, row in found["defects"].items():
        if row["rules"] is not None:
            lines.append(f"| `{name}` | " + " | ".join(_percent(row["rules"][rule]) for rule in baselines.RULES) + " |")
    return "\n".join(lines)


MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")


def between_marks(page: str, tables: str) -> str:
    """The page with other tables between its marks.

    Raises:
        SystemExit: it has no marks.
    """
    begin, mark, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end):
        raise SystemExit(f"the page lacks {MARKS[0]} or {MARKS[1]}")
    return f"{begin}{mark}\n\n{tables}\n\n{end}{after}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100.0 * share:.0f}"


def _with_interval(share: Mapping[str, Any]) -> str:
    low, high = share["interval"]
    return f"{_percent(share['share'])} ({100.0 * low:.0f} to {100.0 * high:.0f})" if share["of"] else "-"
