"""A stream has fewer samples than stamps."""

from __future__ import annotations

from dataclasses import replace

from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._pick import FEWEST
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _shorten(episode: Episode, strength: float, at: Chance) -> Episode:
    found = sorted(k for k, s in episode.streams.items() if not k.startswith("debug/") and len(s) >= FEWEST)
    if not found:
        raise NotApplicable(f"no stream of {FEWEST} samples")
    stream = episode.stream(str(at.rng.choice(found)))
    return put(episode, replace(stream, values=stream.data[: -round(strength)]))


PLUGIN: Defect = Injector(
    title="Lengths that differ",
    imitates="A writer that was interrupted, or a converter that is off by some rows, left a stream shorter than its stamps.",
    unit="samples missing at the end of one stream",
    strengths=(1.0, 5.0, 50.0),
    documented=5.0,
    gates=("lengths", "integrity"),
    touches=("observations/*", "actions/*"),
    change=_shorten,
)
