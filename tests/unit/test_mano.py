"""Hands estimated from pictures (HaMeR, MANO) on a body's motion: both ways to tell left, layouts, cameras, models, faults."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import InputError, MocapError
from understudy.geom.arrays import F64, Bool
from understudy.geom.rotations import quat_to_matrix, rotvec_to_quat
from understudy.kinematics.load import load_robot
from understudy.mocap._hand_model import mean_hand, mirrored_pose, pose_hand
from understudy.mocap._mano import HandModel, beside, with_hands_of
from understudy.mocap.joint_array import write_joint_array
from understudy.pipeline.read import ReadOptions, files_of, read_clip
from understudy.retarget.fingers import palm_coordinates
from understudy.retarget.retarget import retarget
from understudy.simulate.walker import walk
from understudy.spec.hand import HAND_INDEX, palm_axes, palm_normal
from understudy.spec.skeleton import SIDES, HumanMotion

FRAMES = 60


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(2.0, rate_hz=30.0)


def _pose(bend_rad: float) -> F64:
    """(15, 3) a right hand's rotation vectors: every finger joint bent by so much, about z."""
    out = np.zeros((15, 3))
    out[:12, 2] = bend_rad
    return out


def _matrices(pose: F64) -> F64:
    return quat_to_matrix(rotvec_to_quat(pose))


def _rows(bends: F64, *, hamer: bool, turn: F64 | None = None) -> dict[str, F64]:
    """Rows of both hands in every frame: HaMeR's matrices of the right hand for both, or MANO's vectors of each hand's own."""
    right = np.stack([_pose(float(b)) for b in bends])
    left = right if hamer else mirrored_pose(right)
    pose = np.concatenate([right, left])
    side = np.repeat([1.0, 0.0], len(bends))
    frame = np.tile(np.arange(len(bends)), 2).astype(np.float64)
    out = {"hand_pose": _matrices(pose) if hamer else pose.reshape(len(pose), 45), "is_right": side, "frame": frame}
    if turn is not None:
        out["global_orient"] = np.tile(_matrices(turn), (len(pose), 1, 1)) if hamer else np.tile(turn, (len(pose), 1))
    return out


def _saved(path: Path, rows: dict[str, F64], **more: object) -> Path:
    np.savez(path, **rows, **more)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("hamer", [True, False])
def test_hands_bend_to_the_palm_whichever_way_left_is_told(hamer: bool, walking: HumanMotion, tmp_path: Path) -> None:
    rows = _rows(np.full(FRAMES, 0.9), hamer=hamer, turn=np.array([0.4, -0.7, 0.2]))
    motion = with_hands_of(walking, _saved(tmp_path / "h.npz", rows))
    assert motion.hand_pos_world_m is not None
    expected = palm_coordinates(pose_hand(mean_hand("right"), _matrices(_pose(0.9))[None], np.eye(3)[None]), "right")
    for i, side in enumerate(SIDES):
        hand = motion.hand_pos_world_m[:FRAMES, i]
        assert hand[:, 0] == pytest.approx(motion.joint(f"{side}_wrist")[:FRAMES])
        assert palm_coordinates(hand, side) == pytest.approx(np.tile(expected, (FRAMES, 1, 1)), abs=1e-6)
        normal = palm_normal(*palm_axes(hand), side)
        assert (np.sum((hand[:, HAND_INDEX["index_tip"]] - hand[:, HAND_INDEX["index_1"]]) * normal, axis=1) > 0.03).all()
        along = motion.joint(f"{side}_hand")[:FRAMES] - motion.joint(f"{side}_wrist")[:FRAMES]
        assert (np.sum(palm_axes(hand)[0] * along, axis=1) > 0.99 * np.linalg.norm(along, axis=1)).all()
    assert motion.hand_radial_world is None  # the camera is not known
    assert "MANO poses on mean proportions" in motion.notes[-1]


