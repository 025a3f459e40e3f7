"""Gate `duration`: episodes that are too short or too long to be one take of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue


class Duration:
    """The timeline is shorter than `min_s` or longer than `max_s`; a task sets its own in `[tasks.<task>.gates.duration]`."""

    title = "Duration"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"min_s": 0.5, "max_s": 1800.0}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding."""
        least_s, most_s = number(context.thresholds, "min_s"), number(context.thresholds, "max_s")
        if len(episode.timeline_ns) == 0 or least_s <= episode.duration_s <= most_s:
            return []  # an empty timeline is for `lengths` to refuse
        short = episode.duration_s < least_s
        which, key, cut = ("under", "min_s", "") if short else ("over", "max_s", " or cut it into takes")
        message = (
            f"the episode lasts {episode.duration_s:.2f} s, {which} the {least_s if short else most_s:g} s that are allowed. "
            f"Record it again{cut}, or set {key} of the task"
        )
        return [
            Finding(
                gate="duration",
                severity="reject",
                message=message,
                start_ns=int(episode.timeline_ns[0]),
                end_ns=int(episode.timeline_ns[-1]),
                value=episode.duration_s,
                limit=least_s if short else most_s,
                unit="s",
            )
        ]


PLUGIN: Gate = Duration()
