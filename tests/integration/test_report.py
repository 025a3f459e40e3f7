"""The report, read back as HTML."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.apps.report import build
from understudy.apps.report.build import build_report
from understudy.apps.report.facts import clip_facts
from understudy.apps.report.pictures import film_start, film_steps
from understudy.errors import InputError, MissingDependencyError
from understudy.kinematics.load import load_robot
from understudy.scenes import render
from understudy.scenes.opengl import opengl_backend
from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding, Notes, ScoreResult, Skipped
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode, make_squat_episode, with_base_shift, with_data, without

EVIL = "<script>alert('x')</script><img src=http://evil.example/x.png>"


class Page(HTMLParser):
    """Tags, attributes and the text of a page; refuses tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in ("meta", "img", "br", "line", "path", "rect"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "rect", "line"):
            return
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def dataset(robot: RobotModel, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A good squat, an unchecked episode with hostile words, and a refused one whose feet are 3 cm in the floor."""
    root = tmp_path_factory.mktemp("report") / "kitchen"
    made = Dataset.create(root, default_schema(robot, "kitchen <b>g1</b>"), robot)
    squat = make_squat_episode(robot, duration_s=2.0)
    residual = np.full((len(squat.stream("debug/ee_residual")), 4), 0.01)
    residual[100:110, 0] = 0.0723
    squat = with_data(squat, "debug/ee_residual", residual)
    made.add(with_data(squat, "debug/infeasible", residual.max(axis=1) > 0.05))
    made.write_notes(
        Notes(
            episode=squat.id,
            verdict="accepted",
            quality_rating=0.83,
            findings=(Finding(gate="reach", severity="warn", message=f"too far {EVIL}", start_ns=10**9, end_ns=int(1.25e9)),),
            scores=(ScoreResult(name="smoothness", value=0.91, raw=1.5, unit="rad/s3"),),
            skipped=(Skipped(name="camera_blur", reason="no camera"),),
        )
    )
    made.add(
        make_episode(
            robot,
            duration_s=1.0,
            seed=7,
            metadata={"language_instruction": EVIL, "clip": EVIL, "warnings": json.dumps(["hops", EVIL])},
        )
    )
    sunk = with_base_shift(make_episode(robot, duration_s=1.0, seed=8), robot, np.array([0.0, 0.0, -0.03]))
    made.add(sunk)
    refused = Finding(gate="floor", severity="reject", message="feet in the floor")
    made.write_notes(Notes(episode=sunk.id, verdict="rejected", quality_rating=0.1, findings=(refused,)))
    made.move(sunk.id, "failures")
    return made


@pytest.fixture(scope="module")
def text(dataset: Dataset) -> str:
    return build_report(dataset.root, video=False).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_page_asks_for_nothing_from_outside(page: Page, text: str) -> None:
    assert not page.all("link")
    assert not page.all("iframe")
    for _, attrs in page.tags:
        for name in ("src", "href", "data", "poster", "srcset"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_what_stands_in_files_never_becomes_markup(page: Page, text: str) -> None:
    assert len(page.all("script")) == 1
    assert "<script>alert" not in text
    assert "<img src=http" not in text
    assert "kitchen <b>g1</b>" not in text
    assert "alert('x')" in "".join(page.words), "it is still there, as words"


def test_every_section_is_there(page: Page) -> None:
    words = "".join(page.words)
    for part in (
        "Episodes, worst first", "Joint travel used by the dataset", "Flagged frames and findings over time",
        "End-effector residual", "Foot contacts", "Sole height", "Joint angles between their limits", "Findings", "Scores",
        "Left leg", "Right arm", "Waist", "left foot, person", "left foot, robot",
    ):  # fmt: skip
        assert part in words, part
    for shown in ("infeasible above 5 cm", "camera_blur", "no camera", "smoothness", "stand_00000007", "hops"):
        assert shown in words, shown


def test_worst_first_and_the_figures_are_the_episodes(page: Page, text: str, dataset: Dataset) -> None:
    order = [attrs["id"] for attrs in page.all("section") if attrs.get("id", "").startswith("ep-")]
    assert order == ["ep-stand_00000008", "ep-stand_00000007", "ep-squat_00000000"]
    rows = re.findall(r'<tr><td class="id">.*?</tr>', text[text.index('id="summary"') : text.index('id="again"')])
    refused, _, squat = ([re.sub("<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", row)] for row in rows)
    episode = dataset.read("squat_00000000")
    residual = episode.data("debug/ee_residual")
    assert squat[:6] == ["squat_00000000", "squat", "accepted", "0.83", "2.0", str(len(episode.timeline_ns))]
    assert squat[6] == f"{100 * residual.mean():.2f}"
    assert squat[7] == "7.2"
    assert squat[8] == f"{100 * 10 / len(residual):.1f}"
    assert refused[2] == "rejected"
    assert float(refused[10].replace("\u2212", "-")) == pytest.approx(-3.0, abs=0.3)


def test_plots_carry_their_time_span_and_every_joint_has_one(page: Page, robot: RobotModel) -> None:
    named = [attrs.get("aria-label", "") for attrs in page.all("svg")]
    for joint in robot.joint_names:
        assert sum(label == f"{joint}, radians" for label in named) == 3
    spans = {attrs["data-t1"] for attrs in page.all("svg") if "data-t0" in attrs}
    assert spans == {"1.0000", "2.0000"}


def test_sole_height_is_that_of_the_sole(dataset: Dataset, robot: RobotModel) -> None:
    good = clip_facts(dataset.read("squat_00000000"), robot)
    sunk = clip_facts(dataset.read("stand_00000008"), robot)
    assert good.sole_min_m == pytest.approx(0.0, abs=0.003)
    assert sunk.sole_min_m == pytest.approx(-0.03, abs=0.003)
    assert good.skate_m_s == pytest.approx(0.0, abs=0.005)


def test_an_episode_of_few_streams_has_a_section_without_their_parts(robot: RobotModel) -> None:
    episode = make_episode(robot, duration_s=1.0)
    for key in list(episode.streams):
        if key != "observations/joint_positions":
            episode = without(episode, key)
    clip = clip_facts(episode, robot)
    section = build_section(clip, robot)
    assert "Joint angles" in section
    assert "Foot contacts" not in section
    assert "residual" not in section


def build_section(clip: object, robot: RobotModel) -> str:
    from understudy.apps.report.clip_page import clip_section

    return clip_section(clip, None, robot)  # type: ignore[arg-type]


def test_unreadable_episodes_are_named_and_the_others_shown(robot: RobotModel, tmp_path: Path) -> None:
    made = Dataset.create(tmp_path / "d", default_schema(robot, "d"), robot)
    made.add(make_episode(robot, duration_s=1.0, seed=1))
    bad = made.add(make_episode(robot, duration_s=1.0, seed=2)).path
    bad.write_bytes(bad.read_bytes()[:1000])
    shown = build_report(made.root, video=False).read_text(encoding="utf-8")
    assert "Episodes that could not be read: 1" in shown
    assert "stand_00000002.h5" in shown
    assert 'id="ep-stand_00000001"' in shown


def test_an_empty_dataset_has_a_page(robot: RobotModel, tmp_path: Path) -> None:
    made = Dataset.create(tmp_path / "d", default_schema(robot, "d"), robot)
    out = build_report(made.root, tmp_path / "page.html")
    assert "The dataset has no episodes yet." in "".join(Page(out.read_text(encoding="utf-8")).words)


def test_only_the_worst_are_shown_in_full(dataset: Dataset, tmp_path: Path) -> None:
    page = Page(build_report(dataset.root, tmp_path / "p.html", video=False, clips=1).read_text(encoding="utf-8"))
    assert len([a for a in page.all("section") if a.get("class") == "card clip"]) == 1
    assert "the other 2 are in the table" in "".join(page.words)


def test_without_opengl_the_page_says_so_and_has_the_rest(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise MissingDependencyError("no pictures: OpenGL is missing; on Debian and Ubuntu: sudo apt-get install libegl1")

    monkeypatch.setattr(render, "Renderer", refuse)
    page = Page(build_report(dataset.root, tmp_path / "p.html").read_text(encoding="utf-8"))
    words = "".join(page.words)
    assert "This report has no pictures. OpenGL is missing; on Debian and Ubuntu: sudo apt-get install libegl1" in words
    assert not page.all("img")
    assert not page.all("video")
    assert "End-effector residual" in words


def test_pictures_and_film_are_in_the_page(dataset: Dataset, tmp_path: Path) -> None:
    import av
    import simplejpeg

    try:
        opengl_backend()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    page = Page(build_report(dataset.root, tmp_path / "p.html", clips=1).read_text(encoding="utf-8"))
    stills = [a["src"] for a in page.all("img")]
    assert len(stills) == 9
    picture = simplejpeg.decode_jpeg(base64.b64decode(stills[0].removeprefix("data:image/jpeg;base64,")))
    assert 200 < np.median(picture) < 250, "mostly floor and sky"
    film = page.all("video")[0]["src"].removeprefix("data:video/mp4;base64,")
    with av.open(io.BytesIO(base64.b64decode(film))) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert stream.codec_context.name == "h264"
    assert len(frames) == 10, "one second at 10 frames a second"
    assert np.abs(frames[0].astype(np.int64) - picture).mean() < 6, "film and strip show the same"


def test_the_film_shows_the_worst_stretch_of_a_long_clip(robot: RobotModel) -> None:
    episode = make_episode(robot, duration_s=20.0)
    residual = np.full((len(episode.stream("debug/ee_residual")), 4), 0.001)
    residual[12 * 120 : 13 * 120, 2] = 0.2
    clip = clip_facts(with_data(episode, "debug/ee_residual", residual), robot)
    start = film_start(clip)
    assert start <= 12.0
    assert start + 6.0 >= 13.0
    assert film_steps(np.arange(10) / 10.0, 0.0, 0.5).tolist() == [0, 1, 2, 3, 4]


def test_the_command_writes_the_page(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "page.html"
    assert main(["report", str(dataset.root), "--out", str(out), "--no-video", "--clips", "1"]) == 0
    assert out.is_file()
    assert str(out) in capsys.readouterr().out.replace("\n", "")


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a dataset"):
        build_report(tmp_path)
    assert main(["report", str(tmp_path)]) == 3
    assert build.DEFAULT_NAME.name == "report.html"
