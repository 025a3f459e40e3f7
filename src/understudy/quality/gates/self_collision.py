"""Gate `self_collision`: two links of the robot that are not neighbours run into one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.collision import CollisionModel, collision_model, overlapping, self_distances
from understudy.kinematics.mesh_collision import Touch, meshes
from understudy.quality.joints import POSITIONS, JointTrack, joint_track
from understudy.quality.memo import Last
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import Span, median_step_s, moment, spans, total_s, worst
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_model: Last[CollisionModel] = Last()


class SelfCollision:
    """Collision capsules overlap by over `max_penetration_m` for over `hold_s`.

    Where the robot's model has meshes and they can be read, they are asked about the deepest sample of each pair: where not even
    their convex hulls touch, the capsules are too thick there, and the finding is a warning. The finding says who was asked.
    """

    title = "Self-collision"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {"max_penetration_m": 0.005, "hold_s": 0.05}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """One finding per pair of capsules, the deepest first."""
        seen = joint_track(episode, context.robot)
        if not context.robot.profile.capsules:
            raise NotApplicable(f"the profile of {context.robot.name} has no collision capsules")
        if len(seen.t_ns) == 0:
            return []
        most_m, hold_s = number(context.thresholds, "max_penetration_m"), number(context.thresholds, "hold_s")
        pairs, depth_m = _depths(seen, most_m, hold_s)
        found = []
        for p in np.flatnonzero((depth_m > most_m).any(axis=0)):
            touching = spans(depth_m[:, p] > most_m, seen.t_ns, min_s=hold_s)
            if touching:
                found.append(_finding(episode, seen, pairs[p], depth_m[:, p], touching, most_m))
        return sorted(found, key=lambda f: (f.severity, -(f.value or 0.0), f.message))


def _depths(seen: JointTrack, most_m: float, hold_s: float) -> tuple[tuple[tuple[str, str], ...], F64]:
    """Pairs and (T, P) overlap in metres, exact wherever a stretch of at least `hold_s` can be; else minus infinity.

    A stretch that long holds at least one sample of every `stride`-th, so the samples in between are only looked at
    beside one that overlaps. No pair is returned where none does.
    """
    step_s, n = median_step_s(seen.t_ns), len(seen.t_ns)
    stride = max(1, math.ceil(hold_s / step_s - 0.5)) if step_s > 0 else 1  # samples of the shortest stretch that counts
    coarse = np.unique(np.append(np.arange(0, n, stride), n - 1))
    model = _model.get(seen.robot, make=lambda: collision_model(seen.robot))
    poses = seen.from_pelvis(coarse)
    if most_m >= 0.0 and not overlapping(model, poses, over_m=most_m).any():
        return (), np.empty((n, 0))  # as nearly always
    first = self_distances(seen.robot, poses, model)
    overlaps = (-first.distance_m > most_m).any(axis=1)
    if not overlaps.any():
        return (), np.empty((n, 0))
    depth_m = np.full((n, len(first.pairs)), -np.inf)
    depth_m[coarse] = -first.distance_m
    near = np.zeros(n, dtype=bool)
    for i in coarse[overlaps]:
        near[max(0, i - stride) : i + stride + 1] = True
    near[coarse] = False
    rows = np.flatnonzero(near)
    if len(rows):
        depth_m[rows] = -self_distances(seen.robot, seen.from_pelvis(rows), model).distance_m
    return first.pairs, depth_m


def _by_meshes(seen: JointTrack, pair: tuple[str, str], at: int) -> Touch | None:
    """What the meshes say of a pair of capsules at a sample; None where there are none to ask."""
    shapes = meshes(seen.robot)
    if shapes is None:
        return None
    body = {c.name: seen.robot.frame(c.link).body for c in seen.robot.profile.capsules}
    return shapes.touch(seen.joint_pos[at], body[pair[0]], body[pair[1]])


_SAID: Mapping[Touch | None, str] = {
    "overlap": "by capsules, and the meshes overlap too",
    "apart": "by capsules only: the meshes are apart",
    "unknown": "by capsules; the meshes leave it open",
    None: "by capsules alone: there are no meshes to ask",
}


def _finding(
    episode: Episode, seen: JointTrack, pair: tuple[str, str], depth_m: F64, touching: list[Span], most_m: float
) -> Finding:
    span, at = worst(touching, depth_m)
    touch = _by_meshes(seen, pair, at)
    return Finding(
        gate="self_collision",
        severity="warn" if touch == "apart" else "reject",
        stream=POSITIONS,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        value=float(depth_m[at]),
        limit=most_m,
        unit="m",
        message=(
            f"{pair[0]} and {pair[1]} overlap by {depth_m[at] * 1e3:.0f} mm at {moment(episode, seen.t_ns[at])} "
            f"(allowed {most_m * 1e3:.0f} mm; {_SAID[touch]}), {total_s(touching, seen.t_ns):.2f} s in all. "
            "Keep the limbs further apart, or set collision_ignore in the robot's profile where they may touch"
        ),
    )


PLUGIN: Gate = SelfCollision()
