"""A person's fingers on a robot's: what the model says of a hand, gestures, both sides, limits, smoothness, streams."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget.clip import mirrored
from understudy.retarget.fingers import Fingers, aperture, human_fingers, palm_coordinates
from understudy.retarget.problem import make_problem
from understudy.retarget.retarget import retarget
from understudy.retarget.robot_hand import Palm, palm_of, robot_hand
from understudy.retarget.streaming import StreamingRetargeter
from understudy.retarget.targets import calibrate
from understudy.simulate.walker import walk
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES, HumanMotion
from understudy.testing.hands import Gesture, hand_at, hand_in, with_hands

RATE_HZ = 60.0


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1_hands")


@pytest.fixture(scope="module")
def fingers(robot: RobotModel) -> Fingers:
    return Fingers(robot)


def _hands(palm: F64, *, forward: tuple[float, float, float] = (1.0, 0.0, 0.0)) -> F64:
    """(T, 2, 21, 3) both hands in palm coordinates (T, 21, 3), the thumbs up."""
    total = len(palm)
    turned, radial = np.tile(forward, (total, 1)), np.tile([0.0, 0.0, 1.0], (total, 1))
    return np.stack([hand_at(palm, s, wrist_world_m=np.zeros((total, 3)), forward=turned, radial=radial) for s in SIDES], axis=1)


def _held(gesture: Gesture, frames: int = 12) -> F64:
    return _hands(np.repeat(hand_in(gesture)[None], frames, axis=0))


def _solved(fingers: Fingers, hands: F64, lowpass_hz: float = 5.0) -> F64:
    rest = np.zeros((len(hands), fingers.robot.dof))
    return fingers.solve(hands, rest, rate_hz=RATE_HZ, lowpass_hz=lowpass_hz)[0]


def _tips(robot: RobotModel, q: F64, side: str) -> dict[str, F64]:
    """Fingertips of the last frame in palm coordinates of the robot, by forward kinematics of the whole robot."""
    poses = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), q[-1:])
    hand, palm = robot_hand(robot, side), palm_of(robot, side)
    assert hand is not None
    assert hand.thumb is not None
    assert palm is not None
    rot, origin = poses.rot_world[0, palm.body], poses.pos_world_m[0, palm.body]
    digits = {"thumb": hand.thumb, "index": hand.fingers[0], "middle": hand.fingers[1]}
    return {
        name: hand.axes @ rot.T @ (poses.points(int(hand.joints[d.body - 1]) + 1, d.tip)[0] - origin)
        for name, d in digits.items()
    }


def test_what_the_g1s_model_says_of_its_hands(robot: RobotModel) -> None:
    """At zero the forearms point forward with the thumbs up: fingers forward, palms to each other."""
    for side, inwards in zip(SIDES, (-1.0, 1.0), strict=True):
        hand = robot_hand(robot, side)
        assert hand is not None
        assert hand.axes == pytest.approx(np.array([[1, 0, 0], [0, 0, 1], [0, inwards, 0]]), abs=0.01)
        assert hand.thumb is not None
        names = [robot.joint_names[hand.joints[d.body - 1]] for d in (hand.thumb, *hand.fingers)]
        assert names == [f"{side}_hand_thumb_2_joint", f"{side}_hand_index_1_joint", f"{side}_hand_middle_1_joint"]
        # the ends of the meshes lie 52 mm from the last joints
        assert [np.linalg.norm(d.tip) for d in (hand.thumb, *hand.fingers)] == pytest.approx([0.052] * 3, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "aims"), [("unitree_g1", True), ("unitree_g1_hands", True), ("unitree_h1", False), ("fourier_gr1", True)]
)
def test_which_arms_can_turn_a_hand(name: str, aims: bool) -> None:
    found = load_robot(name)
    for side in SIDES:
        palm = palm_of(found, side)
        assert isinstance(palm, Palm)
        assert (palm.can_aim, palm.can_roll) == (aims, aims)
        assert palm.can_aim != found.profile.position_only_hands
        assert abs(palm.forward @ palm.radial) < 1e-9


def test_gr1s_hanging_hands_have_their_thumbs_forward() -> None:
    found = load_robot("fourier_gr1")
    zero = body_poses(found, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, found.dof)))
    for side in SIDES:
        palm = palm_of(found, side)
        assert palm is not None
        assert zero.rot_world[0, palm.body] @ palm.forward == pytest.approx([0, 0, -1], abs=0.01)
        assert zero.rot_world[0, palm.body] @ palm.radial == pytest.approx([1, 0, 0], abs=0.01)


def test_a_robot_without_fingers_has_none() -> None:
    assert Fingers(load_robot("unitree_g1")).hands == ()


def test_a_three_finger_hand_takes_the_last_three_together() -> None:
    assert human_fingers(2) == [("index",), ("middle", "ring", "little")]
    assert human_fingers(4) == [("index",), ("middle",), ("ring",), ("little",)]
    assert human_fingers(1) == [("index", "middle", "ring", "little")]
    assert human_fingers(0) == []


def test_a_flat_hand_is_open_and_a_fist_is_closed(robot: RobotModel, fingers: Fingers) -> None:
    for side in SIDES:
        flat, fist = (_tips(robot, _solved(fingers, _held(gesture)), side) for gesture in ("flat", "fist"))
        for name in ("index", "middle"):
            assert flat[name][0] > 0.20  # along the hand, 0.12 to the knuckle
            assert abs(flat[name][2]) < 0.01
            assert fist[name][0] < 0.15
            assert 0.0 < fist[name][2] < 0.09  # on the palm's side
        assert flat["thumb"][1] > 0.05  # the flat hand's thumb is out to its side
        assert fist["thumb"][1] < flat["thumb"][1]


def test_a_pinch_meets(robot: RobotModel, fingers: Fingers) -> None:
    for side in SIDES:
        tips = _tips(robot, _solved(fingers, _held("pinch")), side)
        assert np.linalg.norm(tips["thumb"] - tips["index"]) < 0.005
        assert np.linalg.norm(tips["thumb"] - tips["middle"]) > 0.05


def test_the_pinchs_aperture_is_kept(fingers: Fingers) -> None:
    """From open to a pinch and back: the thumb's distance to the index stays the person's, by the lengths of both."""
    share = 0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, 120))[:, None, None]
    hands = _hands((1 - share) * hand_in("flat") + share * hand_in("pinch"))
    rest = np.zeros((120, fingers.robot.dof))
    _, reports = fingers.solve(hands, rest, rate_hz=RATE_HZ, lowpass_hz=0.0)
    assert [report.side for report in reports] == ["left", "right"]
    for report in reports:
        assert report.aperture_pct < 3.5
        assert report.reach_pct < 5.0
        assert report.known_pct == 100.0


def test_left_and_right_make_the_same_gesture(robot: RobotModel, fingers: Fingers) -> None:
    for gesture in ("flat", "half", "fist", "pinch"):
        q = _solved(fingers, _held(gesture))
        left, right = (_tips(robot, q, side) for side in SIDES)
        for name, tip in left.items():
            assert tip == pytest.approx(right[name], abs=2e-3)


def test_where_the_hand_is_and_points_changes_nothing(fingers: Fingers) -> None:
    a = _solved(fingers, _held("half"))
    b = _solved(fingers, _hands(np.repeat(hand_in("half")[None], 12, axis=0), forward=(0.0, 1.0, 0.0)) + 5.0)
    assert np.abs(a - b).max() < 1e-6


def test_limits_and_speeds_are_kept(robot: RobotModel, fingers: Fingers) -> None:
    palm = np.where((np.arange(60) // 15 % 2 == 0)[:, None, None], hand_in("flat"), hand_in("fist"))
    q = _solved(fingers, _hands(palm))
    assert (q >= robot.lower_rad - 1e-9).all()
    assert (q <= robot.upper_rad + 1e-9).all()
    speed = np.abs(np.diff(q, axis=0)) * RATE_HZ
    assert (speed <= np.minimum(14.5, 0.98 * robot.velocity_rad_s) + 1e-6).all()


def test_a_hand_that_is_lost_keeps_its_pose_and_one_never_seen_rests(fingers: Fingers) -> None:
    hands = _held("half", 20)
    hands[8:, 0] = np.nan
    hands[:, 1] = np.nan
    q = _solved(fingers, hands)
    left, right = (hand.joints for hand in fingers.hands)
    assert q[-1, left] == pytest.approx(q[4, left], abs=1e-3)
    assert (q[:, right] == 0.0).all()


def test_tips_that_are_not_known_are_laid_on(fingers: Fingers) -> None:
    hand = _held("half")
    whole = _solved(fingers, hand)
    hand[:, :, [8, 12, 16, 20]] = np.nan
    assert np.abs(_solved(fingers, hand) - whole).max() < 0.3
    hand[:, :, 4] = np.nan
    assert np.isfinite(palm_coordinates(hand[:, 0], "left")).all()


def test_aperture_of_touching_tips_is_nothing() -> None:
    assert aperture(hand_in("pinch")[None], "index") == pytest.approx([0.0])
    assert aperture(hand_in("flat")[None], "index")[0] > 0.4


@pytest.fixture(scope="module")
def gripping() -> HumanMotion:
    """A walk whose hands close and open twice a second."""
    motion = walk(2.0, rate_hz=RATE_HZ)
    share = 0.5 - 0.5 * np.cos(2.0 * np.pi * motion.t_ns * 1e-9)[:, None, None]
    palm = (1 - share) * hand_in("flat") + share * hand_in("half")
    return with_hands(motion, np.stack([palm, palm], axis=1), np.broadcast_to([1.0, 0.0, 0.0], (len(motion), 2, 3)))


def test_a_whole_clip(gripping: HumanMotion, robot: RobotModel, fingers: Fingers) -> None:
    result = retarget(gripping, robot)
    columns = fingers.columns
    assert len(result.fingers) == 2
    swing = np.ptp(result.motion.joint_pos[:, columns], axis=0)
    assert (swing > 0.3).sum() >= 8
    other = retarget(mirrored(gripping), robot)
    left, right = (hand.joints for hand in fingers.hands)
    assert np.abs(np.abs(other.motion.joint_pos[:, left]) - np.abs(result.motion.joint_pos[:, right])).max() < 0.05


def test_a_stream_follows_and_then_keeps_its_fingers(gripping: HumanMotion, robot: RobotModel, fingers: Fingers) -> None:
    assert gripping.hand_pos_world_m is not None
    stream = StreamingRetargeter(robot, calibrate(gripping, make_problem(robot)), rate_hz=RATE_HZ)
    whole = _solved(fingers, gripping.hand_pos_world_m, lowpass_hz=0.0)
    poses = []
    for f in range(90):
        hands = gripping.hand_pos_world_m[f] if f < 60 else None
        poses.append(stream.step(gripping.joint_pos_world_m[f], int(gripping.t_ns[f]), hand_pos_world_m=hands).joint_pos)
    q = np.array(poses)[:, fingers.columns]
    assert np.abs(q[1:60] - whole[:59, fingers.columns]).mean() < 0.05  # about a frame late
    assert (q[60:] == q[59]).all()
    step = np.minimum(14.5, 0.98 * robot.velocity_rad_s[fingers.columns]) / RATE_HZ
    assert (np.abs(np.diff(q[:60], axis=0)) <= step + 1e-6).all()
