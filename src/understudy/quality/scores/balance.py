"""Score `balance`: how far to the side of the feet the robot has to press on the ground."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.filters import derivative, lowpass
from understudy.kinematics.contact_states import GRAVITY_M_S2, feet_on_ground
from understudy.kinematics.support import support_margin
from understudy.quality.posture import NEEDS, Posture, posture
from understudy.quality.scales import between
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import median_step_s
from understudy.spec.episode import Episode
from understudy.spec.findings import Component, ScoreResult
from understudy.spec.protocols import GateContext, Score

COM = "debug/com_world"
BEST, WORST = 1.0, 1.5
ON_FLOOR_M = 0.05
LIGHTEST = 0.4
"""Share of its weight under which the robot counts as in flight."""
BAND_HZ = 5.0


class Balance:
    """1 while the robot can be held up between the outer edges of its feet, 0 from half a half-width beyond them on."""

    title = "Balance"
    needs = (*NEEDS, COM)
    weight = 1.0

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """The 95th percentile of the lateral deviation as a share of the half width of the stance.

        Beside it, how far from the edge of its support polygon the robot presses, in its worst twentieth.
        """
        seen = posture(episode, context.robot)
        if len(seen.t_ns) < 8 or len(episode.stream(COM)) == 0 or median_step_s(seen.t_ns) <= 0:
            raise NotApplicable("under 8 usable samples of the joints, the base or the centre of mass")
        if (np.diff(seen.t_ns) <= 0).any():
            raise NotApplicable("stamps of the joints do not increase: the gate `monotone` says where")
        com_world_m = np.asarray(episode.stream(COM).sample_at(seen.t_ns), dtype=np.float64)
        if not np.isfinite(com_world_m).all():
            raise NotApplicable(f"{COM} is not finite everywhere")
        point_m = pressing_point(com_world_m, seen)
        share = lateral_deviation(seen, point_m)
        share = np.abs(share[np.isfinite(share)])
        if len(share) < 0.1 * len(seen.t_ns):
            raise NotApplicable("the feet are on the ground, with the pelvis upright, in under 10 % of the samples")
        raw = float(np.percentile(share, 95))
        value = between(raw, BEST, WORST)
        parts = [Component(name="lateral", raw=raw, resolution=0.05, value=value)]
        margin_m = _margin(episode, seen, point_m)
        if margin_m is not None:
            parts.append(Component(name="margin", raw=margin_m, unit="m", better="high", resolution=0.005))
        return ScoreResult(name="balance", value=value, raw=raw, unit="1", components=tuple(parts))


def _margin(episode: Episode, seen: Posture, point_world_m: F64) -> float | None:
    """5th percentile of the pressing point's distance from the edge of the support, metres; None in the air throughout."""
    contact, _ = feet_on_ground(episode, seen.robot, seen.t_ns, soles_world_m=lambda: seen.soles)
    found = support_margin(seen.soles, contact, point_world_m)
    found = found[np.isfinite(found)]
    return float(np.percentile(found, 5)) if len(found) else None


def pressing_point(com_world_m: F64, seen: Posture) -> F64:
    """Where on the ground a robot whose mass is all at its centre of mass must be pressing: c - z a / (g + a_z).

    At rest that is the point under the centre of mass; who leans into a turn presses under the feet all the same.

    Args:
        com_world_m: (T, 3) centre of mass c, metres, over z = 0; its acceleration a is taken below BAND_HZ.
        seen: the robot's posture, for the stamps.

    Returns:
        (T, 2) x and y in `world`, metres; NaN in flight.

    Source: the zero moment point of the cart-table model, Kajita and others, ICRA 2003, eq. 8, with vertical acceleration.
    """
    smooth = lowpass(com_world_m, rate_hz=1.0 / median_step_s(seen.t_ns), cutoff_hz=BAND_HZ)
    acceleration = derivative(derivative(smooth, seen.t_ns), seen.t_ns)
    lift = GRAVITY_M_S2 + acceleration[:, 2:]
    arm_s2 = com_world_m[:, 2:] / np.maximum(lift, LIGHTEST * GRAVITY_M_S2)
    point = com_world_m[:, :2] - arm_s2 * acceleration[:, :2]
    return np.asarray(np.where(lift < LIGHTEST * GRAVITY_M_S2, np.nan, point))


def lateral_deviation(seen: Posture, point_world_m: F64) -> F64:
    """Where a point on the ground is between the outer edges of both feet.

    Args:
        seen: the robot's posture.
        point_world_m: (T, 2) metres.

    Returns:
        (T,) 0 in the middle, 1 at the outer edge of the left foot, -1 at that of the right one, along the pelvis' y axis;
        NaN with both feet in the air and where the pelvis lies on its side.
    """
    soles = seen.soles
    reach_m, lowest_m = np.empty((len(point_world_m), 2)), np.empty(len(point_world_m))
    _fill_reach(soles["left"], soles["right"], seen.left_world, reach_m, lowest_m)
    middle_m, half_m = (reach_m[:, 1] + reach_m[:, 0]) / 2.0, (reach_m[:, 1] - reach_m[:, 0]) / 2.0
    point_m = np.einsum("td,td->t", point_world_m, seen.left_world)
    return np.asarray(np.where(lowest_m < ON_FLOOR_M, (point_m - middle_m) / np.maximum(half_m, 1e-3), np.nan))


@numba.njit(cache=True, nogil=True)
def _fill_reach(left: F64, right: F64, axis: F64, reach: F64, lowest: F64) -> None:
    """Fill `reach` (T, 2) with how far both soles (T, K, 3) go along `axis` (T, 2), and `lowest` (T,) with their least height."""
    for t in range(len(reach)):
        near, far, low = np.inf, -np.inf, np.inf
        for sole in (left, right):
            for k in range(sole.shape[1]):
                along = sole[t, k, 0] * axis[t, 0] + sole[t, k, 1] * axis[t, 1]
                near, far, low = min(near, along), max(far, along), min(low, sole[t, k, 2])
        reach[t, 0], reach[t, 1], lowest[t] = near, far, low
        if axis[t, 0] != axis[t, 0]:
            reach[t, 0], reach[t, 1] = np.nan, np.nan


PLUGIN: Score = Balance()
