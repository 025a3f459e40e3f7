"""Poses of the SMPL family: kinematics, body models, mean proportions, the height, every layout of the archives."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray
from understudy.geom.rotations import matrix_to_quat, quat_apply, quat_to_rotvec
from understudy.mocap import _smpl
from understudy.mocap._mean_body import MEAN_HEIGHT_M, mean_rest_joints
from understudy.mocap._npz import open_npz
from understudy.mocap._stature import stature_m
from understudy.mocap.amass import Amass, read_body_model
from understudy.mocap.read import read_motion
from understudy.pipeline.read import ReadOptions, read_clip
from understudy.simulate.walker import walk
from understudy.spec.skeleton import HumanMotion
from understudy.testing.mocap import check_motion

Z_UP = np.array([np.pi / 2.0, 0.0, 0.0])
"""Root turn that stands the model, whose y points up, on a floor whose z does."""


def _clip(frames: int = 60, seed: int = 0) -> tuple[F64, F64]:
    """(T, 22, 3) rotation vectors of an upright person that sways and (T, 3) translation."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / 30.0
    poses = 0.2 * rng.normal(size=(1, 22, 3)) * np.sin(2.0 * t + rng.uniform(0, 6, (1, 22, 3)))
    poses[:, 0] = Z_UP
    return poses, np.stack([0.5 * t[:, 0, 0], 0.0 * t[:, 0, 0], 0.9 + 0.0 * t[:, 0, 0]], axis=1)


def _save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def _amass(path: Path, width: int = 72, **changes: object) -> Path:
    poses, trans = _clip()
    flat = np.zeros((len(poses), width))
    flat[:, :66] = poses.reshape(len(poses), 66)
    arrays = {"poses": flat, "trans": trans, "betas": np.zeros(16), "gender": "neutral", "mocap_framerate": 30.0} | changes
    return _save(path, **{name: value for name, value in arrays.items() if value is not None})


def _model(joints: int = 24, seed: int = 1) -> dict[str, AnyArray]:
    """A body model whose joints are known: as many vertices as joints, one shape that makes everything larger."""
    rng = np.random.default_rng(seed)
    places = rng.normal(0, 0.02, (joints, 3))
    names, body = _smpl.NODES, 1.8 * mean_rest_joints(_smpl.NODES)
    _, left, right = _smpl.MODELS[str(_smpl.model_of(joints))]
    for node, index in zip(range(len(names)), [*range(22), left, right], strict=True):
        places[index] = body[node] + np.array([0.0, -0.2, 0.03])
    return {
        "v_template": places,
        "J_regressor": np.eye(joints),
        "shapedirs": np.stack([0.1 * places, rng.normal(0, 0.001, places.shape)], axis=2),
    }


# ---------------------------------------------------------------- kinematics


def test_no_rotation_gives_the_rest_pose() -> None:
    rest = mean_rest_joints(_smpl.NODES)
    pos = _smpl.positions(rest, np.zeros((2, 22, 3)), np.array([[0.0, 0, 0], [1, 2, 3]]))
    np.testing.assert_allclose(pos[0], rest, atol=1e-12)
    np.testing.assert_allclose(pos[1], rest + np.array([1.0, 2.0, 3.0]), atol=1e-12)


def test_the_root_turns_about_itself() -> None:
    rest = mean_rest_joints(_smpl.NODES) + np.array([0.0, -0.2, 0.03])
    turned = np.zeros((1, 22, 3))
    turned[0, 0] = Z_UP
    pos = _smpl.positions(rest, turned, np.zeros((1, 3)))[0]
    np.testing.assert_allclose(pos[0], rest[0])  # the root stays at its rest place, whatever its rotation
    head = _smpl.NODES.index("Head")
    x, y, z = rest[head] - rest[0]
    np.testing.assert_allclose(pos[head] - pos[0], [x, -z, y], atol=1e-12)


