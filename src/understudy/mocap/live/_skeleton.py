"""A source's own skeleton laid onto the canonical one, once; every frame is then one product."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap import _canonical as canonical
from understudy.mocap._names import plain_name, without_common_prefix
from understudy.mocap._tree import Tree, lay_out
from understudy.spec.skeleton import HAND_JOINTS, INDEX, SIDES

_FINGER = r"(?P<finger>thumb|index|middle|mid|ring|pinky|pinkie|little)_?0?(?P<number>[1-4])"
_FINGER_NAMES = (
    re.compile(rf"^(?P<side>left|right|l|r)(hand)?{_FINGER}$"),
    re.compile(rf"^{_FINGER}(?P<side>left|right|l|r)$"),
)
_OTHER_FINGER_WORDS = {"mid": "middle", "pinky": "little", "pinkie": "little"}

Fingers = Mapping[tuple[int, int], int]
"""(side, joint of `HAND_JOINTS`) to node."""


@dataclass(frozen=True)
class LiveSkeleton:
    """Which of a source's nodes make which joint.

    Attributes:
        nodes: nodes that are needed.
        matrix: (23, K) weights over them; a zero row for a joint that the source cannot give.
        fingers: finger joints.
    """

    nodes: tuple[int, ...]
    matrix: F64
    fingers: Fingers

    def joints(self, node_pos_world_m: F64) -> F64:
        """(23, 3) joint centres from (N, 3) nodes, NaN where a node that a joint needs is not seen."""
        used = node_pos_world_m[list(self.nodes)]
        seen: Bool = np.asarray(np.isfinite(used).all(axis=1))
        out = np.asarray(self.matrix @ np.where(seen[:, None], used, 0.0))
        weight = np.abs(self.matrix)
        toes = [INDEX[f"{side}_toe"] for side in SIDES]
        missing = (weight[:, ~seen].sum(axis=1) > 0.0) | (weight.sum(axis=1) == 0.0)
        out[missing] = np.nan
        return canonical.fill_toes(out[None])[0] if not weight[toes].sum(axis=1).all() else out

    def hands(self, node_pos_world_m: F64, joint_pos_world_m: F64) -> F64 | None:
        """(2, 21, 3) hand joints from (N, 3) nodes and the body's joints; None where the source has no fingers."""
        if not self.fingers:
            return None
        out = np.full((len(SIDES), len(HAND_JOINTS), 3), np.nan)
        for side, name in enumerate(SIDES):
            out[side, 0] = joint_pos_world_m[INDEX[f"{name}_wrist"]]
        for place, node in self.fingers.items():
            out[place] = node_pos_world_m[node]
        return out


def live_skeleton(
    names: Sequence[str],
    parents: I64,
    rest_pos_m: F64,
    where: str,
    *,
    fingers: Fingers | None = None,
) -> LiveSkeleton:
    """The canonical joints in a source's skeleton.

    Args:
        names: N node names in any known naming scheme; empty for a tip without a name.
        parents: (N,) index of the parent, -1 for the root.
        rest_pos_m: (N, 3) one pose: lengths are taken from it.
        where: the source, for messages.
        fingers: finger joints; found by their names by default.

    Raises:
        MocapError: a required joint is missing; names similar ones.
    """
    layout = lay_out(Tree(names, parents, rest_pos_m, [not name for name in names]), where)
    nodes = layout.nodes()
    found = named_fingers(names) if fingers is None else fingers
    return LiveSkeleton(tuple(nodes), layout.matrix(nodes), found)


def named_fingers(names: Sequence[str]) -> Fingers:
    """Finger joints by names such as `LThumb1`, `LeftHandIndex2`, `middle_03_r`; those beyond the third are tips."""
    out: dict[tuple[int, int], int] = {}
    for node, name in enumerate(without_common_prefix(names)):
        plain = plain_name(name)
        found = next((match for pattern in _FINGER_NAMES if (match := pattern.match(plain))), None)
        if found is None:
            continue
        side = 0 if found["side"].startswith("l") else 1
        finger = _OTHER_FINGER_WORDS.get(found["finger"], found["finger"])
        number = found["number"].replace("4", "tip")
        out.setdefault((side, HAND_JOINTS.index(f"{finger}_{number}")), node)
    return out
