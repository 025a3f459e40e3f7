"""A sender of the Xsens MVN network stream.

Source: Xsens, "MVN real-time network streaming protocol specification", revision N (2018). Written from the specification
alone, without the reader's code.
"""

from __future__ import annotations

import socket
import struct

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import HAND_JOINTS, INDEX, HumanMotion

_ARM, _LEG = ("collar", "shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "toe")
_NAMES = (
    "Pelvis", "L5", "L3", "T12", "T8", "Neck", "Head",
    "RightShoulder", "RightUpperArm", "RightForeArm", "RightHand", "LeftShoulder", "LeftUpperArm", "LeftForeArm", "LeftHand",
    "RightUpperLeg", "RightLowerLeg", "RightFoot", "RightToe", "LeftUpperLeg", "LeftLowerLeg", "LeftFoot", "LeftToe",
)  # fmt: skip
_RIGHT_HAND, _LEFT_HAND = 11, 15
_FINGER_ORDER = (
    "wrist", "thumb_1", "thumb_2", "thumb_3",
    *(f"{finger}_{k}" for finger in ("index", "middle", "ring", "little") for k in (0, 1, 2, 3)),
)  # fmt: skip
"""Hand joint at which each finger segment begins; `_0` stands for a metacarpal, which begins at the wrist here."""


class MxtpSender:
    """Sends a motion as MVN Analyze does.

    Attributes:
        frames: how many there are.
        rate_hz: of the motion.
        to: host and port.
        first_sample: sample number of the first frame.
    """

    def __init__(
        self,
        motion: HumanMotion,
        to: tuple[str, int],
        *,
        kind: int = 2,
        character: int = 0,
        name: str = "Anna",
        unit_m: float = 1.0,
        up: str = "z",
        per_datagram: int = 255,
        props: int = 0,
        first_sample: int = 0,
    ) -> None:
        """A sender that has sent nothing yet.

        Args:
            motion: the person.
            to: host and port.
            kind: 1 for Euler poses (y up), 2 for quaternion poses.
            character: number of the person.
            name: of the person.
            unit_m: metres per unit of the stream.
            up: axis of type 02 that points up, `z` or `y`.
            per_datagram: most segments in one datagram.
            props: how many props are tracked.
            first_sample: sample number of the first frame.
        """
        self.frames, self.rate_hz = len(motion), motion.rate_hz
        self._motion, self.to, self._kind, self._character, self._name = motion, to, kind, character, name
        self._unit_m, self._up, self._per_datagram, self._props = unit_m, "y" if kind == 1 else up, per_datagram, props
        self.first_sample = first_sample
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._hands = motion.hand_pos_world_m

    def introduce(self) -> None:
        """Send who and how large the person is, as MVN does now and then."""
        self.send_character()
        self.send_scale()

    def send(self, index: int) -> None:
        """Send frame `index`."""
        for data in self.datagrams(index):
            self.send_bytes(data)

    def send_bytes(self, data: bytes) -> None:
        """Send anything."""
        self._socket.sendto(data, self.to)

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()

    def datagrams(self, index: int) -> list[bytes]:
        """The datagrams of frame `index`."""
        rows = self._rows(index)
        parts = [rows[k : k + self._per_datagram] for k in range(0, len(rows), self._per_datagram)]
        out = []
        for k, part in enumerate(parts):
            counter = k | (0x80 if k == len(parts) - 1 else 0)
            out.append(self._header(self._kind, index, counter, len(part), b"".join(part)))
        return out

    def send_character(self) -> None:
        """Send the name."""
        text = f"name:{self._name}\nxmid:00000000\ncolor:ff8800\n".encode()
        self.send_bytes(self._header(12, 0, 0x80, 1, text))

    def send_scale(self) -> None:
        """Send the segments in a T (here: of the first frame), then the tips of the hands, in two datagrams."""
        named = zip(_NAMES, self._segments(0), strict=True)
        segments = b"".join(_text(name) + struct.pack(">3f", *(place / self._unit_m)) for name, place in named)
        self.send_bytes(self._header(13, 0, 0, 1, struct.pack(">I", len(_NAMES)) + segments + struct.pack(">I", 0)))
        points = b""
        for number, side in ((_RIGHT_HAND, "Right"), (_LEFT_HAND, "Left")):
            place = self._tip_offset(side.lower()) / self._unit_m
            points += struct.pack(">HH", number, 2) + _text(f"p{side}TopOfHand") + struct.pack(">I3f", 0, *place)
        self.send_bytes(self._header(13, 0, 0x81, 1, struct.pack(">II", 0, 2) + points))

    def _header(self, kind: int, index: int, counter: int, items: int, payload: bytes) -> bytes:
        sample = (self.first_sample + index) % 2**32
        time_ms = round(int(self._motion.t_ns[index]) * 1e-6)
        fingers = 0 if self._hands is None else 40
        head = b"MXTP" + b"%02d" % kind + struct.pack(">IBBI", sample, counter, items, time_ms)
        return head + struct.pack(">BBBBHH", self._character, 23, self._props, fingers, 0, len(payload)) + payload

    def _rows(self, index: int) -> list[bytes]:
        pos = list(self._segments(index))
        quats = [(1.0, 0.0, 0.0, 0.0)] * len(pos)
        for number, side in ((_RIGHT_HAND, "right"), (_LEFT_HAND, "left")):
            quats[number - 1] = self._hand_quat(index, side)
        extra = [np.array([0.0, 0.0, 9.0])] * self._props
        if self._hands is not None:
            extra += [place for hand in self._hands[index] for place in _finger_places(hand)]
        pos += extra
        quats += [(1.0, 0.0, 0.0, 0.0)] * len(extra)
        out = []
        for k, (place, quat) in enumerate(zip(pos, quats, strict=True)):
            turn = (0.0, 0.0, 0.0) if self._kind == 1 else quat
            out.append(struct.pack(">I", k + 1) + struct.pack(f">{3 + len(turn)}f", *self._in_stream(place), *turn))
        return out

    def _in_stream(self, place: F64) -> tuple[float, ...]:
        x, y, z = (float(value) / self._unit_m for value in place)
        return (x, z, -y) if self._up == "y" else (x, y, z)

    def _segments(self, index: int) -> F64:
        """(23, 3) origins of the segments in `world`."""
        pos = self._motion.joint_pos_world_m[index]

        def at(name: str) -> F64:
            return np.asarray(pos[INDEX[name]])

        trunk = [
            at("pelvis"), 0.7 * at("pelvis") + 0.3 * at("spine"), at("spine"), 0.5 * (at("spine") + at("chest")), at("chest"),
            at("neck"), at("head"),
        ]  # fmt: skip
        limbs = [at(f"{side}_{part}") for chain in (_ARM, _LEG) for side in ("right", "left") for part in chain]
        return np.array([*trunk, *limbs])

    def _tip_offset(self, side: str) -> F64:
        """Tip of the hand from the wrist, along the arm of a T: twice as far as the knuckles."""
        sign = 1.0 if side == "left" else -1.0
        return np.array([0.0, sign * 2.0 * float(np.linalg.norm(self._hand(0, side))), 0.0])

    def _hand(self, index: int, side: str) -> F64:
        pos = self._motion.joint_pos_world_m[index]
        return np.asarray(pos[INDEX[f"{side}_hand"]] - pos[INDEX[f"{side}_wrist"]])

    def _hand_quat(self, index: int, side: str) -> tuple[float, float, float, float]:
        """The shortest turn from the arm of a T to where the hand points, w first."""
        begin = np.array([0.0, 1.0 if side == "left" else -1.0, 0.0])
        end = self._hand(index, side) / np.linalg.norm(self._hand(index, side))
        w = 1.0 + float(begin @ end)
        axis = np.cross(begin, end) if w > 1e-9 else np.array([0.0, 0.0, 1.0])
        size = float(np.sqrt(w * w + axis @ axis))
        return (w / size, float(axis[0]) / size, float(axis[1]) / size, float(axis[2]) / size)


def _finger_places(hand: F64) -> list[F64]:
    """20 segment origins of a hand from its 21 joints."""
    return [hand[0] if name.endswith("_0") else hand[HAND_JOINTS.index(name)] for name in _FINGER_ORDER]


def _text(name: str) -> bytes:
    return struct.pack(">i", len(name.encode())) + name.encode()
