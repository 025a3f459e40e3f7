"""A take of markers to the canonical motion: gaps, the person, joint centres, constant bones, and what the user should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap import _canonical as canonical
from understudy.mocap._constant_bones import Fit, fit_constant_bones, marker_residual
from understudy.mocap._gait_events import Event, contact_of, contradiction, events_note
from understudy.mocap._gaps import LONGEST_S, Gap, fill_gaps, runs
from understudy.mocap._joint_centres import HipModel
from understudy.mocap._marker_body import body_of, exchanged_sides, find_up, leg_chain, true_unit, turned
from understudy.mocap._marker_sets import Cast, attached_joints, cast_markers
from understudy.mocap._markers import FEWEST_FRAMES, MarkerTake
from understudy.mocap._thorax_stand_ins import told, with_thorax
from understudy.mocap._tree import CHEST_AT, HEAD_OVER_TRUNK, KNUCKLES_OVER_FOREARM, SPINE_AT
from understudy.spec.skeleton import INDEX, JOINTS, REQUIRED, SIDES, HumanMotion, SourceInfo

COLLAR_AT = 0.2
"""Collar joint on the way from neck to shoulder: markers do not show it."""
SEGMENTS = (
    ("LASI", "RASI", "SACR", "LPSI", "RPSI"),
    ("C7", "T10", "CLAV", "STRN"),
    ("LFHD", "RFHD", "LBHD", "RBHD", "FHD", "TOP"),
)
"""Roles that move as one rigid body."""
FAR_M = 0.03
"""A marker whose distance from its joints changes by more is worth a look."""
TOLD = 6
"""Most entries of one list in a warning."""


@dataclass(frozen=True)
class _Seen:
    """Gap-filled markers of one person, metres, file axes."""

    cast: Cast
    names: tuple[str, ...]
    pos_m: F64
    gaps: list[Gap]

    def roles(self) -> dict[str, F64]:
        """Role to (T, 3)."""
        return {role: np.asarray(self.pos_m[:, list(own)].mean(axis=1)) for role, own in self.cast.players.items()}


def motion_from_markers(take: MarkerTake, *, path: str, sha256: str, format_name: str, hips: HipModel = "davis") -> HumanMotion:
    """The canonical motion of the person in a take.

    Args:
        take: markers in metres, axes of the file.
        path: the file, for messages and provenance.
        sha256: hash of its bytes.
        format_name: the reader's name.
        hips: regression of the hip centres.

    Raises:
        MocapError: no whole body, no unit that fits a person, or too few frames in which the body is seen.
    """
    seen = _seen(take, path)
    unit_m, odd_unit = true_unit(leg_chain(seen.roles()), take.unit_m, path)
    roles = {role: pos * (unit_m / take.unit_m) for role, pos in seen.roles().items()}
    up, odd_up = find_up(roles, take.up, path)
    roles, made = with_thorax(turned(roles, up))
    roles, swapped = exchanged_sides(roles)
    body = body_of(roles, seen.cast.marker_set, take.parameters, hips)
    check_joints(body.joints, path)
    roles = {role: track for role, track in roles.items() if role not in made}
    fit = fit_constant_bones(body.joints, _anchors(roles, body.joints))
    keep = kept_frames(fit, path, take.rate_hz)
    pos = canonical_from_joints({name: track[keep] for name, track in fit.joints.items()})
    measured = (frozenset(fit.joints) | {"pelvis"}) - ({"neck"} if made else frozenset())
    warnings = [
        *take.warnings,
        odd_unit,
        odd_up,
        swapped,
        told(made),
        _other_people(seen.cast),
        *long_gaps(seen.names, seen.gaps, take.rate_hz),
    ]
    warnings += fit_warnings(fit, keep, len(take), take.rate_hz)
    events = _own_events(take, seen.cast.subject)
    contact, odd_events = _contact(events, take, keep, pos, exchanged=bool(swapped))
    warnings.append(odd_events)
    residuals = _residuals(roles, fit)
    warnings += [_far(residuals), *canonical.observations(pos, measured)]
    return HumanMotion(
        joint_pos_world_m=pos,
        t_ns=stamps(len(pos), take.rate_hz),
        measured=np.array([name in measured for name in JOINTS]),
        source=SourceInfo(
            path=path, sha256=sha256, format=format_name, dialect=seen.cast.marker_set.name, unit_m=unit_m, up=up,
            rate_hz=take.rate_hz, warnings=tuple(text for text in warnings if text),
        ),
        notes=(
            _measures_note(body.measures.from_file, body.hips), _residual_note(residuals), _gap_note(seen),
            *([events_note(events)] if events else []),
        ),
        contact=contact,
    )  # fmt: skip


def _own_events(take: MarkerTake, subject: str) -> tuple[Event, ...]:
    """The person's events, and those that are nobody's; all of them where no event names this person."""
    if subject not in {event.subject for event in take.events}:
        return take.events
    return tuple(event for event in take.events if event.subject in (subject, ""))


def _contact(
    events: Sequence[Event], take: MarkerTake, keep: slice, pos: F64, *, exchanged: bool
) -> tuple[Bool | None, str | None]:
    """(T, 2) feet on the ground by the file's events, in the frames that are kept; or why they are not used."""
    contact, why = contact_of(events, len(take), take.rate_hz)
    if contact is None:
        return None, why or None
    if exchanged:
        return None, "left and right were exchanged, so the file's foot strikes are not used: contacts are found from the motion"
    kept = contact[keep]
    if where := contradiction(kept, pos[:, [INDEX["left_toe"], INDEX["right_toe"]]], take.rate_hz):
        return (
            None,
            f"by the file's events {where}, so they are not used: correct them where they were marked",
        )
    return kept, None


