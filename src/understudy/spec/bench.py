"""A robot, or anything that moves on command, with the devices that watch it: what latencies are calibrated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from understudy.geom.arrays import F64
from understudy.spec.device import Device
from understudy.spec.robot import RobotModel


class MotionBench(Protocol):
    """Moves on command while its devices record. Group `benches`, folder `devices/benches/`.

    Attributes:
        name: of the bench.
        reference: key of the encoders' stream, which all others are held against.
    """

    name: str
    reference: str

    def configured(self, options: Mapping[str, str | float | bool]) -> MotionBench:
        """The same bench with options, as a person gives them.

        Raises:
            DeviceError: an option that it does not have, or out of range; with those there are.
        """
        ...

    def open(self, robot: RobotModel) -> Sequence[Device]:
        """Bring the robot to rest where its arm can move, and give its devices, started.

        Raises:
            DeviceError: it is not there or refuses.
        """
        ...

    def sides(self) -> Sequence[F64]:
        """Two or more poses (J,), rad: that of rest, and those that the arm goes to and back from, safely and seen.

        Each other pose differs from rest in one joint, so that the lags of several do not mix.
        """
        ...

    def command(self, joint_pos_rad: F64) -> int:
        """Go there as sharply as is safe, and at once.

        Returns:
            The host's stamp of the command; where it is a path, the moment at which that is half way.
        """
        ...

    def wait(self, duration_s: float) -> None:
        """Let time pass; devices are read in between by the caller."""
        ...

    def close(self) -> None:
        """Rest, and free everything; safe to call twice."""
        ...
