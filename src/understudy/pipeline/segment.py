"""The step `segment`: every episode split into locomotion, manipulation and idle; what a person set stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from understudy.errors import EpisodeError, InputError
from understudy.kinematics.load import load_robot
from understudy.segment.rule import RULE, kept_around, segments_of
from understudy.segment.signals import body_signals
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes, Segment
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.store.alone import alone
from understudy.store.dataset import Dataset, EpisodeRef

Did = Literal["split", "kept", "failed"]


@dataclass(frozen=True)
class Segmented:
    """What became of one episode.

    Attributes:
        id, task: of the episode.
        start_ns: of its timeline: segments are told in seconds from there.
        segments: as they are now.
        did: `split` by the rule in this run, `kept` as they were, or `failed`, and `error` says why.
    """

    id: str
    task: str
    start_ns: int
    segments: tuple[Segment, ...]
    did: Did
    error: str = ""


def segment_dataset(
    dataset: Dataset, progress: Progress | None = None, *, redo: bool = False, overwrite: bool = False
) -> tuple[Segmented, ...]:
    """Split every episode of `episodes/` that has no segments yet, and note them.

    Args:
        dataset: whose episodes are split.
        progress: called with (done, total).
        redo: also split anew what the rule split before; what a person set stays, and the rule fills the rest.
        overwrite: with `redo`, what persons set goes too.

    Raises:
        ModelError: the dataset's robot cannot be loaded.
        StorageError: the disk refused.
    """
    robot = load_robot(dataset.robot_source)
    refs = dataset.refs()
    done = []
    for i, ref in enumerate(refs):
        done.append(_segment(dataset, ref, robot, redo=redo, overwrite=overwrite))
        if progress is not None:
            progress(i + 1, len(refs))
    return tuple(done)


def split_episode(episode: Episode, robot: RobotModel) -> tuple[Segment, ...]:
    """What the rule says about an episode: segments without gaps, each with where its motion came from.

    Raises:
        InputError: the episode has no motion to tell by.
        JointOrderError: it is another robot's.
    """
    start_ns, end_ns = timeline_span(episode)
    source = str(episode.metadata.get("motion_source", ""))
    return segments_of(body_signals(episode, robot), start_ns=start_ns, end_ns=end_ns, sources=episode.segments, source=source)


def timeline_span(episode: Episode) -> tuple[int, int]:
    """First stamp of the timeline and one step after its last, nanoseconds; both 0 for an empty one."""
    t_ns = episode.timeline_ns
    if not len(t_ns):
        return 0, 0
    step_ns = int(np.median(np.diff(t_ns))) if len(t_ns) > 1 else 1
    return int(t_ns[0]), int(t_ns[-1]) + step_ns


def replace_segments(dataset: Dataset, episode_id: str, segments: Sequence[Segment]) -> Notes:
    """Put segments in place of those noted for an episode; who set each stands in its `by`.

    Args:
        dataset: that has the episode.
        episode_id: in either partition.
        segments: in any order; gaps are allowed, overlaps are not.

    Returns:
        The notes as they are now.

    Raises:
        UnknownNameError: the dataset has no such episode.
        EpisodeError: its file or notes are damaged.
        InputError: a segment is empty, backwards, outside the episode, over another one, or has no label.
        StorageError: the disk refused.
    """
    episode = dataset.read(episode_id)
    ordered = tuple(sorted(segments, key=lambda s: (s.start_ns, s.end_ns)))
    _check(episode, ordered)
    return _noted(dataset, episode_id, ordered)


def _noted(dataset: Dataset, episode_id: str, segments: tuple[Segment, ...]) -> Notes:
    """The segments in the newest notes, alone: others check and review meanwhile."""
    with alone(dataset.root):
        notes = (dataset.notes(episode_id) or Notes(episode=episode_id)).model_copy(update={"segments": segments})
        dataset.write_notes(notes)
    return notes


def _segment(dataset: Dataset, ref: EpisodeRef, robot: RobotModel, *, redo: bool, overwrite: bool) -> Segmented:
    start_ns = 0
    had: tuple[Segment, ...] = ()
    try:
        episode = dataset.read(ref.id)
        start_ns, _ = timeline_span(episode)
        had = episode.notes.segments if episode.notes else ()
        if had and not redo:
            return Segmented(ref.id, ref.task, start_ns, had, "kept")
        found = split_episode(episode, robot)
    except (EpisodeError, InputError) as error:
        return Segmented(ref.id, ref.task, start_ns, had, "failed", str(error))
    people = () if overwrite else tuple(s for s in had if s.by != RULE)
    kept = kept_around(found, people)
    if kept != had:
        _noted(dataset, ref.id, kept)
    return Segmented(ref.id, ref.task, start_ns, kept, "split")


def _check(episode: Episode, segments: Sequence[Segment]) -> None:
    start_ns, end_ns = timeline_span(episode)

    def seconds(t_ns: int) -> str:
        return f"{(t_ns - start_ns) * 1e-9:.3f} s"

    for k, segment in enumerate(segments):
        where = f"episode {episode.id}: segment {segment.label!r} from {seconds(segment.start_ns)} to {seconds(segment.end_ns)}"
        if not segment.label:
            raise InputError(f"{where}: no label; say what is done there, such as locomotion, manipulation or idle")
        if segment.end_ns <= segment.start_ns:
            raise InputError(f"{where}: it does not end after it begins; correct its times")
        if segment.start_ns < start_ns or segment.end_ns > end_ns:
            raise InputError(f"{where}: outside the episode, which is from 0.000 s to {seconds(end_ns)}; correct its times")
        if k and segments[k - 1].end_ns > segment.start_ns:
            before = segments[k - 1]
            raise InputError(f"{where}: over {before.label!r}, which ends at {seconds(before.end_ns)}; let one end first")
