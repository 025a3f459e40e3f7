"""One DDS topic that is read, and what is counted of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from understudy.devices.dds.idl import taking_type
from understudy.devices.messages.convert import Converter
from understudy.spec.sample import NO_STAMP

if TYPE_CHECKING:
    from cyclonedds.core import ReadCondition
    from cyclonedds.domain import DomainParticipant
    from cyclonedds.sub import DataReader

DEPTH, IMAGE_DEPTH = 1000, 32
"""Messages that are kept while nobody reads; those that find no room are refused, which DDS counts. Of a history that keeps the
last ones it would not say which it let go."""
_TICK_WRAP_NS = (1 << 32) * 1_000_000


@dataclass
class Subscription:
    """A topic, and what becomes of its messages.

    Attributes:
        topic: its name in DDS.
        type_name: of its messages.
        converters: one for each stream.
        ready: gives the messages.
        condition: holds while there are any.
        seq: number of the next sample of each stream.
        lost: messages that DDS has reported as lost on their way.
        overflowed: messages that DDS has reported as refused, because too many waited to be read.
    """

    topic: str
    type_name: str
    converters: list[Converter]
    ready: DataReader
    condition: ReadCondition
    seq: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    overflowed: int = 0
    _wraps: int = 0
    _last_tick_ns: int = NO_STAMP

    def skip(self, messages: int) -> None:
        """Messages that never came: a step over numbers."""
        for converter in self.converters:
            self.seq[converter.spec.key] += messages

    def unwrapped(self, stamp_ns: int, converter: Converter) -> int:
        """The message's stamp; a tick goes on where its 32 bits begin anew, after 49.7 days."""
        if stamp_ns == NO_STAMP or converter.stamped_on_wall_clock:
            return stamp_ns
        unwrapped = stamp_ns + self._wraps * _TICK_WRAP_NS
        if self._last_tick_ns - unwrapped > _TICK_WRAP_NS // 2:
            self._wraps += 1
            unwrapped += _TICK_WRAP_NS
        self._last_tick_ns = unwrapped
        return unwrapped


def subscribe(participant: DomainParticipant, topic: str, type_name: str, converters: list[Converter]) -> Subscription:
    """Begin to receive a topic.

    Best effort and volatile match every offer; what ROS 2 and Unitree send is XCDR version 1.
    """
    from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
    from cyclonedds.qos import Policy, Qos
    from cyclonedds.sub import DataReader
    from cyclonedds.topic import Topic

    image = any(converter.spec.kind == "image" for converter in converters)
    qos = Qos(
        Policy.Reliability.BestEffort,
        Policy.Durability.Volatile,
        Policy.History.KeepAll,
        Policy.ResourceLimits(max_samples=IMAGE_DEPTH if image else DEPTH),
        Policy.DataRepresentation(use_cdrv0_representation=True),
    )
    reader = DataReader(participant, Topic(participant, topic, taking_type(type_name)), qos=qos)
    condition = ReadCondition(reader, SampleState.NotRead | ViewState.Any | InstanceState.Any)
    return Subscription(topic, type_name, converters, reader, condition)
