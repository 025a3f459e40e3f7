"""Events of a C3D file: when each foot strikes the ground and leaves it, and what else was marked.

Source: "The C3D File Format User Guide", Motion Lab Systems (2021): the parameter group EVENT, and events in the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.mocap._c3d_file import C3dFile
from understudy.mocap._gaps import runs
from understudy.spec.skeleton import SIDES

Kind = Literal["strike", "off", "other"]
MOST_EVENTS, TOLD = 5000, 24
STRIKES = {"foot strike", "heel strike", "initial contact", "foot contact", "fs", "hs", "ic", "fc"}
OFFS = {"foot off", "toe off", "fo", "to"}
MOST_PARTS = 1.6
"""A foot may swing this many median times between events before its first and after its last event; it may stand for longer."""
LEAST_S = 0.8
FAST_M_S, LONGEST_ROLL_S = 0.5, 0.2
"""The ball of a standing foot is faster than this only while the foot rolls on and off, and not for longer."""


@dataclass(frozen=True)
class Event:
    """Something that was marked.

    Attributes:
        t_s: seconds from the first frame.
        side: `left`, `right`, or empty.
        kind: `strike`, `off` or `other`; label as the file has it.
        subject: whose; empty where the file does not say.
    """

    t_s: float
    side: str
    kind: Kind
    label: str
    subject: str = ""


def events_of(file: C3dFile) -> tuple[Event, ...]:
    """Events in order of time: those of the group EVENT, or those of the header where there is no such group."""
    labels, contexts, subjects = (file.texts(f"EVENT:{name}") for name in ("LABELS", "CONTEXTS", "SUBJECTS"))
    times = file.parameters.get("EVENT:TIMES")
    pairs = times[: len(times) // 2 * 2].reshape(-1, 2) if isinstance(times, np.ndarray) else np.zeros((0, 2))
    seconds = 60.0 * pairs[:, 0] + pairs[:, 1]
    found = [
        _event(float(t), labels[i], _at(contexts, i), _at(subjects, i))
        for i, t in enumerate(seconds[: min(len(labels), MOST_EVENTS)])
    ]
    if not found:
        found = [_event(t, label[1:] if label[:1].upper() in "LR" else label, label[:1], "") for t, label in file.header_events]
    start_s = (file.first_frame - 1) / file.rate_hz if file.rate_hz > 0 else 0.0
    shifted = [Event(event.t_s - start_s, event.side, event.kind, event.label, event.subject) for event in found]
    return tuple(sorted((event for event in shifted if np.isfinite(event.t_s)), key=lambda event: event.t_s))


def contact_of(events: Sequence[Event], frames: int, rate_hz: float) -> tuple[Bool | None, str]:
    """(T, 2) feet on the ground from strike to off; None where the events do not say it for the whole clip, and why.

    Args:
        events: of one person.
        frames: of the clip; rate_hz per second.
    """
    feet = [[event for event in events if event.side == side and event.kind != "other"] for side in SIDES]
    if not any(feet):
        return None, ""
    t_s = np.arange(frames) / rate_hz
    columns = []
    for side, own in zip(SIDES, feet, strict=True):
        if why := _incomplete(own, float(t_s[-1])):
            return None, f"events of the file do not say when the {side} foot stands ({why}): contacts are found from the motion"
        columns.append(_standing(own, t_s))
    return np.stack(columns, axis=1), ""


def events_note(events: Sequence[Event]) -> str:
    """The events in a line; empty without any."""
    if not events:
        return ""
    told = [f"{event.side} {event.label}".strip() + f" {event.t_s:.2f} s" for event in events[:TOLD]]
    more = f" and {len(events) - TOLD} more" if len(events) > TOLD else ""
    return f"events of the file: {', '.join(told)}{more}"


def contradiction(contact: Bool, toes_world_m: F64, rate_hz: float) -> str:
    """Where a foot that should stand moves, in words; empty where none does.

    Args:
        contact: (T, 2).
        toes_world_m: (T, 2, 3) balls of the feet.
        rate_hz: frames per second.
    """
    fast = np.linalg.norm(np.gradient(toes_world_m, axis=0), axis=2) * rate_hz > FAST_M_S
    for i, side in enumerate(SIDES):
        for first, stop in runs(contact[:, i] & fast[:, i]):
            if stop - first > LONGEST_ROLL_S * rate_hz:
                return f"the {side} foot stands while it moves from {first / rate_hz:.2f} to {stop / rate_hz:.2f} s"
    return ""


def _event(t_s: float, label: str, context: str, subject: str) -> Event:
    word = " ".join(label.lower().replace("_", " ").split())
    kind: Kind = "strike" if word in STRIKES else "off" if word in OFFS else "other"
    side = {"l": "left", "r": "right"}.get(context.strip()[:1].lower(), "")
    return Event(t_s, side, kind, label.strip()[:40] or "event", subject.strip())


def _at(texts: Sequence[str], i: int) -> str:
    return texts[i] if i < len(texts) else ""


def _incomplete(own: Sequence[Event], end_s: float) -> str:
    """Why the events of a foot do not cover a clip; empty where they do."""
    kinds = [event.kind for event in own]
    if kinds.count("strike") < 1 or kinds.count("off") < 1:
        return f"{kinds.count('strike')} strikes, {kinds.count('off')} offs"
    again = next((i for i, pair in enumerate(zip(kinds, kinds[1:], strict=False)) if pair[0] == pair[1]), None)
    if again is not None:
        return f"two of {own[again].label!r} at {own[again].t_s:.2f} and {own[again + 1].t_s:.2f} s without the other between"
    between = float(np.median(np.diff([event.t_s for event in own])))
    most = max(MOST_PARTS * between, LEAST_S)
    swings = own[0].t_s if own[0].kind == "strike" else 0.0, end_s - own[-1].t_s if own[-1].kind == "off" else 0.0
    if max(swings) > most:
        return f"they lie between {own[0].t_s:.2f} and {own[-1].t_s:.2f} s of 0 to {end_s:.2f} s"
    return ""


def _standing(own: Sequence[Event], t_s: F64) -> Bool:
    """(T,) from strike to off; before the first event the foot did what it then stops doing."""
    place = np.searchsorted([event.t_s for event in own], t_s + 1e-6)
    down = np.array([own[0].kind == "off", *(event.kind == "strike" for event in own)])
    return np.asarray(down[place])