def test_a_joint_carries_what_is_behind_it_in_its_parents_axes() -> None:
    rest = mean_rest_joints(_smpl.NODES)
    at = {name: k for k, name in enumerate(_smpl.NODES)}
    poses = np.zeros((1, 22, 3))
    poses[0, at["L_Shoulder"]] = [0.0, 0.0, -np.pi / 2.0]  # the left arm, along x, hangs down
    poses[0, at["L_Elbow"]] = [0.0, -np.pi / 2.0, 0.0]  # x to z in the axes of the arm: forward
    pos = _smpl.positions(rest, poses, np.zeros((1, 3)))[0]
    upper, fore = (rest[at[b], 0] - rest[at[a], 0] for a, b in (("L_Shoulder", "L_Elbow"), ("L_Elbow", "L_Wrist")))
    np.testing.assert_allclose(pos[at["L_Elbow"]], rest[at["L_Shoulder"]] + [0, -upper, 0], atol=1e-12)
    np.testing.assert_allclose(pos[at["L_Wrist"]], pos[at["L_Elbow"]] + [0, 0, fore], atol=1e-12)
    np.testing.assert_allclose(pos[at["R_Wrist"]], rest[at["R_Wrist"]], atol=1e-12)


# ---------------------------------------------------------------- mean proportions


def test_mean_proportions_are_those_of_the_source() -> None:
    rest = mean_rest_joints(_smpl.NODES, "male")
    at = {name: k for k, name in enumerate(_smpl.NODES)}

    def mm(a: str, b: str) -> float:
        return float(1741.0 * np.linalg.norm(rest[at[a]] - rest[at[b]]))

    assert mm("L_Hip", "L_Knee") == pytest.approx(422.2)
    assert mm("R_Knee", "R_Ankle") == pytest.approx(440.3)
    assert mm("L_Shoulder", "L_Elbow") == pytest.approx(281.7)
    assert mm("R_Elbow", "R_Wrist") == pytest.approx(268.9)
    assert mm("R_Wrist", "R_Hand") == pytest.approx(86.2)
    np.testing.assert_allclose(rest[[at["L_Foot"], at["L_Hand"]]] * [-1, 1, 1], rest[[at["R_Foot"], at["R_Hand"]]])
    assert rest[at["L_Hip"], 0] > 0.0  # x is left
    assert rest[at["L_Foot"], 2] > 0.0  # z is forward


def test_the_height_is_that_at_which_standing_feet_do_not_slide() -> None:
    """A squat and steps of a person of 1.9 m and of 1.5 m, with the root where the standing foot puts it."""
    rest = mean_rest_joints(_smpl.NODES)
    feet = [_smpl.NODES.index(name) for name in ("L_Ankle", "R_Ankle")]
    frames, rate = 600, 60.0
    phase = np.arange(frames) / rate
    for height in (1.5, 1.9):
        poses = np.zeros((frames, 22, 3))
        swing = 0.45 * np.sin(2.0 * np.pi * phase / 1.2)
        poses[:, 1, 0], poses[:, 2, 0] = swing, -swing
        poses[:, 4, 0] = poses[:, 5, 0] = 0.25 * (1.0 - np.cos(2.0 * np.pi * phase / 0.6))
        unit = _smpl.positions(rest, poses, np.zeros((frames, 3)))[:, feet]
        left = swing < np.roll(swing, 1)  # the leg that swings back stands
        moved = np.where(left[:, None], -np.gradient(unit[:, 0], axis=0), -np.gradient(unit[:, 1], axis=0))
        trans = height * np.cumsum(moved, axis=0)
        found, share = stature_m(trans, unit, rate, 1.68)
        assert share > 0.6
        assert abs(found - height) < 0.45 * abs(1.68 - height), (found, height, share)


