"""Gaps of markers filled, and joints held to constant bones."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from understudy.geom.arrays import F64
from understudy.mocap._constant_bones import fit_constant_bones
from understudy.mocap._gaps import Gap, carry, fill_gaps, runs


def test_runs_by_hand() -> None:
    assert runs(np.array([True, False, True, True, False, True])) == [(0, 1), (2, 4), (5, 6)]
    assert runs(np.zeros(3, dtype=np.bool_)) == []


def _cubic(frames: int) -> F64:
    t = np.linspace(-1.0, 1.0, frames)
    return np.stack([t**3 - t, 2.0 * t**2, 0.5 * t + 1.0], axis=1)


def test_a_cubic_is_filled_exactly_and_nothing_else_changes() -> None:
    truth = _cubic(60)[:, None]
    broken = truth.copy()
    broken[20:30] = np.nan
    filled, gaps = fill_gaps(broken, 100.0, ())
    assert gaps == [Gap(0, 20, 30, True)]
    np.testing.assert_allclose(filled, truth, atol=1e-9)
    np.testing.assert_array_equal(filled[:20], truth[:20])


def test_gaps_over_a_tenth_of_a_second_and_at_the_ends_stay() -> None:
    broken = _cubic(60)[:, None].copy()
    broken[:3], broken[20:31], broken[57:] = np.nan, np.nan, np.nan
    filled, gaps = fill_gaps(broken, 100.0, ())
    np.testing.assert_array_equal(np.isnan(filled), np.isnan(broken))
    assert [gap.filled for gap in gaps] == [False, False, False]
    assert fill_gaps(broken[3:57], 120.0, ())[1] == [Gap(0, 17, 28, True)]


def test_a_marker_moves_with_its_segment() -> None:
    """A body that spins fast: a cubic would miss by centimetres, its mates tell exactly where the marker is."""
    rng = np.random.default_rng(0)
    body = rng.normal(0.0, 0.1, (4, 3))
    turn = Rotation.from_rotvec(np.linspace(0.0, 9.0, 50)[:, None] * [0.2, 0.5, 0.8])
    truth = np.stack([turn.apply(point) for point in body], axis=1) + _cubic(50)[:, None]
    broken = truth.copy()
    broken[20:29, 2] = np.nan
    np.testing.assert_allclose(fill_gaps(broken, 100.0, [range(4)])[0], truth, atol=1e-12)
    assert np.abs(fill_gaps(broken, 100.0, ())[0] - truth).max() > 1e-3


def test_carry_is_a_rotation_even_in_a_plane() -> None:
    flat = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    turn = Rotation.from_rotvec([0.3, 2.0, -1.0])
    np.testing.assert_allclose(
        carry(flat, turn.apply(flat)[None] + 5.0, np.array([0.2, 0.3, 1.0]))[0], turn.apply([0.2, 0.3, 1.0]) + 5.0
    )


def _leg(frames: int) -> dict[str, F64]:
    """Hip, knee, ankle with bones of 0.4 m that swing, and a bent other leg that stands."""
    a = np.linspace(0.0, 1.5, frames)
    hip = np.stack([0.3 * a, np.full(frames, 0.1), np.full(frames, 0.9)], axis=1)
    knee = hip + 0.4 * np.stack([np.sin(a), 0.0 * a, -np.cos(a)], axis=1)
    ankle = knee + 0.4 * np.stack([np.sin(a - 0.8), 0.0 * a, -np.cos(a - 0.8)], axis=1)
    left = {"left_hip": hip, "left_knee": knee, "left_ankle": ankle, "neck": hip + np.array([0.0, -0.1, 0.5])}
    return left | {f"right_{name[5:]}": pos * [1.0, -1.0, 1.0] for name, pos in left.items() if name[:4] == "left"}


def test_true_bones_are_left_alone() -> None:
    joints = _leg(30)
    fit = fit_constant_bones(joints, {})
    for name, pos in joints.items():
        np.testing.assert_allclose(fit.joints[name], pos, atol=1e-6)
        assert fit.covered[name].all()
    assert abs(fit.lengths_m["left_ankle", "left_knee"] - 0.4) < 1e-9


def test_noisy_bones_become_constant_and_joints_stay_near() -> None:
    rng = np.random.default_rng(1)
    joints = {name: pos + rng.normal(0.0, 0.005, pos.shape) for name, pos in _leg(200).items()}
    fit = fit_constant_bones(joints, {})
    length = np.linalg.norm(fit.joints["left_knee"] - fit.joints["left_hip"], axis=1)
    assert np.ptp(length) < 1e-5
    assert max(np.linalg.norm(fit.joints[name] - joints[name], axis=1).max() for name in joints) < 0.02


def test_a_joint_without_markers_keeps_its_bones_and_is_not_covered() -> None:
    joints = _leg(60)
    truth = joints["left_ankle"].copy()
    joints["left_ankle"] = truth.copy()
    joints["left_ankle"][20:40] = np.nan
    fit = fit_constant_bones(joints, {})
    np.testing.assert_array_equal(np.flatnonzero(~fit.covered["left_ankle"]), np.arange(20, 40))
    length = np.linalg.norm(fit.joints["left_ankle"] - fit.joints["left_knee"], axis=1)
    np.testing.assert_allclose(length, 0.4, atol=1e-4)
    tied = fit_constant_bones(joints, {"left_ankle": [truth + np.array([0.0, 0.04, 0.0])]})
    assert tied.covered["left_ankle"].all()
    np.testing.assert_allclose(tied.joints["left_ankle"], truth, atol=1e-4)