def test_points_are_taken_and_a_mirrored_left_hand_is_told(walking: HumanMotion, tmp_path: Path) -> None:
    hand = pose_hand(mean_hand("right"), _matrices(_pose(0.7))[None], _matrices(np.array([0.3, 0.2, 1.0]))[None])[0] + 0.4
    for left in (hand, hand * np.array([-1.0, 1.0, 1.0])):
        rows = {
            "keypoints_3d": np.concatenate([np.tile(hand, (FRAMES, 1, 1)), np.tile(left, (FRAMES, 1, 1))]),
            "is_right": np.repeat([1.0, 0.0], FRAMES),
            "frame": np.tile(np.arange(FRAMES), 2).astype(np.float64),
        }
        motion = with_hands_of(walking, _saved(tmp_path / "p.npz", rows))
        assert motion.hand_pos_world_m is not None
        a, b = (palm_coordinates(motion.hand_pos_world_m[:5, i], side) for i, side in enumerate(SIDES))
        assert a == pytest.approx(b, abs=1e-9)


def test_json_says_the_same_as_npz(walking: HumanMotion, tmp_path: Path) -> None:
    rows = _rows(np.linspace(0.0, 1.0, FRAMES), hamer=True)
    listed = [
        {"frame": int(f), "is_right": int(r), "pred_mano_params": {"hand_pose": p.tolist()}}
        for f, r, p in zip(rows["frame"], rows["is_right"], rows["hand_pose"], strict=True)
    ]
    (tmp_path / "h.json").write_text(json.dumps({"hands": listed}))
    a = with_hands_of(walking, _saved(tmp_path / "h.npz", rows))
    b = with_hands_of(walking, tmp_path / "h.json")
    assert a.hand_pos_world_m is not None
    assert b.hand_pos_world_m is not None
    np.testing.assert_allclose(a.hand_pos_world_m, b.hand_pos_world_m)


def test_a_known_camera_turns_the_hands(walking: HumanMotion, tmp_path: Path) -> None:
    """A camera whose x is the world's y, whose y is its z and whose z is its x."""
    rows = _rows(np.full(FRAMES, 0.5), hamer=True, turn=np.zeros(3))
    camera = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    motion = with_hands_of(walking, _saved(tmp_path / "h.npz", rows, camera_to_world=camera))
    assert motion.hand_radial_world is not None
    right = palm_axes(pose_hand(mean_hand("right"), _matrices(_pose(0.5))[None], np.eye(3)[None]))
    assert motion.hand_radial_world[0, 1] == pytest.approx(camera @ right[1][0], abs=1e-6)
    hand = motion.joint("right_hand")[0] - motion.joint("right_wrist")[0]
    assert hand / np.linalg.norm(hand) == pytest.approx(camera @ right[0][0], abs=1e-6)


def test_gaps_and_rates(walking: HumanMotion, tmp_path: Path) -> None:
    rows = _rows(np.full(30, 0.5), hamer=True)
    keep = (rows["frame"] < 8) | (rows["frame"] > 20)
    rows = {key: value[keep] for key, value in rows.items()}
    motion = with_hands_of(walking, _saved(tmp_path / "h.npz", rows, rate_hz=15.0))
    assert motion.hand_pos_world_m is not None
    known: Bool = np.asarray(np.isfinite(motion.hand_pos_world_m[:, 0]).all(axis=(1, 2)))
    at = walking.t_ns * 1e-9
    assert known[at <= 7 / 15].all()
    assert not known[(at > 7 / 15 + 0.01) & (at < 21 / 15 - 0.01)].any()
    assert known[(at > 21 / 15) & (at < 29 / 15)].all()


