"""Where the soles are, which feet stand, and what the robot stands on."""

from __future__ import annotations

import numba
import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64, Bool
from understudy.kinematics.course import central_speeds
from understudy.kinematics.forward import BodyPoses
from understudy.spec.robot import RobotModel

SIDES = ("left", "right")
HEIGHT_M, SPEED_M_S = 0.015, 0.2
"""A sole below this height and slower than this stands."""
RELEASE = 1.5
"""A standing foot leaves only above this multiple of either threshold, so that noise does not make it flicker."""
HALF_WINDOW_NS = 33_333_333
"""Speeds are taken over +- 1/30 s, whatever the rate."""


def sole_points(robot: RobotModel, poses: BodyPoses) -> dict[str, F64]:
    """`left` and `right`: (T, K, 3) points of the sole's outline in `world`, metres."""
    return {
        side: poses.points(*robot.on_body(robot.profile.soles[side].link, np.array(robot.profile.soles[side].outline_m)))
        for side in SIDES
    }


def foot_contact(robot: RobotModel, poses: BodyPoses, t_ns: I64) -> Bool:
    """Which feet stand on the ground z = 0.

    A foot starts to stand where its lowest sole point is below 1.5 cm and the sole's centre moves slower than 0.2 m/s over the
    ground; it stands on until one of the two exceeds 1.5 times its threshold.

    Args:
        t_ns: (T,) strictly increasing, nanoseconds.

    Returns:
        (T, 2) left, right.

    Raises:
        ShapeError: there are not as many times as poses.
    """
    if len(t_ns) != len(poses.pos_world_m):
        raise ShapeError(f"t_ns has {len(t_ns)} steps, poses have {len(poses.pos_world_m)}; they must be of one motion")
    return standing(*sole_track(robot, poses), t_ns)


def sole_track(robot: RobotModel, poses: BodyPoses) -> tuple[F64, F64]:
    """(T, 2) height of each sole's lowest point and (T, 2, 3) its centre in `world`, metres: all that contacts are told by."""
    lowest, centres = np.empty((len(poses.pos_world_m), len(SIDES))), []
    for i, side in enumerate(SIDES):
        sole = robot.profile.soles[side]
        _fill_lowest(poses.pos_world_m, poses.rot_world, *robot.on_body(sole.link, np.array(sole.outline_m)), lowest[:, i])
        centres.append(poses.points(*sole_centre(robot, side)))
    return lowest, np.stack(centres, axis=1)


@numba.njit(cache=True, nogil=True)
def _fill_lowest(pos: F64, rot: F64, body: int, offset: F64, out: F64) -> None:
    """Fill `out` (T,) with the height of the lowest of a body's points (K, 3)."""
    for t in range(len(pos)):
        low = np.inf
        for k in range(len(offset)):
            z = rot[t, body, 2, 0] * offset[k, 0] + rot[t, body, 2, 1] * offset[k, 1] + rot[t, body, 2, 2] * offset[k, 2]
            low = min(low, pos[t, body, 2] + z)
        out[t] = low


def standing(lowest_m: F64, centre_world_m: F64, t_ns: I64) -> Bool:
    """(T, 2) which feet stand, as `foot_contact`, from what `sole_track` gives."""
    feet = [stands(lowest_m[:, i], horizontal_speed(centre_world_m[:, i], t_ns)) for i in range(len(SIDES))]
    return np.stack(feet, axis=1)


def sole_centre(robot: RobotModel, side: str) -> tuple[int, F64]:
    """Body and offset (3,) in that body, metres, of the middle of the sole's bounding rectangle, at its lowest height."""
    sole = robot.profile.soles[side]
    outline = np.array(sole.outline_m)
    low, high = outline.min(axis=0), outline.max(axis=0)
    return robot.on_body(sole.link, np.array([(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0, low[2]]))


def horizontal_speed(pos_world_m: F64, t_ns: I64) -> F64:
    """(T,) speed over the ground of a path (T, 3), m/s, central difference over +- 1/30 s (shorter at the ends)."""
    return np.asarray(central_speeds(pos_world_m[:, :2], t_ns, HALF_WINDOW_NS))


def support_polygon(sole_points_world_m: dict[str, F64], contact: Bool) -> tuple[F64, ...]:
    """What the robot stands on at each step.

    Args:
        sole_points_world_m: as `sole_points` gives them, (T, K, 3) per side.
        contact: (T, 2) left, right.

    Returns:
        T outlines (N, 2), counter-clockwise convex hulls of the standing soles' points on the ground; N = 0 where no foot stands.
    """
    outlines = []
    for step, standing in enumerate(contact):
        feet = [sole_points_world_m[side][step, :, :2] for side, carries in zip(SIDES, standing, strict=True) if carries]
        outlines.append(_hull(np.concatenate(feet)) if feet else np.empty((0, 2)))
    return tuple(outlines)


def _hull(points: F64) -> F64:
    from scipy.spatial import ConvexHull, QhullError  # slow to load, and few need it

    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:  # a foot on its edge: the points lie on a line
        along = points @ np.linalg.svd(points - points.mean(axis=0))[2][0]
        return np.asarray(points[[int(np.argmin(along)), int(np.argmax(along))]])


def stands(height_m: F64, speed_m_s: F64) -> Bool:
    """(T,) from where a point is low and slow enough to where it is RELEASE times too high or too fast."""
    on: Bool = held(
        (height_m < HEIGHT_M) & (speed_m_s < SPEED_M_S),
        (height_m > RELEASE * HEIGHT_M) | (speed_m_s > RELEASE * SPEED_M_S),
    )
    return on


@numba.njit(cache=True, nogil=True)
def held(begins: Bool, ends: Bool) -> Bool:
    """(T,) true from where `begins` holds to where `ends` does; where both hold, it begins."""
    on = np.empty(len(begins), dtype=np.bool_)
    now = False
    for step in range(len(begins)):
        now = begins[step] or (now and not ends[step])
        on[step] = now
    return on
