"""A named skeleton laid onto the canonical one: every canonical joint as a weighted sum of the file's nodes.

What a file names is taken as it is. What it does not name is found from the hierarchy (trunk, collars, hands, toes),
and what is not there at all is placed on the line through its neighbours, with `measured` false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.mocap._names import find_limbs, plain_name, without_common_prefix
from understudy.spec.skeleton import INDEX, JOINTS, SIDES

Weights = dict[int, float]
"""Node to weight; the weights of a joint sum to 1."""

SPINE_AT, CHEST_AT = 0.3, 0.65
"""Where along the way from pelvis to neck the spine and chest joints belong."""
NECK_NAMES = ("neck", "neck1", "neck01", "necklower", "lowerneck", "spineneck")
HEAD_NAMES = ("head", "head1", "skull")
HEAD_OVER_TRUNK = 0.33
"""Neck to head joint over pelvis to neck where there is no head joint."""
KNUCKLES_OVER_FOREARM, FINGERTIP_OVER_FOREARM = 0.37, 0.55
"""Wrist to knuckles, and a length from which an end point of the hand must be its tip. Source: Winter, Biomechanics
and Motor Control of Human Movement, 4th ed., fig. 4.1 and table 4.1: forearm 0.146, hand 0.108 of the body's height."""


@dataclass(frozen=True)
class Tree:
    """The nodes of a skeleton file.

    Attributes:
        names: node names, empty for tips.
        parents: (N,) index of the parent, -1 for the root.
        pos: (N, 3) positions in one frame, any unit: lengths are taken from it.
        is_end: per node, whether it is a tip without a name of its own.
    """

    names: Sequence[str]
    parents: I64
    pos: F64
    is_end: Sequence[bool]

    def path(self, node: int) -> list[int]:
        """From the root to `node`, both included."""
        up = [node]
        while self.parents[up[-1]] >= 0:
            up.append(int(self.parents[up[-1]]))
        return up[::-1]

    def distance(self, a: int, b: int) -> float:
        """Between two nodes, in the file's unit."""
        return float(np.linalg.norm(self.pos[a] - self.pos[b]))

    def named(self, wanted: Sequence[str]) -> int | None:
        """First node with one of the plain names, in the order of `wanted`."""
        plain = [plain_name(name) for name in self.names]
        return next((plain.index(name) for name in wanted if name in plain), None)

    def children(self, node: int) -> list[int]:
        """Nodes whose parent is `node`."""
        return [int(i) for i in np.flatnonzero(self.parents == node)]


@dataclass(frozen=True)
class Layout:
    """How the canonical joints come from the file's nodes.

    Attributes:
        dialect: name of the naming scheme.
        weights: canonical joint to weighted nodes; a toe that the file lacks is not among them.
        measured: canonical joints that the file has.
    """

    dialect: str
    weights: dict[str, Weights]
    measured: frozenset[str]

    def nodes(self) -> list[int]:
        """Every node that is needed, sorted."""
        return sorted({node for weights in self.weights.values() for node in weights})

    def matrix(self, nodes: Sequence[int]) -> F64:
        """(23, K) weights over `nodes`, rows in the order of `JOINTS`; zero rows for joints not laid out."""
        out = np.zeros((len(JOINTS), len(nodes)))
        for joint, weights in self.weights.items():
            for node, weight in weights.items():
                out[INDEX[joint], nodes.index(node)] += weight
        return out


def lay_out(tree: Tree, where: str) -> Layout:
    """The canonical skeleton in a file's hierarchy.

    Raises:
        MocapError: a required joint is missing.
    """
    joints = without_common_prefix([name for name, end in zip(tree.names, tree.is_end, strict=True) if not end])
    rest = iter(joints)
    joints = ["" if end else next(rest) for end in tree.is_end]
    tree = replace(tree, names=joints)
    dialect, limbs = find_limbs(joints, where)
    weights: dict[str, Weights] = {name: {node: 1.0} for name, node in limbs.items()}
    measured = {*limbs, "pelvis"}
    weights["pelvis"] = _mean(limbs["left_hip"], limbs["right_hip"])
    _trunk(tree, limbs, weights, measured)
    for side in SIDES:
        _collar(tree, side, limbs, weights, measured)
        _hand(tree, side, limbs, weights, measured)
        _toe(tree, side, limbs, weights, measured)
    return Layout(dialect.name, weights, frozenset(measured))


def _mean(a: int, b: int) -> Weights:
    return {a: 0.5, b: 0.5}


def _between(a: Weights, b: Weights, u: float) -> Weights:
    """The point at `u` on the line from a to b; u may lie outside 0 to 1."""
    out = {node: (1.0 - u) * weight for node, weight in a.items()}
    for node, weight in b.items():
        out[node] = out.get(node, 0.0) + u * weight
    return out


