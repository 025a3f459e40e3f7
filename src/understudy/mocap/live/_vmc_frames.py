"""Which VMC messages make one frame. The protocol has no frame numbers, and a frame may come in many datagrams.

Every sender repeats its bones in every frame, so a frame is whole as soon as every bone that this sender is known to send has
come. What it sends is learnt from periods: a period ends where `/VMC/Ext/T` changes, or where a bone comes again that the
period has. A frame that its period leaves unfinished is lost; the first one only teaches. A datagram that holds bones and a
time older than the newest is late as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from understudy.errors import MocapError
from understudy.mocap.live._osc import Argument, OscMessage
from understudy.mocap.live._unity import PARENTS, REQUIRED, ROOT

Pose = tuple[float, float, float, float, float, float, float]
"""Position x, y, z in metres and quaternion x, y, z, w, both local and in Unity's axes."""
EQUAL_PERIODS = 3
"""So many periods in a row with the same bones, and these are the bones that the sender sends."""
LATE_S = 1.0
"""A time that lies further back is no late one: the sender began anew."""


@dataclass(frozen=True)
class VmcFrame:
    """The bones of one frame.

    Attributes:
        poses: bone, or `root`, to its local pose.
        t_s: newest time on the sender's clock; None where it sends none.
        fresh: whether no frame before had this time. Senders may send the time less often than the bones.
    """

    poses: dict[str, Pose]
    t_s: float | None
    fresh: bool


class VmcFrames:
    """Puts frames together from messages.

    Attributes:
        lost: frames of which a part never came.
        late: datagrams, or times alone, that came after a newer time.
        duplicates: frames that came again without a new time.
        available: false while the sender says that it has no avatar or no tracking.
        unusable: why no frame can ever be whole; empty as long as one may.
    """

    def __init__(self) -> None:
        """Nothing is known of the sender yet."""
        self.lost = self.late = self.duplicates = 0
        self.available = True
        self.unusable = ""
        self._t_s: float | None = None
        self._fresh = False
        self._closed: dict[str, Pose] = {}
        self._bones: dict[str, Pose] = {}
        self._period: set[str] = set()
        self._sent: frozenset[str] = frozenset()
        self._newest_period: frozenset[str] = frozenset()
        self._equal = 0

    def take(self, messages: tuple[OscMessage, ...]) -> list[VmcFrame]:
        """Frames that these messages of one datagram made whole.

        Raises:
            MocapError: a message has not the arguments of the protocol.
        """
        if self._is_late(messages):
            self.late += 1
            return []
        whole: list[VmcFrame | None] = []
        for message in messages:
            if message.address == "/VMC/Ext/T":
                whole.append(self._take_time(_floats(message, 0, 1)[0]))
            elif message.address in ("/VMC/Ext/Bone/Pos", "/VMC/Ext/Root/Pos"):
                whole.append(self._take_pose(message))
            elif message.address == "/VMC/Ext/OK":
                self.available = _available(message)
        if self._sent and self._sent <= self._bones.keys():
            whole.append(self._close())
        return [frame for frame in whole if frame is not None and self.available]

    def _is_late(self, messages: tuple[OscMessage, ...]) -> bool:
        times = [_floats(message, 0, 1)[0] for message in messages if message.address == "/VMC/Ext/T"]
        return any(self._t_s is not None and self._t_s - LATE_S <= t_s < self._t_s for t_s in times)

    def _take_time(self, t_s: float) -> VmcFrame | None:
        if t_s == self._t_s:
            return None
        self._t_s, self._fresh = t_s, True
        return self._end_period()

    def _take_pose(self, message: OscMessage) -> VmcFrame | None:
        name = ROOT if message.address.endswith("Root/Pos") else _text(message)
        if name != ROOT and name not in PARENTS:
            return None  # eyes, jaw and what an avatar has beyond a person
        x, y, z, qx, qy, qz, qw = _floats(message, 1, 7)
        if not 0.5 < qx * qx + qy * qy + qz * qz + qw * qw < 2.0:
            raise MocapError(f"VMC: the quaternion of {name} is {qx:g} {qy:g} {qz:g} {qw:g}; one of unit length is due")
        ended = self._end_period() if name in self._period else None
        self._bones[name] = (x, y, z, qx, qy, qz, qw)
        self._period.add(name)
        return ended

    def _end_period(self) -> VmcFrame | None:
        period, self._period = frozenset(self._period), set()
        taught = bool(self._sent)
        if period:
            self._learn(period)
        if taught and self._sent <= self._bones.keys():
            return self._close()
        self.lost += bool(taught and self._bones)
        self._bones = {}
        return None

    def _learn(self, period: frozenset[str]) -> None:
        self._equal = self._equal + 1 if period == self._newest_period else 1
        self._newest_period = period
        missing = [bone for bone in REQUIRED if bone not in period]
        if missing and self._equal > 10 * EQUAL_PERIODS and not self._sent:
            self.unusable = (
                f"the sender never sends {', '.join(missing)}; VMC sends all bones of a humanoid avatar, each once per frame: "
                "switch on the sending of bones, or load an avatar with a whole body"
            )
        if not missing and (period > self._sent or self._equal >= EQUAL_PERIODS):
            self._sent = period

    def _close(self) -> VmcFrame | None:
        poses, self._bones = self._bones, {}
        again, fresh = poses == self._closed and self._t_s is not None, self._fresh
        self._closed, self._fresh = poses, False
        if again and not fresh:
            self.duplicates += 1
            return None
        return VmcFrame(poses, self._t_s, fresh)


def _floats(message: OscMessage, first: int, count: int) -> tuple[float, ...]:
    values = message.arguments[first : first + count]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < count or not all(abs(number) < 1e6 for number in numbers):
        raise MocapError(f"VMC: {message.address} has {_shown(values)} from argument {first + 1} on; {count} numbers are due")
    return tuple(numbers)


def _text(message: OscMessage) -> str:
    name = message.arguments[0] if message.arguments else None
    if not isinstance(name, str):
        raise MocapError(f"VMC: {message.address} names {str(name)[:40]!r}; the name of a bone is due")
    return name


def _available(message: OscMessage) -> bool:
    """Whether an avatar is loaded and, where the sender says so (version 2.7), tracked."""
    _floats(message, 0, 1)
    return all(message.arguments[k] != 0 for k in (0, 3) if len(message.arguments) > k)


def _shown(values: tuple[Argument, ...]) -> str:
    return ", ".join(str(value)[:20] for value in values) or "nothing"
