"""Whether the streams of a recorded episode show its sharp motions at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64, U8, AnyArray, Bool
from understudy.geom.interpolation import latest_index
from understudy.pipeline.sync_images import small_greys, video_greys
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.sync.landmark import window
from understudy.sync.measure import Measured, Track, measure
from understudy.sync.offset import Reference
from understudy.sync.signal import nature_of
from understudy.sync.verdict import GATE_NS, LEAST_MOTIONS, SyncVerdict, judge_sync

ENCODERS = "observations/joint_positions"
COMMANDS = "actions/joint_position_target"
_ASKED_FOR = frozenset(
    {"operator_raw", "command_filtered", "goal", "human_target_world", "ee_residual", "human_joints_world", "com_world"}
)
_LEAST_SAMPLES = 20


@dataclass(frozen=True)
class EpisodeSync:
    """What an episode says about its own synchronization.

    Attributes:
        episode: its id.
        motions: number of sharp motions found.
        verdict: of the gate.
        unseen: key to why a stream has no part in the verdict.
        command_ms: from a command half way to the encoders half way, median; None where no command stream shows it. It is the
            robot's latency, and no fault of a clock.
    """

    episode: str
    motions: int
    verdict: SyncVerdict
    unseen: Mapping[str, str]
    command_ms: float | None


def check_sync(episode: Episode, *, reference: str = ENCODERS, gate_ns: int = GATE_NS) -> EpisodeSync:
    """Measure every stream of an episode against one, at its sharp motions.

    Raises:
        UnknownNameError: there is no such reference stream.
        SyncError: the reference cannot serve; stamps or images that cannot be read.
    """
    anchor = episode.stream(reference)
    if anchor.derived:
        raise SyncError(f"episode {episode.id}: {reference} was not measured ({anchor.derived}); give another --reference")
    tracks, unseen = tracks_of(episode.streams)
    measured = measure(tracks, reference=reference)
    verdict = judge_sync(measured.offsets, reference=reference, gate_ns=gate_ns)
    judged = {stream.key for stream in verdict.streams}
    unseen |= {key: not_seen(len(found), len(measured.motions)) for key, found in measured.offsets.items() if key not in judged}
    return EpisodeSync(episode.id, len(measured.motions), verdict, unseen, _command_ms(episode, tracks, measured))


def not_seen(showed: int, motions: int) -> str:
    """Why a stream is not judged."""
    return (
        f"{showed} landmarks from {motions} motions, {LEAST_MOTIONS} are needed (of a force, a way out and back give one); "
        "nothing moves there, or too little over its noise"
    )


def tracks_of(streams: Mapping[str, Stream]) -> tuple[list[Track], dict[str, str]]:
    """The streams that can show a motion, and why the others cannot; samples that cannot be used are left out."""
    tracks, unseen = [], {}
    for key, stream in sorted(streams.items()):
        nature, why = nature_of(stream.spec)
        if stream.derived or stream.spec.name in _ASKED_FOR:
            nature, why = "none", "it was worked out or asked for, not measured"
        if nature != "none" and (track := _track(stream)) is not None:
            tracks.append(track)
        else:
            unseen[key] = why or f"it has fewer than {_LEAST_SAMPLES} usable samples"
    return tracks, unseen


def _track(stream: Stream) -> Track | None:
    nature, _ = nature_of(stream.spec)
    kept = np.flatnonzero(usable(stream))
    if len(kept) < _LEAST_SAMPLES:
        return None
    t_ns = stream.t_ns[kept]
    if nature == "image":

        def greys(part: slice) -> U8:
            if stream.video is not None:
                return video_greys(stream.video, kept[part].tolist())
            return small_greys([stream.data[k] for k in kept[part]], where=f"stream {stream.spec.key}")

        return Track(stream.spec.key, nature, t_ns, np.zeros(0), greys)
    return Track(stream.spec.key, nature, t_ns, stream.data[kept].astype(np.float64))


def usable(stream: Stream) -> Bool:
    """(N,) samples that are valid, finite and later than all before them."""
    good = np.ones(len(stream), dtype=np.bool_)
    if "valid" in stream.extra:
        good &= stream.extra["valid"].astype(np.bool_)
    data: AnyArray | None = None if stream.spec.kind == "image" else stream.data
    if data is not None and data.dtype.kind == "f" and data.ndim > 0:
        good &= np.isfinite(data.astype(np.float64)).all(axis=tuple(range(1, data.ndim)))
    best = np.maximum.accumulate(np.where(good, stream.t_ns, np.iinfo(np.int64).min))
    earlier = np.concatenate([[np.iinfo(np.int64).min], best[:-1]])
    return np.asarray(good & (stream.t_ns > earlier))


def _command_ms(episode: Episode, tracks: list[Track], measured: Measured) -> float | None:
    command = episode.streams.get(COMMANDS)
    anchor = next((t for t in tracks if t.key == measured.reference), None)
    if command is None or command.derived or anchor is None or not len(command) or measured.reference != ENCODERS:
        return None
    values = anchor.values.reshape(len(anchor.t_ns), -1)
    return command_latency_ms(command.t_ns, command.data.astype(np.float64), Reference(anchor.t_ns, values, measured.motions))


def command_latency_ms(t_ns: I64, target: F64, reference: Reference) -> float | None:
    """Median time from a command half way to the encoders half way, ms.

    Args:
        t_ns: (N,) stamps of the commands. target: (N, J) rad.
        reference: the encoders.
    """
    late = []
    for motion in reference.motions:
        seen = reference.landmark(motion)
        stamps = reference.t_ns[window(reference.t_ns, motion)]
        if seen is None or target.shape[1:] != motion.change.shape:
            continue
        in_force = target[latest_index(t_ns, stamps)] @ motion.direction
        first, last = float(in_force[0]), float(in_force[-1])
        over = np.flatnonzero((in_force - first) * np.sign(last - first) >= abs(last - first) / 2.0)
        if last != first and len(over):
            crossed = latest_index(t_ns, stamps[over[:1]])
            late.append((seen.t_ns - int(t_ns[crossed][0])) * 1e-6)
    return float(np.median(late)) if late else None
