"""Whether a clip is fit to be retargeted: proportions, timing, floor, extent, sides, reference pose, and a verdict.

This is a folder, not a file, because every file of `mocap/` without an underscore is a reader. Pure functions; the stances
come from outside because `retarget` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.mocap._canonical import forward_direction, rest_pose, shoulders_against_hips, toes_before_shank
from understudy.mocap.check.floor import Floor, floor_of
from understudy.mocap.check.timing import Stretch, frozen, late_frames
from understudy.spec.skeleton import BONES, INDEX, JOINTS, REQUIRED, SIDES, SLOWEST_HZ, HumanMotion, Subject

Level = Literal["warn", "refuse"]
Verdict = Literal["good", "usable", "refused"]

VOLUME_M = (5.0, 5.0)
FASTEST_M_S = 15.0
"""No joint of a person moves faster."""
UNEVEN = 0.05
"""Share by which a limb of one side may differ from the other's."""
LONGEST_GAP_S = 0.5
FLATNESS_M, TILT_DEG = 0.02, 1.0
HELD_S = 0.1


@dataclass(frozen=True)
class Finding:
    """One thing that the user should know.

    Attributes:
        level: `refuse` where the clip should not be used as it is.
        text: what was found, what is allowed and what to do.
    """

    level: Level
    text: str


@dataclass(frozen=True)
class MotionCheck:
    """What a clip is like.

    Attributes:
        subject: proportions.
        bones_m: bone, such as `left_hip>left_knee`, to its median length.
        gaps: stretches without frames; held: stretches in which nothing moves at all.
        stance_pct: share of the clip in which the left and right foot stands, and whether the file itself says so.
        floor: heights of the standing feet.
        extent_m: size of the clip along x and y, of all joints, and its highest point.
        swapped: left and right are exchanged.
        reference_pose: a pose at the start that is no motion; empty where there is none.
        findings: what is wrong, worst first.
    """

    subject: Subject
    bones_m: dict[str, float]
    gaps: tuple[Stretch, ...]
    held: tuple[Stretch, ...]
    stance_pct: tuple[float, float]
    floor: Floor | None
    extent_m: tuple[float, float, float]
    swapped: bool
    reference_pose: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """`refused` where anything is, `usable` where anything is to be known, else `good`."""
        levels = {finding.level for finding in self.findings}
        return "refused" if "refuse" in levels else "usable" if levels else "good"


def check_motion(motion: HumanMotion, stance: Bool, *, volume_m: tuple[float, float] = VOLUME_M) -> MotionCheck:
    """Look a clip over.

    Args:
        motion: the clip.
        stance: (T, 2) true while the left and right foot stands.
        volume_m: size of the capture volume along x and y.
    """
    pos, t_ns = motion.joint_pos_world_m, motion.t_ns
    span = np.ptp(pos.reshape(-1, 3), axis=0)
    floor = floor_of(motion, stance)
    gaps, held, swapped = late_frames(t_ns), frozen(pos, t_ns), swapped_sides(motion)
    pose, sides = reference_pose(motion), _sides(motion, swapped)
    found = [
        *(Finding("warn", text) for text in motion.source.warnings if not _said(text, sides)),
        *sides,
        *_rate(motion),
        *_timing(gaps, held),
        *_speed(motion),
        *_proportions(motion),
        *_floor(floor, stance),
        *_extent(span, volume_m),
        *([Finding("warn", f"{pose}; leave it out with a start time")] if pose else []),
    ]
    return MotionCheck(
        subject=motion.subject(),
        bones_m=bone_lengths(motion),
        gaps=gaps,
        held=held,
        stance_pct=(100.0 * float(stance[:, 0].mean()), 100.0 * float(stance[:, 1].mean())),
        floor=floor,
        extent_m=(float(span[0]), float(span[1]), float(pos[..., 2].max())),
        swapped=swapped,
        reference_pose=pose,
        findings=tuple(sorted(found, key=lambda finding: finding.level != "refuse")),
    )


