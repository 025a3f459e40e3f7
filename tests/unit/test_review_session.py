"""A review: what was said is followed, what is new is drawn from, and a dataset that moves loses nothing."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.errors import InputError
from understudy.pipeline.check import REVIEW_KEY, check_one
from understudy.pipeline.review.bring_in import bring_in
from understudy.pipeline.review.draw import Quota
from understudy.pipeline.review.lists import lists_for
from understudy.pipeline.review.session import ReviewSession
from understudy.pipeline.review.summary import summarize
from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding, Notes, Segment
from understudy.spec.review import Decision, Mark, Rating, Reason, Said, Segments, Stretch, Undo, Verdict
from understudy.store.dataset import Dataset
from understudy.store.notes import notes_path, read_notes
from understudy.testing.episodes import make_episode
from understudy.testing.stand_in import stand_in_robot

AT = "2026-11-28T14:03:09Z"
_ids = itertools.count(1)


def say(episode: str, verdict: Verdict, reason: Reason = "", *, by: str = "ana", seconds: float = 9.0) -> Decision:
    return Decision(id=f"{next(_ids):032x}", at=AT, reviewer=by, episode=episode, verdict=verdict, reason=reason, seconds=seconds)


def take_back(said: Said) -> Undo:
    return Undo(id=f"{next(_ids):032x}", at=AT, reviewer=said.reviewer, episode=said.episode, undoes=said.id)


def add(dataset: Dataset, name: str, *, who: str = "p01", task: str = "stand", notes: Notes | None = None) -> None:
    episode = make_episode(duration_s=0.3, rate_hz=60.0, episode_id=name, metadata={"demonstrator_id": who, "task_id": task})
    dataset.add(episode.with_notes(notes or Notes(episode=name, verdict="accepted", checked_with="x", quality_rating=0.5)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    robot = stand_in_robot()
    made = Dataset.create(tmp_path_factory.mktemp("made") / "kitchen", default_schema(robot, "kitchen"), robot)
    for k in range(6):
        add(
            made,
            f"e{k}",
            who=f"p{k % 2}",
            notes=Notes(episode=f"e{k}", verdict="accepted", checked_with="x", quality_rating=0.1 * k),
        )
    return made.root


@pytest.fixture
def dataset(whole: Path, tmp_path: Path) -> Dataset:
    return Dataset.open(shutil.copytree(whole, tmp_path / "kitchen"))


@pytest.fixture
def session(dataset: Dataset) -> ReviewSession:
    made = ReviewSession(dataset, Quota(per_hundred=50.0, share_twice=0.34))
    made.refresh()
    return made


def notes_of(dataset: Dataset, name: str) -> Notes:
    found = read_notes(dataset.ref(name).path)
    assert found is not None
    return found


def test_a_rejection_moves_the_episode_with_its_reason_and_undo_brings_it_back(dataset: Dataset, session: ReviewSession) -> None:
    before = notes_of(dataset, "e1")
    said = say("e1", "rejected", "environment anomaly")
    assert session.add(said).applied
    assert dataset.ref("e1").partition == "failures"
    noted = notes_of(dataset, "e1")
    assert (noted.verdict, noted.review[REVIEW_KEY], noted.review["reason"]) == ("rejected", "rejected", "environment anomaly")
    assert noted.review["by"] == "ana"
    assert session.add(take_back(said)).applied
    assert dataset.ref("e1").partition == "episodes"
    assert notes_of(dataset, "e1") == before


def test_what_the_gates_refused_comes_back_when_a_person_accepts_and_goes_when_they_take_it_back(dataset: Dataset) -> None:
    finding = Finding(gate="fall", severity="reject", message="pelvis low")
    add(dataset, "bad", notes=Notes(episode="bad", verdict="rejected", findings=(finding,), checked_with="x"))
    dataset.move("bad", "failures")
    session = ReviewSession(dataset)
    session.refresh()
    assert [row.episode for row in lists_for(session, "ana")["refused"]] == ["bad"]
    assert "bad" not in session.board.covered
    said = say("bad", "accepted")
    session.add(said)
    assert dataset.ref("bad").partition == "episodes"
    session.add(take_back(said))
    assert dataset.ref("bad").partition == "failures"


def test_an_operators_discard_stands_again_when_a_review_is_taken_back(dataset: Dataset, session: ReviewSession) -> None:
    discarded = Notes(episode="e2", verdict="rejected", checked_with="x", review={REVIEW_KEY: "rejected"})
    dataset.write_notes(discarded)
    dataset.move("e2", "failures")
    said = say("e2", "accepted")
    session.add(said)
    assert dataset.ref("e2").partition == "episodes"
    session.add(take_back(said))
    assert notes_of(dataset, "e2") == discarded
    assert dataset.ref("e2").partition == "failures"


def test_the_gates_do_not_overrule_a_person(dataset: Dataset, session: ReviewSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.pipeline.check.load_robot", lambda source: stand_in_robot())
    session.add(say("e3", "rejected", "unnatural motion"))
    assert check_one(dataset, dataset.ref("e3")).outcome == "rejected"
    assert dataset.ref("e3").partition == "failures"


def test_reject_wins_until_a_third_decides(dataset: Dataset, session: ReviewSession) -> None:
    session.add(say("e1", "accepted", by="ana"))
    assert dataset.ref("e1").partition == "episodes"
    session.add(say("e1", "rejected", "unnatural motion", by="ben"))
    assert dataset.ref("e1").partition == "failures"
    assert summarize(session).disagreements == ("e1",)
    assert [r.episode for r in lists_for(session, "cleo")["disagreements"] if r.todo] == ["e1"]
    assert [r.episode for r in lists_for(session, "ana")["disagreements"] if r.todo] == []
    session.add(say("e1", "accepted", by="cleo"))
    assert dataset.ref("e1").partition == "episodes"
    assert summarize(session).disagreements == ()
    assert notes_of(dataset, "e1").review["votes"] == "2 of 3"
    found = summarize(session).agreement
    assert (found.episodes, found.percent) == (1, 0.0)  # who decides a disagreement is no independent judge


def test_a_second_thought_of_the_same_reviewer_counts_alone(dataset: Dataset, session: ReviewSession) -> None:
    session.add(say("e1", "rejected", "unnatural motion"))
    session.add(say("e1", "accepted"))
    assert dataset.ref("e1").partition == "episodes"
    assert summarize(session).rejected == 0


def test_ratings_are_kept_apart_from_the_score(dataset: Dataset, session: ReviewSession) -> None:
    for who, stars in (("ana", 2), ("ben", 5)):
        session.add(Rating(id=f"{next(_ids):032x}", at=AT, reviewer=who, episode="e1", stars=stars))
    noted = notes_of(dataset, "e1")
    assert noted.review["rating"] == "3.5"
    assert noted.quality_rating == pytest.approx(0.1)
    assert dataset.ref("e1").partition == "episodes"
    assert summarize(session).human_ratings == {2: 1, 5: 1}


def test_marks_and_undo_are_in_the_order_of_the_log(session: ReviewSession) -> None:
    first = say("e1", "accepted")
    mark = Mark(id=f"{next(_ids):032x}", at=AT, reviewer="ana", episode="e2", start_ns=1, end_ns=2)
    session.add(first)
    session.add(mark)
    assert session.board.undoable("ana") == mark
    session.add(take_back(mark))
    assert session.board.undoable("ana") == first
    assert session.board.standing("e2").marks == []
    assert session.board.undoable("ben") is None


def test_segments_are_replaced_and_come_back_as_they_were(dataset: Dataset, session: ReviewSession) -> None:
    start = int(dataset.read("e1").timeline_ns[0])
    original = Segment(start_ns=start, end_ns=start + 100, label="locomotion", source="kinematics")
    dataset.write_notes(notes_of(dataset, "e1").model_copy(update={"segments": (original,)}))
    before = (Stretch(start_ns=0, end_ns=100, label="locomotion", source="kinematics"),)
    after = (Stretch(start_ns=0, end_ns=60, label="manipulation", source="kinematics", subtask="open the door", by="ana"),)
    said = Segments(id=f"{next(_ids):032x}", at=AT, reviewer="ana", episode="e1", segments=after, before=before)
    session.add(said)
    (segment,) = notes_of(dataset, "e1").segments
    assert segment == Segment(
        start_ns=start, end_ns=start + 60, label="manipulation", source="kinematics", subtask="open the door", by="ana"
    )
    session.add(take_back(said))
    assert notes_of(dataset, "e1").segments == (original,)


def test_new_episodes_make_new_batches_and_old_draws_stay(dataset: Dataset, session: ReviewSession) -> None:
    old = session.board.draws[0]
    assert (len(old.covers), len(old.drawn)) == (6, 3)
    assert sum(d.twice for d in old.drawn) == 2
    session.refresh()
    assert len(session.board.draws) == 1
    for k in range(4):
        add(dataset, f"f{k}")
    session.add(say("f0", "accepted"))
    again = ReviewSession(dataset, Quota(per_hundred=50.0, seed=99))
    again.refresh()
    assert again.board.draws[0] == old
    fresh = again.board.draws[1]
    assert sorted(fresh.covers) == ["f0", "f1", "f2", "f3"]
    assert len(fresh.drawn) == 2
    assert "f0" not in [d.episode for d in fresh.drawn]  # was reviewed before the draw


def test_one_new_episode_at_a_time_does_not_mean_that_each_is_drawn(dataset: Dataset) -> None:
    session = ReviewSession(dataset)
    session.refresh()
    for k in range(14):
        add(dataset, f"g{k:02d}")
        session.refresh()
    assert len(session.board.draws) == 15
    assert len(session.board.drawn) == Quota().of(20) == 2


def test_the_same_dataset_and_seed_draw_the_same(dataset: Dataset, session: ReviewSession) -> None:
    drawn = session.board.draws[0].drawn
    session.path.unlink()
    again = ReviewSession(dataset, session.quota)
    again.refresh()
    assert again.board.draws[0].drawn == drawn


def test_of_two_programs_that_drew_at_once_the_first_counts(dataset: Dataset) -> None:
    one, two = ReviewSession(dataset), ReviewSession(dataset, Quota(per_hundred=100.0))
    one.refresh()
    two.folder.look()
    batch = two._batch([f"e{k}" for k in range(6)])  # drawn before it knew of the first
    two._log.append([batch])
    two.refresh()
    assert set(two.board.drawn) == {d.episode for d in one.board.draws[0].drawn}


def test_the_lowest_scores_are_a_list_of_their_own(session: ReviewSession) -> None:
    lists = lists_for(session, "ana")
    (lowest,) = lists["lowest"]
    assert lowest.episode == min(n for n in ("e0", "e1", "e2", "e3", "e4", "e5") if n not in session.board.drawn)
    assert {row.episode for row in lists["drawn"]} == set(session.board.drawn)


def _rename(dataset: Dataset, name: str) -> None:
    path = dataset.ref(name).path
    path.rename(path.with_name("renamed.h5"))
    notes_path(path).unlink()


def _fail_by_gates(dataset: Dataset, name: str) -> None:
    dataset.write_notes(notes_of(dataset, name).model_copy(update={"verdict": "rejected"}))
    dataset.move(name, "failures")


@pytest.mark.parametrize(("change", "followed"), [(_rename, False), (_fail_by_gates, True)])
def test_a_dataset_that_moves_loses_no_decision(
    dataset: Dataset, session: ReviewSession, change: Callable[[Dataset, str], None], followed: bool
) -> None:
    change(dataset, "e1")
    answer = session.add(say("e1", "accepted"))
    assert answer.saved
    assert answer.applied == followed
    again = ReviewSession(dataset)
    again.refresh()
    assert again.board.standing("e1").ruling == "accepted"
    if followed:
        assert dataset.ref("e1").partition == "episodes"
    else:
        assert "e1" in answer.message
        assert "e1" in again.unapplied
        path = dataset.ref("renamed").path
        path.rename(path.with_name("e1.h5"))
        again.refresh()
        assert again.unapplied == {}
        assert notes_of(dataset, "e1").review[REVIEW_KEY] == "accepted"


def test_notes_that_a_check_wrote_over_are_brought_in_line_again(dataset: Dataset, session: ReviewSession) -> None:
    before = notes_of(dataset, "e4")
    session.add(say("e4", "rejected", "inconsistent strategy"))
    dataset.write_notes(before)  # a check that had read the notes before the decision
    dataset.move("e4", "episodes")
    session.refresh()
    assert dataset.ref("e4").partition == "failures"
    assert notes_of(dataset, "e4").review["reason"] == "inconsistent strategy"


def test_what_no_review_could_have_said_is_refused(dataset: Dataset, session: ReviewSession) -> None:
    with pytest.raises(InputError, match="never was"):
        session.add(say("nobody", "accepted"))
    said = say("e1", "accepted", by="ana")
    session.add(said)
    stolen = Undo(id=f"{next(_ids):032x}", at=AT, reviewer="ben", episode="e1", undoes=said.id)
    with pytest.raises(InputError, match="ben said nothing"):
        session.add(stolen)
    assert session.board.standing("e1").ruling == "accepted"


def test_a_dataset_that_went_away_is_said(dataset: Dataset, session: ReviewSession) -> None:
    dataset.root.rename(dataset.root.with_name("elsewhere"))
    with pytest.raises(InputError, match="moved or renamed"):
        session.refresh()


def test_decisions_of_a_file_are_taken_in_once_and_the_rest_is_named(
    dataset: Dataset, session: ReviewSession, tmp_path: Path
) -> None:
    good, unknown = say("e1", "rejected", "unnatural motion", by="ben"), say("gone", "accepted", by="ben")
    file = tmp_path / "back.jsonl"
    lines = [good.model_dump_json(), unknown.model_dump_json(), "{", session.board.draws[0].model_dump_json(), "", "x" * 40_000]
    file.write_text("\n".join(lines))
    found = bring_in(session, file)
    assert (found.taken, found.known) == (1, 0)
    assert [why.split(": ")[0].rpartition(" ")[2] for why in found.refused] == ["2", "3", "4", "6"]
    assert "'gone'" in found.refused[0]
    assert dataset.ref("e1").partition == "failures"
    assert bring_in(session, file).known == 1
    with pytest.raises(InputError, match="cannot be read"):
        bring_in(session, tmp_path / "none.jsonl")


def test_the_summary_adds_up(session: ReviewSession) -> None:
    for name, verdict, reason in (
        ("e1", "accepted", ""),
        ("e2", "rejected", "unnatural motion"),
        ("e3", "rejected", "unnatural motion"),
    ):
        session.add(say(name, verdict, reason, seconds=30.0))  # type: ignore[arg-type]
    found = summarize(session)
    assert (found.accepted, found.rejected, found.reasons["unnatural motion"]) == (1, 2, 2)
    assert found.seconds_per_episode == pytest.approx(30.0)
    assert found.seconds_per_hundred == pytest.approx(30.0 * 50.0)
    assert found.reviewers[0].decisions == 3
    assert found.batches[0].drawn == 3
