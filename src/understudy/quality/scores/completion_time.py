"""Score `completion_time`: how long the episode takes against the median of its task."""

from __future__ import annotations

import numpy as np

from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.findings import ScoreResult
from understudy.spec.protocols import GateContext, Score

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
            raise NotApplicable(f"the task has {len(peers_s)} other episodes to compare with; {FEWEST_PEERS} are needed")
        if episode.duration_s <= 0:
            raise NotApplicable("the episode has no duration")
        ratio = episode.duration_s / float(np.median(peers_s))
        off = max(0.0, abs(np.log(ratio)) - np.log(USUAL)) / (np.log(WORST) - np.log(USUAL))
        return ScoreResult(name="completion_time", value=float(np.clip(1.0 - off, 0.0, 1.0)), raw=ratio, unit="1")


PLUGIN: Score = CompletionTime()
