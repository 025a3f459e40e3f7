"""A robot, or anything that moves on command, with the devices that watch it: what latencies are calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
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

    def open(self, robot: RobotModel) -> Sequence[Device]:
        """Bring the robot to rest where its arm can move, and give its devices, started.

        Raises:
            DeviceError: it is not there or refuses.
        """
        ...

    def sides(self) -> tuple[F64, F64]:
        """(J,) two poses, rad, between which the arm can go back and forth safely and is seen by every device."""
        ...

    def command(self, joint_pos_rad: F64) -> int:
        """Go there as sharply as is safe, and at once; gives the host's stamp of the command."""
        ...

    def wait(self, duration_s: float) -> None:
        """Let time pass; devices are read in between by the caller."""
        ...

    def close(self) -> None:
        """Rest, and free everything; safe to call twice."""
        ...
