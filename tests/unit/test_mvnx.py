"""Xsens MVNX: times, contacts, the same take as BVH, and files that are not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.mocap._mvnx_xml import read_mvnx
from understudy.mocap.mvnx import PARENTS, MvnxReader, frame_times
from understudy.mocap.read import read_motion
from understudy.spec.skeleton import HumanMotion

SEGMENTS = ["Pelvis", *PARENTS]


def _text(*, frames: int = 4, rate: str = "100", contacts: str = "1 0 0 0", head: str = "", **changes: str) -> str:
    """A person in a T, 1.8 m tall, that moves 1 cm per frame along x."""
    place: dict[str, tuple[float, float, float]] = {
        "Pelvis": (0, 0, 1.0), "L5": (0, 0, 1.1), "L3": (0, 0, 1.2), "T12": (0, 0, 1.3), "T8": (0, 0, 1.35),
        "Neck": (0, 0, 1.55), "Head": (0, 0, 1.65),
    }  # fmt: skip
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        out = {"Shoulder": 0.03, "UpperArm": 0.17, "ForeArm": 0.45, "Hand": 0.7}
        place |= {f"{side}{part}": (0, sign * y, 1.5) for part, y in out.items()}
        down = {"UpperLeg": 1.0, "LowerLeg": 0.55, "Foot": 0.1}
        place |= {f"{side}{part}": (0, sign * 0.09, z) for part, z in down.items()}
        place[f"{side}Toe"] = (0.13, sign * 0.09, 0.02)
    segments = "".join(f'<segment label="{name}" id="{k}"><points/></segment>' for k, name in enumerate(SEGMENTS))
    rows = []
    for t in range(frames):
        pos = " ".join(f"{x + 0.01 * t:.4f} {y:.4f} {z:.4f}" for x, y, z in (place[name] for name in SEGMENTS))
        parts = {
            "orientation": " ".join(["1 0 0 0"] * len(SEGMENTS)),
            "position": pos,
            "footContacts": contacts,
            "time": str(10 * t),
            "index": str(t),
        }
        for key, value in changes.items():
            name, _, at = key.partition("_")
            if at == "" or int(at) == t:
                parts[name] = value
        body = "".join(f"<{name}>{parts[name]}</{name}>" for name in ("orientation", "position", "footContacts") if parts[name])
        rows.append(f'<frame time="{parts["time"]}" index="{parts["index"]}" type="normal">{body}</frame>')
    return (
        f'<?xml version="1.0"?>{head}<mvnx version="4"><subject label="A" frameRate="{rate}" configuration="FullBody">'
        f"<segments>{segments}</segments><frames>{''.join(rows)}</frames></subject></mvnx>"
    )


def _read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "a.mvnx"
    path.write_text(text)
    return MvnxReader().read(path)


def test_the_take_agrees_with_the_same_take_as_bvh(samples: Path) -> None:
    """The two exports differ by a turn about the vertical, where the root is put, and a resampling."""
    mvnx, bvh = (read_motion(samples / "mvnx" / f"test_mocap.{kind}") for kind in ("mvnx", "bvh"))
    a = mvnx.joint_pos_world_m - mvnx.joint_pos_world_m[:, :1]
    b = bvh.joint_pos_world_m - bvh.joint_pos_world_m[:, :1]
    a, b = a[:-1], b[1:]  # the BVH begins with its rest pose
    turn, _ = Rotation.align_vectors(a.reshape(-1, 3), b.reshape(-1, 3))
    np.testing.assert_allclose(turn.as_euler("xyz", degrees=True), [0, 0, 90], atol=0.5)
    off = np.linalg.norm(a - turn.apply(b.reshape(-1, 3)).reshape(a.shape), axis=2)
    assert off.mean() < 0.002
    assert off.max() < 0.02


def test_contacts_are_heel_or_toe(tmp_path: Path) -> None:
    for contacts, wanted in (("1 0 0 0", [True, False]), ("0 1 0 0", [True, False]), ("0 0 0 1", [False, True])):
        path = tmp_path / "a.mvnx"
        path.write_text(_text(contacts=contacts))
        got = read_motion(path)
        assert got.contact is not None
        assert got.contact[0].tolist() == wanted
    path.write_text(_text(footContacts=""))
    assert read_motion(path).contact is None


def test_times_come_from_the_frame_numbers_where_they_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.mvnx"
    path.write_text(_text(rate="60", time_1="17", time_2="33", time_3="50"))
    np.testing.assert_array_equal(read_motion(path).t_ns, np.rint(np.arange(4) * 1e9 / 60))
    path.write_text(_text(index_3="5", time_3="50"))
    got = read_motion(path)
    np.testing.assert_array_equal(got.t_ns, [0, 10_000_000, 20_000_000, 50_000_000])
    assert any("2 frames are missing" in said for said in got.source.warnings)
    path.write_text(_text(rate="60"))
    got = read_motion(path)
    np.testing.assert_array_equal(got.t_ns, [0, 10_000_000, 20_000_000, 30_000_000])
    assert any("do not fit 60 Hz (up to 20 ms off)" in said for said in got.source.warnings)


def test_times_that_run_backwards_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mvnx"
    path.write_text(_text(time_2="3"))
    with pytest.raises(MocapError, match=r"frame 3 is at 3 ms, not after frame 2"):
        frame_times(read_mvnx(path, "a.mvnx"), "a.mvnx")


def test_positions_alone_are_read_and_what_they_lack_is_told(tmp_path: Path) -> None:
    whole, bare = _read(tmp_path, _text()), _read(tmp_path, _text(orientation=""))
    assert isinstance(whole, HumanMotion)
    assert isinstance(bare, HumanMotion)
    np.testing.assert_array_equal(bare.joint("left_knee"), whole.joint("left_knee"))
    assert (whole.hand_radial_world is None, bare.hand_radial_world is None) == (False, True)
    assert any("no orientations" in said for said in bare.source.warnings)
    assert not any("no orientations" in said for said in whole.source.warnings)


def test_the_rate_is_that_of_the_times_where_these_overrule_it(tmp_path: Path) -> None:
    motion = _read(tmp_path, _text(rate="240"))  # the frames are 10 ms apart
    assert isinstance(motion, HumanMotion)
    assert motion.source.rate_hz == pytest.approx(100.0)
    assert any("the times were taken" in said for said in motion.source.warnings)


def test_a_doctype_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE mvnx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    with pytest.raises(MocapError, match=r"a\.mvnx:1: a DOCTYPE is not read; delete that line"):
        _read(tmp_path, _text(head=bomb))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_text()[:-300], r"a\.mvnx:1: not whole XML"),
        (_text(position_2="1 2 3"), r"frame 3: <position> needs 69 finite numbers, found 3 words beginning with '1 2 3'"),
        (_text(position_2="nan " * 69), r"frame 3: <position> needs 69 finite numbers"),
        (_text(position_2=""), r"frame 3 has no <position>, others do"),
        (_text(position_3=""), r"frame 4 has no <position>"),
        (_text(orientation_2=""), "frame 3 has no <orientation>, others do"),
        (_text(frames=0), "the file has no frames of type 'normal'"),
        (_text(frames=2), "the motion has 2 frames; at least 3"),
        (_text(rate="0"), "frameRate of <subject> is '0'; 1 to 10000"),
        (_text(time_1="soon"), "an attribute time of <frame> is no whole number"),
        (_text().replace("LeftForeArm", "LeftFourArm"), "required joints are missing: left_elbow .*nearest is 'LeftFourArm'"),
        (_text().replace('label="L3"', 'label="L5"'), "two segments are called 'L5'"),
        (_text().replace("mvnx", "html"), "no element <mvnx>"),
        ("<a>" * 40, "elements lie 33 deep"),
        ("", "the file is empty"),
        ("MVNX", "no XML, so no MVNX file"),
        ('<?xml version="1.0" encoding="nonsense"?><mvnx/>', "not whole XML|cannot be decoded"),
    ],
)
def test_files_that_are_not_whole_say_where(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MocapError, match=message):
        _read(tmp_path, text)


def test_millimetres_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(
        MocapError, match=r"the unit is said to be m, which makes hip to knee to ankle 9\d\d m.*in mm it would be 0\.9"
    ):
        _read(tmp_path, _scaled(_text()))


def _scaled(text: str) -> str:
    """Every position a thousand times as large."""
    parts = text.split("<position>")
    out = [parts[0]]
    for part in parts[1:]:
        numbers, rest = part.split("</position>", 1)
        out.append(" ".join(f"{1000 * float(word):.1f}" for word in numbers.split()) + "</position>" + rest)
    return "<position>".join(out)
