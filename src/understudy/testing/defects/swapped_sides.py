"""Left and right are exchanged in every stream of joints."""

from __future__ import annotations

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import I64
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.testing.defects._columns import JOINT_COLUMNS, joint_streams
from understudy.testing.defects._pick import POSITIONS
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put, with_samples


def _swap(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength not in (0.5, 1.0):
        raise InputError(f"swapped sides of strength {strength:g}; 0.5 (arms or legs) or 1 (both) are possible")
    kinds = ("arm", "leg") if strength == 1.0 else (str(at.rng.choice(["arm", "leg"])),)
    order = mirrored_columns(episode, at.robot, kinds)
    return put(episode, *(with_samples(s, s.data[:, order]) for s in joint_streams(episode)))


def mirrored_columns(episode: Episode, robot: RobotModel, kinds: tuple[str, ...]) -> I64:
    """(J,) where each column is taken from when left and right of some groups are exchanged."""
    order = np.arange(len(episode.joint_names))
    for kind in kinds:
        left, right = (robot.profile.groups.get(f"{side}_{kind}", ()) for side in ("left", "right"))
        if not left or len(left) != len(right):
            raise NotApplicable(f"the profile of {robot.name} has no two sides of {kind}s")
        a, b = ([episode.joint_names.index(name) for name in side] for side in (left, right))
        order[a], order[b] = b, a
    return order


PLUGIN: Defect = Injector(
    title="Swapped sides",
    imitates="A converter or a mirrored camera takes left for right: columns are exchanged, names and signs are not.",
    unit="of the sides (0.5: arms or legs)",
    strengths=(0.5, 1.0),
    documented=1.0,
    gates=("swapped_sides",),
    touches=JOINT_COLUMNS,
    needs=(POSITIONS,),
    change=_swap,
)
