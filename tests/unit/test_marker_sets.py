"""Marker sets of several laboratories around a known person, and sets that leave the thorax or a whole body out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._marker_motion import motion_from_markers
from understudy.mocap._markers import MarkerTake
from understudy.mocap._thorax_stand_ins import PLACES, with_thorax
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion
from understudy.testing.markers import plug_in_gait_take

LIMBS = [f"{s}_{p}" for s in SIDES for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]

SETS: dict[str, tuple[str, dict[str, str]]] = {
    "the CMU archive": (
        "plug-in-gait",
        {"ASI": "@FWT", "PSI": "@BWT", "TIB": "@SHN", **{r: f"@{r}" for r in (
            "THI", "KNE", "ANK", "HEE", "TOE", "SHO", "ELB", "WRA", "WRB", "FIN", "FHD", "BHD")},
         "C7": "C7", "T10": "T10", "CLAV": "CLAV", "STRN": "STRN"},
    ),
    "Cortex, Helen Hayes": (
        "helen-hayes",
        {"SACR": "V.Sacral", "C7": "C7", "CLAV": "IJ", "STRN": "PX", "T10": "T8", "ASI": "@.ASIS", "THI": "@.Thigh",
         "KNE": "@.Knee", "TIB": "@.Shank", "ANK": "@.Ankle", "HEE": "@.Heel", "TOE": "@.Toe", "SHO": "@.Shoulder",
         "ELB": "@.Elbow", "wrist": "@.Wrist"},
    ),
    "OpenSim": (
        "helen-hayes",
        {"SACR": "S2", "PSI": "@.PSIS", "ASI": "@.ASIS", "clavicles": "@.Clavicle", "THI": "@.TH2", "KNE": "@.Knee",
         "TIB": "@.SH2", "ANK": "@.Ankle", "HEE": "@.Heel", "TOE": "@.MT5", "SHO": "@.Shoulder",
         "ELB": "@.Elbow", "wrist": "@.Wrist"},
    ),
    "bony landmarks": (
        "bony-landmarks",
        {"C7": "CV7", "T10": "TV8", "CLAV": "SNJ", "STRN": "SXS", "ASI": "@_IAS", "PSI": "@_IPS", "KNE": "@_FLE", "KNM": "@_FME",
         "ANK": "@_FAL", "MED": "@_TAM", "HEE": "@_FCC", "TOE": "@_FM2", "SHO": "@_SAJ", "ELB": "@_HLE", "ELM": "@_HME",
         "radius": "@_RSP", "ulna": "@_UHE", "FHD": "@_HDF", "BHD": "@_HDB"},
    ),
    "KIT": (
        "kit",
        {"C7": "C7", "T10": "T10", "CLAV": "CLAV", "STRN": "STRN", "ASI": "@ASI", "PSI": "@PSI", "THI": "@THI", "KNE": "@KNE",
         "ANK": "@ANK", "HEE": "@HEE", "TOE": "@TOE", "SHO": "@SHO", "ELB": "@AEL", "radius": "@WTS", "ulna": "@WPS"},
    ),
    "HBM": (
        "human-body-model",
        {"C7": "C7", "T10": "T10", "CLAV": "JN", "STRN": "XIPH", "ASI": "@ASIS", "PSI": "@PSIS", "KNE": "@LEK", "KNM": "@MEK",
         "ANK": "@LM", "MED": "@MM", "HEE": "@HEE", "TOE": "@TOE", "SHO": "@SHO", "ELB": "@LEE", "ELM": "@MEE",
         "radius": "@LW", "ulna": "@MW"},
    ),
}  # fmt: skip
"""Set to its name and to role (`@` the side) and the marker's name; in lower case what `_track` makes of the person's joints."""


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(2.0, 1.1, rate_hz=60.0)


@pytest.fixture(scope="module")
def take(motion: HumanMotion) -> MarkerTake:
    return plug_in_gait_take(motion)


def _track(role: str, side: str, take: MarkerTake, motion: HumanMotion) -> F64:
    """(T, 3) a marker of a role that Plug-in Gait has, or that lies where other sets have it."""
    letter = side[0].upper()
    if role in ("C7", "CLAV", "T10", "STRN", "SACR"):
        return take.marker(role)
    pelvis = take.marker("LASI") - take.marker("RASI")
    left = pelvis / np.linalg.norm(pelvis, axis=1, keepdims=True) * (1.0 if side == "left" else -1.0)
    bar = take.marker(f"{letter}WRA") - take.marker(f"{letter}WRB")
    knee, ankle, elbow, wrist = (motion.joint(f"{side}_{part}") for part in ("knee", "ankle", "elbow", "wrist"))
    made = {
        "PSI": take.marker("SACR") + 0.04 * left,
        "KNM": 2.0 * knee - take.marker(f"{letter}KNE"),
        "MED": 2.0 * ankle - take.marker(f"{letter}ANK"),
        "ELM": 2.0 * elbow - take.marker(f"{letter}ELB"),
        "wrist": wrist,
        "radius": wrist + 0.5 * bar,
        "ulna": wrist - 0.5 * bar,
        "clavicles": take.marker("CLAV") + 0.04 * left,
    }
    return np.asarray(made[role]) if role in made else take.marker(letter + role)


def set_take(roles: dict[str, str], take: MarkerTake, motion: HumanMotion) -> MarkerTake:
    names, tracks = [], []
    for role, name in roles.items():
        for side in SIDES if "@" in name else SIDES[:1]:
            names.append(name.replace("@", side[0].upper()))
            tracks.append(_track(role, side, take, motion))
    return MarkerTake(tuple(names), np.stack(tracks, axis=1), take.rate_hz, 1.0)


def read(take: MarkerTake) -> HumanMotion:
    return motion_from_markers(take, path="take.c3d", sha256="0" * 64, format_name="c3d")


def error_m(got: HumanMotion, motion: HumanMotion, joints: list[str]) -> float:
    index = [INDEX[joint] for joint in joints]
    return float(np.linalg.norm(got.joint_pos_world_m[:, index] - motion.joint_pos_world_m[:, index], axis=2).max())


@pytest.mark.parametrize("laboratory", SETS)
def test_every_set_gives_the_person(laboratory: str, take: MarkerTake, motion: HumanMotion) -> None:
    name, roles = SETS[laboratory]
    got = read(set_take(roles, take, motion))
    assert got.source.dialect == name
    assert not any("swapped" in text for text in got.source.warnings)
    # without the person's measures; the shoulders, and arms from them, also miss what the thorax is laid off
    assert error_m(got, motion, LIMBS) < (0.05 if laboratory == "OpenSim" else 0.035)
    assert got.measured[INDEX["neck"]] == ("C7" in roles and "CLAV" in roles)


@pytest.mark.parametrize("swapped", [False, True])
def test_shoulders_alone_give_the_thorax(swapped: bool, take: MarkerTake, motion: HumanMotion) -> None:
    roles = {k: v for k, v in SETS["Cortex, Helen Hayes"][1].items() if k not in ("C7", "CLAV", "STRN", "T10")}
    bare = set_take(roles, take, motion)
    if swapped:
        bare = replace(
            bare, names=tuple({"L": "R", "R": "L"}[n[0]] + n[1:] if n[1] == "." and n[0] in "LR" else n for n in bare.names)
        )
    got = read(bare)
    assert any("no marker shows C7 and CLAV" in text for text in got.source.warnings)
    assert any("swapped throughout" in text for text in got.source.warnings) == swapped
    assert not got.measured[INDEX["neck"]]
    assert error_m(got, motion, LIMBS) < 0.05
    assert error_m(got, motion, ["neck"]) < 0.06
    assert "C7" not in got.notes[1]  # no residual of a marker that is not there


@pytest.mark.parametrize("missing", PLACES)
def test_a_stand_in_is_laid_from_the_other_marker(missing: str, take: MarkerTake) -> None:
    roles = {name: take.marker(name) for name in take.names if name != missing}
    out, made = with_thorax(roles)
    assert made == (missing,)
    off = np.linalg.norm(out[missing] - take.marker(missing), axis=1)
    assert float(off.max()) < 0.06
    assert float(np.ptp(off)) < 0.03
    assert with_thorax(out)[1] == ()


def test_without_a_shoulder_the_thorax_is_missed(take: MarkerTake) -> None:
    keep = [i for i, name in enumerate(take.names) if name not in ("LSHO", "C7")]
    with pytest.raises(MocapError, match=r"2 of the set 'plug-in-gait' .* are missing: LSHO .*, C7"):
        read(replace(take, names=tuple(take.names[i] for i in keep), pos_m=take.pos_m[:, keep]))


def test_crossed_feet_are_not_exchanged(take: MarkerTake) -> None:
    """Somebody who keeps one heel behind the other: each heel lies on the other's side, but goes with its own ankle."""
    pos = take.pos_m.copy()
    across = take.marker("LASI") - take.marker("RASI")
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    for side, sign in (("L", -1.0), ("R", 1.0)):
        pos[:, take.names.index(f"{side}HEE")] += sign * 0.15 * across
    got = read(replace(take, pos_m=pos))
    assert not any("swapped" in text for text in got.source.warnings)
    names = list(take.names)
    left, right = names.index("LHEE"), names.index("RHEE")
    names[left], names[right] = "RHEE", "LHEE"
    assert any("swapped for LHEE and RHEE" in text for text in read(replace(take, names=tuple(names))).source.warnings)


