"""A dataset: a folder with one schema, one robot, and episodes that are moved but never changed or deleted."""

from __future__ import annotations

import filecmp
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from understudy.errors import EpisodeError, InputError, JointOrderError, SchemaError, StorageError, UnknownNameError
from understudy.spec.default_schema import schema_markdown, schema_toml
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.spec.profile_text import profile_toml
from understudy.spec.profiles import load_profile, profile_names
from understudy.spec.robot import RobotModel, RobotProfile
from understudy.spec.schema import Schema, parse_schema
from understudy.store.atomic import disk_errors, remove_stale_parts, sync_folder, write_text
from understudy.store.episode_check import check_joint_order
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.names import path_name
from understudy.store.notes import NOTES_SUFFIX, notes_path, read_notes, write_notes

Partition = Literal["episodes", "failures"]
PARTITIONS: tuple[Partition, ...] = ("episodes", "failures")
SCHEMA, SCHEMA_PAGE, ROBOT = "schema.toml", "SCHEMA.md", "robot.json"
PROFILE = "robot.toml"
"""The robot's profile, in datasets of robots that Understudy does not know by name."""
MANIFESTS, REPORTS = "manifests", "reports"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpisodeRef:
    """Where an episode lies.

    Attributes:
        id: file stem.
        path: of its `.h5`.
        task: task id, the folder it lies in.
        partition: `episodes` or `failures`.
    """

    id: str
    path: Path
    task: str
    partition: Partition


