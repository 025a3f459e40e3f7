"""What the directions, the root and the feet weigh in one frame of a stream, against each other."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.retarget._footing import Footing
from understudy.retarget.problem import VECTORS, Problem
from understudy.retarget.targets import PLACE, Calibration, task_weights
from understudy.spec.skeleton import SIDES

ROOT, ROOT_STANDING, ANKLE, ANKLE_FREE, END = 2000.0, 400.0, 300.0, 150.0, 1e5
"""Weights, per square metre, of the root's place and of the same while a foot stands, of the ankles' and of the same while it
swings, and of heel and toe while they are held. Where a straight leg does not reach both its foot and its hip, a root that yields
a few millimetres saves the leg's directions."""
CALM_S, CALM_FROM = 0.3, 0.65
"""The root yields as a foot has stood for the first, and from the second share on: never in a run, where it would be jerked."""
LATERAL, UP, TRUNK = 50.0, 3.0, 100.0
"""Weights of the pelvis' directions and of the trunk's: they must not pay for what a leg cannot do."""
SOLE, STIFF_SOLE = 2.0, 1.0
"""Weight of the sole's direction where the ankle can roll, and where it cannot."""
LEVEL, HELD_LEVEL = 0.1, 1.0
"""Weight of a sole that is level sideways, and what is added while it is held."""


def usual_weights(problem: Problem, known: Calibration) -> F64:
    """(V + 8,) weights of the person's directions, and of ankle, heel, toe and level sole of each foot."""
    feet = np.tile([ANKLE, 0.0, 0.0, 0.0], 2)
    weight = np.concatenate([task_weights(known.hip_mismatch_pct), feet])
    for name, value in (("midhip", ROOT), ("pelvis_lateral", LATERAL), ("pelvis_up", UP), ("trunk", TRUNK)):
        weight[PLACE[name]] = value
    for side in SIDES:
        weight[PLACE[f"{side}_foot"]] = 0.0  # the ankle's place in the world stands for it
        weight[PLACE[f"{side}_sole"]] = SOLE if problem.can_roll else STIFF_SOLE
    return weight


def calmer(calm: float, feet: Footing, dt_s: float, *, fresh: bool) -> float:
    """To what share a foot has stood lately, one frame after it was `calm`."""
    stands = float(feet.laid[:, 1].max())
    return stands if fresh else calm + (1.0 - float(np.exp(-dt_s / CALM_S))) * (stands - calm)


def weigh_root(weight: F64, calm: float) -> None:
    """Set what the root's place weighs."""
    share = min(max((calm - CALM_FROM) / (1.0 - CALM_FROM), 0.0), 1.0)
    weight[PLACE["midhip"]] = ROOT + share * (ROOT_STANDING - ROOT)


def weigh_feet(weight: F64, feet: Footing, *, can_roll: bool) -> None:
    """Set what the feet's own tasks weigh: a swinging foot leaves more to the leg's directions than one that stands or lies."""
    for i in range(len(SIDES)):
        first, held, upright = len(VECTORS) + 4 * i, feet.held[i], feet.upright[i]
        weight[first] = ANKLE + upright * (1.0 - held.max()) * (ANKLE_FREE - ANKLE)
        weight[first + 1 : first + 3] = END * upright * held**2
        if can_roll:
            weight[first + 3] = (LEVEL + HELD_LEVEL * held.min()) * upright
