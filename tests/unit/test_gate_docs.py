"""docs/quality.md has every gate with every threshold and its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from understudy import plugins
from understudy.quality.verdict import load_gates

PAGE = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", plugins.names("gates"))
def test_a_gate_has_its_rows(name: str) -> None:
    rows = re.search(rf"^\| `{name}` \|.*\n(?:\| \|.*\n)*", PAGE, re.MULTILINE)
    assert rows is not None, f"docs/quality.md has no row for {name}"
    for key, value in load_gates()[name].defaults.items():
        shown = f'"{value}"' if isinstance(value, str) else f"{value:g}"
        said = re.search(rf"\b{key} = ([^`]+)`", rows.group())
        assert said is not None, f"{name}: {key} is not in its rows"
        assert said.group(1) == shown or float(said.group(1)) == value, f"{name}: {key} is {said.group(1)}, the gate has {shown}"
