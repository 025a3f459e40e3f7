"""`reviews.jsonl`: nothing that was called saved is lost, nothing is changed, and two writers do not get in each other's way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.errors import InputError, StorageError
from understudy.spec.review import Decision, Entry, Mark, Rating, Segments, Stretch, Undo, parse_entry, parse_said
from understudy.store.reviews import REVIEWS, ReviewLog

AT = "2026-11-28T14:03:09.250Z"


def decision(k: int, *, reviewer: str = "ana", episode: str = "e") -> Decision:
    return Decision(id=f"{k:032x}", at=AT, reviewer=reviewer, episode=episode, verdict="accepted")


def test_what_is_appended_is_read_again_by_whomever(tmp_path: Path) -> None:
    said: list[Entry] = [
        decision(1),
        Rating(id=f"{2:032x}", at=AT, reviewer="ana", episode="e", stars=4),
        Mark(id=f"{3:032x}", at=AT, reviewer="Jürgen – 2", episode="e", start_ns=5, end_ns=9, text="arm"),
        Segments(
            id=f"{4:032x}",
            at=AT,
            reviewer="ana",
            episode="e",
            segments=(Stretch(start_ns=0, end_ns=7, label="idle", source="rule"),),
            before=(),
        ),
        Undo(id=f"{5:032x}", at=AT, reviewer="ana", episode="e", undoes=f"{1:032x}"),
    ]
    log = ReviewLog(tmp_path)
    assert log.append(said) == tuple(said)
    again = ReviewLog(tmp_path)
    assert again.refresh() == tuple(said)
    assert again.refresh() == ()
    assert again.damaged == ()


def test_the_bytes_that_are_there_never_change(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    before = b""
    for k in range(5):
        log.append([decision(k)])
        now = (tmp_path / REVIEWS).read_bytes()
        assert now.startswith(before)
        assert len(now) > len(before)
        before = now


def test_a_line_is_on_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[int] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        forced.append(os.fstat(fd).st_size)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    ReviewLog(tmp_path).append([decision(1)])
    assert (tmp_path / REVIEWS).stat().st_size in forced


def test_the_same_line_twice_is_one(tmp_path: Path) -> None:
    log, other = ReviewLog(tmp_path), ReviewLog(tmp_path)
    log.append([decision(1), decision(1)])
    assert other.append([decision(1)]) == ()
    assert len((tmp_path / REVIEWS).read_text().splitlines()) == 1


@pytest.mark.parametrize("torn", ['{"kind": "decision", "id"', "\x00\x00\x00", '{"kind": "praise"}', "[" * 3000])
def test_a_damaged_line_is_told_and_takes_nothing_with_it(tmp_path: Path, torn: str) -> None:
    log = ReviewLog(tmp_path)
    log.append([decision(1)])
    with (tmp_path / REVIEWS).open("a") as file:
        file.write(torn)  # a writer that died
    assert [e.id for e in ReviewLog(tmp_path).refresh()] == [decision(1).id]
    log.append([decision(2)])
    again = ReviewLog(tmp_path)
    assert [e.id for e in again.refresh()] == [decision(1).id, decision(2).id]
    (damaged,) = again.damaged
    assert damaged.line == 2
    assert damaged.why


def test_a_refused_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ReviewLog(tmp_path)
    log.append([decision(1)])
    before = (tmp_path / REVIEWS).read_bytes()
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:10]))
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(StorageError, match="disk is full"):
        log.append([decision(2)])
    monkeypatch.undo()
    assert (tmp_path / REVIEWS).read_bytes() == before
    assert log.append([decision(2)]) == (decision(2),)


def _full(fd: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_log_that_became_shorter_is_not_written_to(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path)
    log.append([decision(1), decision(2)])
    (tmp_path / REVIEWS).write_text("")
    with pytest.raises(StorageError, match="never taken out"):
        log.append([decision(3)])
    (tmp_path / REVIEWS).unlink()
    with pytest.raises(StorageError, match="gone"):
        log.refresh()


WRITER = """
import sys
from pathlib import Path
from understudy.spec.review import Decision
from understudy.store.reviews import ReviewLog
log, who = ReviewLog(Path(sys.argv[1])), int(sys.argv[2])
for k in range(40):
    name = f"{1000 * who + k:032x}"
    log.append([Decision(id=name, at="2026-11-28T14:03:09Z", reviewer=f"r{who}", episode="e" * 100, verdict="accepted")])
"""


def test_two_writers_lose_nothing_and_mix_no_lines(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(k)]) for k in (1, 2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    log = ReviewLog(tmp_path)
    log.refresh()
    assert log.damaged == ()
    for who in (1, 2):
        assert [e.id for e in log.entries if getattr(e, "reviewer", "") == f"r{who}"] == [
            f"{1000 * who + k:032x}" for k in range(40)
        ]


GOOD = json.loads(decision(1).model_dump_json())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verdict": "rejected"}, "needs a reason"),
        ({"reason": "other", "verdict": "rejected"}, "needs a text"),
        ({"reason": "unnatural motion"}, "acceptance has none"),
        ({"reviewer": "a\nb"}, "one line"),
        ({"reviewer": ""}, "reviewer"),
        ({"id": "../../x"}, "id"),
        ({"at": "yesterday"}, "UTC"),
        ({"seconds": -1.0}, "seconds"),
        ({"extra": 1}, "extra"),
        ({"kind": "draw"}, "kind"),
        ({"text": "x" * 600}, "text"),
    ],
)
def test_what_is_no_line_is_refused_with_the_reason(change: dict[str, object], why: str) -> None:
    parse_said(json.dumps(GOOD))
    with pytest.raises(InputError, match=why):
        parse_said(json.dumps({**GOOD, **change}))


def test_segments_follow_each_other_and_a_mark_does_not_run_backwards() -> None:
    base = {key: GOOD[key] for key in ("id", "at", "reviewer", "episode")}
    parts = [{"start_ns": a, "end_ns": b, "label": "idle", "source": "x"} for a, b in ((0, 5), (4, 9))]
    with pytest.raises(InputError, match="begins in the one before"):
        parse_entry(json.dumps({**base, "kind": "segments", "segments": parts, "before": []}))
    with pytest.raises(InputError, match="before it begins"):
        parse_entry(json.dumps({**base, "kind": "mark", "start_ns": 5, "end_ns": 4}))
