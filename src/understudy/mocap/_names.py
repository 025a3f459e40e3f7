"""What joint names mean: one table of naming schemes for every skeleton file.

A name is split into a side and a part (`mixamorig:LeftForeArm` is left, forearm), and a dialect says which part is
which joint of the canonical skeleton. Names of the trunk are not needed: it is found from the hierarchy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from understudy.errors import MocapError
from understudy.spec.skeleton import REQUIRED, SIDES


@dataclass(frozen=True)
class Dialect:
    """A naming scheme.

    Attributes:
        name: short name, written to `SourceInfo.dialect`.
        used_by: programs and archives that write it.
        parts: canonical joint without its side to the parts that name it, best first.
    """

    name: str
    used_by: str
    parts: Mapping[str, tuple[str, ...]]


def _dialect(name: str, used_by: str, **parts: str) -> Dialect:
    return Dialect(name, used_by, {joint: tuple(words.split()) for joint, words in parts.items()})


_HAND_OF_ARM = {"shoulder": "arm", "elbow": "forearm", "wrist": "hand"}

DIALECTS: tuple[Dialect, ...] = (
    _dialect(
        "lafan1", "LAFAN1, CMU, mixamo, MotionBuilder, PyMO, Perception Neuron, ARKit",
        hip="upleg", knee="leg", ankle="foot", toe="toe toebase toes", **_HAND_OF_ARM,
    ),
    _dialect("soma", "SOMA, BONES-SEED", hip="leg", knee="shin", ankle="foot", toe="toebase toe", **_HAND_OF_ARM),
    _dialect(
        "xsens", "Xsens BVH, mocapbank, SMPL, Kinect",
        hip="hip", knee="knee", ankle="ankle", toe="toe toebase foot",
        shoulder="shoulder", elbow="elbow", wrist="wrist",
    ),
    _dialect(
        "segments", "Xsens MVN segments, Bandai-Namco, VRM, Blender",
        hip="upperleg", knee="lowerleg", ankle="foot", toe="toe toes",
        shoulder="upperarm", elbow="forearm lowerarm", wrist="hand",
    ),
    _dialect(
        "thigh", "Unreal, Biped, Rigify, Rokoko, Motive, Poser",
        hip="thigh", knee="calf shin", ankle="foot", toe="ball toe toe0 toebase toes",
        shoulder="upperarm uarm shldr arm", elbow="lowerarm forearm farm", wrist="hand",
    ),
    _dialect(
        "theia", "Theia3D",
        hip="thigh", knee="shank", ankle="foot", toe="toes", shoulder="uarm", elbow="larm", wrist="hand",
    ),
    _dialect(
        "asf", "CMU ASF, HDM05",
        hip="femur", knee="tibia", ankle="foot", toe="toes",
        shoulder="humerus", elbow="radius", wrist="wrist hand",
    ),
)  # fmt: skip
"""In the order in which they are tried; the first that finds every required joint is taken."""

PARTS: frozenset[str] = frozenset(word for dialect in DIALECTS for words in dialect.parts.values() for word in words)

_NAMESPACE = re.compile(r"^.*[:|]")
_PREFIX = re.compile(
    r"^(joint|character\d*|(valvebiped[._ ])?bip\d*|mixamorig\d*|def|org|cc_base|j_bip|robot|skeleton\d*)[_ .-]+", re.IGNORECASE
)
_SUFFIX = re.compile(r"[_ .-]+(joint|jnt|bone)$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """A joint's name in lower-case letters and digits, without name space, character prefix and word separators."""
    bare = _SUFFIX.sub("", _PREFIX.sub("", _NAMESPACE.sub("", name.strip())))
    return re.sub(r"[^a-z0-9]", "", bare.lower())


def without_common_prefix(names: Sequence[str]) -> list[str]:
    """The names without what all of them begin with, up to a separator: `Anna_Hips`, `Anna_Spine` ..."""
    first, last = min(names, default=""), max(names, default="")
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    cut = max(first.rfind(mark, 0, same) for mark in "_:|. -") + 1
    return [name[cut:] for name in names]


@lru_cache(maxsize=4096)
def side_and_part(name: str) -> tuple[str, str] | None:
    """`("left", "forearm")` of `LeftForeArm`, `forearm_l`, `lForearm` ...; None where no known part is named."""
    plain = plain_name(name)
    for mark in (0, 1):
        for side in SIDES:
            word = side[: len(side) if mark == 0 else 1]
            for part in (plain.removeprefix(word), plain.removesuffix(word)):
                if part != plain and part in PARTS:
                    return side, part
    return None


def find_limbs(names: Sequence[str], where: str) -> tuple[Dialect, dict[str, int]]:
    """Which joint of a file is which hip, knee, ankle, toe, shoulder, elbow and wrist.

    Args:
        names: joint names of the file.
        where: its name, for messages.

    Returns:
        the dialect, and canonical joint to index; toes only where the file names them.

    Raises:
        MocapError: a required joint is missing under every dialect; lists those of the nearest, with similar names.
    """
    dialect, limbs = _best(names)
    missing = [joint for joint in REQUIRED if joint not in limbs]
    if missing:
        raise MocapError(_missing_message(dialect, missing, names, where))
    return dialect, limbs


def joints_missed(names: Sequence[str]) -> int:
    """How many required joints the dialect lacks that fits best."""
    limbs = _best(names)[1]
    return sum(joint not in limbs for joint in REQUIRED)


def _best(names: Sequence[str]) -> tuple[Dialect, dict[str, int]]:
    index: dict[tuple[str, str], int] = {}
    for i, name in enumerate(names):
        found = side_and_part(name)
        if found is not None:
            index.setdefault(found, i)
    tried = [(dialect, _limbs(dialect, index)) for dialect in DIALECTS]
    return max(tried, key=lambda each: sum(joint in each[1] for joint in REQUIRED))


def _limbs(dialect: Dialect, index: Mapping[tuple[str, str], int]) -> dict[str, int]:
    limbs: dict[str, int] = {}
    for side in SIDES:
        for joint, words in dialect.parts.items():
            node = next((index[side, word] for word in words if (side, word) in index), None)
            if node is not None:
                limbs[f"{side}_{joint}"] = node
    return limbs


def _missing_message(dialect: Dialect, missing: Sequence[str], names: Sequence[str], where: str) -> str:
    lines = []
    for joint in missing:
        side, part = joint.split("_")
        expected = side.capitalize() + dialect.parts[part][0].capitalize()
        near = difflib.get_close_matches(plain_name(expected), [plain_name(n) for n in names], n=1, cutoff=0.6)
        original = next((n for n in names if near and plain_name(n) == near[0]), None)
        lines.append(f"{joint} (such as {expected!r}" + (f"; nearest is {original!r})" if original else ")"))
    return (
        f"{where}: required joints are missing: {', '.join(lines)}. The nearest naming scheme is {dialect.name!r} "
        f"({dialect.used_by}); rename the joints, or export the whole body (docs/mocap.md lists the names)"
    )
