"""Gate `velocities`: speeds that are not those of the positions beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_conj, quat_mul, quat_to_rotvec
from understudy.geom.vectors import lengths
from understudy.quality.columns import extent_of
from understudy.quality.joints import POSITIONS, in_order, joint_track
from understudy.quality.posture import BASE
from understudy.quality.skip import NotApplicable
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

SPEEDS, TWIST = "observations/joint_velocities", "observations/base_velocity"


class Velocities:
    """Over stretches of `window_s`, a position goes another way than its speed says: the root mean square of the difference is
    over `max_share` of that of the way, both with a floor for what hardly moves.

    It finds what one stream alone cannot show: degrees beside radians, columns in another order, a turned sign or a reversed
    motion, a stream that is late, a base velocity in the wrong axes.
    """

    title = "Speeds against positions"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {
        "max_share": 0.4,
        "window_s": 0.2,
        "floor_rad_s": 0.25,
        "floor_m_s": 0.15,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding for the joints, at the worst of them, and one each for the base's place and orientation."""
        joints = SPEEDS in episode and POSITIONS in episode
        base = TWIST in episode and BASE in episode
        if not joints and not base:
            raise NotApplicable(f"the episode has neither {SPEEDS} with {POSITIONS} nor {TWIST} with {BASE}")
        found = _joints(episode, context) if joints else []
        return found + (_base(episode, context) if base else [])


def _joints(episode: Episode, context: GateContext) -> list[Finding]:
    track, limit = joint_track(episode, context.robot), context.thresholds
    speed = in_order(episode, SPEEDS, context.robot)
    window_s, most = number(limit, "window_s"), number(limit, "max_share")
    share = mismatch(track.joint_pos, track.t_ns, speed, episode.stream(SPEEDS).t_ns, window_s, number(limit, "floor_rad_s"))
    if share.size == 0 or share.max() <= most:
        return []
    worst, count = int(np.argmax(share)), int((share > most).sum())
    others = f" (and of {count - 1} more joints)" if count > 1 else ""
    message = (
        f"joint_velocities of {context.robot.joint_names[worst]}{others} are not the rate of change of joint_positions: "
        f"off by {share[worst]:.0%} of the way (allowed {most:.0%}). "
        "Check units, joint order, signs and clocks of both streams; mend what writes them and record it again"
    )
    return [_finding(SPEEDS, float(share[worst]), most, message)]


def _base(episode: Episode, context: GateContext) -> list[Finding]:
    limit, twist = context.thresholds, episode.stream(TWIST)
    pose, t_ns = episode.data(BASE), episode.stream(BASE).t_ns
    usable = np.isfinite(pose).all(axis=1) & (np.abs(lengths(pose[:, 3:]) - 1.0) < 0.5)
    pose, t_ns = pose[usable], t_ns[usable]
    speed, window_s, most = episode.data(TWIST), number(limit, "window_s"), number(limit, "max_share")
    found = []
    for part, values, told, floor in (
        ("linear part", pose[:, :3], speed[:, :3], number(limit, "floor_m_s")),
        ("angular part", _turned(pose[:, 3:]), speed[:, 3:], number(limit, "floor_rad_s")),
    ):
        # the three axes are one vector: what hardly moves along an axis is held against what moves along another
        share = mismatch(values, t_ns, told, twist.t_ns, window_s, floor, together=True)
        if share.size and share[0] > most:
            message = (
                f"the {part} of base_velocity is not the rate of change of base_pose_world: off by {share[0]:.0%} of the way "
                f"(allowed {most:.0%}). Check its axes (world), its sign and its clock; mend what writes it and record it again"
            )
            found.append(_finding(TWIST, float(share[0]), most, message))
    return found


def _turned(quat_wxyz: F64) -> F64:
    """(N, 3) turns from sample to sample added up, in `world`: their rate is the angular velocity."""
    if len(quat_wxyz) == 0:
        return np.zeros((0, 3))
    step = quat_to_rotvec(quat_mul(quat_wxyz[1:], quat_conj(quat_wxyz[:-1])))
    return np.concatenate([np.zeros((1, 3)), np.cumsum(step, axis=0)])


def mismatch(
    values: F64, t_ns: I64, speed: F64, speed_t_ns: I64, window_s: float, floor: float, *, together: bool = False
) -> F64:
    """How much of the way a speed does not explain: rms(way - integral of speed) / sqrt(rms(way)^2 + (floor window)^2).

    Args:
        values: (N, C) positions at `t_ns`.
        speed: (M, C) at `speed_t_ns`.
        window_s: ways are taken over stretches of this length, so that noise of one sample is no way.
        floor: of the speed, in the unit of `speed`.
        together: the columns are one vector: one share for all.

    Returns:
        (C,) or (1,) shares; empty where there are not enough samples.
    """
    if not extent_of(speed).finite:
        usable = np.isfinite(speed).all(axis=1)
        speed, speed_t_ns = speed[usable], speed_t_ns[usable]
    if len(t_ns) < 3 or len(speed_t_ns) < 3:
        return np.zeros(0)
    first, last = max(int(t_ns[0]), int(speed_t_ns[0])), min(int(t_ns[-1]), int(speed_t_ns[-1]))
    edges = np.arange(first, last + 1, max(1, round(window_s * 1e9)))
    if len(edges) < 2:
        return np.zeros(0)
    way = np.diff(_at(t_ns, values, edges), axis=0)
    dt_s = np.diff(speed_t_ns) * 1e-9
    area = np.zeros(speed.shape)
    np.add(speed[1:], speed[:-1], out=area[1:])
    area[1:] *= 0.5
    area[1:] *= dt_s[:, None]
    np.cumsum(area, axis=0, out=area)
    told = np.diff(_at(speed_t_ns, area, edges), axis=0)
    off, went = np.mean((way - told) ** 2, axis=0), np.mean(way**2, axis=0)
    if together:
        off, went = off.sum(keepdims=True), went.sum(keepdims=True)
    return np.asarray(np.sqrt(off / (went + (floor * window_s) ** 2)))


def _at(t_ns: I64, values: F64, at_ns: I64) -> F64:
    """(K, C) values at a few times, from the samples before and after each."""
    after = np.clip(np.searchsorted(t_ns, at_ns), 1, len(t_ns) - 1)
    span = np.maximum(t_ns[after] - t_ns[after - 1], 1)
    share = np.clip((at_ns - t_ns[after - 1]) / span, 0.0, 1.0)[:, None]
    return np.asarray(values[after - 1] * (1.0 - share) + values[after] * share)


def _finding(key: str, value: float, limit: float, message: str) -> Finding:
    return Finding(gate="velocities", severity="reject", stream=key, value=value, limit=limit, unit="1", message=message)


PLUGIN: Gate = Velocities()
