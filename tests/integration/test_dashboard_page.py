"""The dashboard as a browser shows it: what is bad is red and said, what is old is not green, and an operator gets along."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.apps.web.dashboard.server import DashboardServer
from understudy.pipeline.record.finalize import Finished
from understudy.record.address import parse_address
from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding
from understudy.store.dataset import Dataset
from understudy.testing.chromium import Chromium, find_chromium
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.producers_door import BenchDoor
from understudy.testing.stand_in import stand_in_robot

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium; install one, or set CHROMIUM to its path")

JOINTS, CAMERA = "observations/joint_positions", "observations/head_left"
LISTENS = "window.said = []; speechSynthesis.speak = (saying) => said.push(saying.text); speechSynthesis.cancel = () => 0;"
MUTE = "delete window.speechSynthesis; Object.defineProperty(window, 'speechSynthesis', { value: undefined });"
SAID = "JSON.stringify(said)"


def _row(stream: str) -> str:
    return f"document.querySelector('tr[data-stream=\"{stream}\"]')"


def _refused(found: Finished) -> Finished:
    finding = Finding(gate="sync", severity="reject", message="head_left: 29.8% of its samples are missing")
    return replace(found, verdict="rejected", findings=(finding,))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[BenchDoor]:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    bench = RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), few_devices(schema, robot))
    with BenchDoor(bench, parse_address(f"ipc://{tmp_path}/bus"), change=_refused) as made:
        made.run(3.0)
        yield made


@pytest.fixture
def server(door: BenchDoor, tmp_path: Path) -> Iterator[DashboardServer]:
    labels = {"task_id": "sway", "motion_source": "teleop", "demonstrator_id": "d1"}
    address = parse_address(f"ipc://{tmp_path}/bus")
    with DashboardServer(door.bench.dataset.schema, address, labels=labels, port=0) as made:
        yield made


@pytest.fixture
def page(server: DashboardServer) -> Iterator[Chromium]:
    with Chromium(server.url, before=LISTENS) as made:
        made.until(f"{_row(JOINTS)}?.className === 'ok'")
        yield made
        assert made.faults() == []
        assert [url for url in made.requests() if not url.startswith((server.url, "data:"))] == []


def test_a_stream_that_stops_is_red_first_said_once_and_so_is_its_return(page: Chromium, door: BenchDoor) -> None:
    door.bench.silent = {"robot"}
    door.run(0.3)
    time.sleep(0.5)
    assert page.ask(f"{_row(JOINTS)}.className") != "dead"
    door.run(0.2)
    page.until(f"{_row(JOINTS)}.className === 'dead'")
    assert "stopped" in page.ask(f"{_row(JOINTS)}.cells[1].innerText")  # in a word, not in colour alone
    assert page.ask(f"getComputedStyle({_row(JOINTS)}.cells[0]).backgroundColor") != page.ask(
        f"getComputedStyle({_row(CAMERA)}.cells[0]).backgroundColor"
    )
    assert page.ask("document.querySelector('#streams tbody tr').className") == "dead"
    assert "joint positions" in page.until("document.getElementById('alarm').innerText")
    page.until("said.length > 0")
    time.sleep(1.0)
    (stopped,) = page.ask("said")
    assert stopped == "joint positions, joint velocities and 1 more stopped" or stopped.endswith(" stopped")
    door.bench.silent = set()
    door.run(0.5)
    page.until(f"{_row(JOINTS)}.className === 'slow' || {_row(JOINTS)}.className === 'ok'")
    page.until("said.length > 1")
    time.sleep(0.5)
    assert len(page.ask("said")) == 2
    assert page.ask("said")[1].endswith(" back")
    assert page.ask("document.getElementById('alarm').hidden")


def test_a_slow_stream_is_marked_and_a_required_one_that_never_came_is_named(page: Chromium, door: BenchDoor) -> None:
    door.bench.change["head_left"] = lambda samples: [s for s in samples if s.seq % 2]
    door.run(3.0)
    page.until(f"{_row(CAMERA)}.className === 'slow'")
    assert "slow" in page.ask(f"{_row(CAMERA)}.cells[1].innerText")
    required = [s.key for s in door.bench.dataset.schema.streams if s.required]
    away = [key for key in required if not door.bench.recorder.intake.ledgers[key].received]
    named = page.ask("document.getElementById('caution').innerText")
    assert all(key.partition("/")[2].replace("_", " ") in named for key in away[:2])
    assert page.ask("said") == []


def test_the_voice_can_be_muted_and_stays_so(page: Chromium, door: BenchDoor) -> None:
    page.ask("document.getElementById('voice').click()")
    assert "off" in page.ask("document.getElementById('voice').innerText")
    door.bench.silent = {"robot"}
    door.run(0.5)
    page.until(f"{_row(JOINTS)}.className === 'dead'")
    time.sleep(0.4)
    assert page.ask("said") == []
    page.call("Page.reload")
    page.until(f"{_row(JOINTS)}?.className === 'dead'")
    assert "off" in page.ask("document.getElementById('voice').innerText")


def test_without_a_voice_the_page_does_everything_else(server: DashboardServer, door: BenchDoor) -> None:
    with Chromium(server.url, before=MUTE) as page:
        page.until(f"{_row(JOINTS)}?.className === 'ok'")
        assert page.ask("document.getElementById('voice').disabled")
        door.bench.silent = {"robot"}
        door.run(0.5)
        page.until(f"{_row(JOINTS)}.className === 'dead'")
        assert page.faults() == []


def test_nothing_stays_green_when_the_recorder_or_the_server_goes(
    page: Chromium, door: BenchDoor, server: DashboardServer
) -> None:
    door.close()
    page.until("document.body.dataset.link === 'gone'", timeout_s=3.0)
    assert page.ask("document.querySelectorAll('tr.ok').length") == 0
    assert page.ask("document.getElementById('toggle').disabled")
    assert "does not answer" in page.ask("document.getElementById('alarm').innerText")
    door.back()
    page.until("document.querySelectorAll('tr.ok').length > 0")
    page.until("said.length === 2")
    assert page.ask("said") == ["the recorder does not answer", "the recorder is back"]
    server.close()
    page.until("document.body.dataset.link === 'gone'", timeout_s=3.0)
    assert page.ask("document.querySelectorAll('tr.ok').length") == 0
    page.events.clear()  # that the server does not answer any more is what was wanted


def test_an_operators_way_through_a_take(page: Chromium, door: BenchDoor) -> None:
    page.press(" ", "Space")
    said = page.until("document.getElementById('said').innerText")
    assert "language instruction" in said  # what is missing is said first
    assert door.asked["start"] == 0
    page.press(" ", "Space")
    page.until("document.body.dataset.activity === 'recording'")  # and the take goes on if they want
    door.run(1.0)
    page.press("m", "KeyM")
    page.until("document.getElementById('about').innerText.includes('1 mark')")
    page.ask("document.getElementById('label').focus()")
    page.press("d", "KeyD")  # typed into a field: no command
    page.ask("document.activeElement.blur()")
    page.press(" ", "Space")
    page.until("document.querySelector('#takes .outcome')?.innerText.includes('refused')")
    assert "29.8%" in page.ask("document.getElementById('takes').innerText")
    assert page.ask("document.querySelectorAll('#takes details table tr').length") > 4
    assert door.asked["discard"] == 0
    page.press("d", "KeyD")
    page.until("document.getElementById('said').innerText.includes('again')")
    assert door.asked["discard"] == 0  # a take that is over is discarded by two presses
    page.press("d", "KeyD")
    page.until("document.querySelector('#takes .outcome').innerText.includes('discarded')")
    assert len(door.bench.dataset.refs("failures")) == 1


def test_what_the_schema_cannot_do_without_stops_the_start(page: Chromium, door: BenchDoor) -> None:
    page.ask("document.querySelector('[name=motion_source]').value = ''")
    for _ in range(3):
        page.press(" ", "Space")
        page.ask("document.activeElement.blur()")
    assert "motion source" in page.until("document.getElementById('said').innerText")
    assert door.asked["start"] == 0


def test_pictures_are_shown_and_a_narrow_window_is_no_wider_than_it_is(page: Chromium) -> None:
    page.until("document.querySelector('figure img')?.naturalWidth > 0")
    page.call("Emulation.setDeviceMetricsOverride", width=380, height=800, deviceScaleFactor=1, mobile=False)
    time.sleep(0.3)
    assert page.ask("document.documentElement.scrollWidth") <= 380
    light = page.ask("getComputedStyle(document.body).backgroundColor")
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.ask("getComputedStyle(document.body).backgroundColor") != light


def test_names_and_reasons_from_outside_are_text_and_nothing_else(page: Chromium, door: BenchDoor) -> None:
    door.bench.recorder.message = "<img src=x onerror=alert(1)><b>bold</b>"
    page.until("document.getElementById('news').innerText.includes('<b>bold</b>')")
    assert page.ask("document.querySelectorAll('#news img, #news b').length") == 0
