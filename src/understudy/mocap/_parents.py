"""The tree of joints that come as names and positions only: limbs by name, the trunk by where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.mocap._names import find_limbs, plain_name, without_common_prefix
from understudy.spec.skeleton import SIDES

TRUNK: tuple[str, ...] = ("pelvis", "hips", "root", "spine", "chest", "torso", "thorax", "abdomen", "neck", "head", "skull")
"""Beginnings of names that lie on the line from the hips to the head."""
COLLARS: tuple[str, ...] = ("collar", "clavicle", "clav", "scapula", "shoulder")
HANDS: tuple[str, ...] = ("hand", "knuckle", "palm", "middle", "index", "finger")
TOES: tuple[str, ...] = ("toe", "foot", "ball")
_CHAINS = (("hip", "knee", "ankle", "toe"), ("shoulder", "elbow", "wrist"))


def guess_parents(names: Sequence[str], pos: F64, where: str) -> I64:
    """(J,) index of each joint's parent, -1 where it has none.

    Args:
        names: joint names of any known scheme.
        pos: (T, J, 3) finite positions; only where the trunk's joints lie between hips and head is taken from them.
        where: name of the file, for messages.

    Raises:
        MocapError: a required joint is missing; lists similar names.
    """
    bare = without_common_prefix(list(names))
    _, limbs = find_limbs(bare, where)
    parents = np.full(len(names), -1, dtype=np.int64)
    plain = [plain_name(name) for name in bare]
    trunk = _trunk(plain, limbs, pos)
    for below, above in zip(trunk[:-1], trunk[1:], strict=True):
        parents[above] = below
    low = [i for i in trunk if not plain[i].startswith(("neck", "head", "skull"))]
    for side in SIDES:
        for chain in _CHAINS:
            nodes = [limbs[f"{side}_{part}"] for part in chain if f"{side}_{part}" in limbs]
            for upper, lower in zip(nodes[:-1], nodes[1:], strict=True):
                parents[lower] = upper if upper != lower else parents[lower]
        collar = _sided(plain, side, COLLARS, limbs)
        if low:
            parents[limbs[f"{side}_hip"]] = low[0]
            parents[limbs[f"{side}_shoulder"]] = low[-1]
            if collar is not None:
                parents[collar] = low[-1]
        if collar is not None:
            parents[limbs[f"{side}_shoulder"]] = collar
        for words, end in ((HANDS, "wrist"), (TOES, "ankle")):
            tip = _sided(plain, side, words, limbs)
            if tip is not None:
                parents[tip] = limbs[f"{side}_{end}"]
    return parents


def _trunk(plain: Sequence[str], limbs: dict[str, int], pos: F64) -> list[int]:
    """Joints of the trunk from the hips up, by their place along the line from mid-hip to mid-shoulder."""
    nodes = [i for i, name in enumerate(plain) if name.startswith(TRUNK) and i not in limbs.values()]
    middle = {part: 0.5 * (pos[:, limbs[f"left_{part}"]] + pos[:, limbs[f"right_{part}"]]) for part in ("hip", "shoulder")}
    along = middle["shoulder"] - middle["hip"]
    height = {i: float(np.median(np.sum((pos[:, i] - middle["hip"]) * along, axis=1))) for i in nodes}
    return sorted(nodes, key=lambda i: height[i])


def _sided(plain: Sequence[str], side: str, words: tuple[str, ...], limbs: dict[str, int]) -> int | None:
    """First joint of a side that one of the words names and no limb has, in the order of the words."""
    taken = set(limbs.values())
    for word in words:
        for i, name in enumerate(plain):
            if i not in taken and any(part.startswith(word) for part in _without_side(name, side)):
                return i
    return None


def _without_side(name: str, side: str) -> list[str]:
    parts = [name.removeprefix(mark) for mark in (side, side[0])] + [name.removesuffix(mark) for mark in (side, side[0])]
    return [part for part in parts if part != name]
