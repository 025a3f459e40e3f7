"""Bad BVH files: one message each, that names file, line or joint and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import InputError, MocapError
from understudy.mocap.bvh import motion_from_bvh
from understudy.mocap.read import read_motion
from understudy.simulate.walker import stand, walk, write_bvh
from understudy.spec.skeleton import HumanMotion


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("good") / "good.bvh"
    write_bvh(stand(0.1), path)
    return path.read_text()


def _read(text: str | bytes) -> HumanMotion:
    return motion_from_bvh(text if isinstance(text, bytes) else text.encode(), "clip.bvh")


def _line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if part in line)


def _replace_value(text: str, frame: int, column: int, value: str) -> str:
    lines = text.splitlines()
    at = _line_of(text, "Frame Time") + frame - 1
    words = lines[at].split()
    words[column - 1] = value
    lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"


def _offset(text: str, joint: str, offset: str) -> str:
    return re.sub(rf"(JOINT {joint}\s*\{{\s*OFFSET )[^\n]*", rf"\g<1>{offset}", text)


CASES: dict[str, tuple[Callable[[str], str | bytes], str]] = {
    "empty": (lambda s: "", r"clip\.bvh: the file is empty"),
    "blank": (lambda s: " \n\n", r"clip\.bvh: the file is empty"),
    "another format": (
        lambda s: "ply\nformat ascii\n",
        r"clip\.bvh:1: not a BVH file: it must begin with HIERARCHY, found 'ply'",
    ),
    "binary": (lambda s: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a BVH file but a binary one"),
    "UTF-16": (lambda s: s.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    "hierarchy cut": (lambda s: s[: s.index("JOINT Neck") + 10], r"ends inside joint 'Neck': a '}' is missing"),
    "no motion": (lambda s: s[: s.index("MOTION")], "no line MOTION"),
    "no frames": (lambda s: s.replace("Frames: 13\n", ""), r"the line after MOTION must be 'Frames: <count>'"),
    "no frame time": (lambda s: re.sub("Frame Time.*\n", "", s), r"the line after Frames must be 'Frame Time: <seconds>'"),
    "frames no number": (lambda s: s.replace("Frames: 13", "Frames: many"), r"Frames is 'many'; a whole number is needed"),
    "two frames": (lambda s: s.replace("Frames: 13", "Frames: 2"), "the motion has 2 frames; at least 3 are needed"),
    "truncated": (lambda s: s[: int(0.8 * len(s))], r"13 frames of \d+ values are declared, \d complete frames are there"),
    "too many frames declared": (lambda s: s.replace("Frames: 13", "Frames: 14"), "14 frames .* 13 complete frames"),
    "huge frame count": (lambda s: s.replace("Frames: 13", "Frames: 999999999999"), "999999999999 frames .* 13 complete"),
    "too many values": (lambda s: s.replace("Frames: 13", "Frames: 12"), r"more values than 12 frames of \d+"),
    "frame time zero": (
        lambda s: re.sub("Frame Time: .*", "Frame Time: 0", s),
        r"Frame Time is '0'; allowed are 0\.0001 s to 1 s",
    ),
    "frame time negative": (lambda s: re.sub("Frame Time: .*", "Frame Time: -0.01", s), "Frame Time is '-0.01'"),
    "frame time in ms": (lambda s: re.sub("Frame Time: .*", "Frame Time: 8.333", s), "Frame Time is '8.333'"),
    "frame time nan": (lambda s: re.sub("Frame Time: .*", "Frame Time: nan", s), "Frame Time is 'nan'"),
    "nan": (lambda s: _replace_value(s, 4, 8, "nan"), r"clip\.bvh:\d+: frame 4, value 8 \(LeftUpLeg xrotation\) is 'nan'"),
    "inf": (lambda s: _replace_value(s, 1, 1, "-inf"), r"frame 1, value 1 \(Hips xposition\) is '-inf'"),
    "word": (lambda s: _replace_value(s, 13, 2, "12,5"), r"frame 13, value 2 \(Hips yposition\) is '12,5'"),
    "enormous": (lambda s: _replace_value(s, 2, 2, "1e12"), r"frame 2, value 2 \(Hips yposition\) is 1e\+12"),
    "duplicate joint": (
        lambda s: s.replace("JOINT RightLeg", "JOINT LeftLeg"),
        r"a second joint 'LeftLeg', the first is on line \d+",
    ),
    "missing joint": (
        lambda s: s.replace("JOINT LeftForeArm", "JOINT LeftForeArn"),
        r"left_elbow \(such as 'LeftForearm'; nearest is 'LeftForeArn'\)",
    ),
    "zero bone": (lambda s: _offset(s, "LeftLeg", "0 0 0"), "left_hip and left_knee lie at the same point"),
    "unknown channel": (lambda s: s.replace("Zrotation", "Wrotation", 1), "joint 'Hips' has the unknown channel 'wrotation'"),
    "axis twice": (lambda s: s.replace("Zrotation Xrotation", "Xrotation Xrotation", 1), "joint 'Hips' has a channel twice"),
    "two rotations": (
        lambda s: s.replace("6 Xposition Yposition Zposition Zrotation", "5 Xposition Yposition Zposition"),
        "needs all three rotations",
    ),
    "channel count": (lambda s: s.replace("CHANNELS 3", "CHANNELS 4", 1), "must be a count and as many names"),
    "channel count no number": (lambda s: s.replace("CHANNELS 3", "CHANNELS x", 1), "must be a count and as many names"),
    "offset word": (lambda s: _offset(s, "Head", "0 x 0"), r"clip\.bvh:\d+: OFFSET holds 'x'"),
    "offset nan": (lambda s: _offset(s, "Head", "0 nan 0"), "OFFSET holds 'nan'"),
    "offset short": (lambda s: _offset(s, "Head", "0 1"), "OFFSET of 'Head' needs 3 numbers, found 2"),
    "no offset": (lambda s: re.sub(r"(JOINT Head\s*\{)\s*OFFSET[^\n]*", r"\1", s), "joint 'Head' has no OFFSET"),
    "second root": (lambda s: s.replace("MOTION", "ROOT b {\nOFFSET 0 0 0\n}\nMOTION"), "a second root 'b'"),
    "stray brace": (lambda s: s.replace("MOTION", "}\nMOTION"), "'}' without a joint that is open"),
    "unknown word": (lambda s: s.replace("MOTION", "SCALE 2\nMOTION"), "found 'SCALE' where ROOT"),
    "too deep": (
        lambda s: "HIERARCHY\n" + "ROOT a\n{\n" * 1 + "".join(f"JOINT j{i}\n{{\nOFFSET 0 0 0\n" for i in range(600)),
        "nested deeper",
    ),
    "no unit": (lambda s: _scaled(s, 0.058), r"hip to knee to ankle is 4\.\d+ units, which would be .*--unit person"),
}


def _scaled(text: str, factor: float) -> str:
    def smaller(match: re.Match[str]) -> str:
        return "OFFSET " + " ".join(f"{factor * float(v):.6f}" for v in match[1].split())

    return re.sub(r"OFFSET ([^\n]*)", smaller, text)


@pytest.mark.parametrize("case", CASES)
def test_bad_files_are_refused_with_a_message(case: str, good: str) -> None:
    spoil, message = CASES[case]
    with pytest.raises(MocapError, match=message) as caught:
        _read(spoil(good))
    assert str(caught.value).startswith("clip.bvh")
    assert len(str(caught.value)) < 900


def test_the_unspoiled_file_reads(good: str) -> None:
    assert len(_read(good)) == 13


def test_line_numbers_are_those_of_the_file(good: str) -> None:
    spoiled = good.replace("OFFSET", "OFSET", 4).replace("OFSET", "OFFSET", 3)
    with pytest.raises(MocapError, match=rf"clip\.bvh:{_line_of(spoiled, 'OFSET')}: found 'OFSET'"):
        _read(spoiled)
    spoiled = _replace_value(good, 7, 3, "NaN")
    with pytest.raises(MocapError, match=rf"clip\.bvh:{_line_of(spoiled, 'NaN')}: frame 7, value 3"):
        _read(spoiled)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_harmless_differences_are_read(good: str, ending: str) -> None:
    loose = "\ufeff" + good.replace("HIERARCHY", "hierarchy").replace("MOTION", "  Motion ").replace("  ", "\t").replace(
        "\n", ending
    )
    loose = loose.replace("JOINT", "joint").replace("Frames:", "FRAMES :\t").rstrip() + "   "
    np.testing.assert_array_equal(_read(loose).joint_pos_world_m, _read(good).joint_pos_world_m)


def test_names_in_another_encoding_do_not_matter(good: str) -> None:
    assert len(_read(good.replace("Understudy_synthetic", "Zubehör").encode("latin-1"))) == 13


def test_left_and_right_exchanged_is_a_warning(good: str, tmp_path: Path) -> None:
    assert _read(good).source.warnings == ()
    swapped = good.replace("Left", "@").replace("Right", "Left").replace("@", "Right")
    assert any("the toes point backwards" in text for text in _read(swapped).source.warnings)


def test_a_stretching_bone_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    write_bvh(walk(2.0), path)
    text = path.read_text()
    text = re.sub(r"(JOINT LeftLeg\s*\{\s*OFFSET [^\n]*\s*CHANNELS) 3 (.*)", r"\1 6 Xposition Yposition Zposition \2", text)
    head, body = text.split("MOTION")
    rows = body.strip().splitlines()
    column = 6 + 3
    for i in range(2, len(rows)):
        words = rows[i].split()
        rows[i] = " ".join([*words[:column], "0", f"{-42.0 - 4.0 * (i % 2)}", "0", *words[column:]])
    warnings = _read(head + "MOTION\n" + "\n".join(rows) + "\n").source.warnings
    assert any("from left_hip to left_knee changes its length" in text for text in warnings)


@pytest.mark.parametrize(
    ("text", "rate_hz"),
    [
        ("0.008333", 120.0),
        (".0083333", 120.0),
        ("0.033333", 30.0),
        ("0.016667", 60.0),
        ("0.016666", 60.0),
        ("0.0333", 30.0),
        ("0.041667", 24.0),
        ("0.004184", 239.0),
        ("0.01", 100.0),
        ("0.0167", 60.0),
        ("0.0334", 1.0 / 0.0334),
        ("0.016683", 1.0 / 0.016683),
        ("0.0166833333333", 1.0 / 0.0166833333333),
        ("8.3333333e-3", 1.0 / 8.3333333e-3),
    ],
)
def test_rounded_frame_times_are_the_rate_that_was_meant(good: str, text: str, rate_hz: float) -> None:
    motion = _read(re.sub("Frame Time: .*", f"Frame Time: {text}", good))
    assert motion.source.rate_hz == pytest.approx(rate_hz, rel=1e-12)
    assert int(motion.t_ns[12]) == round(12e9 / rate_hz)


def test_units_and_axes_must_be_known_names(good: str, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"unknown unit 'cmm'; did you mean '.?m'"):
        motion_from_bvh(good.encode(), "clip.bvh", unit="cmm")
    with pytest.raises(LookupError, match="unknown up axis 'w'"):
        motion_from_bvh(good.encode(), "clip.bvh", up="w")
    path = tmp_path / "clip.bvh"
    path.write_text(good)
    assert read_motion(path, unit="inch").source.unit_m == 0.0254


def test_a_motion_that_is_not_rigid_cannot_be_written(tmp_path: Path) -> None:
    motion = stand(0.1)
    pos = motion.joint_pos_world_m.copy()
    pos[3, 7, 2] += 0.05
    path = tmp_path / "clip.bvh"
    with pytest.raises(InputError, match=r"left_elbow would be off by up to \d+\.\d mm"):
        write_bvh(HumanMotion(pos, motion.t_ns, motion.measured, motion.source), path)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        write_bvh(stand(0.1), tmp_path / "missing" / "clip.bvh")
