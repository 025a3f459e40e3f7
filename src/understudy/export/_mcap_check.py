"""Holds exported MCAP files against themselves and against the episodes they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from understudy.errors import ExportError, UnderstudyError
from understudy.export._faults import Faults
from understudy.export._mcap_file import MAPPING_FILE, METADATA, SCHEMA_FILE
from understudy.export._mcap_info import FOLDER, McapEntry, McapInfo, read_info
from understudy.export._mcap_read import FileRead, TopicRead, picture_of, read_mcap
from understudy.export._mcap_schemas import FRAMES_TOPIC, topic_of
from understudy.export._mcap_tracks import exported_streams, wall_anchor_ns
from understudy.geom.arrays import F64, AnyArray
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import ExportOptions
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream


def check_mcap(out: Path, episodes: Mapping[str, Episode], robot: RobotModel) -> tuple[Finding, ...]:
    """What does not hold in an export of MCAP files.

    Raises:
        ExportError: `out` is no such export.
    """
    info = read_info(out)
    faults = Faults("mcap")
    if info.robot.joint_names != robot.joint_names:
        found, wanted = list(info.robot.joint_names), list(robot.joint_names)
        faults.add("joint_order", f"meta/info.json: joints {found}, {robot.name} has {wanted}")
        return faults.findings()
    known = {entry.file for entry in info.episodes}
    for path in sorted((out / FOLDER).glob("*")):
        if path.relative_to(out).as_posix() not in known:
            faults.add("unknown_file", f"{path.relative_to(out).as_posix()}: not in meta/info.json; remove it or export again")
    for entry in info.episodes:
        file = _read(out, entry, faults)
        if file is not None:
            _check_alone(entry, file, faults)
            _check_against(entry, info, file, episodes, robot, faults)
    return faults.findings()


def _read(out: Path, entry: McapEntry, faults: Faults) -> FileRead | None:
    path = out / entry.file
    if Path(entry.file).parts[:-1] != (FOLDER,) or not path.is_file():
        faults.add("missing_file", f"{entry.file}: not there; export again")
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
        faults.add("changed_file", f"{entry.file}: not the bytes that were written; export again")
    try:
        return read_mcap(path)
    except ExportError as error:
        faults.add("unreadable", str(error))
        return None


def _check_alone(entry: McapEntry, file: FileRead, faults: Faults) -> None:
    """Counts, records, stamps and pictures, without the episode."""
    import simplejpeg

    count = sum(len(topic.messages) for topic in file.topics.values())
    if count != entry.messages:
        faults.add(
            "messages",
            f"{entry.file}: {count} messages, meta/info.json has {entry.messages}",
            value=count,
            limit=entry.messages,
        )
    missing = [name for name in (SCHEMA_FILE, MAPPING_FILE) if name not in file.attachments]
    missing += [f"metadata record {METADATA}"] if METADATA not in file.metadata else []
    for name in missing:
        faults.add("records", f"{entry.file}: {name} is missing; export again")
    for name, topic in file.topics.items():
        for place, (t_ns, message) in enumerate(zip(topic.t_ns, topic.messages, strict=True)):
            if _stamp_ns(message) not in (t_ns, None):
                faults.add("stamps", f"{entry.file}: topic {name}, message {place}: its timestamp is not its log time {t_ns}")
            if topic.schema_name == "foxglove.CompressedImage":
                try:
                    simplejpeg.decode_jpeg_header(picture_of(message) or b"")
                except ValueError:
                    faults.add("pictures", f"{entry.file}: topic {name}, message {place}: not a JPEG")


def _stamp_ns(message: Mapping[str, object]) -> int | None:
    stamp = message.get("timestamp")
    if not isinstance(stamp, dict):
        return None
    sec, nsec = stamp.get("sec"), stamp.get("nsec")
    return sec * 1_000_000_000 + nsec if isinstance(sec, int) and isinstance(nsec, int) else -1


def _check_against(
    entry: McapEntry, info: McapInfo, file: FileRead, episodes: Mapping[str, Episode], robot: RobotModel, faults: Faults
) -> None:
    """Every value equals the episode's, looked up by name."""
    if not episodes:
        return
    if entry.id not in episodes:
        faults.add("episode_gone", f"episode {entry.id} ({entry.file}) is no longer in the dataset; export again")
        return
    try:
        episode = episodes[entry.id]
        streams = exported_streams(episode, robot, ExportOptions(fps=info.asked_fps, cameras=info.cameras))
    except UnderstudyError as error:
        faults.add("episode_unreadable", f"episode {entry.id} ({entry.file}): {error}")
        return
    wanted = {topic_of(stream.spec.key): stream for stream in streams}
    for name in sorted({*wanted, *file.topics} - {FRAMES_TOPIC}):
        if name not in file.topics or name not in wanted:
            there = "the file" if name in file.topics else "the episode"
            faults.add("topics", f"{entry.file}: topic {name} is only in {there}")
            continue
        _check_topic(entry, file.topics[name], wanted[name], wall_anchor_ns(episode), faults)
    if FRAMES_TOPIC in file.topics and len(file.topics[FRAMES_TOPIC].t_ns) != entry.frames:
        count = len(file.topics[FRAMES_TOPIC].t_ns)
        faults.add(
            "frames", f"{entry.file}: {count} messages in {FRAMES_TOPIC}, {entry.frames} frames", value=count, limit=entry.frames
        )