@dataclass(frozen=True)
class Dataset:
    """A dataset folder; made by `create` or `open`.

    Attributes:
        root: the folder.
        schema: parsed `schema.toml`.
        schema_text: its text, as every episode carries it.
        joint_names: (J,) order of robot.json.
    """

    root: Path
    schema: Schema
    schema_text: str
    joint_names: tuple[str, ...]

    @classmethod
    def create(cls, root: Path, schema: Schema, robot: RobotModel) -> Dataset:
        """A new dataset: schema.toml, robot.json, SCHEMA.md and the folders; robot.toml for a robot of the user's own.

        Raises:
            InputError: there is a dataset or something else already.
            JointOrderError: schema and robot do not belong together.
            StorageError: the disk refused.
        """
        from understudy.kinematics.robot_json import write_robot_json

        if (root / SCHEMA).exists():
            raise InputError(f"{root}: there is a dataset already; open it, or choose another folder")
        if root.exists() and not (root.is_dir() and not any(root.iterdir())):
            found = "a folder with other things in it" if root.is_dir() else "a file"
            raise InputError(f"{root}: not an empty folder but {found}; choose a new one for the dataset")
        check_joint_order(schema.joint_names, robot.joint_names, where=f"schema for {root}")
        was_there = root.exists()
        with disk_errors(root):
            try:
                for folder in (*PARTITIONS, MANIFESTS):
                    (root / folder).mkdir(parents=True)
                write_robot_json(robot, root / ROBOT)
                if not _known(robot.profile):
                    write_text(root / PROFILE, profile_toml(robot.profile))
                write_text(root / SCHEMA_PAGE, schema_markdown(schema))
                write_text(root / SCHEMA, schema_toml(schema))  # last: a folder with it is a whole dataset
            except BaseException:
                _remove_new(root, keep_root=was_there)
                raise
        return cls.open(root)

    @classmethod
    def open(cls, root: Path, *, robot: RobotModel | None = None) -> Dataset:
        """The dataset in a folder.

        Args:
            root: folder made by `create`.
            robot: if given, it must be the dataset's.

        Raises:
            InputError: the folder is no dataset.
            SchemaError: schema.toml is wrong.
            JointOrderError: robot.json, schema.toml and `robot` differ in their joints.
        """
        from understudy.kinematics.robot_json import check_robot_json, read_robot_json

        text = _schema_text(root)
        schema = parse_schema(text, where=str(root / SCHEMA))
        written = read_robot_json(root / ROBOT)
        if written.name != schema.robot:
            raise JointOrderError(
                f"{root / ROBOT}: this is of {written.name}, but the dataset is of {schema.robot} ({SCHEMA}); put the right one "
                f"back: `understudy robot show {schema.robot} --json {root / ROBOT}`"
            )
        names = written.joint_names
        check_joint_order(schema.joint_names, names, where=str(root / SCHEMA))
        if robot is not None:
            check_robot_json(robot, root / ROBOT)
        dataset = cls(root, schema, text, names)
        try:
            dataset._tidy()
        except StorageError as error:
            _log.warning("%s: left as it is after an interrupted run: %s", root, error)  # a read-only dataset can still be read
        return dataset

    @property
    def robot_source(self) -> str:
        """What `load_robot` takes for the dataset's robot: its profile in the dataset, else the robot's name."""
        return robot_source(self.root, self.schema.robot)

    def refs(self, partition: Literal["episodes", "failures", "all"] = "episodes") -> tuple[EpisodeRef, ...]:
        """Every episode of a partition, sorted by task and id; what only looks like one is left to `strangers`."""
        found = [_ref(path, part) for path, part in self._h5(partition) if _is_no_episode(path) == ""]
        return tuple(sorted(found, key=lambda ref: (ref.task, ref.id)))

    def strangers(self, partition: Literal["episodes", "failures", "all"] = "all") -> tuple[tuple[Path, str], ...]:
        """What lies where episodes do, ends in .h5 and can be none, sorted by path, and why.

        That is a link that leads nowhere, a folder or a pipe, a name that no episode can have.
        """
        found = [(path, why) for path, _ in self._h5(partition) if (why := _is_no_episode(path))]
        return tuple(sorted((path, why) for path, why in found if os.path.lexists(path)))  # one that was moved just now is none

    def _h5(self, partition: Literal["episodes", "failures", "all"]) -> Iterator[tuple[Path, Partition]]:
        for part in PARTITIONS if partition == "all" else (partition,):
            yield from ((path, part) for path in (self.root / part).glob("*/*.h5") if not path.name.startswith("."))

    def find(self, episode_id: str) -> EpisodeRef | None:
        """Where an episode lies; None where the dataset has none of that id."""
        path_name(episode_id, what="episode id")
        for part in PARTITIONS:
            for path in (self.root / part).glob("*/"):
                if (file := path / f"{episode_id}.h5").is_file():
                    return _ref(file, part)
        return None

    def ref(self, episode_id: str) -> EpisodeRef:
        """Where an episode lies.

        Raises:
            UnknownNameError: the dataset has none of that id.
        """
        found = self.find(episode_id)
        if found is None:
            raise UnknownNameError(f"episode of {self.root}", episode_id, [ref.id for ref in self.refs("all")])
        return found

    def read(self, episode_id: str) -> Episode:
        """An episode with its notes.

        Raises:
            UnknownNameError: the dataset has none of that id.
            EpisodeError: its file or notes are damaged.
        """
        return read_episode(self.ref(episode_id).path)

    def add(self, episode: Episode, *, verify: Callable[[Path], None] = lambda part: None) -> EpisodeRef:
        """Write an episode under the dataset's schema, a copy of which it then carries.

        One that is there already, equal to the byte, stays where it is, in `failures` too: so work that was killed
        between its episode and its manifest can be done again.

        Args:
            episode: to write.
            verify: see `write_episode`.

        Raises:
            EpisodeError: there is another one of that id already, or its id or task cannot be a file name.
            SchemaError, JointOrderError: it departs from the schema or is another robot's.
            StorageError: the disk refused.
        """
        path_name(episode.id, what="episode id")
        task = path_name(str(episode.metadata.get("task_id", "")), what="task")
        check_joint_order(episode.joint_names, self.joint_names, where=f"episode {episode.id}")
        episode = replace(episode, schema_toml=self.schema_text)
        if (there := self.find(episode.id)) is not None:
            return _same(there, episode)
        path = self.root / "episodes" / task / f"{episode.id}.h5"
        write_episode(path, episode, verify=verify)
        if episode.notes is not None:
            write_notes(path, episode.notes)
        return EpisodeRef(episode.id, path, task, "episodes")

    def notes(self, episode_id: str) -> Notes | None:
        """What is noted beside an episode's file, which is not opened; None where there is nothing.

        Raises:
            UnknownNameError: the dataset has no such episode.
            EpisodeError: the notes are damaged.
        """
        return read_notes(self.ref(episode_id).path)

    def write_notes(self, notes: Notes) -> None:
        """Replace the notes of the episode they name.

        Raises:
            UnknownNameError: the dataset has no such episode.
            StorageError: the disk refused.
        """
        write_notes(self.ref(notes.episode).path, notes)

    def move(self, episode_id: str, partition: Partition) -> EpisodeRef:
        """Move an episode and its notes to a partition; its file is not changed.

        The notes go first: a crash in between leaves them ahead of their episode, and the next `open` moves it after them.

        Raises:
            UnknownNameError: the dataset has no such episode.
            EpisodeError: another one of that id is there.
            StorageError: the disk refused.
        """
        ref = self.ref(episode_id)
        if ref.partition == partition:
            return ref
        target = self.root / partition / ref.task / ref.path.name
        if target.exists():
            raise EpisodeError(f"{target}: another episode of that id is there already; rename one of the two, then move")
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if notes_path(ref.path).exists():
                notes_path(ref.path).replace(notes_path(target))
            try:
                ref.path.replace(target)
            except FileNotFoundError:
                if not target.exists():  # else another process opened the dataset just now and moved it after its notes
                    raise
            sync_folder(target.parent)
            sync_folder(ref.path.parent)
        return EpisodeRef(ref.id, target, ref.task, partition)

    def _tidy(self) -> None:
        """Renew a page that is older than the schema, and mend what a killed process left.

        That is: files it was writing, and episodes whose notes had gone ahead in a move.
        """
        page, text = self.root / SCHEMA_PAGE, schema_markdown(self.schema)
        if not page.is_file() or page.read_bytes() != text.encode():
            write_text(page, text)
        for place in (self.root, self.root / MANIFESTS, self.root / REPORTS):
            remove_stale_parts(place)
        for partition, other in (PARTITIONS, PARTITIONS[::-1]):
            for folder in (self.root / partition).glob("*/"):
                remove_stale_parts(folder)
                names = {entry.name for entry in folder.iterdir()}
                for name in names:
                    stem = name.removesuffix(NOTES_SUFFIX)
                    left = self.root / other / folder.name / f"{stem}.h5"
                    if stem != name and left.name not in names and left.is_file() and not notes_path(left).exists():
                        with disk_errors(folder / left.name):
                            left.replace(folder / left.name)


