"""What a dead recorder left is made into episodes at the next start."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from understudy.pipeline.record.finalize import Finished, finalize
from understudy.store.journal_state import JOURNAL_DIR, forget, held, journal_path, read_state, takes_in


def orphans(root: Path, *, retry: bool = False) -> tuple[str, ...]:
    """Takes whose journals wait, and that no living process works on, oldest first.

    What a process left before its journal had a first record is removed: there is nothing in it.

    Args:
        root: of the dataset.
        retry: also those of which no episode could be made.
    """
    folder, found = root / JOURNAL_DIR, []
    for take in takes_in(folder):
        journal = journal_path(folder, take)
        if not journal.exists():
            if read_state(folder, take).state != "RECORDING" or _old(folder, take):
                forget(folder, take)
            continue
        with held(journal) as free:
            state = read_state(folder, take)
            if free and (state.state in ("RECORDING", "FINALIZING") or (retry and state.state == "FAILED")):
                found.append(take)
    return tuple(found)


def _old(folder: Path, take: str) -> bool:
    """Whether a name without a journal was reserved so long ago that nobody will begin it any more."""
    path = folder / f"{take}.json"
    try:
        return time.time() - path.stat().st_mtime > 10.0
    except FileNotFoundError:
        return False


def recover(root: Path, *, keep_journal: bool = False, check: bool = True, retry: bool = False) -> Sequence[Finished]:
    """Make the episodes of all orphans.

    Args:
        root: of the dataset.
        keep_journal, check: see `finalize`.
        retry: see `orphans`.

    Raises:
        EpisodeError: a state that cannot be read.
        StorageError: the disk refused.
    """
    return [finalize(root, take, keep_journal=keep_journal, check=check) for take in orphans(root, retry=retry)]
