"""Gate `duplicates`: a motion that another episode of the dataset has too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.quality.fingerprint import fingerprint
from understudy.quality.skip import NotApplicable
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Alike, Gate, GateContext
from understudy.spec.schema import GateValue


class Duplicates:
    """Over `max_shared` of the joints' samples are another episode's, one after the other; also of a stretch cut out of it.

    The other episode is one that was there before. An episode that says it was made from the other (`parent_id`) is only warned
    of, and so is one that holds all of a shorter one. Mirror images are motions of their own.
    """

    title = "Duplicates"
    needs: tuple[str, ...] = ("observations/joint_positions",)
    defaults: Mapping[str, GateValue] = {"max_shared": 0.8}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding: the likest."""
        if context.others is None:
            raise NotApplicable("the dataset's other episodes are not known here")
        most = number(context.thresholds, "max_shared")
        own = fingerprint(episode)
        found = [other for other in context.others.alike(own, but=episode.id) if max(other.share, other.share_of_other) > most]
        return [_finding(episode, found[0], most)] if own and found else []


def _finding(episode: Episode, other: Alike, most: float) -> Finding:
    family = other.id == episode.metadata.get("parent_id")
    copy = other.share > most
    if copy:
        what = f"{other.share:.0%} of its motion is that of {other.id}, to the sample (allowed {most:.0%})"
    else:
        what = f"it holds {other.share_of_other:.0%} of the motion of {other.id}, to the sample (allowed {most:.0%})"
    advice = (
        "keep one of the two in episodes/" if not family else "it was made from that one: leave one of the two out of exports"
    )
    return Finding(
        gate="duplicates",
        severity="reject" if copy and not family else "warn",
        message=f"{what}; {advice}",
        stream="observations/joint_positions",
        value=max(other.share, other.share_of_other),
        limit=most,
        unit="1",
    )


PLUGIN: Gate = Duplicates()
