"""What a motion is known again by: a few of the hashes of its samples, the same few wherever a stretch was cut out.

Of the hashes of all samples the smallest are kept (a bottom-k sketch): whether a sample is among them does not depend on where
the episode begins, so that copies, and stretches of a longer episode, share theirs.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from understudy.geom.arrays import F64, I64
from understudy.quality.columns import POSITIONS, joint_series
from understudy.quality.memo import Last
from understudy.spec.episode import Episode
from understudy.spec.protocols import Alike

U64 = NDArray[np.uint64]

_KEPT, _INDEXED = 64, 16
_FEWEST = 8
"""Hashes that two sketches must be able to share before anything is said of them."""
_ROUND_RAD = 1e-5
_ROUND_NS = 1_000_000
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def fingerprint(episode: Episode) -> str:
    """Up to 64 hashes of 48 bits as text, smallest first; empty where too few samples differ.

    A sample counts with the time to the next one, so that the same poses at another speed are another motion.
    """
    return _last.get(episode, make=lambda: _made(episode))


_last: Last[str] = Last()


def _made(episode: Episode) -> str:
    found = joint_series(episode, POSITIONS)
    if found is None or len(found[0]) < 2:
        return ""
    smallest = np.unique(_hashes(*found))[:_KEPT]
    return _text(smallest) if len(smallest) >= _FEWEST else ""


def _hashes(t_ns: I64, q_rad: F64) -> U64:
    """(N - 1,) 48-bit hash of each sample with the step that follows it."""
    steps = np.round(np.diff(t_ns) / _ROUND_NS).astype(np.int64)[:, None]
    rows = np.concatenate([np.round(q_rad[:-1] / _ROUND_RAD).astype(np.int64), steps], axis=1).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = np.zeros(len(rows), dtype=np.uint64)
        for column in np.ascontiguousarray(rows.T):
            mixed = (mixed ^ column) * _ODD
            mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
        mixed ^= mixed >> np.uint64(32)
    return cast(U64, mixed >> np.uint64(16))


def _text(hashes: U64) -> str:
    whole = np.ascontiguousarray(hashes.astype("<u8")).view(np.uint8).reshape(-1, 8)[:, :6]
    return base64.b64encode(whole.tobytes()).decode("ascii")


def _sketch(text: str) -> U64:
    """The hashes of a fingerprint; none where the text is no fingerprint."""
    try:
        raw = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    except (binascii.Error, ValueError):
        raw = np.zeros(0, dtype=np.uint8)
    if len(raw) % 6:
        return np.zeros(0, dtype=np.uint64)
    whole = np.zeros((len(raw) // 6, 8), dtype=np.uint8)
    whole[:, :6] = raw.reshape(-1, 6)
    return cast(U64, whole.view("<u8")[:, 0].astype(np.uint64))


def shared(a: U64, b: U64) -> tuple[float, float]:
    """Shares of `a` that is in `b`, and of `b` that is in `a`, as their sketches tell; 0 where they tell too little.

    A full sketch says nothing of hashes above its largest, so only those below count.
    """
    of_a, of_b = (x[x <= (y[-1] if len(y) == _KEPT else x[-1])] if len(x) and len(y) else x[:0] for x, y in ((a, b), (b, a)))
    common = len(np.intersect1d(a, b, assume_unique=True))
    of_first, of_second = (common / len(x) if len(x) >= _FEWEST else 0.0 for x in (of_a, of_b))
    return of_first, of_second


class KnownMotions:
    """Fingerprints of many episodes, and which of them are like one."""

    def __init__(self) -> None:
        self._sketches: dict[str, U64] = {}
        self._holders: defaultdict[int, list[str]] = defaultdict(list)

    def add(self, episode_id: str, text: str) -> None:
        """Take note of an episode; one without a fingerprint is like none."""
        sketch = _sketch(text)
        if len(sketch) == 0 or episode_id in self._sketches:
            return
        self._sketches[episode_id] = sketch
        for value in sketch[:_INDEXED].tolist():
            self._holders[value].append(episode_id)

    def alike(self, text: str, *, but: str) -> Sequence[Alike]:
        """Those that share some of a motion, the likest first; the episode `but` is left out."""
        own = _sketch(text)
        found = Counter(id_ for value in own.tolist() for id_ in self._holders.get(value, ()) if id_ != but)
        alike = [Alike(id_, *shared(own, self._sketches[id_])) for id_ in found]
        return sorted(alike, key=lambda other: (-max(other.share, other.share_of_other), other.id))