def robot_source(root: Path, name: str) -> str:
    """What `load_robot` takes for the robot `name` of a dataset in `root`."""
    return str(root / PROFILE) if (root / PROFILE).is_file() else name


def _known(profile: RobotProfile) -> bool:
    """Whether the profile's name alone leads to this very profile."""
    return profile.name in profile_names() and load_profile(profile.name) == profile


def _remove_new(root: Path, *, keep_root: bool) -> None:
    """Take back what a failed `create` made; it had found the folder empty or missing."""
    for file in (ROBOT, PROFILE, SCHEMA_PAGE, SCHEMA):
        (root / file).unlink(missing_ok=True)
    for folder in (*PARTITIONS, MANIFESTS):
        if (root / folder).is_dir():
            (root / folder).rmdir()
    if root.is_dir() and not keep_root:
        root.rmdir()


def _same(there: EpisodeRef, episode: Episode) -> EpisodeRef:
    """`there`, if it is this very episode."""
    read_episode(there.path)  # says so where it is damaged
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        again = Path(folder) / there.path.name
        write_episode(again, episode)
        if not filecmp.cmp(again, there.path, shallow=False):
            raise EpisodeError(
                f"{there.path}: another episode of that id is there already, and episodes are never overwritten; "
                "move it out of the dataset or choose another id"
            )
    return there


def _schema_text(root: Path) -> str:
    path = root / SCHEMA
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        found = "there is no such folder" if not root.exists() else f"it has no {SCHEMA}"
        raise InputError(f"{root}: not a dataset: {found}; make one with `understudy init {root} --robot NAME`") from None
    except NotADirectoryError:
        raise InputError(f"{root}: not a dataset: it is a file; give the dataset's folder") from None
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8 text: {error}") from None


def _is_no_episode(path: Path) -> str:
    """Why what lies there cannot be an episode; empty where it can."""
    try:
        path_name(path.stem, what="episode id")
        path_name(path.parent.name, what="task")
        if path.is_file():
            return ""
    except EpisodeError as error:
        return str(error)
    except OSError as error:  # links that lead to each other
        return f"it cannot be looked at: {error.strerror}"
    return "it is a link that leads nowhere" if path.is_symlink() else "it is no file"


def _ref(path: Path, partition: Partition) -> EpisodeRef:
    return EpisodeRef(path.stem, path, path.parent.name, partition)