def test_the_feet_of_someone_who_stands_still_tell_nothing() -> None:
    unit = np.tile(mean_rest_joints(_smpl.NODES)[[7, 8]], (100, 1, 1))
    found, share = stature_m(np.zeros((100, 3)), unit, 30.0, 1.7)
    assert found == pytest.approx(1.7)
    assert share == pytest.approx(0.0, abs=1e-9)


def test_without_a_model_the_mean_person_is_taken_and_said(tmp_path: Path) -> None:
    zero = read_motion(_amass(tmp_path / "zero.npz"))
    assert zero.source.dialect == "smpl, mean proportions"
    assert "no body model: mean proportions of a neutral person" in zero.source.warnings[0]
    assert "a shape of zeros means: 1.68 m" in zero.source.warnings[0]
    leg = 1.683 * (0.5 * (422.2 / 1741 + 368.5 / 1735) + 0.5 * (440.3 / 1741 + 438.6 / 1735))
    assert zero.subject().leg_m == pytest.approx(leg, rel=1e-6)
    shaped = read_motion(_amass(tmp_path / "shape.npz", betas=np.ones(10), gender="male"))
    assert "of a male person" in shaped.source.warnings[0]
    assert "% from the feet" in shaped.source.warnings[0]
    assert shaped.subject().leg_m == pytest.approx(MEAN_HEIGHT_M["male"] * (422.2 + 440.3) / 1741, rel=0.15)


# ---------------------------------------------------------------- body models


@pytest.mark.parametrize(("joints", "width"), [(24, 72), (52, 156), (55, 165)])
def test_a_body_model_gives_its_own_joints(joints: int, width: int, tmp_path: Path) -> None:
    model = _model(joints)
    archive = _amass(tmp_path / "clip.npz", width)
    file = _save(tmp_path / "model.npz", **model)
    got = read_motion(archive, companion=file)
    check_motion(got, bone_tolerance=1e-6)
    assert got.source.dialect.endswith("body model")
    assert f"joints are those of the body model model.npz ({_smpl.model_of(joints)}".upper() in got.source.warnings[0].upper()
    assert got.subject().thigh_m == pytest.approx(
        float(np.linalg.norm(model["v_template"][1] - model["v_template"][4])), rel=1e-6
    )
    assert got.subject().forearm_m == pytest.approx(
        float(np.linalg.norm(model["v_template"][18] - model["v_template"][20])), rel=1e-6
    )
    _, left, _ = _smpl.MODELS[str(_smpl.model_of(joints))]
    hand = float(np.linalg.norm(got.joint("left_hand")[0] - got.joint("left_wrist")[0]))
    assert hand == pytest.approx(float(np.linalg.norm(model["v_template"][left] - model["v_template"][20])), rel=1e-6)


def test_the_shape_changes_the_joints(tmp_path: Path) -> None:
    file = _save(tmp_path / "model.npz", **_model())
    plain = read_motion(_amass(tmp_path / "a.npz"), companion=file).subject()
    larger = read_motion(_amass(tmp_path / "b.npz", betas=np.array([1.0] + [0.0] * 9)), companion=file).subject()
    assert larger.leg_m == pytest.approx(1.1 * plain.leg_m, rel=1e-6)


@pytest.mark.parametrize("kind", ["csc", "csr", "dense"])
def test_a_pickled_model_is_read_without_running_it(kind: str, tmp_path: Path) -> None:
    model: dict[str, object] = dict(_model())
    if kind != "dense":
        model["J_regressor"] = getattr(scipy.sparse, f"{kind}_matrix")(model["J_regressor"])
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(model, protocol=2))
    archive = _amass(tmp_path / "clip.npz")
    got = read_clip(archive, ReadOptions(companion=file))
    wanted = read_motion(archive, companion=_save(tmp_path / "model.npz", **_model()))
    np.testing.assert_allclose(got.joint_pos_world_m, wanted.joint_pos_world_m, atol=1e-12)
    with pytest.raises(MocapError, match=r"model\.pkl: a pickle can run code"):
        read_body_model(file)