def _check_topic(entry: McapEntry, topic: TopicRead, stream: Stream, anchor_ns: int, faults: Faults) -> None:
    key = stream.spec.key
    stamps = np.array(topic.t_ns, dtype=np.int64) - anchor_ns
    if not np.array_equal(stamps, stream.t_ns):
        faults.add(
            "stamps",
            f"{entry.file}: {key}: its {len(stamps)} stamps are not the {len(stream)} of episode {entry.id}",
            column=key,
            value=len(stamps),
            limit=len(stream),
        )
        return
    if stream.spec.kind == "image":
        wrong = [i for i, message in enumerate(topic.messages) if picture_of(message) != bytes(stream.data[i])]
        if wrong:
            faults.add("values", f"{entry.file}: {key}: picture {wrong[0]} is not the episode's; {len(wrong)} differ", column=key)
        return
    _check_values(entry, topic, stream, faults)
    _check_raw(entry, topic, stream, faults)


def _check_values(entry: McapEntry, topic: TopicRead, stream: Stream, faults: Faults) -> None:
    spec = stream.spec
    flat = stream.data.astype(np.float64).reshape(len(stream), -1)
    names = spec.names or tuple(str(i) for i in range(flat.shape[1]))
    for place, message in enumerate(topic.messages):
        found = _values(message.get("value"), spec.names)
        if found is None or found.shape != flat[place].shape:
            faults.add("values", f"{entry.file}: {spec.key}: message {place} has other columns than the episode", column=spec.key)
            return
        want = np.where(np.isfinite(flat[place]), flat[place], np.nan)
        wrong = np.flatnonzero(~((found == want) | (np.isnan(found) & np.isnan(want))))
        if len(wrong):
            column = int(wrong[0])
            faults.add(
                "values",
                f"{entry.file}: {spec.key} {names[column]}: {found[column]:.9g} in message {place}, episode {entry.id} has "
                f"{want[column]:.9g}",
                column=spec.key, value=float(found[column]), limit=float(want[column]),
            )  # fmt: skip
            return


def _values(value: object, names: tuple[str, ...]) -> F64 | None:
    """(C,) the values of a message, by name where the stream has names; None where they are no numbers."""
    if names:
        if not isinstance(value, dict) or set(value) != set(names):
            return None
        value = [value[name] for name in names]
    try:
        return np.array(value, dtype=np.float64).reshape(-1)  # null is not a number
    except (TypeError, ValueError):
        return None


def _check_raw(entry: McapEntry, topic: TopicRead, stream: Stream, faults: Faults) -> None:
    for name, column in stream.extra.items():
        found: list[AnyArray | object] = [message.get("invalid" if name == "valid" else name) for message in topic.messages]
        want = [not bool(v) if name == "valid" else int(v) for v in column]
        if found != want:
            faults.add("values", f"{entry.file}: {stream.spec.key}: column {name} is not the episode's", column=stream.spec.key)
