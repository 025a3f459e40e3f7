"""The collection plan against a catalog."""

from __future__ import annotations

import pytest

from understudy.errors import InputError
from understudy.kinematics.pace import BINS
from understudy.pipeline.plan import progress_of, strangers_text
from understudy.spec.plan import TEMPLATE, parse_plan
from understudy.store.catalog import Row

PLAN = parse_plan(
    """
episodes = 100
[source_shares]
mocap = 0.8
teleop = 0.2
[categories.manipulation]
tasks = ["reach", "pick"]
episodes_per_task = 10
[categories.manipulation.episodes]
pick = 40
[categories.locomotion]
tasks = ["walk"]
hours = 2.0
[[categories.locomotion.stretches]]
terrain = "flat"
from_m_s = 0.25
to_m_s = 1.0
hours = 1.0
[[categories.locomotion.stretches]]
from_m_s = 1.0
hours = 1.0
""",
    where="plan.toml",
)


def row(task: str, source: str = "mocap", *, partition: str = "episodes", verdict: str = "accepted", terrain: str = "flat",
        seconds: float = 60.0, speed_bin: int = 5) -> Row:  # fmt: skip
    spent = [0.0] * BINS
    spent[speed_bin] = seconds
    return {"task": task, "motion_source": source, "partition": partition, "verdict": verdict, "terrain": terrain,
            "duration_s": seconds, "speed_s": spent}  # fmt: skip


def have(rows: list[Row]) -> dict[str, float]:
    return {f"{t.category}/{t.name}": t.have for t in progress_of(PLAN, rows).targets}


def test_the_template_is_a_plan() -> None:
    assert parse_plan(TEMPLATE, where="plan.toml").categories.keys() == {"manipulation", "locomotion", "whole_body", "navigation"}


def test_every_figure_of_the_plan_is_a_target() -> None:
    want = {f"{t.category}/{t.name}": t.want for t in progress_of(PLAN, []).targets}
    assert want == {
        "/all": 100,
        "manipulation/reach": 10,
        "manipulation/pick": 40,
        "locomotion/all its tasks": 2.0,
        "locomotion/flat, 0.25 to 1 m/s": 1.0,
        "locomotion/any terrain, over 1 m/s": 1.0,
    }


def test_refused_and_damaged_episodes_do_not_count() -> None:
    rows = [row("reach"), row("reach", verdict="unchecked"), row("reach", verdict="unreadable"), row("reach", verdict="rejected"),
            row("reach", partition="failures")]  # fmt: skip
    reached = progress_of(PLAN, rows)
    assert have(rows)["manipulation/reach"] == 2
    assert (reached.counted, reached.left_out) == (2, 3)


def test_hours_by_terrain_and_speed() -> None:
    rows = [row("walk", seconds=1800, speed_bin=5), row("walk", seconds=3600, speed_bin=15, terrain="stairs"),
            row("reach", seconds=900, speed_bin=5)]  # fmt: skip
    figures = have(rows)
    assert figures["locomotion/all its tasks"] == pytest.approx(1.5)
    assert figures["locomotion/flat, 0.25 to 1 m/s"] == pytest.approx(0.5)
    assert figures["locomotion/any terrain, over 1 m/s"] == pytest.approx(1.0)


def test_a_class_of_speed_counts_by_the_share_within() -> None:
    # class 2 is 0.2 to 0.3 m/s, and the stretch begins in its middle
    assert have([row("walk", seconds=3600, speed_bin=2)])["locomotion/flat, 0.25 to 1 m/s"] == pytest.approx(0.5)


def test_the_open_class_belongs_to_the_open_stretch() -> None:
    assert have([row("walk", seconds=3600, speed_bin=BINS - 1)])["locomotion/any terrain, over 1 m/s"] == pytest.approx(1.0)


def test_the_source_that_is_short_comes_first() -> None:
    reached = progress_of(PLAN, [row("reach") for _ in range(9)] + [row("reach", "teleop")])
    assert {s: h for s, h, _ in reached.shares} == {"mocap": 0.9, "teleop": 0.1}
    assert reached.next[0].startswith(
        "take the next ones with motion_source teleop: it is 10% of the episodes, the plan says 20%"
    )
    assert not progress_of(PLAN, [row("reach") for _ in range(8)] + [row("reach", "teleop")] * 2).next[0].startswith("take")


def test_what_is_furthest_behind_is_next() -> None:
    rows = [row("reach")] * 5 + [row("pick", "teleop")] * 10 + [row("walk", seconds=3600 * 3, speed_bin=5)]
    told = [line for line in progress_of(PLAN, rows).next if not line.startswith("take")]
    assert told[0].startswith("1.0 more hours of locomotion: any terrain, over 1 m/s")
    assert told[1].startswith("30 more episodes of pick (10 of 40)")
    assert told[2].startswith("5 more episodes of reach (5 of 10)")


def test_a_reached_plan_asks_for_nothing() -> None:
    plan = parse_plan('[categories.m]\ntasks = ["reach"]\nepisodes_per_task = 1', where="p")
    assert progress_of(plan, [row("reach")]).next == ()


def test_a_misspelt_task_is_told() -> None:
    reached = progress_of(PLAN, [row("raech")])
    assert "raech (1; did you mean 'reach'?)" in strangers_text(reached, PLAN)
    assert strangers_text(progress_of(PLAN, [row("reach")]), PLAN) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("episodes = ", "not valid TOML"),
        ("episodes = -1", "episodes"),
        ("[source_shares]\nmocap = 0.5", "add up to 0.5"),
        ("[source_shares]\nmocap = 1.5\nteleop = -0.5", "between 0 and 1"),
        ('[categories.a]\ntasks = ["x"]\n[categories.b]\ntasks = ["x"]', "in two categories"),
        ('[categories.a]\ntasks = ["x"]\n[categories.a.episodes]\ny = 3', "not one of its tasks"),
        ('[categories.a]\ntasks = ["x"]\n[[categories.a.stretches]]\nfrom_m_s = 2\nto_m_s = 1\nhours = 1', "must be over"),
        ("[categoris.a]\ntasks = []", "categoris"),
        ("format_version = 2", "format_version"),
    ],
)
def test_a_wrong_plan_says_where(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse_plan(text, where="here/plan.toml")
    assert str(caught.value).startswith("here/plan.toml: ")
