"""What the kernels work on: the robot, what each frame is asked, the unknowns, and the one-sided terms in force."""

from __future__ import annotations

from typing import NamedTuple

from understudy.geom.arrays import F32, F64, I64, U8


class Tree(NamedTuple):
    """The robot as the kernels see it. chain (B, J): joints that move a body, nearest the root first; lever (J,): no point of
    a capsule that the joint moves is further from it, metres."""

    parent: I64
    rot0: F64
    pos0: F64
    axis0: F64
    chain: I64
    chain_len: I64
    lower: F64
    upper: F64
    rest: F64
    rest_weight: F64
    lever: F64


class Vectors(NamedTuple):
    """Vector tasks: (p_b - p_a) / length follows a target; a_body -1 is the world's origin.

    cols (V, nv): tangent columns that each depends on, col_len (V,) how many; moves (V, nv): how each of them moves the
    vector (`_frame_terms`: as a whole, at its tip, or at its tail).
    """

    a_body: I64
    a_off: F64
    b_body: I64
    b_off: F64
    inv_len: F64
    cols: I64
    col_len: I64
    moves: U8


class Ground(NamedTuple):
    """Points that must stay above `clearance` (G,), and those that must not slip while they are planted (M,).

    The first four slip points are heel and toe of the left and right sole.
    """

    body: I64
    offset: F64
    clearance: F64
    slip_body: I64
    slip_offset: F64


class Capsules(NamedTuple):
    """Collision capsules (C,), how far each reaches from its middle, and the pairs (P, 2) that must keep apart.

    meeting (K, 4): two bodies, and the first and the end of their pairs in the table; ball (B, 4): centre and radius of a ball
    around all of a body's capsules.
    """

    body: I64
    a: F64
    b: F64
    radius: F64
    reach: F64
    pair: I64
    meeting: I64
    ball: F64


class Drive(NamedTuple):
    """What each frame is asked.

    target (T, V, 3) and weight (T, V) of the vector tasks; pull (T, G) two-sided height weights; slip (T, M) weights between
    frames f and f + 1, and slide (T, M, 2) how far a point should go over the ground meanwhile, 0 for a planted foot; accel
    (T, nv) weights of the second difference centred on each frame; step (J,) most that a joint turns from frame to frame.
    """

    target: F64
    weight: F64
    pull: F64
    slip: F64
    slide: F64
    accel: F64
    step: F64


class Pose(NamedTuple):
    """The unknowns: root_pos (T, 3), root_rot (T, 3, 3), q (T, J)."""

    root_pos: F64
    root_rot: F64
    q: F64


class Bodies(NamedTuple):
    """One frame's forward kinematics: pos (B, 3), rot (B, 3, 3) and joint axes (J, 3) in world."""

    pos: F64
    rot: F64
    axis: F64


class Active(NamedTuple):
    """One-sided terms in force: ground (T, G), limit (T, J: 1 lower, 2 upper), pair (T, P), and speed (T, J: 1 up, 2 down)
    between each frame and the one before it.

    gone (T, B): the most that each body's points have moved against the root since the solve began, metres; wait (T, K):
    two bodies' pairs are not looked at before the sum of theirs, the step to come included, exceeds this.
    """

    ground: U8
    limit: U8
    pair: U8
    speed: U8
    gone: F32
    wait: F32


class Stiff(NamedTuple):
    """Weights of the one-sided terms, and the collision margin, metres."""

    ground: float
    limit: float
    pair: float
    speed: float
    margin: float


class Part(NamedTuple):
    """What is solved for together, the rest of the robot being held.

    cols (n,): its tangent columns, ascending; place (nv,): the row of each tangent column, -1 where it is held.
    """

    cols: I64
    place: I64
