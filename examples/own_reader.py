"""A motion capture format in one file: `python examples/own_reader.py` holds the reader to the laws of a reader.

The format is a table in CSV: a time and 23 joint centres per row, metres, z up. To install the reader, name it in your
package's pyproject.toml; `understudy build` then takes such files:

    [project.entry-points."understudy.mocap"]
    points_csv = "my_package.points_csv:PLUGIN"
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.simulate.walker import walk
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import JOINTS, HumanMotion, SourceInfo
from understudy.testing.mocap import check_reader

HEADING = ",".join(["t_s", *(f"{joint}_{axis}" for joint in JOINTS for axis in "xyz")])


class PointsCsv:
    """Reader of tables of joint centres."""

    suffixes: tuple[str, ...] = (".csv",)
    title: str = "Joint centres in CSV"

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the text begins with the heading."""
        return head.startswith(HEADING.encode())

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`; raises MocapError with the line."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MocapError(f"{path}: cannot be read: {error.strerror}") from None
        table = _table(path, data.decode(errors="replace").splitlines())
        t_ns = np.rint((table[:, 0] - table[0, 0]) * 1e9).astype(np.int64)
        if not bool(np.all(np.diff(t_ns) > 0)):
            raise MocapError(f"{path}: line {int(np.argmin(np.diff(t_ns) > 0)) + 3}: the time does not increase; sort the rows")
        source = SourceInfo(
            path=str(path), sha256=hashlib.sha256(data).hexdigest(), format="points_csv", dialect="canonical", unit_m=1.0,
            up="z", rate_hz=1e9 / float(np.median(np.diff(t_ns))),
        )  # fmt: skip
        return HumanMotion(table[:, 1:].reshape(-1, len(JOINTS), 3), t_ns, np.ones(len(JOINTS), dtype=np.bool_), source)


def _table(path: Path, lines: list[str]) -> F64:
    if not lines or lines[0] != HEADING:
        raise MocapError(f"{path}: line 1: the heading must be {HEADING[:40]}...; export the table again")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            row = [float(cell) for cell in line.split(",")]
        except ValueError as error:
            raise MocapError(f"{path}: line {number}: {error}; every cell must be a number") from None
        if len(row) != 1 + 3 * len(JOINTS) or not np.isfinite(row).all():
            raise MocapError(f"{path}: line {number}: {1 + 3 * len(JOINTS)} numbers are needed; fill the gap or cut the row")
        rows.append(row)
    if len(rows) < 2:
        raise MocapError(f"{path}: {len(rows)} rows; at least 2 are needed")
    return np.array(rows)


PLUGIN: MocapReader = PointsCsv()


def write(motion: HumanMotion, path: Path) -> None:
    """A motion as such a table."""
    rows = np.column_stack([motion.t_ns * 1e-9, motion.joint_pos_world_m.reshape(len(motion), -1)])
    path.write_text("\n".join([HEADING, *(",".join(f"{value:.6f}" for value in row) for row in rows)]) + "\n", encoding="utf-8")


def main() -> None:
    """Write a walk in the format, and read it under the suite that every reader passes."""
    with tempfile.TemporaryDirectory() as folder:
        sample, scratch = Path(folder) / "walk.csv", Path(folder) / "scratch"
        scratch.mkdir()
        write(walk(3.0, rate_hz=60.0), sample)
        motion = check_reader(PLUGIN, sample, scratch=scratch)
        print(f"{len(motion)} frames at {motion.rate_hz:.0f} Hz, legs of {motion.subject().leg_m:.2f} m: a conforming reader")


if __name__ == "__main__":
    main()
