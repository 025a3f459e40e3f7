"""Events of C3D files: foot strikes and offs become contacts where they say enough, and are told where they do not."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.geom.arrays import Bool
from understudy.mocap._gait_events import Event, contact_of, contradiction, events_note, events_of
from understudy.mocap._markers import MarkerTake
from understudy.mocap.c3d import take_from_c3d
from understudy.mocap.read import read_motion
from understudy.retarget.contacts import stance
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion
from understudy.testing.marker_files import c3d_bytes
from understudy.testing.markers import plug_in_gait_take

RATE_HZ = 60.0


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(4.0, 1.0, rate_hz=RATE_HZ)


@pytest.fixture(scope="module")
def truth(motion: HumanMotion) -> Bool:
    """(T, 2) the walker's stances."""
    return stance(motion)


def marked(truth: Bool, subject: str = "") -> tuple[Event, ...]:
    """The events of contacts, as an operator would mark them."""
    found = []
    for i, side in enumerate(SIDES):
        for k in np.flatnonzero(np.diff(truth[:, i].astype(np.int8))) + 1:
            kind = "strike" if truth[k, i] else "off"
            found.append(Event(float(k) / RATE_HZ, side, kind, f"Foot {kind.capitalize()}", subject))  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda event: event.t_s))


def read(take: MarkerTake, path: Path, **how: int) -> HumanMotion:
    path.write_bytes(c3d_bytes(take, **how))  # type: ignore[arg-type]
    return read_motion(path)


def gait(*marks: str) -> tuple[Event, ...]:
    """`strike 0.5` of the left foot, `off 1.0 right`."""
    out = []
    for mark in marks:
        kind, t_s, *side = mark.split()
        out.append(Event(float(t_s), (side or ["left"])[0], kind, f"Foot {kind}"))  # type: ignore[arg-type]
    return tuple(out)


WALKED = ("strike 0.4 right", "off 1.0 right", "strike 1.4 right")


def test_strikes_and_offs_become_contacts() -> None:
    contact, why = contact_of(gait("off 0.3", "strike 0.7", "off 1.3", *WALKED), 17, 10.0)
    assert why == ""
    assert contact is not None
    assert contact[:, 0].astype(int).tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert contact[:, 1].astype(int).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        (WALKED, r"left foot stands \(0 strikes, 0 offs\)"),
        (("strike 0.4", *WALKED), "1 strikes, 0 offs"),
        (("strike 0.4", "strike 0.9", "off 1.2", *WALKED), "two of 'Foot strike' at 0.40 and 0.90 s"),
        (("strike 2.5", "off 3.0", "strike 3.4", *WALKED), "they lie between 2.50 and 3.40 s of 0 to 3.90 s"),
    ],
)
def test_events_that_do_not_say_enough_are_not_used(marks: Sequence[str], message: str) -> None:
    contact, why = contact_of(gait(*marks), 40, 10.0)
    assert contact is None
    assert message.replace("\\", "") in why
    assert "contacts are found from the motion" in why


def test_no_events_and_other_events_say_nothing() -> None:
    assert contact_of((), 40, 10.0) == (None, "")
    assert contact_of((Event(1.0, "", "other", "clap"),), 40, 10.0) == (None, "")
    assert events_note(()) == ""
    assert events_note((Event(1.0, "", "other", "clap"),)) == "events of the file: clap 1.00 s"


@pytest.mark.parametrize("first_frame", [1, 249])
def test_a_marked_file_has_the_contacts_that_were_marked(
    motion: HumanMotion, truth: Bool, tmp_path: Path, first_frame: int
) -> None:
    """Times in the file count from where the recording began, not from the first frame that was kept."""
    take = replace(plug_in_gait_take(motion), events=marked(truth))
    found = read(take, tmp_path / "walk.c3d", first_frame=first_frame)
    assert found.contact is not None
    np.testing.assert_array_equal(found.contact, truth)
    assert any(note.startswith("events of the file: ") and "left Foot Off" in note for note in found.notes)
    assert found.source.warnings == ()


