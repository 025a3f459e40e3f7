"""Gate `quaternion_norm`: orientations whose quaternion is off unit length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.vectors import lengths
from understudy.quality.columns import QUATERNION, extent, numeric, severity_of
from understudy.quality.spans import moment, spans, worst
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class QuaternionNorm:
    """A quaternion of an IMU, a pose or an orientation is off unit length by over `max_norm_error`."""

    title = "Length of quaternions"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_norm_error": 0.01}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names."""
        most = number(context.thresholds, "max_norm_error")
        return [f for stream in numeric(episode) if stream.spec.kind in QUATERNION for f in _norms(episode, stream, most)]


def _norms(episode: Episode, stream: Stream, most: float) -> list[Finding]:
    data = stream.data
    if len(data) == 0 or data.dtype.kind != "f":
        return []
    quat = data[..., QUATERNION[stream.spec.kind]].astype(np.float64)
    if extent(stream).finite and quat.ndim == 2 and not (np.abs(lengths(quat) - 1.0) > most).any():
        return []
    finite = np.asarray(np.isfinite(quat).all(axis=-1))
    off = np.abs(np.linalg.norm(np.where(finite[..., None], quat, 0.0), axis=-1) - 1.0)
    off = np.where(finite, off, 0.0).reshape(len(data), -1).max(axis=1)
    wrong = spans(off > most, stream.t_ns)
    if not wrong:
        return []
    span, at = worst(wrong, off)
    message = (
        f"{stream.spec.name}: a quaternion (w, x, y, z) at {moment(episode, stream.t_ns[at])} "
        f"is off unit length by {off[at]:.3f} (allowed {most:g}). Check the order of its columns and that it was not averaged"
    )
    return [
        Finding(
            gate="quaternion_norm",
            severity=severity_of(stream),
            message=message,
            stream=stream.spec.key,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            value=float(off[at]),
            limit=most,
            unit="1",
        )
    ]


PLUGIN: Gate = QuaternionNorm()
