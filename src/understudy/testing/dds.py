"""Publishers of ROS 2 and Unitree topics on the loopback interface, to try devices on without a robot or ROS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from understudy.devices.dds.idl import topic_on_wire, wire_type
from understudy.devices.dds.network import LOOPBACK, join
from understudy.testing.messages import Tree, wire_message

if TYPE_CHECKING:
    from cyclonedds.domain import DomainParticipant
    from cyclonedds.idl import IdlStruct
    from cyclonedds.pub import DataWriter


def own_domain() -> int:
    """A DDS domain of this process alone: tests beside each other must not hear each other. Its ports are no ephemeral ones."""
    return 50 + os.getpid() % 48


class Sender:
    """Publishes messages on one topic, as a ROS 2 node or a robot would."""

    def __init__(self, topic: str, type_name: str, *, domain: int, reliable: bool = True) -> None:
        """Announce the topic.

        Args:
            topic: ROS 2 name, such as `/joint_states`.
            type_name: such as `sensor_msgs/msg/JointState`.
            domain: DDS domain.
            reliable: as most ROS 2 publishers are; sensors often are not.
        """
        from cyclonedds.pub import DataWriter
        from cyclonedds.qos import Policy, Qos
        from cyclonedds.topic import Topic

        reliability = Policy.Reliability.Reliable(100_000_000) if reliable else Policy.Reliability.BestEffort
        qos = Qos(reliability, Policy.History.KeepLast(10), Policy.DataRepresentation(use_cdrv0_representation=True))
        self.type_name = type_name
        self._participant: DomainParticipant | None = join(domain, LOOPBACK)
        made: Topic[IdlStruct] = Topic(self._participant, topic_on_wire(topic), wire_type(type_name))
        self._writer: DataWriter[IdlStruct] | None = DataWriter(self._participant, made, qos=qos)

    def send(self, values: Tree) -> None:
        """Publish one message."""
        self.write(wire_message(self.type_name, values))

    def write(self, message: IdlStruct) -> None:
        """Publish one message that is made already."""
        assert self._writer is not None
        self._writer.write(message)

    def close(self) -> None:
        """Leave, as a process that ended does; safe to call twice."""
        self._writer = None
        self._participant = None
