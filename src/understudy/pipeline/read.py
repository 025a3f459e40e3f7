"""A clip as the steps read it: the readers of `mocap`, and body models that exist only as pickles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from understudy.errors import MocapError
from understudy.mocap.amass import BodyModel
from understudy.mocap.read import TakesCompanion, chosen_reader, companion_of, find_reader
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion
from understudy.store.restricted_pickle import read_arrays

PICKLES = (".pkl", ".pickle")


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say about itself.

    Attributes:
        unit: name of a unit; None finds it.
        rate_hz: frames per second; None takes what the file says.
        companion: the skeleton of an AMC motion, or the body model of an SMPL archive (.npz or .pkl); clips of other formats
            are read without it. None takes the skeleton beside the motion, and mean proportions.
    """

    unit: str | None = None
    rate_hz: float | None = None
    companion: Path | None = None


@runtime_checkable
class TakesBodyModel(Protocol):
    """A reader whose motion stands on a body model."""

    def with_body_model(self, model: BodyModel) -> MocapReader:
        """The same reader with a body model."""
        ...


def read_clip(path: Path, options: ReadOptions | None = None) -> HumanMotion:
    """The motion in a file of any known format.

    Raises:
        MocapError: as `read_motion`; the message says what to do.
        InputError: a pickled body model holds what is not read.
    """
    options = options or ReadOptions()
    companion = options.companion
    if companion is None or companion.suffix.lower() not in PICKLES:
        return chosen_reader(path, unit=options.unit, rate_hz=options.rate_hz, companion=companion).read(path)
    reader = chosen_reader(path, unit=options.unit, rate_hz=options.rate_hz)
    if not isinstance(reader, TakesBodyModel):
        raise MocapError(f"{path}: {reader.title} stands on no body model; leave out {companion}")
    return reader.with_body_model(BodyModel(str(companion), read_arrays(companion))).read(path)


def files_of(path: Path, options: ReadOptions) -> tuple[Path, ...]:
    """Every file that reading a clip takes, the clip first; where that cannot be told, the clip alone: reading says why."""
    try:
        takes = isinstance(find_reader(path), TakesCompanion)
        second = options.companion if takes and options.companion is not None else companion_of(path)
    except MocapError:
        return (path,)
    return (path,) if second is None else (path, second)
