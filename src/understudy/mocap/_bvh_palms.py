"""How the palms of a BVH file are turned."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.mocap._bvh_fk import joint_positions
from understudy.mocap._bvh_hierarchy import SYNTHETIC_JOINT, Hierarchy
from understudy.mocap._bvh_parse import BvhFile
from understudy.mocap._canonical import rest_pose
from understudy.mocap._fingers import finger_of
from understudy.mocap._palms import best_radial, radial_at_rest, radial_from_fingers, radial_from_thumbs, radial_from_wrists
from understudy.mocap._tree import Layout, Tree
from understudy.spec.skeleton import SIDES


def bvh_palms(file: BvhFile, tree: Tree, layout: Layout, *, pos: F64, rest: F64, hands: F64 | None) -> F64 | None:
    """(T, 2, 3) thumb's side of the hands in the file's axes; None where it is not known.

    Args:
        file: the file.
        tree: its nodes.
        layout: which of them is which joint.
        pos: (T, 23, 3) canonical joints in the file's axes and unit.
        rest: (23, 3) the same with every channel zero.
        hands: (T, 2, 21, 3) joints of the hands in the file's axes, where it has fingers.
    """
    fingers = None if hands is None else radial_from_fingers(hands)
    turned = None
    at_rest = radial_at_rest(rest, rest_pose(rest))
    if at_rest is not None and SYNTHETIC_JOINT not in file.hierarchy.names:
        upper, wrist = (_carried(file, layout, part, at_rest) for part in ("shoulder", "wrist"))
        turned = radial_from_wrists(wrist, upper, pos)
    return best_radial(fingers, turned, _thumbs(file, tree, pos))


def _carried(file: BvhFile, layout: Layout, part: str, direction: F64) -> F64:
    """(T, 2, 3) a direction of the rest pose (2, 3), carried along by a joint of each arm."""
    joints = [next(iter(layout.weights[f"{side}_{part}"])) for side in SIDES]
    h = file.hierarchy
    longer = Hierarchy(
        names=(*h.names, *(f"{h.names[j]} (probe)" for j in joints)),
        parents=np.append(h.parents, joints),
        offsets=np.concatenate([h.offsets, direction]),
        channels=(*h.channels, (), ()),
        lines=(*h.lines, 0, 0),
        is_end=(*h.is_end, True, True),
    )
    found = joint_positions(longer, file.values, [*joints, len(h.names), len(h.names) + 1])
    return np.asarray(found[:, 2:] - found[:, :2])


def _thumbs(file: BvhFile, tree: Tree, pos: F64) -> F64 | None:
    """(T, 2, 3) the thumbs' side by the first node of each thumb that lies apart from the wrist."""
    out = np.full((len(pos), len(SIDES), 3), np.nan)
    for i, side in enumerate(SIDES):
        found = [n for n, name in enumerate(tree.names) if name and (finger_of(name) or ("", ""))[:2] == (side, "thumb")]
        node = next((n for n in _downwards(tree, found[0]) if _apart(tree, n)), None) if found else None
        if node is not None:
            out[:, i] = joint_positions(file.hierarchy, file.values, [node])[:, 0]
    return None if np.isnan(out).all() else radial_from_thumbs(out, pos)


def _downwards(tree: Tree, node: int) -> list[int]:
    """A node and its first descendants."""
    out = [node]
    while below := tree.children(out[-1]):
        out.append(below[0])
    return out


def _apart(tree: Tree, node: int) -> bool:
    """Whether a node lies apart from its parent."""
    return tree.distance(node, int(tree.parents[node])) > 1e-3 * float(np.ptp(tree.pos, axis=0).max())
