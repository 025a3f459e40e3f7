"""The solver's compiled pieces against slow, independent ones."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_to_matrix, quat_to_rotvec, rotvec_to_quat
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget import _kernels as k
from understudy.retarget._elimination import LEAD, frame_shape
from understudy.retarget._tables import Active, Drive, Part, Pose, Stiff
from understudy.retarget._whole_clip import add_frame, bodies_room, move, place_bodies, work_room
from understudy.retarget.problem import VECTORS, Problem, make_problem, with_wrists

FRAMES = 4
STIFF = Stiff(ground=50.0, limit=70.0, pair=40.0, speed=30.0, margin=-0.5)  # every pair is apart, so none is capped


@pytest.fixture(scope="module", params=["unitree_g1", "unitree_h1"])
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


def _random_pose(problem: Problem, seed: int) -> Pose:
    rng = np.random.default_rng(seed)
    tree = problem.tree
    q = rng.uniform(tree.lower, tree.upper, (FRAMES, len(tree.lower)))
    quat = rotvec_to_quat(rng.normal(0.0, 0.4, (FRAMES, 3)))
    return Pose(rng.normal(0.0, 0.3, (FRAMES, 3)) + np.array([0, 0, 0.6]), np.ascontiguousarray(quat_to_matrix(quat)), q)


def _random_drive(problem: Problem, seed: int) -> Drive:
    rng = np.random.default_rng(seed)
    ground, nv = len(problem.ground.body), 6 + problem.robot.dof
    pull = rng.uniform(0.0, 20.0, (FRAMES, ground)) * (rng.random((FRAMES, ground)) < 0.3)
    return Drive(
        target=rng.normal(0.0, 0.5, (FRAMES, len(VECTORS), 3)),
        weight=rng.uniform(0.1, 3.0, (FRAMES, len(VECTORS))),
        pull=pull,
        slip=rng.uniform(0.0, 30.0, (FRAMES, 4)),
        slide=rng.normal(0.0, 0.05, (FRAMES, 4, 2)),
        accel=rng.uniform(0.0, 2.0, (FRAMES, nv)),
        step=rng.uniform(0.01, 0.1, problem.robot.dof),
    )


def _active(problem: Problem, seed: int) -> Active:
    rng = np.random.default_rng(seed)
    return Active(
        ground=rng.integers(0, 2, (FRAMES, len(problem.ground.body))).astype(np.uint8),
        limit=rng.integers(0, 3, (FRAMES, problem.robot.dof)).astype(np.uint8),
        pair=(rng.random((FRAMES, len(problem.capsules.pair))) < 0.02).astype(np.uint8),
        speed=rng.integers(0, 3, (FRAMES, problem.robot.dof)).astype(np.uint8),
        gone=np.zeros((FRAMES, problem.robot.dof + 1), np.float32),
        wait=np.zeros((FRAMES, len(problem.capsules.meeting)), np.float32),
    )


def _nothing_active(problem: Problem) -> Active:
    out = _active(problem, 2)
    for part in out:
        part[:] = 0
    return out


def _stepped(pose: Pose, d: F64) -> Pose:
    """The pose moved by a tangent step (T, 6 + J), written without the kernels."""
    turn = quat_to_matrix(rotvec_to_quat(d[:, 3:6]))
    return Pose(pose.root_pos + d[:, :3], turn @ pose.root_rot, pose.q + d[:, 6:])


def _objective(problem: Problem, drive: Drive, active: Active, pose: Pose) -> float:
    """Half the weighted sum of squares that the equations linearise, term by term from the definitions."""
    from understudy.geom.rotations import matrix_to_quat, quat_conj, quat_mul

    robot, v, ground, caps, tree = problem.robot, problem.vectors, problem.ground, problem.capsules, problem.tree
    quat = matrix_to_quat(pose.root_rot)
    poses = body_poses(robot, pose.root_pos, quat, pose.q)
    total = 0.0
    for i in range(len(VECTORS)):
        tail = poses.points(int(v.a_body[i]), v.a_off[i]) if v.a_body[i] >= 0 else 0.0
        r = (poses.points(int(v.b_body[i]), v.b_off[i]) - tail) * v.inv_len[i] - drive.target[:, i]
        total += float(np.sum(drive.weight[:, i, None] * r**2))
    total += float(np.sum(tree.rest_weight * (pose.q - tree.rest) ** 2))
    for code, bound in ((1, tree.lower), (2, tree.upper)):
        total += float(np.sum(STIFF.limit * (active.limit == code) * (pose.q - bound) ** 2))
    for code, most in ((1, drive.step), (2, -drive.step)):
        total += float(np.sum(STIFF.speed * (active.speed[1:] == code) * (np.diff(pose.q, axis=0) - most) ** 2))
    for n in range(len(ground.body)):
        z = poses.points(int(ground.body[n]), ground.offset[n])[:, 2] - ground.clearance[n]
        weight = np.where(drive.pull[:, n] > 0, drive.pull[:, n], STIFF.ground * active.ground[:, n])
        total += float(np.sum(weight * z**2))
    for m in range(len(ground.slip_body)):
        p = poses.points(int(ground.slip_body[m]), ground.slip_offset[m])[:, :2]
        total += float(np.sum(drive.slip[:-1, m, None] * (np.diff(p, axis=0) - drive.slide[:-1, m]) ** 2))
    for n, (i, j) in enumerate(caps.pair):
        if not active.pair[:, n].any():
            continue
        ends = [poses.points(int(caps.body[c]), np.stack([caps.a[c], caps.b[c]])) for c in (i, j)]
        for f in np.flatnonzero(active.pair[:, n]):
            gap = _slow_distance(ends[0][f], ends[1][f]) - caps.radius[i] - caps.radius[j] - STIFF.margin
            total += STIFF.pair * gap**2
    spin = quat_to_rotvec(quat_mul(quat[1:], quat_conj(quat[:-1])))
    bend = np.concatenate([np.diff(pose.root_pos, n=2, axis=0), np.diff(spin, axis=0), np.diff(pose.q, n=2, axis=0)], axis=1)
    weights = drive.accel[1:-1].copy()
    total += float(np.sum(weights * bend**2))
    return 0.5 * total


def _slow_distance(a: F64, b: F64) -> float:
    """Distance of two segments by alternating projection: slow and obvious."""
    t = 0.5
    for _ in range(100):
        q = b[0] + t * (b[1] - b[0])
        s = float(np.clip((q - a[0]) @ (a[1] - a[0]) / max(float((a[1] - a[0]) @ (a[1] - a[0])), 1e-18), 0, 1))
        p = a[0] + s * (a[1] - a[0])
        t = float(np.clip((p - b[0]) @ (b[1] - b[0]) / max(float((b[1] - b[0]) @ (b[1] - b[0])), 1e-18), 0, 1))
    return float(np.linalg.norm(p - (b[0] + t * (b[1] - b[0]))))


def _equations(problem: Problem, drive: Drive, active: Active, pose: Pose, part: Part | None = None) -> tuple[F64, F64]:
    """Symmetric matrix and right-hand side of all frames, before any is eliminated."""
    part = part or problem.parts.whole
    n, joints = len(part.cols), problem.robot.dof
    rows = np.zeros((FRAMES + 2, *frame_shape(n)))
    now, later, work = bodies_room(joints), bodies_room(joints), work_room(problem.tree, problem.ground, part)
    for f in range(FRAMES):
        place_bodies(problem.tree, pose, f, now)
        place_bodies(problem.tree, pose, min(f + 1, FRAMES - 1), later)
        add_frame(
            problem.tree, problem.vectors, problem.ground, problem.capsules, drive, STIFF, part, 0.0, active, pose, f,
            now, later, rows[f], rows[f + 1], rows[f + 2], work,
        )  # fmt: skip
    upper = np.zeros((FRAMES * n, (FRAMES + 2) * n))
    for f in range(FRAMES):
        blocks = rows[f, :, LEAD:].reshape(-1, 3, rows.shape[1])
        upper[f * n : (f + 1) * n, f * n : (f + 3) * n] = blocks[:n, :, :n].reshape(n, 3 * n)
    upper = np.triu(upper[:, : FRAMES * n])
    return upper + np.triu(upper, 1).T, rows[:FRAMES, :n, 0].ravel()


def test_the_right_hand_side_is_the_gradient_of_the_objective(problem: Problem) -> None:
    drive, active, pose = _random_drive(problem, 1), _active(problem, 2), _random_pose(problem, 3)
    drive.accel[:, 3:6] = 0.0  # the root rotation's smoothing is linearised for small turns; it has its own test
    _, rhs = _equations(problem, drive, active, pose)
    nv, h = 6 + problem.robot.dof, 1e-6
    rng = np.random.default_rng(4)
    for _ in range(10):
        d = rng.normal(size=(FRAMES, nv))
        slope = (
            _objective(problem, drive, active, _stepped(pose, h * d)) - _objective(problem, drive, active, _stepped(pose, -h * d))
        ) / (2 * h)
        assert rhs[: FRAMES * nv] @ d.ravel() == pytest.approx(slope, rel=2e-5, abs=1e-3)


def test_smoothing_of_the_root_rotation_is_the_gradient_for_small_turns(problem: Problem) -> None:
    pose = _random_pose(problem, 3)
    small = np.ascontiguousarray(quat_to_matrix(rotvec_to_quat(np.random.default_rng(5).normal(0, 1e-4, (FRAMES, 3)))))
    pose = pose._replace(root_rot=small)
    drive = _random_drive(problem, 1)
    for part in (drive.weight, drive.pull, drive.slip):
        part[:] = 0.0
    drive.accel[:, :3] = 0.0
    drive.accel[:, 6:] = 0.0
    none = _nothing_active(problem)
    _, rhs = _equations(problem, drive, none, pose)
    d = np.zeros((FRAMES, 6 + problem.robot.dof))
    d[:, 3:6] = np.random.default_rng(6).normal(size=(FRAMES, 3))
    h = 1e-5
    slope = (
        _objective(problem, drive, none, _stepped(pose, h * d)) - _objective(problem, drive, none, _stepped(pose, -h * d))
    ) / (2 * h)
    assert rhs[: d.size] @ d.ravel() == pytest.approx(slope, rel=1e-3)


def test_the_equations_are_positive_and_couple_a_frame_to_the_second_after_it(problem: Problem) -> None:
    drive, active, pose = _random_drive(problem, 1), _active(problem, 2), _random_pose(problem, 3)
    dense, _ = _equations(problem, drive, active, pose)
    nv = 6 + problem.robot.dof
    assert np.linalg.eigvalsh(dense).min() > -1e-6
    assert np.any(dense[2 * nv : 3 * nv, :nv] != 0.0)
    assert not np.any(dense[3 * nv :, :nv])


def test_a_part_is_a_block_of_the_whole(problem: Problem) -> None:
    """What stands on the feet is asked in its own columns what the whole asks there, arms' tasks included."""
    drive, active, pose = _random_drive(problem, 1), _active(problem, 2), _random_pose(problem, 3)
    whole, rhs = _equations(problem, drive, active, pose)
    part = problem.parts.base
    assert 0 < len(part.cols) < 6 + problem.robot.dof
    at = (np.arange(FRAMES)[:, None] * (6 + problem.robot.dof) + part.cols).ravel()
    block, own = _equations(problem, drive, active, pose, part)
    np.testing.assert_allclose(block, whole[np.ix_(at, at)], atol=1e-6)
    np.testing.assert_allclose(own, rhs[at], atol=1e-6)


