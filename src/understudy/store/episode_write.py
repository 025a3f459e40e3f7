"""Episode to HDF5."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy import __version__
from understudy.errors import EpisodeError
from understudy.spec.episode import Alignment, Episode, MetadataValue, align
from understudy.spec.findings import Notes
from understudy.spec.stream import Stream
from understudy.store.atomic import atomic_file
from understudy.store.episode_check import check_episode, schema_of
from understudy.store.h5_chunks import Chunks
from understudy.store.layout import EXTRA_COLUMNS, FORMAT, FORMAT_VERSION, GROUPS
from understudy.store.schema_hash import schema_hash

if TYPE_CHECKING:
    import h5py

LIBVER = ("v110", "v110")
"""One fixed file layout: outputs are identical bit for bit, and its metadata blocks carry checksums."""
_GROWTH_BYTES = 1024 * 1024


def write_episode(path: Path, episode: Episode, *, packed_notes: Notes | None = None) -> None:
    """Write an episode; the file appears whole or not at all.

    The same episode always gives the same bytes. Notes are not written (they live beside the file) unless they are
    given as `packed_notes`.

    Raises:
        SchemaError: the episode departs from the schema it carries.
        JointOrderError: its joints are not the schema's.
        EpisodeError: stamps or samples that do not hold together.
        StorageError: the disk refused.
    """
    import h5py

    check_episode(episode, schema_of(episode.schema_toml, f"schema of episode {episode.id}"))
    # HDF5 ends the process when a disk refuses while it closes a file, so it writes to memory and Python to the disk
    memory = {"driver": "core", "backing_store": False, "block_size": _GROWTH_BYTES}
    with h5py.File(f"{episode.id}.h5", "w", libver=LIBVER, track_order=False, **memory) as file:
        _write_root(file, episode)
        _write_metadata(file.create_group("metadata"), episode, packed_notes)
        _write_streams(file, episode)
        file.flush()
        image = file.id.get_file_image()
    with atomic_file(path) as part:
        part.write_bytes(image)


def _write_root(file: h5py.File, episode: Episode) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["schema_sha256"] = schema_hash(episode.schema_toml)
    file.attrs["robot"] = episode.robot
    file.attrs["model_sha256"] = episode.model_sha256
    file.attrs["created_by"] = f"understudy {__version__}"


def _write_metadata(group: h5py.Group, episode: Episode, notes: Notes | None) -> None:
    _attributes(group, {name: episode.metadata[name] for name in sorted(episode.metadata)})
    _strings(group, "joint_names", episode.joint_names)
    _text(group, "schema", episode.schema_toml)
    if notes is not None:
        _text(group, "notes", notes.model_dump_json())
    segments = group.create_group("segments")
    for column in ("start_ns", "end_ns"):
        segments[column] = np.array([getattr(s, column) for s in episode.segments], dtype=np.int64)
    for column in ("label", "source"):
        _strings(segments, column, [getattr(s, column) for s in episode.segments])


def _write_streams(file: h5py.File, episode: Episode) -> None:
    """Every stream, and where its samples stand on the timeline; streams of one device share their stamps, and so both."""
    timeline, chunks = file.create_group("timeline"), Chunks()
    chunks.write(timeline, "t_ns", episode.timeline_ns)
    for group in GROUPS:
        file.create_group(group)
    aligned: dict[int, Alignment] = {}
    for key in sorted(episode.streams):
        stream = episode.streams[key]
        _write_stream(file.create_group(key), stream, chunks)
        alignment = align(stream, episode.timeline_ns, aligned.get(id(stream.t_ns)))
        aligned[id(stream.t_ns)] = alignment
        place = timeline.create_group(key)
        _attributes(place, {"rule": alignment.rule})
        chunks.write(place, "index", alignment.index)
        chunks.write(place, "residual_ns", alignment.residual_ns)


def _write_stream(group: h5py.Group, stream: Stream, chunks: Chunks) -> None:
    import h5py

    spec = stream.spec
    attributes: dict[str, MetadataValue] = {
        "unit": spec.unit,
        "frame": spec.frame,
        "rate_hz": spec.rate_hz,
        "names": json.dumps(spec.names),
        "kind": spec.kind,
        "derived": stream.derived,
    }
    _attributes(group, attributes)
    chunks.write(group, "t_ns", stream.t_ns)
    if spec.kind == "image":
        images = group.create_dataset("jpeg", shape=(len(stream),), dtype=h5py.vlen_dtype(np.uint8), track_times=False)
        for step, image in enumerate(stream.data):
            images[step] = np.frombuffer(image, dtype=np.uint8)
    else:
        chunks.write(group, "data", stream.data)
    for name, column in stream.extra.items():
        if name not in EXTRA_COLUMNS:
            raise EpisodeError(f"stream {spec.key}: column {name!r} is not one of {', '.join(EXTRA_COLUMNS)}")
        chunks.write(group, name, column)


def _attributes(group: h5py.Group, values: Mapping[str, MetadataValue]) -> None:
    """Text as h5py would write it, whose own way to an attribute takes four times as long."""
    import h5py

    text = h5py.string_dtype()
    kind, one = h5py.h5t.py_create(text, logical=True), h5py.h5s.create(h5py.h5s.SCALAR)
    for name, value in values.items():
        if isinstance(value, str):
            h5py.h5a.create(group.id, name.encode(), kind, one).write(np.array(value, dtype=text))
        else:
            group.attrs[name] = value


def _text(group: h5py.Group, name: str, text: str) -> None:
    import h5py

    group.create_dataset(name, data=text, dtype=h5py.string_dtype(), track_times=False)


def _strings(group: h5py.Group, name: str, texts: Iterable[str]) -> None:
    import h5py

    group.create_dataset(name, data=np.array(list(texts), dtype=object), dtype=h5py.string_dtype(), track_times=False)
