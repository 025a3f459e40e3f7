"""Which nodes of a skeleton file are the joints of the fingers: by name, and by how they follow on each other.

Known are LeftHandIndex1 (MotionBuilder, mixamo, Perception Neuron with LeftInHandIndex), LIndex1 (Motive), index_01_l
(Unreal), LeftIndexProximal (VRM), f_index.01.L (Rigify), L Finger11 (Biped), lIndex1 and lMid1 (Daz), left_index1 (SMPL),
left_handIndexStart_joint (ARKit) and LeftSecondPP (Xsens MVN).
"""

from __future__ import annotations

import re

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.mocap._names import plain_name
from understudy.mocap._tree import Layout, Tree
from understudy.spec.hand import FINGERS, finger_columns
from understudy.spec.skeleton import HAND_JOINTS, SIDES

_WORDS: dict[str, str] = {
    "thumb": "thumb", "index": "index", "middle": "middle", "mid": "middle", "ring": "ring",
    "pinky": "little", "pinkie": "little", "little": "little",
    **{f"finger{i}": finger for i, finger in enumerate(FINGERS)},
    **dict(zip(("first", "second", "third", "fourth", "fifth"), FINGERS, strict=True)),
}  # fmt: skip
_PARTS: dict[str, int] = {
    "": 1, "metacarpal": 0, "start": 0, "mc": 0, "proximal": 1, "pp": 1, "intermediate": 2, "mp": 2, "distal": 3, "dp": 3,
    "tip": 9, "end": 9, "nub": 9,
}  # fmt: skip
_FINGER = "|".join(sorted(_WORDS, key=len, reverse=True))
_PART = r"(\d{1,2}|" + "|".join(sorted(filter(None, _PARTS), key=len, reverse=True)) + r")?"
_SIDED_FIRST = re.compile(rf"(left|right|l|r)(in)?(?:hand)?({_FINGER}){_PART}$")
_SIDED_LAST = re.compile(rf"(in)?(?:hand|f)?({_FINGER}){_PART}(left|right|l|r)$")


def finger_of(name: str) -> tuple[str, str, int] | None:
    """`("left", "index", 1)` of `LeftHandIndex1`: side, finger and place along it; None where no finger is named.

    Places only order the joints of one finger; a metacarpal's is 0.
    """
    plain = plain_name(name)
    found = _SIDED_FIRST.match(plain)
    if found:
        side, inside, finger, part = found.groups()
    else:
        found = _SIDED_LAST.match(plain)
        if not found:
            return None
        inside, finger, part, side = found.groups()
    place = int(part) if part and part.isdigit() else _PARTS[part or ""]
    return SIDES[side.startswith("r")], _WORDS[finger], 0 if inside else place


def finger_nodes(tree: Tree, wrists: tuple[int, int]) -> I64:
    """(2, 21) node of each joint of `HAND_JOINTS` of the left and right hand, -1 where the file has none.

    A hand of which no finger has two phalanges is taken for none: it cannot say how far it is closed.

    Args:
        tree: the file's nodes.
        wrists: the left and right wrist's.
    """
    out = np.full((len(SIDES), len(HAND_JOINTS)), -1, dtype=np.int64)
    chains: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for node, name in enumerate(tree.names):
        found = finger_of(name) if name and not tree.is_end[node] else None
        if found is not None:
            chains.setdefault((found[0], found[1]), []).append((found[2], node))
    for (side, finger), places in chains.items():
        i = SIDES.index(side)
        nodes = _with_tip(tree, [node for _, node in sorted(places)])
        if finger != "thumb" and len(nodes) > 1 and _is_metacarpal(tree, wrists[i], nodes):
            nodes = nodes[1:]
        if len(nodes) >= 3:
            columns = finger_columns(finger)
            out[i, columns[: len(nodes[:4])]] = nodes[:4]
    for i, wrist in enumerate(wrists):
        if (out[i] >= 0).any():
            out[i, 0] = wrist
    return out


def wrists_of(layout: Layout) -> tuple[int, int]:
    """Nodes of the left and right wrist."""
    left, right = (next(iter(layout.weights[f"{side}_wrist"])) for side in SIDES)
    return left, right


def hand_positions(nodes: I64, node_pos: F64) -> F64 | None:
    """(T, 2, 21, 3) joints of both hands, NaN where there are none, from positions (T, N, 3); None where no hand has fingers."""
    if not (nodes >= 0).any():
        return None
    out = node_pos[:, np.maximum(nodes, 0)]
    out[:, nodes < 0] = np.nan
    return np.asarray(out)


def _with_tip(tree: Tree, nodes: list[int]) -> list[int]:
    """A finger's nodes with the end point behind the last, and without such as lie at the place of the one before."""
    below = [i for i in tree.children(nodes[-1]) if tree.is_end[i]]
    nodes = [*nodes, *below[:1]]
    least = 1e-3 * max(float(np.ptp(tree.pos, axis=0).max()), 1e-12)
    apart = [nodes[0]]
    for node in nodes[1:]:
        if tree.distance(apart[-1], node) > least:
            apart.append(node)
    return apart


def _is_metacarpal(tree: Tree, wrist: int, nodes: list[int]) -> bool:
    """Whether a finger's first node lies at the wrist's end of the palm: nearer to the wrist than to the next node."""
    return tree.distance(wrist, nodes[0]) < tree.distance(nodes[0], nodes[1])
