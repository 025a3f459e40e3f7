"""OptiTrack Motive CSV: solved skeletons (bones) or markers, format versions 1.2 to 1.25."""

from __future__ import annotations

import hashlib
from dataclasses import replace
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
from understudy.spec.hand import at_right_angles, unit
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import SIDES, HumanMotion

MARKER_KINDS = ("Marker", "Bone Marker", "Rigid Body Marker")
"""Best first: labelled reconstructions, then where the solver expects the markers."""

NO_TURN_XYZW = np.array([0.0, 0.0, 0.0, 1.0])
FITS = 0.5
"""Cosine of the angle between a forearm and its hand's own axis under which the rotations are of another rig."""
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
    whole = _whole_subjects(bones)
    if not whole:
        bones = [replace(bone, name=_with_colon(bone.name), parent=_with_colon(bone.parent)) for bone in bones]
        whole = _whole_subjects(bones)
    if not whole:
        return None
    own = [bone for bone in bones if subject_of(bone.name) == whole[0]]
    parents = _parents(own)
    pos = file.positions(own)
    turns = file.keys.get("Rotation Type", "") == "Quaternion" and all(bone.rotation >= 0 for bone in own)
    rot = _rotations(file, own) if turns else None
    if file.keys.get("Coordinate Space", "Global").lower() == "local":
        rot, pos = _to_world(rot, parents, pos, where)
    take = _take(file, tuple(bare_name(bone.name) for bone in own), pos)
    others = whole[1:]
    if others:
        told = f"the file holds several skeletons; {whole[0]!r} was taken, not {', '.join(map(repr, others))}: export one each"
        take = replace(take, warnings=(*take.warnings, told))
    radial = None if rot is None else palms_of(take, rot)
    return check_take(replace(take, radial=radial), where), parents


def _whole_subjects(bones: list[Thing]) -> list[str]:
    subjects = list(dict.fromkeys(subject_of(bone.name) for bone in bones))
    return [subject for subject in subjects if _whole([bone for bone in bones if subject_of(bone.name) == subject])]


def _with_colon(name: str) -> str:
    """`Anna_LHand` as `Anna:LHand`: Motive can be told to set another mark between skeleton and bone."""
    return name if ":" in name else ":".join(name.rsplit("_", 1))


def palms_of(joints: MarkerTake, rot: F64) -> F64 | None:
    """(T, 2, 3) the thumbs' sides by the hands' rotations, in the file's axes; None where they are not those of a T-pose.

    Motive's bones are unturned in a T-pose with the palms down that faces z: the left arm lies along x. Other rigs are told
    by forearms that lie elsewhere.
    """
    plain = [plain_name(name) for name in joints.names]
    out = np.full((len(joints), len(SIDES), 3), np.nan)
    for i, (letter, outwards) in enumerate((("l", 1.0), ("r", -1.0))):
        try:
            hand, forearm = plain.index(f"{letter}hand"), plain.index(f"{letter}farm")
        except ValueError:
            continue
        along = unit(joints.pos_m[:, hand] - joints.pos_m[:, forearm])
        cosine = np.sum(along * outwards * rot[:, hand, :, 0], axis=1)
        known = cosine[np.isfinite(cosine)]
        if len(known) and float(np.median(known)) > FITS:
            out[:, i] = at_right_angles(rot[:, hand, :, 2], outwards * rot[:, hand, :, 0])
    return None if np.isnan(out).all() else out


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


def _rotations(file: MotiveFile, bones: list[Thing]) -> F64:
    """(T, N, 3, 3) rotations as the file has them; where there is none, of no meaning."""
    found = file.quaternions_xyzw(bones)
    size = np.abs(found).max(axis=2, keepdims=True)
    return quat_to_matrix(quat_normalize(xyzw_to_wxyz(np.where((size > 0.1) & (size < 10.0), found, NO_TURN_XYZW))))


def _to_world(local: F64 | None, parents: I64, pos: F64, where: str) -> tuple[F64, F64]:
    """(T, N, 3, 3) rotations and (T, N, 3) positions in world axes from those in the axes of each bone's parent."""
    if local is None:
        raise MocapError(f"{where}: bones are in local axes without quaternions: export in Global space")
    if int((parents < 0).sum()) != 1:
        raise MocapError(f"{where}: bones are in local axes, and their parents are not all known: export in Global space")
    world_rot, world_pos = np.empty_like(local), np.empty_like(pos)
    done: set[int] = set()
    while len(done) < len(parents):
        for i in set(range(len(parents))) - done:
            p = int(parents[i])
            if p < 0:
                world_rot[:, i], world_pos[:, i] = local[:, i], pos[:, i]
            elif p in done:
                world_rot[:, i] = world_rot[:, p] @ local[:, i]
                world_pos[:, i] = world_pos[:, p] + np.einsum("tij,tj->ti", world_rot[:, p], pos[:, i])
            else:
                continue
            done.add(i)
    return world_rot, world_pos


PLUGIN: MocapReader = MotiveCsv()
