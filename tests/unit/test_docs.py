"""The documentation holds: links lead somewhere, commands exist and are described, examples run, names of tests are true."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import tyro

from understudy import plugins
from understudy.apps.cli._command import Command
from understudy.store.episode_file import write_episode
from understudy.testing.episodes import make_episode

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "changes").glob("*.md"), *DOCS.rglob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
KINDS = ("added", "changed", "fixed", "removed")
FORBIDDEN = (
    "blazing", "cutting-edge", "effortless", "game-chang", "leverage", "powerful", "revolution", "seamless", "simply",
    "state-of-the-art", "world-class", "coming soon", "todo", "tbd", "lorem",
)  # fmt: skip
MOST_BYTES = 300_000
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _fences(page: Path, language: str) -> list[str]:
    return [body for _, found, body in _FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", h.replace("`", "").lower()).strip()) for h in headings}


def _commands_in_pages() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in _fences(page, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("understudy "):
                    yield _name(page), line


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_prose(page)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{_name(page)} links to {link}, which is not there"
        assert ROOT in target.parents, f"{_name(page)} links out of the repository: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{_name(page)} links to {link}; headings there: {sorted(_anchors(target))}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_prose_is_plain(page: Path) -> None:
    text = _prose(page).lower()
    found = [word for word in FORBIDDEN if re.search(rf"\b{re.escape(word)}", text)]
    assert not found, f"{_name(page)}: {found}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_in_pages_is_python(page: Path) -> None:
    for block in _fences(page, "python"):
        ast.parse(block)


def test_every_page_is_on_the_site() -> None:
    listed = set(re.findall(r"([\w/-]+\.md)\s*$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_the_site_fetches_nothing_from_outside() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in text
    assert not re.search(r"https?://|analytics|mermaid|mathjax|katex", text, re.IGNORECASE)
    for sheet in DOCS.rglob("*.css"):
        assert "http" not in sheet.read_text(encoding="utf-8")


def test_pictures_are_small_and_used() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (DOCS / "img").iterdir():
        assert picture.stat().st_size <= MOST_BYTES, picture
        assert f"img/{picture.name}" in text, f"{picture} is on no page"


def test_every_command_has_its_section() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    own = {name for name in plugins.names("commands") if plugins.source_file("commands", name)}
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert set(sections) == own
    for name, body in sections.items():
        subcommands = [s for s in cast(Command, plugins.load("commands", name)).functions if s]
        for part in subcommands or [""]:
            assert f"understudy {name} {part}".strip() in body, f"docs/cli.md: no example of {name} {part}"


@pytest.mark.parametrize(("page", "line"), list(_commands_in_pages()))
def test_commands_in_pages_parse(page: str, line: str) -> None:
    assert _parses(line), f"{page}: `{line}` is not understood"


@pytest.mark.parametrize("line", ["understudy build a.bvh --into x", "understudy check x --rde", "understudy episode sow x"])
def test_a_wrong_command_does_not_parse(line: str) -> None:
    assert not _parses(line)


def _parses(line: str) -> bool:
    """Whether the command's own interface takes the line; nothing is run."""
    name, *args = shlex.split(line, comments=True)[1:]
    functions = cast(Command, plugins.load("commands", name)).functions
    config = (tyro.conf.OmitArgPrefixes,)
    try:
        if "" in functions:
            return bool(tyro.cli(_idle(functions[""]), args=args, config=config) == "parsed")
        stand_ins: dict[str, Callable[..., Any]] = {part: _idle(function) for part, function in functions.items()}
        return bool(tyro.extras.subcommand_cli_from_dict(stand_ins, args=args, config=config) == "parsed")
    except SystemExit as stop:
        return stop.code == 0  # --help


def _idle(function: Callable[..., object]) -> Callable[..., str]:
    """Something with the function's interface that does nothing."""

    @functools.wraps(function)
    def idle(*args: object, **kwargs: object) -> str:
        return "parsed"

    idle.__annotations__ = {**function.__annotations__, "return": "str"}
    return idle


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_tests_and_files_that_pages_name_are_there(page: Path) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for named in re.findall(r"`([^`\s]+)`", _prose(page)):
        if re.fullmatch(r"(tests|src|examples|benchmarks|scripts|docs)/[\w./-]+", named):
            assert (ROOT / named).exists(), f"{_name(page)} names {named}"
        elif re.fullmatch(r"test_\w+\.py", named):
            assert list((ROOT / "tests").rglob(named)), f"{_name(page)} names {named}"
        elif re.fullmatch(r"test_\w+", named):
            assert f"def {named}(" in code, f"{_name(page)} names the test {named}"


def test_every_core_dependency_has_its_licence() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(re.findall(r"^\| ([\w-]+)", (DOCS / "licences.md").read_text(encoding="utf-8"), re.MULTILINE))
    for requirement in table["project"]["dependencies"]:
        name = re.split(r"[<>=~! \[;]", requirement, maxsplit=1)[0]
        assert name in listed, f"docs/licences.md: no row for {name}; `python scripts/licences.py` prints it"


def test_change_log_entries_have_a_known_kind() -> None:
    for entry in (ROOT / "changes").glob("*.md"):
        if entry.name != "README.md":
            assert re.fullmatch(r"[a-z0-9-]+", entry.name.split(".")[0]), entry.name
            assert entry.name.split(".")[1:] == [kind for kind in KINDS if kind in entry.name.split(".")] + ["md"], entry.name
            assert entry.read_text(encoding="utf-8").strip(), entry.name


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(script: Path, tmp_path: Path) -> None:
    args = []
    if script.stem == "read_episode":
        args.append(str(tmp_path / "stand.h5"))
        write_episode(Path(args[0]), make_episode(duration_s=1.0))
    ran = subprocess.run([sys.executable, "-W", "error", str(script), *args], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()