@pytest.mark.parametrize("pairs", [("ANK", "HEE", "TOE", "TIB"), ("WRA", "WRB", "FIN"), ("ELB", "WRA", "WRB", "FIN"), ("KNE",)])
def test_a_limb_with_swapped_names_is_exchanged_as_a_whole(pairs: tuple[str, ...], take: MarkerTake) -> None:
    other = {f"{a}{pair}": f"{b}{pair}" for pair in pairs for a, b in ("LR", "RL")}
    got = read(replace(take, names=tuple(other.get(name, name) for name in take.names)))
    want = read(take)
    np.testing.assert_allclose(got.joint_pos_world_m, want.joint_pos_world_m, atol=1e-9)
    told = next(text for text in got.source.warnings if "swapped for" in text)
    assert all(f"L{pair} and R{pair}" in told for pair in pairs)


def test_markers_that_are_named_and_never_seen(take: MarkerTake) -> None:
    pos = take.pos_m.copy()
    pos[:, [take.names.index(name) for name in ("LSHO", "C7")]] = np.nan
    with pytest.raises(MocapError, match=r"names a whole body, but 2 of its markers are seen in fewer than 3 frames: C7, LSHO"):
        read(replace(take, pos_m=pos))


def test_a_message_without_similar_names_lists_those_that_are_there(take: MarkerTake) -> None:
    foreign = replace(take, names=tuple(f"Q{i}" for i in range(len(take.names))))
    with pytest.raises(MocapError, match=r"there are Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7, \.\.\."):
        read(foreign)
