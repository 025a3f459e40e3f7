"""The report's view of the whole dataset, read back as HTML."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.report.build import build_report
from understudy.apps.report.overview import overview, overview_html
from understudy.apps.report.workspace import CELL_M, REACH_M, Reach, reach_of
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding, Notes, ScoreResult
from understudy.store.catalog import Row, catalog_rows, refresh_catalog
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode

ROBOT = load_robot("unitree_g1")
EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """24 short episodes by three operators; the takes of one of them have gaps."""
    made = Dataset.create(tmp_path_factory.mktemp("overview") / "lab", default_schema(ROBOT, "lab"), ROBOT)
    for seed in range(24):
        operator = ("d1", "d2", EVIL)[seed % 3]
        made.add(make_episode(ROBOT, duration_s=0.4, seed=seed, metadata={"task_id": "reach", "demonstrator_id": operator}))
        bad = operator == "d2"
        gap = Finding(gate="gaps", severity="reject", stream="observations/joint_positions", message="a gap")
        scores = (ScoreResult(name="smoothness", value=seed / 24, raw=1.0),)
        name = f"stand_{seed:08x}"
        made.write_notes(
            Notes(episode=name, verdict="rejected" if bad else "accepted", findings=(gap,) if bad else (), scores=scores)
        )
        if bad:
            made.move(name, "failures")
    return made


def rows_of(dataset: Dataset) -> list[Row]:
    return list(catalog_rows(refresh_catalog(dataset)))


def test_the_operator_behind_a_fault_is_named(dataset: Dataset) -> None:
    part = overview(rows_of(dataset), dataset.schema, Reach.empty())
    (problem,) = part.problems
    assert (problem.gate, problem.attribute, problem.value, problem.hit, problem.seen) == ("gaps", "demonstrator_id", "d2", 8, 8)
    assert "<b>gaps</b> follows operator <b>d2</b>: 8 of 8 episodes, 0 of 16 for the others" in overview_html(part)


def test_tasks_by_operator_and_refusals_add_up(dataset: Dataset) -> None:
    text = overview_html(overview(rows_of(dataset), dataset.schema, Reach.empty()))
    table = re.search(r'id="operators".*?</section>', text, re.DOTALL)
    assert table is not None
    cells = re.findall(r'<td class="n[^"]*">([^<]*)</td>', table[0])
    assert cells == ["8", "8", "8 (8)", "24 (8)"]  # operators by name: the hostile one, d1, d2
    assert "gaps: refused 8" in text


def test_names_from_files_are_escaped(dataset: Dataset) -> None:
    text = overview_html(overview(rows_of(dataset), dataset.schema, Reach.empty()))
    assert "alert(" in text
    assert EVIL not in text


def test_every_score_has_its_distribution(dataset: Dataset) -> None:
    text = overview_html(overview(rows_of(dataset), dataset.schema, Reach.empty()))
    for title in ("length, median 0.4 s", "smoothness, median 0.479", "speed of the base"):
        assert title in text


def test_an_empty_dataset_has_no_view() -> None:
    assert overview_html(overview([], default_schema(ROBOT, "x"), Reach.empty())) == ""


def test_a_hand_is_counted_where_it_is() -> None:
    home = np.tile(ROBOT.home_rad, (11, 1))
    reach = reach_of(ROBOT, home)
    assert reach.steps == 2
    assert reach.cells_used() == (1, 1)
    for k, sign in ((0, 1), (1, -1)):
        _, column = np.argwhere(reach.above[k])[0]
        y = (column + 0.5) * CELL_M - REACH_M
        assert sign * y > 0.05, "y is positive on the robot's left"


def test_the_page_shows_left_on_the_left(dataset: Dataset) -> None:
    text = build_report(dataset.root, video=False, clips=0).read_text(encoding="utf-8")
    card = re.search(r'id="workspace".*?</section>', text, re.DOTALL)
    assert card is not None
    x = {side: [float(v) for v in re.findall(rf'class="bar {side} shade\d" x="([\d.]+)"', card[0])] for side in ("left", "right")}
    assert x["left"]
    assert max(x["left"]) < min(x["right"])


def test_reach_adds_up() -> None:
    one = reach_of(ROBOT, np.tile(ROBOT.home_rad, (11, 1)))
    both = one.plus(one)
    assert both.steps == 2 * one.steps
    np.testing.assert_array_equal(both.above, 2 * one.above)


def test_the_report_of_a_dataset_with_a_damaged_episode_has_its_view(dataset: Dataset, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "copy"
    shutil.copytree(dataset.root, root)
    path = Dataset.open(root).ref("stand_00000000").path
    path.write_bytes(path.read_bytes()[:500])
    text = build_report(root, video=False, clips=0).read_text(encoding="utf-8")
    assert "Episodes that could not be read: 1" in text
    assert 'id="operators"' in text
