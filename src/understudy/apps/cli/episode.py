"""Look into an episode, or write a copy that holds its notes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.apps.cli._arguments import EpisodeName, Folder, NewFile, Off
from understudy.apps.cli._command import Command
from understudy.apps.cli._episodes import episode_file

if TYPE_CHECKING:
    from understudy.spec.episode import Episode
    from understudy.spec.stream import Stream


def show(episode: EpisodeName, /, *, dataset: Folder = Path(), json: Off = False) -> None:
    """Print what an episode holds: metadata, streams with their units and rates, verdict and findings.

    Args:
        episode: an episode's .h5 file, or its id in --dataset.
        dataset: the dataset's folder, in which an id is looked for.
        json: print the result as JSON.
    """
    from understudy.apps.cli._console import say_json
    from understudy.store.episode_file import read_episode

    found = read_episode(episode_file(episode, dataset))
    if json:
        say_json(_facts(found))
    else:
        _print(found)


def pack(episode: EpisodeName, out: NewFile, /, *, dataset: Folder = Path()) -> None:
    """Write a copy of an episode that holds its notes inside, for giving away as one file.

    Args:
        episode: an episode's .h5 file, or its id in --dataset.
        out: file to write; must not exist.
        dataset: the dataset's folder, in which an id is looked for.
    """
    from understudy.apps.cli._console import say
    from understudy.store.pack import pack_episode

    path = episode_file(episode, dataset)
    pack_episode(path, out)
    say(f"{out}: {path.stem} with its notes inside, {out.stat().st_size} bytes")


def _facts(episode: Episode) -> dict[str, object]:
    return {
        "id": episode.id,
        "robot": episode.robot,
        "duration_s": episode.duration_s,
        "steps": len(episode.timeline_ns),
        "joint_names": list(episode.joint_names),
        "metadata": dict(episode.metadata),
        "streams": {key: _stream_facts(stream) for key, stream in sorted(episode.streams.items())},
        "segments": [segment.model_dump() for segment in episode.segments],
        "notes": episode.notes.model_dump() if episode.notes else None,
    }


def _stream_facts(stream: Stream) -> dict[str, object]:
    spec = stream.spec
    span_s = float(stream.t_ns[-1] - stream.t_ns[0]) * 1e-9
    return {
        "samples": len(stream),
        "rate_hz": round((len(stream) - 1) / span_s, 3) if span_s > 0 else 0.0,
        "dtype": spec.dtype,
        "shape": list(spec.shape),
        "unit": spec.unit,
        "frame": spec.frame,
        "kind": spec.kind,
        "derived": stream.derived,
    }


def _print(episode: Episode) -> None:
    from understudy.apps.cli._console import print_table, say

    say(f"{episode.id}: {episode.robot}, {episode.duration_s:.2f} s, {len(episode.timeline_ns)} steps")
    print_table(["field", "value"], [(name, value) for name, value in episode.metadata.items()])
    columns = ("samples", "rate_hz", "dtype", "shape", "unit", "frame", "kind", "derived")
    rows = [(key, *(_stream_facts(s)[c] for c in columns)) for key, s in sorted(episode.streams.items())]
    print_table(["stream", *columns], rows, right=["samples", "rate_hz"])
    if episode.notes is None:
        say("not checked yet: run `understudy check`")
        return
    say(f"verdict: {episode.notes.verdict}")
    for finding in episode.notes.findings:
        say(f"  {finding.severity} {finding.gate}: {finding.message}")
    for score in episode.notes.scores:
        against = "" if score.in_task is None else f"; {score.value:.3f} on the fixed scale"
        say(f"  score {score.name}: {score.rated:.3f} ({score.raw:.4g} {score.unit}{against})")


PLUGIN = Command({"show": show, "pack": pack})
