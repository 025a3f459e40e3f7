"""Holds an episode against its schema before it is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from understudy.errors import EpisodeError, JointOrderError, SchemaError
from understudy.geom.arrays import I64
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.schema import MetadataField, Schema, parse_schema
from understudy.spec.stream import Stream, StreamSpec

FREE_PREFIXES = ("source_", "retarget_", "record_", "simulate_")
"""A step records its own settings under these; the schema need not name each."""
_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,)}


@lru_cache(maxsize=16)
def schema_of(text: str, where: str) -> Schema:
    """The schema in a text, parsed once: many episodes carry the same one."""
    return parse_schema(text, where=where)


def check_episode(episode: Episode, schema: Schema) -> None:
    """Refuse an episode that departs from the schema.

    Raises:
        SchemaError: a stream or metadata field is not declared, is declared otherwise, or is missing.
        JointOrderError: the joints are not the schema's, or in another order.
        EpisodeError: stamps or samples that do not hold together.
    """
    where = f"episode {episode.id}"
    if episode.robot != schema.robot:
        raise SchemaError(f"{where}: it is of robot {episode.robot!r}, the schema of {schema.robot!r}; use that robot's dataset")
    check_joint_order(episode.joint_names, schema.joint_names, where=where)
    check_stamps(episode.timeline_ns, f"{where}: timeline", strict=True)
    declared = {spec.key: spec for spec in schema.streams}
    for key, stream in episode.streams.items():
        if key not in declared:
            advice = f"declare it in schema.toml or leave it out{_nearest(key, declared)}"
            raise SchemaError(f"{where}: stream {key} is not declared in the schema; {advice}")
        _check_stream(stream, declared[key], f"{where}: stream {key}")
    missing = [spec.key for spec in schema.streams if spec.required and spec.key not in episode.streams]
    if missing:
        raise SchemaError(f"{where}: required streams are missing: {', '.join(missing)}; record them, or set required = false")
    _check_metadata(episode, schema, where)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def check_joint_order(found: tuple[str, ...], allowed: tuple[str, ...], *, where: str) -> None:
    """Refuse joints that differ from the dataset's in name or order; the message shows where.

    Raises:
        JointOrderError: they differ.
    """
    if found == allowed:
        return
    missing, unknown = [n for n in allowed if n not in found], [n for n in found if n not in allowed]
    if missing or unknown:
        raise JointOrderError(f"{where}: not the dataset's joints: missing {missing or 'none'}, unknown {unknown or 'none'}")
    place = next((i for i, (a, b) in enumerate(zip(found, allowed, strict=False)) if a != b), len(allowed))
    at = f"joint {place} is {found[place]!r}" if place < len(found) else f"there are {len(found)} joints"
    expected = repr(allowed[place]) if place < len(allowed) else f"{len(allowed)} joints"
    raise JointOrderError(f"{where}: joint order differs: {at}, the dataset has {expected}; reorder by name")


def check_stamps(t_ns: I64, where: str, *, strict: bool) -> None:
    """Refuse stamps that are not int64 (N,), none at all, or going back.

    Raises:
        EpisodeError: with the first step that is wrong.
    """
    if t_ns.dtype != np.int64 or t_ns.ndim != 1:
        raise EpisodeError(f"{where}: stamps are {t_ns.dtype} {t_ns.shape}, int64 (N,) nanoseconds are needed")
    if len(t_ns) == 0:
        raise EpisodeError(f"{where}: no samples; leave a stream out when it has none")
    wrong = np.flatnonzero(t_ns[1:] <= t_ns[:-1] if strict else t_ns[1:] < t_ns[:-1])
    if len(wrong):
        step = int(wrong[0]) + 1
        raise EpisodeError(f"{where}: stamps must not go back, but step {step} has {t_ns[step]} ns after {t_ns[step - 1]} ns")


def _check_stream(stream: Stream, spec: StreamSpec, where: str) -> None:
    fields = ("dtype", "shape", "unit", "frame", "kind", "names")
    for field in fields if spec.rate_hz == 0 else (*fields, "rate_hz"):
        found, allowed = getattr(stream.spec, field), getattr(spec, field)
        if found != allowed:
            raise SchemaError(f"{where}: {field} is {found!r}, the schema says {allowed!r}")
    check_stamps(stream.t_ns, where, strict=False)
    if spec.kind == "image":
        if not (stream.piecewise or all(isinstance(image, bytes) for image in stream.data)):
            raise SchemaError(f"{where}: images must be bytes of JPEG or H.264, one per stamp")  # piecewise: as they are written
    elif stream.data.dtype != np.dtype(spec.dtype):
        raise SchemaError(f"{where}: samples are {stream.data.dtype}, the schema says {spec.dtype}")
    for name, column in stream.extra.items():
        if column.shape != stream.t_ns.shape:
            raise EpisodeError(f"{where}: column {name} has shape {column.shape} for {len(stream)} stamps")


def _check_metadata(episode: Episode, schema: Schema, where: str) -> None:
    missing = [name for name, field in schema.metadata.items() if field.required and name not in episode.metadata]
    if missing:
        raise SchemaError(f"{where}: metadata is missing: {', '.join(missing)}; write 'unlabelled' where it is not known")
    for name, value in episode.metadata.items():
        if name in schema.metadata:
            _check_field(value, schema.metadata[name], f"{where}: metadata {name}")
        elif not name.startswith(FREE_PREFIXES):
            advice = f"add [metadata.{name}] to schema.toml{_nearest(name, schema.metadata)}"
            raise SchemaError(f"{where}: metadata {name!r} is not declared in the schema; {advice}")


def _check_field(value: MetadataValue, field: MetadataField, where: str) -> None:
    is_bool = isinstance(value, bool)
    if not isinstance(value, _TYPES[field.type]) or (is_bool and field.type != "boolean"):
        raise SchemaError(f"{where}: {value!r} is a {type(value).__name__}, the schema says {field.type}")
    if field.allowed and value not in field.allowed:
        raise SchemaError(f"{where}: {value!r} is not one of {', '.join(field.allowed)}")
