"""Gate `integrity`: values that cannot be: not a number, a quaternion without unit norm, a joint stuck while commanded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.quality.spans import clock_s, moment, spans, worst
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream

POSITIONS, TARGETS = "observations/joint_positions", "actions/joint_position_target"
_QUATERNION: Mapping[str, slice] = {"quaternion": slice(0, 4), "pose": slice(3, 7), "imu": slice(0, 4)}
GATES_RELY_ON = frozenset({"debug/base_pose_world"})
"""Debug streams that other gates see the robot by; elsewhere in `debug` a missing marker is only a warning."""


class Integrity:
    """Numbers finite, quaternions within `max_norm_error` of unit length, no joint stuck for `frozen_s` while commanded."""

    title = "Integrity"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_norm_error": 0.01, "frozen_s": 1.0, "frozen_command_rad": 0.1}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """Findings stream by stream, in the order of their names."""
        found: list[Finding] = []
        for key in sorted(episode.streams):
            stream = episode.streams[key]
            if stream.spec.kind == "image":
                continue
            try:
                data = stream.data
            except ShapeError as error:
                found.append(_finding("reject", key, f"{error}. The file is damaged or was written by a faulty recorder"))
                continue
            if data.dtype.kind == "f":
                found += _not_finite(episode, stream, data.astype(np.float64))
                found += _norms(episode, stream, data.astype(np.float64), number(context.thresholds, "max_norm_error"))
        return found + _stuck(episode, context.thresholds)


def _severity(key: str) -> Severity:
    return "warn" if key.startswith("debug/") and key not in GATES_RELY_ON else "reject"


def _not_finite(episode: Episode, stream: Stream, data: F64) -> list[Finding]:
    bad = ~np.isfinite(data).reshape(len(data), math.prod(data.shape[1:]))
    rows = np.flatnonzero(bad.any(axis=1))
    if len(rows) == 0:
        return []
    columns = np.flatnonzero(bad.any(axis=0))
    names = stream.spec.names
    which = ", ".join(names[c] if c < len(names) else f"column {c}" for c in columns[:3]) + (" ..." if len(columns) > 3 else "")
    first, last = int(stream.t_ns[rows[0]]), int(stream.t_ns[rows[-1]])
    message = (
        f"{stream.spec.name}: {len(rows)} of {len(data)} samples are not finite numbers ({which}), "
        f"the first at {moment(episode, first)}. "
        "Find what wrote them, or trim the episode there"
    )
    found = _finding(_severity(stream.spec.key), stream.spec.key, message, value=float(len(rows)), limit=0.0, unit="1")
    return [found.model_copy(update={"start_ns": first, "end_ns": last})]


def _norms(episode: Episode, stream: Stream, data: F64, most: float) -> list[Finding]:
    columns = _QUATERNION.get(stream.spec.kind)
    if columns is None or len(data) == 0:
        return []
    quat = data[..., columns]
    off = np.abs(np.linalg.norm(np.nan_to_num(quat, nan=0.0, posinf=0.0, neginf=0.0), axis=-1) - 1.0)
    off = np.where(np.isfinite(quat).all(axis=-1), off, 0.0).reshape(len(data), -1).max(axis=1)
    wrong = spans(off > most, stream.t_ns)
    if not wrong:
        return []
    span, at = worst(wrong, off)
    message = (
        f"{stream.spec.name}: a quaternion (w, x, y, z) at {moment(episode, stream.t_ns[at])} "
        f"is off unit length by {off[at]:.3f} (allowed {most:g}). Check the order of its columns and that it was not averaged"
    )
    found = _finding(_severity(stream.spec.key), stream.spec.key, message, value=float(off[at]), limit=most, unit="1")
    return [found.model_copy(update={"start_ns": span.start_ns, "end_ns": span.end_ns})]


def _stuck(episode: Episode, limit: Mapping[str, GateValue]) -> list[Finding]:
    """Joints that are the same to the last bit while what they are told moves."""
    if POSITIONS not in episode or TARGETS not in episode or episode.stream(TARGETS).derived:
        return []
    stream, q_rad = episode.stream(POSITIONS), episode.data(POSITIONS)
    if len(stream) < 2 or len(episode.stream(TARGETS)) == 0:
        return []
    target_rad = episode.stream(TARGETS).sample_at(stream.t_ns).astype(np.float64)
    still = np.concatenate([np.zeros((1, q_rad.shape[1]), dtype=bool), q_rad[1:] == q_rad[:-1]])
    found = []
    for j in np.flatnonzero(still.any(axis=0)):
        for span in spans(still[:, j], stream.t_ns, min_s=number(limit, "frozen_s")):
            told_rad = float(np.ptp(target_rad[span.rows, j]))
            if told_rad > number(limit, "frozen_command_rad"):
                message = (
                    f"{episode.joint_names[j]} does not move at all from {clock_s(episode, span.start_ns):.2f} to "
                    f"{moment(episode, span.end_ns)} while its command moves by {told_rad:.2f} rad "
                    f"(allowed {number(limit, 'frozen_command_rad'):g}). Check its encoder and motor"
                )
                most = number(limit, "frozen_command_rad")
                stuck = _finding("reject", POSITIONS, message, value=told_rad, limit=most, unit="rad")
                found.append(stuck.model_copy(update={"start_ns": span.start_ns, "end_ns": span.end_ns}))
                break
    return found


def _finding(
    severity: Severity, key: str, message: str, *, value: float | None = None, limit: float | None = None, unit: str = ""
) -> Finding:
    return Finding(gate="integrity", severity=severity, message=message, stream=key, value=value, limit=limit, unit=unit)


PLUGIN: Gate = Integrity()
