"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.errors import EpisodeError, StorageError
from understudy.store import atomic
from understudy.store.atomic import atomic_file, remove_stale_parts, write_text
from understudy.store.episode_file import write_episode
from understudy.testing.episodes import make_episode


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_content_replaces_old_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "one")
    with atomic_file(path) as part:
        part.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert names_in(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), EpisodeError("x"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail() -> None:
        with atomic_file(path) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file.txt"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "no permission"), (errno.EDQUOT, "quota")],
)
def test_a_disk_that_refuses_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str) -> None:
    def refuse(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=rf"e\.h5: cannot be written: .*{advice}"):
        write_episode(tmp_path / "e.h5", make_episode(duration_s=0.1))
    assert names_in(tmp_path) == []


LIMITED = """
import resource, sys
from pathlib import Path
from understudy.errors import StorageError
from understudy.store.episode_file import write_episode
from understudy.testing.episodes import make_episode
episode = make_episode(duration_s=4.0)
for most_bytes in range(1, 300_000, 40_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    try:
        write_episode(Path(sys.argv[1]) / "e.h5", episode)
    except StorageError as error:
        assert "larger than" in str(error), error
    else:
        sys.exit("written in spite of the limit")
"""


def test_a_disk_that_really_refuses_half_way_does_not_end_the_process(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert names_in(tmp_path) == []


def test_a_folder_or_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="a folder stands where the file should go"):
        write_text(tmp_path / "folder", "x")
    write_text(tmp_path / "file", "x")
    with pytest.raises(StorageError, match=r"a file stands where a folder is needed|File exists"):
        write_text(tmp_path / "file" / "below", "x")


def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    owner = atomic._owner()
    mine = tmp_path / f".e.h5.{owner}-12ab.part"
    left = tmp_path / f".e.h5.{owner.rpartition('-')[0]}-{dead.pid}-12ab.part"
    foreign = tmp_path / f".e.h5.elsewhere-{dead.pid}-12ab.part"
    for part in (mine, left, foreign):
        part.touch()
    remove_stale_parts(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {mine.name, foreign.name}
