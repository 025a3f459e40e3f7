"""A killed writer that nobody has collected yet is dead all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from understudy.store.atomic import remove_stale_parts

WRITER = """
import os, sys
from pathlib import Path
from understudy.store.atomic import atomic_file
with atomic_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_parts_of_a_zombie_are_removed(tmp_path: Path) -> None:
    source = str(Path(__file__).parents[2] / "src")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "a.json")], env={**os.environ, "PYTHONPATH": source})
    state = Path(f"/proc/{writer.pid}/stat")
    deadline_s = time.monotonic() + 60.0
    while state.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert len(list(tmp_path.iterdir())) == 1
    remove_stale_parts(tmp_path)  # the parent, this test, has not waited for it
    assert list(tmp_path.iterdir()) == []
    assert writer.wait() == -9
