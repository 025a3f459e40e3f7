"""Gains of the joint servos, from what they have to move."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64

BANDWIDTH_RAD_S = 2.0 * np.pi * 5.0
"""Natural frequency of every joint about its target. At 8 Hz the legs begin to shake a pelvis that its gantry holds softly."""
DAMPING_RATIO = 1.0
"""No overshoot."""
ARMATURE_PER_NM = 4e-4
"""Reflected inertia of a geared motor per Nm of its limit, kg m^2; a rule of thumb, for model files state none."""
MOST_ARMATURE_KGM2 = 0.01


def rotor_inertia(effort_nm: F64) -> F64:
    """(J,) kg m^2 that each joint's motor adds to the limb's own inertia: 0.01 for arms and legs, less for small ones."""
    return np.minimum(ARMATURE_PER_NM * effort_nm, MOST_ARMATURE_KGM2)


def servo_gains(inertia_kgm2: F64) -> tuple[F64, F64]:
    """Stiffness (J,) in Nm/rad and damping (J,) in Nm s/rad that give every joint the same critically damped answer.

    A joint that carries the inertia I follows I q'' = kp (target - q) - kd q', so kp = I w^2 and kd = 2 zeta I w.

    Args:
        inertia_kgm2: (J,) what each joint moves: the diagonal of the mass matrix.
    """
    return inertia_kgm2 * BANDWIDTH_RAD_S**2, 2.0 * DAMPING_RATIO * BANDWIDTH_RAD_S * inertia_kgm2
