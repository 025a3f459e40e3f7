"""Notes beside an episode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.errors import EpisodeError
from understudy.spec.findings import Finding, Notes, ScoreResult, Segment, Skipped
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.notes import notes_path, parse_notes, read_notes, write_notes
from understudy.store.pack import pack_episode
from understudy.testing.episodes import make_episode

NOTES = Notes(
    episode="e",
    verdict="accepted",
    findings=(Finding(gate="fall", severity="warn", message="low – tief", value=0.4, limit=0.5, unit="1", start_ns=3),),
    scores=(ScoreResult(name="smoothness", value=0.25, raw=-3.5),),
    skipped=(Skipped(name="wrench_spike", reason="no stream"),),
    segments=(Segment(start_ns=0, end_ns=5, label="walk", source="rule"),),
    quality_rating=0.75,
    review={"by": "op1"},
)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "e.h5"
    assert read_notes(path) is None
    write_notes(path, NOTES)
    assert notes_path(path).name == "e.notes.json"
    assert read_notes(path) == NOTES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"episode": "e", "verdict"', "the whole file: "),
        ('{"episode": "e", "verdict": "good"}', "verdict: "),
        ('{"episode": "e", "extra": 1}', "extra: "),
        ('{"episode": "other"}', "notes of episode 'other'"),
        ('{"episode": "e", "format_version": 2}', "notes of version 2"),
        ("", "the whole file"),
    ],
)
def test_damaged_notes_are_never_dropped(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "e.h5"
    write_episode(path, make_episode(duration_s=0.1, episode_id="e"))
    notes_path(path).write_text(text)
    with pytest.raises(EpisodeError, match=message) as caught:
        read_episode(path)
    assert str(notes_path(path)) in str(caught.value)
    assert notes_path(path).read_text() == text


def test_notes_of_another_episode_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="notes of episode 'e', not of this one"):
        write_notes(tmp_path / "f.h5", NOTES)


def test_a_packed_copy_holds_the_notes_and_the_same_samples(tmp_path: Path) -> None:
    import h5py

    path, out = tmp_path / "e.h5", tmp_path / "out" / "given.h5"
    write_episode(path, make_episode(duration_s=0.1, episode_id="e"))
    with pytest.raises(EpisodeError, match="no notes to pack"):
        pack_episode(path, out)
    write_notes(path, NOTES)
    before = path.read_bytes()
    pack_episode(path, out)
    assert path.read_bytes() == before
    assert not notes_path(out).exists()
    packed = read_episode(out)
    assert packed.notes == NOTES
    assert (packed.data("debug/com_world") == read_episode(path).data("debug/com_world")).all()
    with h5py.File(out) as file:
        assert '"verdict":"accepted"' in file["metadata/notes"].asstr()[()]
    with pytest.raises(EpisodeError, match="is there already"):
        pack_episode(path, out)


def test_notes_from_before_components_and_subtasks_are_read() -> None:
    """As version 0.1 wrote them: scores without components, segments without subtask, by and rating in the task."""
    old = {
        "format": "understudy-notes", "format_version": 1, "episode": "walk_00000001", "verdict": "accepted", "findings": [],
        "scores": [{"name": "smoothness", "value": 0.5, "raw": 6.9, "unit": "Hz"}], "skipped": [],
        "segments": [{"start_ns": 0, "end_ns": 5, "label": "walk", "source": "mocap"}],
        "quality_rating": 0.5, "checked_with": "abc", "review": {},
    }  # fmt: skip
    notes = parse_notes(json.dumps(old), where="old")
    assert (notes.scores[0].components, notes.scores[0].in_task, notes.scores[0].rated) == ((), None, 0.5)
    assert notes.facts is None
    assert (notes.segments[0].subtask, notes.segments[0].by) == ("", "")
    assert parse_notes(notes.model_dump_json(), where="again") == notes
