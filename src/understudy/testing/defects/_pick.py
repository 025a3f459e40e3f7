"""Where a defect goes: which stream, which joints, which time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES
from understudy.spec.stream import Stream

JOINT_STREAMS = ("observations/joint_positions", "observations/joint_velocities", "observations/joint_torques")
POSITIONS, VELOCITIES, TORQUES = JOINT_STREAMS
TARGETS = "actions/joint_position_target"
BASE = "debug/base_pose_world"
FEWEST = 50
"""A stream of fewer samples shows no loss of a few per cent."""


def sampled_streams(episode: Episode) -> list[str]:
    """Observations that come at an even rate, contacts that do so too, in the order of their names; no events."""
    found = sorted(s.spec.key for s in episode.streams.values() if s.spec.key.startswith("observations/") and _sampled(s))
    if not found:
        raise NotApplicable(f"no observation has {FEWEST} samples")
    return found


def _sampled(stream: Stream) -> bool:
    if len(stream) < FEWEST:
        return False
    steps_ns = np.diff(stream.t_ns)
    return stream.spec.kind != "discrete" or bool(steps_ns.max() < 1.5 * np.median(steps_ns))


def timed_streams(episode: Episode) -> list[str]:
    """Observations whose time can be told from another stream, because both move: derivatives, and orientations with a twin."""
    found = [key for key in (VELOCITIES, TORQUES) if key in episode and POSITIONS in episode and _moves(episode, VELOCITIES, 0.1)]
    if BASE in episode:
        if _moves(episode, "observations/base_velocity", 0.05):
            found.append("observations/base_velocity")
        if _moves(episode, "observations/projected_gravity", 0.01):
            found += [key for key in ("observations/projected_gravity", "observations/imu_pelvis") if key in episode]
    if not found:
        raise NotApplicable("nothing moves by which the time of a stream could be told")
    return found


def _moves(episode: Episode, key: str, least: float) -> bool:
    """Whether a column's standard deviation is over `least`."""
    if key not in episode or len(episode.stream(key)) < FEWEST:
        return False
    return bool(episode.data(key).std(axis=0).max() > least)


def limb(episode: Episode, robot: RobotModel, rng: np.random.Generator, *, kinds: tuple[str, ...] = ("arm",)) -> I64:
    """Columns of the joints of one arm or leg, from the root outward."""
    names = [f"{side}_{kind}" for kind in kinds for side in SIDES if robot.profile.groups.get(f"{side}_{kind}")]
    if not names:
        raise NotApplicable(f"the profile of {robot.name} has no group of joints for {' or '.join(kinds)}")
    group = robot.profile.groups[str(rng.choice(names))]
    return np.array([episode.joint_names.index(name) for name in group], dtype=np.int64)


def start_of(t_ns: I64, lasts_s: float, rng: np.random.Generator) -> int:
    """Stamp at which something of `lasts_s` begins, somewhere in the middle of a stream.

    Raises:
        NotApplicable: the stream is too short for it.
    """
    length_s = float(t_ns[-1] - t_ns[0]) * 1e-9 if len(t_ns) else 0.0
    edge_s = 0.1 * length_s
    room_s = length_s - 2.0 * edge_s - lasts_s
    if room_s <= 0.0:
        raise NotApplicable(f"{length_s:.2f} s are too short for a defect of {lasts_s:.2f} s")
    return int(t_ns[0] + round((edge_s + rng.uniform(0.0, room_s)) * 1e9))


def kept(stream: Stream, keep: Bool) -> Stream:
    """The stream with only some of its samples, with all that was recorded about them."""
    extra = {name: column[keep] for name, column in stream.extra.items()}
    return replace(stream, t_ns=stream.t_ns[keep], values=stream.data[keep], extra=extra)


def ramp(x: F64) -> F64:
    """0 to 1 as x goes from 0 to 1, without a jump of speed or acceleration at the ends; held outside."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x**3 * (10.0 - 15.0 * x + 6.0 * x**2))


def bump(t_ns: I64, start_ns: int, *, rise_s: float, hold_s: float) -> F64:
    """(N,) 0, rising to 1 from `start_ns` on within `rise_s`, held for `hold_s`, and falling as it rose."""
    t_s: F64 = (t_ns - start_ns).astype(np.float64) * 1e-9
    return np.asarray(ramp(t_s / rise_s) - ramp((t_s - rise_s - hold_s) / rise_s))
