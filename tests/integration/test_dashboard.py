"""The dashboard's server: what it gives, to whom, what it asks of the recorder, and that browsers cost no sample."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import pytest

from understudy.apps.web.dashboard.server import DashboardServer, facts_json
from understudy.apps.web.dashboard.takes import Takes
from understudy.kinematics.load import load_robot
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import BusAddress, parse_address
from understudy.record.commands import Commander
from understudy.spec.default_schema import default_schema
from understudy.spec.schema import MetadataField, Schema
from understudy.store.dataset import Dataset
from understudy.testing.producers import body_device, camera_device
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.producers_door import BenchDoor
from understudy.testing.producers_killed import producing, start_recorder
from understudy.testing.programs import interrupted
from understudy.testing.stand_in import stand_in_robot

LONG_S = 60.0
JOINTS, CAMERA = "observations/joint_positions", "observations/head_left"
LABELS = {"task_id": "sway", "motion_source": "teleop", "demonstrator_id": "d1"}


class Browser:
    """Speaks HTTP to the page over one connection, as a browser does."""

    def __init__(self, url: str) -> None:
        self.host, self.port = url.split("//")[1].split("/")[0].rsplit(":", 1)
        self.cookie = ""
        self.serial = 0

    def ask(self, path: str, *, host: str = "", method: str = "GET", body: str = "", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=10)
        sent = {"Host": host or f"{self.host}:{self.port}", **({"Cookie": self.cookie} if self.cookie else {})}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body or None, headers=sent)
        answer = connection.getresponse()
        if kept := answer.getheader("Set-Cookie"):
            self.cookie = kept.split(";")[0]
        found = answer.status, answer.read()
        connection.close()
        return found

    def do(self, what: str, **more: object) -> tuple[int, dict[str, Any]]:
        body = json.dumps({"do": what, **more})
        own = f"http://{self.host}:{self.port}"
        status, answer = self.ask("/do", method="POST", body=body, Content_Type="application/json", Origin=own)
        return status, json.loads(answer)

    def state(self) -> dict[str, Any]:
        status, body = self.ask(f"/state?after={self.serial}")
        assert status == 200
        found = json.loads(body)
        self.serial = found["serial"]
        return dict(found)

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        until_s = time.monotonic() + LONG_S
        while not holds(found := self.state()):
            assert time.monotonic() < until_s, found
        return found

    def takes(self) -> dict[str, Any]:
        return dict(json.loads(self.ask("/takes.json")[1]))


def _streams(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {s["stream"]: s for s in state["health"]["streams"]}


def _take(state: dict[str, Any]) -> dict[str, Any]:
    return dict(state["health"]["take"])


@pytest.fixture
def address(tmp_path: Path) -> BusAddress:
    return parse_address(f"ipc://{tmp_path}/bus")


@pytest.fixture
def schema() -> Schema:
    return with_small_cameras(default_schema(stand_in_robot(), "kitchen"))


@pytest.fixture
def door(tmp_path: Path, address: BusAddress, schema: Schema) -> Iterator[BenchDoor]:
    robot = stand_in_robot()
    bench = RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), few_devices(schema, robot))
    with BenchDoor(bench, address) as made:
        made.run(3.0)
        yield made


@pytest.fixture
def browser(door: BenchDoor, address: BusAddress, schema: Schema) -> Iterator[Browser]:
    with DashboardServer(schema, address, labels=LABELS, said=lambda: ["a device returned"], port=0) as server:
        yield Browser(server.url)


def test_the_page_and_all_it_needs_are_served_and_name_no_other_place(browser: Browser) -> None:
    status, page = browser.ask("/")
    assert status == 200
    for name in ("page.css", "page.js", "link.js", "streams.js", "cameras.js", "take.js", "takes.js", "voice.js"):
        found, text = browser.ask(f"/{name}")
        assert (found, b"http:" in text, b"https:" in text) == (200, False, False)
    assert b"page.js" in page
    for trick in ("/../server.py", "/static/../server.py", "/%2e%2e/server.py", "//etc/passwd", "/page.js/", "/index.html"):
        assert browser.ask(trick)[0] == 404


def test_the_state_has_every_stream_and_what_happened(browser: Browser, door: BenchDoor) -> None:
    found = browser.until(lambda state: state["link"] == "ok")
    streams = _streams(found)
    assert streams[JOINTS]["state"] == streams[CAMERA]["state"] == "ok"
    assert (streams[JOINTS]["clock"], streams[JOINTS]["sync_ms"]) == ("host", 0.0)
    assert found["said"] == ["a device returned"]
    assert _take(found)["activity"] == "idle"
    door.bench.silent = {"head_left"}
    door.run(0.5)
    assert _streams(browser.until(lambda state: _streams(state)[CAMERA]["state"] == "dead"))[JOINTS]["state"] == "ok"


def test_fields_are_those_that_a_person_fills(schema: Schema) -> None:
    own = schema.model_copy(update={"metadata": {**schema.metadata, "table": MetadataField(type="number", required=False)}})
    facts = json.loads(facts_json(own, {"task_id": "pour"}))
    fields = {field["name"]: field for field in facts["fields"]}
    assert set(fields) == {"task_id", "demonstrator_id", "motion_source", "language_instruction", "table"}
    assert fields["task_id"]["value"] == "pour"
    assert (fields["motion_source"]["skippable"], fields["language_instruction"]["skippable"]) == (False, True)
    assert "teleop" in fields["motion_source"]["allowed"]


def test_an_operator_starts_marks_stops_and_discards(browser: Browser, door: BenchDoor) -> None:
    status, told = browser.do("start", metadata={**LABELS, "language_instruction": ""})
    assert (status, "language_instruction" in told["message"]) == (200, True)  # what is missing is named, the take goes on
    take = told["take"]
    running = _take(browser.until(lambda state: _take(state)["activity"] == "recording"))
    assert (running["id"], running["preroll_s"]) == (take, pytest.approx(2.0, abs=0.1))
    door.run(1.0)
    assert browser.do("mark", label="a  slip")[1]["marks"] == 1
    assert browser.do("start")[0] == 400  # one is running
    assert browser.do("stop")[1]["take"] == take
    changes = browser.until(lambda state: state["takes"] != 0)["takes"]
    found = browser.takes()
    assert (found["changes"], found["counts"]["unchecked"]) == (changes, 1)
    assert found["takes"][0]["digest"]
    assert browser.do("discard")[1]["take"] == take
    browser.until(lambda state: state["takes"] != changes)
    (shown,) = browser.takes()["takes"]
    assert (shown["outcome"], bool(shown["digest"])) == ("discarded", True)
    assert [ref.id for ref in door.bench.dataset.refs("failures")] == [take]
    assert door.bench.dataset.read(take).metadata["language_instruction"] == "unlabelled"


def test_what_the_recorder_refuses_is_said(browser: Browser) -> None:
    wrong: tuple[tuple[str, dict[str, object], str], ...] = (
        ("stop", {}, "no take is running"),
        ("mark", {}, "no take is running"),
        ("discard", {}, "no take to discard"),
        ("start", {"metadata": {"tsk_id": "x"}}, "task_id"),
        ("start", {"metadata": {**LABELS, "task_id": "../../etc"}}, "task"),
        ("start", {"metadata": {**LABELS, "motion_source": "magic"}}, "teleop"),
    )
    for what, given, word in wrong:
        status, told = browser.do(what, **given)
        assert (status, word in told["error"]) == (400, True), told


def test_wrong_requests_are_refused_with_a_reason(browser: Browser, door: BenchDoor) -> None:
    assert "known commands" in browser.do("quit")[1]["error"]
    wrong: tuple[dict[str, object], ...] = ({"metadata": []}, {"metadata": {"task_id": 3}}, {"metadata": {"task_id": "x" * 2000}})
    for given in wrong:
        assert browser.do("start", **given)[0] == 400
    assert browser.do("mark", label=["x"])[0] == 400
    own = f"http://{browser.host}:{browser.port}"
    for status, body, headers in (
        (403, "{}", {"Content_Type": "application/json", "Origin": "http://evil.example"}),
        (403, "{}", {"Content_Type": "application/json"}),
        (400, "{}", {"Content_Type": "text/plain", "Origin": own}),
        (400, "[" * 60_000, {"Content_Type": "application/json", "Origin": own}),
        (400, "x" * 70_000, {"Content_Type": "application/json", "Origin": own}),
        (400, "3", {"Content_Type": "application/json", "Origin": own}),
    ):
        assert browser.ask("/do", method="POST", body=body, **headers)[0] == status
    assert (
        browser.ask("/do", method="POST", body="{}", Content_Type="application/json", Origin=own, Content_Length="9" * 30)[0]
        == 400
    )
    assert browser.ask("/state", host="evil.example:80")[0] == 403
    assert [name for name in door.asked if name not in ("health", "takes")] == []


@pytest.mark.parametrize("after", ["", "-1", "1e9", "9" * 400, "%00", "²", "1;drop"])
def test_a_senseless_serial_is_none(browser: Browser, after: str) -> None:
    assert browser.ask(f"/state?after={after.encode().hex() if not after.isascii() else after}")[0] == 200


def test_from_elsewhere_the_token_is_needed(door: BenchDoor, address: BusAddress, schema: Schema) -> None:
    with DashboardServer(schema, address, host="0.0.0.0", port=0) as server:
        token = server.url.split("?token=")[1]
        stranger = Browser(f"http://127.0.0.1:{server.url.split(':')[2].split('/')[0]}/")
        for path in ("/", "/state", "/facts.json", "/takes.json", f"/picture?camera={CAMERA}", "/page.js", "/?token=wrong"):
            status, body = stranger.ask(path)
            assert (status, token.encode() in body) == (403, False)
        start = json.dumps({"do": "start", "metadata": LABELS})
        own = f"http://{stranger.host}:{stranger.port}"
        assert stranger.ask("/do", method="POST", body=start, Content_Type="application/json", Origin=own)[0] == 403
        assert door.asked["start"] == 0
        assert stranger.ask(f"/?token={token}")[0] == 303
        assert stranger.until(lambda state: state["link"] == "ok")
        assert stranger.do("start", metadata=LABELS)[0] == 200


def test_pictures_are_the_cameras_own_bytes_and_are_asked_for_seldom(browser: Browser, door: BenchDoor) -> None:
    newest = door.bench.recorder.intake.ledgers[CAMERA].newest_image
    began_s = time.monotonic()
    for _ in range(30):
        assert browser.ask(f"/picture?camera={CAMERA}") == (200, newest)
    assert door.asked["thumbnail"] <= 1 + (time.monotonic() - began_s) / 0.3
    before = door.asked["thumbnail"]
    for trick in ("", "observations/joint_positions", "../../etc/passwd", "observations/head_right%00", "nonesuch"):
        assert browser.ask(f"/picture?camera={trick}") == (204, b"")
    assert door.asked["thumbnail"] == before
    assert browser.ask("/picture?camera=observations/head_right")[0] == 204  # a camera that never came


def test_a_recorder_that_goes_is_told_within_a_second_and_its_return_too(browser: Browser, door: BenchDoor) -> None:
    browser.until(lambda state: state["link"] == "ok")
    door.close()
    gone_s = time.monotonic()
    found = browser.until(lambda state: state["link"] == "gone")
    assert time.monotonic() - gone_s < 3.0  # 0.7 s on a machine that does nothing else
    assert "health" not in found  # nothing old is shown as new
    assert "no recorder answers" in str(found["why"])
    door.back()
    assert browser.until(lambda state: state["link"] == "ok")["takes"] == 0


def test_a_recorder_that_nobody_looks_at_is_left_in_peace(browser: Browser, door: BenchDoor) -> None:
    browser.until(lambda state: state["link"] == "ok")
    time.sleep(3.5)
    before = door.asked["health"]
    time.sleep(1.5)
    assert door.asked["health"] <= before + 1
    serial = browser.serial
    found = browser.state()
    assert found["link"] == "ok"
    assert found["serial"] != serial  # asked anew, not what was known then


def test_many_browsers_cost_the_recorder_no_more_than_one(browser: Browser, door: BenchDoor) -> None:
    browser.until(lambda state: state["link"] == "ok")
    stop = threading.Event()

    def look() -> None:
        own = Browser(f"http://{browser.host}:{browser.port}/")
        while not stop.is_set():
            own.state()

    threads = [threading.Thread(target=look) for _ in range(8)]
    began_s, before = time.monotonic(), door.asked["health"]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    asked, took_s = door.asked["health"] - before, time.monotonic() - began_s
    stop.set()
    for thread in threads:
        thread.join()
    assert asked <= took_s / 0.2 + 2
    assert asked >= 2


def test_takes_of_a_recorder_that_died_are_remembered() -> None:
    def take(name: str, **more: object) -> dict[str, object]:
        return {"take": name, "error": "", "verdict": "accepted", "recovered": False, "findings": [], **more}

    takes = Takes()
    takes.add([take("one"), take("two", verdict="rejected", findings=[{"gate": "sync"}])])
    takes.add([take("three", recovered=True), take("four", error="the disk is full", verdict="")])
    takes.add([take("three", recovered=True), take("four", error="the disk is full", verdict="")])
    found = json.loads(takes.json())
    assert [t["take"] for t in found["takes"]] == ["four", "three", "two", "one"]
    assert found["counts"] == {"accepted": 2, "unchecked": 0, "rejected": 1, "discarded": 0, "failed": 1}
    assert (found["recovered"], found["changes"]) == (1, 2)


def test_the_port_that_is_taken_is_said_and_what_ended_serves_nothing_old(
    browser: Browser, address: BusAddress, schema: Schema
) -> None:
    from understudy.errors import InputError

    with pytest.raises(InputError, match="something else uses it"):
        DashboardServer(schema, address, port=int(browser.port))
    with DashboardServer(schema, address, port=0) as server:
        line = http.client.HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1].strip("/")), timeout=10)
        line.request("GET", "/state")
        assert json.loads(line.getresponse().read())["link"] == "ok"
    line.request("GET", "/state")  # the browser still has its connection
    assert json.loads(line.getresponse().read())["link"] == "gone"
    line.close()


def test_no_vector_sample_is_lost_with_five_greedy_browsers_and_a_stuck_one(tmp_path: Path, address: BusAddress) -> None:
    robot = load_robot("unitree_g1")
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    Dataset.create(tmp_path / "set", schema, robot)
    bus = f"ipc://{tmp_path}/bus"
    recorder = start_recorder(ServiceOptions(tmp_path / "set", bus, LABELS))
    devices = [body_device(schema, robot), camera_device(schema, CAMERA, images=8)]
    stop, commander = threading.Event(), Commander(address)
    try:
        with producing(devices, address), DashboardServer(schema, address, labels=LABELS, port=0) as server:
            browser = Browser(server.url)
            browser.until(lambda state: state["link"] == "ok" and len(_streams(state)) > 16)
            stuck = _stuck(int(browser.port))

            def look() -> None:
                own = Browser(server.url)
                while not stop.is_set():
                    own.state()
                    own.ask(f"/picture?camera={CAMERA}")

            threads = [threading.Thread(target=look) for _ in range(5)]
            for thread in threads:
                thread.start()
            take = browser.do("start", metadata=LABELS)[1]["take"]
            time.sleep(3.0)
            browser.do("stop")
            found = browser.until(lambda state: state["takes"] != 0 and not state["finalizing"])
            stop.set()
            for thread in threads:
                thread.join()
            stuck.close()
            assert (
                sum(int(str(s["lost"])) + int(str(s["dropped"])) for s in _streams(found).values() if s["kind"] != "image") == 0
            )
            (shown,) = browser.takes()["takes"]
            assert (shown["take"], shown["outcome"], shown["error"]) == (take, "accepted", "")
            rows = {row["stream"]: row for row in shown["digest"]}
            assert rows[JOINTS]["lost"] == 0
            assert rows[JOINTS]["samples"] >= 3 * 195
            assert browser.do("discard")[1]["take"] == take
            browser.until(lambda state: state["takes"] != found["takes"])
            (shown,) = browser.takes()["takes"]
            assert (shown["outcome"], len(shown["digest"])) == ("discarded", len(rows))  # what came of it stays known
            assert [ref.id for ref in Dataset.open(tmp_path / "set").refs("failures")] == [take]
    finally:
        commander.close()
        recorder.terminate()
        recorder.join()


def _stuck(port: int) -> socket.socket:
    """A browser that asks for everything again and again and reads nothing."""
    line = socket.create_connection(("127.0.0.1", port))
    line.settimeout(0.2)
    request = f"GET /state HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    try:
        for _ in range(20_000):
            line.sendall(request)
    except TimeoutError:
        pass
    return line


def test_the_command_serves_the_page_and_records_without_one(tmp_path: Path) -> None:
    robot = load_robot("unitree_g1")
    Dataset.create(tmp_path / "set", default_schema(robot, "kitchen"), robot)
    command = [sys.executable, "-m", "understudy", "record", str(tmp_path / "set"), "--bus", f"ipc://{tmp_path}/bus", "--json"]
    with _recording([*command, "--port", "0", "--task", "pour"]) as first:
        browser = Browser(first.split()[1])
        browser.until(lambda state: state["link"] == "ok")
        facts = json.loads(browser.ask("/facts.json")[1])
        assert next(f["value"] for f in facts["fields"] if f["name"] == "task_id") == "pour"
        second = [*command[:5], "--bus", f"ipc://{tmp_path}/other", "--port", browser.port]
        with _recording(second) as said:
            assert "Recording goes on without it" in said
            commander = Commander(parse_address(f"ipc://{tmp_path}/other"), timeout_s=LONG_S)
            assert commander.ask("health")["ok"]
            commander.close()


@contextmanager
def _recording(command: list[str]) -> Iterator[str]:
    """`understudy record` while the block runs; its first line."""
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, stdin=DEVNULL, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline()
        finally:
            _, complaints = interrupted(process, LONG_S)
    assert process.returncode in (0, 130), complaints  # 130: it was still beginning
    assert "Traceback" not in complaints
