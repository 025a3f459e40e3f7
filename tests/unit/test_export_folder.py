"""A folder appears whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from understudy.errors import ExportError, StorageError
from understudy.export._folder import new_folder


def write_half(out: Path, error: BaseException) -> None:
    with new_folder(out) as part:
        (part / "a.txt").write_text("a")
        raise error


def test_it_appears_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with new_folder(out) as part:
        (part / "a.txt").write_text("a")
        assert not out.exists()
    assert (out / "a.txt").read_text() == "a"
    assert [p.name for p in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_it_vanishes_on_failure(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_half(tmp_path / "out", error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission"), (None, "broken")]
)
def test_the_disk_is_named_with_advice(tmp_path: Path, number: int | None, advice: str) -> None:
    with pytest.raises(StorageError, match=advice) as caught:
        write_half(tmp_path / "out", OSError(number, "broken") if number else OSError("broken"))
    assert str(tmp_path / "out") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "half").write_text("half")
    with new_folder(tmp_path / "out") as part:
        (part / "a.txt").write_text("a")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_a_file_in_the_way_is_refused_and_an_empty_folder_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="already there"), new_folder(tmp_path / "file"):
        pass
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as part:
        (part / "a.txt").write_text("a")
    assert (tmp_path / "empty" / "a.txt").exists()
