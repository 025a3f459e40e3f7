"""The camera model: OpenCV's figures, and laws that any camera keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera, five_coefficients, rotation_from_vector

MATRIX = np.array([[1200.0, 0.0, 960.0], [0.0, 1190.0, 540.0], [0.0, 0.0, 1.0]])
LENS = np.array([-0.2, 0.08, 0.002, -0.001, 0.03])


def _camera(**changes: object) -> Camera:
    rotation = rotation_from_vector(np.array([0.3, -0.7, 0.2]))
    camera = Camera("one", MATRIX, LENS, rotation, np.array([0.1, -0.2, 4.0]), (1920, 1080))
    return replace(camera, **changes)  # type: ignore[arg-type]


def test_pixels_are_those_of_opencv() -> None:
    """The figures are of cv2.projectPoints 4.11 with the same camera."""
    points = np.array([[0.0, 0.0, 0.0], [0.5, 0.3, 0.8], [-1.2, 0.9, -0.4]])
    expected = [[989.97002346, 480.55945346], [938.080813, 504.69793522], [653.43225586, 796.63620494]]
    np.testing.assert_allclose(_camera().project(points), expected, atol=1e-6)


def test_rotation_vector_is_that_of_opencv() -> None:
    expected = [
        [0.74841182, -0.27965051, -0.6013945],
        [0.08027874, 0.93828969, -0.33640419],
        [0.65835786, 0.20348968, 0.72467708],
    ]
    np.testing.assert_allclose(rotation_from_vector(np.array([0.3, -0.7, 0.2])), expected, atol=1e-8)
    np.testing.assert_array_equal(rotation_from_vector(np.zeros(3)), np.eye(3))


def test_axes_are_right_down_forward() -> None:
    straight = Camera("one", MATRIX, np.zeros(5), np.eye(3), np.zeros(3))
    centre, right, down = straight.project(np.array([[0.0, 0.0, 2.0], [0.5, 0.0, 2.0], [0.0, 0.5, 2.0]]))
    np.testing.assert_allclose(centre, [960.0, 540.0])
    np.testing.assert_allclose(right, [960.0 + 1200.0 * 0.25, 540.0])
    np.testing.assert_allclose(down, [960.0, 540.0 + 1190.0 * 0.25])


def test_what_is_behind_has_no_pixel() -> None:
    camera = _camera()
    behind = camera.centre - camera.R_camera_world[2]
    assert np.isnan(camera.project(behind)).all()
    assert np.isfinite(camera.project(camera.centre + camera.R_camera_world[2])).all()


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(
        st.floats(-0.25, 0.3), st.floats(-0.05, 0.15), st.floats(-0.005, 0.005), st.floats(-0.005, 0.005), st.floats(-0.02, 0.03)
    ),
    st.floats(0.0, 0.85),
    st.floats(-np.pi, np.pi),
)
def test_undistorting_undoes_distorting(lens: tuple[float, ...], radius: float, angle: float) -> None:
    """Within the range where a pixel further out is a ray further out."""
    camera = _camera(distortion=np.array(lens))
    ray: F64 = radius * np.array([np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(camera.normalised(camera.pixels(ray)), ray, atol=1e-7)


def test_a_ray_through_a_pixel_meets_the_point() -> None:
    camera, point = _camera(), np.array([0.4, -0.3, 0.7])
    in_camera = camera.R_camera_world @ point + camera.t_camera
    np.testing.assert_allclose(camera.normalised(camera.project(point)), in_camera[:2] / in_camera[2], atol=1e-9)


def test_a_pixel_that_no_lens_makes_is_nan() -> None:
    barrel = _camera(distortion=np.array([-0.3, 0.0, 0.0, 0.0, 0.0]))
    assert np.isnan(barrel.normalised(np.array([9e3, 540.0]))).all()


def test_a_scaled_image_is_the_same_camera() -> None:
    full, half = _camera(), _camera().resized((960, 540))
    point = np.array([0.5, 0.3, 0.8])
    np.testing.assert_allclose((full.project(point) + 0.5) / 2.0 - 0.5, half.project(point), atol=1e-9)
    padded = _camera(size_px=(1920, 1088)).resized((1920, 1080))
    np.testing.assert_array_equal(padded.matrix_px, full.matrix_px)
    with pytest.raises(MocapError, match="rotated or cropped"):
        full.resized((1080, 1920))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matrix_px": MATRIX * [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]}, "focal lengths"),
        ({"matrix_px": MATRIX.T}, "camera matrix must be"),
        ({"R_camera_world": np.diag([1.0, 1.0, -1.0])}, "mirrored"),
        ({"R_camera_world": np.eye(3) * 2.0}, "rotation is none"),
        ({"t_camera": np.array([0.0, np.nan, 0.0])}, "finite"),
        ({"size_px": (0, 1080)}, "width, height"),
    ],
)
def test_what_is_no_camera_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(MocapError, match=message):
        _camera(**changes)


def test_lens_models_that_are_not_read_are_refused() -> None:
    np.testing.assert_array_equal(five_coefficients("a", [0.1, 0.2]), [0.1, 0.2, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(five_coefficients("a", [1, 2, 3, 4, 5, 0, 0, 0]), [1, 2, 3, 4, 5])
    with pytest.raises(MocapError, match="rational"):
        five_coefficients("a", [1, 2, 3, 4, 5, 6, 0, 0])
    with pytest.raises(MocapError, match="3 distortion coefficients"):
        five_coefficients("a", [1, 2, 3])
