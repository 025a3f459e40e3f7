"""Offsets of all streams of a take against one of them, motion by motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64
from understudy.sync.appearance import Greys, image_offsets
from understudy.sync.matched import wrench_offsets
from understudy.sync.motion import Motion, check_samples, find_motions
from understudy.sync.offset import Offset, Reference, offset_of
from understudy.sync.signal import Nature, position_like


@dataclass(frozen=True)
class Track:
    """One stream as landmarks are read from it.

    Attributes:
        key: `group/name`.
        nature: how it follows a motion.
        t_ns: (N,) increasing stamps.
        values: (N, ...) samples; empty for images.
        greys: gives images as small grey ones; None for numbers.
    """

    key: str
    nature: Nature
    t_ns: I64
    values: F64 = field(repr=False)
    greys: Greys | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Measured:
    """What was found in a take.

    Attributes:
        reference: key of the stream all are held against.
        motions: sharp motions in it.
        offsets: key to the motions that stream showed; empty where it showed none.
    """

    reference: str
    motions: tuple[Motion, ...]
    offsets: Mapping[str, tuple[Offset, ...]]


def measure(tracks: Sequence[Track], *, reference: str) -> Measured:
    """Find the sharp motions of the reference stream in every other.

    Args:
        tracks: every stream that can show a motion, the reference among them.
        reference: key of a stream of positions, best the encoders.

    Raises:
        SyncError: the reference is not there or no stream of positions; stamps that do not increase; samples that are not
            numbers.
    """
    by_key = {track.key: track for track in tracks}
    anchor = by_key.get(reference)
    if anchor is None or anchor.nature != "position":
        found = "is not there" if anchor is None else f"is of kind {anchor.nature}"
        positions = ", ".join(sorted(t.key for t in tracks if t.nature == "position")) or "none"
        raise SyncError(f"reference stream {reference} {found}; a stream of positions is needed (there are: {positions})")
    values = _columns(anchor)
    motions = find_motions(anchor.t_ns, values)
    seen = Reference(anchor.t_ns, values, motions)
    offsets = {t.key: tuple(_offsets(t, seen)) for t in tracks if t.key != reference}
    return Measured(reference, motions, offsets)


def _columns(track: Track) -> F64:
    """(N, D) samples with one axis for all of their values."""
    return np.asarray(track.values.reshape(len(track.values), int(np.prod(track.values.shape[1:], dtype=int))))


def _offsets(track: Track, reference: Reference) -> list[Offset]:
    if track.greys is not None:
        return image_offsets(track.t_ns, track.greys, reference)
    values = _columns(track)
    check_samples(track.t_ns, values, f"stream {track.key}")
    if track.nature == "wrench":
        return wrench_offsets(track.t_ns, values, reference)
    found = []
    for index, motion in enumerate(reference.motions):
        stamps, signal = position_like(track.nature, track.t_ns, values, motion)
        if len(stamps) and (offset := offset_of(stamps, signal, index, reference)) is not None:
            found.append(offset)
    return found
