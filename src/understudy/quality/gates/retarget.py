"""Gate `retarget`: the robot could not follow the person for too much of the motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import Span, clock_s, moment, spans
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

INFEASIBLE, RESIDUAL = "debug/infeasible", "debug/ee_residual"


class Retarget:
    """Over `refuse_infeasible` of the frames are flagged infeasible (a hand or foot off its feasible target); over
    `max_infeasible` of them is a warning.
    """

    title = "Retargeting"
    needs: tuple[str, ...] = (INFEASIBLE,)
    defaults: Mapping[str, GateValue] = {"max_infeasible": 0.1, "refuse_infeasible": 0.5}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """One finding for the episode, at its longest infeasible stretch."""
        stream = episode.stream(INFEASIBLE)
        if len(stream) == 0:
            raise NotApplicable(f"{INFEASIBLE} has no samples")
        flagged = stream.data.astype(bool)
        share, refuse = float(flagged.mean()), number(context.thresholds, "refuse_infeasible")
        most = refuse if share > refuse else number(context.thresholds, "max_infeasible")
        if share <= most:
            return []
        longest = max(spans(flagged, stream.t_ns), key=lambda s: s.last - s.first)
        message = (
            f"{share:.1%} of the frames are out of the robot's reach (allowed {most:.0%}), the longest stretch from "
            f"{clock_s(episode, longest.start_ns):.2f} to {moment(episode, longest.end_ns)}{_worst_limb(episode, longest)}"
            ". Record the motion again as reports/recollect.csv tells for each stretch, or cut the stretch out"
        )
        return [
            Finding(
                gate="retarget",
                severity="reject" if share > refuse else "warn",
                message=message,
                stream=INFEASIBLE,
                start_ns=longest.start_ns,
                end_ns=longest.end_ns,
                value=share,
                limit=most,
                unit="1",
            )
        ]


def _worst_limb(episode: Episode, span: Span) -> str:
    """Which end of a limb is furthest off in the stretch; empty where the episode does not say."""
    if RESIDUAL not in episode:
        return ""
    stream = episode.stream(RESIDUAL)
    within = (stream.t_ns >= span.start_ns) & (stream.t_ns <= span.end_ns)
    residual_m: F64 = stream.data.astype(np.float64)[within]
    if residual_m.size == 0 or not np.isfinite(residual_m).any():
        return ""
    most_m = np.nanmax(np.where(np.isfinite(residual_m), residual_m, -np.inf), axis=0)
    limb = int(np.argmax(most_m))
    names = stream.spec.names
    return f", {names[limb] if limb < len(names) else f'limb {limb}'} off by up to {most_m[limb] * 100:.0f} cm"


PLUGIN: Gate = Retarget()