def stamps(frames: int, rate_hz: float) -> I64:
    """(T,) nanoseconds of evenly spaced frames from 0."""
    return np.asarray(np.rint(np.arange(frames) * (1e9 / rate_hz)), dtype=np.int64)


def _seen(take: MarkerTake, path: str) -> _Seen:
    often = np.isfinite(take.pos_m).all(axis=2).sum(axis=0) >= FEWEST_FRAMES
    index = np.flatnonzero(often)
    names = tuple(take.names[i] for i in index)
    cast = _cast(names, take.names, path)
    pos = np.where(np.isfinite(take.pos_m).all(axis=2, keepdims=True), take.pos_m, np.nan)[:, index]
    used = sorted({i for own in cast.players.values() for i in own})
    place = {old: new for new, old in enumerate(used)}
    players = {role: tuple(place[i] for i in own) for role, own in cast.players.items()}
    segments = [[i for role in segment if role in players for i in players[role]] for segment in SEGMENTS]
    filled, gaps = fill_gaps(pos[:, used], take.rate_hz, segments)
    return _Seen(Cast(cast.marker_set, cast.subject, players, cast.others), tuple(names[i] for i in used), filled, gaps)


def _cast(seen: Sequence[str], names: Sequence[str], path: str) -> Cast:
    """The person among the markers that are seen at all; one who is there by the names alone is named as such."""
    try:
        return cast_markers(seen, path)
    except MocapError as error:
        try:
            whole = cast_markers(names, path)
        except MocapError:
            raise error from None
        used = {names[i] for own in whole.players.values() for i in own}
        unseen = [name for name in names if name in used and name not in seen]
        raise MocapError(
            f"{path}: the file names a whole body, but {len(unseen)} of its markers are seen in fewer than {FEWEST_FRAMES} "
            f"frames: {_listed(unseen)}. Reconstruct and label them, or capture the whole body"
        ) from None


def check_joints(joints: Mapping[str, F64], path: str) -> None:
    """Refuse a body of which a needed joint is never seen, or a bone has no length."""
    for name in (*REQUIRED, "neck"):
        if not np.isfinite(joints[name]).all(axis=1).any():
            raise MocapError(
                f"{path}: {name} can be computed in no frame: the markers around it are never seen together; fill their gaps"
            )
    for side in SIDES:
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            d = np.linalg.norm(joints[f"{side}_{a}"] - joints[f"{side}_{b}"], axis=1)
            if np.isfinite(d).any() and np.nanmedian(d) < 0.05:
                raise MocapError(f"{path}: {side} {a} and {b} are {np.nanmedian(d):.3f} m apart: markers there are misnamed")


def _anchors(roles: Mapping[str, F64], joints: Mapping[str, F64]) -> dict[str, list[F64]]:
    out: dict[str, list[F64]] = {}
    for role, pos in roles.items():
        for joint in attached_joints(role, nearby=True):
            if joint in joints:
                out.setdefault(joint, []).append(pos)
    return out


def kept_frames(fit: Fit, path: str, rate_hz: float) -> slice:
    """Frames between the first and the last in which every needed joint is known, with a tenth of a second to spare."""
    known: Bool = np.all([fit.covered[name] for name in REQUIRED], axis=0)
    at = np.flatnonzero(known)
    spare = int(LONGEST_S * rate_hz + 1e-9)
    if not len(at):
        never = min(REQUIRED, key=lambda name: int(fit.covered[name].sum()))
        raise MocapError(f"{path}: no frame shows the whole body; {never} is seen least: fill the gaps of its markers")
    first = 0 if at[0] <= spare else int(at[0])
    last = len(known) if len(known) - 1 - at[-1] <= spare else int(at[-1]) + 1
    if last - first < FEWEST_FRAMES:
        raise MocapError(f"{path}: only {last - first} frames show the whole body; at least {FEWEST_FRAMES} are needed")
    return slice(first, last)


