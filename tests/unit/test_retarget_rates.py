"""The same motion at another rate is the same motion: weights are per second, not per frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.interpolation import lerp_at
from understudy.kinematics.load import load_robot
from understudy.retarget.metrics import MotionMetrics, motion_metrics
from understudy.retarget.retarget import retarget
from understudy.simulate.moves import walk
from understudy.spec.robot import RobotModel, RobotMotion

RATES_HZ = (30.0, 60.0, 120.0, 240.0)
Solved = dict[float, tuple[RobotMotion, MotionMetrics]]


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def solved(robot: RobotModel) -> Solved:
    out = {}
    made = walk(steps=3, rate_hz=RATES_HZ[-1])
    for rate_hz in RATES_HZ:
        every = round(RATES_HZ[-1] / rate_hz)  # the very same motion: made at another rate it is a little another one
        human = replace(made, joint_pos_world_m=made.joint_pos_world_m[::every], t_ns=made.t_ns[::every])
        motion = retarget(human, robot).motion
        out[rate_hz] = (motion, motion_metrics(human, motion, robot))
    return out


@pytest.mark.parametrize("figure", ["limb_dir_deg", "hand_pct", "foot_pct"])
def test_figures_agree_within_two_percent(figure: str, solved: Solved) -> None:
    """Or within 0.02 degrees or percent of the limb, a tenth of a millimetre, where the figure itself is next to nothing."""
    values = [getattr(figures, figure) for _, figures in solved.values()]
    assert max(values) - min(values) < max(0.02 * max(values), 0.02)


@pytest.mark.parametrize(("rate_hz", "most"), [(60.0, 0.02), (240.0, 0.02), (30.0, 0.05)])
def test_joints_agree_at_common_stamps(rate_hz: float, most: float, solved: Solved) -> None:
    """Root mean square difference from 120 Hz over the swing of the joints; stances begin and end on whole frames."""
    (motion, _), (reference, _) = solved[rate_hz], solved[120.0]
    stamps = np.arange(0, min(int(motion.t_ns[-1]), int(reference.t_ns[-1])), round(1e9 / 30.0))
    a, b = (lerp_at(m.t_ns, m.joint_pos, stamps) for m in (motion, reference))
    assert np.sqrt(np.mean((a - b) ** 2)) < most * np.sqrt(np.mean((b - b.mean(axis=0)) ** 2))
    a, b = (lerp_at(m.t_ns, m.root_pos_world_m, stamps) for m in (motion, reference))
    assert np.abs(a - b).max() < 0.01
