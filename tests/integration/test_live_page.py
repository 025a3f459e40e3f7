"""The page's server: what it gives, to whom, and that it never decides anything by itself."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from understudy.apps.web.access import Access
from understudy.apps.web.live.server import LiveServer
from understudy.apps.web.live.shapes import robot_shapes
from understudy.errors import InputError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.mocap.live.replay import ReplayStream
from understudy.pipeline.build import open_or_create
from understudy.pipeline.live import LiveSession
from understudy.retarget.problem import make_problem
from understudy.retarget.targets import calibrate
from understudy.simulate.walker import walk, write_bvh
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset

WAIT_S = 60.0


class Browser:
    """Speaks HTTP to the page."""

    def __init__(self, url: str) -> None:
        self.host, self.port = url.split("//")[1].split("/")[0].rsplit(":", 1)
        self.cookie = ""

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

    def do(self, what: str, **more: str) -> tuple[int, bytes]:
        body = json.dumps({"do": what, **more})
        return self.ask(
            "/do", method="POST", body=body, Content_Type="application/json", Origin=f"http://{self.host}:{self.port}"
        )

    def state(self) -> dict[str, object]:
        status, body = self.ask("/state")
        assert status == 200
        found = json.loads(body)
        assert isinstance(found, dict)
        return found

    def until(self, state: str) -> dict[str, object]:
        started = time.monotonic()
        while (found := self.state())["state"] != state:
            assert time.monotonic() - started < WAIT_S, found
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def dataset(robot: RobotModel, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_or_create(tmp_path_factory.mktemp("live") / "takes", robot)


@pytest.fixture(scope="module")
def session(robot: RobotModel, dataset: Dataset) -> Iterator[LiveSession]:
    motion = walk(3.0, rate_hz=60.0)
    stream = ReplayStream(motion, name="walk.bvh", loop=True)
    with LiveSession(stream, robot, known=calibrate(motion, make_problem(robot)), dataset=dataset) as made:
        yield made


@pytest.fixture(scope="module")
def browser(session: LiveSession) -> Iterator[Browser]:
    with LiveServer(session, port=0) as server:
        yield Browser(server.url)


def test_the_page_and_all_it_needs_are_served(browser: Browser) -> None:
    status, page = browser.ask("/")
    assert status == 200
    for name in ("page.css", "page.js", "scene.js", "shaders.js", "matrix.js"):
        found, text = browser.ask(f"/{name}")
        assert (found, b"http://" in text, b"https://" in text) == (200, False, False)
    assert b"page.js" in page
    assert browser.ask("/../server.py")[0] == 404


def test_the_snapshot_has_person_and_robot(browser: Browser, robot: RobotModel) -> None:
    found = browser.until("live")
    human, bodies = found["human"], found["bodies"]
    assert isinstance(human, list)
    assert isinstance(bodies, list)
    assert (len(human), len(bodies)) == (69, 12 * (robot.dof + 1))
    rotation = np.array(bodies[:9]).reshape(3, 3)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    assert 0.5 < bodies[11] < 1.0


def test_a_take_is_recorded_over_the_page_and_survives_it(browser: Browser, session: LiveSession, dataset: Dataset) -> None:
    browser.until("live")
    assert browser.do("record", task="walk", instruction="walk  ahead", demonstrator="p01")[0] == 200
    started = time.monotonic()
    while session.snapshot().take.frames < 50:
        assert time.monotonic() - started < WAIT_S, session.snapshot().take
        time.sleep(0.02)
    browser.do("stop")
    while not session.snapshot().take.saved:
        assert time.monotonic() - started < WAIT_S, session.snapshot().take
        time.sleep(0.02)
    (ref,) = dataset.refs()
    assert dataset.read(ref.id).metadata["language_instruction"] == "walk ahead"


def test_wrong_commands_are_refused_with_a_reason(browser: Browser) -> None:
    status, body = browser.do("explode")
    assert (status, b"known commands" in body) == (400, True)
    assert browser.do("record", task="x" * 300)[0] == 400
    assert browser.ask("/do", method="POST", body="{}", Content_Type="application/json", Origin="http://evil.example")[0] == 403
    assert browser.ask("/do", method="POST", body="{}", Content_Type="application/json")[0] == 403
    own = f"http://{browser.host}:{browser.port}"
    assert browser.ask("/do", method="POST", body="{}", Content_Type="text/plain", Origin=own)[0] == 400
    assert browser.ask("/do", method="POST", body="[1" * 2000, Content_Type="application/json", Origin=own)[0] == 400
    assert browser.ask("/do", method="POST", body="x" * 5000, Content_Type="application/json", Origin=own)[0] == 400


def test_another_name_for_this_computer_is_refused(browser: Browser) -> None:
    assert browser.ask("/state", host="evil.example:80")[0] == 403
    assert browser.ask("/state", host=f"localhost:{browser.port}")[0] == 200


def test_from_elsewhere_the_token_is_needed(session: LiveSession) -> None:
    with LiveServer(session, host="0.0.0.0", port=0) as server:
        token = server.url.split("?token=")[1]
        stranger = Browser(f"http://127.0.0.1:{server.url.split(':')[2].split('/')[0]}/")
        for path in ("/", "/state", "/robot.bin", "/page.js", "/?token=wrong", "/state?token="):
            status, body = stranger.ask(path)
            assert (status, token.encode() in body) == (403, False)
        assert stranger.do("record")[0] == 403
        stranger.cookie = "understudy_live_1=x; ="
        assert stranger.ask("/state")[0] == 403
        assert stranger.ask(f"/?token={token}")[0] == 303
        assert stranger.cookie.endswith(token)
        assert stranger.ask("/")[0] == 200
        assert stranger.state()["state"] in ("live", "held", "preparing")


def test_only_this_computer_needs_no_token() -> None:
    assert [bool(Access.to(host, 80).token) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.5", "")] == [
        False, False, False, True, True, True,
    ]  # fmt: skip


def test_an_address_that_cannot_be_had_is_said(session: LiveSession, browser: Browser) -> None:
    with pytest.raises(InputError, match="something else uses it"):
        LiveServer(session, port=int(browser.port))
    with pytest.raises(InputError, match="--port"):
        LiveServer(session, port=700_000)
    with pytest.raises(InputError, match="--host"):
        LiveServer(session, host="203.0.113.77", port=0)


def test_the_robots_triangles_have_normals_and_limbs(robot: RobotModel) -> None:
    shapes = robot_shapes(robot)
    record = np.dtype([("pos", "<f4", 3), ("normal", "i1", 4)])
    vertices = np.frombuffer(shapes.vertices, record)
    told = shapes.description["shapes"]
    assert isinstance(told, list)
    assert told[-1]["first"] + told[-1]["count"] == len(vertices)
    assert {shape["limb"] for shape in told} == {"left_arm", "right_arm", "left_leg", "right_leg", "trunk"}
    corner: F64 = vertices["pos"].astype(np.float64).reshape(-1, 3, 3)
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal: F64 = vertices["normal"][:, :3].astype(np.float64).reshape(-1, 3, 3).mean(axis=1) / 127.0
    agree = np.sum(flat * normal, axis=1) / np.maximum(np.linalg.norm(flat, axis=1), 1e-12)
    assert np.mean(agree > 0.7) > 0.99


def test_the_command_records_and_saves_when_it_is_ended(tmp_path: Path) -> None:
    clip, into = tmp_path / "walk.bvh", tmp_path / "takes"
    write_bvh(walk(3.0, rate_hz=60.0), clip)
    command = [sys.executable, "-m", "understudy", "live", f"{clip}?loop=1", "--robot", "unitree_g1", "--into", str(into)]
    with subprocess.Popen([*command, "--port", "0", "--no-browser", "--json"], stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        browser = Browser(process.stderr.readline().split()[1])
        browser.until("live")
        browser.do("record", task="walk")
        started = time.monotonic()
        while int(str(json.loads(browser.ask("/state")[1])["take"]["frames"])) < 60:
            assert time.monotonic() - started < WAIT_S
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        said, complaints = process.communicate(timeout=WAIT_S)
    assert (process.returncode, complaints) == (0, "")
    (take,) = json.loads(said)["takes"]
    assert (into / "episodes" / "walk" / f"{take}.h5").is_file()


def test_the_command_refuses_what_it_cannot_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from understudy.apps.cli._main import main

    assert main(["live", str(tmp_path / "none.bvh"), "--robot", "unitree_g1", "--no-browser"]) == 3
    assert "none.bvh" in capsys.readouterr().err
    assert main(["live", "vnc://here", "--robot", "unitree_g1", "--no-browser"]) == 3
    assert "vnc" in capsys.readouterr().err
