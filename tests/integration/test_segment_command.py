"""`understudy segment` over a dataset on disk: splitting, editing by a table, and what a person set."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.errors import InputError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset
from understudy.pipeline.segment import replace_segments, segment_dataset, timeline_span
from understudy.pipeline.segment_table import COLUMNS, apply_table, rows_of, write_table
from understudy.segment.rule import RULE
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Segment
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.episodes import episode_of_motion, make_episode, motion_of, without

S_NS = 1_000_000_000


@cache
def _robot() -> RobotModel:
    return load_robot("unitree_g1")


@cache
def _reaching() -> Episode:
    """Standing for 2 s, the left arm ahead for 3 s, standing again."""
    made = make_episode(_robot(), duration_s=7.0)
    motion = motion_of(made)
    q = np.tile(_robot().home_rad, (len(motion.t_ns), 1))
    t_s = motion.t_ns * 1e-9
    q[:, _robot().joint_index("left_shoulder_pitch_joint")] -= np.interp(t_s, [2.0, 2.5, 4.5, 5.0], [0.0, 1.4, 1.4, 0.0])
    q += np.random.default_rng(0).normal(0.0, 1e-5, q.shape)  # encoders are never still to the last bit
    still = np.tile(motion.root_pos_world_m[:1], (len(t_s), 1)), np.tile(motion.root_quat_world_wxyz[:1], (len(t_s), 1))
    moved = type(motion)(motion.t_ns, *still, q, motion.joint_names)
    return episode_of_motion(_robot(), moved, episode_id="reach_00000000")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = Dataset.create(tmp_path / "set", default_schema(_robot(), "test"), _robot())
    made.add(_reaching())
    made.add(make_episode(_robot(), duration_s=2.0))
    return made


def _segments(dataset: Dataset, id_: str = "reach_00000000") -> tuple[Segment, ...]:
    notes = dataset.read(id_).notes
    assert notes is not None
    return notes.segments


def _person(start_s: float, end_s: float, **more: str) -> Segment:
    said = {"label": "manipulation", "source": "mocap", "by": "p07", **more}
    return Segment(start_ns=round(start_s * S_NS), end_ns=round(end_s * S_NS), **said)


def test_it_splits_once_and_the_episodes_files_stay(dataset: Dataset) -> None:
    before = {ref.id: ref.path.read_bytes() for ref in dataset.refs()}
    calls: list[tuple[int, int]] = []
    first = segment_dataset(dataset, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    assert [one.did for one in first] == ["split", "split"]
    assert [s.label for s in _segments(dataset)] == ["idle", "manipulation", "idle"]
    assert _segments(dataset)[1].start_ns / S_NS == pytest.approx(2.0, abs=0.3)
    assert [one.did for one in segment_dataset(dataset)] == ["kept", "kept"]
    assert {ref.id: ref.path.read_bytes() for ref in dataset.refs()} == before


def test_what_a_person_set_stays_unless_asked(dataset: Dataset) -> None:
    segment_dataset(dataset)
    mine = _person(1.0, 3.0, label="wave", subtask="wave to the visitor")
    replace_segments(dataset, "reach_00000000", [mine])
    segment_dataset(dataset)
    assert _segments(dataset) == (mine,)
    segment_dataset(dataset, redo=True)
    kept = _segments(dataset)
    assert mine in kept
    assert [s.by for s in kept] == [RULE, "p07", RULE, RULE]
    assert all(a.end_ns == b.start_ns for a, b in zip(kept[:-1], kept[1:], strict=True))
    segment_dataset(dataset, redo=True, overwrite=True)
    assert {s.by for s in _segments(dataset)} == {RULE}


def test_segments_of_before_anybody_was_named_are_a_persons(dataset: Dataset) -> None:
    old = Segment(start_ns=0, end_ns=S_NS, label="walk", source="mocap")
    replace_segments(dataset, "reach_00000000", [old])
    segment_dataset(dataset, redo=True)
    assert old in _segments(dataset)


def test_checking_and_segmenting_leave_each_other_alone(dataset: Dataset) -> None:
    segment_dataset(dataset)
    segments = _segments(dataset)
    check_dataset(dataset)
    assert _segments(dataset) == segments
    notes = dataset.read("reach_00000000").notes
    segment_dataset(dataset, redo=True)
    assert dataset.read("reach_00000000").notes == notes


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([_person(1.0, 1.0)], "does not end after it begins"),
        ([_person(2.0, 1.0)], "does not end after it begins"),
        ([_person(-1.0, 1.0)], "outside the episode, which is from 0.000 s to 7.0"),
        ([_person(1.0, 8.0)], "outside the episode"),
        ([_person(1.0, 3.0), _person(2.0, 4.0)], "over 'manipulation', which ends at 3.000 s"),
        ([_person(1.0, 2.0, label="")], "no label"),
    ],
)
def test_segments_that_cannot_be_are_refused_and_nothing_changes(dataset: Dataset, segments: list[Segment], said: str) -> None:
    segment_dataset(dataset)
    before = _segments(dataset)
    with pytest.raises(InputError, match=said):
        replace_segments(dataset, "reach_00000000", segments)
    assert _segments(dataset) == before


def test_any_order_gaps_and_no_segments_at_all_are_fine(dataset: Dataset) -> None:
    late, early = _person(4.0, 5.0), _person(1.0, 2.0)
    assert replace_segments(dataset, "reach_00000000", [late, early]).segments == (early, late)
    _, end_ns = timeline_span(_reaching())
    whole = Segment(start_ns=0, end_ns=end_ns, label="all", source="mocap", by="p07")
    assert replace_segments(dataset, "reach_00000000", [whole]).segments == (whole,)
    assert replace_segments(dataset, "reach_00000000", []).segments == ()
    with pytest.raises(UnknownNameError):
        replace_segments(dataset, "reach", [])


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_what_is_saved_and_set_again_is_the_same(dataset: Dataset, tmp_path: Path, suffix: str) -> None:
    found = segment_dataset(dataset)
    table = tmp_path / f"segments{suffix}"
    write_table(table, found)
    before = {ref.id: _segments(dataset, ref.id) for ref in dataset.refs()}
    assert set(apply_table(dataset, table, by="p07")) == set(before)
    assert {ref.id: _segments(dataset, ref.id) for ref in dataset.refs()} == before


def test_an_edited_row_is_the_persons_and_the_others_stay_the_rules(dataset: Dataset, tmp_path: Path) -> None:
    rows = rows_of(segment_dataset(dataset))
    mine = [row for row in rows if row["episode"] == "reach_00000000"]
    mine[1] |= {"start_s": 2.125, "subtask": "reach for the cup"}
    mine[0] |= {"end_s": 2.125}
    table = tmp_path / "segments.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(mine)
    other = _segments(dataset, "stand_00000000")
    apply_table(dataset, table, by="p07")
    found = _segments(dataset)
    assert [(s.by, s.subtask) for s in found] == [("p07", ""), ("p07", "reach for the cup"), (RULE, "")]
    assert found[1].start_ns == 2_125_000_000
    assert found[1].source == "synthetic"
    assert _segments(dataset, "stand_00000000") == other


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("episode,start_s,end_s,label\nreach_00000000,0,two,idle\n", "line 2: end_s is 'two'"),
        ("episode,start_s,end_s,label\nreach_00000000,0,nan,idle\n", "line 2: end_s is 'nan'"),
        ("episode,start_s,end_s,label\nreach_0000000,0,2,idle\n", "line 2: unknown episode"),
        ("episode,start_s,end_s,label\nreach_00000000,0,2,\n", "line 2: no label"),
        ("episode,start_s,end_s,label,colour\nreach_00000000,0,2,idle,red\n", "line 2: unknown column 'colour'"),
        ("episode,start_s,end_s,label\nreach_00000000,0,2,idle,more\n", "line 2: unknown column"),
        ("episode,start_s,end_s,label\n", "no segment in it"),
        ("", "no segment in it"),
        ("episode,start_s,end_s,label\nreach_00000000,0,2,idle\nreach_00000000,1,3,idle\n", "nothing was changed"),
        ("episode,start_s,end_s,label\nstand_00000000,0,1,idle\nreach_00000000,0,99,idle\n", "outside the episode.*nothing was"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place_and_changes_nothing(
    dataset: Dataset, tmp_path: Path, text: str, said: str
) -> None:
    segment_dataset(dataset)
    before = {ref.id: _segments(dataset, ref.id) for ref in dataset.refs()}
    table = tmp_path / "segments.csv"
    table.write_text(text)
    with pytest.raises(InputError, match=said):
        apply_table(dataset, table, by="p07")
    assert {ref.id: _segments(dataset, ref.id) for ref in dataset.refs()} == before


@pytest.mark.parametrize(
    ("text", "said"), [("{", "not JSON"), ("{}", "a list of objects"), ("[1]", "a list of objects"), ("[]", "no segment in it")]
)
def test_a_wrong_json_file_is_refused(dataset: Dataset, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=said):
        apply_table(dataset, tmp_path / "s.json", by="p07")


def test_other_files_and_the_rule_as_a_person_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("x")
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        apply_table(dataset, tmp_path / "s.txt", by="p07")
    with pytest.raises(InputError, match="set by somebody"):
        apply_table(dataset, tmp_path / "s.csv", by=RULE)
    with pytest.raises(InputError, match="cannot be read"):
        apply_table(dataset, tmp_path / "s.csv", by="p07")
    (tmp_path / "s.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        apply_table(dataset, tmp_path / "s.csv", by="p07")


def test_the_command_lists_saves_and_sets(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "segments.csv"
    assert main(["segment", str(dataset.root), "--save", str(table)]) == 0
    out = capsys.readouterr().out
    assert "manipulation" in out
    assert "2 episodes, 2 split now, 0 not possible" in out
    table.write_text(table.read_text().replace("manipulation,synthetic,", "manipulation,synthetic,reach for the cup"))
    assert main(["segment", str(dataset.root), "--set", str(table), "--by", "p07", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert ("reach for the cup", "p07") in {(row["subtask"], row["by"]) for row in said["segments"]}
    assert said["failed"] == {}
    assert main(["segment", str(dataset.root), "--overwrite"]) == 2


def test_an_episode_that_cannot_be_split_is_named_and_the_others_are(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = make_episode(_robot(), duration_s=1.0, episode_id="bare_00000000")
    dataset.add(without(bare, "debug/base_pose_world"))
    broken = dataset.ref("stand_00000000").path
    broken.write_bytes(broken.read_bytes()[:2000])
    assert main(["segment", str(dataset.root)]) == 1
    out = capsys.readouterr().out
    assert "bare_00000000: episode bare_00000000: no samples of debug/base_pose_world" in out
    assert "stand_00000000: " in out
    assert "3 episodes, 1 split now, 2 not possible" in out


def test_exports_carry_the_new_fields(dataset: Dataset, tmp_path: Path) -> None:
    replace_segments(dataset, "reach_00000000", [_person(1.0, 3.0, subtask="reach for the cup")])
    check_dataset(dataset)
    for kind in ("lerobot", "motion", "mcap"):
        assert main(["export", kind, str(dataset.root), str(tmp_path / kind)]) == 0
    texts = [p.read_bytes() for kind in ("lerobot", "motion", "mcap") for p in (tmp_path / kind).rglob("*") if p.is_file()]
    assert sum(b"reach for the cup" in text for text in texts) >= 2
