"""Named joint positions over time to a HumanMotion: what every reader does once it knows where the joints are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from understudy.errors import MocapError, UnknownNameError
from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap import _canonical as canonical
from understudy.mocap._fingers import finger_nodes, hand_positions, wrists_of
from understudy.mocap._palms import best_radial, radial_from_fingers
from understudy.mocap._tree import Layout, Tree, lay_out
from understudy.mocap._units import LEG_RANGE_M, UNITS_M, UP_AXES, in_world, metres_per_unit, up_axis
from understudy.spec.skeleton import JOINTS, HumanMotion, SourceInfo

MIN_FRAMES = 3


@dataclass(frozen=True)
class Take:
    """Joint positions as a file has them.

    Attributes:
        names: N node names, empty for tips.
        parents: (N,) index of the parent, -1 for a root.
        is_end: per node, whether it is a tip without a name of its own.
        pos: (T, N, 3) positions in the file's axes and unit.
        rest: (N, 3) the rest pose in the file's axes and unit; None where the file has none.
        t_ns: (T,) stamps from 0.
        rate_hz: frames per second that the file states or was read at.
        unit: name of `UNITS_M` that the file states; None finds it from the person's leg.
        forced: the unit is the user's word, which is not held against the leg.
        up: axis of the file that points up where the format states it; None finds it from the person.
        inferred: canonical joints that the file has but did not measure.
        contact: (T, 2) feet on the ground, where the file says so.
        hands: (T, 2, 21, 3) joints of the hands in the file's axes and unit; None finds them among the nodes.
        radial: (T, 2, 3) thumb's side of the hands in the file's axes, where the fingers do not say it.
        warnings: what the reader noticed.
    """

    names: tuple[str, ...]
    parents: I64
    is_end: tuple[bool, ...]
    pos: F64
    rest: F64 | None
    t_ns: I64
    rate_hz: float
    unit: str | None = None
    forced: bool = False
    up: str | None = None
    inferred: frozenset[str] = frozenset()
    contact: Bool | None = None
    hands: F64 | None = None
    radial: F64 | None = None
    warnings: tuple[str, ...] = ()


def stamps(index: I64, rate_hz: float) -> I64:
    """(T,) nanoseconds of frames counted from 0 at an even rate, each rounded by itself so that no error adds up."""
    return np.asarray(np.rint(np.asarray(index, dtype=np.float64) * (1e9 / rate_hz)), dtype=np.int64)


def motion_of(take: Take, source: SourceInfo, *, layout: Layout | None = None) -> HumanMotion:
    """The canonical motion of a take.

    Args:
        take: the joints.
        source: `path`, `sha256`, `format` and `dialect` as the reader knows them; an empty dialect is filled in from the names.
        layout: which node is which joint; found from the names by default.

    Raises:
        MocapError: joints are missing or coincide, the unit cannot be right, too few frames.
        UnknownNameError: the unit or the up axis is not known.
    """
    where = source.path
    _check(take, where)
    one = take.rest if take.rest is not None else take.pos[_widest(take.pos)]
    tree = Tree(take.names, take.parents, one, take.is_end)
    layout = layout or lay_out(tree, where)
    nodes = layout.nodes()
    pos = canonical.canonical_positions(take.pos[:, nodes], nodes, layout)
    canonical.check_bones(pos, where)
    leg = canonical.leg_length(pos)
    unit_m = metres_per_unit(leg, take.unit, where) if take.forced else _unit_m(leg, take.unit, where)
    rest = canonical.canonical_positions(one[None, nodes], nodes, layout)[0]
    found, warning = up_axis(canonical.upward(pos), canonical.upward(rest[None])[0])
    up = take.up or found
    pos_world_m = canonical.fill_toes(in_world(pos, up, unit_m))
    hands = take.hands if take.hands is not None else hand_positions(finger_nodes(tree, wrists_of(layout)), take.pos)
    radial = best_radial(None if hands is None else radial_from_fingers(hands), take.radial)
    measured = layout.measured - take.inferred
    warnings = [*take.warnings, *([warning] if warning and take.up is None else [])]
    warnings += canonical.observations(pos_world_m, layout.measured)
    return HumanMotion(
        joint_pos_world_m=pos_world_m,
        t_ns=take.t_ns,
        measured=np.array([name in measured for name in JOINTS]),
        source=replace(
            source,
            dialect=source.dialect or layout.dialect,
            unit_m=unit_m,
            up=up,
            rate_hz=take.rate_hz,
            rest_pose=canonical.rest_pose(rest) if take.rest is not None else "other",
            warnings=tuple(warnings),
        ),
        contact=take.contact,
        hand_pos_world_m=None if hands is None else in_world(hands, up, unit_m),
        hand_radial_world=None if radial is None else in_world(radial, up),
    )


def source_of(where: str, sha256: str, kind: str, *, dialect: str = "", synthetic: bool = False) -> SourceInfo:
    """Provenance with the fields that `motion_of` fills in left open."""
    return SourceInfo(where, sha256, kind, dialect, unit_m=1.0, up="z", rate_hz=0.0, synthetic=synthetic)


def enough_frames(frames: int, where: str) -> None:
    """Refuse a clip that is too short; raises MocapError."""
    if frames < MIN_FRAMES:
        raise MocapError(f"{where}: the motion has {frames} frames; at least {MIN_FRAMES} are needed")


def _check(take: Take, where: str) -> None:
    enough_frames(len(take.pos), where)
    if take.up is not None and take.up not in UP_AXES:
        raise UnknownNameError("up axis", take.up, UP_AXES)
    if not np.isfinite(take.pos).all():
        t, node, _ = np.argwhere(~np.isfinite(take.pos))[0]
        raise MocapError(
            f"{where}: frame {t + 1}: {take.names[node] or 'a tip'} has no finite position; fill the gap and export again"
        )


def _widest(pos: F64) -> int:
    """Index of the frame in which the skeleton spans most: the nearest that a clip has to a rest pose."""
    return int(np.argmax(np.linalg.norm(np.ptp(pos, axis=1), axis=1)))


def _unit_m(leg: float, unit: str | None, where: str) -> float:
    """Metres per unit; a stated unit that makes no person is refused with the one that would."""
    unit_m = metres_per_unit(leg, unit, where)
    low, high = LEG_RANGE_M
    if low <= leg * unit_m <= high:
        return unit_m
    fitting = [name for name, scale in UNITS_M.items() if low <= leg * scale <= high]
    hint = f"; in {fitting[0]} it would be {leg * UNITS_M[fitting[0]]:.2f} m" if fitting else ""
    raise MocapError(
        f"{where}: the unit is said to be {unit}, which makes hip to knee to ankle {leg * unit_m:.4g} m; a person has "
        f"{low} to {high} m{hint}. Export in the right unit, or correct what the file says"
    )
