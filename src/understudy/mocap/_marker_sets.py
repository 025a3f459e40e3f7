"""Marker sets: which marker of a vendor's set plays which role of Plug-in Gait. The one table for every marker format.

Roles carry the names of Plug-in Gait. A role is played by one marker or by the middle of several, and a set may name more
than one way, best first. Sided roles are written once, for the left: `L` stands for the side.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy.errors import MocapError
from understudy.mocap._markers import bare_name, is_labelled, subject_of

SIDED_ROLES = (
    "ASI", "PSI", "THI", "KNE", "KNM", "TIB", "ANK", "MED", "HEE", "TOE",
    "SHO", "UPA", "ELB", "ELM", "FRM", "WRA", "WRB", "FIN", "FHD", "BHD",
)  # fmt: skip

NEEDED_SIDED = ("ASI", "KNE", "ANK", "SHO", "ELB")
NEEDED_CENTRAL = ("C7", "CLAV")
"""Needed where a shoulder is missing; the shoulders and the pelvis can stand in for them."""

SHOWN = 8
"""Most markers that a message lists where none of them has a name like the missing ones."""

Way = tuple[str, ...]
"""Markers whose middle plays a role."""


@dataclass(frozen=True)
class MarkerSet:
    """A vendor's set.

    Attributes:
        name: written to `SourceInfo.dialect`.
        used_by: programs and protocols.
        ways: role (with `L` for its side) to the ways it can be played, best first; names without case and separators.
        wands_lateral: the thigh and shank markers lie at the side, so that they give the plane of the knee and ankle axes.
        wrist_bar: the wrist markers sit on a bar on the back of the wrist, not on its two sides.
    """

    name: str
    used_by: str
    ways: Mapping[str, tuple[Way, ...]]
    wands_lateral: bool = True
    wrist_bar: bool = True


def _set(name: str, used_by: str, table: str, *, wands_lateral: bool = True, wrist_bar: bool = True) -> MarkerSet:
    ways: dict[str, tuple[Way, ...]] = {}
    for line in table.split(","):
        role, _, words = line.strip().partition(" ")
        ways[role] = tuple(tuple(way.upper().split("+")) for way in words.split())
    return MarkerSet(name, used_by, ways, wands_lateral, wrist_bar)


SETS: tuple[MarkerSet, ...] = (
    _set(
        "plug-in-gait", "Vicon Plug-in Gait, Conventional Gait Model 1 and 2, the CMU archive",
        """SACR SACR SACRUM, C7 C7, T10 T10, CLAV CLAV, STRN STRN,
        LASI LASI LASIS LFWT, LPSI LPSI LPSIS LBWT, LTHI LTHI LTHAD LTHAP, LKNE LKNE, LKNM LKNM LKNEM LMKNE,
        LTIB LTIB LTIAD LTIAP LSHN,
        LANK LANK, LMED LMED LANM LMANK, LHEE LHEE LHEEL, LTOE LTOE LSMH,
        LSHO LSHO, LUPA LUPA, LELB LELB, LELM LELM LMELB LELBM, LFRM LFRM LFRA, LWRA LWRA, LWRB LWRB, LFIN LFIN,
        LFHD LFHD, LBHD LBHD""",
    ),
    _set(
        "optitrack", "OptiTrack Motive: Baseline, Core and Biomech sets",
        """SACR WaistCBack, C7 BackTop, T10 BackLeft+BackRight BackLow, CLAV ChestTop, STRN ChestLow ChestMid,
        LASI WaistLFront HipLFront LIAS, LPSI WaistLBack HipLBack LIPS, LTHI LThighSide LThigh LThighFront LThighHigh,
        LKNE LKneeOut LKnee, LKNM LKneeIn, LTIB LShinSide LShin LShinFront LShinFrontHigh,
        LANK LAnkleOut LAnkle, LMED LAnkleIn, LHEE LHeel LHeelBack, LTOE LToeIn+LToeOut LToe LToeTip LToeIn LToeOut,
        LSHO LShoulderTop, LUPA LUArmHigh LUArm, LELB LElbowOut LElbow, LELM LElbowIn, LFRM LFArm,
        LWRA LWristIn, LWRB LWristOut, LFIN LHandOut+LHandIn LHandOut LHandIn,
        LFHD HeadLeft, RFHD HeadRight, FHD HeadFront, TOP HeadTop""",
        wands_lateral=False, wrist_bar=False,
    ),
    _set(
        "helen-hayes", "Motion Analysis Cortex, OpenSim's examples",
        """SACR VSACRAL VSAC SACRAL S2, C7 C7, T10 T10 T8, CLAV IJ LCLAVICLE+RCLAVICLE STERNUM, STRN PX,
        LASI LASIS LASI, LPSI LPSIS, LTHI LTHIGH LTHI LTHIGHFRONT LTH2, LKNE LKNEELAT LKNEE LKNE, LKNM LKNEEMEDIAL LKNEEMED,
        LTIB LSHANK LSHA LSHANKFRONT LSH2, LANK LANKLELAT LANKLE LANK, LMED LANKLEMEDIAL LANKLEMED, LHEE LHEEL LHEE,
        LTOE LTOE LTOETIP LMT1+LMT5 LMT5, LSHO LSHOULDER LSHO LACROMIUM LACROMION, LUPA LBICEPS LBICEP,
        LELB LELBOWLAT LELBOW LELB, LELM LELBOWMED LELBOWMEDIAL, LFRM LFOREARM, LWRA LWRISTLAT LWRIST LWRI, LWRB LWRISTMED,
        LFIN LHAND, TOP TOPHEAD, FHD FRONTHEAD, BHD REARHEAD""",
        wands_lateral=False, wrist_bar=False,
    ),
    _set(
        "bony-landmarks", "Qualisys and Visual3D: names after van Sint Jan (IAS, FLE, TAM, HLE, UHE), CAST clusters",
        """SACR SACR, C7 CV7 C7, T10 TV10 TV8, CLAV SJN SNJ, STRN SXS,
        LASI LIAS, LPSI LIPS, LTHI LWAND1 LFTC, LKNE LFLE, LKNM LFME, LTIB LWAND2 LTTC, LANK LFAL, LMED LTAM, LHEE LFCC,
        LTOE LFM2 LFM1+LFM5, LSHO LSAJ LCAJ, LUPA LWAND3, LELB LHLE, LELM LHME, LFRM LWAND4, LWRA LRSP, LWRB LUHE LUSP,
        LFIN LHM2+LHM5 LHM2, LFHD LHDF, LBHD LHDB""",
        wands_lateral=False, wrist_bar=False,
    ),
    _set(
        "kit", "KIT motion database",
        """SACR SACR, C7 C7, T10 T10, CLAV CLAV, STRN STRN, LASI LASI, LPSI LPSI, LTHI LTHI, LKNE LKNE, LTIB LTIB, LANK LANK,
        LHEE LHEE, LTOE LTOE LMT1+LMT5, LSHO LSHO, LUPA LUPA, LELB LAEL, LFRM LFRA, LWRA LWTS, LWRB LWPS, LFIN LHTS+LHPS,
        LFHD LFHD, LBHD LBHD""",
        wands_lateral=False, wrist_bar=False,
    ),
    _set(
        "human-body-model", "Motek HBM 1 and 2",
        """SACR SACR, C7 C7, T10 T10, CLAV JN STRN, STRN XIPH XYPH, LASI LASIS, LPSI LPSIS, LTHI LLTHI LGTRO,
        LKNE LLEK, LKNM LMEK, LTIB LLSHA LATI, LANK LLM, LMED LMM, LHEE LHEE, LTOE LTOE LMT2, LSHO LSHO, LUPA LDELT,
        LELB LLEE, LELM LMEE, LFRM LFRM, LWRA LLW, LWRB LMW, LFIN LFIN, LFHD LHEAD, TOP THEAD, FHD FHEAD""",
        wands_lateral=False, wrist_bar=False,
    ),
)  # fmt: skip
"""In the order in which they are tried; the one that plays most of the needed roles is taken."""

ATTACHED: dict[str, tuple[str, ...]] = {
    "ASI": ("left_hip", "right_hip"), "PSI": ("left_hip", "right_hip"), "SACR": ("left_hip", "right_hip"),
    "THI": ("hip", "knee"), "KNE": ("hip", "knee"), "KNM": ("hip", "knee"), "TIB": ("knee", "ankle"),
    "ANK": ("knee", "ankle", "toe"), "MED": ("knee", "ankle"), "HEE": ("ankle", "toe"), "TOE": ("ankle", "toe"),
    "SHO": ("shoulder",), "UPA": ("shoulder", "elbow"), "ELB": ("shoulder", "elbow"), "ELM": ("shoulder", "elbow"),
    "FRM": ("elbow", "wrist"), "WRA": ("elbow", "wrist"), "WRB": ("elbow", "wrist"), "FIN": ("wrist", "hand"),
    "C7": ("neck", "chest"), "CLAV": ("neck", "chest"), "T10": ("neck", "chest"), "STRN": ("neck", "chest"),
    "FHD": ("head",), "BHD": ("head",), "TOP": ("head",),
}  # fmt: skip
"""Role without its side to the joints from which its distance is constant; joints without a side are of the role's own."""

