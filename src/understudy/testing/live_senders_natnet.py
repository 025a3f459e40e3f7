"""A NatNet 4 server that sends a motion as Motive does.

Source: NatNet SDK 3.0 header NatNetTypes, NatNet SDK 4.2 Python client and PacketClient sample. Written from the layout
alone, without the reader's code.
"""

from __future__ import annotations

import socket
import struct
import threading

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import HAND_JOINTS, INDEX, HumanMotion

_TICKS_PER_S = 10_000_000
_LATENCY_TICKS = 50_000
_FINGERS = (("Thumb", "thumb"), ("Index", "index"), ("Middle", "middle"), ("Ring", "ring"), ("Pinky", "little"))
_LIMBS = (
    ("Shoulder", "Chest", "collar"), ("UArm", "{s}Shoulder", "shoulder"), ("FArm", "{s}UArm", "elbow"),
    ("Hand", "{s}FArm", "wrist"), ("Thigh", "Hip", "hip"), ("Shin", "{s}Thigh", "knee"), ("Foot", "{s}Shin", "ankle"),
    ("Toe", "{s}Foot", "toe"),
)  # fmt: skip
_BODY = (
    ("Hip", "", "pelvis"), ("Ab", "Hip", "spine"), ("Chest", "Ab", "chest"), ("Neck", "Chest", "neck"), ("Head", "Neck", "head"),
    *((f"L{bone}", above.format(s="L"), f"left_{joint}") for bone, above, joint in _LIMBS),
    *((f"R{bone}", above.format(s="R"), f"right_{joint}") for bone, above, joint in _LIMBS),
)  # fmt: skip
"""Bone, its parent, and the joint at which it begins."""


