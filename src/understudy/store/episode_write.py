"""Episode to HDF5."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy import __version__
from understudy.errors import EpisodeError, SchemaError
from understudy.geom.arrays import AnyArray
from understudy.spec.episode import Episode, align
from understudy.spec.findings import Notes
from understudy.spec.stream import Stream
from understudy.store.atomic import atomic_file
from understudy.store.episode_check import check_episode, schema_of
from understudy.store.h5_disk import DiskFile
from understudy.store.layout import EXTRA_COLUMNS, FORMAT, FORMAT_VERSION, GROUPS
from understudy.store.schema_hash import schema_hash

if TYPE_CHECKING:
    import h5py

_CHUNK_BYTES = 256 * 1024
_IMAGES_AT_A_TIME = 32
LIBVER = ("v110", "v110")
"""One fixed file layout: outputs are identical bit for bit, and its metadata blocks carry checksums."""


def write_episode(
    path: Path,
    episode: Episode,
    *,
    packed_notes: Notes | None = None,
    verify: Callable[[Path], None] = lambda part: None,
) -> None:
    """Write an episode; the file appears whole or not at all.

    The same episode always gives the same bytes. Notes are not written (they live beside the file) unless they are
    given as `packed_notes`. Images that can be read one at a time are never all in memory.

    Args:
        path: of the new file.
        episode: to write.
        packed_notes: to write inside.
        verify: called with the file before it gets its name; raises where the file must not have it.

    Raises:
        SchemaError: the episode departs from the schema it carries.
        JointOrderError: its joints are not the schema's.
        EpisodeError: stamps or samples that do not hold together.
        StorageError: the disk refused.
    """
    import h5py

    check_episode(episode, schema_of(episode.schema_toml, f"schema of episode {episode.id}"))
    with atomic_file(path) as part, DiskFile(part) as disk:
        with h5py.File(disk, "w", libver=LIBVER, track_order=False) as file:
            _write_root(file, episode)
            _write_metadata(file.create_group("metadata"), episode, packed_notes)
            _write_streams(file, episode, disk)
        disk.check()
        verify(part)


def _write_streams(file: h5py.File, episode: Episode, disk: DiskFile) -> None:
    timeline = file.create_group("timeline")
    _array(timeline, "t_ns", episode.timeline_ns)
    for group in GROUPS:
        file.create_group(group)
    for key in sorted(episode.streams):
        stream = episode.streams[key]
        _write_stream(file.create_group(key), stream, disk)
        alignment = align(stream, episode.timeline_ns)
        place = timeline.create_group(key)
        place.attrs["rule"] = alignment.rule
        _array(place, "index", alignment.index)
        _array(place, "residual_ns", alignment.residual_ns)
        disk.check()


def _write_root(file: h5py.File, episode: Episode) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["schema_sha256"] = schema_hash(episode.schema_toml)
    file.attrs["robot"] = episode.robot
    file.attrs["model_sha256"] = episode.model_sha256
    file.attrs["created_by"] = f"understudy {__version__}"


def _write_metadata(group: h5py.Group, episode: Episode, notes: Notes | None) -> None:
    for name in sorted(episode.metadata):
        group.attrs[name] = episode.metadata[name]
    _strings(group, "joint_names", episode.joint_names)
    _text(group, "schema", episode.schema_toml)
    if notes is not None:
        _text(group, "notes", notes.model_dump_json())
    segments = group.create_group("segments")
    for column in ("start_ns", "end_ns"):
        segments[column] = np.array([getattr(s, column) for s in episode.segments], dtype=np.int64)
    for column in ("label", "source"):
        _strings(segments, column, [getattr(s, column) for s in episode.segments])


def _write_stream(group: h5py.Group, stream: Stream, disk: DiskFile) -> None:
    spec = stream.spec
    attrs: dict[str, str | float] = {
        "unit": spec.unit,
        "frame": spec.frame,
        "rate_hz": spec.rate_hz,
        "names": json.dumps(spec.names),
        "kind": spec.kind,
        "derived": stream.derived,
    }
    for name, value in attrs.items():
        group.attrs[name] = value
    _array(group, "t_ns", stream.t_ns)
    if spec.kind == "image":
        _write_images(group, stream, disk)
    else:
        _array(group, "data", stream.data)
    for name, column in stream.extra.items():
        if name not in EXTRA_COLUMNS:
            raise EpisodeError(f"stream {spec.key}: column {name!r} is not one of {', '.join(EXTRA_COLUMNS)}")
        _array(group, name, column)


def _write_images(group: h5py.Group, stream: Stream, disk: DiskFile) -> None:
    import h5py

    kind = h5py.vlen_dtype(np.uint8)
    images = group.create_dataset("jpeg", shape=(len(stream),), dtype=kind, track_times=False)
    each, step = stream.each_image(), 0
    while found := list(islice(each, _IMAGES_AT_A_TIME)):
        if not all(isinstance(image, bytes) for image in found):
            raise SchemaError(f"stream {stream.spec.key}: images must be JPEG bytes, one per stamp")
        if step + len(found) <= len(stream):
            block = np.empty(len(found), dtype=kind)
            for i, image in enumerate(found):
                block[i] = np.frombuffer(image, dtype=np.uint8)
            place = images.id.get_space()
            place.select_hyperslab((step,), (len(found),))
            # not images[a:b] = block: h5py takes images of equal length for rows of a table
            images.id.write(h5py.h5s.create_simple((len(found),)), place, block)
        step += len(found)
        disk.check()
    if step != len(stream):
        raise EpisodeError(f"stream {stream.spec.key}: {step} images for {len(stream)} stamps")


def _array(group: h5py.Group, name: str, values: AnyArray) -> None:
    """A checksummed dataset in chunks of equal length.

    Whole numbers and flags shrink tenfold and are compressed; measured angles shrink by a seventh for four times the
    writing time and are not.
    """
    chunks = max(1, -(-values.nbytes // _CHUNK_BYTES))
    rows = max(1, -(-len(values) // chunks))
    packed = {"shuffle": True, "compression": "gzip", "compression_opts": 1} if values.dtype.kind in "iub" else {}
    group.create_dataset(name, data=values, chunks=(rows, *values.shape[1:]), fletcher32=True, track_times=False, **packed)


def _text(group: h5py.Group, name: str, text: str) -> None:
    import h5py

    group.create_dataset(name, data=text, dtype=h5py.string_dtype(), track_times=False)


def _strings(group: h5py.Group, name: str, texts: Iterable[str]) -> None:
    import h5py

    group.create_dataset(name, data=np.array(list(texts), dtype=object), dtype=h5py.string_dtype(), track_times=False)
