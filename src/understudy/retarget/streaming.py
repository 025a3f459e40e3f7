"""Retargeting one frame at a time, with nothing from the future: for live views and full-body teleoperation.

First it is decided where each foot goes (`_footing`), then one frame is solved for limbs, trunk, root and feet together, with
limits, floor and self-collision inside (`_stream_kernel`); a limb caught on the wrong side is led back (`_stream_limbs`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, Bool, frozen_f64
from understudy.retarget._footing import place_feet
from understudy.retarget._stream_kernel import Asked, InForce, make_room, quat_of, solve_frame
from understudy.retarget._stream_limbs import Limbs
from understudy.retarget._stream_tables import build_of, empty_footing, one_way_knees, with_feet
from understudy.retarget._stream_targets import carry_hips, hips_of, read_targets, reading_of
from understudy.retarget._stream_weights import calmer, usual_weights, weigh_feet, weigh_root
from understudy.retarget._tables import Stiff
from understudy.retarget.drive import FASTEST_RAD_S, GROUND, REFERENCE_HZ, SPEED_SHARE
from understudy.retarget.fingers import Fingers
from understudy.retarget.problem import VECTORS, make_problem
from understudy.retarget.start import solve_alone
from understudy.retarget.targets import PLACE, Calibration, hand_weights
from understudy.retarget.trajectory import LIMIT, MARGIN_M, PAIR, SPEED
from understudy.spec.hand import palm_axes
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import HAND_JOINTS, JOINTS, SIDES

ITERATIONS, FRESH_ITERATIONS, ENOUGH = 10, 30, 1e-3
"""Most steps for a frame and for one without a frame before it; a frame is done when nothing moves further than the last."""
DAMPING = 1e-4
LAG, DOWN_LAG = 0.22, 1.5
"""Weight of the joints' speed: it delays by LAG / 30 s at most (7 ms), and less where a joint serves several directions. The
second is that while the person goes down to the floor: what is small for someone who rolls there asks for large turns."""
STIFF_LAG, STIFF_DOWN_LAG, CARRIED = 0.8, 3.45, 0.5
"""The same of a robot whose ankles cannot roll, whose legs must answer for every tilt of the sole; the speed that weighs is
counted from this share of the joints' speed so far."""
UP_COS, DOWN_COS = 0.8, 0.4
"""The person goes down as the trunk's upright share falls from the first to the second, or as neither foot is over its sole."""
WINDOW_S = 1.0 / 30.0
"""Speeds of the feet are those over this time."""
LOST_S = 0.3
"""After a gap longer than this the next frame starts afresh."""
FAR_M = 1000.0
"""A joint further from the origin is no measurement."""
MOVED_M = 1.0
"""A root further from where it is to be is put there without a way."""
STANDS = 0.5
"""A foot stands when heel and toe are held to more than this share."""


@dataclass(frozen=True)
class LivePose:
    """The robot's pose for one frame of a person.

    Attributes:
        t_ns: the frame's stamp.
        root_pos_world_m: (3,); root_quat_world_wxyz (4,); joint_pos (J,) radians.
        stance: (2,) left and right foot that the person stands on.
        restarted: solved without the frames before it.
    """

    t_ns: int
    root_pos_world_m: F64
    root_quat_world_wxyz: F64
    joint_pos: F64
    stance: Bool
    restarted: bool


