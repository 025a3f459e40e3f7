"""A sender of the VMC protocol that replays a motion: an avatar of the person's proportions, in any of the ways senders pack.

Written from the descriptions of the protocol (https://protocol.vmc.info, Marionette) and of Open Sound Control 1.0.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import HAND_JOINTS, HumanMotion

PACKINGS = ("one bundle", "time first", "bundles of 12", "single messages")
"""Everything in a bundle with the time at its end or start, as VSeeFace does; the bones in bundles of 12, as Virtual Motion
Capture does, or every message by itself, both with root first and time last."""
NTP_1970 = 2_208_988_800

_BODY: dict[str, tuple[str, str]] = {
    "Hips": ("root", "pelvis"), "Spine": ("Hips", "spine"), "Chest": ("Spine", "chest"), "Neck": ("Chest", "neck"),
    "Head": ("Neck", "head"),
    **{
        side + bone: (above if above in ("Hips", "Chest") else side + above, f"{side.lower()}_{joint}")
        for side in ("Left", "Right")
        for bone, above, joint in (
            ("UpperLeg", "Hips", "hip"), ("LowerLeg", "UpperLeg", "knee"), ("Foot", "LowerLeg", "ankle"), ("Toes", "Foot", "toe"),
            ("Shoulder", "Chest", "collar"), ("UpperArm", "Shoulder", "shoulder"), ("LowerArm", "UpperArm", "elbow"),
            ("Hand", "LowerArm", "wrist"),
        )
    },
}  # fmt: skip
"""Bone to the bone above it and the joint it turns about."""
_PHALANGES = (("Proximal", "1"), ("Intermediate", "2"), ("Distal", "3"))


def osc_string(text: str) -> bytes:
    """A text with one to four zero bytes behind it, to a multiple of four."""
    raw = text.encode()
    return raw + b"\0" * (4 - len(raw) % 4)


def osc_message(address: str, *arguments: str | float | int) -> bytes:
    """An OSC message of texts, int32 and float32."""
    tags, data = ",", b""
    for value in arguments:
        if isinstance(value, str):
            tags, data = tags + "s", data + osc_string(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        else:
            tags, data = tags + "f", data + struct.pack(">f", value)
    return osc_string(address) + osc_string(tags) + data


def osc_bundle(elements: Iterable[bytes], unix_s: float | None = None) -> bytes:
    """A bundle; its time is "immediately" where none is given."""
    ntp = 1 if unix_s is None else int((unix_s + NTP_1970) * 2**32)
    return b"#bundle\0" + struct.pack(">Q", ntp) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


class VmcSender:
    """Packs the frames of a motion."""

    def __init__(self, motion: HumanMotion, *, packing: str = "one bundle", fingers: bool = True, stamped: bool = True) -> None:
        """Args:
        motion: what is replayed.
        packing: one of `PACKINGS`.
        fingers: send finger bones: the motion's, or the middle knuckles alone.
        stamped: bundles have a time.
        """
        self.motion, self.packing, self.stamped = motion, packing, stamped
        self._tree: dict[str, str] = {bone: above for bone, (above, _) in _BODY.items()}
        self._world = {bone: motion.joint(joint) for bone, (_, joint) in _BODY.items()}
        if fingers:
            self._add_fingers()
        self._rest = {bone: self._unity(pos[0]) for bone, pos in self._world.items()}

    def frame(self, k: int, t_s: float) -> list[bytes]:
        """The datagrams of frame `k`, sent at `t_s` on the sender's clock."""
        root = osc_message("/VMC/Ext/Root/Pos", "root", *([0.0] * 6), 1.0)
        bones = [osc_message("/VMC/Ext/Bone/Pos", bone, *pose) for bone, pose in self._local_poses(k).items()]
        ok, stamp = osc_message("/VMC/Ext/OK", 1, 3, 0), osc_message("/VMC/Ext/T", float(t_s))
        unix_s = 1.7e9 + t_s if self.stamped else None
        if self.packing == "one bundle":
            return [osc_bundle([root, *bones, ok, stamp], unix_s)]
        if self.packing == "time first":
            return [osc_bundle([ok, stamp, root, *bones], unix_s)]
        if self.packing == "bundles of 12":
            parts = [osc_bundle(bones[i : i + 12], unix_s + 1e-5 * i if unix_s else None) for i in range(0, len(bones), 12)]
            return [root, *parts, ok, stamp]
        return [root, *bones, ok, stamp]

    def _add_fingers(self) -> None:
        hands = self.motion.hand_pos_world_m
        for h, side in enumerate(("Left", "Right")):
            if hands is None:
                self._tree[f"{side}MiddleProximal"] = f"{side}Hand"
                self._world[f"{side}MiddleProximal"] = self.motion.joint(f"{side.lower()}_hand")
                continue
            for finger in ("Thumb", "Index", "Middle", "Ring", "Little"):
                above = f"{side}Hand"
                for phalanx, number in _PHALANGES:
                    bone = side + finger + phalanx
                    self._tree[bone] = above
                    self._world[bone] = hands[:, h, HAND_JOINTS.index(f"{finger.lower()}_{number}")]
                    above = bone

    @staticmethod
    def _unity(pos_world_m: F64) -> F64:
        """Left of a person who looks along x is y here and -x in Unity, where the person looks along z and up is y."""
        x, y, z = np.moveaxis(pos_world_m, -1, 0)
        return np.stack([-y, z, x], axis=-1)

    def _local_poses(self, k: int) -> dict[str, tuple[float, ...]]:
        at = {bone: self._unity(pos[k]) for bone, pos in self._world.items()}
        turn: dict[str, F64] = {"root": np.eye(3)}
        poses = {}
        for bone, above in self._tree.items():
            below = next((child for child, parent in self._tree.items() if parent == bone), None)
            turn[bone] = turn[above] if below is None else _turn(self._rest[below] - self._rest[bone], at[below] - at[bone])
            origin = at.get(above, np.zeros(3))
            pos = turn[above].T @ (at[bone] - origin)
            poses[bone] = (*map(float, pos), *_quaternion_xyzw(turn[above].T @ turn[bone]))
        return poses


def _turn(before: F64, after: F64) -> F64:
    """The smallest turn, as a matrix, that takes one direction to another."""
    a, b = before / np.linalg.norm(before), after / np.linalg.norm(after)
    v, c = np.cross(a, b), float(a @ b)
    if c < -0.999999:
        side = np.cross(a, [1.0, 0.0, 0.0] if abs(a[0]) < 0.9 else [0.0, 1.0, 0.0])
        side /= np.linalg.norm(side)
        return np.asarray(2.0 * np.outer(side, side) - np.eye(3))
    K = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    return np.asarray(np.eye(3) + K + K @ K / (1.0 + c))


def _quaternion_xyzw(m: F64) -> tuple[float, float, float, float]:
    """Unit quaternion of a turn, from the eigenvector of its symmetric form.

    Source: Bar-Itzhack, "New method for extracting the quaternion from a rotation matrix", J. Guidance 23 (2000)."""
    K = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0.0, 0.0, 0.0],
            [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], 0.0, 0.0],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], 0.0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    x, y, z, w = np.linalg.eigh(K)[1][:, -1]
    return float(x), float(y), float(z), float(w)


def send_all(datagrams: Iterable[bytes], to: tuple[str, int], *, pause_s: float = 0.0) -> None:
    """Send datagrams one after the other from one port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, to)
            if pause_s:
                time.sleep(pause_s)
