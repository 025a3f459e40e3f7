"""How long a review takes: `python benchmarks/review.py [DIR] [--episodes N] [--seconds S] [--pictures FOLDER]`.

Opens the review page in a Chromium without a screen, watches every episode at 2x to its end, and presses a key: accept, or every
fourth time reject with a reason. What is left of the time is what the program adds to the watching. Without DIR, episodes of a
swaying robot are made. The page's server is measured in CPU seconds too. The dataset is copied first: the decisions of a
script are worth nothing.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from understudy.apps.web.review.server import ReviewServer
from understudy.kinematics.load import load_robot
from understudy.pipeline.review.draw import Quota
from understudy.pipeline.review.session import ReviewSession
from understudy.pipeline.review.summary import YARDSTICK_S, summarize
from understudy.store.dataset import Dataset
from understudy.testing.chromium import Chromium
from understudy.testing.reviews import review_dataset, sign_in

CURRENT = "document.querySelector('[aria-current]')?.title.split(':')[0]"
ENDED = "document.body?.dataset.state === 'open' && !document.getElementById('ended').hidden"
SAVED = "document.getElementById('saved').innerText === 'all saved'"
LONGEST_S = 300.0


def main() -> None:
    """Review and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pictures", type=Path, help="keep a picture of every episode half way through")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "reviewed"
        if options.dataset is None:
            robot = load_robot("unitree_g1")
            review_dataset(root, robot, episodes=options.episodes, duration_s=options.seconds, cameras=False)
        else:
            shutil.copytree(options.dataset, root)
            (root / "reviews.jsonl").unlink(missing_ok=True)
        session = ReviewSession(Dataset.open(root), Quota(per_hundred=100.0, share_twice=0.0))
        session.refresh()
        report(session, *review(session, min(options.episodes, len(session.board.drawn)), options.pictures))


def review(session: ReviewSession, count: int, pictures: Path | None) -> tuple[list[float], list[float], float]:
    """Wall seconds per episode from key to key, seconds that watching alone takes, and the server's CPU seconds."""
    spent_s: list[float] = []
    watched_s: list[float] = []
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    with (
        ReviewServer(session, load_robot(session.dataset.robot_source), port=0) as server,
        Chromium(server.url, width=1440, height=900) as page,
    ):
        sign_in(page, "script")
        page.until("document.body?.dataset.state === 'open'")
        cpu_s, since_s = time.process_time(), time.monotonic()
        for k in range(count):
            name = page.ask(CURRENT)
            duration_s = session.dataset.read(name).duration_s
            if pictures is not None:
                time.sleep(duration_s / 4.0)
                (pictures / f"{k:02d}_{name}.png").write_bytes(page.photograph())
            page.until(ENDED, timeout_s=LONGEST_S)
            if k % 4 == 3:
                page.press("r")
                page.press("1")
            else:
                page.press("4")
                page.press("a")
            if k + 1 < count:
                page.until(f"{CURRENT} !== {name!r} && document.body.dataset.state === 'open'")
            now_s = time.monotonic()
            spent_s.append(now_s - since_s)
            watched_s.append(duration_s / 2.0)
            since_s = now_s
        page.until(SAVED)
        if faults := page.faults():
            print("\n".join(faults))
        return spent_s, watched_s, time.process_time() - cpu_s


def report(session: ReviewSession, spent_s: list[float], watched_s: list[float], server_cpu_s: float) -> None:
    """Print what it took."""
    total_s, watching_s = sum(spent_s), sum(watched_s)
    over_s = [a - b for a, b in zip(spent_s, watched_s, strict=True)]
    print(f"{len(spent_s)} episodes, {2 * watching_s:.0f} s, watched at 2x: {total_s:.0f} s, {watching_s:.0f} s of it watching")
    print(f"over the watching: {statistics.median(over_s):.2f} s an episode in the median, {max(over_s):.2f} s at most")
    print(f"server: {server_cpu_s:.1f} CPU s")
    print(f"{len(spent_s)} watched of 100: {total_s / 60:.1f} min; the yardstick is {YARDSTICK_S / 60:.0f} min for 10")
    found = summarize(session)
    print(f"in the log: {found.accepted} accepted, {found.rejected} rejected, median {found.seconds_per_episode:.1f} s")


if __name__ == "__main__":
    main()