def _said(warning: str, sides: Sequence[Finding]) -> bool:
    """Whether a reader's warning is said by a finding too; that it exchanged names for the clip is not."""
    return "frame 1 is" in warning or (bool(sides) and "swapped" in warning and "exchanged" not in warning)


def bone_lengths(motion: HumanMotion) -> dict[str, float]:
    """Bone to its median length over the clip, metres; only bones between joints that the source measures."""
    measured = {name for name, yes in zip(JOINTS, motion.measured, strict=True) if yes}
    pairs = [(a, b) for a, b in BONES if a in measured and b in measured]
    return {f"{a}>{b}": float(np.median(np.linalg.norm(motion.joint(a) - motion.joint(b), axis=1))) for a, b in pairs}


def swapped_sides(motion: HumanMotion) -> bool:
    """Whether left and right are exchanged: seen from where the hips face, toes point backwards and knees bend backwards.

    A joint that was not measured has no vote, and both must agree: legs that are crossed or tucked under bend any way.
    """
    forward = forward_direction(motion.joint_pos_world_m)
    knees: list[float] = []
    toes: list[float] = []
    for side in SIDES:
        hip, knee, ankle = (motion.joint(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        if motion.measured[INDEX[f"{side}_knee"]]:
            knees.append(_median_along(knee - 0.5 * (hip + ankle), forward))
        if motion.measured[INDEX[f"{side}_toe"]]:
            toes.append(float(np.median(toes_before_shank(motion.joint_pos_world_m, side))))
    votes = [float(np.mean(votes)) for votes in (knees, toes) if votes]
    return bool(votes) and max(votes) < 0.0


def reference_pose(motion: HumanMotion) -> str:
    """A pose at the start that is no part of the motion: a first frame far off, or a T held still; empty where there is none."""
    pos, t_s = motion.joint_pos_world_m, motion.t_ns * 1e-9
    step = np.linalg.norm(np.diff(pos, axis=0), axis=2).max(axis=1)
    if len(step) > 2 and step[0] > 0.1 and step[0] > 5.0 * np.percentile(step[1:], 99):
        return f"frame 1 is {step[0]:.2f} m away from frame 2, a reference pose"
    if rest_pose(pos[0]) != "T":
        return ""
    moved = np.linalg.norm(pos - pos[:1], axis=2).max(axis=1) > 0.05
    until = float(t_s[int(np.argmax(moved))] if moved.any() else t_s[-1])
    return f"the clip begins with a T-pose held for {until:.1f} s" if until >= 0.3 else ""


def _median_along(v: F64, forward: F64) -> float:
    return float(np.median(np.sum(v * forward, axis=1)))


def _sides(motion: HumanMotion, swapped: bool) -> list[Finding]:
    found = []
    if swapped:
        found.append(
            Finding(
                "refuse",
                "left and right are swapped, or the file's axes are mirrored: the knees bend and the toes point backwards; "
                "exchange the sides where the skeleton was labelled, or export right-handed axes",
            )
        )
    if shoulders_against_hips(motion.joint_pos_world_m):
        found.append(Finding("refuse", "the left shoulder is on the side of the right hip: one pair is swapped"))
    return found


def _rate(motion: HumanMotion) -> list[Finding]:
    if motion.rate_hz >= SLOWEST_HZ:
        return []
    return [
        Finding(
            "refuse",
            f"{motion.rate_hz:g} frames per second, at least {SLOWEST_HZ:g} are needed to tell when feet stand: the rate in the "
            "file is wrong (of BVH, the line Frame Time), or the motion was thinned out; export it at its own rate",
        )
    ]


def _timing(gaps: Sequence[Stretch], held: Sequence[Stretch]) -> list[Finding]:
    found = []
    for gap in gaps:
        level: Level = "refuse" if gap.length_s > LONGEST_GAP_S else "warn"
        found.append(
            Finding(
                level,
                f"frames are missing from {gap.start_s:.2f} to {gap.end_s:.2f} s; the motion is bridged there, at most "
                f"{LONGEST_GAP_S:g} s of it: cut the clip there, or record it again",
            )
        )
    long = [stretch for stretch in held if stretch.length_s > HELD_S]
    if long:
        worst = max(long, key=lambda stretch: stretch.length_s)
        found.append(
            Finding(
                "warn",
                f"nothing moves at all in {len(long)} stretches, the longest from {worst.start_s:.2f} to {worst.end_s:.2f} s: "
                "the tracking stood still, or frames were repeated; look at the clip there",
            )
        )
    return found


def _speed(motion: HumanMotion) -> list[Finding]:
    step = np.linalg.norm(np.diff(motion.joint_pos_world_m[1:], axis=0), axis=2) / (np.diff(motion.t_ns[1:]) * 1e-9)[:, None]
    if step.size == 0 or step.max() <= FASTEST_M_S:
        return []
    t, j = np.unravel_index(int(np.argmax(step)), step.shape)
    return [
        Finding(
            "warn",
            f"{JOINTS[int(j)]} moves at {step.max():.0f} m/s at {motion.t_ns[int(t) + 1] * 1e-9:.2f} s, a person's at most at "
            f"{FASTEST_M_S:g}: the tracking jumped there, or the rate is wrong; mend it where the motion was made",
        )
    ]


def _proportions(motion: HumanMotion) -> list[Finding]:
    found = []
    unseen = [name for name in REQUIRED if not motion.measured[INDEX[name]]]
    if unseen:
        found.append(Finding("warn", f"not measured but filled in: {', '.join(unseen)}"))
    lengths = bone_lengths(motion)
    for part in ("hip>{s}_knee", "knee>{s}_ankle", "shoulder>{s}_elbow", "elbow>{s}_wrist"):
        left, right = (lengths.get(f"{side}_{part.format(s=side)}", 0.0) for side in SIDES)
        if min(left, right) > 0.0 and abs(left - right) > UNEVEN * max(left, right):
            bone = part.replace("{s}_", "").replace(">", " to ")
            found.append(
                Finding(
                    "warn",
                    f"{bone} is {100 * left:.1f} cm on the left and {100 * right:.1f} cm on the right; {100 * UNEVEN:.0f} % are "
                    "allowed: calibrate the person again, or look for a misplaced marker",
                )
            )
    return found


def _floor(floor: Floor | None, stance: Bool) -> list[Finding]:
    if floor is None:
        text = "no foot ever stands still: contacts cannot be found" if not stance.any() else "too few stances to know the floor"
        return [Finding("warn", text)]
    found = []
    if floor.spread_m > FLATNESS_M:
        found.append(
            Finding(
                "warn",
                f"standing feet differ in height by {1000 * floor.spread_m:.0f} mm, {1000 * FLATNESS_M:.0f} are allowed on "
                "a flat floor: set the ground plane of the capture volume again, unless the person stood on something",
            )
        )
    if floor.tilt_deg is not None and floor.tilt_deg > TILT_DEG:
        found.append(Finding("warn", f"the floor leans by {floor.tilt_deg:.1f} degrees: set the ground plane again"))
    return found


def _extent(span: F64, volume_m: tuple[float, float]) -> list[Finding]:
    # the volume may lie either way round in the file's axes
    wanted, size = sorted(volume_m), sorted((float(span[0]), float(span[1])))
    if size[0] <= wanted[0] and size[1] <= wanted[1]:
        return []
    return [
        Finding(
            "warn",
            f"the clip covers {span[0]:.1f} x {span[1]:.1f} m, the volume {volume_m[0]:g} x {volume_m[1]:g} m: positions "
            "at the edge are less certain; name the true volume with --volume, or stay inside it",
        )
    ]
