"""Score `grasp`: whether what the grippers close on is held: by the object's path, the gripper's opening, the wrist's force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.vectors import lengths
from understudy.quality.columns import table
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.findings import Component, ScoreResult
from understudy.spec.protocols import GateContext, Score
from understudy.spec.skeleton import SIDES

GRIPPER, OBJECT, SUCCESS = "observations/gripper", "debug/object_poses_world", "debug/task_success"
STROKE = 0.2
"""A gripper has closed or opened when it moved by this share of its whole opening: less is noise, or squeezing."""
NEAR = 0.05
"""Within this of the narrowest opening the gripper is at rest on what it holds; narrower than this it holds nothing."""
LOAD_N, BEFORE_S = 1.0, 1.0
"""The wrist feels an object when its mean force changed by this against the time before."""
LIFTED_M, DROPPED_M_S = 0.03, 1.0
"""An object is held when it moved by this with the gripper closed, and dropped when it fell faster than this meanwhile."""
AGAIN_S = 1.0
"""A gripper that opens again so soon missed."""


@dataclass(frozen=True)
class Grip:
    """One closing of one gripper.

    Attributes:
        side: 0 left, 1 right.
        begin_ns: where it began to close; from `start_ns` to `end_ns` it is at rest, closed as far as it came.
        opening: median opening meanwhile, and `last` at its end.
    """

    side: int
    begin_ns: int
    start_ns: int
    end_ns: int
    opening: float
    last: float


class Grasp:
    """Share of the closings that hold something until they open, by the most direct signal there is."""

    title = "Grasp"
    needs: tuple[str, ...] = (GRIPPER,)
    weight = 1.0

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """Object before gripper before force; each is a component, and so is the share of closings given up at once."""
        found = grips(episode)
        if not found:
            raise NotApplicable("no gripper closes: nothing is grasped")
        shares: dict[str, Sequence[bool | None]] = {
            "object": [_by_object(episode, grip) for grip in found],
            "gripper": [grip.opening > NEAR and grip.last > NEAR for grip in found],
            "force": [_by_force(episode, grip) for grip in found],
        }
        parts = [
            Component(name=name, raw=share, better="high", resolution=0.1, value=share)
            for name, share in ((name, _share(said)) for name, said in shares.items())
            if share is not None
        ]
        again = float(np.mean([(grip.end_ns - grip.start_ns) * 1e-9 < AGAIN_S for grip in found]))
        parts.append(Component(name="given_up", raw=again, resolution=0.1, value=1.0 - again))
        if SUCCESS in episode and len(episode.stream(SUCCESS)):
            done = float(episode.data(SUCCESS)[-1] > 0.5)
            parts.append(Component(name="task_success", raw=done, better="high", resolution=0.1, value=done))
        return ScoreResult(name="grasp", value=parts[0].raw, raw=parts[0].raw, components=tuple(parts))


def grips(episode: Episode) -> list[Grip]:
    """Every closing of either gripper, in the order of time."""
    stream = episode.stream(GRIPPER)
    opening = episode.data(GRIPPER)
    found = [grip for side in range(len(SIDES)) for grip in _grips(opening[:, side], stream.t_ns, side)]
    return sorted(found, key=lambda grip: (grip.begin_ns, grip.side))


def _grips(opening: F64, t_ns: I64, side: int) -> list[Grip]:
    keep = np.isfinite(opening)
    opening, t_ns = opening[keep], t_ns[keep]
    return [_grip(opening, t_ns, side, first, last) for first, last in closed_spans(opening)]


def closed_spans(opening: F64) -> list[tuple[int, int]]:
    """(from, to) samples of every closing: from the widest before it to the last one before it opens by STROKE, or the end."""
    spans = np.empty((len(opening) // 2 + 1, 2), dtype=np.int64)
    return [(int(first), int(last)) for first, last in spans[: _fill_closings(opening, spans)]]


@numba.njit(cache=True, nogil=True)
def _fill_closings(opening: F64, spans: I64) -> int:
    """Fill `spans` (K, 2) with the closings of `closed_spans`; returns how many there are."""
    closed, extreme, begin, count = False, 0, 0, 0
    for i in range(len(opening)):
        value = opening[i]
        if closed:
            if value < opening[extreme]:
                extreme = i
            elif value > opening[extreme] + STROKE:
                spans[count, 0], spans[count, 1] = begin, i - 1
                closed, extreme, count = False, i, count + 1
        elif value >= opening[extreme]:
            extreme = i
        elif value < opening[extreme] - STROKE:
            closed, begin, extreme = True, extreme, i
    if closed:
        spans[count, 0], spans[count, 1] = begin, len(opening) - 1
        count += 1
    return count


def _grip(opening: F64, t_ns: I64, side: int, first: int, last: int) -> Grip:
    within = opening[first : last + 1]
    rest = first + np.flatnonzero(within < within.min() + NEAR)
    tail = opening[max(rest[-1] - 4, rest[0]) : rest[-1] + 1]
    return Grip(
        side, int(t_ns[first]), int(t_ns[rest[0]]), int(t_ns[rest[-1]]), float(np.median(opening[rest])), float(np.median(tail))
    )


def _by_force(episode: Episode, grip: Grip) -> bool | None:
    key = f"observations/wrench_{SIDES[grip.side]}_wrist"
    if key not in episode or not len(episode.stream(key)):
        return None
    stream = episode.stream(key)
    force_n = table(stream)[:, :3]
    before = lengths(force_n[(stream.t_ns < grip.begin_ns) & (stream.t_ns >= grip.begin_ns - round(BEFORE_S * 1e9))])
    during = lengths(force_n[(stream.t_ns >= grip.start_ns) & (stream.t_ns <= grip.end_ns)])
    before, during = before[np.isfinite(before)], during[np.isfinite(during)]
    return bool(abs(during.mean() - before.mean()) >= LOAD_N) if len(before) and len(during) else None


def _by_object(episode: Episode, grip: Grip) -> bool | None:
    if OBJECT not in episode or not len(episode.stream(OBJECT)):
        return None
    stream = episode.stream(OBJECT)
    during = (stream.t_ns >= grip.start_ns) & (stream.t_ns <= grip.end_ns)
    pos, t_ns = episode.data(OBJECT)[during, :3], stream.t_ns[during]
    usable = np.isfinite(pos).all(axis=1)
    pos, t_ns = pos[usable], t_ns[usable]
    if len(pos) < 2:
        return None
    moved_m = float(np.linalg.norm(pos - pos[0], axis=1).max())
    falls_m_s = float((-np.diff(pos[:, 2]) / np.maximum(np.diff(t_ns) * 1e-9, 1e-9)).max())
    return moved_m >= LIFTED_M and falls_m_s < DROPPED_M_S


def _share(said: Sequence[bool | None]) -> float | None:
    """Share of what is known that is true; None where nothing is known."""
    known = [answer for answer in said if answer is not None]
    return float(np.mean(known)) if known else None


PLUGIN: Score = Grasp()
