"""Score `completion_time`: how long the episode takes against the median of its task."""

from __future__ import annotations

import numpy as np

from understudy.quality.scales import between
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.findings import Component, ScoreResult
from understudy.spec.protocols import GateContext, Score

NAME = "completion_time"
FEWEST_PEERS = 3
USUAL, WORST = 1.25, 2.5


class CompletionTime:
    """1 within a factor of 1.25 of the median, 0 at a factor of 2.5 or more either way, linear in the logarithm between."""

    title = "Completion time"
    needs: tuple[str, ...] = ()
    weight = 0.5

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """The rating; `raw` is duration over median."""
        peers_s = [s for id_, s in sorted(context.peers.items()) if id_ != episode.id and s > 0]
        if len(peers_s) < FEWEST_PEERS:
            many = f"the task, if one is named, has {len(peers_s)} other episodes"
            raise NotApplicable(f"{many} to compare with; {FEWEST_PEERS} are needed")
        if episode.duration_s <= 0:
            raise NotApplicable("the episode has no duration")
        return against_median(episode.duration_s, float(np.median(peers_s)))


def against_median(duration_s: float, median_s: float) -> ScoreResult:
    """The score of a duration in a task whose episodes have that median, both over 0 s.

    Its component counts both ways and only beyond what is usual in the task: a figure that fell with every second would be a
    measure of length.
    """
    ratio = duration_s / median_s
    value = between(float(np.exp(abs(np.log(ratio)))), USUAL, WORST, log=True)
    length = Component(
        name="duration", raw=duration_s, unit="s", better="middle", log=True, resolution=float(np.log(USUAL)), value=value
    )
    return ScoreResult(name=NAME, value=value, raw=ratio, unit="1", components=(length,))


PLUGIN: Score = CompletionTime()
