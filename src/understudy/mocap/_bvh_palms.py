"""How the palms of a BVH file are turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.mocap._bvh_hierarchy import SYNTHETIC_JOINT, Hierarchy
from understudy.mocap._canonical import rest_pose
from understudy.mocap._fingers import finger_of
from understudy.mocap._palms import best_radial, radial_at_rest, radial_from_fingers, radial_from_thumbs, radial_from_wrists
from understudy.mocap._tree import Layout, Tree
from understudy.spec.skeleton import SIDES


@dataclass(frozen=True)
class PalmNodes:
    """What of a skeleton tells how the palms are turned.

    Attributes:
        hierarchy: the file's, with a node more for each direction of the rest pose that a joint carries along.
        carried: upper arms and wrists, left and right: the joint and the node that it carries; empty where the rest pose is
            not known.
        thumbs: left and right first node of the thumb that lies apart from the wrist; None where there is none.
    """

    hierarchy: Hierarchy
    carried: tuple[tuple[int, int], ...]
    thumbs: tuple[int | None, int | None]

    def nodes(self) -> set[int]:
        """Every node whose place is needed."""
        return {node for pair in self.carried for node in pair} | {node for node in self.thumbs if node is not None}


def palm_nodes(hierarchy: Hierarchy, tree: Tree, layout: Layout, rest: F64) -> PalmNodes:
    """What to look at in a file.

    Args:
        hierarchy: of the file.
        tree: its nodes.
        layout: which of them is which joint.
        rest: (23, 3) canonical joints with every channel zero.
    """
    left, right = (_thumb(tree, side) for side in SIDES)
    at_rest = radial_at_rest(rest, rest_pose(rest))
    if at_rest is None or SYNTHETIC_JOINT in hierarchy.names:
        return PalmNodes(hierarchy, (), (left, right))
    joints = [next(iter(layout.weights[f"{side}_{part}"])) for part in ("shoulder", "wrist") for side in SIDES]
    h, more = hierarchy, len(joints)
    longer = Hierarchy(
        names=(*h.names, *(f"{h.names[joint]} (probe)" for joint in joints)),
        parents=np.append(h.parents, joints),
        offsets=np.concatenate([h.offsets, at_rest, at_rest]),
        channels=(*h.channels, *[()] * more),
        lines=(*h.lines, *[0] * more),
        is_end=(*h.is_end, *[True] * more),
    )
    return PalmNodes(longer, tuple((joint, len(h.names) + i) for i, joint in enumerate(joints)), (left, right))


def bvh_palms(palms: PalmNodes, at: Mapping[int, F64], *, pos: F64, hands: F64 | None) -> F64 | None:
    """(T, 2, 3) thumb's side of the hands in the file's axes; None where it is not known.

    Args:
        palms: what to look at.
        at: (T, 3) places of its nodes.
        pos: (T, 23, 3) canonical joints in the file's axes and unit.
        hands: (T, 2, 21, 3) joints of the hands in the file's axes, where it has fingers.
    """
    fingers = None if hands is None else radial_from_fingers(hands)
    turned = None
    if palms.carried:
        turns = np.stack([at[node] - at[joint] for joint, node in palms.carried], axis=1)
        turned = radial_from_wrists(turns[:, 2:], turns[:, :2], pos)
    return best_radial(fingers, turned, _from_thumbs(palms, at, pos))


def _from_thumbs(palms: PalmNodes, at: Mapping[int, F64], pos: F64) -> F64 | None:
    """(T, 2, 3) the thumbs' side by where the thumbs are."""
    if palms.thumbs == (None, None):
        return None
    out = np.full((len(pos), len(SIDES), 3), np.nan)
    for i, node in enumerate(palms.thumbs):
        if node is not None:
            out[:, i] = at[node]
    return radial_from_thumbs(out, pos)


def _thumb(tree: Tree, side: str) -> int | None:
    """First node of a thumb that lies apart from the wrist."""
    found = [n for n, name in enumerate(tree.names) if name and (finger_of(name) or ("", ""))[:2] == (side, "thumb")]
    return next((n for n in _downwards(tree, found[0]) if _apart(tree, n)), None) if found else None


def _downwards(tree: Tree, node: int) -> list[int]:
    """A node and its first descendants."""
    out = [node]
    while below := tree.children(out[-1]):
        out.append(below[0])
    return out


def _apart(tree: Tree, node: int) -> bool:
    """Whether a node lies apart from its parent."""
    return tree.distance(node, int(tree.parents[node])) > 1e-3 * float(np.ptp(tree.pos, axis=0).max())
