"""C3D, TRC, Vicon CSV and Motive CSV against real files and against the motion they were written from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._c3d_file import DEC, MIPS
from understudy.mocap._markers import MarkerTake
from understudy.mocap.c3d import C3d, take_from_c3d
from understudy.mocap.motive_csv import MotiveCsv
from understudy.mocap.read import read_motion
from understudy.mocap.trc import Trc, take_from_trc
from understudy.mocap.vicon_csv import ViconCsv, take_from_vicon_csv
from understudy.simulate.walker import walk
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import INDEX, JOINTS, SIDES, HumanMotion
from understudy.testing.marker_files import c3d_bytes, motive_text, trc_text, vicon_csv_text
from understudy.testing.markers import plug_in_gait_take
from understudy.testing.mocap import check_reader

SEEN = [joint for joint in JOINTS if joint != "spine" and not joint.endswith("collar")]
"""Joints that markers show."""

Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""World to axes with y up."""


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(2.0, 1.1, rate_hz=60.0)


@pytest.fixture(scope="module")
def take(motion: HumanMotion) -> MarkerTake:
    return plug_in_gait_take(motion)


def error_m(got: HumanMotion, motion: HumanMotion, joints: list[str] = SEEN) -> float:
    index = [INDEX[joint] for joint in joints]
    return float(np.linalg.norm(got.joint_pos_world_m[:, index] - motion.joint_pos_world_m[:, index], axis=2).max())


# ---------------------------------------------------------------- real files


def test_the_plug_in_gait_sample_conforms(samples: Path, tmp_path: Path) -> None:
    others = [samples / "trc" / "pyomeca_markers.trc", samples / "bvh" / "01_01.bvh", samples / "mvnx" / "test_mocap.mvnx"]
    motion = check_reader(C3d(), samples / "c3d" / "gaitalytics_fullbody_pig_walk.c3d", scratch=tmp_path, others=others)
    assert motion.source.dialect == "plug-in-gait"
    assert (motion.source.up, motion.source.unit_m, motion.source.rate_hz, len(motion)) == ("z", 0.001, 100.0, 337)
    assert motion.source.warnings == ()
    assert "from the file: LLegLength" in motion.notes[0]
    assert "LTHI" in motion.notes[1]
    assert motion.subject().height_m == pytest.approx(1.58, abs=0.04)  # the file says 1580 mm
    assert {JOINTS[i] for i in np.flatnonzero(~motion.measured)} == {"spine", "left_collar", "right_collar"}


def test_the_same_trial_as_c3d_csv_and_trc_gives_the_same_markers(samples: Path) -> None:
    c3d = take_from_c3d((samples / "c3d" / "pyomeca_box_lift_upperbody.c3d").read_bytes(), "a")
    csv = take_from_vicon_csv((samples / "trc" / "pyomeca_vicon_markers.csv").read_bytes(), "b")
    assert c3d.names == csv.names
    np.testing.assert_array_equal(np.isnan(c3d.pos_m), np.isnan(csv.pos_m))
    assert float(np.nanmax(np.abs(c3d.pos_m - csv.pos_m))) < 1e-5
    trc = take_from_trc(trc_text(c3d).encode(), "c")
    assert trc.names == c3d.names
    np.testing.assert_allclose(trc.pos_m, c3d.pos_m, atol=1e-8)


def test_the_trc_sample_holds_what_its_text_says(samples: Path) -> None:
    take = take_from_trc((samples / "trc" / "pyomeca_markers.trc").read_bytes(), "c")
    assert (take.rate_hz, take.unit_m, take.pos_m.shape) == (100.0, 0.001, (93, 51, 3))
    np.testing.assert_allclose(take.marker("ASISl")[0], [0.7337041, 0.0809832, 0.1918668], atol=1e-9)
    assert take.warnings == ("the header declares 652 frames, 93 are there: exported in part, or cut off",)


