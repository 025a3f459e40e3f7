"""A robot's hands, read off its model: where the palm points, which side is the thumb's, what its fingers are.

Nothing is taken from names. The elbow folds the forearm towards the thumb's side of a hand that is turned neither in nor out,
so that is where the thumb belongs at zero. Fingers are the chains of the joint group `left_hand` or `right_hand`; the thumb is
the one that stands off from the others, which follow by their place from the thumb's side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.spec.hand import at_right_angles, palm_normal, unit
from understudy.spec.robot import RobotModel

PARALLEL = 0.7
"""Cosine from which a joint's axis counts as lying along the hand: it rolls the palm, others aim the hand."""


@dataclass(frozen=True)
class Palm:
    """How a hand sits on the body that carries it.

    Attributes:
        body: that body.
        forward, radial: (3,) unit vectors in its axes: along the straight hand, and to the thumb's side.
        aims, rolls: joints beyond the elbow that turn the hand's direction, and the palm about it.
    """

    body: int
    forward: F64
    radial: F64
    aims: tuple[int, ...]
    rolls: tuple[int, ...]

    @property
    def can_aim(self) -> bool:
        """Whether the arm can turn the hand's direction without moving the elbow or the wrist."""
        return bool(self.aims)

    @property
    def can_roll(self) -> bool:
        """Whether the arm can turn the palm about the hand's direction."""
        return bool(self.rolls)


@dataclass(frozen=True)
class Digit:
    """A finger.

    Attributes:
        body: of the joint's group, the body its tip is on, counted from the palm's 0.
        base: (3,) its first joint in the palm's body at zero.
        tip: (3,) its end in the axes of `body`.
        length_m: base to tip at zero along the bones.
    """

    body: int
    base: F64
    tip: F64
    length_m: float


@dataclass(frozen=True)
class RobotHand:
    """A hand with fingers.

    Attributes:
        side: left or right.
        joints: (n,) columns of its joints in the robot's order.
        parent: (n,) body of each joint, the palm being 0 and body j + 1 moved by joint j of the hand.
        axes: (3, 3) rows along the hand, to the thumb's side and out of the palm, in the palm's body.
        thumb: the thumb; None where no finger stands off.
        fingers: the others, from the thumb's side.
    """

    side: str
    joints: I64
    parent: I64
    axes: F64
    thumb: Digit | None
    fingers: tuple[Digit, ...]


