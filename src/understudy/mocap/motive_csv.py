"""OptiTrack Motive CSV: solved skeletons (bones) or markers, format versions 1.2 to 1.25."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_normalize, quat_to_matrix, xyzw_to_wxyz
from understudy.mocap._file import read_bytes
from understudy.mocap._labelled_points import motion_from_joints, motion_from_points
from understudy.mocap._markers import MOST_MARKERS, MarkerTake, bare_name, check_take, is_labelled, subject_of
from understudy.mocap._motive_file import MotiveFile, Thing, parse_motive
from understudy.mocap._names import find_limbs, plain_name
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

MARKER_KINDS = ("Marker", "Bone Marker", "Rigid Body Marker")
"""Best first: labelled reconstructions, then where the solver expects the markers."""

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
PARENT_NAMES: dict[str, str] = {
    "ab": "", "chest": "ab", "neck": "chest", "head": "neck",
    **{f"{s}{part}": above.format(s=s) for s in "lr" for part, above in (
        ("shoulder", "chest"), ("uarm", "{s}shoulder"), ("farm", "{s}uarm"), ("hand", "{s}farm"),
        ("thigh", ""), ("shin", "{s}thigh"), ("foot", "{s}shin"), ("toe", "{s}foot"),
        *((f"{finger}1", "{s}hand") for finger in FINGERS),
        *((f"{finger}{k}", "{s}" + f"{finger}{k - 1}") for finger in FINGERS for k in (2, 3)),
    )},
}  # fmt: skip
"""Motive's bones and their parents, for versions before 1.24, whose files do not name them; empty is the root."""


class MotiveCsv:
    """Reader of CSV files by OptiTrack Motive."""

    suffixes: tuple[str, ...] = (".csv",)
    title: str = "OptiTrack Motive CSV"

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the text begins with Format Version."""
        return head.removeprefix(b"\xef\xbb\xbf").startswith(b"Format Version,")

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`: from its bones where a whole skeleton is there, else from its markers.

        Raises:
            MocapError: damaged file, neither a whole skeleton nor a whole marker set, or no frame that shows it.
        """
        data = read_bytes(path)
        file = parse_motive(data, str(path))
        sha256 = hashlib.sha256(data).hexdigest()
        skeleton = skeleton_of(file, str(path))
        if skeleton is not None:
            joints, parents = skeleton
            return motion_from_joints(joints, parents, path=str(path), sha256=sha256, format_name="motive_csv")
        return motion_from_points(markers_of(file, str(path)), path=str(path), sha256=sha256, format_name="motive_csv")


def markers_of(file: MotiveFile, where: str) -> MarkerTake:
    """The labelled markers of the file.

    Raises:
        MocapError: there are none, or a part of a skeleton only.
    """
    for kind in MARKER_KINDS:
        things = [thing for thing in file.things if thing.kind == kind and is_labelled(thing.name)][:MOST_MARKERS]
        if things:
            names = tuple(thing.name for thing in things)
            return check_take(_take(file, names, file.positions(things)), where)
    bones = [thing.name for thing in file.things if thing.kind == "Bone"]
    if bones:
        find_limbs([bare_name(name) for name in bones], where)
    raise MocapError(f"{where}: rigid bodies only; export the skeleton's bones, or labelled markers")


def skeleton_of(file: MotiveFile, where: str) -> tuple[MarkerTake, I64] | None:
    """Bones of the first whole skeleton in world axes, and their parents; None where no skeleton is whole.

    Raises:
        MocapError: positions are in the parents' axes, but rotations or parents are missing.
    """
    bones = [thing for thing in file.things if thing.kind == "Bone"]
    subjects = list(dict.fromkeys(subject_of(bone.name) for bone in bones))
    whole = [subject for subject in subjects if _whole([bone for bone in bones if subject_of(bone.name) == subject])]
    if not whole:
        return None
    own = [bone for bone in bones if subject_of(bone.name) == whole[0]]
    parents = _parents(own)
    pos = file.positions(own)
    if file.keys.get("Coordinate Space", "Global").lower() == "local":
        pos = _to_world(file, own, parents, pos, where)
    take = _take(file, tuple(bare_name(bone.name) for bone in own), pos)
    others = whole[1:]
    if others:
        told = f"the file holds several skeletons; {whole[0]!r} was taken, not {', '.join(map(repr, others))}: export one each"
        take = MarkerTake(take.names, take.pos_m, take.rate_hz, take.unit_m, take.up, warnings=(*take.warnings, told))
    return check_take(take, where), parents


def _take(file: MotiveFile, names: tuple[str, ...], pos_m: F64) -> MarkerTake:
    return MarkerTake(names, pos_m, file.rate_hz, file.unit_m, up="y", warnings=file.warnings)


def _whole(bones: list[Thing]) -> bool:
    try:
        find_limbs([bare_name(bone.name) for bone in bones], "")
    except MocapError:
        return False
    return True


def _parents(bones: list[Thing]) -> I64:
    """(N,) index of each bone's parent: as the file says, else as Motive's skeleton has it; -1 for none."""
    full = {bone.name: i for i, bone in enumerate(bones)}
    plain = {plain_name(bone.name): i for i, bone in enumerate(bones)}
    root = next((i for i, bone in enumerate(bones) if plain_name(bone.name) not in PARENT_NAMES), -1)
    out = np.full(len(bones), -1, dtype=np.int64)
    for i, bone in enumerate(bones):
        above = PARENT_NAMES.get(plain_name(bone.name))
        known = plain.get(above, root) if above is not None else -1
        parent = full.get(bone.parent, -1) if bone.parent else known
        out[i] = parent if _order(out, parent, i) else -1
    return out


def _order(parents: I64, parent: int, child: int) -> bool:
    """Whether hanging `child` under `parent` keeps the tree free of loops."""
    while parent >= 0:
        if parent == child:
            return False
        parent = int(parents[parent])
    return True


def _to_world(file: MotiveFile, bones: list[Thing], parents: I64, pos: F64, where: str) -> F64:
    """(T, N, 3) positions in world axes from positions and rotations in the axes of each bone's parent."""
    if any(bone.rotation < 0 for bone in bones) or file.keys.get("Rotation Type", "") != "Quaternion":
        raise MocapError(f"{where}: bones are in local axes without quaternions: export in Global space")
    if int((parents < 0).sum()) != 1:
        raise MocapError(f"{where}: bones are in local axes, and their parents are not all known: export in Global space")
    local = quat_to_matrix(quat_normalize(xyzw_to_wxyz(np.nan_to_num(file.quaternions_xyzw(bones), nan=0.5))))
    world_rot, world_pos = np.empty_like(local), np.empty_like(pos)
    done: set[int] = set()
    while len(done) < len(bones):
        for i in set(range(len(bones))) - done:
            p = int(parents[i])
            if p < 0:
                world_rot[:, i], world_pos[:, i] = local[:, i], pos[:, i]
            elif p in done:
                world_rot[:, i] = world_rot[:, p] @ local[:, i]
                world_pos[:, i] = world_pos[:, p] + np.einsum("tij,tj->ti", world_rot[:, p], pos[:, i])
            else:
                continue
            done.add(i)
    return world_pos


PLUGIN: MocapReader = MotiveCsv()
