"""The bars of motion quality: what each figure of a clip must keep, given the clip's conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quality_conditions import Conditions

NARROW_HIPS_PCT, NARROW_DEG = 8.0, 3.5
BOUND_ARMS_DEG, BOUND_SLACK_DEG = 2.0, 3.0
"""Arm limits bind where they alone force more than this on the arms' bones."""
OTHER_ARMS_POINTS = 4.0
SHORT_STANCE_S = 0.2


@dataclass(frozen=True)
class Bar:
    """One figure's bar: most (or, where `least`, least) that is allowed."""

    figure: str
    limit: float
    least: bool = False
    why: str = ""

    def kept(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value >= self.limit if self.least else value <= self.limit


def bars(robot: str, given: Conditions) -> tuple[Bar, ...]:
    """Every bar that holds for a clip on a robot; robots other than G1 and H1 are held to the first six."""
    h1 = robot == "unitree_h1"
    common = (
        Bar("limit_violations", 0),
        Bar("fast_steps", 0),
        Bar("float_cm", 0.1),
        Bar("penetration_pct", 0.5),
        Bar("skate_cm_s", 1.0 if given.running else (0.5 if h1 else 0.3), why="running" if given.running else ""),
    )
    if robot not in ("unitree_g1", "unitree_h1"):
        return common
    short = 0.0 < given.stance_s < SHORT_STANCE_S
    other_arms = given.arm_share_points > OTHER_ARMS_POINTS
    hand = Bar("hand_pct", 6.0 if other_arms else 4.0, why="other arm proportions" if other_arms else "")
    return (
        *common,
        _direction(h1, given),
        hand,
        Bar("foot_pct", 5.0 if h1 else 4.5),
        Bar("f1_kin", 0.85 if short else 0.95, least=True, why="short stances" if short else ""),
        Bar("f1_z0", given.copy_f1_z0 - 0.03, least=True, why="scaled copy - 0.03"),
        Bar("self_collision_pct", 0.5),
        Bar("root_path_cm", 0.8),
        Bar("jerk_ratio", 1.4),
        *((Bar("torso_bias_deg", 3.0),) if h1 else ()),
    )


def _direction(h1: bool, given: Conditions) -> Bar:
    limit, why = (4.5, "") if h1 else (2.5, "walking") if given.walking else (3.0, "")
    if not h1 and given.hip_mismatch_pct > NARROW_HIPS_PCT:
        limit, why = NARROW_DEG, "narrow hips"
    if given.arm_floor_deg > BOUND_ARMS_DEG:
        floor = 0.5 * given.arm_floor_deg  # the arms are half of the limbs
        if floor + BOUND_SLACK_DEG > limit:
            limit, why = floor + BOUND_SLACK_DEG, "arm limits"
    return Bar("limb_dir_deg", limit, why=why)


COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("limb_dir_deg", "direction, deg", lambda v: f"{v:.2f}"),
    ("hand_pct", "hand %", lambda v: f"{v:.1f}"),
    ("foot_pct", "foot %", lambda v: f"{v:.1f}"),
    ("skate_cm_s", "skate, cm/s", lambda v: f"{v:.2f}"),
    ("float_cm", "float, cm", lambda v: f"{v:.3f}"),
    ("penetration_pct", "penetration, %", lambda v: f"{v:.1f}"),
    ("f1_kin", "F1", lambda v: f"{v:.3f}"),
    ("f1_z0", "F1 at z = 0", lambda v: f"{v:.3f}"),
    ("limit_violations", "limits", lambda v: f"{v:.0f}"),
    ("fast_steps", "fast", lambda v: f"{v:.0f}"),
    ("self_collision_pct", "self-collision, %", lambda v: f"{v:.1f}"),
    ("root_path_cm", "root path, cm", lambda v: f"{v:.2f}"),
    ("torso_bias_deg", "torso bias, deg", lambda v: f"{v:.1f}"),
    ("jerk_ratio", "jerk ratio", lambda v: f"{v:.2f}"),
)
"""Figures of the table: name, heading, how a value is written."""
