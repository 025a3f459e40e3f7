"""Triangulation: exact without noise, indifferent to outliers with enough views, honest where views do not suffice."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera
from understudy.mocap._triangulate import triangulate
from understudy.testing.cameras import camera_ring

CENTRE = (0.0, 0.0, 1.0)


def _points(count: int = 200) -> F64:
    rng = np.random.default_rng(3)
    return np.asarray(rng.uniform([-0.8, -0.8, 0.0], [0.8, 0.8, 1.8], (count, 3)))


def _seen(cameras: tuple[Camera, ...], points: F64) -> F64:
    return np.stack([c.project(points) for c in cameras])


@pytest.mark.parametrize("count", [2, 3, 6])
def test_exact_pixels_give_exact_points(count: int) -> None:
    cameras, points = camera_ring(count, centre_m=CENTRE), _points()
    found = triangulate(cameras, _seen(cameras, points), np.ones((count, len(points))))
    np.testing.assert_allclose(found.pos_world, points, atol=1e-7)
    assert found.used.all()
    assert float(found.error_px.max()) < 1e-4


def test_two_known_cameras_by_hand() -> None:
    """One camera at the origin looking along z, one at x = 1 looking back along -x: the point lies where the axes meet."""
    matrix = np.diag([1000.0, 1000.0, 1.0])
    ahead = Camera("a", matrix, np.zeros(5), np.eye(3), np.zeros(3))
    turned = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # its forward is the world's -x
    aside = Camera("b", matrix, np.zeros(5), turned, -turned @ np.array([1.0, 0.0, 2.0]))
    found = triangulate([ahead, aside], np.zeros((2, 1, 2)), np.ones((2, 1)))
    np.testing.assert_allclose(found.pos_world, [[0.0, 0.0, 2.0]], atol=1e-9)


def test_an_outlier_is_dropped_and_named() -> None:
    cameras, points = camera_ring(4, centre_m=CENTRE), _points()
    px = _seen(cameras, points)
    px[2, :, 0] += 80.0
    found = triangulate(cameras, px, np.ones(px.shape[:2]))
    np.testing.assert_allclose(found.pos_world, points, atol=1e-6)
    assert not found.used[2].any()
    assert found.used[[0, 1, 3]].all()
    np.testing.assert_allclose(np.median(found.residual_px[2]), 80.0, rtol=0.05)


def test_a_weak_view_is_not_used_and_weights_pull() -> None:
    cameras, points = camera_ring(3, centre_m=CENTRE), _points(50)
    px, weight = _seen(cameras, points), np.ones((3, 50))
    px[1] += 6.0
    weight[1] = 0.1
    np.testing.assert_allclose(triangulate(cameras, px, weight).pos_world, points, atol=1e-6)
    light, heavy = weight.copy(), weight.copy()
    light[1], heavy[1] = 0.35, 1.0
    errors = [np.linalg.norm(triangulate(cameras, px, w).pos_world - points, axis=1).mean() for w in (light, heavy)]
    assert 1e-4 < errors[0] < errors[1]


def test_one_view_is_not_enough() -> None:
    cameras, points = camera_ring(3, centre_m=CENTRE), _points(10)
    px = _seen(cameras, points)
    px[1:, 4] = np.nan
    found = triangulate(cameras, px, np.ones(px.shape[:2]))
    assert np.isnan(found.pos_world[4]).all()
    assert np.isnan(found.error_px[4])
    assert not found.used[:, 4].any()
    assert np.isfinite(np.delete(found.pos_world, 4, axis=0)).all()


def test_two_views_that_contradict_each_other_give_nothing() -> None:
    cameras, points = camera_ring(2, centre_m=CENTRE), _points(10)
    px = _seen(cameras, points)
    px[1, :, 1] += 200.0
    assert np.isnan(triangulate(cameras, px, np.ones(px.shape[:2])).pos_world).all()


def test_parallel_rays_give_nothing() -> None:
    matrix = np.diag([1000.0, 1000.0, 1.0])
    cameras = [Camera(f"c{i}", matrix, np.zeros(5), np.eye(3), np.array([-0.1 * i, 0.0, 0.0])) for i in range(2)]
    far = np.array([[0.0, 0.0, 100.0]])
    assert np.isnan(triangulate(cameras, np.stack([c.project(far) for c in cameras]), np.ones((2, 1))).pos_world).all()


def test_unit_and_order_of_the_world_do_not_matter() -> None:
    """The same rig in millimetres and moved far away gives the same points, scaled and moved."""
    cameras, points = camera_ring(4, centre_m=CENTRE), _points(40)
    rng = np.random.default_rng(0)
    px = _seen(cameras, points) + 2.0 * rng.standard_normal((4, 40, 2))
    away = np.array([1e5, -2e5, 500.0])
    moved = [
        Camera(c.name, c.matrix_px, c.distortion, c.R_camera_world, 1000.0 * c.t_camera - c.R_camera_world @ away)
        for c in cameras
    ]
    a = triangulate(cameras, px, np.ones((4, 40))).pos_world
    b = triangulate(moved[::-1], px[::-1], np.ones((4, 40))).pos_world
    np.testing.assert_allclose((b - away) / 1000.0, a, atol=1e-6)


def test_noise_over_six_cameras_with_outliers() -> None:
    cameras, points = camera_ring(6, centre_m=CENTRE), _points(3000)
    rng = np.random.default_rng(1)
    px = _seen(cameras, points) + 3.0 * rng.standard_normal((6, 3000, 2))
    wrong = rng.random((6, 3000)) < 0.1
    px[wrong] += rng.uniform(-300.0, 300.0, (int(wrong.sum()), 2))
    error = np.linalg.norm(triangulate(cameras, px, np.ones((6, 3000))).pos_world - points, axis=1)
    assert float(np.nanmean(error)) < 0.012
    assert float(np.isnan(error).mean()) < 0.001
    assert float(np.nanpercentile(error, 99)) < 0.03


def test_arrays_that_do_not_fit_are_refused() -> None:
    cameras = camera_ring(2, centre_m=CENTRE)
    with pytest.raises(ShapeError, match="two cameras or more"):
        triangulate(cameras[:1], np.zeros((1, 5, 2)), np.ones((1, 5)))
    with pytest.raises(ShapeError, match=r"\(2, 4\)"):
        triangulate(cameras, np.zeros((2, 5, 2)), np.ones((2, 4)))