@pytest.mark.parametrize(
    "name", ["c3d/pyomeca_box_lift_upperbody.c3d", "trc/pyomeca_markers.trc", "trc/pyomeca_vicon_markers.csv"]
)
def test_one_arm_is_no_body(name: str, samples: Path) -> None:
    with pytest.raises(MocapError, match=r"no whole body: 15 .* are missing: LASI, RASI, LKNE, RKNE, LANK, RANK, LSHO, RSHO"):
        read_motion(samples / name)


# ---------------------------------------------------------------- written files


@pytest.mark.parametrize("unit", ["mm", "m"])
@pytest.mark.parametrize("processor", [84, DEC, MIPS])
def test_c3d_of_every_byte_order(processor: int, unit: str, motion: HumanMotion, take: MarkerTake, tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    path.write_bytes(c3d_bytes(take, unit=unit, processor=processor, analog=6))
    got = check_reader(C3d(), path, scratch=tmp_path)
    assert error_m(got, motion) < 0.003
    assert got.source.warnings == ()


def test_c3d_of_integers(motion: HumanMotion, take: MarkerTake, tmp_path: Path) -> None:
    path = tmp_path / "walk.c3d"
    path.write_bytes(c3d_bytes(take, integers=True))
    assert error_m(C3d().read(path), motion) < 0.003


def test_model_outputs_are_told_from_markers(take: MarkerTake, motion: HumanMotion, tmp_path: Path) -> None:
    extra = np.full((len(take), 3, 3), 0.5)
    mixed = replace(
        take, names=(*take.names, "LHipAngles", "Own output", "LFEO"), pos_m=np.concatenate([take.pos_m, extra], axis=1)
    )
    data = c3d_bytes(mixed, extra={"POINT:SCALARS": ["Own output"]})
    assert take_from_c3d(data, "x").names == take.names
    (tmp_path / "walk.c3d").write_bytes(data)
    assert error_m(C3d().read(tmp_path / "walk.c3d"), motion) < 0.003


def test_more_markers_than_one_parameter_holds(take: MarkerTake) -> None:
    many = tuple(f"M{i}" for i in range(300))
    got = take_from_c3d(c3d_bytes(replace(take, names=(*many, *take.names), pos_m=_padded(take, 300))), "x")
    assert got.names == (*many, *take.names)


def _padded(take: MarkerTake, count: int) -> F64:
    return np.concatenate([np.ones((len(take), count, 3)), take.pos_m], axis=1)


@pytest.mark.parametrize("separator", ["\t", ","])
def test_trc(separator: str, motion: HumanMotion, take: MarkerTake, tmp_path: Path) -> None:
    path = tmp_path / "walk.trc"
    path.write_text(trc_text(replace(take, pos_m=take.pos_m @ Y_UP.T), separator=separator))
    got = check_reader(Trc(), path, scratch=tmp_path)
    assert error_m(got, motion) < 0.03  # the file holds no measures of the person
    assert got.source.up == "y"
    assert "mean proportions" in got.notes[0]


def test_trc_of_joint_centres(motion: HumanMotion, tmp_path: Path) -> None:
    path = _written(tmp_path / "tracked.trc", trc_text(_tracked(motion), unit="m"))
    got = check_reader(Trc(), path, scratch=tmp_path)
    joints = [f"{s}_{p}" for s in SIDES for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "toe")]
    assert error_m(got, motion, [*joints, "neck", "head", "pelvis"]) < 1e-4
    assert got.source.dialect == "xsens"


def test_trc_values_with_two_separators_between(take: MarkerTake) -> None:
    lines = trc_text(take).split("\n")
    lines[2] = "\t\t".join(f" {cell}" for cell in lines[2].split("\t"))
    got = take_from_trc("\n".join(lines).encode(), "x")
    assert (got.rate_hz, got.unit_m, got.names) == (60.0, 0.001, take.names)


def test_trc_with_points_behind_the_last_name(take: MarkerTake) -> None:
    lines = trc_text(take).split("\n")
    more = [line + "\t1.0\t2.0\t3.0" * (2 + k % 2) for k, line in enumerate(lines[6:-1])]
    got = take_from_trc("\n".join([*lines[:6], *more]).encode(), "x")
    np.testing.assert_allclose(got.pos_m, take.pos_m, atol=1e-6)
    assert got.warnings == ("3 points behind the last name have none; they were left out",)
    odd = [line + "\t1.0" for line in lines[6:-1]]
    with pytest.raises(MocapError, match=r"x:7: \d+ cells, but the header names"):
        take_from_trc("\n".join([*lines[:6], *odd]).encode(), "x")


