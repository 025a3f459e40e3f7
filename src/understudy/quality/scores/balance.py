"""Score `balance`: how far the centre of mass is to the side of the feet."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.posture import NEEDS, Posture, posture
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.findings import ScoreResult
from understudy.spec.protocols import GateContext, Score

COM = "debug/com_world"
BEST, WORST = 0.5, 1.2
ON_FLOOR_M = 0.05


class Balance:
    """1 while the centre of mass stays in the inner half of the stance, 0 where it is 20 % beyond a foot's outer edge."""

    title = "Balance"
    needs = (*NEEDS, COM)
    weight = 1.0

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """The 95th percentile of the lateral deviation as a share of the half width of the stance."""
        seen = posture(episode, context.robot)
        if len(seen.t_ns) == 0 or len(episode.stream(COM)) == 0:
            raise NotApplicable("no usable samples of the joints, the base or the centre of mass")
        share = lateral_deviation(seen, np.asarray(episode.stream(COM).sample_at(seen.t_ns), dtype=np.float64))
        share = np.abs(share[np.isfinite(share)])
        if len(share) < 0.1 * len(seen.t_ns):
            raise NotApplicable("the feet are on the ground, with the pelvis upright, in under 10 % of the samples")
        raw = float(np.percentile(share, 95))
        return ScoreResult(name="balance", value=float(np.clip((WORST - raw) / (WORST - BEST), 0.0, 1.0)), raw=raw, unit="1")


def lateral_deviation(seen: Posture, com_world_m: F64) -> F64:
    """Where the centre of mass is between the outer edges of both feet.

    Args:
        seen: the robot's posture.
        com_world_m: (T, 3) centre of mass, metres.

    Returns:
        (T,) 0 in the middle, 1 over the outer edge of the left foot, -1 over that of the right one, along the pelvis' y axis;
        NaN in flight and where the pelvis lies on its side.
    """
    soles_m = np.concatenate([seen.soles["left"], seen.soles["right"]], axis=1)
    side_m = np.einsum("tkd,td->tk", soles_m[..., :2], seen.left_world)
    middle_m, half_m = (side_m.max(axis=1) + side_m.min(axis=1)) / 2.0, (side_m.max(axis=1) - side_m.min(axis=1)) / 2.0
    com_m = np.einsum("td,td->t", com_world_m[:, :2], seen.left_world)
    grounded = soles_m[..., 2].min(axis=1) < ON_FLOOR_M
    return np.asarray(np.where(grounded, (com_m - middle_m) / np.maximum(half_m, 1e-3), np.nan))


PLUGIN: Score = Balance()
