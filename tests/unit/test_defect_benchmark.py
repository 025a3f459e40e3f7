"""The figures of the defect benchmark, its split and its variants, and one run of it with a gate and a defect from outside."""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import pytest

from understudy import plugins
from understudy.devices.robot.mujoco import ArmWaves, Mover
from understudy.kinematics.load import load_robot
from understudy.quality.thresholds import number
from understudy.simulate.walker import walk
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import GateContext
from understudy.spec.skeleton import BONES, INDEX
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
POSITIONS = "observations/joint_positions"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return BENCHMARKS


def _load(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_wilson_by_hand(script: Path) -> None:
    wilson = _load("defects_figures").wilson
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_auroc_counts_pairs(script: Path) -> None:
    auroc = _load("defects_figures").auroc
    bad, good = np.array([3.0, 1.0, 2.0, 2.0]), np.array([2.0, 0.0, 1.0])
    pairs = [(b > g) + 0.5 * (b == g) for b in bad for g in good]
    assert auroc(bad, good) == pytest.approx(np.mean(pairs))
    assert auroc(bad, good) + auroc(good, bad) == pytest.approx(1.0)
    assert auroc(np.ones(3), np.ones(4)) == 0.5
    assert np.isnan(auroc(np.ones(3), np.empty(0)))


def test_intervals_draw_whole_sources(script: Path) -> None:
    interval = _load("defects_figures").auroc_interval
    rng = np.random.default_rng(0)
    bad, good = rng.normal(1.0, 1.0, 200), rng.normal(0.0, 1.0, 200)
    low, high = interval(bad, good, [str(i) for i in range(200)])
    wide_low, wide_high = interval(bad, good, [str(i // 50) for i in range(200)])
    point = _load("defects_figures").auroc(bad, good)
    assert low < point < high
    assert wide_low < point < wide_high
    assert interval(bad, good, ["one"] * 200) == (0.0, 1.0)  # of one source nothing is known


def test_the_smallest_strength_caught_holds_from_there_on(script: Path) -> None:
    smallest = _load("defects_table").smallest_caught
    rows = [{"strength": s, "share": share} for s, share in ((1.0, 0.99), (2.0, 0.5), (3.0, 0.96), (4.0, 1.0))]
    assert smallest(rows) == 3.0
    assert smallest(rows[:2]) is None


def test_one_take_is_on_one_side(script: Path) -> None:
    clean = _load("defects_clean")
    found = clean.sources(None)
    twice = [*found, clean.Source("other_format", "walk", human=found[0].human, group="walk_usual")]
    assert clean.side_of(twice[-1], twice) == clean.side_of(next(s for s in found if s.name == "walk_usual"), twice)
    sides = {(s.kind, clean.side_of(s, found)) for s in found}
    assert {("walk", "tune"), ("walk", "test"), ("jump", "test"), ("crouch", "test"), ("carry", "test")} <= sides
    for side in ("tune", "test"):
        assert all(clean.side_of(source, found) == side for source, _ in clean.plan(None, side, 60))


def test_no_episode_is_planned_twice(script: Path) -> None:
    clean = _load("defects_clean")
    chosen = clean.plan(None, "test", 300)
    assert len({clean.episode_name(source, v) for source, v in chosen}) == len(chosen) == 300


def test_a_motion_of_the_robot_is_made_smaller_until_it_touches_nothing(script: Path) -> None:
    apart, robot = _load("defects_apart"), load_robot("unitree_g1")
    tried: list[float] = []

    def waves(share: float) -> Mover:
        tried.append(share)
        held: Mover = apart.HeldOut(robot, ArmWaves(robot, amplitude_rad=0.5 * share), 0.35)
        return held

    for scene in ("empty", "table"):
        tried.clear()
        kept = apart.kept_apart(waves, robot, scene=scene, lift_m=0.0)
        assert 0.1 < tried[-1] < 0.9
        assert apart.nearest_m(kept, robot, scene=scene, lift_m=0.0) >= apart.APART_M
        assert apart.nearest_m(waves(tried[-1] / apart.SMALLER), robot, scene=scene, lift_m=0.0) < apart.APART_M
    with pytest.raises(SystemExit, match="choose another"):
        apart.kept_apart(lambda share: ArmWaves(robot, amplitude_rad=1.0), robot, scene="empty", lift_m=0.0)


def test_recorded_motions_are_whole(script: Path) -> None:
    recorded, robot = _load("defects_recorded"), load_robot("unitree_g1")
    for variant in (0, 2):
        mover = recorded._mover(recorded.RECORDED["rec_waves_wide"], robot, variant)
        before, end, after = (mover.joints_rad(t_s) for t_s in (recorded.SETTLE_S, mover.end_s, mover.end_s + 1.0))
        assert np.allclose([before, end, after], robot.home_rad)
        assert np.abs(mover.joints_rad(mover.end_s / 2.0) - robot.home_rad).max() > 0.3


def test_limbs_grow_and_feet_stay_planted(script: Path) -> None:
    with_limbs = _load("defects_clean").with_limbs
    before = walk(4.0).joint_pos_world_m
    after = with_limbs(before, legs=0.85, arms=1.15)

    def length(pos: np.ndarray[tuple[int, ...], np.dtype[np.float64]], a: str, b: str) -> float:
        return float(np.median(np.linalg.norm(pos[:, INDEX[a]] - pos[:, INDEX[b]], axis=1)))

    for a, b in BONES:
        part = next((f for words, f in ((("knee", "ankle", "toe"), 0.85), (("elbow", "wrist"), 1.15)) if b.endswith(words)), None)
        if part is not None:
            assert length(after, a, b) == pytest.approx(part * length(before, a, b)), (a, b)
    assert length(after, "pelvis", "chest") == pytest.approx(length(before, "pelvis", "chest"))
    np.testing.assert_allclose(after[:, INDEX["left_ankle"]], 0.85 * before[:, INDEX["left_ankle"]], atol=1e-9)
    np.testing.assert_allclose(with_limbs(before, legs=1.0, arms=1.0), before, atol=1e-12)


def test_severity_is_how_far_beyond(script: Path) -> None:
    severity = _load("defects_run").severity

    def of(value: float | None, limit: float | None) -> float:
        return float(severity(Finding(gate="g", severity="reject", message="m", value=value, limit=limit)))

    assert of(3.0, 2.0) == of(2.0, 3.0) == 1.5  # over an upper limit, under a lower one
    assert of(4.0, 0.0) == 5.0
    assert of(None, None) == 2.0


class Bright:
    """A gate of another package: refuses what is far from its home."""

    title = "Far from home"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults = {"max_rad": 50.0}

    def check(self, episode: Episode, context: GateContext) -> list[Finding]:
        """One finding for the whole episode."""
        far, most = float(np.nanmax(np.abs(episode.data(POSITIONS)))), number(context.thresholds, "max_rad")
        found = Finding(gate="bright", severity="reject", message="far", value=far, limit=most, unit="rad")
        return [found] if far > most else []


def _far(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(POSITIONS)
    return put(episode, with_samples(stream, stream.data.astype(np.float64) + 100.0 * strength))


BRIGHT = Bright()
OFFSET = Injector(
    title="Offset", imitates="An encoder counts from another zero than the others do, by far too much.", unit="times 100 rad",
    strengths=(1.0,), documented=1.0, gates=("bright",), touches=(POSITIONS,), change=_far,
)  # fmt: skip


def test_gates_and_defects_of_other_packages_take_part(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = {
        "gates": {"bright": EntryPoint("bright", f"{__name__}:BRIGHT", "understudy.gates")},
        "defects": {"offset": EntryPoint("offset", f"{__name__}:OFFSET", "understudy.defects")},
    }
    plain = plugins._outside
    monkeypatch.setattr(plugins, "_outside", lambda group: {**plain(group), **outside.get(group, {})})
    monkeypatch.setattr(EntryPoint, "load", lambda point: {"bright": BRIGHT, "offset": OFFSET}[point.name])
    run, clean = _load("defects_run"), _load("defects_clean")
    place = run.Place(run.clean_root(tmp_path), None, quick=True)
    run.open_clean(place.root, None)
    chosen = clean.variant(0, "robot")
    name, seconds, way_rad = run.ensure_clean(place, "bend_8", chosen)
    assert (name, run.ensure_clean(place, "bend_8", chosen)[0]) == ("bend_8_00", "bend_8_00")  # made once
    rows = run.examine(place, "bend_8", chosen)
    assert seconds == pytest.approx(4.0, abs=0.03)
    assert way_rad > 1.0
    assert {row["defect"] for row in rows} == {"clean", *plugins.names("defects")}
    assert all(row["refused"] or row["unfit"] for row in rows if row["defect"] in ("offset", "gap", "nan", "limit_excess"))
    found = _load("defects_table").summary(rows)
    assert found["defects"]["offset"]["recall_by_its_gate"]["share"] == 1.0
    assert "bright" in found["defects"]["offset"]["caught_by"]
    assert "| `offset` |" in _load("defects_table").markdown(found)


def test_the_page_tells_of_every_defect_and_takes_new_tables(script: Path) -> None:
    page = (BENCHMARKS.parent / "docs" / "defects.md").read_text(encoding="utf-8")
    for name in plugins.names("defects"):
        defect = cast(Defect, plugins.load("defects", name))
        assert f"| `{name}` | {defect.imitates} |" in page
    table = _load("defects_table")
    changed = table.between_marks(page, "other figures")
    assert "other figures" in changed
    assert table.between_marks(changed, "other figures") == changed
    with pytest.raises(SystemExit, match="lacks"):
        table.between_marks("no marks here", "other figures")
