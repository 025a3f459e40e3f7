"""Score `retarget_fidelity`: how closely the robot repeats the person it was retargeted from."""

from __future__ import annotations

import numpy as np

from understudy.errors import UnknownNameError
from understudy.geom.arrays import F64
from understudy.quality.posture import NEEDS, posture
from understudy.quality.scales import between
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.findings import Component, ScoreResult
from understudy.spec.protocols import GateContext, Score
from understudy.spec.skeleton import INDEX, LIMB_BONES

RESIDUAL, INFEASIBLE, PERSON = "debug/ee_residual", "debug/infeasible", "debug/human_target_world"
BEST_M, WORST_M = 0.01, 0.05
"""A hand or foot that is 5 cm off makes a frame infeasible."""
LOOKS = 600
"""Steps, evenly spread, at which directions are compared: their mean is the same, and a long episode costs no more."""


class RetargetFidelity:
    """1 with hands and feet within 1 cm of where they were asked to be, on average, 0 from 5 cm on."""

    title = "Retarget fidelity"
    needs: tuple[str, ...] = (RESIDUAL,)
    weight = 1.0

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """Mean residual of the worst limb; beside it the share of infeasible frames and the mean angle between limbs."""
        residual_m = episode.data(RESIDUAL)
        residual_m = residual_m[np.isfinite(residual_m).all(axis=1)]
        if not residual_m.size:
            raise NotApplicable(f"{RESIDUAL} has no sample that is a number")
        raw_m = float(residual_m.mean(axis=0).max())
        value = between(raw_m, BEST_M, WORST_M)
        parts = [Component(name="residual", raw=raw_m, unit="m", resolution=0.002, value=value)]
        if INFEASIBLE in episode and len(episode.stream(INFEASIBLE)):
            parts.append(Component(name="infeasible", raw=float((episode.data(INFEASIBLE) > 0.5).mean()), resolution=0.01))
        angle_rad = limb_angle(episode, context)
        if angle_rad is not None:
            parts.append(Component(name="limb_directions", raw=angle_rad, unit="rad", resolution=0.01))
        return ScoreResult(name="retarget_fidelity", value=value, raw=raw_m, unit="m", components=tuple(parts))


def limb_angle(episode: Episode, context: GateContext) -> float | None:
    """Mean angle between the person's thighs, shanks, upper arms and forearms and the robot's, radians.

    The person is the one laid over the robot (`debug/human_target_world`), in the same world. None where the episode has no
    such stream or no whole motion.
    """
    if any(key not in episode or not len(episode.stream(key)) for key in (PERSON, *NEEDS)):
        return None
    seen = posture(episode, context.robot)
    if not len(seen.t_ns):
        return None
    rows = np.unique(np.linspace(0, len(seen.t_ns) - 1, LOOKS).astype(np.int64))
    person_m = np.asarray(episode.stream(PERSON).sample_at(seen.t_ns[rows]), dtype=np.float64)
    poses = seen.at(rows)
    try:
        points = {name: poses.points(*context.robot.point(name)) for bone in LIMB_BONES for name in bone}
    except UnknownNameError:
        return None
    angles = [_angle(person_m[:, INDEX[b]] - person_m[:, INDEX[a]], points[b] - points[a]) for a, b in LIMB_BONES]
    mean_rad = float(np.mean(angles))
    return mean_rad if np.isfinite(mean_rad) else None


def _angle(a: F64, b: F64) -> F64:
    """(T,) angle between directions (T, 3), radians."""
    return np.asarray(np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.einsum("td,td->t", a, b)))


PLUGIN: Score = RetargetFidelity()
