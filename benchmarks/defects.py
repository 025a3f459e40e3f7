"""How often the gates are right: `python benchmarks/defects.py --work DIR [--samples DIR] [--clean 300] [--markdown OUT]`.

Makes clean episodes (kept in the work folder), puts every installed defect into them at graded strength, asks every installed
gate, and writes recall, precision, area under the curve, the smallest strength caught and false rejects. `--quick` takes some 40
clean episodes and one strength of each. What it means is in docs/defects.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import TypeVar

from defects_clean import Source, Variant, plan, quick_plan
from defects_run import Place, clean_root, ensure_clean, examine, open_clean
from defects_table import between_marks, markdown, summary
from pebble import ProcessPool

QUICK = 40
TASKS_PER_PROCESS = 100
"""Episodes after which a process is replaced, so that its memory stays small."""
Result = TypeVar("Result")


def main() -> None:
    """Make, spoil, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for clean episodes, which are made once")
    parser.add_argument("--samples", type=Path, default=os.environ.get("UNDERSTUDY_SAMPLES"), help="public samples")
    parser.add_argument("--clean", type=int, default=300, help="clean episodes on the side asked for")
    parser.add_argument("--split", choices=("tune", "test", "all"), default="test")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help=f"some {QUICK} clean episodes, the documented strengths only")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--page", type=Path, help="docs/defects.md: the tables between its marks are written anew")
    parser.add_argument("--rows", type=Path, help="every single judgement, as JSON lines")
    args = parser.parse_args()
    began_s = time.monotonic()
    args.work.mkdir(parents=True, exist_ok=True)
    samples = Path(args.samples) if args.samples else None
    chosen = quick_plan(samples, args.split, QUICK) if args.quick else plan(samples, args.split, args.clean)
    place = Place(clean_root(args.work.resolve()), samples, quick=args.quick)
    open_clean(place.root, samples)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPool(args.workers, max_tasks=TASKS_PER_PROCESS, context=spawn) as pool:
        peers: dict[str, dict[str, float]] = defaultdict(dict)
        travels: dict[str, dict[str, float]] = defaultdict(dict)
        made = _each(pool, ensure_clean, place, chosen, "clean episodes")
        for (source, _), (episode, seconds, way_rad) in made:
            peers[source.name][episode], travels[source.name][episode] = seconds, way_rad
        made_s = time.monotonic() - began_s
        place = Place(place.root, samples, dict(peers), dict(travels), args.quick)
        rows = [row for _, found in _each(pool, examine, place, chosen, "episodes judged") for row in found]
    rows.sort(key=lambda row: (str(row["episode"]), str(row["defect"]), float(str(row["strength"]))))
    if args.rows:
        args.rows.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = summary(rows)
    found |= {
        "split": args.split,
        "quick": args.quick,
        "seconds": round(time.monotonic() - began_s),
        "seconds_clean": round(made_s),
    }
    sys.stdout.write(markdown(found) + "\n")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if args.markdown:
        args.markdown.write_text(markdown(found) + "\n", encoding="utf-8")
    if args.page:
        args.page.write_text(between_marks(args.page.read_text(encoding="utf-8"), markdown(found)), encoding="utf-8")


def _each(
    pool: ProcessPool,
    work: Callable[[Place, str, Variant], Result],
    place: Place,
    chosen: Sequence[tuple[Source, Variant]],
    what: str,
) -> Iterator[tuple[tuple[Source, Variant], Result]]:
    """Every one of them with its result, as they come."""
    waiting = {pool.schedule(work, args=(place, source.name, v)): (source, v) for source, v in chosen}
    for done, future in enumerate(as_completed(waiting), start=1):
        if sys.stderr.isatty() or done % 25 == 0 or done == len(waiting):
            print(f"\r{done} of {len(waiting)} {what} ", end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
        yield waiting[future], future.result()


if __name__ == "__main__":
    main()
