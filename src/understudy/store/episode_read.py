"""HDF5 to Episode: everything is checked, nothing is trusted, samples are read when first looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from understudy.errors import EpisodeError, SchemaError, UnknownNameError
from understudy.geom.arrays import I64, AnyArray, frozen_i64
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.findings import Notes, Segment
from understudy.spec.schema import Schema
from understudy.spec.stream import Stream, StreamSpec, Values
from understudy.store.episode_check import check_stamps, schema_of
from understudy.store.episode_images import images_in
from understudy.store.h5_guard import (
    ADVICE,
    array_of,
    attrs_of,
    damaged,
    dataset_in,
    group_in,
    has,
    names_in,
    numeric_dtype,
    packed_of,
    strings_of,
    text_of,
    whole_array_of,
)
from understudy.store.layout import EXTRA_COLUMNS, GROUPS, ROOT_ATTRS, SEGMENT_COLUMNS, SEGMENT_EXTRA, STREAM_ATTRS
from understudy.store.migration import current
from understudy.store.notes import parse_notes, read_notes
from understudy.store.schema_hash import schema_hash

if TYPE_CHECKING:
    import h5py


def read_episode(path: Path, *, whole: bool = False) -> Episode:
    """The episode in a file, with the notes beside it; samples are read when they are first looked at.

    Args:
        path: of the file.
        whole: read the samples of all streams of numbers here, while the file is open: for one that looks at all of them.

    Raises:
        EpisodeError: the file or its notes are damaged, or of a newer version; the message names file and dataset.
    """
    with current(path) as file:
        attrs = _root_attrs(file, path)
        metadata = group_in(file, "metadata", path)
        schema_text = text_of(dataset_in(metadata, "schema", path), path)
        schema = _schema(schema_text, str(attrs["schema_sha256"]), path)
        joint_names = strings_of(dataset_in(metadata, "joint_names", path), path)
        if joint_names != schema.joint_names:
            raise EpisodeError(
                f"{path}: /metadata/joint_names has {len(joint_names)} joints that are not the {len(schema.joint_names)} of its "
                "schema in that order; the file was changed after it was written, make it again"
            )
        timeline = group_in(file, "timeline", path)
        timeline_ns = _stamps(timeline, path, strict=True)
        streams = _Streams(file, timeline, schema, path, len(timeline_ns), whole).read()
        return Episode(
            id=path.stem,
            robot=str(attrs["robot"]),
            model_sha256=str(attrs["model_sha256"]),
            joint_names=joint_names,
            timeline_ns=timeline_ns,
            streams=streams,
            metadata=_metadata(metadata, path),
            schema_toml=schema_text,
            segments=_segments(group_in(metadata, "segments", path), path),
            notes=read_notes(path) or _packed_notes(metadata, path),
        )


def read_duration_s(path: Path) -> float:
    """Length of an episode's timeline, seconds, without reading anything else of it.

    Raises:
        EpisodeError: the file is no episode, or damaged where its timeline is.
    """
    with current(path) as file:
        timeline = dataset_in(group_in(file, "timeline", path), "t_ns", path)
        stamps_ns = array_of(timeline, path).astype(np.int64)
        return float(stamps_ns[-1] - stamps_ns[0]) * 1e-9 if stamps_ns.ndim == 1 and len(stamps_ns) else 0.0


def _root_attrs(file: h5py.File, path: Path) -> dict[str, object]:
    attrs = attrs_of(file, path)
    missing = [name for name in ROOT_ATTRS if name not in attrs]
    if missing:
        raise EpisodeError(f"{path}: attributes of / are missing: {', '.join(missing)}; the file is not a whole episode")
    return attrs


def _schema(text: str, sha256: str, path: Path) -> Schema:
    if schema_hash(text) != sha256:
        raise EpisodeError(f"{path}: /metadata/schema does not have the hash in schema_sha256; the file was changed, restore it")
    try:
        return schema_of(text, "/metadata/schema")
    except SchemaError as error:
        raise EpisodeError(f"{path}: {error}") from None


def _stamps(group: h5py.Group, path: Path, *, strict: bool, known: dict[bytes, I64] | None = None) -> I64:
    """Stamps of the timeline or a stream; streams that share theirs share the array, which is unpacked once."""
    dataset = dataset_in(group, "t_ns", path)
    packed = packed_of(dataset, path) if known is not None else None
    if known is None or packed is None:
        return _unpacked(dataset, path, strict=strict)
    if packed not in known:
        known[packed] = _unpacked(dataset, path, strict=strict)
    return known[packed]


def _unpacked(dataset: h5py.Dataset, path: Path, *, strict: bool) -> I64:
    stamps = array_of(dataset, path)
    where = f"{path}: {dataset.name}"
    if stamps.dtype != np.int64:
        raise EpisodeError(f"{where}: stamps are {stamps.dtype}, int64 nanoseconds are needed")
    stamps_ns = frozen_i64(stamps)
    check_stamps(stamps_ns, where, strict=strict)
    return stamps_ns


def _metadata(group: h5py.Group, path: Path) -> dict[str, MetadataValue]:
    return {name: value for name, value in attrs_of(group, path).items() if isinstance(value, str | int | float | bool)}


def read_metadata(path: Path) -> dict[str, MetadataValue]:
    """What is written about an episode, without a look at its streams.

    Raises:
        EpisodeError: the file is damaged, or of a newer version.
    """
    with current(path) as file:
        return _metadata(group_in(file, "metadata", path), path)


def _packed_notes(group: h5py.Group, path: Path) -> Notes | None:
    if "notes" not in names_in(group, path):
        return None
    return parse_notes(text_of(dataset_in(group, "notes", path), path), where=f"{path}: /metadata/notes")


def _segments(group: h5py.Group, path: Path) -> tuple[Segment, ...]:
    times = [array_of(dataset_in(group, column, path), path).tolist() for column in SEGMENT_COLUMNS[:2]]
    there = set(names_in(group, path))
    names = (*SEGMENT_COLUMNS[2:], *(column for column in SEGMENT_EXTRA if column in there))
    texts = [strings_of(dataset_in(group, column, path), path) for column in names]
    with damaged(path, str(group.name)):
        rows = zip(*times, *texts, strict=True)
        return tuple(Segment.model_validate(dict(zip((*SEGMENT_COLUMNS[:2], *names), row, strict=True))) for row in rows)


@dataclass(frozen=True)
class _Streams:
    """Reads the streams of an open file, and keeps what several of them have alike."""

    file: h5py.File
    timeline: h5py.Group
    schema: Schema
    path: Path
    steps: int
    whole: bool
    stamps: dict[bytes, I64] = field(default_factory=dict)

    def read(self) -> dict[str, Stream]:
        """Key to stream, of everything that the file has."""
        found: dict[str, Stream] = {}
        for group_name in GROUPS:
            group = group_in(self.file, group_name, self.path)
            names = names_in(group, self.path)
            if not names:  # an episode without debug streams has no timeline of them
                continue
            timeline = group_in(self.timeline, group_name, self.path)
            for name in names:
                found[f"{group_name}/{name}"] = self._one(group, timeline, f"{group_name}/{name}")
        missing = [spec.key for spec in self.schema.streams if spec.required and spec.key not in found]
        if missing:
            raise EpisodeError(
                f"{self.path}: required streams are missing: {', '.join(missing)}; the file is not a whole episode"
            )
        return found

    def _one(self, group: h5py.Group, timeline: h5py.Group, key: str) -> Stream:
        name = key.split("/")[1]
        try:
            declared = self.schema.stream(key)
        except UnknownNameError:
            raise EpisodeError(f"{self.path}: stream {key} is not in the file's own schema; make the file again") from None
        place = group_in(timeline, name, self.path)
        _check_alignment(place, self.path, steps=self.steps)
        stream = self._stream(group_in(group, name, self.path), declared)
        return _ruled(stream, attrs_of(place, self.path), self.path)

    def _stream(self, group: h5py.Group, declared: StreamSpec) -> Stream:
        path = self.path
        stamps_ns = _stamps(group, path, strict=False, known=self.stamps)
        attrs = attrs_of(group, path)
        missing = [a for a in STREAM_ATTRS if a not in attrs]
        if missing:
            raise EpisodeError(f"{path}: attributes of {group.name} are missing: {', '.join(missing)}")
        spec = _spec(attrs, declared, f"{path}: {group.name}")
        samples: Values
        if declared.kind == "image":
            samples = images_in(group, path, count=len(stamps_ns))
        else:
            data = dataset_in(group, "data", path)
            _check_samples(data, spec, len(stamps_ns), path)
            samples = whole_array_of(data, path) if self.whole else partial(_read, path, f"{declared.key}/data")
        columns = [n for n in EXTRA_COLUMNS if has(group, n, path)]
        extra = {n: array_of(dataset_in(group, n, path), path) for n in columns}
        for column, values in extra.items():
            if values.shape != stamps_ns.shape:
                raise EpisodeError(f"{path}: {group.name}/{column} has shape {values.shape} for {len(stamps_ns)} stamps")
        return Stream(spec, stamps_ns, samples, str(attrs["derived"]), extra)


def _ruled(stream: Stream, attrs: dict[str, object], path: Path) -> Stream:
    """The stream with the rule its timeline was laid by."""
    rule = attrs.get("rule", stream.rule)
    for candidate in (stream, replace(stream, nearest=True)):
        if candidate.rule == rule:
            return candidate
    raise EpisodeError(f"{path}: /timeline/{stream.spec.key} has rule {rule!r}, which no {stream.spec.kind} stream has; {ADVICE}")


def _check_alignment(group: h5py.Group, path: Path, *, steps: int) -> None:
    for name in ("index", "residual_ns"):
        dataset = dataset_in(group, name, path)
        numeric_dtype(dataset, path)
        if dataset.shape != (steps,):
            raise EpisodeError(f"{path}: {dataset.name} has shape {dataset.shape} for {steps} steps")


def _spec(attrs: dict[str, object], declared: StreamSpec, where: str) -> StreamSpec:
    try:
        names = tuple(json.loads(str(attrs["names"])))
        found = StreamSpec.model_validate(
            {**declared.model_dump(), **{n: attrs[n] for n in ("unit", "frame", "rate_hz", "kind")}, "names": names}
        )
    except (ValueError, TypeError, ValidationError) as error:
        raise EpisodeError(f"{where}: attributes do not describe a stream: {str(error).splitlines()[0]}") from None
    for name in ("unit", "frame", "kind", "names"):
        if getattr(found, name) != getattr(declared, name):
            raise EpisodeError(
                f"{where}: attribute {name} is {getattr(found, name)!r}, the file's schema says {getattr(declared, name)!r}"
            )
    return found


def _check_samples(dataset: h5py.Dataset, spec: StreamSpec, samples: int, path: Path) -> None:
    dtype = numeric_dtype(dataset, path)
    if dtype != np.dtype(spec.dtype) or dataset.shape != (samples, *spec.shape):
        raise EpisodeError(
            f"{path}: {dataset.name} is {dtype} {dataset.shape}; {spec.dtype} {(samples, *spec.shape)} is needed "
            f"({samples} stamps, shape {spec.shape} in the schema)"
        )


def _read(path: Path, place: str) -> AnyArray:
    """The samples at `place`; the file is opened for this only."""
    with current(path) as file:
        return array_of(_dataset(file, path, place), path)


def _dataset(file: h5py.File, path: Path, place: str) -> h5py.Dataset:
    *groups, name = place.split("/")
    group: h5py.Group = file
    for part in groups:
        group = group_in(group, part, path)
    return dataset_in(group, name, path)
