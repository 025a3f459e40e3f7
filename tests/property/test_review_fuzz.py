"""Whatever is asked of the review page or brought back in a file: an answer, no traceback, and no line that is none."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.apps.web.access import Access
from understudy.apps.web.review.handler import ReviewSite
from understudy.errors import InputError
from understudy.pipeline.review.bring_in import bring_in
from understudy.pipeline.review.session import ReviewSession
from understudy.spec.default_schema import default_schema
from understudy.spec.review import Draw, parse_entry, parse_said
from understudy.store.dataset import Dataset
from understudy.store.reviews import REVIEWS, ReviewLog
from understudy.testing.episodes import make_episode
from understudy.testing.reviews import decision
from understudy.testing.stand_in import stand_in_robot

KEYS = [
    "kind",
    "id",
    "at",
    "reviewer",
    "episode",
    "verdict",
    "reason",
    "text",
    "seconds",
    "start_ns",
    "end_ns",
    "segments",
    "undoes",
]
WORDS = st.sampled_from(
    ["decision", "mark", "rating", "undo", "draw", "segments", "accepted", "rejected", "e0", "e1", "../x", "other"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=6,
)
PATHS = st.sampled_from(["/", "/state", "/episode", "/images", "/facts.json", "/do", "/x", "/../x", "/scene.js", "//"]) | st.text(
    max_size=12
)
QUERIES = st.dictionaries(
    st.sampled_from(["id", "camera", "first", "count", "reviewer", "episode"]),
    st.text(max_size=12) | st.sampled_from(["e0", "0", "-1", "9" * 30]),
)


@cache
def _site() -> ReviewSite:
    robot = stand_in_robot()
    dataset = Dataset.create(Path(mkdtemp(prefix="understudy-review-")) / "kitchen", default_schema(robot, "kitchen"), robot)
    for k in range(2):
        dataset.add(make_episode(robot, duration_s=0.2, rate_hz=60.0, episode_id=f"e{k}", schema=dataset.schema))
    session = ReviewSession(dataset)
    session.refresh()
    site = ReviewSite(session, robot, Access.to("127.0.0.1", 8793))
    site.__dict__["robot_facts"] = None  # drawn from a model file, which the stand-in has not
    return site


def _log_is_whole() -> None:
    log = ReviewLog(_site().session.dataset.root)
    log.refresh()
    assert log.damaged == ()


@settings(deadline=None)
@given(PATHS, QUERIES)
def test_any_question(path: str, query: dict[str, str]) -> None:
    if path in ("/facts.json", "/robot.bin"):
        return
    answer = _site().get(path, query)
    assert answer is None or answer.status in (200, 400)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.booleans())
def test_any_line_said(change: dict[str, object], around: bool) -> None:
    base = json.loads(decision("e0", "accepted").model_dump_json()) if around else {}
    body = json.dumps({**base, **change}).encode()
    before = (_site().session.dataset.root / REVIEWS).stat().st_size
    answer = _site().do(body)
    after = (_site().session.dataset.root / REVIEWS).stat().st_size
    assert answer.status in (200, 400)
    assert after > before if answer.status == 200 else after == before
    _log_is_whole()
    if answer.status == 200:
        assert parse_said(body).episode in ("e0", "e1")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_said(body: bytes) -> None:
    assert _site().do(body).status == 400


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80) | VALUES.map(lambda v: json.dumps(v).encode()), max_size=5))
def test_any_file_brought_back(lines: list[bytes]) -> None:
    file = _site().session.dataset.root.parent / "back.jsonl"
    file.write_bytes(b"\n".join(lines))
    found = bring_in(_site().session, file)
    assert found.taken == found.known == 0
    _log_is_whole()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_line_reads_as_what_it_is_or_says_why_not(text: bytes) -> None:
    try:
        entry = parse_entry(text)
    except InputError:
        return
    assert isinstance(entry, Draw) or parse_said(text) == entry
