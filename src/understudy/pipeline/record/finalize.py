"""A take becomes an episode: journal read, file written, verified, named; gates run; journal removed. Runs beside the recorder.

Every step can be interrupted and done again: until the episode has its name the journal stays, and afterwards it is not needed.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from understudy.errors import StorageError, UnderstudyError
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import REVIEW_KEY, check_one
from understudy.pipeline.record.digest import StreamDigest
from understudy.pipeline.record.gather import Gathered, gather
from understudy.pipeline.record.rehearse import rehearse
from understudy.pipeline.record.take_episode import Cut, Made, take_episode
from understudy.spec.findings import Finding, Notes
from understudy.store.alone import alone
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_verify import verify_episode
from understudy.store.journal_alive import read_alive
from understudy.store.journal_state import (
    JOURNAL_DIR,
    TakeState,
    alive_path,
    forget,
    held,
    journal_path,
    read_state,
    state_path,
    write_state,
)

GATE = "operator"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """What came of a take.

    Attributes:
        take: its id.
        path: of its episode; None where there is none, and `error` says why.
        verdict: accepted, rejected, unchecked; empty where there is no episode.
        recovered: its recorder had died.
        digest: of its streams.
        warnings: what the operator should know.
        findings: of the gates, those that refuse first.
        seconds: until its episode had its name, or there was none; `cpu_s`: of a core.
        check_s: that the gates took after that.
        error: why there is no episode. The journal is kept then.
    """

    take: str
    path: Path | None = None
    verdict: str = ""
    recovered: bool = False
    digest: tuple[StreamDigest, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    cpu_s: float = 0.0
    check_s: float = 0.0
    error: str = ""


def finalize(root: Path, take: str, *, keep_journal: bool = False, check: bool = True) -> Finished:
    """Make the episode of a take whose recorder is done with it, or dead.

    Args:
        root: of the dataset.
        take: its id.
        keep_journal: also when the episode is whole.
        check: run the gates.

    Returns:
        What came of it; an error is in there, and the state says FAILED, or still FINALIZING where the disk refused.
    """
    began_s, folder = time.monotonic(), root / JOURNAL_DIR
    try:
        with held(journal_path(folder, take)) as free:
            if not free:
                return Finished(take, error=f"{take}: another process works on it")
            state = read_state(folder, take)
            write_state(folder, state.model_copy(update={"state": "FINALIZING"}))
            finished = _finalized(Dataset.open(root), state, check=check)
            write_state(folder, read_state(folder, take).model_copy(update={"state": "DONE"}))
            if not keep_journal:
                forget(folder, take)
    except StorageError as error:
        return Finished(take, error=str(error), seconds=time.monotonic() - began_s)
    except UnderstudyError as error:
        return replace(_failed(folder, take, str(error)), seconds=time.monotonic() - began_s)
    return replace(finished, seconds=time.monotonic() - began_s - finished.check_s)


def _failed(folder: Path, take: str, error: str) -> Finished:
    """Say that no episode can be made; the journal is kept."""
    try:
        write_state(folder, TakeState(take=take, state="FAILED", reason=error))
    except StorageError as refused:
        _log.warning("%s", refused)
    return Finished(take, error=error)


def _finalized(dataset: Dataset, state: TakeState, *, check: bool) -> Finished:
    take, folder, began_s = state.take, dataset.root / JOURNAL_DIR, time.process_time()
    found = gather(journal_path(folder, take))
    cut = _cut(found, folder, take) if state.state == "RECORDING" or not found.end.whole else None
    made = take_episode(found, cut, reason=state.reason)
    ref = dataset.find(take)
    if ref is None:
        ref = dataset.add(made.episode, verify=partial(verify_episode, episode=made.episode))
    else:
        verify_episode(ref.path, made.episode)  # its name came before the process died
    cpu_s, made_s = time.process_time() - began_s, time.monotonic()
    state = read_state(folder, take)  # a discard may have come meanwhile
    warnings = (*made.warnings, *_undecodable(made))
    if state.discard:
        ref, findings, verdict = *discard_episode(dataset, take), "rejected"
    elif check:
        checked = check_one(dataset, ref)
        findings = checked.notes.findings if checked.notes else ()
        ref, verdict = dataset.ref(take), checked.outcome
    else:
        findings, verdict = (), "unchecked"
    check_s = time.monotonic() - made_s
    return Finished(take, ref.path, verdict, cut is not None, made.digest, warnings, findings, cpu_s=cpu_s, check_s=check_s)


def _cut(found: Gathered, folder: Path, take: str) -> Cut:
    """What its recorder had taken when it died, against what is in the journal."""
    note = read_alive(alive_path(folder, take), [spec.key for spec in found.schema.streams])
    if note is None:
        return Cut(None, {})
    alive_ns, taken = note
    return Cut(alive_ns, {key: n - len(found.streams.get(key, ())) for key, n in taken.items()})


def _undecodable(made: Made) -> list[str]:
    """Cameras of which an image cannot be decoded, looked at in a few places."""
    import simplejpeg

    said = []
    for key, stream in made.episode.streams.items():
        if stream.spec.kind == "image":
            for step in sorted({0, len(stream) // 2, len(stream) - 1}):
                try:
                    simplejpeg.decode_jpeg(stream.image(step))
                except ValueError as error:
                    said.append(f"{key}: image {step} cannot be decoded ({error})")
    return said


def discard_episode(dataset: Dataset, take: str) -> tuple[EpisodeRef, tuple[Finding, ...]]:
    """Move an episode to failures/ because the operator does not want it; it stays there whatever the gates say.

    Raises:
        UnknownNameError: there is no such episode.
        StorageError: the disk refused.
    """
    finding = Finding(gate=GATE, severity="reject", message="discarded by the operator")
    with alone(dataset.root):
        notes = dataset.notes(take) or Notes(episode=take)
        others = tuple(f for f in notes.findings if f.gate != GATE)
        changed = {"verdict": "rejected", "findings": (finding, *others), "review": {**notes.review, REVIEW_KEY: "rejected"}}
        dataset.write_notes(notes.model_copy(update=changed))
        return dataset.move(take, "failures"), (finding, *others)


def flag_discard(root: Path, take: str) -> None:
    """Note that a take is to be discarded, so that this outlives the process."""
    folder = root / JOURNAL_DIR
    if state_path(folder, take).exists():
        write_state(folder, read_state(folder, take).model_copy(update={"discard": True}))


def discard_take(root: Path, take: str) -> Finished:
    """Discard a take whose episode is made, or for which none could be made.

    Raises:
        StorageError: the disk refused.
    """
    dataset = Dataset.open(root)
    if dataset.find(take) is None:
        return Finished(take, error=f"{take}: no episode to discard; {read_state(root / JOURNAL_DIR, take).reason}")
    ref, findings = discard_episode(dataset, take)
    return Finished(take, ref.path, "rejected", findings=findings)


def ready(root: Path) -> None:
    """Load what the gates need, so that the first take is checked quickly; a fault shows when that one is."""
    try:
        dataset = Dataset.open(root)
        rehearse(dataset.schema, load_robot(dataset.robot_source))
    except UnderstudyError as error:
        _log.warning("%s", error)
