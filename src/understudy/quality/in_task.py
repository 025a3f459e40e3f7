"""What a figure is worth among the episodes of its task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from understudy.quality.rating import weakest
from understudy.quality.scores import completion_time
from understudy.spec.findings import Component, Notes, ScoreResult
from understudy.spec.robot import Strict

FEWEST = 8
"""Episodes that a task must have before its own spread says anything; with fewer, the fixed scales count."""
OUTLIER = 4.0
"""Robust deviations on the bad side of the median at which a component is worth 0."""
USUAL = 2.0
"""Robust deviations within which a component that is bad on both sides is worth 1."""
_SIGMA = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""


class Reference(Strict):
    """Where one component of a task's episodes lies.

    Attributes:
        n: episodes it was taken from.
        median, spread: median and 1.4826 median absolute deviation, of the logarithm where the component asks for it.
    """

    n: int
    median: float
    spread: float


def references(notes: Iterable[Notes]) -> dict[str, Reference]:
    """`score.component` to where it lies among the episodes of one task; components of under FEWEST episodes are left out."""
    found: dict[str, list[float]] = {}
    for note in notes:
        for key, component in _components(note):
            found.setdefault(key, []).append(_scaled(component))
    return {key: _reference(values) for key, values in sorted(found.items()) if len(values) >= FEWEST}


def rated(notes: Notes, known: Mapping[str, Reference]) -> Notes:
    """The notes with every component held against its task, and the rating that follows.

    A completion time that could not be rated when the episode came, for want of others, is rated now. The result depends on
    the raw figures and `known` alone, so it can be made again at any time.
    """
    scores = list(notes.scores)
    length = _length(notes, known)
    if length is not None:
        scores = [s for s in scores if s.name != completion_time.NAME] + [length]
    scores = sorted((_rated(score, known) for score in scores), key=lambda s: s.name)
    skipped = tuple(s for s in notes.skipped if length is None or s.name != completion_time.NAME)
    return notes.model_copy(update={"scores": tuple(scores), "skipped": skipped, "quality_rating": weakest(scores)})


def worth(component: Component, reference: Reference) -> float:
    """0 to 1: 1 at the task's median or better, falling in a straight line to 0 at OUTLIER robust deviations beyond it.

    Where both sides are bad, 1 up to USUAL of them. A spread under the component's resolution counts as that.
    """
    deviations = (_scaled(component) - reference.median) / max(reference.spread, component.resolution, 1e-9)
    if component.better == "middle":
        return _clipped((OUTLIER - abs(deviations)) / (OUTLIER - USUAL))
    return _clipped(1.0 - (deviations if component.better == "low" else -deviations) / OUTLIER)


def _rated(score: ScoreResult, known: Mapping[str, Reference]) -> ScoreResult:
    parts = tuple(_held_against(part, known.get(f"{score.name}.{part.name}")) for part in score.components)
    worths = [part.in_task for part in parts if part.in_task is not None]
    return score.model_copy(update={"components": parts, "in_task": min(worths, default=None)})


def _held_against(part: Component, reference: Reference | None) -> Component:
    return part.model_copy(update={"in_task": None if reference is None else round(worth(part, reference), 4)})


def _length(notes: Notes, known: Mapping[str, Reference]) -> ScoreResult | None:
    reference = known.get(f"{completion_time.NAME}.duration")
    if reference is None or notes.facts is None or notes.facts.duration_s <= 0:
        return None
    return completion_time.against_median(notes.facts.duration_s, math.exp(reference.median))


def _components(notes: Notes) -> list[tuple[str, Component]]:
    found = [(f"{s.name}.{c.name}", c) for s in notes.scores if s.name != completion_time.NAME for c in s.components]
    if notes.facts is not None and notes.facts.duration_s > 0:
        score = completion_time.against_median(notes.facts.duration_s, notes.facts.duration_s)
        found.append((f"{score.name}.{score.components[0].name}", score.components[0]))
    return [(key, component) for key, component in found if math.isfinite(component.raw)]


def _scaled(component: Component) -> float:
    return math.log(max(component.raw, 1e-12)) if component.log else component.raw


def _reference(values: Sequence[float]) -> Reference:
    median = float(np.median(values))
    return Reference(n=len(values), median=median, spread=_SIGMA * float(np.median(np.abs(np.asarray(values) - median))))


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