def test_trc_with_a_last_time_out_of_step(take: MarkerTake) -> None:
    lines = trc_text(take).rstrip("\n").split("\n")
    cells = lines[-1].split("\t")
    cells[1] = f"{float(lines[-2].split(chr(9))[1]) + 0.001:.6f}"
    got = take_from_trc("\n".join([*lines[:-1], "\t".join(cells)]).encode(), "x")
    assert len(got) == len(take)
    assert got.warnings == ("the times of the rows are not evenly spaced; the frame numbers were taken",)


def test_trc_without_names(take: MarkerTake) -> None:
    text = "PathFileType\t4\t(X/Y/Z)\ta.trc\n" + trc_text(take).split("\n", 1)[1].split("Frame#")[0]
    with pytest.raises(MocapError, match=r"x:4: the file names no marker: label the markers"):
        take_from_trc((text + "Frame#\tTime\t\n\t\t\n\n1\t0.000\t\n2\t0.010\t\n").encode(), "x")


def _tracked(motion: HumanMotion, **renamed: str) -> MarkerTake:
    """Joint centres as a tracker without markers names them."""
    names = {f"{s}_{p}": s[0].upper() + p.title() for s in SIDES for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")}
    names |= {"left_toe": "LBigToe", "right_toe": "RBigToe", "neck": "Neck", "head": "Head"}
    points = np.stack([motion.joint(joint) for joint in names], axis=1)
    return MarkerTake(tuple(renamed.get(name, name) for name in names.values()), points @ Y_UP.T, motion.rate_hz, 1.0)


def test_joint_centres_in_a_wrong_unit_are_set_right_and_told(motion: HumanMotion, tmp_path: Path) -> None:
    text = trc_text(_tracked(motion), unit="m").replace("\tm\t", "\tmm\t")
    got = Trc().read(_written(tmp_path / "tracked.trc", text))
    assert error_m(got, motion, ["left_knee", "right_wrist"]) < 1e-4
    assert (got.source.unit_m, any("m was taken" in said for said in got.source.warnings)) == (1.0, True)


def test_a_joint_with_a_wrong_name_is_missed_as_a_joint(motion: HumanMotion, tmp_path: Path) -> None:
    path = _written(tmp_path / "tracked.trc", trc_text(_tracked(motion, LKnee="LKneee"), unit="m"))
    with pytest.raises(MocapError, match=r"required joints are missing: left_knee \(such as 'LeftKnee'; nearest is 'LKneee'\)"):
        Trc().read(path)


def test_decimal_commas(motion: HumanMotion, tmp_path: Path) -> None:
    head, table = trc_text(_tracked(motion), unit="mm").split("\n\n")
    got = Trc().read(_written(tmp_path / "tracked.trc", head + "\n\n" + table.replace(".", ",")))
    assert error_m(got, motion, ["left_knee", "right_wrist"]) < 1e-4


def test_vicon_csv(motion: HumanMotion, take: MarkerTake, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(vicon_csv_text(take, subject="Anna", first_frame=248))
    got = check_reader(ViconCsv(), path, scratch=tmp_path)
    assert error_m(got, motion) < 0.03
    assert read_motion(path).source.format == "vicon_csv"


BONES = {
    "pelvis": "Person", "spine": "Ab", "chest": "Chest", "neck": "Neck", "head": "Head",
    **{f"{s}_{p}": s[0].upper() + word for s in SIDES for p, word in (
        ("collar", "Shoulder"), ("shoulder", "UArm"), ("elbow", "FArm"), ("wrist", "Hand"), ("hand", "Middle1"),
        ("hip", "Thigh"), ("knee", "Shin"), ("ankle", "Foot"), ("toe", "Toe"),
    )},
}  # fmt: skip
ABOVE = {
    "pelvis": "", "spine": "pelvis", "chest": "spine", "neck": "chest", "head": "neck",
    **{f"{s}_{p}": above.format(s=s) for s in SIDES for p, above in (
        ("collar", "chest"), ("shoulder", "{s}_collar"), ("elbow", "{s}_shoulder"), ("wrist", "{s}_elbow"), ("hand", "{s}_wrist"),
        ("hip", "pelvis"), ("knee", "{s}_hip"), ("ankle", "{s}_knee"), ("toe", "{s}_ankle"),
    )},
}  # fmt: skip


def _skeleton(motion: HumanMotion, version: str, space: str, unit: str) -> str:
    """The walker as a solved skeleton whose bones also turn, each in its own way."""
    joints = list(BONES)
    pos = motion.joint_pos_world_m[:, [INDEX[joint] for joint in joints]] @ Y_UP.T
    rng = np.random.default_rng(0)
    turns = [Rotation.from_rotvec(np.linspace(0.3, 1.0, len(motion))[:, None] * rng.normal(size=3)) for _ in joints]
    quat = [turn.as_quat() for turn in turns]  # xyzw, as the file has them
    if space == "Local":
        local = pos.copy()
        for i, joint in enumerate(joints):
            if ABOVE[joint]:
                p = joints.index(ABOVE[joint])
                local[:, i] = turns[p].inv().apply(pos[:, i] - pos[:, p])
                quat[i] = (turns[p].inv() * turns[i]).as_quat()
        pos = local
    return motive_text(
        [BONES[joint] for joint in joints], pos, motion.rate_hz, kind="Bone", version=version, unit=unit, space=space,
        quat_xyzw=np.stack(quat, axis=1), parents=[BONES.get(ABOVE[joint], "") for joint in joints],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "space", "unit"),
    [
        ("1.23", "Global", "Meters"),
        ("1.25", "Global", "Millimeters"),
        ("1.25", "Local", "Centimeters"),
        ("1.23", "Local", "Meters"),
    ],
)
def test_motive_skeleton(version: str, space: str, unit: str, motion: HumanMotion, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    path.write_text(_skeleton(motion, version, space, unit), encoding="utf-8")
    got = check_reader(MotiveCsv(), path, scratch=tmp_path)
    assert error_m(got, motion, list(JOINTS)) < 2e-4
    assert got.measured.all()
    assert (got.source.up, got.source.warnings, got.source.dialect) == ("y", (), "thigh")


@pytest.mark.parametrize("spoiled", ["0", "1e-308", "1e200", "nan", ""])
def test_motive_bones_without_a_rotation(spoiled: str, motion: HumanMotion, tmp_path: Path) -> None:
    """A quaternion of zeros or of no number turns nothing and warns of nothing; the positions stand for themselves."""
    lines = _skeleton(motion, "1.25", "Global", "Meters").split("\n")
    at = next(k for k, line in enumerate(lines) if line.startswith("Frame,"))
    for k in (at + 5, at + 6):
        cells = lines[k].split(",")
        for column in range(2, len(cells), 7):
            cells[column : column + 4] = [spoiled] * 4
        lines[k] = ",".join(cells)
    got = MotiveCsv().read(_written(tmp_path / "walk.csv", "\n".join(lines)))
    assert error_m(got, motion, list(JOINTS)) < 2e-4


def test_motive_skeletons_with_an_underscore_before_the_bones(motion: HumanMotion, tmp_path: Path) -> None:
    text = _skeleton(motion, "1.25", "Global", "Meters").replace("Person:", "Anna_Maria_")
    got = MotiveCsv().read(_written(tmp_path / "walk.csv", text))
    assert error_m(got, motion, list(JOINTS)) < 2e-4
    assert got.measured.all()


@pytest.mark.parametrize("behind", [False, True])
def test_motive_with_time_codes(behind: bool, motion: HumanMotion, tmp_path: Path) -> None:
    lines = _skeleton(motion, "1.25", "Global", "Meters").split("\n")
    at = next(k for k, line in enumerate(lines) if line.startswith("Frame,"))
    for k, line in enumerate(lines[1:], start=1):
        if line.strip():
            cells = line.split(",")
            code = "TimeCode" if k == at else "" if k < at else f"10:00:00:{k % 24:02d}.0"
            lines[k] = ",".join([*cells[: 1 + behind], code, *cells[1 + behind :]])
    got = MotiveCsv().read(_written(tmp_path / "walk.csv", "\n".join(lines)))
    assert error_m(got, motion, list(JOINTS)) < 2e-4
    assert got.source.rate_hz == pytest.approx(60.0)


OPTITRACK = {
    "C7": "BackTop", "CLAV": "ChestTop", "STRN": "ChestLow", "SACR": "WaistCBack",
    **{f"{s}{role}": name.replace("@", s) for s in "LR" for role, name in (
        ("ASI", "Waist@Front"), ("THI", "@ThighFront"), ("KNE", "@KneeOut"), ("TIB", "@Shin"), ("ANK", "@AnkleOut"),
        ("HEE", "@Heel"), ("TOE", "@ToeTip"), ("SHO", "@ShoulderTop"), ("ELB", "@ElbowOut"), ("FIN", "@HandOut"),
    )},
}  # fmt: skip


def _motive_markers(motion: HumanMotion, take: MarkerTake) -> tuple[list[str], F64]:
    """The markers of Motive's set: wrist markers on both sides of the wrist, thigh and shank markers in front."""
    names, tracks = [], []
    for role, name in OPTITRACK.items():
        track = take.marker(role)
        if role[1:] in ("THI", "TIB"):
            side = "left" if role[0] == "L" else "right"
            upper, lower = ("hip", "knee") if role[1:] == "THI" else ("knee", "ankle")
            a, b = motion.joint(f"{side}_{upper}"), motion.joint(f"{side}_{lower}")
            outward = track - (a + b) / 2.0
            front = np.cross(outward, a - b) * (1.0 if role[0] == "L" else -1.0)
            track = (a + b) / 2.0 + 0.08 * front / np.linalg.norm(front, axis=1, keepdims=True)
        names.append(name)
        tracks.append(track)
    for s, side in zip("LR", SIDES, strict=True):
        bar = take.marker(f"{s}WRA") - take.marker(f"{s}WRB")
        for name, sign in ((f"{s}WristIn", 0.5), (f"{s}WristOut", -0.5)):
            names.append(name)
            tracks.append(motion.joint(f"{side}_wrist") + sign * bar)
    return names, np.stack(tracks, axis=1)


@pytest.mark.parametrize("version", ["1.23", "1.25"])
def test_motive_markers(version: str, motion: HumanMotion, take: MarkerTake, tmp_path: Path) -> None:
    names, tracks = _motive_markers(motion, take)
    tracks[20:23, names.index("LElbowOut")] = np.nan
    path = tmp_path / "walk.csv"
    text = motive_text(
        [*names, "Unlabeled 1034"],
        np.concatenate([tracks, tracks[:, :1] + 0.3], axis=1) @ Y_UP.T,
        motion.rate_hz,
        version=version,
    )
    path.write_text(text, encoding="utf-8")
    others = [_written(tmp_path / "vicon.csv", vicon_csv_text(take))]
    got = check_reader(MotiveCsv(), path, scratch=tmp_path, others=others)
    limbs = [f"{s}_{p}" for s in SIDES for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]
    assert error_m(got, motion, limbs) < 0.02
    assert got.source.dialect == "optitrack"
    assert "gaps filled: 1, left: 0" in got.notes


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("reader", [C3d(), Trc(), ViconCsv(), MotiveCsv()], ids=lambda reader: type(reader).__name__)
def test_foreign_files_are_named_as_such(reader: MocapReader, tmp_path: Path) -> None:
    path = _written(tmp_path / f"clip{reader.suffixes[0]}", "HIERARCHY\n" * 300)
    with pytest.raises(MocapError, match=r"clip\.\w+.*not a|no section"):
        reader.read(path)
