"""Virtual Motion Capture protocol: a humanoid avatar's bones over OSC and UDP.

Sent by Virtual Motion Capture, VSeeFace, Warudo, mocopi and Rokoko bridges, SlimeVR and others. `vmc://` listens on
127.0.0.1:39539, `vmc://0.0.0.0:39539` on every interface.

Source: https://protocol.vmc.info, "Marionette" specification: `/VMC/Ext/Root/Pos` and `/VMC/Ext/Bone/Pos` (name, position,
quaternion x y z w; local to the parent), `/VMC/Ext/OK`, `/VMC/Ext/T` (the sender's time in seconds).
"""

from __future__ import annotations

import hashlib
import time
from collections import deque

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_normalize, xyzw_to_wxyz
from understudy.mocap.live._named_body import NamedBody
from understudy.mocap.live._order import FrameOrder
from understudy.mocap.live._osc import parse_osc
from understudy.mocap.live._udp import UdpReceiver
from understudy.mocap.live._unity import PARENTS, ROOT, UNITY_TO_WORLD, bone_parents, bone_poses, hand_joints
from understudy.mocap.live._url import ipv4, parse_url
from understudy.mocap.live._vmc_frames import Pose, VmcFrame, VmcFrames
from understudy.spec.live import LiveCounters, LiveFrame, LiveSource, LiveStream

PORT = 39539
_OPTIONS = {"from": "IPv4 number of the sender; others are not listened to"}
REMEMBERED = 32
"""Datagrams by which one that comes twice is known."""
NTP_SECOND = 1 << 32


class VmcStream:
    """An open VMC port.

    Attributes:
        address: interface and port.
    """

    def __init__(self, url: str) -> None:
        """Bind the port that `url` names; raises MocapError where it cannot be had."""
        parts = parse_url(url, schemes=("vmc",), port=PORT, options=_OPTIONS, form=f"vmc://127.0.0.1:{PORT}")
        only = parts.options.get("from")
        self._receiver = UdpReceiver(
            url, parts.port, interface=ipv4(parts.host, url), only_from=ipv4(only, url) if only is not None else None
        )
        self.address = self._receiver.address
        self.name = f"VMC on {self.address[0]}:{self.address[1]}"
        self.rate_hz: float | None = None
        self.counters = LiveCounters()
        self._ordered = LiveCounters()
        self._order = FrameOrder(self._ordered)
        self._frames = VmcFrames()
        self._late = self._duplicates = 0
        self._clock_ns: tuple[int, int] | None = None
        """The sender's newest time and its arrival."""
        self._avatar: Avatar | None = None
        self._newest_time = 0
        self._seen: deque[bytes] = deque(maxlen=REMEMBERED)
        self._ready: deque[LiveFrame] = deque()

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The next frame, or None when none was whole within `timeout_s`.

        Raises:
            MocapError: the sender lacks bones that a body needs, or its avatar has no person's size.
        """
        until = time.monotonic() + timeout_s
        while not self._ready:
            datagram = self._receiver.get(max(until - time.monotonic(), 0.0))
            if datagram is None:
                return None
            self.feed(datagram.data, datagram.t_arrival_ns)
        return self._ready.popleft()

    def close(self) -> None:
        """Free the port; safe to call twice."""
        self._receiver.close()

    def feed(self, data: bytes, t_arrival_ns: int) -> None:
        """Take a datagram that came at `t_arrival_ns` of the host's monotonic clock, as `read` does with those of the port.

        Raises:
            MocapError: as `read`.
        """
        try:
            packet = parse_osc(data)
            frames = [] if self._left_out(data, packet.time) else self._frames.take(packet.messages)
        except MocapError as error:
            self.counters.damaged += 1
            self.counters.last_damage = f"{self.name}: {error}"
            return
        for frame in frames:
            self._hand_out(frame, t_arrival_ns)
        self._count()
        if not self._frames.available:
            self.counters.last_damage = f"{self.name}: the sender says that it has no avatar, or no tracking (/VMC/Ext/OK)"
        if self._frames.unusable:
            raise MocapError(f"{self.name}: {self._frames.unusable}")

    def _count(self) -> None:
        counters, ordered, frames = self.counters, self._ordered, self._frames
        counters.frames, counters.restarts = ordered.frames, ordered.restarts
        counters.lost = frames.lost
        counters.late = ordered.late + frames.late + self._late
        counters.duplicates = ordered.duplicates + frames.duplicates + self._duplicates

    def _left_out(self, data: bytes, ntp_time: int | None) -> bool:
        """Whether a stamped bundle came before, or is older than the newest; bundles without a time are taken as they come."""
        if ntp_time is None:
            return False
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if digest in self._seen:
            self._duplicates += 1
            return True
        if self._newest_time - NTP_SECOND < ntp_time < self._newest_time:
            self._late += 1
            return True
        self._seen.append(digest)
        self._newest_time = ntp_time
        return False

    def _hand_out(self, frame: VmcFrame, t_arrival_ns: int) -> None:
        t_ns = self._stamp_ns(frame, t_arrival_ns)
        sequence = self._order.take(None, t_ns, t_arrival_ns)
        if sequence is None:
            return
        self.rate_hz = self._order.rate_hz
        if self._avatar is None or self._avatar.bones != tuple(bone for bone in _ORDER if bone in frame.poses):
            self._avatar = Avatar(frame.poses, self.name)
        joints, hands = self._avatar.joints(frame.poses)
        self._ready.append(LiveFrame(sequence, t_arrival_ns if t_ns is None else t_ns, t_arrival_ns, joints, hands))

    def _stamp_ns(self, frame: VmcFrame, t_arrival_ns: int) -> int | None:
        """The sender's time; where a frame came without a new one, the newest and what has passed since it came."""
        if frame.t_s is None:
            return None
        if frame.fresh or self._clock_ns is None:
            self._clock_ns = round(frame.t_s * 1e9), t_arrival_ns
        sent_ns, arrived_ns = self._clock_ns
        return sent_ns + t_arrival_ns - arrived_ns


