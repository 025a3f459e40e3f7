"""A clip as the steps read it: the readers of `mocap`, and body models that exist only as pickles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from understudy.errors import MocapError
from understudy.mocap._mano import HandModel, beside, with_hands_of
from understudy.mocap._npz import open_npz
from understudy.mocap.read import TakesCompanion, chosen_reader, companion_of, find_reader
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion
from understudy.store.restricted_pickle import read_arrays

if TYPE_CHECKING:
    from understudy.mocap.amass import BodyModel

PICKLES = (".pkl", ".pickle")


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say about itself.

    Attributes:
        unit: name of a unit; None finds it.
        rate_hz: frames per second; None takes what the file says.
        companion: the skeleton of an AMC motion, or the body model of an SMPL archive (.npz or .pkl); clips of other formats
            are read without it. None takes the skeleton beside the motion, and mean proportions.
        baseline: the session's bone lengths, written by `understudy mocap check`; None compares with nothing.
        hands: poses of the hands (HaMeR, MANO) that go with the clip; None takes `<clip>.hands.npz` or `.json` beside it.
        hand_model: the MANO model (.pkl or .npz) that they stand on; None takes mean proportions.
    """

    unit: str | None = None
    rate_hz: float | None = None
    companion: Path | None = None
    baseline: Path | None = None
    hands: Path | None = None
    hand_model: Path | None = None


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
    motion = _read(path, options)
    hands = options.hands or beside(path)
    return motion if hands is None else with_hands_of(motion, hands, _hand_model(options.hand_model))


def _hand_model(path: Path | None) -> HandModel | None:
    """The MANO model in a file; pickles are read without running anything."""
    if path is None:
        return None
    if path.suffix.lower() in PICKLES:
        return HandModel(str(path), read_arrays(path))
    archive = open_npz(path)
    wanted = ("v_template", "J_regressor", "shapedirs", "hands_mean")
    return HandModel(str(path), {name: archive.array(name) for name in wanted if name in archive})


def _read(path: Path, options: ReadOptions) -> HumanMotion:
    """The motion of the body."""
    companion = options.companion
    if companion is None or companion.suffix.lower() not in PICKLES:
        return chosen_reader(path, unit=options.unit, rate_hz=options.rate_hz, companion=companion).read(path)
    from understudy.mocap.amass import BodyModel

    reader = chosen_reader(path, unit=options.unit, rate_hz=options.rate_hz)
    if not isinstance(reader, TakesBodyModel):
        raise MocapError(f"{path}: {reader.title} stands on no body model; leave out {companion}")
    return reader.with_body_model(BodyModel(str(companion), read_arrays(companion))).read(path)


def files_of(path: Path, options: ReadOptions) -> dict[str, Path]:
    """Every file that reading a clip takes, by its part: `clip`, and `companion`, `baseline`, `hands` and `hand_model` where
    there is one.

    Where the companion cannot be told, it is left out: reading says why.
    """
    found = {"clip": path}
    try:
        takes = isinstance(find_reader(path), TakesCompanion)
        second = options.companion if takes and options.companion is not None else companion_of(path)
    except MocapError:
        second = None
    if second is not None:
        found["companion"] = second
    if options.baseline is not None:
        found["baseline"] = options.baseline
    hands = options.hands or beside(path)
    if hands is not None:
        found["hands"] = hands
        if options.hand_model is not None:
            found["hand_model"] = options.hand_model
    return found


def calibration(motion: HumanMotion, options: ReadOptions) -> tuple[dict[str, str | float], tuple[str, ...]]:
    """How far a clip is from its session's baseline: for the episode's metadata, and in words.

    Raises:
        MocapError: a bone or a standing marker drifted over 3 mm; or no baseline.
    """
    if options.baseline is None:
        return {}, ()
    from understudy.mocap.check.baseline import compare  # it knows every format that has markers

    drift = compare(options.baseline, motion)
    refused = [finding.text for finding in drift.findings if finding.level == "refuse"]
    if refused:
        raise MocapError(f"{motion.source.path}: {refused[0]} ({options.baseline})")
    bone, worst = next(iter(drift.bones_m.items()))
    sha256 = hashlib.sha256(options.baseline.read_bytes()).hexdigest()
    said: dict[str, str | float] = {
        "source_calibration_sha256": sha256,
        "source_calibration_drift_m": abs(worst),
        "source_calibration_bone": bone,
    }
    if drift.markers_m:
        marker, moved = next(iter(drift.markers_m.items()))
        said |= {"source_calibration_marker_drift_m": moved, "source_calibration_marker": marker}
    return said, tuple(finding.text for finding in drift.findings)
