"""A person's motion as it happens: one frame at a time, from a source that may lose, repeat, delay or stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, frozen_f64
from understudy.spec.skeleton import JOINTS


@dataclass(frozen=True)
class LiveFrame:
    """One frame of one person.

    Attributes:
        sequence: the source's own frame number, or a count of what came where it has none; larger than that of the frame
            handed out before, unless the source began anew.
        t_ns: sample time on the source's clock, nanoseconds; arrival time where the source sends none.
        t_arrival_ns: host's monotonic clock when the frame was whole.
        joint_pos_world_m: (23, 3) joint centres in `world` (z up), metres, order `spec.skeleton.JOINTS`; a joint that is not
            seen in this frame is NaN.
        hand_pos_world_m: (2, 21, 3) left and right hand joints, NaN where not seen; None where the source has no fingers.
    """

    sequence: int
    t_ns: int
    t_arrival_ns: int
    joint_pos_world_m: F64
    hand_pos_world_m: F64 | None = None

    def __post_init__(self) -> None:
        pos = frozen_f64(self.joint_pos_world_m)
        if pos.shape != (len(JOINTS), 3):
            raise ShapeError(f"live frame {self.sequence}: joint positions {pos.shape}, expected ({len(JOINTS)}, 3)")
        object.__setattr__(self, "joint_pos_world_m", pos)
        if self.hand_pos_world_m is not None:
            hands = frozen_f64(self.hand_pos_world_m)
            if hands.shape != (2, 21, 3):
                raise ShapeError(f"live frame {self.sequence}: hand positions {hands.shape}, expected (2, 21, 3)")
            object.__setattr__(self, "hand_pos_world_m", hands)

    @property
    def whole(self) -> bool:
        """Whether every joint was seen."""
        return bool(np.isfinite(self.joint_pos_world_m).all())


@dataclass
class LiveCounters:
    """What came and what did not, since the stream was opened.

    Attributes:
        frames: frames handed out.
        lost: frame numbers that never came, or came too late.
        late: frames that came after a newer one and were left out.
        duplicates: frames that came again and were left out.
        damaged: packets that could not be understood; `last_damage` says why the newest could not.
        restarts: times the source began anew (its frame numbers or its clock went back).
    """

    frames: int = 0
    lost: int = 0
    late: int = 0
    duplicates: int = 0
    damaged: int = 0
    restarts: int = 0
    last_damage: str = ""


class LiveStream(Protocol):
    """An open live source. One thread reads it; `close` may be called from another."""

    name: str
    rate_hz: float | None
    counters: LiveCounters

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The next frame in order, or None when none came within `timeout_s`.

        Raises:
            MocapError: the source can never deliver (wrong protocol version, no person in it, address in use), with what
                to do. A source that is silent is no error.
        """
        ...

    def close(self) -> None:
        """Free sockets and threads; safe to call twice."""
        ...


class LiveSource(Protocol):
    """Opens one live protocol. Group `live`, folder `mocap/live/`. `schemes` are the URL schemes it answers to."""

    schemes: tuple[str, ...]
    title: str

    def open(self, url: str) -> LiveStream:
        """The stream at `url`; raises MocapError where the URL is wrong or the address cannot be had."""
        ...
