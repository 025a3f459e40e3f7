"""The review page as a browser shows it: keys decide, nothing is lost, and what is drawn is the robot's true pose."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.web.review.bundle import write_static
from understudy.apps.web.review.server import ReviewServer
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.pipeline.review.bring_in import bring_in
from understudy.pipeline.review.draw import Quota
from understudy.pipeline.review.session import ReviewSession
from understudy.spec.review import Decision, Mark, Rating, Segments
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.store.reviews import ReviewLog
from understudy.testing.chromium import Chromium, find_chromium
from understudy.testing.reviews import ASKED, decision, review_dataset, sign_in

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium; install one, or set CHROMIUM to its path")

OPEN = "document.body?.dataset.state === 'open'"
DONE = "document.body?.dataset.state === 'done'"
SAVED = "document.getElementById('saved').innerText === 'all saved'"
CURRENT = "document.querySelector('[aria-current]')?.title.split(':')[0]"


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def whole(robot: RobotModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return review_dataset(tmp_path_factory.mktemp("made") / "kitchen", robot).root


@pytest.fixture
def dataset(whole: Path, tmp_path: Path) -> Dataset:
    return Dataset.open(shutil.copytree(whole, tmp_path / "kitchen"))


@pytest.fixture
def session(dataset: Dataset) -> ReviewSession:
    made = ReviewSession(dataset, Quota(per_hundred=50.0))
    made.refresh()
    return made


@pytest.fixture
def server(session: ReviewSession, robot: RobotModel) -> Iterator[ReviewServer]:
    with ReviewServer(session, robot, port=0) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium("about:blank", width=1100, height=640) as made:
        yield made


@pytest.fixture
def page(browser: Chromium, server: ReviewServer) -> Iterator[Chromium]:
    browser.call("Emulation.setDeviceMetricsOverride", width=1100, height=640, deviceScaleFactor=1, mobile=False)
    _go(browser, server.url)
    browser.events.clear()
    yield browser
    assert browser.faults() == []
    assert [url for url in browser.requests() if not url.startswith((server.url, "data:"))] == []
    browser.call("Page.navigate", url="about:blank")


def _go(browser: Chromium, url: str) -> None:
    """Open an address, and wait until the page there shows an episode; the page that was there before does not count."""
    browser.ask("window.before = true")
    browser.call("Page.navigate", url=url)
    browser.until(f"!window.before && ({ASKED} || {OPEN})")
    if browser.ask(ASKED):
        sign_in(browser, "ana")
        browser.until(OPEN)


def _reload(browser: Chromium) -> None:
    browser.ask("window.before = true")
    browser.call("Page.reload")
    browser.until(f"!window.before && {OPEN}")


def _said(dataset: Dataset) -> list[object]:
    log = ReviewLog(dataset.root)
    log.refresh()
    return list(log.entries[1:])


def _shown(page: Chromium, name: str) -> None:
    page.ask("document.querySelectorAll('#queue details').forEach((d) => (d.open = true))")
    page.ask(f"[...document.querySelectorAll('.line')].find((l) => l.title.startsWith('{name}:')).click()")
    page.until(f"{CURRENT} === '{name}' && {OPEN}")


def test_it_plays_at_twice_the_speed_and_stops_at_the_end(page: Chromium) -> None:
    assert page.ask("document.querySelector('#speeds [aria-pressed=true]').innerText") == "2×"
    page.until("!document.getElementById('ended').hidden")
    time_s = page.ask("document.getElementById('time').innerText")
    assert time_s == "0:00.98 / 0:00.98" or time_s.split(" / ")[0] == time_s.split(" / ")[1]
    page.press("ArrowLeft", "ArrowLeft")
    assert page.ask("document.getElementById('time').innerText") != time_s
    assert page.ask("document.getElementById('ended').hidden")


def test_keys_decide_and_the_next_one_opens(page: Chromium, dataset: Dataset) -> None:
    first = page.ask(CURRENT)
    page.press("4")
    page.press("m")
    page.press("ArrowRight", "ArrowRight")
    page.press("m")
    page.press("a")
    page.until(f"{CURRENT} !== '{first}' && {OPEN}")
    second = page.ask(CURRENT)
    page.press("r")
    page.press("3")
    page.until(f"{CURRENT} !== '{second}' && {OPEN}")
    page.until(SAVED)
    said = _said(dataset)
    assert [type(one) for one in said] == [Rating, Mark, Decision, Decision]
    decisions = [one for one in said if isinstance(one, Decision)]
    assert [(d.episode, d.verdict, d.reason) for d in decisions] == [
        (first, "accepted", ""),
        (second, "rejected", "environment anomaly"),
    ]
    assert all(0.0 < d.seconds < 60.0 for d in decisions)
    assert dataset.ref(second).partition == "failures"


def test_undo_brings_back_and_shows_what_was_taken_back(page: Chromium, dataset: Dataset) -> None:
    first = page.ask(CURRENT)
    page.press("r")
    page.press("1")
    page.until(f"{CURRENT} !== '{first}' && {OPEN} && {SAVED}")
    assert dataset.ref(first).partition == "failures"
    page.press("u")
    page.until(f"{CURRENT} === '{first}' && {OPEN} && {SAVED}")
    page.until("document.getElementById('mine').innerText === ''")
    assert dataset.ref(first).partition == "episodes"


def test_other_needs_a_text_and_typing_is_no_command(page: Chromium, dataset: Dataset) -> None:
    first = page.ask(CURRENT)
    page.press("r")
    page.press("4")
    page.press("Enter", "Enter")
    assert page.ask(CURRENT) == first
    for letter in "arm an":
        page.press(letter)
    page.ask("document.getElementById('other').requestSubmit()")
    page.until(f"{CURRENT} !== '{first}' && {SAVED}")
    (said,) = _said(dataset)
    assert isinstance(said, Decision)
    assert (said.reason, said.text) == ("other", "arm an")


def test_the_mouse_does_it_too(page: Chromium, dataset: Dataset) -> None:
    first = page.ask(CURRENT)
    page.ask("document.querySelectorAll('.star')[1].click()")
    page.ask("document.getElementById('reject').click()")
    page.ask("document.querySelectorAll('#reasons .plain')[0].click()")
    page.until(f"{CURRENT} !== '{first}' && {SAVED}")
    rating, said = _said(dataset)
    assert isinstance(rating, Rating)
    assert isinstance(said, Decision)
    assert (rating.stars, said.reason) == (2, "unnatural motion")
    page.ask("document.getElementById('undo').click()")
    page.until(f"{CURRENT} === '{first}'")


def test_the_sheet_of_keys_opens_and_the_keys_rest_meanwhile(page: Chromium, dataset: Dataset) -> None:
    page.press("?")
    page.until("document.getElementById('help').open")
    page.press("a")
    page.ask("document.getElementById('close').click()")
    page.press("r")
    page.until("!document.getElementById('reasons').hidden")
    page.press("Escape", "Escape")
    assert page.ask("document.getElementById('reasons').hidden")
    assert _said(dataset) == []


def test_the_name_is_asked_once_and_kept(server: ReviewServer) -> None:
    with Chromium(server.url) as page:
        sign_in(page, " Ana  B ")
        page.until(OPEN)
        _reload(page)
        assert page.ask("document.getElementById('who').innerText") == "Ana B"
        assert not page.ask("document.getElementById('who-dialog').open")


def test_what_is_said_without_a_server_waits_over_a_reload_and_is_saved_when_it_is_back(
    browser: Chromium, session: ReviewSession, robot: RobotModel, dataset: Dataset
) -> None:
    server = ReviewServer(session, robot, port=0)
    port = int(server.url.rsplit(":", 1)[1].strip("/"))
    _go(browser, server.url)
    first = browser.ask(CURRENT)
    _offline(browser, True)
    browser.press("a")
    browser.until("document.getElementById('saved').innerText === '1 not saved yet'")
    browser.until("!document.getElementById('alarm').hidden")
    assert "kept in this browser" in browser.ask("document.getElementById('alarm').innerText")
    assert _said(dataset) == []
    server.close()
    again = ReviewSession(dataset)
    again.refresh()
    with ReviewServer(again, robot, port=port):
        _offline(browser, False)
        _reload(browser)
        browser.until(SAVED)
        (said,) = _said(dataset)
        assert isinstance(said, Decision)
        assert (said.episode, said.verdict) == (first, "accepted")
        assert browser.ask(CURRENT) != first
    browser.call("Page.navigate", url="about:blank")


def _offline(browser: Chromium, offline: bool) -> None:
    browser.call("Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=-1)


def test_a_reload_loses_nothing(page: Chromium, dataset: Dataset) -> None:
    first = page.ask(CURRENT)
    page.press("2")
    page.press("a")
    _reload(page)  # at once, whatever had been sent by then
    page.until(SAVED)
    assert sorted(type(one).__name__ for one in _said(dataset)) == ["Decision", "Rating"]
    _shown(page, first)
    page.until("document.getElementById('mine').innerText.includes('accepted')")
    assert page.ask("document.querySelectorAll('.star.on').length") == 2


def test_what_the_page_draws_is_where_the_robot_is(page: Chromium, dataset: Dataset, robot: RobotModel) -> None:
    drawn = page.ask(
        """(async () => {
          const { Motion, bodyPoses } = await import("/kinematics.js");
          const facts = await (await fetch("facts.json")).json(), episode = await (await fetch("episode?id=e1")).json();
          const motion = new Motion(episode.motion);
          return [0, 17].map((k) => bodyPoses(facts.robot.kinematics, motion.at(motion.timeAt(k))));
        })()"""
    )
    episode = dataset.read("e1")
    at = episode.timeline_ns[[0, 17]]
    base = episode.stream("debug/base_pose_world").sample_at(at).astype(np.float64)
    joints = episode.stream("observations/joint_positions").sample_at(at).astype(np.float64)
    poses = body_poses(robot, base[:, :3], base[:, 3:], joints)
    told = np.array(drawn).reshape(2, robot.dof + 1, 12)
    np.testing.assert_allclose(told[:, :, 9:], poses.pos_world_m, atol=1e-5)
    np.testing.assert_allclose(told[:, :, :9].reshape(2, -1, 3, 3), poses.rot_world, atol=1e-5)


def test_cameras_show_the_image_of_their_moment(page: Chromium) -> None:
    _shown(page, "e0")
    page.until("document.querySelector('#cameras canvas')?.width > 0")
    page.until("!document.getElementById('ended').hidden")
    assert page.ask("document.body.dataset.view") == "both"
    bright = """(() => {
      const c = document.querySelector('#cameras canvas'), d = c.getContext('2d').getImageData(0, 5, c.width, 1).data;
      for (let x = 0; x < c.width; x++) if (d[4 * x + 2] > 180) return x;
      return -1;
    })()"""
    time.sleep(0.3)
    end = page.ask(bright)
    for _ in range(8):
        page.press("ArrowLeft", "ArrowLeft")
    page.until(f"{bright} !== {end}")
    page.press("c")
    assert page.ask("document.body.dataset.view") == "cameras"


def test_segments_are_edited_and_taken_back(page: Chromium, dataset: Dataset) -> None:
    _shown(page, "e1")
    page.press("ArrowLeft", "ArrowLeft")
    page.press("e")
    page.until("document.querySelector('.editor input') === document.activeElement")
    page.ask("document.querySelector('.editor input').value = 'open <i>the</i> door'")
    page.ask("document.querySelector('.editor input').dispatchEvent(new Event('change'))")
    page.until(SAVED)
    (said,) = [one for one in _said(dataset) if isinstance(one, Segments)]
    edited = [s for s in said.segments if s.by == "ana"]
    assert [s.subtask for s in edited] == ["open <i>the</i> door"]
    notes = dataset.read("e1").notes
    assert notes is not None
    assert "open <i>the</i> door" in [s.subtask for s in notes.segments]
    assert page.ask("document.querySelectorAll('.segments i').length") == 0
    page.ask("document.activeElement.blur()")
    page.press("u")
    words = "[...document.querySelectorAll('.segment')].map((s) => s.innerText).join()"
    page.until(f"document.querySelectorAll('.segment').length === 2 && !{words}.includes('door')")
    page.until(SAVED)
    notes = dataset.read("e1").notes
    assert notes is not None
    assert {s.subtask for s in notes.segments} == {""}


def test_an_episode_that_goes_away_is_a_word_and_the_others_go_on(page: Chromium, dataset: Dataset) -> None:
    listed = page.ask("[...document.querySelectorAll('.line')].map((l) => l.title.split(':')[0])")
    there = {ref.id: ref for ref in dataset.refs()}
    gone = next(there[name] for name in reversed(listed) if name in there)  # the last one: the page has the next one already
    assert gone.id not in listed[:2]
    gone.path.rename(gone.path.with_name("renamed.h5"))
    page.ask(f"[...document.querySelectorAll('.line')].find((l) => l.title.startsWith('{gone.id}:')).click()")
    page.until("document.body.dataset.state === 'failed'")
    assert "renamed or taken out" in page.ask("document.getElementById('message').innerText")
    page.press("n")
    page.until(OPEN)
    page.events[:] = [
        e for e in page.events if e.get("method") != "Log.entryAdded"
    ]  # the refusal itself is logged by the browser


def test_words_from_outside_are_text_and_nothing_else(page: Chromium) -> None:
    assert "<b>Look at it</b>" in page.ask("document.getElementById('findings').innerText")
    assert page.ask("document.querySelectorAll('#findings p b').length") == 0


def test_what_the_gates_refused_can_be_brought_back(page: Chromium, dataset: Dataset) -> None:
    _shown(page, "bad")
    assert "fall" in page.ask("document.getElementById('findings').innerText")
    page.press("a")
    page.until(SAVED)
    page.until("!document.querySelector('#queue').innerText.includes('Refused by gates')")
    assert dataset.ref("bad").partition == "episodes"


def test_it_fits_its_window_and_follows_light_and_dark(page: Chromium) -> None:
    for width in (1440, 1100, 700, 380):
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        time.sleep(0.2)
        assert page.ask("document.documentElement.scrollWidth") <= width
    light = page.ask("getComputedStyle(document.body).backgroundColor")
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.until(f"getComputedStyle(document.body).backgroundColor !== '{light}'")


def test_a_second_reviewer_is_given_what_two_have_to_watch(
    browser: Chromium, server: ReviewServer, session: ReviewSession
) -> None:
    for name in session.board.drawn:
        session.add(decision(name, "accepted", by="ben"))
    (twice,) = [name for name, drawn in session.board.drawn.items() if drawn.twice]
    _go(browser, server.url)
    assert browser.ask(CURRENT) == twice
    assert "ben" not in browser.ask("document.getElementById('verdict').innerText")
    browser.press("a")
    browser.until(SAVED)
    _shown(browser, twice)
    browser.until("document.getElementById('others').innerText.includes('ben accepted')")
    browser.call("Page.navigate", url="about:blank")


def test_a_folder_needs_no_server_and_its_decisions_come_back(
    browser: Chromium, session: ReviewSession, robot: RobotModel, dataset: Dataset, tmp_path: Path
) -> None:
    out, downloads = tmp_path / "for-ana", tmp_path / "downloads"
    written = write_static(session, robot, out)
    assert (written.episodes, written.left_out) == (len(list((out / "data").glob("[0-9]*.js"))), ())
    assert set(session.board.drawn) <= set(re.findall(r'"(e\d)":\d', (out / "data" / "facts.js").read_text()))
    downloads.mkdir()
    _go(browser, (out / "index.html").as_uri())
    browser.events.clear()
    first = browser.ask(CURRENT)
    browser.press("5")
    browser.press("r")
    browser.press("2")
    browser.until(f"{CURRENT} !== '{first}' && {OPEN}")
    _reload(browser)
    _shown(browser, first)
    browser.until("document.getElementById('mine').innerText.includes('inconsistent strategy')")
    browser.press("u")
    browser.until("document.getElementById('mine').innerText === ''")
    browser.press("r")
    browser.press("1")
    browser.until(f"{CURRENT} !== '{first}'")
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
    browser.ask("document.getElementById('download').click()")
    until_s = time.monotonic() + 20.0
    while not (files := list(downloads.glob("*.jsonl"))):
        assert time.monotonic() < until_s
        time.sleep(0.1)
    assert browser.faults() == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:", "blob:"))] == []
    found = bring_in(session, files[0])
    assert (found.taken, found.refused, found.unapplied) == (4, (), ())
    assert dataset.ref(first).partition == "failures"
    said = session.board.standing(first)
    assert (said.decisions["ana"].reason, said.ratings["ana"].stars) == ("unnatural motion", 5)