def test_a_model_of_another_shape_space_is_refused(tmp_path: Path) -> None:
    file = _save(tmp_path / "model.npz", **_model(55))
    with pytest.raises(MocapError, match=r"clip\.npz: poses of SMPL, but .*model\.npz is a model of SMPLX"):
        read_motion(_amass(tmp_path / "clip.npz", 72), companion=file)
    read_motion(_amass(tmp_path / "h.npz", 156), companion=_save(tmp_path / "smpl.npz", **_model(24)))  # SMPL and SMPL-H share it


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v_template": None}, "no v_template: not a body model"),
        ({"J_regressor": np.eye(24)[:23]}, r"J_regressor has shape \(23, 24\); joints must be 24 \(SMPL\)"),
        ({"v_template": np.zeros((24, 2))}, r"v_template has shape \(24, 2\)"),
        ({"shapedirs": np.zeros((24, 2, 3))}, r"shapedirs has shape \(24, 2, 3\)"),
        ({"v_template": np.full((24, 3), np.nan)}, "v_template is float64; finite numbers are needed"),
    ],
)
def test_what_is_no_body_model_says_why(change: dict[str, AnyArray | None], message: str) -> None:
    arrays = {name: value for name, value in (_model() | change).items() if value is not None}
    with pytest.raises(MocapError, match=message):
        _smpl.rest_joints(arrays, np.ones(2), "model.npz")


# ---------------------------------------------------------------- layouts


def _matrices(rotvec: F64) -> F64:
    return np.asarray(Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix()).reshape(*rotvec.shape[:-1], 3, 3)


@pytest.mark.parametrize(("unit", "scale"), [("centimetres", 100.0), ("millimetres", 1000.0)])
def test_a_translation_in_another_unit_is_set_right_and_told(unit: str, scale: float, tmp_path: Path) -> None:
    poses, trans = _clip()
    trans[:, 2] += 0.03 * np.sin(np.arange(len(trans)))  # a person who walks also goes up and down
    flat = np.pad(poses.reshape(len(poses), 66), ((0, 0), (0, 6)))
    wanted = read_motion(_amass(tmp_path / "m.npz", poses=flat, trans=trans))
    got = read_motion(_amass(tmp_path / "other.npz", poses=flat, trans=trans * scale))
    np.testing.assert_allclose(got.joint_pos_world_m, wanted.joint_pos_world_m, atol=1e-9)
    assert f"with a translation in metres no foot would ever stand still: {unit} were taken" in got.source.warnings
    assert not any("stand still" in said for said in wanted.source.warnings)


def test_somebody_who_is_driven_is_not_made_smaller(tmp_path: Path) -> None:
    poses, trans = _clip()
    trans[:, 0] *= 20.0  # 10 m/s, level
    flat = np.pad(poses.reshape(len(poses), 66), ((0, 0), (0, 6)))
    got = read_motion(_amass(tmp_path / "m.npz", poses=flat, trans=trans))
    assert not any("stand still" in said for said in got.source.warnings)


