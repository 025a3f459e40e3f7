"""Answers of the review page: files, the robot, an episode, its images, where the review stands; and what people say."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from understudy.apps.web.access import Access
from understudy.apps.web.answers import Answer, refusal, static_files
from understudy.apps.web.review.facts import RobotFacts, camera_keys, episode_facts
from understudy.apps.web.review.state import Claims, state_json
from understudy.errors import EpisodeError, InputError, UnderstudyError
from understudy.pipeline.review.session import ReviewSession
from understudy.record.commands import finite
from understudy.spec.episode import Episode
from understudy.spec.review import MOST_LINE_BYTES, REASONS, parse_said
from understudy.spec.robot import RobotModel
from understudy.store.dataset import EpisodeRef
from understudy.store.episode_file import read_episode
from understudy.store.names import path_name
from understudy.store.notes import read_notes

FILES = (
    "index.html", "page.css", "page.js", "cameras.js", "folder.js", "keys.js", "kinematics.js", "outbox.js", "player.js",
    "plots.js", "queue.js", "segments.js", "server.js", "stage.js", "tracks.js", "verdict.js",
)  # fmt: skip
LIVE = "understudy.apps.web.live"
LIVE_FILES = ("scene.js", "shaders.js", "matrix.js")
MOST_BYTES = 2 * MOST_LINE_BYTES
MOST_IMAGES, MOST_IMAGE_BYTES = 60, 12 * 1024 * 1024
LOOK_EVERY_S = 2.0
LOOK_SHARE = 20.0
"""A look at a large dataset takes a while: no more than a twentieth of the time goes into it."""
REVIEWERS = 16
OPEN = 4
"""Episodes that are kept open for their images."""
MOVES = 3
_T = TypeVar("_T")


@dataclass
class ReviewSite:
    """What the page is of.

    Attributes:
        session: what is reviewed.
        robot: of the dataset.
        access: who may see it.
    """

    session: ReviewSession
    robot: RobotModel
    access: Access
    command: str = "understudy review"
    most_bytes: int = MOST_BYTES
    _open: OrderedDict[Path, Episode] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _claims: Claims = field(default_factory=Claims)
    _states: OrderedDict[str, tuple[object, bytes]] = field(default_factory=OrderedDict)
    _look_next_s: float = -1e9
    _trouble: str = ""

    @cached_property
    def robot_facts(self) -> RobotFacts:
        """The robot for the page."""
        return RobotFacts.of(self.robot)

    def get(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """Files, and what the page shows."""
        asked = {"/episode": self._episode, "/images": self._images, "/state": self._state}.get(path)
        if asked is not None:
            try:
                return asked(query)
            except UnderstudyError as error:
                return refusal(str(error))
        if path == "/facts.json":
            return Answer(json.dumps(dataset_facts(self.session, self.robot_facts)).encode())
        if path == "/robot.bin":
            return Answer(self.robot_facts.shapes.vertices, "application/octet-stream")
        return static_files(__package__, *FILES).get(path) or static_files(LIVE, *LIVE_FILES).get(path)

    def do(self, body: bytes) -> Answer:
        """One line of the log; answered when it is on disk."""
        try:
            answer = self.session.add(parse_said(body))
        except UnderstudyError as error:
            status = HTTPStatus.BAD_REQUEST if isinstance(error, InputError) else HTTPStatus.SERVICE_UNAVAILABLE
            return Answer(json.dumps({"error": str(error)}).encode(), status=status)
        return Answer(json.dumps({"saved": answer.saved, "applied": answer.applied, "message": answer.message}).encode())

    def look(self) -> None:
        """Look at log and folder, every two seconds at most, more rarely where that takes long; the state tells what is wrong."""
        if not self.session.lock.acquire(blocking=False):
            return
        try:
            began_s = time.monotonic()
            if began_s < self._look_next_s:
                return
            self._look_next_s = began_s + LOOK_EVERY_S
            self.session.refresh()
            self._trouble = ""
            self._look_next_s = began_s + max(LOOK_EVERY_S, LOOK_SHARE * (time.monotonic() - began_s))
        except UnderstudyError as error:
            self._trouble = str(error)
        finally:
            self.session.lock.release()

    def _state(self, query: Mapping[str, str]) -> Answer:
        self.look()
        reviewer, episode = query.get("reviewer", "")[:60], query.get("episode", "")[:120]
        if reviewer and episode:
            self._claims.claim(episode, reviewer)
        claims = json.dumps(self._claims.of_others(reviewer)).encode()
        return Answer(self._standing(reviewer)[:-1] + b',"claims":' + claims + b"}")

    def _standing(self, reviewer: str) -> bytes:
        """Where the review stands for a reviewer; made anew when something changed."""
        with self.session.lock:
            now = (self.session.changes, self._trouble, tuple(sorted(self.session.unapplied.items())))
            known = self._states.pop(reviewer, None)
            if known is None or known[0] != now:
                told = state_json(self.session, reviewer, self._trouble)
                known = now, json.dumps(told, separators=(",", ":")).encode()
            self._states[reviewer] = known
            while len(self._states) > REVIEWERS:
                self._states.popitem(last=False)
            return known[1]

    def _episode(self, query: Mapping[str, str]) -> Answer:
        name = path_name(query.get("id", ""), what="episode id")
        facts = self._where_it_lies(name, lambda ref: finite(episode_facts(self._read(ref), ref, self.robot)))
        return Answer(json.dumps(facts, allow_nan=False, separators=(",", ":")).encode())

    def _images(self, query: Mapping[str, str]) -> Answer:
        name, camera = path_name(query.get("id", ""), what="episode id"), query.get("camera", "")
        first, count = _number(query.get("first", "")), _number(query.get("count", ""))
        found = self._where_it_lies(name, lambda ref: self._block(ref, camera, first, count))
        head = struct.pack(f"<{len(found) + 1}I", len(found), *map(len, found))
        return Answer(head + b"".join(found), "application/octet-stream")

    def _block(self, ref: EpisodeRef, camera: str, first: int, count: int) -> list[bytes]:
        """Images of a camera from `first` on: at most so many, and at most so many bytes."""
        name, episode = ref.id, self._read(ref)
        if camera not in camera_keys(episode):
            raise InputError(f"{name} has no camera {camera[:80]!r}")
        stream = episode.stream(camera)
        if not 0 <= first < len(stream) or not 0 < count <= MOST_IMAGES:
            raise InputError(f"{camera} has {len(stream)} images; at most {MOST_IMAGES} at a time are given")
        found: list[bytes] = []
        for image in stream.images(range(first, min(first + count, len(stream)))):
            if found and sum(map(len, found)) + len(image) > MOST_IMAGE_BYTES:
                break
            found.append(image)
        return found

    def _where_it_lies(self, name: str, read: Callable[[EpisodeRef], _T]) -> _T:
        """Read from an episode's file, again where it moved to the other partition meanwhile.

        Raises:
            InputError: the dataset does not have it, or it is damaged.
        """
        for _ in range(MOVES):
            ref = self.session.dataset.find(name)
            if ref is None:
                break
            try:
                return read(ref)
            except EpisodeError:
                if ref.path.is_file():
                    raise
        raise InputError(f"{name} is not in the dataset now: it was renamed or taken out while this page was open")

    def _read(self, ref: EpisodeRef) -> Episode:
        """An episode, with the notes as they are now; its file is opened anew where it moved."""
        with self._lock:
            kept = self._open.get(ref.path)
        if kept is not None:
            return replace(kept, notes=read_notes(ref.path) or kept.notes)
        episode = read_episode(ref.path)
        with self._lock:
            self._open[ref.path] = episode
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        return episode


def dataset_facts(session: ReviewSession, robot: RobotFacts) -> dict[str, object]:
    """What the page is told once; `key` keeps what a browser has to send from going to another dataset."""
    root = session.dataset.root.resolve()
    key = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    return {"dataset": session.dataset.schema.name, "key": key, "reasons": list(REASONS), "robot": robot.json()}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InputError("a number is needed")
    return int(text)