def _model() -> dict[str, F64]:
    """A model of MANO whose joints are the mean hand's, a tenth larger, with a shape that doubles it."""
    rest = 1.1 * mean_hand("right")
    vertices, regressor = np.zeros((778, 3)), np.zeros((16, 778))
    vertices[0] = rest[0]
    regressor[0, 0] = 1.0
    for i, finger in enumerate(("index", "middle", "little", "ring", "thumb")):
        for k in range(3):
            vertices[1 + 3 * i + k] = rest[HAND_INDEX[f"{finger}_{k + 1}"]]
            regressor[1 + 3 * i + k, 1 + 3 * i + k] = 1.0
    for finger, vertex in {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "little": 671}.items():
        vertices[vertex] = rest[HAND_INDEX[f"{finger}_tip"]]
    shapes = np.zeros((778, 3, 10))
    shapes[:, :, 0] = vertices
    return {"v_template": vertices, "J_regressor": regressor, "shapedirs": shapes, "hands_mean": np.tile([0.0, 0.0, 0.2], 15)}


def test_the_users_own_model(walking: HumanMotion, tmp_path: Path) -> None:
    rows = _rows(np.full(FRAMES, 0.5), hamer=True)
    path = _saved(tmp_path / "h.npz", rows)
    mean, own = (with_hands_of(walking, path, m).hand_pos_world_m for m in (None, HandModel("MANO", _model())))
    assert mean is not None
    assert own is not None
    wrist = mean[:, :, :1]
    np.testing.assert_allclose(own - wrist, 1.1 * (mean - wrist), atol=1e-9)
    betas = np.zeros((2 * FRAMES, 10))
    betas[:, 0] = 1.0
    doubled = with_hands_of(walking, _saved(tmp_path / "b.npz", rows, betas=betas), HandModel("MANO", _model())).hand_pos_world_m
    assert doubled is not None
    np.testing.assert_allclose(doubled - wrist, 2.2 * (mean - wrist), atol=1e-9)


def test_a_pickled_model_and_a_file_beside_the_clip(walking: HumanMotion, tmp_path: Path) -> None:
    clip = tmp_path / "walk.npz"
    write_joint_array(walking, clip)
    assert beside(clip) is None
    hands = _saved(tmp_path / "walk.hands.npz", _rows(np.full(FRAMES, 0.3), hamer=False), flat_hand_mean=0)
    assert beside(clip) == hands
    with pytest.raises(MocapError, match="--hand-model"):
        read_clip(clip)
    (tmp_path / "MANO_RIGHT.pkl").write_bytes(pickle.dumps(_model()))
    options = ReadOptions(hand_model=tmp_path / "MANO_RIGHT.pkl")
    assert list(files_of(clip, options)) == ["clip", "hands", "hand_model"]
    motion = read_clip(clip, options)
    assert motion.hand_pos_world_m is not None
    bent = with_hands_of(walking, _saved(tmp_path / "b.npz", _rows(np.full(FRAMES, 0.5), hamer=True)), HandModel("M", _model()))
    assert bent.hand_pos_world_m is not None
    fingers = [HAND_INDEX[f"{f}_{k}"] for f in ("index", "middle", "ring", "little") for k in ("1", "2", "3", "tip")]
    np.testing.assert_allclose(motion.hand_pos_world_m[:, :, fingers], bent.hand_pos_world_m[:, :, fingers], atol=1e-6)


