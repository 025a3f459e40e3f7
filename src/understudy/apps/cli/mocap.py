"""Look a motion capture file over before it is used: proportions, rate, gaps, contacts, floor, sides, and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from understudy.apps.cli._arguments import Off, OptionalFile, OptionalHz, OptionalText
from understudy.apps.cli._command import DONE, FINDINGS, Command

if TYPE_CHECKING:
    from understudy.mocap.check import Finding, MotionCheck
    from understudy.mocap.check.baseline import Drift
    from understudy.spec.skeleton import HumanMotion

ClipFile = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
Metres = Annotated[tuple[float, float], tyro.conf.arg(metavar="X Y")]


def check(
    file: ClipFile,
    /,
    *,
    volume: Metres = (5.0, 5.0),
    baseline: OptionalFile = None,
    unit: OptionalText = None,
    rate: OptionalHz = None,
    companion: OptionalFile = None,
    json: Off = False,
) -> int:
    """Say what is in a motion capture file and whether it can be used.

    Args:
        file: a motion capture file of any known format.
        volume: size of the capture volume along x and y, metres.
        baseline: the session's bone lengths and standing markers; written where the file is missing, else compared: drift over
            1 mm is reported, over 3 mm refused.
        unit: for a format that does not say it: m, cm, mm, inch, foot, cmu, metres per unit as a number, or person for a figure
            of any size.
        rate: frames per second, for a format that does not say it.
        companion: the skeleton (.asf) of an AMC motion, or the body model (.npz, .pkl) of an SMPL archive.
        json: print the result as JSON.
    """
    from understudy.apps.cli._console import say, say_json
    from understudy.mocap.check import check_motion
    from understudy.pipeline.read import ReadOptions, read_clip
    from understudy.retarget.contacts import stance

    motion = read_clip(file, ReadOptions(unit=unit, rate_hz=rate, companion=companion))
    found = check_motion(motion, stance(motion), volume_m=volume)
    drift, sentence = _baseline(baseline, motion)
    findings = [*found.findings, *drift.findings]
    refused = any(finding.level == "refuse" for finding in findings)
    verdict = "refused" if refused else "usable" if findings else "good"
    if json:
        say_json(_as_json(motion, found, findings, drift, verdict))
    else:
        _show(motion, found, findings)
        if sentence:
            say(sentence)
        say(f"verdict: {verdict}")
    return FINDINGS if refused else DONE


def _baseline(path: Path | None, motion: HumanMotion) -> tuple[Drift, str]:
    """How far the clip is from the baseline, which is written where it is missing, and one line for people."""
    from understudy.mocap.check.baseline import Drift, baseline_json, baseline_of, compare
    from understudy.store.atomic import write_text

    if path is None:
        return Drift({}, {}, ()), ""
    if not path.exists():
        made = baseline_of(motion)
        write_text(path, baseline_json(made))
        standing = f" and {len(made.markers_m)} standing markers ({', '.join(made.markers_m)})" if made.markers_m else ""
        return Drift({}, {}, ()), f"wrote the baseline of {len(made.bones_m)} bones{standing} to {path}"
    drift = compare(path, motion)
    bone, worst = next(iter(drift.bones_m.items()))
    moved = next((f", marker {name} {1000 * off:.2f} mm" for name, off in drift.markers_m.items()), "")
    return drift, f"largest change since the baseline: {bone.replace('>', ' to ')} {1000 * worst:+.2f} mm{moved}"


def _show(motion: HumanMotion, found: MotionCheck, findings: list[Finding]) -> None:
    from understudy.apps.cli._console import print_table, say

    source, floor = motion.source, found.floor
    say(f"{source.path}: {source.format}, {source.dialect}, {len(motion)} frames, {motion.duration_s:.2f} s")
    tilt = "" if floor is None or floor.tilt_deg is None else f", leans {floor.tilt_deg:.1f} deg"
    rows = [
        ("rate", f"{motion.rate_hz:.2f} Hz, {len(found.gaps)} gaps, {len(found.held)} stretches held still"),
        ("axes", f"{source.up} is up, {source.unit_m:g} m per unit, rest pose {source.rest_pose}"),
        ("person", "height {:.2f} m, leg {:.3f} m, arm {:.3f} m".format(*_sizes(motion))),
        ("widths", f"hips {found.subject.hip_width_m:.3f} m, shoulders {found.subject.shoulder_width_m:.3f} m"),
        ("contacts", "left foot stands {:.0f} %, right {:.0f} %".format(*found.stance_pct) + _by(motion)),
        ("floor", "unknown" if floor is None else f"{floor.stances} stances within {1000 * floor.spread_m:.0f} mm{tilt}"),
        ("extent", "{:.2f} x {:.2f} m, up to {:.2f} m".format(*found.extent_m)),
        ("sides", _which_sides(found, findings)),
        ("reference pose", found.reference_pose or "none"),
    ]
    print_table(("what", "found"), rows)
    for finding in findings:
        say(f"  {finding.level}: {finding.text}")


def _which_sides(found: MotionCheck, findings: list[Finding]) -> str:
    if found.swapped:
        return "left and right are swapped"
    return "see below" if any("swapped" in finding.text for finding in findings) else "left is left"


def _sizes(motion: HumanMotion) -> tuple[float, float, float]:
    subject = motion.subject()
    return subject.height_m, subject.leg_m, subject.arm_m


def _by(motion: HumanMotion) -> str:
    return "" if motion.contact is None else " (contacts of the file)"


def _as_json(motion: HumanMotion, found: MotionCheck, findings: list[Finding], drift: Drift, verdict: str) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "file": motion.source.path,
        "format": motion.source.format,
        "dialect": motion.source.dialect,
        "frames": len(motion),
        "duration_s": motion.duration_s,
        "rate_hz": motion.rate_hz,
        "up": motion.source.up,
        "unit_m": motion.source.unit_m,
        "rest_pose": motion.source.rest_pose,
        "subject": asdict(found.subject),
        "bones_m": found.bones_m,
        "gaps": [asdict(gap) for gap in found.gaps],
        "held": [asdict(stretch) for stretch in found.held],
        "stance_pct": {"left": found.stance_pct[0], "right": found.stance_pct[1]},
        "floor": None if found.floor is None else asdict(found.floor),
        "extent_m": list(found.extent_m),
        "swapped": found.swapped,
        "reference_pose": found.reference_pose,
        "drift_m": drift.bones_m,
        "marker_drift_m": drift.markers_m,
        "findings": [asdict(finding) for finding in findings],
        "verdict": verdict,
    }


PLUGIN: Command = Command({"check": check})
