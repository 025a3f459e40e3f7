"""ASF/AMC, AMASS, MVNX and joint arrays against real files, and against the motions that synthetic ones were written from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import Bool
from understudy.mocap.amass import Amass
from understudy.mocap.asf_amc import AsfAmc
from understudy.mocap.joint_array import JointArray, write_joint_array
from understudy.mocap.mvnx import MvnxReader
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, JOINTS, SIDES, HumanMotion
from understudy.testing.mocap import check_damage, check_motion, check_reader, check_sniff

AMASS_SAMPLES = ("walk_level1", "squat_level2", "step_forward_back_level1", "jump_forward_level3")


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(3.0, 1.1, rate_hz=60.0)


def _others(samples: Path, *, but: str) -> list[Path]:
    names = {
        "bvh": "bvh/test_mocapbank.bvh",
        "asf_amc": "bvh/01_01.amc",
        "mvnx": "mvnx/test_mocap.mvnx",
        "amass": "amass/video_walk_level1_filter_amass.npz",
        "c3d": "c3d/gaitalytics_fullbody_pig_walk.c3d",
        "robot": "robot_motions/02-constspeed_UnitreeG1.npz",
        "csv": "trc/pyomeca_vicon_markers.csv",
    }
    return [samples / name for kind, name in names.items() if kind != but]


def test_acclaim_sample_conforms(samples: Path, tmp_path: Path) -> None:
    reader = AsfAmc(skeleton=samples / "bvh" / "01.asf")
    got = check_reader(reader, samples / "bvh" / "01_01.amc", scratch=tmp_path, others=_others(samples, but="asf_amc"))
    assert got.source.dialect == "asf"
    assert got.source.unit_m == pytest.approx(0.0254 / 0.45)
    assert got.source.rest_pose == "T"


@pytest.mark.parametrize("name", AMASS_SAMPLES)
def test_amass_samples_conform(name: str, samples: Path, tmp_path: Path) -> None:
    path = samples / "amass" / f"video_{name}_filter_amass.npz"
    got = check_reader(Amass(), path, scratch=tmp_path, others=_others(samples, but="amass"), bone_tolerance=1e-6)
    assert got.source.rate_hz == 30.0
    assert got.source.up == "z"
    assert got.measured.all()
    assert "mean proportions" in got.source.dialect
    assert 0.7 < got.subject().leg_m < 0.9
    assert np.percentile(got.joint_pos_world_m[..., 2].min(axis=1), 5) == pytest.approx(0.02, abs=0.03)


def test_xsens_sample_conforms_but_for_the_legs_it_did_not_measure(samples: Path, tmp_path: Path) -> None:
    path = samples / "mvnx" / "test_mocap.mvnx"
    check_sniff(MvnxReader(), path, _others(samples, but="mvnx"))
    check_damage(MvnxReader(), path, tmp_path)
    got = MvnxReader().read(path)
    assert [name for name in JOINTS if not got.measured[INDEX[name]]] == [
        f"{side}_{part}" for side in SIDES for part in ("knee", "ankle", "toe")
    ]
    assert got.contact is None  # contacts of legs that nobody measured
    assert got.source.warnings == ("the suit was worn as UpperBody: the legs were not measured but filled in by Xsens MVN",)


@pytest.mark.parametrize("version", [3, 4])
def test_a_full_body_mvnx_reads_back_to_the_motion_it_was_written_from(version: int, motion: HumanMotion, tmp_path: Path) -> None:
    contact = np.array([[t % 50 < 30, (t + 25) % 50 < 30] for t in range(len(motion))])
    path = tmp_path / "walk.mvnx"
    path.write_text(mvnx_text(motion, contact, version=version))
    (tmp_path / "scratch").mkdir()
    got = check_reader(MvnxReader(), path, scratch=tmp_path / "scratch")
    np.testing.assert_array_equal(got.t_ns, motion.t_ns)
    assert got.contact is not None
    np.testing.assert_array_equal(got.contact, contact)
    for name in JOINTS:
        if name not in ("left_hand", "right_hand", "spine", "chest"):
            np.testing.assert_allclose(got.joint(name), motion.joint(name), atol=2e-6, err_msg=name)
    # the fingertips of the file lie as far beyond the knuckles as these beyond the wrist
    np.testing.assert_allclose(got.joint("left_hand"), motion.joint("left_hand"), atol=2e-3)


def mvnx_text(motion: HumanMotion, contact: Bool, *, version: int = 4, rate_hz: float = 60.0) -> str:
    """A motion as an Xsens file: segment origins at the joints, hands turned so that their tip lies along x."""
    names = {
        "Pelvis": "pelvis", "L5": "spine", "L3": "spine", "T12": "chest", "T8": "chest", "Neck": "neck", "Head": "head",
        **{f"{side.capitalize()}{label}": f"{side}_{joint}" for side in ("right", "left") for label, joint in (
            ("Shoulder", "collar"), ("UpperArm", "shoulder"), ("ForeArm", "elbow"), ("Hand", "wrist"),
            ("UpperLeg", "hip"), ("LowerLeg", "knee"), ("Foot", "ankle"), ("Toe", "toe"))},
    }  # fmt: skip
    order = [*list(names)[:7]]
    order += [f"{side}{part}" for side in ("Right", "Left") for part in ("Shoulder", "UpperArm", "ForeArm", "Hand")]
    order += [f"{side}{part}" for side in ("Right", "Left") for part in ("UpperLeg", "LowerLeg", "Foot", "Toe")]
    reach = 2.0 * float(np.median(np.linalg.norm(motion.joint("left_hand") - motion.joint("left_wrist"), axis=1)))
    segments = "".join(
        f'<segment label="{label}" id="{k + 1}"><points>'
        + (f'<point label="p{label.removesuffix("Hand")}TopOfHand"><pos_b>{reach} 0 0</pos_b></point>' if "Hand" in label else "")
        + "</points></segment>"
        for k, label in enumerate(order)
    )
    frames = []
    for t in range(len(motion)):
        pos = np.stack([motion.joint(names[label])[t] for label in order])
        quat = np.tile([1.0, 0.0, 0.0, 0.0], (len(order), 1))
        for side in SIDES:
            d = motion.joint(f"{side}_hand")[t] - motion.joint(f"{side}_wrist")[t]
            half = np.array([1.0, 0.0, 0.0]) + d / np.linalg.norm(d)  # half-way between x and the hand
            cross = np.cross([1.0, 0.0, 0.0], half / np.linalg.norm(half))
            quat[order.index(f"{side.capitalize()}Hand")] = [half[0] / np.linalg.norm(half), *cross]
        index = f'index="{t}"'
        feet = " ".join(f"{int(on)} 0" for on in contact[t])
        frames.append(
            f'<frame time="{round(1000 * t / rate_hz)}" {index if version > 3 else ""} tc="" ms="{t}" type="normal">'
            f"<orientation>{_words(quat)}</orientation><position>{_words(pos)}</position>"
            f"<footContacts>{feet}</footContacts></frame>"
        )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<mvnx version="{version}">'
        f'<subject label="A" frameRate="{rate_hz:g}" segmentCount="23" configuration="FullBody"><segments>{segments}</segments>'
        f'<frames segmentCount="23">{"".join(frames)}</frames></subject></mvnx>'
    )


def _words(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return " ".join(f"{value:.6f}" for value in values.reshape(-1))


def test_joint_arrays_read_back_to_the_motion_they_were_written_from(motion: HumanMotion, samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "walk.npz"
    write_joint_array(motion, path)
    (tmp_path / "scratch").mkdir()
    got = check_reader(JointArray(), path, scratch=tmp_path / "scratch", others=_others(samples, but="joint_array"))
    np.testing.assert_allclose(got.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-12)
    np.testing.assert_array_equal(got.t_ns, motion.t_ns)
    assert got.source.synthetic
    assert got.measured.all()


def test_a_table_of_joint_positions_reads_back(motion: HumanMotion, samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(joint_csv(motion))
    (tmp_path / "scratch").mkdir()
    got = check_reader(JointArray(), path, scratch=tmp_path / "scratch", others=_others(samples, but="joint_array"))
    np.testing.assert_allclose(got.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-6)
    assert (got.source.unit_m, got.source.up) == (0.001, "y")


def joint_csv(motion: HumanMotion) -> str:
    """A motion as a table in millimetres, y up."""
    head = ",".join(["frame", "time", *(f"{name}.{axis}" for name in JOINTS for axis in "xyz")])
    pos = 1000.0 * motion.joint_pos_world_m[..., [0, 2, 1]] * np.array([1.0, 1.0, -1.0])
    rows = [
        ",".join([str(t + 1), f"{motion.t_ns[t] * 1e-9:.9f}", *(f"{v:.5f}" for v in pos[t].reshape(-1))])
        for t in range(len(motion))
    ]
    return "\n".join(["# unit: mm", "# up: y", head, *rows]) + "\n"


def test_read_motion_finds_each_by_its_content(motion: HumanMotion, samples: Path, tmp_path: Path) -> None:
    assert read_motion(samples / "bvh" / "01_01.amc").source.format == "asf_amc"
    assert read_motion(samples / "mvnx" / "test_mocap.mvnx").source.format == "mvnx"
    assert read_motion(samples / "amass" / "video_walk_level1_filter_amass.npz").source.format == "amass"
    plain = tmp_path / "take.dat"
    write_joint_array(motion, tmp_path / "take.npz")
    plain.write_bytes((tmp_path / "take.npz").read_bytes())
    assert read_motion(plain).source.format == "joint_array"
    check_motion(read_motion(plain))


def test_an_argument_that_a_format_has_no_use_for_is_refused(samples: Path) -> None:
    walk_bvh = samples / "bvh" / "test_mocapbank.bvh"
    with pytest.raises(MocapError, match=r"test_mocapbank\.bvh: BVH .* says its own rate; leave out rate_hz=60"):
        read_motion(walk_bvh, rate_hz=60.0)
    with pytest.raises(MocapError, match=r"stands alone; leave out .*01\.asf"):
        read_motion(walk_bvh, companion=samples / "bvh" / "01.asf")
    with pytest.raises(MocapError, match="says its own unit"):
        read_motion(samples / "mvnx" / "test_mocap.mvnx", unit="m")
