"""One episode as one MCAP file: channels, metadata, and what a reader needs to make an episode of it again."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy import __version__
from understudy.errors import ExportError
from understudy.export._mcap_schemas import ENCODING as SCHEMA_ENCODING
from understudy.export._mcap_schemas import FRAMES_TOPIC, MESSAGE_ENCODING
from understudy.export._mcap_tracks import Track, wall_anchor_ns
from understudy.spec.episode import Episode

if TYPE_CHECKING:
    from mcap.writer import Writer

METADATA = "understudy"
SCHEMA_FILE, MAPPING_FILE = "schema.toml", "mapping.toml"
_CHUNK_BYTES = 1 << 20


def write_mcap(path: Path, episode: Episode, tracks: Sequence[Track]) -> int:
    """Write the file; returns the number of messages.

    Raises:
        ExportError: a stamp lies before 1970, which MCAP cannot say.
    """
    from mcap.writer import CompressionType, Writer

    anchor_ns = wall_anchor_ns(episode)
    first_ns = min(int(track.t_ns[0]) for track in tracks) + anchor_ns if tracks else 0
    if first_ns < 0:
        raise ExportError(f"episode {episode.id}: its stamps begin at {first_ns} ns, and MCAP has none below zero; trim it there")
    count = 0
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)
        writer.start(profile="", library=f"understudy {__version__}")
        channels = [_channel(writer, track) for track in tracks]
        for name, text in ((SCHEMA_FILE, episode.schema_toml), (MAPPING_FILE, mapping_toml(episode, tracks))):
            writer.add_attachment(first_ns, first_ns, name, "application/toml", text.encode())
        writer.add_metadata(METADATA, _metadata(episode))
        for t_ns, channel, place, data in heapq.merge(*(_numbered(c, t) for c, t in zip(channels, tracks, strict=True))):
            stamp = t_ns + anchor_ns
            writer.add_message(channel, log_time=stamp, publish_time=stamp, sequence=place & 0xFFFFFFFF, data=data)
            count += 1
        writer.finish()
    return count


def mapping_toml(episode: Episode, tracks: Iterable[Track]) -> str:
    """The mapping by which `understudy import mcap` makes the episode again."""
    lines = ['format = "understudy-mapping"', "format_version = 1", f"robot = {json.dumps(episode.robot)}"]
    for track in tracks:
        if track.topic == FRAMES_TOPIC:
            continue
        key = track.topic.removeprefix("/")
        lines += ["", "[[streams]]", f"stream = {json.dumps(key)}", f"topic = {json.dumps(track.topic)}", 'clock = "log"']
        if "t_device_ns" in track.message(0):
            lines.append('stamp = "t_device_ns"')
        if track.about["derived"]:
            lines.append(f"derived = {json.dumps(track.about['derived'])}")
    return "\n".join(lines) + "\n"


def _numbered(channel: int, track: Track) -> Iterable[tuple[int, int, int, bytes]]:
    return ((t_ns, channel, place, data) for t_ns, place, data in track.messages())


def _channel(writer: Writer, track: Track) -> int:
    schema = writer.register_schema(name=track.schema_name, encoding=SCHEMA_ENCODING, data=track.schema)
    channel: int = writer.register_channel(
        topic=track.topic, message_encoding=MESSAGE_ENCODING, schema_id=schema, metadata=dict(track.about)
    )
    return channel


def _metadata(episode: Episode) -> dict[str, str]:
    """The episode's metadata, each value as JSON."""
    notes = episode.notes
    own = {
        "episode": episode.id,
        "robot": episode.robot,
        "model_sha256": episode.model_sha256,
        "joint_names": list(episode.joint_names),
        "verdict": notes.verdict if notes else "unchecked",
        "segments": [s.model_dump() for s in (*episode.segments, *(notes.segments if notes else ()))],
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in {**own, **dict(episode.metadata)}.items()}
