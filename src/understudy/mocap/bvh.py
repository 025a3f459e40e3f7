"""BVH (Biovision hierarchy): joints with offsets, Euler angles per frame. The most common exchange format of motion."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from understudy.errors import UnknownNameError
from understudy.geom.arrays import F64, I64
from understudy.mocap import _canonical as canonical
from understudy.mocap._bvh_fk import joint_positions
from understudy.mocap._bvh_hierarchy import SYNTHETIC_JOINT, Hierarchy
from understudy.mocap._bvh_palms import bvh_palms, palm_nodes
from understudy.mocap._bvh_parse import BvhFile, parse_bvh
from understudy.mocap._file import read_bytes
from understudy.mocap._fingers import finger_nodes, hand_positions, wrists_of
from understudy.mocap._tree import Layout, Tree, lay_out
from understudy.mocap._units import UP_AXES, along_another, in_world, metres_per_unit, odd_size, up_axis
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import JOINTS, HumanMotion, SourceInfo


class Bvh:
    """Reader of BVH files."""

    suffixes: tuple[str, ...] = (".bvh",)
    title: str = "BVH skeleton motion"

    def __init__(self, *, unit: str | None = None, up: str | None = None) -> None:
        """Take `unit` (as for `metres_per_unit`) and `up` (an axis of the file) as given; None finds them in the data."""
        self.unit, self.up = unit, up

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the text begins with HIERARCHY."""
        return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:9].upper() == b"HIERARCHY"

    def with_unit(self, unit: str) -> Bvh:
        """The same reader with a unit that is not searched for."""
        return Bvh(unit=unit, up=self.up)

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`.

        Raises:
            MocapError: names file, line, frame or joint, and what to do.
        """
        data = read_bytes(path)
        return motion_from_bvh(data, str(path), unit=self.unit, up=self.up)


def motion_from_bvh(data: bytes, where: str, *, unit: str | None = None, up: str | None = None) -> HumanMotion:
    """The canonical motion in the bytes of a BVH file.

    Raises:
        MocapError: names file, line, frame or joint, and what to do.
        UnknownNameError: `unit` or `up` is not known.
    """
    if up is not None and up not in UP_AXES:
        raise UnknownNameError("up axis", up, UP_AXES)
    file = parse_bvh(data, where)
    tree, layout = _layout(file, where)
    fingers = finger_nodes(tree, wrists_of(layout))
    rest = _rest(file.hierarchy, layout)
    palms = palm_nodes(file.hierarchy, tree, layout, rest[0])
    nodes = sorted({*layout.nodes(), *(int(node) for node in fingers.flat if node >= 0), *palms.nodes()})
    node_pos = joint_positions(palms.hierarchy, file.values, nodes)
    pos = canonical.canonical_positions(node_pos, nodes, layout)
    canonical.check_bones(pos, where)
    leg = canonical.leg_length(pos)
    unit_m = metres_per_unit(leg, unit, where)
    found, warning = up_axis(canonical.upward(pos), canonical.upward(rest)[0])
    warning = warning or along_another(found, canonical.upward(rest)[0])
    up = up or found
    pos_world_m = canonical.fill_toes(in_world(pos, up, unit_m))
    hands = hand_positions(np.where(fingers >= 0, np.searchsorted(nodes, fingers), -1), node_pos)
    radial = bvh_palms(palms, {node: node_pos[:, i] for i, node in enumerate(nodes)}, pos=pos, hands=hands)
    odd = [odd_size(leg * unit_m) if unit is None else None, warning if up == found else None]
    warnings = [text for text in odd if text]
    warnings += canonical.observations(pos_world_m, layout.measured)
    source = SourceInfo(
        path=where,
        sha256=hashlib.sha256(data).hexdigest(),
        format="bvh",
        dialect=layout.dialect,
        unit_m=unit_m,
        up=up,
        rate_hz=1.0 / file.frame_time_s,
        rest_pose=canonical.rest_pose(rest[0]),
        synthetic=SYNTHETIC_JOINT in file.hierarchy.names,
        warnings=tuple(warnings),
    )
    return HumanMotion(
        joint_pos_world_m=pos_world_m,
        t_ns=stamps(len(pos), file.frame_time_s),
        measured=np.array([name in layout.measured for name in JOINTS]),
        source=source,
        hand_pos_world_m=None if hands is None else in_world(hands, up, unit_m),
        hand_radial_world=None if radial is None else in_world(radial, up),
    )


def stamps(frames: int, frame_time_s: float) -> I64:
    """(T,) nanoseconds of evenly spaced frames from 0, each rounded by itself so that no error adds up."""
    return np.asarray(np.rint(np.arange(frames) * (frame_time_s * 1e9)), dtype=np.int64)


def _layout(file: BvhFile, where: str) -> tuple[Tree, Layout]:
    hierarchy = file.hierarchy
    everything = list(range(len(hierarchy.names)))
    tree = Tree(
        names=hierarchy.names,
        parents=hierarchy.parents,
        pos=joint_positions(hierarchy, file.values[:1], everything)[0],
        is_end=hierarchy.is_end,
    )
    return tree, lay_out(tree, where)


def _rest(hierarchy: Hierarchy, layout: Layout) -> F64:
    """(1, 23, 3) canonical joints with every channel zero: the offsets alone."""
    nodes = layout.nodes()
    zero = np.zeros((1, hierarchy.n_channels))
    return canonical.canonical_positions(joint_positions(hierarchy, zero, nodes), nodes, layout)


PLUGIN: MocapReader = Bvh()