def _trunk(tree: Tree, limbs: dict[str, int], weights: dict[str, Weights], measured: set[str]) -> None:
    """Spine, chest, neck and head: the nodes on the way from the hips to the shoulders and the head."""
    paths = [tree.path(limbs[f"{side}_shoulder"]) for side in SIDES]
    shared = [a for a, b in zip(*paths, strict=False) if a == b]
    hips = set(tree.path(limbs["left_hip"])) & set(tree.path(limbs["right_hip"]))
    neck, head = tree.named(NECK_NAMES), tree.named(HEAD_NAMES)
    weights["neck"] = {neck: 1.0} if neck is not None else _mean(limbs["left_shoulder"], limbs["right_shoulder"])
    pelvis_pos, neck_pos = (_at(tree, weights[name]) for name in ("pelvis", "neck"))
    trunk = float(np.linalg.norm(neck_pos - pelvis_pos)) or 1.0
    chain = [node for node in shared if node not in hips and node != neck]
    share = {node: float((tree.pos[node] - pelvis_pos) @ ((neck_pos - pelvis_pos) / trunk)) / trunk for node in chain}
    spine = _nearest(share, SPINE_AT, 0.05, 0.5)
    chest = _nearest({n: u for n, u in share.items() if n != spine}, CHEST_AT, 0.45, 1.01)
    measured.update(
        name for name, node in (("neck", neck), ("head", head), ("spine", spine), ("chest", chest)) if node is not None
    )
    start, end = weights["pelvis"], weights["neck"]
    if spine is not None:
        start, start_at = {spine: 1.0}, SPINE_AT
    else:
        start_at = 0.0
    weights["chest"] = {chest: 1.0} if chest is not None else _between(start, end, (CHEST_AT - start_at) / (1.0 - start_at))
    weights["spine"] = {spine: 1.0} if spine is not None else _between(weights["pelvis"], weights["chest"], SPINE_AT / CHEST_AT)
    if head is not None:
        weights["head"] = {head: 1.0}
    else:
        upper = max(float(np.linalg.norm(neck_pos - _at(tree, weights["chest"]))), 0.05 * trunk)
        weights["head"] = _between(weights["chest"], end, 1.0 + HEAD_OVER_TRUNK * trunk / upper)


def _at(tree: Tree, weights: Weights) -> F64:
    return np.asarray(sum(weight * tree.pos[node] for node, weight in weights.items()))


def _nearest(share: dict[int, float], wanted: float, low: float, high: float) -> int | None:
    inside = {node: abs(u - wanted) for node, u in share.items() if low <= u <= high}
    return min(inside, key=lambda node: inside[node]) if inside else None


def _collar(tree: Tree, side: str, limbs: dict[str, int], weights: dict[str, Weights], measured: set[str]) -> None:
    """The nearest ancestor that this shoulder does not share with the other; else a fifth of the way from the neck."""
    other = "right" if side == "left" else "left"
    shared = set(tree.path(limbs[f"{other}_shoulder"]))
    own = [node for node in tree.path(limbs[f"{side}_shoulder"])[:-1] if node not in shared]
    if own:
        weights[f"{side}_collar"] = {own[-1]: 1.0}
        measured.add(f"{side}_collar")
    else:
        weights[f"{side}_collar"] = _between(weights["neck"], weights[f"{side}_shoulder"], 0.2)


def _tip(tree: Tree, node: int, *, avoid: str, prefer: str) -> int | None:
    """First node below `node` that does not coincide with it, past the children named `avoid`."""
    least = 1e-3 * max(float(np.ptp(tree.pos, axis=0).max()), 1e-12)
    start = node
    for _ in range(len(tree.names)):
        below = [i for i in tree.children(node) if not avoid or avoid not in tree.names[i].lower()]
        if not below:
            return None
        node = min(below, key=lambda i: (prefer not in tree.names[i].lower(), tree.is_end[i], i))
        if tree.distance(start, node) > least:
            return node
    return None


def _hand(tree: Tree, side: str, limbs: dict[str, int], weights: dict[str, Weights], measured: set[str]) -> None:
    """The middle knuckle: a child of the wrist that is no thumb, halved where it must be the fingertip; else on the
    line of the forearm."""
    elbow, wrist = limbs[f"{side}_elbow"], limbs[f"{side}_wrist"]
    forearm = tree.distance(elbow, wrist)
    tip = _tip(tree, wrist, avoid="thumb", prefer="middle")
    if tip is None:
        weights[f"{side}_hand"] = _between({elbow: 1.0}, {wrist: 1.0}, 1.0 + KNUCKLES_OVER_FOREARM)
        return
    is_tip = tree.is_end[tip] and tree.distance(wrist, tip) > FINGERTIP_OVER_FOREARM * forearm
    weights[f"{side}_hand"] = _between({wrist: 1.0}, {tip: 1.0}, 0.5 if is_tip else 1.0)
    measured.add(f"{side}_hand")


def _toe(tree: Tree, side: str, limbs: dict[str, int], weights: dict[str, Weights], measured: set[str]) -> None:
    """The named toe, else what hangs below the ankle; a foot without either is left to the caller."""
    name = f"{side}_toe"
    if name in limbs and tree.distance(limbs[name], limbs[f"{side}_ankle"]) > 0.0:
        return
    weights.pop(name, None)
    measured.discard(name)
    tip = _tip(tree, limbs[f"{side}_ankle"], avoid="heel", prefer="toe")
    if tip is not None:
        weights[name] = {tip: 1.0}
        measured.add(name)
