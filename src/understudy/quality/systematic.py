"""Faults that follow one operator, task, source or stream: what to mend at its root instead of episode by episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy.errors import InputError

ATTRIBUTES: tuple[str, ...] = ("demonstrator_id", "task", "motion_source", "clip")
"""What a fault may follow besides a stream."""
_LEAST = 3
_TIMES = 2.0


@dataclass(frozen=True)
class Judged:
    """What is known of one episode.

    Attributes:
        attributes: attribute to value, such as `demonstrator_id` to `d7`.
        faults: (gate, stream) of what was found in it; the stream is empty where the whole episode is meant.
        streams: that the episode has.
    """

    attributes: Mapping[str, str]
    faults: frozenset[tuple[str, str]]
    streams: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Systematic:
    """A fault that is much more frequent in one part of the dataset than in the rest.

    Attributes:
        gate: what was found.
        attribute, value: where: an attribute of the episodes and its value, or `stream` and its key.
        hit, seen: episodes with the fault, of how many there.
        hit_else, seen_else: the same elsewhere; for a stream, of the other streams of its kind.
        p: chance to see such a difference, or a larger one, if there were none, times the number of comparisons made.
    """

    gate: str
    attribute: str
    value: str
    hit: int
    seen: int
    hit_else: int
    seen_else: int
    p: float


def systematic(
    episodes: Sequence[Judged],
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    siblings: Mapping[str, Sequence[str]] | None = None,
    level: float = 0.01,
) -> tuple[Systematic, ...]:
    """Faults that follow an attribute or a stream, by Fisher's exact test (one-sided), corrected by Holm for all comparisons.

    A fault is told when it was seen in at least three episodes there, its share there is at least twice the share elsewhere,
    and its corrected p is at most `level`.

    Args:
        episodes: what was found in each.
        attributes: to look at; a value that every episode has cannot be compared and is left out.
        siblings: stream to the others of its kind, such as one camera to the other cameras.
        level: largest p.

    Returns:
        The least likely first.

    Raises:
        InputError: `level` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"systematic faults: level {level} must be between 0 and 1")
    found = [*_by_attribute(episodes, attributes), *_by_stream(episodes, siblings or {})]
    ranked = sorted(found, key=lambda s: (s.p, s.gate, s.attribute, s.value))
    out, highest = [], 0.0
    for k, one in enumerate(ranked):
        highest = min(1.0, max(highest, one.p * (len(ranked) - k)))
        if highest <= level and one.hit >= _LEAST and one.hit * max(one.seen_else, 1) >= _TIMES * one.hit_else * one.seen:
            out.append(Systematic(one.gate, one.attribute, one.value, one.hit, one.seen, one.hit_else, one.seen_else, highest))
    return tuple(out)


def _by_attribute(episodes: Sequence[Judged], attributes: Sequence[str]) -> list[Systematic]:
    gates = sorted({gate for e in episodes for gate, _ in e.faults})
    out = []
    for gate in gates:
        hit = [any(name == gate for name, _ in e.faults) for e in episodes]
        for attribute in attributes:
            of = [e.attributes.get(attribute, "") for e in episodes]
            for value in sorted(set(of) - {""}):
                here = [v == value for v in of]
                if all(here) or sum(here) < _LEAST:
                    continue
                a = sum(h and w for h, w in zip(hit, here, strict=True))
                out.append(_compared(gate, attribute, value, a, sum(here), sum(hit) - a, len(episodes) - sum(here)))
    return out


def _by_stream(episodes: Sequence[Judged], siblings: Mapping[str, Sequence[str]]) -> list[Systematic]:
    out = []
    for gate, stream in sorted({fault for e in episodes for fault in e.faults if fault[1] in siblings}):
        others = siblings[stream]
        seen = sum(stream in e.streams for e in episodes)
        hit = sum((gate, stream) in e.faults for e in episodes)
        seen_else = sum(other in e.streams for e in episodes for other in others)
        hit_else = sum((gate, other) in e.faults for e in episodes for other in others)
        if seen >= _LEAST and seen_else:
            out.append(_compared(gate, "stream", stream, hit, seen, hit_else, seen_else))
    return out


def _compared(gate: str, attribute: str, value: str, hit: int, seen: int, hit_else: int, seen_else: int) -> Systematic:
    from scipy.stats import hypergeom

    p = float(hypergeom.sf(hit - 1, seen + seen_else, hit + hit_else, seen))
    return Systematic(gate, attribute, value, hit, seen, hit_else, seen_else, p)


FAMILIES: tuple[str, ...] = ("image", "imu", "wrench")
"""Sensors of which a robot has several alike: cameras by their kind, the others by how their streams' names begin."""


def siblings_by_kind(keys: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Stream to the others that it can be compared with; streams without any are left out.

    Args:
        keys: stream key to its kind.
    """
    family = {key: kind if kind == "image" else key.split("/")[-1].split("_")[0] for key, kind in keys.items()}
    return {
        key: others
        for key, name in family.items()
        if (others := tuple(other for other, its in family.items() if name in FAMILIES and its == name and other != key))
    }
