"""The review page's server: what it gives, to whom, and that what it calls saved is on disk."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from understudy.apps.web.review.facts import motion
from understudy.apps.web.review.handler import FILES, LIVE_FILES, MOST_IMAGES, ReviewSite
from understudy.apps.web.review.server import ReviewServer
from understudy.kinematics.load import load_robot
from understudy.pipeline.review.draw import Quota
from understudy.pipeline.review.session import ReviewSession
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.store.reviews import REVIEWS
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.reviews import decision, review_dataset

CAMERA = "observations/head_left"


class Browser:
    """Speaks HTTP to the page, as a browser does."""

    def __init__(self, url: str) -> None:
        self.host, self.port = url.split("//")[1].split("/")[0].rsplit(":", 1)

    def ask(self, path: str, *, body: str = "", method: str = "GET", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body or None, headers=sent)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def json(self, path: str) -> dict[str, Any]:
        status, body = self.ask(path)
        assert status == 200, body
        return dict(json.loads(body))

    def say(self, text: str, **headers: str) -> tuple[int, dict[str, Any]]:
        own = {"Content_Type": "application/json", "Origin": f"http://{self.host}:{self.port}"}
        status, body = self.ask("/do", method="POST", body=text, **{**own, **headers})
        try:
            return status, dict(json.loads(body))
        except ValueError:
            return status, {"error": body.decode()}


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def whole(robot: RobotModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return review_dataset(tmp_path_factory.mktemp("made") / "kitchen", robot).root


@pytest.fixture
def session(whole: Path, tmp_path: Path) -> ReviewSession:
    made = ReviewSession(Dataset.open(shutil.copytree(whole, tmp_path / "kitchen")), Quota(per_hundred=50.0))
    made.refresh()
    return made


@pytest.fixture
def browser(session: ReviewSession, robot: RobotModel) -> Iterator[Browser]:
    with ReviewServer(session, robot, port=0) as server:
        yield Browser(server.url)


def test_the_page_and_all_it_needs_are_served_and_name_no_other_place(browser: Browser) -> None:
    for name in ("", *FILES[1:], *LIVE_FILES):
        status, body = browser.ask(f"/{name}")
        assert status == 200, name
        assert b"http://" not in body
        assert b"https://" not in body
    facts = browser.json("/facts.json")
    assert facts["dataset"] == "kitchen"
    assert len(facts["robot"]["kinematics"]["parent"]) == 29
    assert browser.ask("/robot.bin")[0] == 200


def test_an_episode_has_its_motion_plots_findings_segments_and_cameras(browser: Browser, session: ReviewSession) -> None:
    found = browser.json("/episode?id=e0")
    episode = session.dataset.read("e0")
    assert found["motion"]["width"] == 1 + 7 + 29 + 69
    assert abs(found["motion"]["rows"] - len(episode.timeline_ns)) <= 1
    units = {panel["title"]: panel["unit"] for panel in found["panels"]}
    assert (units["Base height"], units["Left leg"]) == ("m", "rad")
    assert len(next(p for p in found["panels"] if p["title"] == "Left leg")["curves"]) == 6
    assert found["findings"][0]["start_s"] == pytest.approx(0.5, abs=0.02)
    assert [s["label"] for s in found["segments"]] == ["locomotion", "manipulation"]
    (camera,) = found["cameras"]
    assert (camera["key"], len(camera["t"])) == (CAMERA, len(episode.stream(CAMERA)))
    assert [lane["side"] for lane in found["lanes"]] == ["left", "right", "left", "right"]


def test_a_person_captured_with_another_floor_is_set_on_this_one(robot: RobotModel) -> None:
    episode = make_episode(robot, duration_s=0.5, rate_hz=60.0)
    key = "debug/human_joints_world"
    lowest = []
    for off_m in (0.0, -0.8, 0.4):
        moved = with_data(episode, key, episode.data(key) + np.array([0.0, 0.0, off_m]))
        found = motion(moved, robot)
        assert found is not None
        assert found["person_off_m"] == pytest.approx(0.0 if off_m == 0.0 else off_m + 0.02, abs=0.01)
        rows = np.frombuffer(base64.b64decode(str(found["data"])), "<f4").reshape(int(str(found["rows"])), -1)
        lowest.append(rows[:, -69:].reshape(-1, 23, 3)[..., 2].min())
    assert max(lowest) - min(lowest) < 0.03


def test_images_come_as_they_were_recorded(browser: Browser, session: ReviewSession) -> None:
    status, body = browser.ask(f"/images?id=e0&camera={CAMERA}&first=3&count=4")
    assert status == 200
    count, *lengths = struct.unpack("<5I", body[:20])
    assert count == 4
    stream, at = session.dataset.read("e0").stream(CAMERA), 20
    for step, length in enumerate(lengths, start=3):
        assert body[at : at + length] == stream.image(step)
        at += length
    assert at == len(body)
    assert simplejpeg.decode_jpeg(stream.image(3)).dtype == np.uint8
    for bad in (
        "first=-1&count=1",
        f"first=0&count={MOST_IMAGES + 1}",
        "first=0&count=0",
        "first=99999&count=1",
        "first=x&count=1",
        "",
    ):
        assert browser.ask(f"/images?id=e0&camera={CAMERA}&{bad}")[0] == 400
    assert browser.ask("/images?id=e0&camera=observations/joint_positions&first=0&count=1")[0] == 400
    assert browser.ask(f"/images?id=e1&camera={CAMERA}&first=0&count=1")[0] == 400


def test_a_decision_is_on_disk_before_it_is_called_saved(browser: Browser, session: ReviewSession) -> None:
    said = decision("e1", "rejected", "unnatural motion")
    assert browser.say(said.model_dump_json()) == (200, {"saved": True, "applied": True, "message": ""})
    assert said.id in (session.dataset.root / REVIEWS).read_text()
    assert session.dataset.ref("e1").partition == "failures"
    assert browser.say(said.model_dump_json())[1]["saved"]  # sent again after an answer that was lost
    assert (session.dataset.root / REVIEWS).read_text().count(said.id) == 1


def test_what_others_said_shows_when_one_has_decided_oneself(browser: Browser) -> None:
    browser.say(decision("e1", "rejected", "unnatural motion", by="ana").model_dump_json())
    blind = browser.json("/state?reviewer=ben")
    assert "e1" not in blind["said"]
    browser.say(decision("e1", "accepted", by="ben").model_dump_json())
    told = browser.json("/state?reviewer=ben")
    assert told["said"]["e1"]["others"] == [{"reviewer": "ana", "verdict": "rejected", "reason": "unnatural motion", "text": ""}]
    assert told["said"]["e1"]["ruling"] == "rejected"
    assert [row["episode"] for row in told["lists"]["disagreements"]] == ["e1"]
    assert told["progress"]["together"] == 1


def test_two_people_do_not_begin_the_same_episode(browser: Browser) -> None:
    first = browser.json("/state?reviewer=ana")["lists"]["drawn"][0]["episode"]
    browser.ask(f"/state?reviewer=ana&episode={first}")
    assert browser.json("/state?reviewer=ben")["claims"] == {first: "ana"}
    assert browser.json("/state?reviewer=ana")["claims"] == {}


def test_who_is_not_let_in_and_what_is_not_taken(browser: Browser, session: ReviewSession) -> None:
    good = decision("e1", "accepted").model_dump_json()
    assert browser.ask("/state", Host="evil.example")[0] == 403
    assert browser.say(good, Origin="http://evil.example")[0] == 403
    assert browser.say(good, Content_Type="text/plain")[0] == 400
    assert browser.say("x" * 70_000)[0] == 400
    assert browser.say("{}")[0] == 400
    status, told = browser.say(decision("nobody", "accepted").model_dump_json())
    assert status == 400
    assert "never was" in told["error"]
    for path in ("/../pyproject.toml", "/%2e%2e/x", "/static/page.js", "/reviews.jsonl", "/episodes/reach/e0.h5"):
        assert browser.ask(path)[0] == 404
    for name in ("..", "../e0", "%2e%2e%2fe0", "", "e0%00", "x" * 300, "."):
        assert browser.ask(f"/episode?id={name}")[0] == 400
    assert REVIEWS in [p.name for p in session.dataset.root.iterdir()]
    assert session.board.spoken_of == ()


def test_beyond_this_computer_the_token_is_needed(session: ReviewSession, robot: RobotModel) -> None:
    with ReviewServer(session, robot, host="0.0.0.0", port=0) as server:
        token = server.url.split("token=")[1]
        browser = Browser(f"http://127.0.0.1:{server.url.split(':')[2].split('/')[0]}/")
        assert browser.ask("/facts.json")[0] == 403
        assert browser.ask(f"/facts.json?token={token}")[0] == 200
        assert browser.ask("/facts.json?token=" + "x" * len(token))[0] == 403


def test_an_episode_that_went_or_is_damaged_is_a_sentence(browser: Browser, session: ReviewSession) -> None:
    path = session.dataset.ref("e1").path
    path.rename(path.with_name("other.h5"))
    status, body = browser.ask("/episode?id=e1")
    assert status == 400
    assert "renamed or taken out" in json.loads(body)["error"]
    damaged = session.dataset.ref("e2").path
    damaged.write_bytes(damaged.read_bytes()[:2000])
    status, body = browser.ask("/episode?id=e2")
    assert status == 400
    assert "e2.h5" in json.loads(body)["error"]


def test_a_dataset_that_went_away_is_told_and_the_server_lives(session: ReviewSession, robot: RobotModel) -> None:
    with ReviewServer(session, robot, port=0) as server:
        browser = Browser(server.url)
        session.dataset.root.rename(session.dataset.root.with_name("elsewhere"))
        told = browser.json("/state?reviewer=ana")
        assert "moved or renamed" in told["trouble"]
        status, answer = browser.say(decision("e1", "accepted").model_dump_json())
        assert status in (400, 503)
        assert answer["error"]


def test_many_at_once_lose_nothing(browser: Browser, session: ReviewSession) -> None:
    said = [[decision(f"e{k % 6}", "accepted", by=f"r{who}") for k in range(8)] for who in range(4)]
    answers: list[int] = []

    def work(mine: list[Any]) -> None:
        for one in mine:
            answers.append(browser.say(one.model_dump_json())[0])
            browser.ask(f"/state?reviewer={one.reviewer}")

    threads = [threading.Thread(target=work, args=(mine,)) for mine in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 32
    again = ReviewSession(session.dataset)
    again.refresh()
    kept = {entry.id for entry in again._log.entries}
    assert {one.id for mine in said for one in mine} <= kept
    assert again.damaged == ()


def test_a_site_without_a_server_answers_too(session: ReviewSession, robot: RobotModel) -> None:
    from understudy.apps.web.access import Access

    site = ReviewSite(session, robot, Access.to("127.0.0.1", 1))
    assert site.get("/nothing", {}) is None
    answer = site.get("/state", {"reviewer": "x" * 500, "episode": "y" * 500})
    assert answer is not None
    assert answer.status == 200
