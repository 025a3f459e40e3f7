"""The page as a folder without a server: one classic script, for browsers load no modules from a disk."""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from understudy.apps.web.review.curves import Json
from understudy.apps.web.review.facts import RobotFacts, camera_keys, episode_facts
from understudy.apps.web.review.handler import FILES, LIVE, LIVE_FILES, dataset_facts
from understudy.errors import InputError, UnderstudyError
from understudy.pipeline.review.lists import Row, lists_for
from understudy.pipeline.review.session import ReviewSession
from understudy.record.commands import finite
from understudy.spec.episode import Episode
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.store.atomic import disk_errors
from understudy.store.dataset import SCHEMA

IMAGES_HZ = 15.0
"""At 2x these are thirty a second."""
_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_MODULE_TAG = '<script type="module" src="page.js"></script>'
_FOLDER_TAGS = (
    '<script src="data/facts.js"></script>\n<script src="data/robot.js"></script>\n<script defer src="page.js"></script>'
)
_OWN = ("index.html", "page.css", "page.js", "data", "images")


@dataclass(frozen=True)
class Written:
    """What was written, and which episodes could not be, with why."""

    episodes: int
    bytes: int
    left_out: tuple[str, ...]


def write_static(session: ReviewSession, robot: RobotModel, out: Path, progress: Progress = lambda done, total: None) -> Written:
    """Write everything that waits for a reviewer as a folder that opens in any browser.

    It appears whole or not at all; an earlier one in its place is replaced.

    Args:
        session: of the dataset.
        robot: of the dataset.
        out: the folder.
        progress: called with (done, total) as episodes are written.

    Raises:
        InputError: something else is at `out`, or nothing waits.
        StorageError: the disk refused.
    """
    _check_place(session, out)
    with session.lock:
        lists = {name: [row for row in rows if row.todo or name == "refused"] for name, rows in lists_for(session, "").items()}
    names = list(dict.fromkeys(row.episode for rows in lists.values() for row in rows))
    if not names:
        raise InputError(f"{session.dataset.root}: nothing waits for a reviewer, so there is nothing to send")
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            written = _write(session, robot, part, names, lists, progress)
            part.chmod(0o755)
            if out.exists():
                shutil.rmtree(out)
            part.rename(out)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return written


def _check_place(session: ReviewSession, out: Path) -> None:
    """Refuse to write over anything but an earlier folder of ours."""
    if (out / SCHEMA).exists() or out.resolve() == session.dataset.root.resolve():
        raise InputError(f"{out}: this is a dataset; choose another folder for --static")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: this is a file; choose a folder for --static")
    if out.is_dir() and (others := sorted(p.name for p in out.iterdir() if p.name not in _OWN)):
        raise InputError(f"{out}: there are other things in it ({others[0]}); choose a new folder for --static")


def _write(
    session: ReviewSession,
    robot: RobotModel,
    part: Path,
    names: Sequence[str],
    lists: Mapping[str, Sequence[Row]],
    progress: Progress,
) -> Written:
    (part / "data").mkdir()
    left_out: list[str] = []
    numbers: dict[str, int] = {}
    for done, name in enumerate(names):
        progress(done, len(names))
        try:
            _write_episode(session, robot, part, name, len(numbers) + 1)
        except UnderstudyError as error:
            left_out.append(f"{name}: {error}")
        else:
            numbers[name] = len(numbers) + 1
    progress(len(names), len(names))
    facts = RobotFacts.of(robot)
    told: dict[str, object] = {
        **dataset_facts(session, facts),
        "numbers": numbers,
        "lists": {key: [vars(row) for row in rows if row.episode in numbers] for key, rows in lists.items()},
    }
    vertices = base64.b64encode(facts.shapes.vertices).decode("ascii")
    (part / "data" / "facts.js").write_text(f"window.understudyFolder = {{ facts: {_json(told)} }};\n", encoding="utf-8")
    (part / "data" / "robot.js").write_text(f'window.understudyFolder.robot = "{vertices}";\n', encoding="utf-8")
    (part / "page.js").write_text(one_script("page.js"), encoding="utf-8")
    (part / "page.css").write_text(_text("page.css"), encoding="utf-8")
    (part / "index.html").write_text(_text("index.html").replace(_MODULE_TAG, _FOLDER_TAGS), encoding="utf-8")
    size = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    return Written(len(numbers), size, tuple(left_out))


def _write_episode(session: ReviewSession, robot: RobotModel, part: Path, name: str, number: int) -> None:
    episode = session.dataset.read(name)
    facts = episode_facts(episode, session.dataset.ref(name), robot)
    facts["cameras"] = [_write_images(episode, key, part / "images" / str(number)) for key in camera_keys(episode)]
    text = f"window.understudyFolder.give({number}, {_json(finite(facts))});\n"
    (part / "data" / f"{number}.js").write_text(text, encoding="utf-8")


def _write_images(episode: Episode, key: str, folder: Path) -> Json:
    """A camera's images as files, at most fifteen a second; returns what the page is told of it."""
    stream = episode.stream(key)
    t_s = (stream.t_ns - episode.timeline_ns[0]) * 1e-9
    place = folder / key.partition("/")[2]
    place.mkdir(parents=True)
    kept: list[float] = []
    for t, image in zip(t_s.tolist(), stream.each_image(), strict=True):
        if not kept or t >= kept[-1] + 0.9 / IMAGES_HZ:
            (place / f"{len(kept):06d}.jpg").write_bytes(image)
            kept.append(round(t, 4))
    return {"key": key, "name": key.partition("/")[2].replace("_", " "), "t": kept}


def _json(value: object) -> str:
    """JSON that may stand in a script."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def one_script(entry: str) -> str:
    """The page's modules in one classic script: each is a function that gives what it exports, in the order of need.

    Modules here import names from files beside them, a line each, and not in circles.
    """
    parts: list[str] = []
    _gather(entry, [], set(), parts)
    return '"use strict";\n(() => {\nconst modules = {};\n' + "\n".join(parts) + "\n})();\n"


def _gather(name: str, above: list[str], done: set[str], parts: list[str]) -> None:
    if name in above:
        raise InputError(f"{name} is imported in a circle: {' > '.join([*above, name])}")
    if name in done:
        return
    text = _text(name)
    for _, needed in _IMPORT.findall(text):
        _gather(needed, [*above, name], done, parts)
    done.add(name)
    given = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(r'const { \1 } = modules["\2"];', text))
    parts.append(f'modules["{name}"] = (() => {{\n{body}return {{ {given} }};\n}})();')


def _text(name: str) -> str:
    package = LIVE if name in LIVE_FILES else __package__
    if name not in (*FILES, *LIVE_FILES):
        raise InputError(f"{name} is not a file of the page")
    return files(str(package)).joinpath("static", name).read_text(encoding="utf-8")
