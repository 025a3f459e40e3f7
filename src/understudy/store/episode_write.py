"""Episode to HDF5."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy import __version__
from understudy.errors import EpisodeError, SchemaError
from understudy.spec.episode import Alignment, Episode, MetadataValue, align
from understudy.spec.findings import Notes, Segment
from understudy.spec.stream import Rule, Stream, StreamSpec
from understudy.store.atomic import atomic_file
from understudy.store.episode_check import check_episode, schema_of
from understudy.store.h5_chunks import Chunks
from understudy.store.h5_disk import DiskFile
from understudy.store.layout import (
    EXTRA_COLUMNS,
    EXTRADATA,
    FORMAT,
    FORMAT_VERSION,
    GROUPS,
    SEGMENT_COLUMNS,
    SEGMENT_EXTRA,
)
from understudy.store.schema_hash import schema_hash

if TYPE_CHECKING:
    import h5py

_IMAGES_AT_A_TIME = 32
LIBVER = ("v110", "v110")
"""One fixed file layout: outputs are identical bit for bit, and its metadata blocks carry checksums."""
_GROWTH_BYTES = 1024 * 1024
_SMALL_BYTES = 64 * 1024 * 1024


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
    check_episode(episode, schema_of(episode.schema_toml, f"schema of episode {episode.id}"))
    outline = _outline(_Outline.of(episode))

    def fill(file: h5py.File, check: Callable[[], None]) -> None:
        _write_metadata(file["metadata"], episode, packed_notes)
        _write_streams(file, episode, check)

    with atomic_file(path) as part:
        (_small if _is_small(episode) else _large)(part, outline, fill)
        verify(part)


Fill = Callable[["h5py.File", Callable[[], None]], None]


def _is_small(episode: Episode) -> bool:
    """Whether memory holds it twice without noticing: no pictures, and numbers of a few minutes."""
    if any(stream.spec.kind == "image" for stream in episode.streams.values()):
        return False
    sizes = (
        len(stream) * math.prod(stream.spec.shape) * np.dtype(stream.spec.dtype).itemsize for stream in episode.streams.values()
    )
    return sum(sizes) < _SMALL_BYTES


def _large(part: Path, outline: bytes, fill: Fill) -> None:
    """A file on the disk that begins as `outline`."""
    import h5py

    with DiskFile(part) as disk:
        disk.write(outline)
        disk.seek(0)
        with h5py.File(disk, "r+", libver=LIBVER) as file:
            fill(file, disk.check)
        disk.check()


def _small(part: Path, outline: bytes, fill: Fill) -> None:
    """A file that begins as `outline`, in HDF5's own memory, which is the faster but is handed out as a copy."""
    import h5py

    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(_GROWTH_BYTES, backing_store=False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_file_image(outline)
    with h5py.File(h5py.h5f.open(b"episode", h5py.h5f.ACC_RDWR, fapl=access)) as file:
        fill(file, lambda: None)
        file.flush()
        content: bytes = file.id.get_file_image()
    part.write_bytes(content)


@dataclass(frozen=True)
class _Outline:
    """What the episodes of a dataset have in common: all but their samples, stamps and metadata; `cut`: there are segments."""

    schema_toml: str
    robot: str
    model_sha256: str
    joint_names: tuple[str, ...]
    streams: tuple[tuple[StreamSpec, str, Rule], ...]
    cut: bool

    @classmethod
    def of(cls, episode: Episode) -> _Outline:
        streams = tuple((s.spec, s.derived, s.rule) for _, s in sorted(episode.streams.items()))
        return cls(episode.schema_toml, episode.robot, episode.model_sha256, episode.joint_names, streams, bool(episode.segments))


@lru_cache(maxsize=4)
def _outline(what: _Outline) -> bytes:
    """A file without samples; half the time that an episode takes is spent on what it shares with the one before."""
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w", libver=LIBVER, track_order=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["schema_sha256"] = schema_hash(what.schema_toml)
        file.attrs["robot"] = what.robot
        file.attrs["model_sha256"] = what.model_sha256
        file.attrs["created_by"] = f"understudy {__version__}"
        metadata = file.create_group("metadata")
        _strings(metadata, "joint_names", what.joint_names)
        _text(metadata, "schema", what.schema_toml)
        if not what.cut:
            _write_segments(metadata.create_group("segments"), ())
        timeline = file.create_group("timeline")
        for group in GROUPS:
            file.create_group(group)
        for spec, derived, rule in what.streams:
            _describe(file.create_group(spec.key), spec, derived)
            timeline.create_group(spec.key).attrs["rule"] = rule
    return image.getvalue()


def _describe(group: h5py.Group, spec: StreamSpec, derived: str) -> None:
    attributes: dict[str, str | float] = {
        "unit": spec.unit,
        "frame": spec.frame,
        "rate_hz": spec.rate_hz,
        "names": json.dumps(spec.names),
        "kind": spec.kind,
        "derived": derived,
    }
    for name, value in attributes.items():
        group.attrs[name] = value


def _write_metadata(group: h5py.Group, episode: Episode, notes: Notes | None) -> None:
    _attributes(group.id, {name: episode.metadata[name] for name in sorted(episode.metadata)})
    if notes is not None:
        _text(group, "notes", notes.model_dump_json())
    if episode.segments:
        _write_segments(group.create_group("segments"), episode.segments)


def _write_segments(group: h5py.Group, segments: tuple[Segment, ...]) -> None:
    for column in ("start_ns", "end_ns"):
        group[column] = np.array([getattr(s, column) for s in segments], dtype=np.int64)
    said = [column for column in SEGMENT_EXTRA if any(getattr(s, column) for s in segments)]
    for column in (*SEGMENT_COLUMNS[2:], *said):
        _strings(group, column, [getattr(s, column) for s in segments])


def _write_streams(file: h5py.File, episode: Episode, check: Callable[[], None]) -> None:
    """Every stream, and where its samples stand on the timeline; streams of one device share their stamps, and so both.

    `check` is called now and then, and raises where the disk refused.
    """
    from h5py import h5g

    timeline, chunks = h5g.open(file.id, b"timeline"), Chunks()
    chunks.write(timeline, b"t_ns", episode.timeline_ns)
    aligned: dict[int, Alignment] = {}
    for key in sorted(episode.streams):
        stream, name = episode.streams[key], key.encode()
        _write_stream(h5g.open(file.id, name), stream, chunks, check)
        alignment = align(stream, episode.timeline_ns, aligned.get(id(stream.t_ns)))
        aligned[id(stream.t_ns)] = alignment
        place = h5g.open(timeline, name)
        chunks.write(place, b"index", alignment.index)
        chunks.write(place, b"residual_ns", alignment.residual_ns)
        check()


def _write_stream(group: h5py.h5g.GroupID, stream: Stream, chunks: Chunks, check: Callable[[], None]) -> None:
    chunks.write(group, b"t_ns", stream.t_ns)
    video = stream.video
    if video is not None:
        packets = _write_images(group, "h264", video.packets.span(0, len(stream)), stream, check)
        packets.attrs[EXTRADATA] = np.frombuffer(video.extradata, dtype=np.uint8)
        chunks.write(group, b"keyframe", video.keyframe)
        if video.crc32 is not None:
            chunks.write(group, b"crc32", video.crc32)
    elif stream.spec.kind == "image":
        _write_images(group, "jpeg", stream.each_image(), stream, check)
    else:
        chunks.write(group, b"data", stream.data)
    for name, column in stream.extra.items():
        if name not in EXTRA_COLUMNS:
            raise EpisodeError(f"stream {stream.spec.key}: column {name!r} is not one of {', '.join(EXTRA_COLUMNS)}")
        chunks.write(group, name.encode(), column)


def _write_images(
    group: h5py.h5g.GroupID, name: str, each: Iterator[bytes], stream: Stream, check: Callable[[], None]
) -> h5py.Dataset:
    import h5py

    kind = h5py.vlen_dtype(np.uint8)
    images, step = h5py.Group(group).create_dataset(name, shape=(len(stream),), dtype=kind, track_times=False), 0
    while found := list(islice(each, _IMAGES_AT_A_TIME)):
        if not all(isinstance(image, bytes) for image in found):
            raise SchemaError(f"stream {stream.spec.key}: images must be bytes of JPEG or H.264, one per stamp")
        if step + len(found) <= len(stream):
            block = np.empty(len(found), dtype=kind)
            for i, image in enumerate(found):
                block[i] = np.frombuffer(image, dtype=np.uint8)
            place = images.id.get_space()
            place.select_hyperslab((step,), (len(found),))
            # not images[a:b] = block: h5py takes images of equal length for rows of a table
            images.id.write(h5py.h5s.create_simple((len(found),)), place, block)
        step += len(found)
        check()
    if step != len(stream):
        raise EpisodeError(f"stream {stream.spec.key}: {step} images for {len(stream)} stamps")
    return images


def _attributes(group: h5py.h5g.GroupID, values: Mapping[str, MetadataValue]) -> None:
    """Texts, numbers and flags as h5py would write them, whose own way to an attribute takes four times as long."""
    import h5py

    text, one = h5py.string_dtype(), h5py.h5s.create(h5py.h5s.SCALAR)
    kinds: dict[type, tuple[np.dtype[Any], h5py.h5t.TypeID]] = {}
    for name, value in values.items():
        if type(value) not in kinds:
            dtype = text if isinstance(value, str) else np.asarray(value).dtype
            kinds[type(value)] = dtype, h5py.h5t.py_create(dtype, logical=True)
        dtype, kind = kinds[type(value)]
        h5py.h5a.create(group, name.encode(), kind, one).write(np.array(value, dtype=dtype))


def _text(group: h5py.Group, name: str, text: str) -> None:
    import h5py

    group.create_dataset(name, data=text, dtype=h5py.string_dtype(), track_times=False)


def _strings(group: h5py.Group, name: str, texts: Iterable[str]) -> None:
    import h5py

    group.create_dataset(name, data=np.array(list(texts), dtype=object), dtype=h5py.string_dtype(), track_times=False)
