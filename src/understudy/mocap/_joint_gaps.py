"""Gaps in measured positions: short ones are bridged, longer ones said, the longest refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool

SHORT_S, LONGEST_S = 0.1, 0.5
"""Gaps up to the first are filled without a word for each; up to the second with a warning; longer ones are refused."""


def fill_gaps(pos: F64, names: Sequence[str], t_ns: I64, where: str) -> tuple[F64, tuple[str, ...]]:
    """Positions with their gaps filled linearly over time, and what was filled.

    Args:
        pos: (T, J, 3), NaN in gaps.
        names: J names, for messages.
        t_ns: (T,) stamps.
        where: name of the file, for messages.

    Raises:
        MocapError: a gap over 0.5 s, or at the beginning or end, or a joint that is never there; infinite values.
    """
    if np.isinf(pos).any():
        t, j, _ = np.argwhere(np.isinf(pos))[0]
        raise MocapError(f"{where}: frame {t + 1}: {names[j]} is infinite; leave a gap empty or NaN")
    missing: Bool = np.asarray(np.isnan(pos).any(axis=2))
    if not missing.any():
        return pos, ()
    out, said, filled = pos.copy(), [], 0
    t_s: F64 = np.asarray(t_ns * 1e-9)
    for j in map(int, np.flatnonzero(missing.any(axis=0))):
        have = np.flatnonzero(~missing[:, j])
        if len(have) == 0:
            raise MocapError(f"{where}: {names[j]} is never there; leave it out of the file, or track it")
        edges = np.flatnonzero(np.diff(np.concatenate([[0], missing[:, j].astype(np.int8), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            lasts = _length_s(t_s, int(start), int(stop), where, names[j])
            filled += 1
            if lasts > SHORT_S:
                said.append(f"{names[j]} was not seen from {t_s[start]:.2f} to {t_s[stop - 1]:.2f} s; it was bridged straight")
        for c in range(3):
            out[:, j, c] = np.interp(t_s, t_s[have], pos[have, j, c])
    short = filled - len(said)
    return out, (*([f"{short} gaps of at most {SHORT_S:g} s were filled"] if short else []), *said)


def _length_s(t_s: F64, start: int, stop: int, where: str, name: str) -> float:
    """Seconds between the frames around a gap; refused where it cannot be bridged."""
    if start == 0 or stop == len(t_s):
        edge = "begins" if start == 0 else "ends"
        raise MocapError(
            f"{where}: the clip {edge} without {name} ({t_s[start]:.2f} to {t_s[stop - 1]:.2f} s); cut that part off"
        )
    lasts = float(t_s[stop] - t_s[start - 1])
    if lasts > LONGEST_S:
        raise MocapError(
            f"{where}: {name} was not seen from {t_s[start]:.2f} to {t_s[stop - 1]:.2f} s; gaps of at most {LONGEST_S:g} s are "
            "filled: fill it where the motion was made, or cut the clip there"
        )
    return lasts