def test_events_that_contradict_the_motion_are_not_used(motion: HumanMotion, truth: Bool, tmp_path: Path) -> None:
    late = tuple(replace(event, t_s=event.t_s + 0.4) for event in marked(truth))
    found = read(replace(plug_in_gait_take(motion), events=late), tmp_path / "walk.c3d")
    assert found.contact is None
    assert any("foot stands while it moves from" in warning for warning in found.source.warnings)
    toes = motion.joint_pos_world_m[:, [INDEX["left_toe"], INDEX["right_toe"]]]
    assert contradiction(truth, toes, RATE_HZ) == ""
    assert contradiction(~truth, toes, RATE_HZ).startswith("the left foot stands while it moves from ")


def test_steps_that_nobody_marked_are_noticed(motion: HumanMotion, truth: Bool, tmp_path: Path) -> None:
    """Only the last stride is marked: before it the feet would stand all the time."""
    events = marked(truth)
    last = [event for event in events if event.t_s > 1.6]
    alternating = [[e for e in last if e.side == side][-2:] for side in SIDES]
    few = tuple(sorted((e for side in alternating for e in side), key=lambda event: event.t_s))
    found = read(replace(plug_in_gait_take(motion), events=few), tmp_path / "walk.c3d")
    assert found.contact is None
    assert found.source.warnings != ()


def test_another_persons_events_are_left_alone(motion: HumanMotion, truth: Bool, tmp_path: Path) -> None:
    take = plug_in_gait_take(motion)
    named = replace(take, names=tuple(f"Ann:{name}" for name in take.names))
    others = tuple(replace(event, subject="Ben", t_s=event.t_s + 0.2) for event in marked(truth))
    found = read(replace(named, events=(*marked(truth, "Ann"), *others)), tmp_path / "walk.c3d")
    assert found.contact is not None
    np.testing.assert_array_equal(found.contact, truth)


def test_events_of_the_header_are_read(motion: HumanMotion) -> None:
    """Files without the group EVENT hold up to 18 events in the header, labels of four letters."""
    data = bytearray(c3d_bytes(plug_in_gait_take(motion)))
    struct.pack_into("<HH", data, 298, 12345, 3)
    struct.pack_into("<3f", data, 304, 1.5, 0.5, 2.25)
    data[396:408] = b"LFO LFS CLAP"
    found = take_from_c3d(bytes(data), "old.c3d").events
    assert [(e.t_s, e.side, e.kind, e.label) for e in found] == [
        (0.5, "left", "strike", "FS"),
        (1.5, "left", "off", "FO"),
        (2.25, "", "other", "CLAP"),
    ]


def test_damaged_events_harm_nobody(motion: HumanMotion) -> None:
    take = plug_in_gait_take(motion)
    extra: dict[str, Sequence[str] | Sequence[float]] = {
        "EVENT:LABELS": ["Foot Strike", "Foot Off", "x"],
        "EVENT:CONTEXTS": ["Left"],
        "EVENT:TIMES": [0.0, float("nan"), 0.0, 1.0, 7.0],
    }
    found = take_from_c3d(c3d_bytes(take, extra=extra), "odd.c3d").events
    assert [(e.t_s, e.side, e.kind) for e in found] == [(1.0, "", "off")]


def test_the_sample_says_when_its_feet_stand(samples: Path) -> None:
    """Thirteen events that a gait laboratory marked; they agree with the motion but for the rolling of the foot."""
    motion = read_motion(samples / "c3d" / "gaitalytics_fullbody_pig_walk.c3d")
    assert motion.contact is not None
    found = events_of_sample(samples)
    assert sum(event.kind == "strike" for event in found) == 6
    assert sum(event.kind == "off" for event in found) == 7
    assert motion.contact.mean(axis=0) == pytest.approx([0.65, 0.58], abs=0.01)
    by_motion = stance(replace(motion, contact=None))
    assert (stance(motion) == by_motion).mean() > 0.95


def events_of_sample(samples: Path) -> tuple[Event, ...]:
    from understudy.mocap._c3d_file import parse_c3d

    data = (samples / "c3d" / "gaitalytics_fullbody_pig_walk.c3d").read_bytes()
    return events_of(parse_c3d(data, "sample"))
