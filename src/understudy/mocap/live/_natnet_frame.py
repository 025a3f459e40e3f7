"""A NatNet 4 frame of mocap data: the bones of every skeleton, and when they were seen.

Layout (little-endian): frame number; then sections of a count and, from 4.1 on, their size in bytes: marker sets, other
markers, rigid bodies, skeletons, from 4.1 on assets, labelled markers, force plates, devices, and what later versions
add; at the end time code, stamps, flags and four zero bytes.

Source: NatNet SDK 4.1 and 4.2, PacketClient sample and Python client (direct depacketization); the same layout read
independently by TimSchneider42/python-natnet-client (to 4.0) and in a C reader of 4.1 to 4.5 that hops over sections by
their sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap.live._wire import Cursor, DamagedPacketError, as_f64

BONE = np.dtype([("id", "<i4"), ("pos", "<f4", 3), ("quat_xyzw", "<f4", 4), ("error", "<f4"), ("flags", "<i2")])
"""A bone or rigid body; flag 1: tracked in this frame."""
ASSET_MARKER_BYTES = 4 + 12 + 4 + 2 + 4
LABELLED_MARKER_BYTES = 4 + 12 + 4 + 2 + 4
MODELS_CHANGED = 2
"""Flag of a frame: the list of tracked models is another one than in the frame before."""
STAMPS_BYTES, PRECISE_BYTES, END_BYTES = 8 + 8 + 3 * 8, 8, 2 + 4
"""Time code, software clock and three host stamps; a precise time that is there in most; flags and the zero bytes."""
SECTIONS_AFTER_ASSETS = 3
MOST_SECTIONS = 16
LONGEST_S = 4e9
"""No clock has run for longer."""


@dataclass(frozen=True)
class BodyBones:
    """Bones of one skeleton or asset in one frame.

    Attributes:
        id: the skeleton's, as in the definitions.
        bone_id: (N,) within the skeleton.
        pos_m: (N, 3) in the axes of the stream, metres.
        tracked: (N,).
    """

    id: int
    bone_id: I64
    pos_m: F64
    tracked: Bool


@dataclass(frozen=True)
class NatNetFrame:
    """One frame.

    Attributes:
        number: of the frame.
        skeletons: by skeleton id.
        assets: by asset id; empty before 4.1.
        time_s: the software's own clock.
        mid_exposure_ticks: ticks of the host's clock in the middle of the exposure; 0 where the frame is played back.
        transmit_ticks: ticks of the host's clock when it was sent.
        models_changed: the definitions are to be asked for again.
    """

    number: int
    skeletons: dict[int, BodyBones]
    assets: dict[int, BodyBones]
    time_s: float
    mid_exposure_ticks: int
    transmit_ticks: int
    models_changed: bool


def parse_frame(payload: bytes, minor: int) -> NatNetFrame:
    """The frame in the payload of a packet of version 4.`minor`.

    Raises:
        DamagedPacketError: says what does not fit, and where.
    """
    at = Cursor(payload, "<")
    number = at.integer("i", "frame number")
    sized = minor >= 1
    if sized:
        for section in ("marker sets", "other markers", "rigid bodies"):
            _hop(at, section)
    else:
        _walk_markers(at)
        at.array(BONE, at.count(BONE.itemsize, "rigid bodies"), "rigid bodies")
    skeletons = _bodies(at, "skeletons", sized=sized, with_markers=False)
    assets = _bodies(at, "assets", sized=True, with_markers=True) if sized else {}
    if sized:
        _hop_to_suffix(at)
    else:
        at.take(LABELLED_MARKER_BYTES * at.count(LABELLED_MARKER_BYTES, "labelled markers"), "labelled markers")
        _walk_channels(at, "force plates")
        _walk_channels(at, "devices")
    at.take(8, "time code")
    time_s = at.number("d", "time stamp")
    exposure, _, transmit = (at.integer("Q", "host stamps") for _ in range(3))
    if at.left < END_BYTES:
        raise DamagedPacketError(f"{at.left} bytes are left for flags and end, {END_BYTES} are needed")
    at.take(at.left - END_BYTES, "precise time")
    flags = at.integer("H", "flags")
    if not math.isfinite(time_s) or abs(time_s) > LONGEST_S:
        raise DamagedPacketError(f"the time stamp is {time_s:g} s")
    return NatNetFrame(number, skeletons, assets, time_s, exposure, transmit, bool(flags & MODELS_CHANGED))


def _hop(at: Cursor, section: str) -> None:
    at.integer("i", section)
    at.take(at.integer("i", f"size of {section}"), section)


def _hop_to_suffix(at: Cursor) -> None:
    """Over labelled markers, force plates, devices, and what versions after 4.4 put behind them."""
    for k in range(MOST_SECTIONS):
        if k >= SECTIONS_AFTER_ASSETS and at.left <= STAMPS_BYTES + PRECISE_BYTES + END_BYTES:
            return
        _hop(at, "a section behind the assets")
    raise DamagedPacketError(f"over {MOST_SECTIONS} sections behind the assets")


def _walk_markers(at: Cursor) -> None:
    """Over marker sets and other markers, which before 4.1 do not say their size."""
    for _ in range(at.count(5, "marker sets")):
        at.text("name of a marker set")
        at.take(12 * at.count(12, "markers of a set"), "markers of a set")
    at.take(12 * at.count(12, "other markers"), "other markers")


def _walk_channels(at: Cursor, section: str) -> None:
    for _ in range(at.count(8, section)):
        at.integer("i", section)
        for _ in range(at.count(4, f"channels of {section}")):
            at.take(4 * at.count(4, f"samples of {section}"), section)


def _bodies(at: Cursor, section: str, *, sized: bool, with_markers: bool) -> dict[int, BodyBones]:
    """Skeletons or assets, by their ids."""
    out: dict[int, BodyBones] = {}
    count = at.integer("i", section) if sized else at.count(8, section)
    own = Cursor(at.take(at.integer("i", f"size of {section}"), section), "<") if sized else at
    if not 0 <= count * 8 <= own.left:
        raise DamagedPacketError(f"{count} {section} do not fit into {own.left} bytes")
    for _ in range(count):
        body = own.integer("i", f"id of {section}")
        bones = own.array(BONE, own.count(BONE.itemsize, f"bones of {section}"), f"bones of {section}")
        if with_markers:
            own.take(ASSET_MARKER_BYTES * own.count(ASSET_MARKER_BYTES, "markers of an asset"), "markers of an asset")
        out[body] = BodyBones(
            id=body,
            bone_id=(bones["id"].astype(np.int64) & 0xFFFF),
            pos_m=as_f64(bones["pos"]),
            tracked=np.asarray((bones["flags"] & 1) != 0),
        )
    return out