def canonical_from_joints(joints: Mapping[str, F64]) -> F64:
    """(T, 23, 3) from joint centres; what is not among them is laid between its neighbours."""
    out = np.full((len(joints["neck"]), len(JOINTS), 3), np.nan)
    known = dict(joints)
    known["pelvis"] = (known["left_hip"] + known["right_hip"]) / 2.0
    trunk = known["neck"] - known["pelvis"]
    known.setdefault("chest", known["pelvis"] + CHEST_AT * trunk)
    known.setdefault("spine", known["pelvis"] + SPINE_AT / CHEST_AT * (known["chest"] - known["pelvis"]))
    known.setdefault("head", known["neck"] + HEAD_OVER_TRUNK * trunk)
    for side in SIDES:
        neck, shoulder, elbow, wrist = (known[name] for name in ("neck", f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"))
        known.setdefault(f"{side}_collar", neck + COLLAR_AT * (shoulder - neck))
        known.setdefault(f"{side}_hand", wrist + KNUCKLES_OVER_FOREARM * (wrist - elbow))
    for name, track in known.items():
        out[:, INDEX[name]] = track
    return canonical.fill_toes(out)


def _residuals(roles: Mapping[str, F64], fit: Fit) -> dict[str, float]:
    return {
        role: marker_residual(pos, [fit.joints[joint] for joint in attached_joints(role) if joint in fit.joints])
        for role, pos in roles.items()
    }


def _listed(entries: Sequence[str]) -> str:
    more = len(entries) - TOLD
    return ", ".join(entries[:TOLD]) + (f" and {more} more" if more > 0 else "")


def long_gaps(names: Sequence[str], gaps: Sequence[Gap], rate_hz: float) -> list[str]:
    """Gaps longer than those that are filled, the longest first."""
    long = [gap for gap in gaps if (gap.end - gap.start) / rate_hz > LONGEST_S + 1e-9]
    long.sort(key=lambda gap: gap.start - gap.end)
    if not long:
        return []
    told = [f"{names[gap.marker]} {gap.start / rate_hz:.2f} to {gap.end / rate_hz:.2f} s" for gap in long]
    return [f"markers are missing for longer than {LONGEST_S} s and were not filled: {_listed(told)}"]


def fit_warnings(fit: Fit, keep: slice, frames: int, rate_hz: float) -> list[str]:
    """Frames that were left out, and joints that were bridged for longer than a gap may last."""
    trimmed = _trimmed(keep, frames, rate_hz)
    told = []
    for name in JOINTS:
        if name in fit.covered:
            for start, end in runs(~fit.covered[name][keep]):
                if (end - start) / rate_hz > LONGEST_S + 1e-9:
                    begin = start + keep.start
                    told.append(f"{name} {begin / rate_hz:.2f} to {(begin + end - start) / rate_hz:.2f} s")
    bridged = f"too few markers to place these joints; they were bridged and are guesses, leave them out: {_listed(told)}"
    return [*([trimmed] if trimmed else []), *([bridged] if told else [])]


def _trimmed(keep: slice, frames: int, rate_hz: float) -> str | None:
    if keep.start == 0 and keep.stop == frames:
        return None
    left, right = keep.start / rate_hz, (frames - keep.stop) / rate_hz
    return f"{left:.2f} s at the start and {right:.2f} s at the end do not show the whole body and were left out"


def _other_people(cast: Cast) -> str | None:
    if not cast.others:
        return None
    return f"the file holds several people; {cast.subject!r} was taken, not {', '.join(map(repr, cast.others))}: export one each"


def _far(residuals: Mapping[str, float]) -> str | None:
    far = sorted(((size, role) for role, size in residuals.items() if size > FAR_M), reverse=True)
    if not far:
        return None
    return "markers that do not move with their bones, mislabelled or loose: " + _listed(
        [f"{r} {100 * s:.1f} cm" for s, r in far]
    )


def _measures_note(from_file: Sequence[str], hips: str) -> str:
    source = {"davis": "Davis 1991", "harrington": "Harrington 2007"}[hips]
    given = f"from the file: {', '.join(from_file)}" if from_file else "mean proportions scaled by the leg"
    return f"hip centres: {source}; measures of the person {given}"


def _residual_note(residuals: Mapping[str, float]) -> str:
    listed = ", ".join(f"{role} {1000 * size:.1f}" for role, size in residuals.items() if np.isfinite(size))
    return f"marker residual, mm rms: {listed}"


def _gap_note(seen: _Seen) -> str:
    return f"gaps filled: {sum(gap.filled for gap in seen.gaps)}, left: {sum(not gap.filled for gap in seen.gaps)}"
