"""Bone lengths and standing markers at the start of a session, and how far later clips have drifted from them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.mocap.check import Finding, bone_lengths
from understudy.mocap.check.still_markers import Place, marker_places, marker_take, moved_together, still_markers
from understudy.spec.skeleton import HumanMotion

FORMAT = "understudy-mocap-baseline"
REPORTED_M, REFUSED_M = 0.001, 0.003


@dataclass(frozen=True)
class Baseline:
    """What was measured at the start of a session.

    Attributes:
        clip: name of the calibration clip; sha256: hash of its bytes.
        bones_m: bone to its median length.
        markers_m: marker that stands in the room to its place in the file's axes; empty where the format has none.
    """

    clip: str
    sha256: str
    bones_m: Mapping[str, float]
    markers_m: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


def baseline_json(baseline: Baseline) -> str:
    """The baseline as the text of its file."""
    table = {
        "format": FORMAT,
        "format_version": 1,
        "clip": baseline.clip,
        "sha256": baseline.sha256,
        "bones_m": dict(baseline.bones_m),
        "markers_m": {name: list(place) for name, place in baseline.markers_m.items()},
    }
    return json.dumps(table, indent=2) + "\n"


def parse_baseline(text: str, where: str) -> Baseline:
    """The baseline in the text of its file.

    Raises:
        MocapError: it is none, or damaged.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise MocapError(f"{where}: no JSON; delete the file, and the next check writes a new baseline") from None
    if not isinstance(table, dict) or table.get("format") != FORMAT or table.get("format_version") != 1:
        raise MocapError(f"{where}: no baseline of `understudy mocap check`; name another file")
    bones, markers = table.get("bones_m"), table.get("markers_m", {})
    if not isinstance(bones, dict) or not bones or not all(_length(value) for value in bones.values()):
        raise MocapError(f"{where}: bones_m must hold lengths in metres; delete the file, and the next check writes a new one")
    if not isinstance(markers, dict) or not all(
        isinstance(place, list) and len(place) == 3 and all(_number(value) for value in place) for place in markers.values()
    ):
        raise MocapError(f"{where}: markers_m must hold three numbers per marker; delete the file, and the next check writes one")
    return Baseline(
        clip=str(table.get("clip", "")),
        sha256=str(table.get("sha256", "")),
        bones_m={str(name): float(value) for name, value in bones.items()},
        markers_m={str(name): (float(x), float(y), float(z)) for name, (x, y, z) in markers.items()},
    )


def drift_m(baseline: Baseline, bones_m: Mapping[str, float]) -> dict[str, float]:
    """Bone to its length now less its length then, metres, the largest change first; only bones that both have."""
    both = {name: bones_m[name] - then for name, then in baseline.bones_m.items() if name in bones_m}
    return dict(sorted(both.items(), key=lambda item: -abs(item[1])))


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file.

    Raises:
        MocapError: it cannot be read, or is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise MocapError(f"{path}: no text; name the baseline of `understudy mocap check`") from None
    return parse_baseline(text, str(path))


@dataclass(frozen=True)
class Drift:
    """How far a clip is from a baseline.

    Attributes:
        bones_m: bone to its length now less its length then, the largest change first.
        markers_m: standing marker to how far it is from where it stood, the farthest first.
        findings: what is to be said about it.
    """

    bones_m: dict[str, float]
    markers_m: dict[str, float]
    findings: tuple[Finding, ...]


def baseline_of(motion: HumanMotion) -> Baseline:
    """The baseline that a motion gives: its bones, and the standing markers of its file."""
    markers = still_markers(marker_take(motion))
    places = {name: place.at_m for name, place in markers.items()}
    return Baseline(Path(motion.source.path).name, motion.source.sha256, bone_lengths(motion), places)


def compare(path: Path, motion: HumanMotion) -> Drift:
    """Drift of a clip from the baseline in a file.

    Raises:
        MocapError: no baseline, or that of another skeleton.
    """
    baseline = read_baseline(path)
    bones = drift_m(baseline, bone_lengths(motion))
    if not bones:
        raise MocapError(f"{path}: no bone of the baseline is in {motion.source.path}; name the baseline of this skeleton")
    places = marker_places(marker_take(motion)) if baseline.markers_m else {}
    markers, said = marker_drift(baseline, places)
    return Drift(bones, markers, (*drift_findings(bones), *said))


def marker_drift(baseline: Baseline, places: Mapping[str, Place]) -> tuple[dict[str, float], tuple[Finding, ...]]:
    """Standing marker to how far it is from where it stood, metres, and what is to be said: over 3 mm the clip is refused.

    Args:
        baseline: with its standing markers.
        places: of all markers of the clip.
    """
    then = {name: np.array(place) for name, place in baseline.markers_m.items() if name in places}
    now = {name: np.array(places[name].at_m) for name in then}
    off = {name: float(np.linalg.norm(now[name] - then[name])) for name in then}
    drift = dict(sorted(off.items(), key=lambda item: -item[1]))
    lost = sorted(set(baseline.markers_m) - set(then))
    found = [Finding("warn", f"standing markers of the baseline are not in the clip: {', '.join(lost)}")] if lost else []
    together = bool(drift) and min(drift.values()) > REPORTED_M and moved_together(then, now, within_m=REPORTED_M)
    if together:
        name, worst = next(iter(drift.items()))
        what = f"all {len(drift)} standing markers have moved as one since the baseline, {name} by {1000 * worst:.1f} mm"
        found += _judged(what, worst, "the cameras have moved or the origin was set anew: calibrate the volume anew")
    else:
        for name, change in drift.items():
            what = f"standing marker {name} has moved by {1000 * change:.1f} mm since the baseline"
            found += _judged(what, change, "put it back or stick it on again, or calibrate the volume anew")
    for name in then:
        spread = places[name].spread_m
        found += _judged(f"standing marker {name} moves by {1000 * spread:.1f} mm within the clip", spread, "fix it, or a camera")
    return drift, tuple(found)


def _judged(what: str, size_m: float, advice: str) -> list[Finding]:
    if size_m > REFUSED_M:
        return [Finding("refuse", f"{what}; at most {1000 * REFUSED_M:g} mm are allowed: {advice}")]
    return [Finding("warn", f"{what}; from {1000 * REFUSED_M:g} mm on it is refused")] if size_m > REPORTED_M else []


def drift_findings(drift: Mapping[str, float]) -> tuple[Finding, ...]:
    """Bones that drifted over 1 mm; over 3 mm the clip is refused."""
    found: list[Finding] = []
    for bone, change in drift.items():
        what = f"{bone.replace('>', ' to ')} has changed by {1000 * change:+.1f} mm since the baseline"
        found += _judged(what, abs(change), "calibrate anew")
    return tuple(found)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _length(value: object) -> bool:
    return _number(value) and 0.0 < float(str(value)) < 3.0