SHOULDERS = ("left_shoulder", "right_shoulder")
NEARBY: dict[str, tuple[str, ...]] = {
    "C7": SHOULDERS, "CLAV": SHOULDERS, "T10": SHOULDERS, "STRN": SHOULDERS, "WRA": ("hand",), "WRB": ("hand",),
}  # fmt: skip
"""Further joints whose distance from the role changes little: they help where nothing better is seen."""


@dataclass(frozen=True)
class Cast:
    """Which markers of a take play which role.

    Attributes:
        marker_set: the set.
        subject: whose markers, empty where the file names no subject.
        players: role to the indices of the markers whose middle plays it.
        others: other subjects that would also be whole people.
    """

    marker_set: MarkerSet
    subject: str
    players: Mapping[str, tuple[int, ...]]
    others: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A marker's name without subject, case and separators."""
    return re.sub(r"[^A-Z0-9]", "", bare_name(name).upper())


def attached_joints(role: str, *, nearby: bool = False) -> tuple[str, ...]:
    """Canonical joints from which the role's distance is constant, or nearly so."""
    key = role if role in ATTACHED else role[1:]
    side = "left" if role[0] == "L" else "right"
    joints = ATTACHED.get(key, ()) + (NEARBY.get(key, ()) if nearby else ())
    return tuple(j if "_" in j or j in ("neck", "chest", "head") else f"{side}_{j}" for j in joints)


