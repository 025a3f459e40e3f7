"""How long the program takes to answer: best of five runs of `understudy --help`, `understudy build --help` and an import.

    python benchmarks/startup.py [--out startup.json]

The bar for `understudy --help` is 0.5 s on a machine that is not busy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

RUNS = 5
COMMANDS: dict[str, list[str]] = {
    "python": ["-c", "pass"],
    "import understudy": ["-c", "import understudy"],
    "understudy --help": ["-m", "understudy", "--help"],
    "understudy build --help": ["-m", "understudy", "build", "--help"],
}


def main() -> int:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    args = parser.parse_args()
    seconds = {name: best_s([sys.executable, *command]) for name, command in COMMANDS.items()}
    said = json.dumps({"benchmark": "startup", "runs": RUNS, "best_s": seconds, "load": os.getloadavg()[0]}, indent=2)
    print(said)
    if args.out:
        args.out.write_text(said + "\n", encoding="utf-8")
    return 0


def best_s(command: list[str]) -> float:
    """The quickest of the runs: what the machine's other work does not lengthen."""
    return round(min(_once_s(command) for _ in range(RUNS)), 3)


def _once_s(command: list[str]) -> float:
    start_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s


if __name__ == "__main__":
    raise SystemExit(main())