def test_joints_that_nothing_is_asked_of_are_in_no_part(problem: Problem) -> None:
    """Without the hands' directions the wrists are held; with them nothing is."""
    weights = np.array([0.0 if "_hand_" in name else 1.0 for name in VECTORS])
    held = set(range(problem.robot.dof)) - set((with_wrists(problem, weights).parts.whole.cols[6:] - 6).tolist())
    names = problem.robot.joint_names
    assert {names[j] for j in held} == {name for name in names if "_wrist_" in name}
    assert len(with_wrists(problem, np.ones(len(VECTORS))).parts.whole.cols) == 6 + problem.robot.dof


def test_prediction_of_one_sided_terms_is_first_order_exact(problem: Problem) -> None:
    """`move` activates a ground point exactly where its height after a small step is under its clearance."""
    pose = _random_pose(problem, 7)
    step = np.random.default_rng(8).normal(0.0, 1e-4, (FRAMES, 6 + problem.robot.dof))
    active = _nothing_active(problem)
    after = _stepped(pose, -step)
    moved = Pose(*(np.array(part) for part in pose))
    move(
        problem.tree,
        problem.ground,
        problem.capsules,
        STIFF,
        active,
        moved,
        np.ones(problem.robot.dof),
        step,
        0,
        FRAMES,
        np.empty(FRAMES),
    )
    np.testing.assert_allclose(moved.q, after.q, atol=1e-12)
    np.testing.assert_allclose(moved.root_rot, after.root_rot, atol=1e-12)
    from understudy.geom.rotations import matrix_to_quat

    poses = body_poses(problem.robot, after.root_pos, matrix_to_quat(after.root_rot), after.q)
    for n in range(len(problem.ground.body)):
        z = poses.points(int(problem.ground.body[n]), problem.ground.offset[n])[:, 2] - problem.ground.clearance[n]
        sure = np.abs(z) > 1e-5
        np.testing.assert_array_equal((z < 0)[sure], (active.ground[:, n] == 1)[sure])


def test_cholesky_solves_and_refuses() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(12, 12))
    h = a @ a.T + np.eye(12)
    b = rng.normal(size=12)
    x = b.copy()
    assert k.cholesky_solve(h.copy(), x)
    np.testing.assert_allclose(h @ x, b, atol=1e-9)
    assert not k.cholesky_solve(-np.eye(3), np.ones(3))


def test_turn_and_relative_rotation_are_inverse() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        a = quat_to_matrix(rotvec_to_quat(rng.normal(size=3)))
        w = rng.normal(0.0, 0.8, 3)
        b = np.ascontiguousarray(a.copy())
        k.turn(b, *w)
        out = np.empty(3)
        k.relative_rotvec(np.ascontiguousarray(a), b, out)
        np.testing.assert_allclose(out, w, atol=1e-9)
