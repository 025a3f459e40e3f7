"""Licences of what `pip install understudy` installs, from the packages' own metadata: `python scripts/licences.py`."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9._-]+)[^;]*(?:;(.*))?$")
_CLASSIFIER = "License :: OSI Approved :: "


def direct() -> list[str]:
    """Names of the core dependencies in pyproject.toml."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [re.split(r"[<>=~! \[;]", text, maxsplit=1)[0] for text in table["project"]["dependencies"]]


def closure(names: list[str]) -> dict[str, Distribution]:
    """Every installed distribution that they need, themselves among them; what a marker excludes is not installed."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for text in found[name].requires or []:
            match = _REQUIREMENT.match(text)
            if match and "extra" not in (match[2] or ""):
                left.append(match[1])
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """What the metadata say: the expression, else a short licence field, else the classifiers."""
    meta = package.metadata
    if expression := meta.get("License-Expression"):
        return str(expression)
    field = str(meta.get("License") or "")
    classified = [c.removeprefix(_CLASSIFIER) for c in meta.get_all("Classifier") or [] if c.startswith(_CLASSIFIER)]
    if field and len(field) < 40:
        return field
    return ", ".join(classified) or "not in the metadata"


def main() -> None:
    """Print a table in Markdown."""
    core = set(direct())
    print("| package | licence | |\n|---|---|---|")
    for name, package in closure(sorted(core)).items():
        print(f"| {name} | {licence(package)} | {'direct' if name in core else ''} |")


if __name__ == "__main__":
    main()
