"""Laws of rotations, interpolation and filters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt
from scipy.spatial.transform import Rotation

from understudy.errors import ShapeError
from understudy.geom import rotations as r
from understudy.geom.arrays import F64, frozen_f64
from understudy.geom.filters import derivative, lowpass
from understudy.geom.interpolation import bracket, latest_index, lerp_at, slerp, slerp_at


@pytest.fixture
def quats() -> F64:
    return r.quat_normalize(np.random.default_rng(0).normal(size=(200, 4)))


def _scipy(quat_wxyz: F64) -> Rotation:
    return Rotation.from_quat(quat_wxyz[..., [1, 2, 3, 0]])


# ---- rotations


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    q = r.yaw_to_quat(np.array(np.pi / 2))
    np.testing.assert_allclose(q, [np.sqrt(0.5), 0, 0, np.sqrt(0.5)])
    np.testing.assert_allclose(r.quat_apply(q, np.array([1.0, 0, 0])), [0, 1, 0], atol=1e-15)


def test_the_product_turns_by_the_right_factor_first(quats: F64) -> None:
    a, b = quats[:100], quats[100:]
    v = np.random.default_rng(1).normal(size=(100, 3))
    np.testing.assert_allclose(r.quat_apply(r.quat_mul(a, b), v), r.quat_apply(a, r.quat_apply(b, v)), atol=1e-12)
    np.testing.assert_allclose(r.quat_mul(a, r.quat_conj(a)), np.tile([1.0, 0, 0, 0], (100, 1)), atol=1e-12)


def test_matrices_agree_with_an_independent_library(quats: F64) -> None:
    np.testing.assert_allclose(r.quat_to_matrix(quats), _scipy(quats).as_matrix(), atol=1e-12)
    back = r.matrix_to_quat(r.quat_to_matrix(quats))
    assert np.all(back[:, 0] >= 0)
    np.testing.assert_allclose(np.abs(np.sum(back * quats, axis=1)), 1.0, atol=1e-12)


def test_half_turns_survive_the_matrix(quats: F64) -> None:
    half = np.concatenate([np.zeros((200, 1)), r.quat_normalize(quats)[:, 1:]], axis=1)
    half = r.quat_normalize(half)
    back = r.matrix_to_quat(r.quat_to_matrix(half))
    np.testing.assert_allclose(np.abs(np.sum(back * half, axis=1)), 1.0, atol=1e-9)


def test_rotation_vectors_go_there_and_back(quats: F64) -> None:
    np.testing.assert_allclose(r.quat_to_rotvec(quats), _scipy(quats).as_rotvec(), atol=1e-9)
    v = np.random.default_rng(2).normal(size=(100, 3))
    np.testing.assert_allclose(
        np.abs(np.sum(r.rotvec_to_quat(v) * _scipy(r.rotvec_to_quat(v)).as_quat()[:, [3, 0, 1, 2]], axis=1)), 1
    )
    np.testing.assert_allclose(r.rotvec_to_quat(np.array([0.0, 0.0, np.pi / 2])), r.yaw_to_quat(np.array(np.pi / 2)))
    np.testing.assert_allclose(r.quat_to_rotvec(r.rotvec_to_quat(np.full((1, 3), 1e-13))), np.full((1, 3), 1e-13), rtol=1e-6)


def test_continuous_quaternions_are_the_same_rotations_on_one_side(quats: F64) -> None:
    flips = np.where(np.random.default_rng(3).random(200) < 0.5, -1.0, 1.0)[:, None]
    path = r.yaw_to_quat(np.linspace(0, 6, 200))
    np.testing.assert_allclose(r.quat_continuous(path * flips) * flips[0], path, atol=1e-12)


def test_xyzw_is_only_an_argument() -> None:
    np.testing.assert_array_equal(r.xyzw_to_wxyz(np.array([1.0, 2.0, 3.0, 4.0])), [4.0, 1.0, 2.0, 3.0])


def test_angular_velocity_is_in_world_axes() -> None:
    t_ns = np.round(np.arange(50) * 1e7).astype(np.int64)
    spin = r.rotvec_to_quat(np.outer(t_ns * 1e-9, [0.0, 0.0, 2.0]))
    tilted = r.quat_mul(spin, r.rotvec_to_quat(np.array([0.7, 0.0, 0.0])))
    np.testing.assert_allclose(r.angular_velocity(tilted, t_ns.astype(float)), np.tile([0, 0, 2.0], (50, 1)), atol=1e-6)
    assert r.angular_velocity(tilted[:1], t_ns[:1].astype(float)).shape == (1, 3)


# ---- interpolation


def test_values_between_samples_and_held_ends() -> None:
    t = np.array([0, 10, 20], dtype=np.int64)
    v = np.array([[0.0], [1.0], [5.0]])
    np.testing.assert_allclose(lerp_at(t, v, np.array([-5, 0, 5, 15, 99]))[:, 0], [0, 0, 0.5, 3, 5])
    np.testing.assert_array_equal(latest_index(t, np.array([-1, 0, 9, 10, 99])), [0, 0, 0, 1, 2])
    lo, hi, f = bracket(t, np.array([12]))
    assert (lo[0], hi[0], f[0]) == (1, 2, pytest.approx(0.2))
    with pytest.raises(ShapeError, match="no samples"):
        lerp_at(np.array([], dtype=np.int64), np.zeros((0, 1)), t)


def test_slerp_runs_evenly_along_the_shorter_arc() -> None:
    a, b = r.yaw_to_quat(np.array(0.2)), r.yaw_to_quat(np.array(1.4))
    for f in (0.0, 0.25, 1.0):
        np.testing.assert_allclose(slerp(a, -b, np.array(f)), r.yaw_to_quat(np.array(0.2 + 1.2 * f)), atol=1e-12)
    t = np.array([0, 100], dtype=np.int64)
    np.testing.assert_allclose(slerp_at(t, np.stack([a, b]), np.array([50]))[0], r.yaw_to_quat(np.array(0.8)), atol=1e-12)
    np.testing.assert_allclose(slerp(a, a, np.array(0.5)), a)


# ---- filters


def test_the_low_pass_is_scipys_forward_backward_butterworth() -> None:
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.normal(size=(600, 2)), axis=0)
    for order in (2, 4):
        expected = sosfiltfilt(butter(order, 5.0, fs=120.0, output="sos"), x, axis=0)
        found = lowpass(x, rate_hz=120.0, cutoff_hz=5.0, order=order)
        np.testing.assert_allclose(found[60:-60], expected[60:-60], atol=2e-2 * np.ptp(x))
        assert np.abs(found[60:-60] - expected[60:-60]).mean() < 2e-3 * np.ptp(x)


def test_the_low_pass_halves_at_its_cut_off_and_delays_nothing() -> None:
    t = np.arange(2400) / 120.0
    x = np.sin(2 * np.pi * 5.0 * t)[:, None]
    y = lowpass(x, rate_hz=120.0, cutoff_hz=5.0)
    np.testing.assert_allclose(y[240:-240], 0.5 * x[240:-240], atol=5e-3)


def test_the_low_pass_keeps_lines_and_leaves_its_input() -> None:
    line = np.linspace(0, 3, 200)[:, None]
    before = line.copy()
    np.testing.assert_allclose(lowpass(line, rate_hz=100.0, cutoff_hz=5.0), line, atol=1e-2)
    np.testing.assert_array_equal(line, before)
    np.testing.assert_array_equal(lowpass(line, rate_hz=100.0, cutoff_hz=80.0), line)
    with pytest.raises(ShapeError, match="positive rate"):
        lowpass(line, rate_hz=0.0, cutoff_hz=5.0)


def test_derivatives_are_per_second() -> None:
    t_ns = np.array([0, 10_000_000, 20_000_000, 40_000_000])
    np.testing.assert_allclose(derivative(3.0 * (t_ns * 1e-9)[:, None], t_ns), 3.0)
    np.testing.assert_array_equal(derivative(np.ones((1, 2)), t_ns[:1]), np.zeros((1, 2)))


def test_frozen_arrays_cannot_be_written() -> None:
    frozen = frozen_f64([1, 2])
    with pytest.raises(ValueError, match="read-only"):
        frozen[0] = 3.0