class NatNetServer:
    """Answers NatNet clients and sends frames to them, or to a multicast group.

    Attributes:
        frames: how many there are.
        rate_hz: of the motion.
        address: host and port for commands.
        skeleton_id: of the person; a change sends new definitions only when asked.
        requests: message numbers that came.
    """

    def __init__(
        self,
        motion: HumanMotion,
        *,
        version: tuple[int, int] = (4, 1),
        port: int = 0,
        group: tuple[str, int] | None = None,
        name: str = "Anna",
        others: tuple[str, ...] = (),
        first_frame: int = 1000,
        up: str = "y",
        live: bool = True,
        local: bool = False,
        untracked: tuple[str, ...] = (),
        as_asset: bool = False,
    ) -> None:
        """A server that answers from now on.

        Args:
            motion: the person.
            version: NatNet version to speak.
            port: for commands; 0 for any.
            group: multicast group and port to send frames to; None sends them to each client.
            name: of the skeleton.
            others: names of further skeletons.
            first_frame: number of the first frame.
            up: axis of the stream that points up.
            live: whether frames have host stamps; played back ones have not.
            local: send bones relative to their parents, as Motive can.
            untracked: bones that are not tracked.
            as_asset: send the person among the assets (4.1 and later).
        """
        self.frames, self.rate_hz = len(motion), motion.rate_hz
        self._motion, self.version, self._group, self._name, self._others = motion, version, group, name, others
        self.first_frame, self._up, self._live, self._local = first_frame, up, live, local
        self._untracked, self._as_asset = untracked, as_asset
        self.skeleton_id, self.requests = 1, list[int]()
        self._clients: set[tuple[str, int]] = set()
        self._met = threading.Event()
        self._bones = _bones(motion)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.05)
        if group is not None:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="natnet server", daemon=True)
        self._thread.start()

    def wait_for_client(self, timeout_s: float = 10.0) -> bool:
        """Whether a client has the definitions."""
        return self._met.wait(timeout_s)

    def introduce(self) -> None:
        """Nothing: clients ask."""

    def send(self, index: int) -> None:
        """Send frame `index`."""
        self.send_bytes(_packet(7, self.frame(index)))

    def send_bytes(self, data: bytes) -> None:
        """Send anything to where frames go."""
        for to in (self._group,) if self._group is not None else tuple(self._clients):
            self._socket.sendto(data, to)

    def close(self) -> None:
        """Free the socket and the thread; safe to call twice."""
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def frame(self, index: int) -> bytes:
        """Payload of frame `index`, with something in every section that a reader has to pass over."""
        marker = struct.pack("<3f", 0.1, 0.2, 0.3)
        marker_set = b"all\0" + struct.pack("<i", 2) + 2 * marker
        labelled = struct.pack("<i3ffhf", 7, 0.1, 0.2, 0.3, 0.014, 2, 0.0004)
        channels = struct.pack("<ii", 1, 2) + 2 * struct.pack("<i3f", 3, 1.0, 2.0, 3.0)
        own = self._body(index)
        skeletons = [struct.pack("<i", 100 + k) + own for k in range(len(self._others))]
        if not self._as_asset:
            skeletons.insert(0, struct.pack("<i", self.skeleton_id) + own)
        assets = [
            struct.pack("<i", self.skeleton_id) + own + struct.pack("<i", 1) + struct.pack("<i3ffhf", 1, 0, 0, 0, 0.01, 0, 0)
        ]
        sections = [[marker_set], [marker], [_rigid_body(1, np.zeros(3), True)], skeletons]
        if self.version >= (4, 1):
            sections.append(assets if self._as_asset else [])
        sections += [[labelled], [channels], [channels, channels]]
        if self.version >= (4, 5):
            sections += [[b"\0" * 28], []]
        body = b"".join(self._section(section) for section in sections)
        return struct.pack("<i", self.first_frame + index) + body + self._suffix(index)

    def _section(self, things: list[bytes]) -> bytes:
        data = b"".join(things)
        size = struct.pack("<i", len(data)) if self.version >= (4, 1) else b""
        return struct.pack("<i", len(things)) + size + data

    def _suffix(self, index: int) -> bytes:
        t_ns = int(self._motion.t_ns[index])
        ticks = 5 * _TICKS_PER_S + t_ns // 100 if self._live else 0
        stamps = struct.pack("<IId3Q", 0, 0, t_ns * 1e-9, ticks, ticks + _LATENCY_TICKS // 2, ticks + _LATENCY_TICKS)
        return stamps + (struct.pack("<II", 0, 0) if self.version >= (4, 1) else b"") + struct.pack("<HI", 0, 0)

    def _places(self, index: int) -> F64:
        """(N, 3) bones in the axes of the stream."""
        pos = self._motion.joint_pos_world_m[index]
        hands = self._motion.hand_pos_world_m
        places = [pos[at] if hand < 0 or hands is None else hands[index, hand, at] for _, _, hand, at in self._bones]
        x, y, z = np.array(places).T
        return np.stack([x, z, -y] if self._up == "y" else [x, y, z], axis=1)

    def _offsets(self, index: int) -> F64:
        places = self._places(index)
        names = [name for name, *_ in self._bones]
        return np.array(
            [p - (places[names.index(up)] if up else 0.0) for p, (_, up, *_) in zip(places, self._bones, strict=True)]
        )

    def _body(self, index: int) -> bytes:
        places = self._offsets(0) if self._local else self._places(index)
        bones = [
            _rigid_body((self.skeleton_id << 16) | (k + 1), place, name not in self._untracked)
            for k, (place, (name, *_)) in enumerate(zip(places, self._bones, strict=True))
        ]
        return struct.pack("<i", len(bones)) + b"".join(bones)

    def definitions(self) -> bytes:
        """Payload of the definitions: one of every kind, the skeletons among them."""
        names = [name for name, *_ in self._bones]
        bones = b""
        for k, ((name, up, *_), offset) in enumerate(zip(self._bones, self._offsets(0), strict=True)):
            bones += self._bone(name, k + 1, names.index(up) + 1 if up else 0, offset)
        count = struct.pack("<i", len(names))
        person = _text(self._name) + struct.pack("<i", self.skeleton_id) + count + bones
        others = [_text(name) + struct.pack("<i", 100 + k) + count + bones for k, name in enumerate(self._others)]
        plate = struct.pack("<i", 1) + _text("FP1") + b"\0" * (8 + 12 + 576 + 48 + 8) + struct.pack("<i", 1) + _text("Fx")
        device = struct.pack("<i", 2) + _text("DAQ") + _text("123") + b"\0" * 8 + struct.pack("<i", 1) + _text("ai0")
        asset_head = _text(self._name) + struct.pack("<ii", 1, self.skeleton_id)
        asset = asset_head + count + bones + struct.pack("<i", 1) + _text("m1") + b"\0" * 22
        sets: list[tuple[int, bytes]] = [
            (0, _text("all") + struct.pack("<i", 2) + _text("a") + _text("b")),
            (1, self._bone("Wand", 1, -1, np.zeros(3))),
            *([] if self._as_asset else [(2, person)]),
            *((2, other) for other in others),
            (3, plate),
            (4, device),
            (5, _text("Camera 1") + b"\0" * 28),
        ]
        if self.version >= (4, 1):
            sets += [(6, asset)] if self._as_asset else []
            return struct.pack("<i", len(sets)) + b"".join(struct.pack("<ii", kind, len(data)) + data for kind, data in sets)
        return struct.pack("<i", len(sets)) + b"".join(struct.pack("<i", kind) + data for kind, data in sets)

    def _bone(self, name: str, number: int, parent: int, offset: F64) -> bytes:
        turn = struct.pack("<4f", 0.0, 0.0, 0.0, 1.0) if self.version >= (4, 2) else b""
        markers = struct.pack("<i3fi", 1, 0.0, 0.01, 0.0, 0) + _text("marker")
        return _text(name) + struct.pack("<ii3f", number, parent, *offset) + turn + markers

    def server_info(self) -> bytes:
        """Payload of the answer to a client's first packet."""
        group, port = self._group or ("0.0.0.0", 1511)
        head = struct.pack("<256s4B4B", b"Understudy sender", 3, 1, 0, 0, *self.version, 0, 0)
        return head + struct.pack("<QHB4s", _TICKS_PER_S, port, self._group is not None, socket.inet_aton(group))

    def _answer(self) -> None:
        while not self._closed.is_set():
            try:
                data, client = self._socket.recvfrom(65535)
            except OSError:
                continue
            if len(data) < 4:
                continue
            message = struct.unpack_from("<H", data)[0]
            self.requests.append(message)
            if message == 0:
                self._clients.add(client)
                self._socket.sendto(_packet(1, self.server_info()), client)
            elif message == 4:
                self._socket.sendto(_packet(5, self.definitions()), client)
                self._met.set()
            elif message == 2:
                self._socket.sendto(_packet(3, struct.pack("<f", self.rate_hz)), client)


def _bones(motion: HumanMotion) -> list[tuple[str, str, int, int]]:
    """Name, parent, and hand (-1 for none) and joint at which a bone begins."""
    out = [(bone, above, -1, INDEX[joint]) for bone, above, joint in _BODY]
    if motion.hand_pos_world_m is not None:
        for hand, s in enumerate("LR"):
            for bone, finger in _FINGERS:
                above = [f"{s}Hand", f"{s}{bone}1", f"{s}{bone}2"]
                out += [(f"{s}{bone}{k}", above[k - 1], hand, HAND_JOINTS.index(f"{finger}_{k}")) for k in (1, 2, 3)]
    return out


def _rigid_body(number: int, place: F64, tracked: bool) -> bytes:
    return struct.pack("<i3f4ffh", number, *place, 0.0, 0.0, 0.0, 1.0, 0.0002, int(tracked))


def _packet(message: int, payload: bytes) -> bytes:
    return struct.pack("<HH", message, len(payload)) + payload


def _text(name: str) -> bytes:
    return name.encode() + b"\0"
