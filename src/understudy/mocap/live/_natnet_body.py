"""The one skeleton of a NatNet stream that is wanted, and its bones in a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.errors import MocapError, did_you_mean
from understudy.geom.arrays import F64
from understudy.mocap.live._natnet_frame import BodyBones
from understudy.mocap.live._natnet_models import BodyDefinition

FARTHEST_M = 1e3
"""No bone is farther from the origin."""


def choose_body(bodies: Sequence[BodyDefinition], wanted: str | None, current: str | None, where: str) -> BodyDefinition:
    """The skeleton called `wanted`; without it the `current` one while it is there, or the only one.

    Raises:
        MocapError: there is none, none of that name, or several without a choice.
    """
    if not bodies:
        raise MocapError(
            f"{where}: no skeleton is tracked, or none is streamed; create one in Motive, and switch on Skeletons in its "
            "streaming settings"
        )
    names = [body.name for body in bodies]
    listed = ", ".join(repr(name[:60]) for name in names)
    if wanted is None and current in names:
        wanted = current
    if wanted is not None:
        if wanted not in names:
            near = did_you_mean(wanted, names)
            raise MocapError(f"{where}: no skeleton is called {wanted[:60]!r}{near}; there are {listed}")
        return bodies[names.index(wanted)]
    skeletons = [body for body in bodies if not body.asset] or list(bodies)
    if len(skeletons) > 1:
        raise MocapError(f"{where}: several skeletons are streamed ({listed}); choose one: add ?body=NAME to the address")
    return skeletons[0]


def same_body(a: BodyDefinition, b: BodyDefinition) -> bool:
    """Whether frames of both are read alike."""
    return (
        (a.id, a.asset, a.name, a.bone_names) == (b.id, b.asset, b.name, b.bone_names)
        and np.array_equal(a.bone_id, b.bone_id)
        and np.array_equal(a.parents, b.parents)
        and np.allclose(a.offset_m, b.offset_m, atol=1e-6)
    )


def bone_positions(body: BodyDefinition, bones: BodyBones, *, flags_used: bool) -> F64:
    """(N, 3) metres in the axes of the stream, in the order of the definition; NaN where a bone is not tracked.

    Args:
        body: the definition.
        bones: of one frame.
        flags_used: whether the source marks tracked bones at all.
    """
    pos = bones.pos_m.copy()
    near = np.abs(pos).max(axis=1, initial=0.0) < FARTHEST_M
    pos[~(near & (bones.tracked | (not flags_used)))] = np.nan
    place = {int(number): k for k, number in enumerate(bones.bone_id)}
    order = [place.get(int(number), -1) for number in body.bone_id]
    return np.asarray(np.vstack([pos, np.full(3, np.nan)])[order])


def refuse_local(body: BodyDefinition, pos_m: F64, where: str) -> None:
    """Raise MocapError where the bones stand at their offsets from their parents: the coordinates are local."""
    below = (body.parents >= 0) & (np.linalg.norm(body.offset_m, axis=1) > 0.05) & np.isfinite(pos_m).all(axis=1)
    if below.sum() >= 4 and bool((np.abs(pos_m[below] - body.offset_m[below]) < 1e-3).all()):
        raise MocapError(
            f"{where}: the bones of {body.name[:60]!r} come in local coordinates; set Skeleton Coordinates to Global in "
            "Motive's streaming settings"
        )
