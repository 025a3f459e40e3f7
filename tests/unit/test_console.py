"""Tables, bars and JSON of the command line."""

from __future__ import annotations

import json

import pytest

from understudy.apps.cli import _console


@pytest.fixture(autouse=True)
def fresh_console() -> None:
    _console._console.cache_clear()


def test_table_prints_every_cell_and_takes_brackets_literally(capsys: pytest.CaptureFixture[str]) -> None:
    _console.print_table(["clip", "frames"], [["walk[/red].bvh", 2752], ["a[b]", 7]], title="Clips", right=["frames"])
    printed = capsys.readouterr().out
    for text in ("Clips", "clip", "frames", "walk[/red].bvh", "2752", "a[b]"):
        assert text in printed


def test_progress_goes_to_stderr_and_leaves_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with _console.progress("retarget [x]") as advance:
        for k in range(3):
            advance(k + 1, 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "retarget [x]" in captured.err
    assert "3/3" in captured.err


def test_progress_lets_errors_through() -> None:
    with pytest.raises(ValueError, match="boom"), _console.progress("x"):
        raise ValueError("boom")


def test_say_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    _console.say("x" * 500 + " [bold]")
    assert capsys.readouterr().out == "x" * 500 + " [bold]\n"


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    _console.say_json({"a": ["é", 1.5]})
    assert json.loads(capsys.readouterr().out) == {"a": ["é", 1.5]}
