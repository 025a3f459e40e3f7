"""Robot motion files: columns and arrays by hand, joints by name, quaternions and signs that must not be flipped."""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import ExportError, JointOrderError, MocapError
from understudy.export import _motion_gmr as gmr
from understudy.export import _motion_locomujoco as loco
from understudy.export import _motion_wbt as wbt
from understudy.export._motion_flavour import FileMotion, Flavour, Told, frames_per_second
from understudy.export.motion import FLAVOURS
from understudy.geom.arrays import F64, AnyArray
from understudy.geom.rotations import quat_apply, quat_mul, rotvec_to_quat, yaw_to_quat
from understudy.pipeline.import_motion import ImportOptions, joint_name_list, layout_of, read_motion_file
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.testing.episodes import make_episode, motion_of
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
COS = np.cos(0.1)
SIN = np.sin(0.1)


def wandering(seed: int = 0, rate_hz: float = 50.0, steps: int = 40) -> RobotMotion:
    """A motion in which every number differs from every other, leaning up to 0.6 rad."""
    rng = np.random.default_rng(seed)
    t_ns = stamps((steps - 1) / rate_hz, rate_hz)
    t = np.linspace(0.0, 1.0, steps)[:, None]
    wave = np.sin(2.0 * t + rng.uniform(0, 6, ROBOT.dof)) * 0.2 + rng.uniform(-0.2, 0.2, ROBOT.dof)
    pos = np.concatenate([1.0 + t, -2.0 + 0.5 * t, 0.8 + 0.05 * np.sin(9 * t)], axis=1)
    lean = rotvec_to_quat(np.concatenate([0.3 * np.sin(5 * t), 0.6 * np.cos(4 * t), 0.0 * t], axis=1))
    quat = quat_mul(yaw_to_quat(1.0 + 2.5 * t[:, 0]), lean)
    return RobotMotion(t_ns, pos, quat, wave, ROBOT.joint_names)


def write(motion: RobotMotion, flavour: str, folder: Path) -> Path:
    path = folder / f"clip{FLAVOURS[flavour].suffix}"
    FLAVOURS[flavour].write(motion, ROBOT, path)
    return path


def read(path: Path, flavour: str, *, robot: RobotModel = ROBOT, told: Told | None = None) -> FileMotion:
    return FLAVOURS[flavour].read(path, robot, told or Told(fps=50.0 if flavour in ("csv", "gmr") else None))


def equal_up_to_sign(a: F64, b: F64, atol: float) -> bool:
    sign = np.where(np.sum(a * b, axis=1, keepdims=True) < 0, -1.0, 1.0)
    return bool(np.allclose(a * sign, b, rtol=0, atol=atol))


@pytest.mark.parametrize("flavour", list(FLAVOURS))
def test_what_is_written_reads_back(flavour: str, tmp_path: Path) -> None:
    motion = wandering()
    back = read(write(motion, flavour, tmp_path), flavour).motion
    assert back.joint_names == ROBOT.joint_names
    np.testing.assert_array_equal(back.t_ns, motion.t_ns)
    np.testing.assert_allclose(back.root_pos_world_m, motion.root_pos_world_m, rtol=0, atol=1e-12)
    np.testing.assert_allclose(back.joint_pos, motion.joint_pos, rtol=0, atol=0)
    assert equal_up_to_sign(back.root_quat_world_wxyz, motion.root_quat_world_wxyz, 1e-12)


@pytest.mark.parametrize("flavour", list(FLAVOURS))
def test_a_rate_that_is_no_whole_number_is_kept(flavour: str, tmp_path: Path) -> None:
    motion = wandering(rate_hz=29.97)
    assert frames_per_second(motion.t_ns) == pytest.approx(29.97, abs=1e-5)
    path = write(motion, flavour, tmp_path)
    told = Told(fps=29.97) if flavour in ("csv", "gmr", "locomujoco") else Told()
    assert frames_per_second(read(path, flavour, told=told).motion.t_ns) == pytest.approx(29.97, abs=1e-5)


