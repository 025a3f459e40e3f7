"""Joint centres from markers: laws, hand-computed cases, and Vicon's own results for the same markers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.geom.arrays import F64
from understudy.mocap import _joint_centres as centres
from understudy.mocap._anthropometry import PHANTOM_HEIGHT, Measures, measures
from understudy.mocap._c3d_file import C3dFile, parse_c3d
from understudy.mocap.c3d import C3d, take_from_c3d
from understudy.spec.skeleton import SIDES

SAMPLE = "c3d/gaitalytics_fullbody_pig_walk.c3d"
VICON = {"hip": "FEP", "knee": "FEO", "ankle": "TIO", "shoulder": "HUP"}
"""Joints to the model outputs that lie in them: origin and end of femur, tibia and humerus."""


def test_the_chord_is_square_to_the_bone_and_away_from_the_wand() -> None:
    rng = np.random.default_rng(0)
    marker, proximal, wand = (rng.normal(size=(50, 3)) for _ in range(3))
    centre = centres.chord(marker, proximal, wand, 0.05)
    np.testing.assert_allclose(np.linalg.norm(centre - marker, axis=1), 0.05, atol=1e-12)
    np.testing.assert_allclose(centres.dot(centre - marker, centre - proximal), 0.0, atol=1e-12)
    np.testing.assert_allclose(centres.dot(np.cross(marker - proximal, wand), centre - marker), 0.0, atol=1e-12)
    across = wand - centres.dot(wand, centres.unit(proximal - marker)) * centres.unit(proximal - marker)
    assert (centres.dot(centre - marker, across) < 0.0).all()


def test_the_chord_by_hand() -> None:
    """A knee marker 6 cm beside the knee, 40 cm below the hip: a right angle at the knee."""
    marker, hip, lateral = np.array([[0.0, 0.06, 0.0]]), np.array([[0.0, 0.0, 0.4]]), np.array([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(centres.chord(marker, hip, lateral, 0.06), [[0.0, 0.0, 0.0]], atol=1e-12)
    assert np.isnan(centres.chord(marker, hip, lateral, 0.5)).all()


def test_the_hips_by_hand() -> None:
    """Leg 0.9 m, pelvis 0.24 m wide: C = 0.0882 m, x_dis = 0.06736 + 0.007 m."""
    body = _measures(leg_m=0.9, inter_asis_m=0.24)
    left, right = centres.davis_hips(body)
    forward = -0.07436 * np.cos(0.314) + 0.0882 * np.cos(0.5) * np.sin(0.314)
    up = -0.07436 * np.sin(0.314) - 0.0882 * np.cos(0.5) * np.cos(0.314)
    np.testing.assert_allclose(left, [forward, 0.12 - 0.0882 * np.sin(0.5), up], atol=1e-12)
    np.testing.assert_allclose(right, left * [1.0, -1.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(centres.harrington_hips(0.24, 0.15)[0], [-0.0459, 0.0865, -0.0829], atol=1e-12)


def _measures(leg_m: float, inter_asis_m: float) -> Measures:
    return measures({}, leg_m, inter_asis_m)


def test_measures_come_from_the_file_or_from_the_height() -> None:
    body = measures({"LKneeWidth": 0.11, "RKneeWidth": 0.0, "Height": PHANTOM_HEIGHT}, 0.9, 0.24)
    np.testing.assert_allclose(body.knee, [0.11, 0.0952])
    assert body.from_file == ("Height", "LKneeWidth")
    np.testing.assert_allclose(measures({"Height": 0.8 * PHANTOM_HEIGHT}, 0.9, 0.24).ankle, 0.8 * 0.0668)


# ---------------------------------------------------------------- against Vicon


@pytest.fixture(scope="module")
def vicon(samples: Path) -> tuple[C3dFile, dict[str, F64], dict[str, float]]:
    data = (samples / SAMPLE).read_bytes()
    file, take = parse_c3d(data, "x"), take_from_c3d(data, "x")
    points = {name: file.points[:, i] * 0.001 for i, name in enumerate(file.texts("POINT:LABELS"))}
    return file, points, dict(take.parameters)


def test_centres_are_those_of_vicon_for_the_same_markers(vicon: tuple[C3dFile, dict[str, F64], dict[str, float]]) -> None:
    _, m, parameters = vicon
    body = measures(parameters, 0.85, 0.28)
    origin, pelvis = centres.pelvis_axes(m["LASI"], m["RASI"], m["SACR"])
    thorax_origin, thorax = centres.thorax_axes(m, body)
    np.testing.assert_allclose(thorax_origin, m["TRXO"], atol=1e-5)
    for side, letter in enumerate("LR"):
        hip = origin + pelvis @ centres.davis_hips(body)[side]
        own, lateral = centres.sided(m, side), pelvis[:, :, 1] * (1.0 if side == 0 else -1.0)
        found = {"hip": hip, **centres.leg_centres(own, hip, lateral, body, side, lateral_wands=True)}
        found |= centres.arm_centres(own, thorax_origin, thorax, body, side, wrist_bar=True)
        for joint, output in VICON.items():
            np.testing.assert_allclose(found[joint], m[letter + output], atol=1e-5, err_msg=letter + joint)
        np.testing.assert_allclose(found["elbow"], m[letter + "HUO"], atol=0.02)  # another plane of the arm, on purpose
        np.testing.assert_allclose(found["wrist"], m[letter + "RAO"], atol=0.004)
        free = centres.leg_centres(own, hip, lateral, body, side, lateral_wands=False)
        np.testing.assert_allclose(free["knee"], m[letter + "FEO"], atol=0.01)


def test_the_elbow_with_the_plane_of_plug_in_gait_is_that_of_vicon(
    vicon: tuple[C3dFile, dict[str, F64], dict[str, float]],
) -> None:
    """So the difference of our elbow is the plane alone; with ours the forearm keeps its length better."""
    _, m, parameters = vicon
    body = measures(parameters, 0.85, 0.28)
    for side, letter in enumerate("LR"):
        shoulder, marker = m[letter + "HUP"], m[letter + "ELB"]
        bend = np.cross(shoulder - marker, (m[letter + "WRA"] + m[letter + "WRB"]) / 2.0 - marker) * (1.0 if side == 0 else -1.0)
        elbow = centres.chord(marker, shoulder, bend, float(body.elbow[side]) / 2.0 + body.marker_radius)
        np.testing.assert_allclose(elbow, m[letter + "HUO"], atol=1e-5)
        own = centres.arm_centres(centres.sided(m, side), *centres.thorax_axes(m, body), body, side, wrist_bar=True)
        ours = np.std(np.linalg.norm(own["elbow"] - own["wrist"], axis=1))
        assert ours < np.std(np.linalg.norm(m[letter + "HUO"] - m[letter + "RAO"], axis=1))


def test_the_whole_reader_stays_near_vicon(samples: Path, vicon: tuple[C3dFile, dict[str, F64], dict[str, float]]) -> None:
    _, m, _ = vicon
    motion = C3d().read(samples / SAMPLE)
    for side in SIDES:
        for joint, output in VICON.items():
            distance = np.linalg.norm(motion.joint(f"{side}_{joint}") - m[side[0].upper() + output], axis=1)
            assert distance.mean() < 0.005, (side, joint)
            assert distance.max() < 0.012, (side, joint)


def test_the_other_regression_of_the_hips_agrees_within_two_centimetres(samples: Path) -> None:
    davis, harrington = (C3d(hips=name).read(samples / SAMPLE) for name in ("davis", "harrington"))
    distance = np.linalg.norm(davis.joint("left_hip") - harrington.joint("left_hip"), axis=1)
    assert 0.002 < distance.mean() < 0.02
    assert "Harrington 2007" in harrington.notes[0]


# ---------------------------------------------------------------- laws


def _arm(turn: Rotation, side: int) -> dict[str, F64]:
    """Centres of a bent arm of synthetic markers, turned as a whole."""
    sign = 1.0 if side == 0 else -1.0
    flat = {
        "C7": [-0.08, 0.0, 1.45], "CLAV": [0.06, 0.0, 1.38], "T10": [-0.1, 0.0, 1.15], "STRN": [0.1, 0.0, 1.2],
        "SHO": [-0.01, 0.19 * sign, 1.45], "ELB": [-0.03, 0.24 * sign, 1.13], "WRA": [0.17, 0.19 * sign, 1.03],
        "WRB": [0.14, 0.23 * sign, 0.98], "FIN": [0.22, 0.22 * sign, 0.97], "LASI": [0.1, 0.12, 0.95], "RASI": [0.1, -0.12, 0.95],
    }  # fmt: skip
    m = {name: turn.apply(np.tile(point, (2, 1))) for name, point in flat.items()}
    body = _measures(0.9, 0.24)
    return centres.arm_centres(m, *centres.thorax_axes(m, body), body, side, wrist_bar=True)


def test_centres_turn_with_the_markers() -> None:
    turn = Rotation.from_rotvec([0.4, -1.1, 2.0])
    plain, turned = _arm(Rotation.identity(), 0), _arm(turn, 0)
    for joint, pos in plain.items():
        np.testing.assert_allclose(turned[joint], turn.apply(pos), atol=1e-9)


def test_the_right_arm_mirrors_the_left() -> None:
    left, right = _arm(Rotation.identity(), 0), _arm(Rotation.identity(), 1)
    for joint, pos in left.items():
        np.testing.assert_allclose(right[joint], pos * [1.0, -1.0, 1.0], atol=1e-9)


def test_the_ball_lies_under_the_toe_marker() -> None:
    m = {"KNE": [0, 0.05, 0.45], "ANK": [0, 0.05, 0.08], "HEE": [-0.07, 0, 0.04], "TOE": [0.13, 0, 0.04], "THI": [0, 0.1, 0.7]}
    tracks = {name: np.tile(np.array(point, dtype=np.float64), (2, 1)) for name, point in m.items()}
    hip, lateral = np.tile([0.0, 0.0, 0.9], (2, 1)), np.tile([0.0, 1.0, 0.0], (2, 1))
    leg = centres.leg_centres(tracks, hip, lateral, _measures(0.9, 0.24), 0, lateral_wands=True)
    np.testing.assert_allclose(leg["toe"][0], [0.13, 0.0, 0.04 - 0.019], atol=6e-3)
