"""Streams with one column per joint."""

from __future__ import annotations

from understudy.spec.episode import Episode
from understudy.spec.stream import Stream

JOINT_COLUMNS = ("observations/joint_*", "actions/joint_*", "debug/command_filtered")
"""Patterns of their names."""


def joint_streams(episode: Episode, *, measured: bool = False) -> list[Stream]:
    """Streams with one column per joint; only those that were measured, and what was derived from them, where `measured`."""
    found = [
        s
        for key, s in sorted(episode.streams.items())
        if s.spec.name.startswith("joint_") or key == "debug/command_filtered"
        if s.spec.shape == (len(episode.joint_names),)
    ]
    return [s for s in found if s.spec.group == "observations" or s.derived] if measured else found