def test_every_layout_of_the_archives_gives_the_same_motion(tmp_path: Path) -> None:
    poses, trans = _clip()
    flat = poses.reshape(len(poses), 66)
    wanted = read_motion(_amass(tmp_path / "smpl.npz")).joint_pos_world_m
    layouts: list[dict[str, object]] = [
        {"poses": np.pad(flat, ((0, 0), (0, 90))), "trans": trans, "mocap_framerate": 30},
        {"poses": np.pad(flat, ((0, 0), (0, 99))), "trans": trans, "mocap_frame_rate": 30.0, "surface_model_type": "smplx"},
        {"poses": flat, "trans": trans, "fps": np.array([30.0])},
        {"poses": np.pad(poses, ((0, 0), (0, 2), (0, 0))), "trans": trans, "mocap_framerate": np.float32(30)},
        {"root_orient": flat[:, :3], "pose_body": flat[:, 3:], "trans": trans, "mocap_frame_rate": 30.0},
        {"global_orient": flat[:, :3], "body_pose": np.pad(flat[:, 3:], ((0, 0), (0, 6))), "transl": trans, "fps": 30,
         "betas": np.zeros((len(flat), 10))},
        {"poses": _matrices(np.pad(poses, ((0, 0), (0, 2), (0, 0)))), "trans": trans, "mocap_framerate": 30},
        {"global_orient": _matrices(poses[:, 0]), "body_pose": _matrices(poses[:, 1:]), "transl": trans, "fps": 30},
        {"global_orient": _matrices(poses[:, :1]), "body_pose": poses[:, 1:], "transl": trans, "fps": 30},
    ]  # fmt: skip
    for k, layout in enumerate(layouts):
        path = _save(tmp_path / f"layout{k}.npz", **layout)
        got = read_motion(path)
        assert got.source.format == "amass"
        np.testing.assert_allclose(got.joint_pos_world_m, wanted, atol=1e-9, err_msg=str(k))
    assert read_motion(tmp_path / "layout1.npz").source.dialect == "smplx, mean proportions"


def test_an_archive_with_y_up_is_turned(tmp_path: Path) -> None:
    poses, trans = _clip()
    upright = poses.copy()
    upright[:, 0] = 0.0  # the model as it is: y up
    turned = np.stack([trans[:, 0], trans[:, 2], -trans[:, 1]], axis=1)
    path = _save(tmp_path / "y.npz", poses=upright.reshape(len(poses), 66), trans=turned, mocap_framerate=30)
    got = read_motion(path)
    assert got.source.up == "y"
    np.testing.assert_allclose(got.joint_pos_world_m, read_motion(_amass(tmp_path / "z.npz")).joint_pos_world_m, atol=1e-9)


def test_a_person_who_lies_askew_keeps_the_archives_axis_and_is_told(tmp_path: Path) -> None:
    poses, trans = _clip()
    body = np.array([1.0, 1.0, 0.6]) / np.linalg.norm([1.0, 1.0, 0.6])  # where the head points: no axis of the file
    side = np.cross([0.0, 0.0, 1.0], body) / np.linalg.norm(np.cross([0.0, 0.0, 1.0], body))
    poses[:, 0] = quat_to_rotvec(matrix_to_quat(np.stack([side, body, np.cross(side, body)], axis=1)))
    motion = Amass().read(_save(tmp_path / "d.npz", poses=poses.reshape(len(poses), 66), trans=trans, fps=30))
    assert motion.source.up == "z"
    assert any("not upright" in said for said in motion.source.warnings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mocap_framerate": None}, r"clip\.npz: the archive does not say its rate.*rate_hz=30"),
        ({"mocap_framerate": 0.0}, "mocap_framerate is 0; 1 to 10000"),
        ({"poses": np.zeros((60, 70))}, r"poses are 70 wide; known are 66 \(body alone\), 72 \(smpl\)"),
        ({"poses": np.zeros((50, 72))}, "50 poses but 60 translations"),
        ({"poses": np.full((60, 72), np.nan)}, r"array 'poses' is not finite at \(0, 0\)"),
        ({"poses": np.full((60, 72), 180.0)}, "turned by 312 rad, which looks like degrees: rotation vectors in radians"),
        ({"poses": np.full((60, 72), 20.0)}, "turned by 34.6 rad, which looks like degrees"),
        ({"poses": np.full((60, 24, 3, 3), 0.1)}, "array 'poses' has the shape of rotation matrices, but holds none"),
        ({"poses": np.tile(-np.eye(3), (60, 24, 1, 1))}, "shape of rotation matrices, but holds none"),
        ({"trans": np.full((60, 3), 1e5)}, "a translation of 100000: metres are needed"),
        ({"trans": None}, "no known motion capture format|no array trans or transl"),
        ({"trans": np.zeros((60, 2))}, r"array 'trans' is float64 \(60, 2\); numbers of shape any x 3 are needed"),
        ({"poses": np.zeros((2, 72)), "trans": np.zeros((2, 3))}, "the motion has 2 frames; at least 3 are needed"),
        ({"poses": np.zeros((0, 72)), "trans": np.zeros((0, 3))}, "the motion has 0 frames"),
        ({"betas": np.array(["tall"])}, "array 'betas' is <U4"),
    ],
)
def test_archives_that_cannot_be_used_name_the_array(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(MocapError, match=message):
        Amass().read(_amass(tmp_path / "clip.npz", 72, **changes))


def test_python_objects_are_never_opened(tmp_path: Path) -> None:
    """The gender of old archives is such an object: it is passed over; poses are refused."""
    gender = read_motion(_amass(tmp_path / "a.npz", gender=np.array({"is": "an object"}, dtype=object)))
    assert "neutral" in gender.source.warnings[0]
    bytes_ = read_motion(_amass(tmp_path / "b.npz", gender=np.array(b"female")))
    assert "female" in bytes_.source.warnings[0]
    with pytest.raises(MocapError, match="array 'poses' holds Python objects, which are never opened"):
        read_motion(_amass(tmp_path / "c.npz", poses=np.full((60, 72), None, dtype=object)))


def test_an_array_whose_header_does_not_end_is_damaged(tmp_path: Path) -> None:
    """numpy takes such a header for one of Python 2, and its tokens for a program's."""
    good = _amass(tmp_path / "good.npz")
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b"}", b" ", 1) if name == "poses.npy" else data)
    with pytest.raises(MocapError, match=r"a\.npz: array 'poses' is damaged"):
        Amass().read(path)