# ---------------------------------------------------------------- CSV


def one_frame() -> RobotMotion:
    """Yawed to the left by 0.2 rad; joint j stands at j / 100."""
    quat = np.array([[COS, 0.0, 0.0, SIN]])
    joints = np.arange(ROBOT.dof)[None] / 100.0
    return RobotMotion(np.zeros(1, dtype=np.int64), np.array([[1.0, 2.0, 0.75]]), quat, joints, ROBOT.joint_names)


def test_csv_is_root_then_quaternion_xyzw_then_joints(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    FLAVOURS["csv"].write(one_frame(), ROBOT, path)
    numbers = [float(cell) for cell in path.read_text().strip().split(",")]
    assert numbers[:7] == [1.0, 2.0, 0.75, 0.0, 0.0, SIN, COS]
    assert numbers[7:] == [j / 100.0 for j in range(ROBOT.dof)]


def test_csv_by_hand_turns_the_right_way(tmp_path: Path) -> None:
    path = tmp_path / "hand.csv"
    path.write_text(",".join(map(str, [0, 0, 0.8, 0, 0, 0.70710678, 0.70710678] + [0] * ROBOT.dof)) + "\n" * 2)
    motion = read(path, "csv").motion
    forward = quat_apply(motion.root_quat_world_wxyz, np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(forward, [[0.0, 1.0, 0.0]], atol=1e-7)  # a quarter turn to the left


def test_csv_in_wxyz_is_seen(tmp_path: Path) -> None:
    motion = wandering()
    table = np.concatenate([motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos], axis=1)
    upright = np.concatenate([table[:, :3], np.tile([COS, 0, 0, SIN], (len(table), 1)), table[:, 7:]], axis=1)
    np.savetxt(tmp_path / "clip.csv", upright, delimiter=",")
    with pytest.raises(MocapError, match="these look like w, x, y, z: say `--quat wxyz`"):
        read(tmp_path / "clip.csv", "csv")
    back = read(tmp_path / "clip.csv", "csv", told=Told(fps=50.0, quat="wxyz")).motion
    np.testing.assert_allclose(back.root_quat_world_wxyz, upright[:, 3:7], atol=1e-12)


def test_csv_needs_a_rate(tmp_path: Path) -> None:
    with pytest.raises(MocapError, match="--fps"):
        read(write(wandering(), "csv", tmp_path), "csv", told=Told())


def test_csv_with_names_of_its_columns(tmp_path: Path) -> None:
    motion = wandering()
    path = write(motion, "csv", tmp_path)
    names = ROBOT.joint_names[::-1]
    back = read(path, "csv", told=Told(fps=50.0, joint_names=names)).motion
    np.testing.assert_array_equal(back.joint_pos, motion.joint_pos[:, ::-1])
    assert "own order" in read(path, "csv").said[0]
    short = tuple(n.removesuffix("_joint") for n in ROBOT.joint_names)
    np.testing.assert_array_equal(read(path, "csv", told=Told(fps=50.0, joint_names=short)).motion.joint_pos, motion.joint_pos)


def headed(motion: RobotMotion, names: list[str], table: F64, folder: Path) -> Path:
    path = folder / "named.csv"
    np.savetxt(path, table, delimiter=",", header=",".join(names), comments="", fmt="%.17g")
    return path


@pytest.mark.parametrize("order", ["xyzw", "wxyz"])
def test_csv_with_a_heading_is_read_by_its_names(order: str, tmp_path: Path) -> None:
    motion = wandering()
    quat = motion.root_quat_world_wxyz[:, ["wxyz".index(axis) for axis in order]]
    names = ["time", *(f"root_pos_{a}" for a in "xyz"), *(f"root_quat_{a}" for a in order), *ROBOT.joint_names[::-1]]
    table = np.concatenate([motion.t_ns[:, None] * 1e-9, motion.root_pos_world_m, quat, motion.joint_pos[:, ::-1]], axis=1)
    found = read(headed(motion, names, table, tmp_path), "csv", told=Told())  # the rate is that of the times
    np.testing.assert_array_equal(found.motion.joint_pos, motion.joint_pos)
    np.testing.assert_array_equal(found.motion.t_ns, motion.t_ns)
    assert equal_up_to_sign(found.motion.root_quat_world_wxyz, motion.root_quat_world_wxyz, 1e-12)
    assert found.said == ()
    with pytest.raises(MocapError, match=r"37 columns, but the heading names 38"):
        read(headed(motion, [*names, "more_joint"], table, tmp_path), "csv", told=Told())
    renamed = [name.replace("left_knee_joint", "left_nee_joint") for name in names]
    with pytest.raises(JointOrderError, match=r"no joint left_nee_joint; did you mean 'left_knee_joint'"):
        read(headed(motion, renamed, table, tmp_path), "csv", told=Told())


def test_csv_of_bones_seed_is_in_centimetres_and_degrees_about_fixed_axes(tmp_path: Path) -> None:
    motion = wandering()
    turns = Rotation.from_quat(motion.root_quat_world_wxyz, scalar_first=True).as_euler("xyz", degrees=True)
    names = ["Frame", *(f"root_translate{a}" for a in "XYZ"), *(f"root_rotate{a}" for a in "XYZ")]
    names += [f"{name}_dof" for name in ROBOT.joint_names]
    frames = np.arange(len(turns), dtype=np.float64)[:, None]
    table = np.concatenate([frames, 100.0 * motion.root_pos_world_m, turns, np.degrees(motion.joint_pos)], axis=1)
    found = read(headed(motion, names, table, tmp_path), "csv")
    np.testing.assert_allclose(found.motion.root_pos_world_m, motion.root_pos_world_m, atol=1e-12)
    np.testing.assert_allclose(found.motion.joint_pos, motion.joint_pos, atol=1e-12)
    assert equal_up_to_sign(found.motion.root_quat_world_wxyz, motion.root_quat_world_wxyz, 1e-9)
    assert "centimetres and degrees" in found.said[0]


def table_text(rows: list[list[float]]) -> str:
    return "\n".join(",".join(map(str, row)) for row in rows) + "\n"


GOOD = [0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 1.0] + [0.1] * ROBOT.dof


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a table of numbers"),
        ("Frame,root_translateX\n1,2\n", "names no columns of the root's position"),
        (table_text([GOOD, GOOD[:-1]]), "number of columns"),
        (table_text([[1.0, 2.0, 3.0]]), "3 columns; 7 of the root"),
        (table_text([GOOD[:-6]]), "23 joint columns after 7 of the root, stand_in has 29"),
        (table_text([GOOD, [*GOOD[:9], float("nan"), *GOOD[10:]]]), "frame 1, joint positions, left_hip_yaw_joint: nan"),
        (table_text([[*GOOD[:2], float("inf"), *GOOD[3:]]]), "frame 0, root position, column 2: inf"),
        (table_text([[*GOOD[:12], 45.0, *GOOD[13:]]]), "left_ankle_roll_joint: 45; angles are radians"),
        (table_text([[0.0, 0.0, 80.0, *GOOD[3:]]]), "may be cm or mm"),
        (table_text([[*GOOD[:6], 0.5, *GOOD[7:]]]), "norm 0.5"),
    ],
)
def test_csv_that_cannot_be_a_motion(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises((MocapError, JointOrderError), match=message) as caught:
        read(path, "csv")
    assert str(path) in str(caught.value)


# ---------------------------------------------------------------- whole-body tracking


def saved(path: Path, arrays: dict[str, AnyArray]) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_wbt_joints_are_found_by_name(tmp_path: Path) -> None:
    motion = wandering()
    arrays = wbt.arrays_of(motion, ROBOT)
    order = np.random.default_rng(1).permutation(ROBOT.dof)
    arrays["joint_pos"] = np.concatenate([arrays["joint_pos"][:, :7], arrays["joint_pos"][:, 7:][:, order]], axis=1)
    arrays["joint_names"] = arrays["joint_names"][order]
    back = read(saved(tmp_path / "a.npz", arrays), "wbt").motion
    np.testing.assert_array_equal(back.joint_pos, motion.joint_pos)


def test_wbt_velocities_are_rates_of_change_at_the_frames_own_dt() -> None:
    motion = wandering(rate_hz=200.0, steps=400)
    made = wbt.arrays_of(motion, ROBOT)
    arrays: dict[str, F64] = {k: v.astype(np.float64) for k, v in made.items() if v.dtype.kind == "f"}
    k, dt = 170, 1.0 / 200.0
    assert arrays["joint_pos"].shape == (400, 7 + ROBOT.dof)
    assert arrays["joint_vel"].shape == (400, 6 + ROBOT.dof)
    rate = (arrays["joint_pos"][k + 1] - arrays["joint_pos"][k - 1]) / (2 * dt)
    np.testing.assert_allclose(arrays["joint_vel"][k, :3], rate[:3], rtol=1e-9)
    np.testing.assert_allclose(arrays["joint_vel"][k, 6:], rate[7:], rtol=1e-9)
    lin = (arrays["body_pos_w"][k + 1] - arrays["body_pos_w"][k - 1]) / (2 * dt)
    np.testing.assert_allclose(arrays["body_lin_vel_w"][k], lin, rtol=1e-9)
    names = list(made["body_names"])
    pelvis = names.index("pelvis")
    np.testing.assert_allclose(arrays["body_ang_vel_w"][:, pelvis], arrays["joint_vel"][:, 3:6], atol=1e-9)
    # a point fixed to the hand moves with v + w x r: ties body poses, both velocities and their frames together
    hand = names.index(ROBOT.profile.links["left_hand"])
    at = np.array([0.1, -0.2, 0.3])
    point = arrays["body_pos_w"][:, hand] + quat_apply(arrays["body_quat_w"][:, hand], np.tile(at, (400, 1)))
    speed = (point[k + 1] - point[k - 1]) / (2 * dt)
    turned = quat_apply(arrays["body_quat_w"][k, hand], at)
    carried = arrays["body_lin_vel_w"][k, hand] + np.cross(arrays["body_ang_vel_w"][k, hand], turned)
    np.testing.assert_allclose(carried, speed, rtol=1e-3)


def test_wbt_without_a_root_takes_its_first_body(tmp_path: Path) -> None:
    motion = wandering()
    arrays = wbt.arrays_of(motion, ROBOT)
    plain: dict[str, AnyArray] = {
        "fps": np.array(50),
        "joint_pos": motion.joint_pos,
        "joint_vel": arrays["joint_vel"][:, 6:],
        **{k: arrays[k][:, 1:] for k in ("body_pos_w", "body_quat_w", "body_lin_vel_w", "body_ang_vel_w")},
    }
    path = saved(tmp_path / "tracker.npz", plain)
    with pytest.raises(MocapError, match="--joint-names"):
        read(path, "wbt")
    back = read(path, "wbt", told=Told(joint_names=ROBOT.joint_names)).motion
    np.testing.assert_allclose(back.root_pos_world_m, motion.root_pos_world_m, atol=1e-12)
    assert equal_up_to_sign(back.root_quat_world_wxyz, motion.root_quat_world_wxyz, 1e-9)


def test_joints_that_a_file_lacks(tmp_path: Path) -> None:
    motion = wandering()
    arrays = wbt.arrays_of(motion, ROBOT)
    keep = [j for j, n in enumerate(ROBOT.joint_names) if "wrist" not in n]
    arrays["joint_pos"] = arrays["joint_pos"][:, [*range(7), *(7 + j for j in keep)]]
    arrays["joint_names"] = arrays["joint_names"][keep]
    path = saved(tmp_path / "short.npz", arrays)
    with pytest.raises(
        JointOrderError, match=r"6 of 29 joints of stand_in are missing: left_wrist_roll_joint.*--fill-missing home"
    ):
        read(path, "wbt")
    back = read(path, "wbt", told=Told(fill_missing="home"))
    np.testing.assert_array_equal(back.motion.joint_pos[:, keep], motion.joint_pos[:, keep])
    lacking = [j for j in range(ROBOT.dof) if j not in keep]
    np.testing.assert_array_equal(back.motion.joint_pos[:, lacking], np.tile(ROBOT.home_rad[lacking], (40, 1)))
    assert "right_wrist_yaw_joint" in back.said[0]
    arrays["joint_names"] = np.array(["left_hip_pich_joint", *ROBOT.joint_names[1 : len(keep)]])
    with pytest.raises(JointOrderError, match=r"left_hip_pich_joint; did you mean 'left_hip_pitch_joint'"):
        read(saved(tmp_path / "typo.npz", arrays), "wbt", told=Told(fill_missing="home"))
    arrays["joint_names"] = np.array([ROBOT.joint_names[0], *ROBOT.joint_names[: len(keep) - 1]])
    with pytest.raises(JointOrderError, match="twice"):
        read(saved(tmp_path / "twice.npz", arrays), "wbt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joint_pos": None}, "no array joint_pos"),
        ({"fps": np.array([30, 60])}, "one number is needed"),
        ({"fps": np.array([0.0])}, "0 frames per second"),
        ({"joint_pos": np.zeros((40, 12))}, "12 columns for 29 joint names"),
        ({"joint_pos": np.zeros((40, 3, 3))}, "numbers of shape"),
        ({"joint_pos": np.zeros((40, ROBOT.dof)), "body_quat_w": None}, "no array body_quat_w"),
        ({"joint_pos": np.zeros((40, ROBOT.dof)), "body_quat_w": np.zeros((9, 2, 4))}, "body_quat_w"),
        ({"joint_names": np.array([3, 4])}, "a list of names"),
        ({"joint_names": np.array(["a", None], dtype=object)}, "never unpickled"),
        ({"joint_pos": np.zeros((0, 7 + ROBOT.dof))}, "no frame"),
    ],
)
def test_wbt_that_cannot_be_a_motion(change: dict[str, AnyArray | None], message: str, tmp_path: Path) -> None:
    arrays = {**wbt.arrays_of(wandering(), ROBOT), **change}
    path = saved(tmp_path / "bad.npz", {k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(MocapError, match=message):
        read(path, "wbt")


# ---------------------------------------------------------------- archives


def bomb(path: Path, *, claimed: tuple[int, ...]) -> Path:
    """An archive with one array whose heading claims a shape."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": claimed})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("joint_pos.npy", head.getvalue() + bytes(64))
        archive.writestr("fps.npy", head.getvalue())
    return path


def test_an_archive_that_claims_more_than_it_holds_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    with pytest.raises(MocapError, match="another size"):
        read(bomb(tmp_path / "bomb.npz", claimed=(1 << 40, 36)), "wbt")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(wandering(), "wbt", tmp_path)
    monkeypatch.setattr("understudy.export._motion_npz.MOST_BYTES", 1000)
    with pytest.raises(MocapError, match="MB are read"):
        read(path, "wbt")


def test_layouts_are_told_apart_and_unknown_ones_named(tmp_path: Path) -> None:
    for flavour in ("csv", "wbt", "locomujoco"):
        assert layout_of(write(wandering(), flavour, tmp_path)) == flavour
    with pytest.raises(MocapError, match=r"arrays qpos, frequency;"):
        layout_of(saved(tmp_path / "other.npz", {"qpos": np.zeros(3), "frequency": np.zeros(1)}))
    with pytest.raises(MocapError, match="understudy build"):
        layout_of(saved(tmp_path / "amass.npz", {"poses": np.zeros(3), "trans": np.zeros(1)}))
    with pytest.raises(MocapError, match="never loaded"):
        layout_of(write(wandering(), "gmr", tmp_path))
    (tmp_path / "a.bvh").write_text("HIERARCHY")
    with pytest.raises(MocapError, match=r"unknown layout \.bvh"):
        layout_of(tmp_path / "a.bvh")
    with pytest.raises(MocapError, match="no such file"):
        layout_of(tmp_path / "gone.csv")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(MocapError, match="not a NumPy archive"):
        layout_of(tmp_path / "text.npz")


def test_joint_names_from_a_list_a_file_or_a_robot(tmp_path: Path) -> None:
    assert joint_name_list("a, b,c") == ("a", "b", "c")
    (tmp_path / "names.txt").write_text("a\nb\n\nc\n")
    assert joint_name_list(str(tmp_path / "names.txt")) == ("a", "b", "c")
    assert len(joint_name_list("unitree_h1")) == 19
    assert joint_name_list("") == ()


# ---------------------------------------------------------------- loco-mujoco


def test_loco_mujoco_coordinates_by_hand() -> None:
    """Leaning forward by 0.2 rad is a tilt of -0.2; a lean to the right is a list of +0.2; a turn to the left is +0.2."""
    height = ROBOT.profile.standing_height_m
    for axis, name, sign in ((1, "pelvis_tilt", -1.0), (0, "pelvis_list", 1.0), (2, "pelvis_rotation", 1.0)):
        turn = np.zeros((2, 3))
        turn[:, axis] = 0.2
        joints = np.tile(np.arange(ROBOT.dof) / 100.0, (2, 1))
        pos = np.array([[1.0, 2.0, height + 0.05]] * 2)
        motion = RobotMotion(stamps(0.02, 50.0), pos, rotvec_to_quat(turn), joints, ROBOT.joint_names)
        arrays = loco.arrays_of(motion, ROBOT)
        for other in ("pelvis_tilt", "pelvis_list", "pelvis_rotation"):
            assert arrays[f"q_{other}"][0] == pytest.approx(0.2 * sign if other == name else 0.0, abs=1e-12)
        assert [arrays[f"q_pelvis_{a}"][0] for a in ("tx", "tz", "ty")] == pytest.approx([1.0, 2.0, 0.05])
        assert arrays["q_left_knee_joint"][0] == 0.03


def test_loco_mujoco_joints_are_found_by_name(tmp_path: Path) -> None:
    motion = wandering()
    arrays = loco.arrays_of(motion, ROBOT)
    backwards = dict(reversed(list(arrays.items())))
    back = read(saved(tmp_path / "a.npz", backwards), "locomujoco").motion
    np.testing.assert_array_equal(back.joint_pos, motion.joint_pos)


def test_loco_mujoco_says_how_it_knows_the_rate(tmp_path: Path) -> None:
    path = write(wandering(rate_hz=120.0), "locomujoco", tmp_path)
    found = read(path, "locomujoco")
    assert frames_per_second(found.motion.t_ns) == 120.0
    assert "120 frames per second, from the file's velocities" in found.said[0]
    assert frames_per_second(read(path, "locomujoco", told=Told(fps=100.0)).motion.t_ns) == 100.0
    still = {k: np.zeros_like(v) for k, v in loco.arrays_of(wandering(), ROBOT).items()}
    with pytest.raises(MocapError, match="--fps"):
        read(saved(tmp_path / "still.npz", still), "locomujoco")


def test_loco_mujoco_cannot_hold_a_robot_on_its_side(tmp_path: Path) -> None:
    motion = wandering()
    quat = np.tile(rotvec_to_quat(np.array([np.pi / 2, 0.0, 0.0])), (40, 1))
    lying = RobotMotion(motion.t_ns, motion.root_pos_world_m, quat, motion.joint_pos, motion.joint_names)
    with pytest.raises(ExportError, match="lies on its side"):
        write(lying, "locomujoco", tmp_path)


def test_loco_mujoco_without_its_root_is_refused(tmp_path: Path) -> None:
    arrays = loco.arrays_of(wandering(), ROBOT)
    del arrays["q_pelvis_ty"]
    with pytest.raises(MocapError, match="no q_pelvis_ty"):
        read(saved(tmp_path / "a.npz", arrays), "locomujoco")
    arrays = loco.arrays_of(wandering(), ROBOT)
    arrays["q_left_knee_joint"] = arrays["q_left_knee_joint"][:7]
    with pytest.raises(MocapError, match="q_left_knee_joint"):
        read(saved(tmp_path / "b.npz", arrays), "locomujoco")


# ---------------------------------------------------------------- GMR


class Restricted(pickle.Unpickler):
    """Loads what the file is said to name, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        """One of the three names, or an error."""
        if f"{module} {name}" not in gmr.GLOBALS:
            raise pickle.UnpicklingError(f"{module}.{name}")
        if name == "_reconstruct":
            return np.zeros(0).__reduce__()[0]
        return {"ndarray": np.ndarray, "dtype": np.dtype}[name]


def test_the_pickle_holds_what_gmr_reads(tmp_path: Path) -> None:
    motion = wandering()
    data = write(motion, "gmr", tmp_path).read_bytes()
    named = {str(arg) for op, arg, _ in pickletools.genops(data) if op.name == "GLOBAL"}
    assert named == set(gmr.GLOBALS)
    assert not {op.name for op, _, _ in pickletools.genops(data)} & {"STACK_GLOBAL", "INST", "NEWOBJ", "OBJ", "EXT1"}
    content = Restricted(io.BytesIO(data)).load()
    assert list(content) == ["fps", "root_pos", "root_rot", "dof_pos", "local_body_pos", "link_body_list"]
    assert content["fps"] == 50
    assert type(content["fps"]) is int
    assert content["local_body_pos"] is None
    assert content["link_body_list"] is None
    np.testing.assert_array_equal(content["root_pos"], motion.root_pos_world_m)
    np.testing.assert_array_equal(content["root_rot"][:, 3], motion.root_quat_world_wxyz[:, 0])
    np.testing.assert_array_equal(content["root_rot"][:, :3], motion.root_quat_world_wxyz[:, 1:])
    np.testing.assert_array_equal(content["dof_pos"], motion.joint_pos)


def test_a_pickle_that_names_more_is_refused_without_being_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(tmp_path / "sprung"),))

    for protocol in (2, 3, 4):
        path = tmp_path / f"trap{protocol}.pkl"
        path.write_bytes(pickle.dumps({"fps": 30, "root_pos": Trap()}, protocol=protocol))
        with pytest.raises(MocapError, match="the pickle names"):
            read(path, "gmr")
    assert not (tmp_path / "sprung").exists()


# ---------------------------------------------------------------- both ends


def test_the_motion_of_an_episode_is_what_is_written() -> None:
    motion = motion_of(make_episode(ROBOT, duration_s=0.5))
    assert frames_per_second(motion.t_ns) == 120.0
    flavours: list[Flavour] = list(FLAVOURS.values())
    assert [f.suffix for f in flavours] == [".csv", ".npz", ".npz", ".pkl"]


def test_a_layout_can_be_named(tmp_path: Path) -> None:
    path = write(wandering(), "csv", tmp_path).rename(tmp_path / "clip.dat")
    found, flavour = read_motion_file(path, ROBOT, ImportOptions(layout="csv", fps=50.0))
    assert (flavour.name, len(found.motion.t_ns)) == ("csv", 40)
