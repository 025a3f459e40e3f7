"""`understudy review`: what it prints, writes and takes back, and how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from understudy.apps.cli._main import main
from understudy.kinematics.load import load_robot
from understudy.pipeline.review.draw import Quota
from understudy.pipeline.review.session import ReviewSession
from understudy.store.dataset import Dataset
from understudy.store.reviews import REVIEWS
from understudy.testing.programs import interrupted
from understudy.testing.reviews import decision, review_dataset


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return review_dataset(tmp_path_factory.mktemp("made") / "kitchen", load_robot("unitree_g1"), duration_s=0.3).root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "kitchen"))


def test_the_report_for_people_and_for_machines(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(root), "--per-hundred", "50", "--report"]) == 0
    assert "0 accepted, 0 rejected" in capsys.readouterr().out
    session = ReviewSession(Dataset.open(root), Quota(per_hundred=50.0))
    session.refresh()
    for name in session.board.drawn:
        session.add(decision(name, "rejected", "unnatural motion", by="ana", seconds=12.0))
        session.add(decision(name, "rejected", "environment anomaly", by="ben", seconds=24.0))
    assert main(["review", str(root), "--report", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rejected"], told["accepted"]) == (3, 0)
    assert told["reasons"] == {
        "unnatural motion": 3, "inconsistent strategy": 0, "environment anomaly": 3, "other": 0,
    }  # fmt: skip
    assert told["batches"][0]["done"] == 3
    assert (told["agreement"]["percent"], told["agreement"]["kappa"]) == (100.0, None)
    assert told["seconds_per_episode"] == 18.0
    assert main(["review", str(root), "--report"]) == 0
    said = capsys.readouterr().out
    assert "100 %" in said
    assert "not defined: everybody said the same" in said
    assert "the yardstick is 15 min" in said


def test_a_folder_goes_out_and_decisions_come_back(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "for-ben"
    assert main(["review", str(root), "--static", str(out)]) == 0
    assert (out / "index.html").is_file()
    assert list((out / "images").rglob("*.jpg"))
    page = (out / "page.js").read_text()
    assert not [line for line in page.splitlines() if line.startswith(("import ", "export "))]
    assert main(["review", str(root), "--static", str(out)]) == 0  # an earlier one is replaced
    (out / "own.txt").write_text("mine")
    assert main(["review", str(root), "--static", str(out)]) == 3
    assert (out / "own.txt").read_text() == "mine"
    assert main(["review", str(root), "--static", str(root)]) == 3
    capsys.readouterr()
    back = tmp_path / "reviews.jsonl"
    good, strange = decision("e1", "accepted", by="ben"), decision("elsewhere", "accepted", by="ben")
    back.write_text(good.model_dump_json() + "\n")
    assert main(["review", str(root), "--import", str(back)]) == 0
    assert "1 taken in" in capsys.readouterr().out
    back.write_text(good.model_dump_json() + "\n" + strange.model_dump_json() + "\n")
    assert main(["review", str(root), "--import", str(back)]) == 1
    told = capsys.readouterr()
    assert "1 were there already, 1 refused" in told.out
    assert "line 2" in told.err
    assert "'elsewhere'" in told.err


def test_what_cannot_be_reviewed_is_said(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(tmp_path / "none")]) == 3
    assert "not a dataset" in capsys.readouterr().err
    assert main(["review", str(root), "--per-hundred", "0", "--report"]) == 2
    assert main(["review", str(root), "--import", str(tmp_path / "none.jsonl")]) == 3
    assert "cannot be read" in capsys.readouterr().err


def test_a_damaged_line_of_the_log_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["review", str(root), "--report"])
    with (root / REVIEWS).open("a") as file:
        file.write("not a line\n")
    capsys.readouterr()
    assert main(["review", str(root), "--report"]) == 0
    assert "line 2" in capsys.readouterr().err


def test_the_page_is_served_until_it_is_interrupted(root: Path) -> None:
    command = [sys.executable, "-m", "understudy", "review", str(root), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        url = next(line for line in running.stderr if "http://" in line).split()[1]
        with urllib.request.urlopen(f"{url}state?reviewer=ana", timeout=30) as answer:
            assert json.loads(answer.read())["progress"]["episodes"] == 7
        assert "reviews.jsonl" in interrupted(running, 30.0)[1]
        assert running.returncode == 0