def test_a_zip_bomb_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, poses=np.zeros((120_000, 72)), trans=np.zeros((3, 3)), fps=30)
    with pytest.raises(MocapError, match=r"bomb\.npz: array 'poses' says 69120000 bytes, the file holds"):
        open_npz(path).array("poses")


def test_a_walk_as_poses_keeps_its_left_and_right(tmp_path: Path) -> None:
    """Turning the whole person about the vertical turns every joint; nothing is mirrored."""
    poses, trans = _clip()
    base = read_motion(_amass(tmp_path / "a.npz"))
    quat = np.array([np.cos(0.5), 0.0, 0.0, np.sin(0.5)])
    rot = np.array([[np.cos(1.0), -np.sin(1.0), 0], [np.sin(1.0), np.cos(1.0), 0], [0, 0, 1]])
    up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    poses = poses.copy()
    poses[:, 0] = quat_to_rotvec(matrix_to_quat(rot @ up))
    flat = np.pad(poses.reshape(len(poses), 66), ((0, 0), (0, 6)))
    turned = read_motion(_amass(tmp_path / "b.npz", poses=flat, trans=quat_apply(np.tile(quat, (len(trans), 1)), trans)))
    got = turned.joint_pos_world_m
    np.testing.assert_allclose(got[..., :2], (base.joint_pos_world_m @ rot.T)[..., :2], atol=1e-9)


def test_a_synthetic_person_is_of_a_persons_proportions() -> None:
    """The mean body and the parametric walker come from the same tables, within what the tables differ by."""
    walker: HumanMotion = walk(1.0, 1.0, rate_hz=30.0)
    subject = walker.subject()
    rest = 1.75 * mean_rest_joints(_smpl.NODES)
    at = {name: k for k, name in enumerate(_smpl.NODES)}
    leg = np.linalg.norm(rest[at["L_Hip"]] - rest[at["L_Knee"]]) + np.linalg.norm(rest[at["L_Knee"]] - rest[at["L_Ankle"]])
    assert leg == pytest.approx(subject.leg_m, rel=0.05)