def palm_of(robot: RobotModel, side: str) -> Palm | None:
    """How a hand sits on its arm; None where the profile has no point for it."""
    wanted = [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hand")]
    if not all(name in robot.profile.points for name in wanted):
        return None
    shoulder, elbow, wrist, hand = (robot.point(name) for name in wanted)
    zero = _posed(robot, {})
    chain = _chain(robot, hand[0])
    beyond = tuple(j for j in chain if j not in _chain(robot, elbow[0]))
    forearm = zero.points(*wrist)[0] - zero.points(*elbow)[0]
    axes = [_axis(robot, zero, j) for j in beyond]
    along = next((a * np.sign(a @ forearm) for a in axes if abs(a @ unit(forearm)) > 0.9), None)
    forward = unit(zero.points(*hand)[0] - zero.points(*wrist)[0]) if along is None else along
    bend = _chain(robot, elbow[0])[-1]
    folded = {
        limit: float(np.linalg.norm(poses.points(*wrist)[0] - poses.points(*shoulder)[0]))
        for limit in (robot.lower_rad[bend], robot.upper_rad[bend])
        for poses in (_posed(robot, {bend: float(limit)}),)
    }
    sense = -1.0 if folded[robot.lower_rad[bend]] < folded[robot.upper_rad[bend]] else 1.0
    radial = at_right_angles(sense * np.cross(_axis(robot, zero, bend), forearm), forward)
    if not (np.isfinite(forward).all() and np.isfinite(radial).all()):
        return None
    along_hand = {j: abs(float(a @ forward)) > PARALLEL for j, a in zip(beyond, axes, strict=True)}
    to_body = zero.rot_world[0, hand[0]].T
    return Palm(
        hand[0], to_body @ forward, to_body @ radial,
        aims=tuple(j for j in beyond if not along_hand[j]), rolls=tuple(j for j in beyond if along_hand[j]),
    )  # fmt: skip


def robot_hand(robot: RobotModel, side: str) -> RobotHand | None:
    """The fingers of a hand; None where the robot has none on that side."""
    names = robot.profile.groups.get(f"{side}_hand", ())
    palm = palm_of(robot, side)
    if not names or palm is None:
        return None
    joints = sorted(robot.joint_index(name) for name in names)
    own = {j + 1: i + 1 for i, j in enumerate(joints)}
    parent = np.array([own.get(int(robot.body_parent[j]), 0) for j in joints])
    digits = [_digit(robot, joints, parent, palm.body, i) for i in range(len(joints)) if parent[i] == 0]
    axes = np.stack([palm.forward, palm.radial, palm_normal(palm.forward, palm.radial, side)])
    thumb = _odd_one(robot, joints, digits, palm.body)
    rest = sorted((d for d in digits if d is not thumb), key=lambda d: -float(d.base @ palm.radial))
    return RobotHand(side, np.array(joints, dtype=np.int64), parent.astype(np.int64), axes, thumb, tuple(rest))


def _digit(robot: RobotModel, joints: list[int], parent: I64, palm: int, first: int) -> Digit:
    """The chain of joints that begins with one on the palm; its end lies twice as far as the last body's centre of mass."""
    chain = [first]
    while (below := np.flatnonzero(parent == chain[-1] + 1)).size:
        chain.append(int(below[0]))
    zero = _posed(robot, {})
    to_palm = zero.rot_world[0, palm].T
    places = [to_palm @ (zero.pos_world_m[0, joints[i] + 1] - zero.pos_world_m[0, palm]) for i in chain]
    last = joints[chain[-1]] + 1
    # along the line of the last bone: the centre of mass may lie beside it
    tip_world = 2.0 * zero.rot_world[0, last] @ robot.com_body_m[last]
    along = unit(to_palm.T @ (places[-1] - places[-2])) if len(places) > 1 else unit(tip_world)
    tip = zero.rot_world[0, last].T @ (along * float(tip_world @ along))
    bones = [float(np.linalg.norm(b - a)) for a, b in zip(places[:-1], places[1:], strict=True)]
    return Digit(chain[-1] + 1, places[0], tip, sum(bones) + float(np.linalg.norm(tip)))


def _odd_one(robot: RobotModel, joints: list[int], digits: list[Digit], palm: int) -> Digit | None:
    """The finger that points most away from the mean of the others at zero, if by over 30 degrees."""
    if len(digits) < 2:
        return None
    zero = _posed(robot, {})
    to_palm = zero.rot_world[0, palm].T
    ways = []
    for d in digits:
        end = zero.points(joints[d.body - 1] + 1, d.tip)[0]
        ways.append(unit(to_palm @ (end - zero.pos_world_m[0, palm]) - d.base))
    apart = [float(way @ unit(np.sum([w for w in ways if w is not way], axis=0))) for way in ways]
    odd = int(np.argmin(apart))
    return digits[odd] if apart[odd] < np.cos(np.radians(30.0)) else None


def _posed(robot: RobotModel, angles: dict[int, float]) -> BodyPoses:
    """The robot at zero, save some joints."""
    q = np.zeros((1, robot.dof))
    for joint, angle in angles.items():
        q[0, joint] = angle
    return body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), q)


def _axis(robot: RobotModel, zero: BodyPoses, joint: int) -> F64:
    """(3,) a joint's axis in the world."""
    return np.asarray(zero.rot_world[0, joint + 1] @ robot.axis_joint[joint])


def _chain(robot: RobotModel, body: int) -> list[int]:
    """Joints between the root and a body, nearest the root first."""
    out: list[int] = []
    while body > 0:
        out.append(body - 1)
        body = int(robot.body_parent[body - 1])
    return out[::-1]