def test_from_a_file_to_the_robots_fingers(walking: HumanMotion, tmp_path: Path) -> None:
    robot = load_robot("unitree_g1_hands")
    rows = _rows(np.linspace(0.0, 1.4, FRAMES), hamer=True)
    q = retarget(with_hands_of(walking, _saved(tmp_path / "h.npz", rows)), robot).motion.joint_pos
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for finger in ("index", "middle"):
            bend = sign * q[:, robot.joint_index(f"{side}_hand_{finger}_0_joint")]
            assert bend[2] < 0.2
            assert bend[50] > 0.9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_right": None}, "no is_right"),
        ({"hand_pose": None}, "neither hand_pose nor"),
        ({"frame": None}, "without frame or t_s"),
        ({"hand_pose": np.zeros((8, 16))}, "45 or 135 numbers for each of 8 rows"),
        ({"hand_pose": np.full((8, 45), np.nan)}, "row 1 is not finite"),
        ({"hand_pose": np.zeros((8, 15, 3, 3))}, "no rotations"),
        ({"frame": np.zeros(3)}, "frame has 3 rows, is_right 8"),
        ({"rate_hz": 0.0}, "a rate of 1 to 10000"),
        ({"camera_to_world": np.zeros((3, 3))}, "camera_to_world is no rotation"),
        ({"camera_to_world": np.zeros(3)}, "camera_to_world is of shape"),
        ({"frame": np.arange(8.0) + 1e6}, "falls into the clip"),
        ({"is_right": np.array(["left"] * 8)}, "numbers are needed"),
    ],
)
def test_faults_are_named(change: dict[str, object], said: str, walking: HumanMotion, tmp_path: Path) -> None:
    rows: dict[str, object] = dict(_rows(np.full(4, 0.5), hamer=False)) | change
    np.savez(tmp_path / "h.npz", **{key: value for key, value in rows.items() if value is not None})  # type: ignore[arg-type]
    with pytest.raises(MocapError, match=said):
        with_hands_of(walking, tmp_path / "h.npz")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "neither .npz nor JSON"), ("{}", "no list 'hands'"), ("[1]", "no list 'hands'"),
     ('[{"is_right": 1}]', "neither hand_pose"), ('[{"is_right": 1, "hand_pose": [1, "a"]}]', "no numbers of one shape")],
)  # fmt: skip
def test_faults_of_json_are_named(text: str, said: str, walking: HumanMotion, tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text(text)
    with pytest.raises(MocapError, match=said):
        with_hands_of(walking, tmp_path / "h.json")


def test_a_file_that_is_no_model(walking: HumanMotion, tmp_path: Path) -> None:
    path = _saved(tmp_path / "h.npz", _rows(np.full(4, 0.5), hamer=True))
    with pytest.raises(MocapError, match="not a model of MANO"):
        with_hands_of(walking, path, HandModel("body.npz", {"v_template": np.zeros((6890, 3))}))


def test_one_file_of_hands_is_not_taken_for_several_clips(walking: HumanMotion, tmp_path: Path) -> None:
    from understudy.pipeline.labels import label_clips
    from understudy.pipeline.retarget import RetargetOptions, retarget_tasks
    from understudy.spec.default_schema import default_schema
    from understudy.store.dataset import Dataset

    robot = load_robot("unitree_g1_hands")
    dataset = Dataset.create(tmp_path / "d", default_schema(robot, "d"), robot)
    for name in ("a", "b"):
        write_joint_array(walking, tmp_path / f"{name}.npz")
    clips = label_clips([tmp_path / "a.npz", tmp_path / "b.npz"], task="t", demonstrator="d", instruction="i", table=None)
    hands = _saved(tmp_path / "h.npz", _rows(np.full(4, 0.5), hamer=True))
    with pytest.raises(InputError, match=r"a\.hands\.npz"):
        retarget_tasks(clips, robot, dataset, RetargetOptions(), ReadOptions(hands=hands))
    (task,) = retarget_tasks(clips[:1], robot, dataset, RetargetOptions(), ReadOptions(hands=hands))
    assert hands in task.inputs


_GOOD = io.BytesIO()
np.savez_compressed(_GOOD, **_rows(np.linspace(0.0, 1.0, 4), hamer=False))  # type: ignore[arg-type]
_GOOD_JSON = json.dumps(
    [{"frame": k, "is_right": k % 2, "hand_pose": _pose(0.4).tolist(), "betas": [0.0] * 10} for k in range(4)]
).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoiled_file_gives_hands_or_its_own_error(data: st.DataObject, tmp_path: Path, walking: HumanMotion) -> None:
    good = bytearray(data.draw(st.sampled_from([_GOOD.getvalue(), _GOOD_JSON])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path = tmp_path / "h.bin"
    path.write_bytes(bytes(good))
    said = str(path)
    try:
        with_hands_of(walking, path)
    except MocapError as error:
        said = str(error)
    assert str(path) in said
