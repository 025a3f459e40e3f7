"""The page on devices names tests that exist, and every standard stream of a recording."""

from __future__ import annotations

import re
from pathlib import Path

from understudy import plugins
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.protocols import DeviceFactory

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "devices.md").read_text(encoding="utf-8")
TABLE = PAGE.split("## Every stream of a recording")[1].split("\n## ")[0]


def test_tests_that_are_named_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 15
    written = {
        n for path in TESTS.rglob("test_*.py") for n in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)
    }
    assert named <= written, f"named on the page, and there is none: {sorted(named - written)}"


def test_every_standard_observation_has_its_row() -> None:
    schema = default_schema(load_robot("unitree_g1"), "x")
    missing = [s.key for s in schema.streams if s.group == "observations" and s.name not in TABLE]
    assert not missing


def test_devices_and_their_settings_are_on_the_page() -> None:
    for name in ("sim", "camera", "trigger", "imperfect"):
        factory: DeviceFactory = plugins.load("devices", name)  # type: ignore[assignment]
        assert f"| `{name}` |" in PAGE
        for setting in re.findall(r"`(\w+)`", type(factory).__doc__ or ""):
            assert f"`{setting}`" in PAGE, f"{name}: setting {setting} is not on the page"
