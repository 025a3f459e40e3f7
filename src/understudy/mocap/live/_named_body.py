"""Named joint positions of one frame to the 23 joints, for sources that bring names and positions and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap import _canonical as canonical
from understudy.mocap._parents import guess_parents
from understudy.mocap._units import LEG_RANGE_M, UNITS_M, UP_AXES, metres_per_unit, up_axis
from understudy.mocap.live._skeleton import LiveSkeleton, live_skeleton
from understudy.spec.skeleton import INDEX


class NamedBody:
    """Lays a source's joints onto the canonical ones.

    Which joint is which is found in the first frame that shows the required ones, and again when a frame shows joints that
    none showed before.
    """

    def __init__(
        self,
        names: Sequence[str],
        where: str,
        *,
        parents: I64 | None = None,
        unit: str | None = None,
        up: str | None = None,
    ) -> None:
        """Args:
        names: N joint names of any naming scheme.
        where: the source, for messages.
        parents: (N,) index of each joint's parent, -1 for none; None finds them from the names.
        unit: of `UNITS_M`, held against the person's leg; None finds it.
        up: axis that points up; None finds it from the first frame.

        Raises:
            MocapError: unit or axis is not known, or a name comes twice.
        """
        self.names = tuple(names)
        for what, value, known in (("unit", unit, UNITS_M), ("up", up, UP_AXES)):
            if value is not None and value not in known:
                raise MocapError(f"{where}: {what} is {value[:20]!r}; allowed are {', '.join(known)}")
        twice = next((name for k, name in enumerate(self.names) if name in self.names[:k]), None)
        if twice is not None:
            raise MocapError(f"{where}: two joints are called {twice[:40]!r}; rename one of them")
        self._where, self._parents, self._unit, self._up = where, parents, unit, up
        self._skeleton: LiveSkeleton | None = None
        self._to_world = np.eye(3)
        self._nodes: I64 = np.zeros(0, dtype=np.int64)
        self._fitted: Bool = np.zeros(len(names), dtype=np.bool_)

    def joints(self, pos: F64) -> tuple[F64, F64 | None] | None:
        """(23, 3) joints and (2, 21, 3) hand joints in `world`, metres; NaN where a joint, or one it is made from, is not seen.

        The hands are None where no joint has the name of a finger's.

        Args:
            pos: (N, 3) in the source's axes and unit; NaN where not seen.

        Returns:
            None as long as no frame has shown every joint that is required.

        Raises:
            MocapError: a required joint is not among the names, bones have no length, the unit cannot be right.
        """
        seen = np.asarray(np.isfinite(pos).all(axis=1))
        if bool(np.any(seen & ~self._fitted)):
            self._fit(pos, seen)
        if self._skeleton is None:
            return None
        nodes = self.to_world(pos[self._nodes])
        joints = self._skeleton.joints(nodes)
        return joints, self._skeleton.hands(nodes, joints)

    def to_world(self, points: F64) -> F64:
        """(..., 3) points of the source in `world`, metres; once a frame has been understood."""
        return np.asarray(points @ self._to_world.T)

    def _fit(self, pos: F64, seen: Bool) -> None:
        nodes = np.flatnonzero(seen | self._fitted)
        if not seen[nodes].all():
            return  # a joint that was there is hidden; a later frame shows both
        names = [self.names[k] for k in nodes]
        try:
            skeleton = live_skeleton(names, self._parents_of(nodes, pos), pos[nodes], self._where)
        except MocapError:
            if not seen.all():
                return  # what is missing may only be hidden
            raise
        joints = skeleton.joints(pos[nodes])
        canonical.check_bones(joints[None], self._where)
        unit_m = self._unit_m(canonical.leg_length(joints[None]))
        self._to_world = unit_m * UP_AXES[self._up or self._found_up(joints)]
        self._skeleton, self._nodes, self._fitted = skeleton, nodes, seen

    def _parents_of(self, nodes: I64, pos: F64) -> I64:
        """Parents among `nodes` alone: the nearest ancestor that is one of them."""
        if self._parents is None:
            return guess_parents([self.names[k] for k in nodes], pos[None, nodes], self._where)
        place = {int(node): k for k, node in enumerate(nodes)}
        out = np.full(len(nodes), -1, dtype=np.int64)
        for k, node in enumerate(nodes):
            above = int(self._parents[node])
            while above >= 0 and above not in place:
                above = int(self._parents[above])
            out[k] = place.get(above, -1)
        return out

    def _unit_m(self, leg: float) -> float:
        unit_m = metres_per_unit(leg, self._unit, self._where)
        low, high = LEG_RANGE_M
        if low <= leg * unit_m <= high:
            return unit_m
        fitting = [f"{name} ({leg * scale:.2f} m)" for name, scale in UNITS_M.items() if low <= leg * scale <= high]
        hint = f"; {fitting[0]} would fit" if fitting else ""
        raise MocapError(
            f"{self._where}: hip to knee to ankle is {leg * unit_m:.3g} m in the unit {self._unit}; a person has {low} to "
            f"{high} m{hint}. Let the sender state its unit, or use a skeleton of the person's size"
        )

    def _found_up(self, joints: F64) -> str:
        ankles = 0.5 * (joints[INDEX["left_ankle"]] + joints[INDEX["right_ankle"]])
        upward = (joints[INDEX["head"]] - ankles)[None]
        axis, unsure = up_axis(upward, upward[0])
        if unsure:
            raise MocapError(f"{self._where}: which axis is up cannot be told from a person who does not stand; state it as `up`")
        return axis
