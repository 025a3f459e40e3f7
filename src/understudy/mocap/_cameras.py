"""The pinhole camera with a distorting lens, as OpenCV models it.

Camera axes are x right, y down, z forward; pixel (0, 0) is the centre of the first pixel. Positions are in the unit of the
calibration, which is not always known: they carry no suffix.

Source: OpenCV documentation, module calib3d, "Detailed Description" (camera model with k1, k2, p1, p2, k3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, frozen_f64

MAX_SIZE_PX = 100_000
CODEC_BLOCK_PX = 16
"""Video codecs pad images to blocks; a size that differs by less is the same image, not a scaled one."""
_NEWTON_STEPS, _CONVERGED = 20, 1e-9


@dataclass(frozen=True)
class Camera:
    """One calibrated camera.

    Attributes:
        name: as the calibration calls it.
        matrix_px: (3, 3) focal lengths and principal point, pixels.
        distortion: (5,) k1, k2, p1, p2, k3 of normalised coordinates.
        R_camera_world: (3, 3) takes world axes to camera axes.
        t_camera: (3,) the world's origin in camera axes, unit of the calibration.
        size_px: width and height of the image; None where the calibration does not say.
    """

    name: str
    matrix_px: F64
    distortion: F64
    R_camera_world: F64
    t_camera: F64
    size_px: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        shapes = {"matrix_px": (3, 3), "distortion": (5,), "R_camera_world": (3, 3), "t_camera": (3,)}
        for field, shape in shapes.items():
            values = frozen_f64(getattr(self, field))
            if values.shape != shape or not bool(np.isfinite(values).all()):
                raise MocapError(f"camera {self.name}: {field} has shape {values.shape}; {shape} finite numbers are needed")
            object.__setattr__(self, field, values)
        _check_matrix(self.name, self.matrix_px)
        object.__setattr__(self, "R_camera_world", frozen_f64(_rotation(self.name, self.R_camera_world)))
        if self.size_px is not None and not all(1 <= n <= MAX_SIZE_PX for n in self.size_px):
            raise MocapError(f"camera {self.name}: an image of {self.size_px[0]} x {self.size_px[1]} pixels; write width, height")

    @property
    def focal_px(self) -> F64:
        """(2,) focal lengths along x and y."""
        return np.asarray(self.matrix_px[[0, 1], [0, 1]])

    @property
    def centre(self) -> F64:
        """(3,) position of the camera in `world`, unit of the calibration."""
        return np.asarray(-self.R_camera_world.T @ self.t_camera)

    def pixels(self, normalised: F64) -> F64:
        """(..., 2) pixels of undistorted normalised coordinates (..., 2), which are x / z and y / z in camera axes."""
        return np.asarray(_distorted(normalised, self.distortion) * self.focal_px + self.matrix_px[:2, 2])

    def project(self, point_world: F64) -> F64:
        """(..., 2) pixels of points (..., 3); NaN for points that are not in front of the camera."""
        point = point_world @ self.R_camera_world.T + self.t_camera
        depth = np.where(point[..., 2:] > 0.0, point[..., 2:], np.nan)
        return self.pixels(point[..., :2] / depth)

    def normalised(self, px: F64) -> F64:
        """(..., 2) undistorted normalised coordinates of pixels (..., 2); NaN where the lens cannot have made such a pixel."""
        wanted = (px - self.matrix_px[:2, 2]) / self.focal_px
        if not self.distortion.any():
            return np.asarray(wanted)
        found = wanted.copy()
        with np.errstate(all="ignore"):  # pixels far outside the lens's range run away; they are NaN in the end
            for _ in range(_NEWTON_STEPS):
                error = _distorted(found, self.distortion) - wanted
                found = found - np.linalg.solve(_lens_slope(found, self.distortion), error[..., None])[..., 0]
                if not bool(np.any(np.abs(error) > _CONVERGED)):
                    break
            error = np.abs(_distorted(found, self.distortion) - wanted).max(axis=-1, keepdims=True)
            near = np.abs(found - wanted).max(axis=-1, keepdims=True) < 1.0 + np.abs(wanted).max(axis=-1, keepdims=True)
            return np.asarray(np.where((error < 1e-6) & near, found, np.nan))

    def resized(self, size_px: tuple[int, int]) -> Camera:
        """The same camera with its image scaled to another size.

        Raises:
            MocapError: the other size has other proportions.
        """
        if self.size_px is None or max(abs(a - b) for a, b in zip(self.size_px, size_px, strict=True)) < CODEC_BLOCK_PX:
            return replace(self, size_px=size_px)
        scale = np.array(size_px) / np.array(self.size_px)
        if abs(scale[0] / scale[1] - 1.0) > 0.01:
            raise MocapError(
                f"camera {self.name}: calibrated at {self.size_px[0]} x {self.size_px[1]} pixels, the keypoints come from "
                f"{size_px[0]} x {size_px[1]}, which is a rotated or cropped image; calibrate with the images that "
                f"are detected in"
            )
        matrix = self.matrix_px.copy()
        matrix[:2, 2] = (matrix[:2, 2] + 0.5) * scale - 0.5
        matrix[[0, 1], [0, 1]] *= scale
        return replace(self, matrix_px=matrix, size_px=size_px)


def rotation_from_vector(rotvec_rad: F64) -> F64:
    """(3, 3) rotation by the length of `rotvec_rad` (3,) about its direction: the formula of Rodrigues."""
    angle = float(np.linalg.norm(rotvec_rad))
    x, y, z = rotvec_rad / max(angle, 1e-300)
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * K @ K)


def five_coefficients(name: str, coefficients: Sequence[float]) -> F64:
    """(5,) distortion of a list with 0, 2, 4, 5 or more coefficients in OpenCV's order.

    Raises:
        MocapError: another number, or coefficients beyond the fifth that are not zero.
    """
    values = np.asarray(coefficients, dtype=np.float64).ravel()
    if len(values) not in (0, 2, 4, 5, 8, 12, 14):
        raise MocapError(f"camera {name}: {len(values)} distortion coefficients; 4 or 5 are needed (k1, k2, p1, p2, k3)")
    if bool(np.any(values[5:] != 0.0)):
        raise MocapError(
            f"camera {name}: the rational, thin prism or tilted lens model is not read; calibrate again with k1, k2, "
            f"p1, p2, k3 only"
        )
    out = np.zeros(5)
    out[: min(len(values), 5)] = values[:5]
    return out


def _distorted(normalised: F64, distortion: F64) -> F64:
    k1, k2, p1, p2, k3 = distortion
    x, y = normalised[..., 0], normalised[..., 1]
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.stack(
        [x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y],
        axis=-1,
    )


def _lens_slope(normalised: F64, distortion: F64) -> F64:
    """(..., 2, 2) derivative of `_distorted`; the identity where it is not finite or cannot be inverted."""
    k1, k2, p1, p2, k3 = distortion
    x, y = normalised[..., 0], normalised[..., 1]
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    bend = 2.0 * (k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3))
    cross = x * y * bend + 2.0 * (p1 * x + p2 * y)
    out = np.empty((*x.shape, 2, 2))
    out[..., 0, 0] = radial + x * x * bend + 2.0 * p1 * y + 6.0 * p2 * x
    out[..., 1, 1] = radial + y * y * bend + 6.0 * p1 * y + 2.0 * p2 * x
    out[..., 0, 1] = out[..., 1, 0] = cross
    determinant = out[..., 0, 0] * out[..., 1, 1] - cross * cross
    usable = np.isfinite(determinant) & (np.abs(determinant) > 1e-9)
    return np.where(usable[..., None, None], out, np.eye(2))


def _check_matrix(name: str, matrix: F64) -> None:
    fx, fy = matrix[0, 0], matrix[1, 1]
    if not (fx > 1.0 and fy > 1.0):
        raise MocapError(
            f"camera {name}: focal lengths {fx:g} and {fy:g}; they are in pixels and positive, in the order fx 0 cx / 0 fy cy"
        )
    if (
        abs(matrix[0, 1]) > 1e-6 * fx
        or bool(np.any(np.abs(matrix[[1, 2, 2], [0, 0, 1]]) > 1e-6))
        or abs(matrix[2, 2] - 1.0) > 1e-6
    ):
        raise MocapError(
            f"camera {name}: the camera matrix must be fx 0 cx / 0 fy cy / 0 0 1 without skew; found {matrix.tolist()}"
        )


def _rotation(name: str, matrix: F64) -> F64:
    """The nearest rotation to a matrix that is one but for rounding."""
    u, _, vt = np.linalg.svd(matrix)
    nearest = u @ vt
    if np.abs(nearest - matrix).max() > 1e-2 or np.linalg.det(nearest) < 0.0:
        raise MocapError(
            f"camera {name}: the rotation is none (its axes are not square to each other, not of length 1, or "
            f"mirrored): {matrix.tolist()}"
        )
    return np.asarray(nearest)