_ORDER = (ROOT, *PARENTS)


class Avatar:
    """The bones that one sender sends, laid onto the canonical joints.

    Attributes:
        bones: N names, parents first; `root` among them where it is sent.
    """

    def __init__(self, poses: dict[str, Pose], where: str) -> None:
        """Take the bones that are in `poses`."""
        self.bones = tuple(bone for bone in _ORDER if bone in poses)
        self._parents = bone_parents(self.bones)
        self._own = slice(1 if self.bones[0] == ROOT else 0, None)
        """All but the root, which is no part of the body."""
        above = np.maximum(self._parents[self._own] - (self._own.start or 0), -1)
        self._body = NamedBody(self.bones[self._own], where, parents=above, unit="m", up="z")
        self._place = {bone: k for k, bone in enumerate(self.bones)}

    def joints(self, poses: dict[str, Pose]) -> tuple[F64, F64 | None]:
        """(23, 3) joints and, where the avatar has fingers, (2, 21, 3) hand joints in `world`, metres.

        Raises:
            MocapError: the avatar has no person's proportions.
        """
        local = np.array([poses[bone] for bone in self.bones])
        pos, rot = bone_poses(local[:, :3], quat_normalize(xyzw_to_wxyz(local[:, 3:])), self._parents)
        body = self._body.joints(pos[self._own] @ UNITY_TO_WORLD.T)
        if body is None:
            raise MocapError("VMC: a bone has no finite position")
        joints, _ = body
        hands = hand_joints(self._place, pos, rot, local[:, :3])
        return joints, None if hands is None else hands @ UNITY_TO_WORLD.T


class Vmc:
    """Senders of the Virtual Motion Capture protocol."""

    schemes: tuple[str, ...] = ("vmc",)
    title: str = "Virtual Motion Capture protocol (VMC, OSC)"

    def open(self, url: str) -> LiveStream:
        """Listen at `url`; raises MocapError where the address is wrong or cannot be had."""
        return VmcStream(url)


PLUGIN: LiveSource = Vmc()