class StreamingRetargeter:
    """Retargets a stream of frames of one calibrated person.

    Args:
        robot: who is to do it.
        known: the person, from `targets.calibrate`.
        rate_hz: nominal rate of the stream; steps are taken at the stamps' own differences.
    """

    def __init__(self, robot: RobotModel, known: Calibration, *, rate_hz: float) -> None:
        if rate_hz <= 0:
            raise ShapeError(f"a stream needs a positive rate, got {rate_hz} Hz")
        p = self.problem = one_way_knees(make_problem(robot))
        self.known, self.rate_hz = known, rate_hz
        self._vectors = with_feet(p)
        self._target = np.zeros((len(self._vectors.a_body), 3))
        self._unhanded = usual_weights(p, known)
        self._weight = self._unhanded.copy()
        self._build, self._footing = build_of(p, known), empty_footing()
        self._reading, self._hips = reading_of(p, known), hips_of(p)
        self._says, self._no_palms = np.ones(len(VECTORS)), np.zeros((2, 3))
        self._all_measured = np.ones(len(JOINTS), dtype=np.bool_)
        self._legs = [[PLACE[name] for name in (f"{s}_hip>{s}_knee", f"{s}_knee>{s}_ankle", f"{s}_foot")] for s in SIDES]
        self._room = make_room(p.tree, p.capsules)
        self._force = InForce(*(np.zeros(n, np.uint8) for n in (len(p.ground.body), robot.dof, len(p.capsules.pair), robot.dof)))
        self._stiff = Stiff(GROUND, LIMIT, PAIR, SPEED, MARGIN_M)
        self._fastest = np.minimum(FASTEST_RAD_S, SPEED_SHARE * robot.velocity_rad_s)
        self._limbs = Limbs(p, self._vectors, self._stiff, self._room)
        self._root_pos, self._root_rot, self._q = np.zeros(3), np.eye(3), np.zeros(robot.dof)
        self._calm = 0.0
        self._speed = np.zeros(robot.dof)
        self._past: list[tuple[int, F64]] = []
        self._fingers = Fingers(robot)
        self._gripped = False
        """Whether the fingers follow already: the first hand seen is taken as it is."""

    def step(self, joint_pos_world_m: F64, t_ns: int, *, hand_pos_world_m: F64 | None = None) -> LivePose:
        """The robot's pose for the next frame.

        Args:
            joint_pos_world_m: (23, 3) joints in `world`, metres, order `spec.skeleton.JOINTS`.
            t_ns: stamp, after the last one's.
            hand_pos_world_m: (2, 21, 3) joints of both hands, order `spec.skeleton.HAND_JOINTS`, NaN where not known; without
                them the fingers stay as they are.

        Raises:
            ShapeError: wrong shape, not finite, no torso, or a stamp that does not increase; the retargeter is as it was.
        """
        _check(joint_pos_world_m, hand_pos_world_m, t_ns)
        if self._past and t_ns <= self._past[-1][0]:
            raise ShapeError(f"frame at {t_ns} ns comes after one at {self._past[-1][0]} ns; leave late frames out")
        if not self._read(joint_pos_world_m, hand_pos_world_m):
            raise ShapeError(f"frame at {t_ns} ns: hips and neck lie in one point or line; leave it out")
        fresh = not self._past or (t_ns - self._past[-1][0]) * 1e-9 > LOST_S
        dt_s = 1.0 / self.rate_hz if fresh else (t_ns - self._past[-1][0]) * 1e-9
        self._remember(joint_pos_world_m, t_ns, fresh=fresh)
        fingers = self._q[self._fingers.columns]
        self._ask(dt_s, fresh=fresh)
        if fresh:
            rows = len(VECTORS)
            self._root_pos, self._root_rot, self._q = solve_alone(self.problem, self._target[:rows].copy(), self._weight[:rows])
            self._limbs.forget()
        self._bring_root()
        self._solve(dt_s, fresh=fresh)
        if fresh and self._limbs.begin(self._target, self._weight, self._root_pos, self._root_rot, self._q):
            self._solve(dt_s, fresh=True)
        self._move_fingers(fingers, hand_pos_world_m, dt_s)
        return LivePose(
            t_ns=t_ns,
            root_pos_world_m=frozen_f64(self._root_pos),
            root_quat_world_wxyz=frozen_f64(quat_of(self._root_rot)),
            joint_pos=frozen_f64(self._q),
            stance=np.asarray(self._footing.held.min(axis=1) > STANDS),
            restarted=fresh,
        )

    def _read(self, pos: F64, hands: F64 | None) -> bool:
        """Set the frame's targets and what each weighs: a palm's turn counts where the hand's joints say it. False: no torso."""
        rows, radial = len(VECTORS), self._no_palms if hands is None else palm_axes(hands)[1]
        thumbs = radial if hands is None else np.nan_to_num(radial)
        if not read_targets(self._reading, pos, thumbs, self._target, self._says):
            return False
        self._weight[:rows] = self._unhanded[:rows]
        if hands is not None:
            self._weight[:rows] += hand_weights(self.problem, self._all_measured, radial[None])
        self._weight[:rows] *= self._says[:rows]
        return True

    def _move_fingers(self, before: F64, hand_pos_world_m: F64 | None, dt_s: float) -> None:
        """Put the fingers where the person has them, or leave them where they were."""
        self._q[self._fingers.columns] = before
        if hand_pos_world_m is not None and self._fingers.hands:
            self._q[:] = self._fingers.step(hand_pos_world_m, self._q, dt_s=dt_s, fresh=not self._gripped)
            self._gripped = True

    def _remember(self, pos: F64, t_ns: int, *, fresh: bool) -> None:
        """Keep the frames of the last 1/30 s, and the one before them."""
        if fresh:
            self._past.clear()
        self._past.append((t_ns, np.array(pos, dtype=np.float64)))
        while len(self._past) > 2 and (t_ns - self._past[1][0]) * 1e-9 >= WINDOW_S - 1e-4:
            self._past.pop(0)

    def _ask(self, dt_s: float, *, fresh: bool) -> None:
        """Set what the frame is asked of the feet: where they are to go."""
        (then_ns, then), (now_ns, now) = self._past[0], self._past[-1]
        f, rows, target = self._footing, len(VECTORS), self._target
        lateral, midhip = target[PLACE["pelvis_lateral"]], target[PLACE["midhip"]]
        carry_hips(self._hips, self._room, lateral, target[PLACE["pelvis_up"]], fresh)
        place_feet(
            self._build, now, then, (now_ns - then_ns) * 1e-9, target[self._legs], midhip, self._hips.out, lateral,
            dt_s, fresh, f,
        )  # fmt: skip
        for i, side in enumerate(SIDES):
            first = rows + 4 * i
            self._target[first], self._target[first + 1 : first + 3], self._target[first + 3] = f.ankle[i], f.ends[i], f.left[i]
            self._target[PLACE[f"{side}_sole"]] = f.sole[i]
        self._calm = calmer(self._calm, f, dt_s, fresh=fresh)
        weigh_root(self._weight, self._calm)
        weigh_feet(self._weight, f, can_roll=self.problem.can_roll)

    def _bring_root(self) -> None:
        """Put a root that is far from where it is to be there at once: the person was moved, not the robot."""
        away = self._target[PLACE["midhip"]] - self._root_pos
        if float(away @ away) > MOVED_M**2:
            self._root_pos += away

    def _solve(self, dt_s: float, *, fresh: bool) -> None:
        """One frame, from the pose of the one before it."""
        p, before = self.problem, self._q.copy()
        lag = 0.0 if fresh else self._lag() / (REFERENCE_HZ * dt_s)
        rest_weight = p.tree.rest_weight + lag
        carried = 0.0 if p.can_roll or fresh else CARRIED * dt_s
        rest = (p.tree.rest_weight * p.tree.rest + lag * (before + carried * self._speed)) / rest_weight
        step = np.full(p.robot.dof, np.pi) if fresh else self._fastest * dt_s
        weight = self._weight.copy()
        self._limbs.steer(self._target, weight, rest, rest_weight, self._root_pos, self._root_rot, self._q)
        asked = Asked(self._target, weight, rest, rest_weight, before, step)
        solve_frame(
            p.tree, self._vectors, p.ground, p.capsules, self._stiff, asked, self._force, self._room,
            self._root_pos, self._root_rot, self._q, FRESH_ITERATIONS if fresh else ITERATIONS, ENOUGH, DAMPING,
        )  # fmt: skip
        self._hold_where_it_is()
        self._limbs.watch(self._target, self._weight, self._root_pos, self._root_rot, self._q, dt_s)
        np.clip(self._q, before - step, before + step, out=self._q)
        np.clip(self._q, p.tree.lower, p.tree.upper, out=self._q)
        new, speed = min(dt_s / WINDOW_S, 1.0), (self._q - before) / dt_s
        self._speed = np.zeros_like(speed) if fresh else self._speed + new * (speed - self._speed)

    def _lag(self) -> float:
        """Weight of the joints' speed at 30 Hz."""
        usual, most = (LAG, DOWN_LAG) if self.problem.can_roll else (STIFF_LAG, STIFF_DOWN_LAG)
        bent = (UP_COS - float(self._target[PLACE["trunk"], 2])) / (UP_COS - DOWN_COS)
        down = min(max(bent, 1.0 - float(self._footing.upright.max()), 0.0), 1.0)
        return usual + down * (most - usual)

    def _hold_where_it_is(self) -> None:
        """A foot that is not held yet will be held where the robot's is, not where it was asked to be."""
        ground, f = self.problem.ground, self._footing
        for m in range(4):
            i, e, body = m // 2, m % 2, int(ground.slip_body[m])
            loose = 1.0 - f.held[i, e]
            if loose > 0.0:
                is_at = self._room.pos[body, :2] + self._room.rot[body, :2] @ ground.slip_offset[m]
                f.ends[i, e, :2] += loose * (is_at - f.ends[i, e, :2])


def _check(joint_pos_world_m: F64, hand_pos_world_m: F64 | None, t_ns: int) -> None:
    """Raise ShapeError for a frame that cannot be used."""
    if joint_pos_world_m.shape != (len(JOINTS), 3) or not bool((np.abs(joint_pos_world_m) < FAR_M).all()):
        found = f"{joint_pos_world_m.shape} is no finite ({len(JOINTS)}, 3) array within {FAR_M:g} m"
        raise ShapeError(f"frame at {t_ns} ns: {found}; leave it out")
    if hand_pos_world_m is None:
        return
    shape = (len(SIDES), len(HAND_JOINTS), 3)
    if hand_pos_world_m.shape != shape or bool((np.abs(hand_pos_world_m) >= FAR_M).any()):
        raise ShapeError(f"frame at {t_ns} ns: {hand_pos_world_m.shape} hands are no {shape} within {FAR_M:g} m; leave them out")