def cast_markers(names: Sequence[str], where: str) -> Cast:
    """Find the marker set and the person in a take.

    Raises:
        MocapError: no set is whole; lists the missing markers of the nearest, with similar names.
    """
    tried = _tried(names)
    if not tried:
        raise MocapError(f"{where}: the take holds no labelled marker: label the markers, or export them")
    # of whole people the one with most markers; of those who lack something the usual set, then the one with most markers
    lacking, _, subject, marker_set, players = min(
        tried, key=lambda each: (each[0], each[1] * (each[0] > 0), -len(each[4]), each[1])
    )
    if lacking:
        raise MocapError(_missing_message(marker_set, subject, players, names, where))
    others = sorted({each[2] for each in tried if each[0] == 0} - {subject})
    return Cast(marker_set, subject, players, tuple(others))


def roles_missed(names: Sequence[str]) -> int:
    """How many needed roles the set lacks that fits best."""
    return min((each[0] for each in _tried(names)), default=len(missing_roles({})))


def _tried(names: Sequence[str]) -> list[tuple[int, int, str, MarkerSet, dict[str, tuple[int, ...]]]]:
    """Every subject under every set: roles that are missing, order of the set, subject, set, players."""
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if is_labelled(name):
            groups.setdefault(subject_of(name), []).append(i)
    return [
        (len(missing_roles(players)), order, subject, marker_set, players)
        for subject, members in groups.items()
        for order, marker_set in enumerate(SETS)
        for players in [_players(marker_set, names, members)]
    ]


def missing_roles(players: Mapping[str, object]) -> list[str]:
    """Roles without which a body cannot be built."""
    missing = [side + role for role in NEEDED_SIDED for side in "LR" if side + role not in players]
    missing += [f"{side}WRA or {side}WRB" for side in "LR" if not {f"{side}WRA", f"{side}WRB"} & set(players)]
    if not {"LSHO", "RSHO"} <= set(players):
        missing += [role for role in NEEDED_CENTRAL if role not in players]
    if "SACR" not in players and not {"LPSI", "RPSI"} <= set(players):
        missing.append("SACR, or LPSI and RPSI")
    return missing


def _players(marker_set: MarkerSet, names: Sequence[str], members: Sequence[int]) -> dict[str, tuple[int, ...]]:
    index: dict[str, int] = {}
    for i in members:
        index.setdefault(plain(names[i]), i)
    out: dict[str, tuple[int, ...]] = {}
    for role, ways in marker_set.ways.items():
        for side in "LR" if role[0] == "L" else " ":
            own = role if side == " " else side + role[1:]
            for way in ways:
                wanted = [word if side in " L" else _right(word) for word in way]
                if own not in out and all(word in index for word in wanted):
                    out[own] = tuple(index[word] for word in wanted)
    return out


def _right(word: str) -> str:
    """The name on the right of a name on the left: the first L that stands for a side."""
    if word.startswith("WAISTL") or word.startswith("HIPL"):
        return word.replace("TL", "TR", 1) if word.startswith("WAISTL") else word.replace("PL", "PR", 1)
    return "R" + word[1:]


def _missing_message(marker_set: MarkerSet, subject: str, players: Mapping[str, object], names: Sequence[str], where: str) -> str:
    there = {plain(name): name for name in names}
    parts = []
    for role in missing_roles(players):
        key = role.split(" ")[0].rstrip(",")
        ways = marker_set.ways.get(key) or marker_set.ways.get("L" + key[1:], ((key,),))
        usual = ways[0][0] if key in marker_set.ways or key[0] != "R" else _right(ways[0][0])
        near = difflib.get_close_matches(usual, there, n=1, cutoff=0.7)
        parts.append(role + (f" (nearest is {there[near[0]]!r})" if near else ""))
    whose = f" of {subject!r}" if subject else ""
    near_any = any("nearest" in part for part in parts)
    own = [bare_name(name) for name in names if subject_of(name) == subject and is_labelled(name)]
    there_are = "" if near_any else f"; there are {', '.join(own[:SHOWN])}{', ...' if len(own) > SHOWN else ''}"
    return (
        f"{where}: the markers{whose} are no whole body: {len(parts)} of the set {marker_set.name!r} ({marker_set.used_by}) are "
        f"missing: {', '.join(parts)}{there_are}. Label them, rename them (docs/markers.md lists the names), "
        "or capture the whole body"
    )
