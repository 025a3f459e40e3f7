"""Metres per unit of a file and which way is up, found from the person in it."""

from __future__ import annotations

import numpy as np

from understudy.errors import MocapError, UnknownNameError
from understudy.geom.arrays import F64

UNITS_M: dict[str, float] = {
    "m": 1.0,
    "foot": 0.3048,
    "cmu": 0.0254 / 0.45,
    "inch": 0.0254,
    "cm": 0.01,
    "mm": 0.001,
}
"""Metres per unit. `cmu` is the unit of the CMU archive: inches after a scale of 0.45."""

PERSON = "person"
"""Unit of a figure of any size: the one that makes a leg of `PERSON_LEG_M`."""

PERSON_LEG_M = 0.85
"""Hip to knee to ankle of a person of 1.73 m. Source: Winter, Biomechanics, 4th ed., fig. 4.1, 0.491 of the height."""

LONG_LEG_M = 1.05
"""A longer leg would be that of a person of over 2.1 m."""

LEG_RANGE_M: tuple[float, float] = (0.6, 1.2)
"""Hip to knee to ankle of a person. Neighbouring units differ by more than the ends of this range, so one fits at most."""

UP_AXES: dict[str, F64] = {
    "x": np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
    "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "z": np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "-x": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-z": np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]),
}
"""Axis of the file that points up, to the rotation that takes file coordinates to `world` (z up)."""


def in_world(vec: F64, up: str, unit_m: float = 1.0) -> F64:
    """(..., 3) in `world`, metres, of what is given in axes of which `up` points up, in a unit of `unit_m` metres."""
    to_world = UP_AXES[up]
    source = np.abs(to_world).argmax(axis=1)  # the axes are exchanged and turned round, no more
    return np.asarray((unit_m * to_world[np.arange(3), source]) * vec[..., source])


def metres_per_unit(leg: float, unit: str | None, where: str) -> float:
    """Scale of a file.

    Args:
        leg: hip to knee to ankle in the file's unit.
        unit: a name of `UNITS_M`, metres per unit as a number, or `person`, to be taken whatever the leg says; None finds it.
        where: name of the file, for messages.

    Raises:
        MocapError: no unit gives a leg of 0.6 to 1.2 m.
        UnknownNameError: `unit` is not known.
    """
    if unit is not None:
        return given_unit(unit, leg)
    low, high = LEG_RANGE_M
    fitting = [scale for scale in UNITS_M.values() if low <= leg * scale <= high]
    if not fitting:
        listed = ", ".join(f"{leg * scale:.3g} m in {name}" for name, scale in UNITS_M.items())
        raise MocapError(
            f"{where}: the unit cannot be found: hip to knee to ankle is {leg:.4g} units, which would be {listed}; "
            f"a person has {low} to {high} m. Give the unit: --unit cm, --unit 0.04 for metres per unit, or --unit {PERSON} for "
            f"a figure of another size, which is made a person with a leg of {PERSON_LEG_M} m"
        )
    return fitting[0]


def given_unit(unit: str, leg: float) -> float:
    """Metres per unit as a user gives them: a name, a number, or `person`.

    Raises:
        UnknownNameError: none of these.
    """
    if unit == PERSON:
        return PERSON_LEG_M / leg
    if unit in UNITS_M:
        return UNITS_M[unit]
    try:
        scale = float(unit)
    except ValueError:
        scale = float("nan")
    if not 1e-6 <= scale <= 1e3:
        raise UnknownNameError("unit", unit, (*UNITS_M, PERSON, "metres per unit as a number"))
    return scale


def odd_size(leg_m: float) -> str | None:
    """What to say of a person who would be a giant in the only unit that fits."""
    if leg_m <= LONG_LEG_M:
        return None
    return (
        f"hip to knee to ankle is {leg_m:.2f} m in the only unit that fits, which makes a giant: the file's scale may be of no "
        f"unit; --unit {PERSON} makes it a person of usual size"
    )


CLEARLY = 0.9
"""Share of the way from ankles to head that lies along one axis where a rest pose clearly stands along it."""


def up_axis(ankle_to_head: F64, rest_ankle_to_head: F64) -> tuple[str, str | None]:
    """Axis of the file that points up.

    Args:
        ankle_to_head: (T, 3) from the middle of the ankles to the head, file axes.
        rest_ankle_to_head: (3,) the same in the rest pose.

    Returns:
        the axis, and a warning where the person is not upright for most of the clip.
    """
    mean = np.mean(ankle_to_head / np.maximum(np.linalg.norm(ankle_to_head, axis=1, keepdims=True), 1e-12), axis=0)
    axis = _main_axis(mean)
    if np.abs(mean).max() >= 0.7:
        return axis, None
    rest = rest_ankle_to_head / max(float(np.linalg.norm(rest_ankle_to_head)), 1e-12)
    if np.abs(rest).max() >= CLEARLY:
        axis = _main_axis(rest)
    return axis, f"the person is not upright for most of the clip; the axis {axis} was taken as up: look at the result"


def along_another(up: str, rest_ankle_to_head: F64) -> str | None:
    """A warning where a person who is along one axis throughout stands along another in the rest pose.

    That may be a rest pose that is drawn lying (along x, as LAFAN1's), which is why only y and z count.
    """
    rest = rest_ankle_to_head / max(float(np.linalg.norm(rest_ankle_to_head)), 1e-12)
    axis = _main_axis(rest)
    if np.abs(rest).max() < CLEARLY or axis == up or axis.endswith("x"):
        return None
    return (
        f"the person is along {up} throughout, which was taken as up, and along {axis} in the rest pose: "
        "somebody who lies, or stands on the hands, comes out standing; look at the result"
    )


def _main_axis(direction: F64) -> str:
    main = int(np.argmax(np.abs(direction)))
    return ("-" if direction[main] < 0 else "") + "xyz"[main]
