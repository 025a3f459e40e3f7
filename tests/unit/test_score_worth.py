"""What a measure is worth within its task: against the others, or on a fixed scale."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.quality.in_task import FEWEST, OUTLIER, USUAL, Reference, rated, references, worth
from understudy.quality.scales import between
from understudy.spec.findings import Component, Facts, Notes, ScoreResult, Skipped


def _component(raw: float, **more: object) -> Component:
    return Component.model_validate({"name": "c", "raw": raw, "resolution": 0.1, **more})


def _notes(raw: float, *, seconds: float | None = 10.0, name: str = "s", **more: object) -> Notes:
    score = ScoreResult(name=name, value=0.5, raw=raw, components=(_component(raw, **more),))
    return Notes(episode="e", verdict="accepted", scores=(score,), facts=None if seconds is None else Facts(duration_s=seconds))


def test_worth_falls_from_the_median_to_an_outlier_on_the_bad_side_alone() -> None:
    reference = Reference(n=20, median=5.0, spread=1.0)
    assert [worth(_component(x), reference) for x in (0.0, 5.0, 6.0, 5.0 + OUTLIER, 20.0)] == pytest.approx([1, 1, 0.75, 0, 0])
    high = [worth(_component(x, better="high"), reference) for x in (20.0, 5.0, 4.0, 5.0 - OUTLIER)]
    assert high == pytest.approx([1, 1, 0.75, 0])
    middle = [worth(_component(5.0 + k * side, better="middle"), reference) for side in (1, -1) for k in (0.0, USUAL, 3.0, 4.0)]
    assert middle == pytest.approx([1, 1, 0.5, 0] * 2)


def test_differences_under_the_resolution_count_little_in_a_task_that_is_all_alike() -> None:
    notes = [_notes(5.0) for _ in range(20)]
    usual = references(notes)
    assert usual["s.c"].spread == 0.0
    assert worth(_component(5.1), usual["s.c"]) == pytest.approx(0.75)


def test_the_worth_does_not_depend_on_the_unit_or_the_zero() -> None:
    rng = np.random.default_rng(2)
    raws = rng.normal(3.0, 1.0, 40)
    plain = [worth(_component(x, resolution=0.0), references(_notes(y) for y in raws)["s.c"]) for x in raws]
    scaled = [
        worth(_component(1e3 * x - 7.0, resolution=0.0), references(_notes(1e3 * y - 7.0) for y in raws)["s.c"]) for x in raws
    ]
    np.testing.assert_allclose(plain, scaled)
    ratio = [_component(np.exp(x), log=True, resolution=0.0) for x in raws]
    logs = references(_notes(float(np.exp(y)), log=True) for y in raws)["s.c"]
    np.testing.assert_allclose([worth(c, logs) for c in ratio], plain)


def test_a_few_outliers_do_not_move_what_is_usual() -> None:
    rng = np.random.default_rng(3)
    raws = list(rng.normal(3.0, 1.0, 40))
    clean, spoiled = references(_notes(x) for x in raws)["s.c"], references(_notes(x) for x in [*raws, *[1e6] * 4])["s.c"]
    assert abs(clean.median - spoiled.median) < 0.3
    assert spoiled.spread < 1.5 * clean.spread


def test_with_few_episodes_the_fixed_scale_counts() -> None:
    few = [_notes(float(k)) for k in range(FEWEST - 1)]
    assert references(few) == {}
    kept = rated(few[0], references(few))
    assert (kept.scores[0].in_task, kept.scores[0].rated, kept.quality_rating) == (None, 0.5, 0.5)
    enough = rated(few[0], references([*few, _notes(3.0)]))
    assert enough.scores[0].in_task == 1.0
    assert enough.quality_rating == 1.0


def test_the_rating_is_the_weakest_component_and_can_be_made_again() -> None:
    parts = (_component(5.0), Component(name="d", raw=8.0, resolution=0.1))
    notes = Notes(episode="e", scores=(ScoreResult(name="s", value=1.0, raw=5.0, components=parts),))
    usual = {"s.c": Reference(n=9, median=5.0, spread=1.0), "s.d": Reference(n=9, median=6.0, spread=1.0)}
    once = rated(notes, usual)
    assert [c.in_task for c in once.scores[0].components] == [1.0, 0.5]
    assert (once.scores[0].in_task, once.quality_rating, once.scores[0].value) == (0.5, 0.5, 1.0)
    assert rated(once, usual) == once
    assert rated(once, {}).scores == notes.scores


def test_a_completion_time_is_rated_once_there_are_others() -> None:
    skipped = (Skipped(name="completion_time", reason="too few"), Skipped(name="grasp", reason="no gripper"))
    task = [
        _notes(1.0, seconds=s).model_copy(update={"skipped": skipped}) for s in (9.0, 9.5, 10.0, 10.0, 10.0, 10.5, 11.0, 30.0)
    ]
    usual = references(task)
    first, late = rated(task[0], usual), rated(task[-1], usual)
    assert {s.name: s.rated for s in first.scores} == {"completion_time": 1.0, "s": 1.0}
    assert [s.name for s in first.skipped] == ["grasp"]
    assert late.quality_rating == 0.0
    assert next(s.raw for s in late.scores if s.name == "completion_time") == pytest.approx(3.0)


def test_durations_that_differ_by_design_say_nothing() -> None:
    task = [_notes(1.0, seconds=float(s)) for s in np.geomspace(2.0, 60.0, 40)]
    usual = references(task)
    assert {rated(n, usual).quality_rating for n in task} == {1.0}


@pytest.mark.parametrize(("raw", "value"), [(1.0, 1.0), (2.0, 1.0), (4.0, 0.5), (8.0, 0.0), (99.0, 0.0)])
def test_a_logarithmic_scale(raw: float, value: float) -> None:
    assert between(raw, 2.0, 8.0, log=True) == pytest.approx(value)
    assert between(-raw, -8.0, -2.0) == pytest.approx(float(np.clip((raw - 2.0) / 6.0, 0.0, 1.0)))
