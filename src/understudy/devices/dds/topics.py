"""A device made of DDS topics: messages in, samples of the schema's streams out."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.devices._settings import Settings
from understudy.devices.dds.idl import Taken, topic_on_wire
from understudy.devices.dds.network import AUTO, LOOPBACK, Publishers, join
from understudy.devices.dds.subscription import Subscription, subscribe
from understudy.devices.messages.convert import Converter
from understudy.devices.messages.decode import decode_cdr, known_types
from understudy.devices.messages.mapping import StreamMap
from understudy.errors import DeviceError, InputError, did_you_mean
from understudy.spec.device import ClockKind
from understudy.spec.sample import ClockPing, Sample
from understudy.spec.stream import StreamSpec

if TYPE_CHECKING:
    from cyclonedds.core import WaitSet
    from cyclonedds.domain import DomainParticipant

_log = logging.getLogger(__name__)
_POLL_S = 0.05
_AT_ONCE = 256


@dataclass(frozen=True)
class Network:
    """Where topics are read.

    Attributes:
        domain: DDS domain, as ROS_DOMAIN_ID.
        interface: network interface; `lo` for this machine alone, `auto` for what DDS finds.
        wait_s: how long `start` waits for the first message of every topic; 0 does not wait.
    """

    domain: int = 0
    interface: str = LOOPBACK
    wait_s: float = 5.0

    @classmethod
    def of(cls, settings: Settings) -> Network:
        """The one that the settings `domain`, `interface` and `wait_s` name.

        Raises:
            DeviceError: one of them is wrong.
        """
        return cls(
            settings.count("domain", cls.domain, low=0, high=232),
            settings.text("interface", cls.interface),
            settings.number("wait_s", cls.wait_s, low=0.0, high=600.0),
        )


class TopicsDevice:
    """Reads ROS 2 or Unitree topics.

    Stamps in the messages are the device's clock and cannot be asked for, so the clock is of the kind `push`. All topics of
    one device should be stamped by one computer; make a device for each other one.
    A message that does not fit is left out, its reason is logged once and counted in `refused`; the others go on.
    """

    clock: ClockKind = "push"

    def __init__(
        self, name: str, entries: Sequence[StreamMap], specs: Mapping[str, StreamSpec], *, robot: str, network: Network
    ) -> None:
        """Set up; nothing is joined yet.

        Args:
            name: of the device.
            entries: what goes into each stream; their clock is not asked for.
            specs: the schema's stream of each entry, by `group/name`.
            robot: profile name, for messages that number their motors.
            network: where the topics are.

        Raises:
            MissingDependencyError: cyclonedds or rosbags is missing.
            DeviceError: an entry does not fit its stream.
        """
        self.name, self.robot, self.network = name, robot, network
        self.entries = tuple(entries)
        self._specs = dict(specs)
        self.streams = tuple(self._specs[entry.stream] for entry in self.entries)
        self.refused: Counter[str] = Counter()
        self._topics: list[Subscription] = []
        self._participant: DomainParticipant | None = None
        self._waitset: WaitSet | None = None
        self._held: list[Sample] = []
        known_types()
        for entry in self.entries:
            if entry.type:
                self._converter(entry, entry.type)

    def start(self) -> None:
        """Join the domain and wait until every topic has brought a message that fits.

        Raises:
            DeviceError: a topic has no publisher, one of another type, or messages that do not fit; says which.
            MissingDependencyError: cyclonedds is missing.
        """
        if self._participant is not None:
            raise DeviceError(f"device {self.name} is started already")
        self._participant = join(self.network.domain, self.network.interface)
        try:
            self._subscribe(Publishers(self._participant))
            self._first_messages(Publishers(self._participant))
        except BaseException:
            self.close()
            raise

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """What came since the last call, oldest first; waits at most `timeout_s` for the first.

        Raises:
            DeviceError: the device is not started.
        """
        if self._held:
            held, self._held = self._held, []
            return held
        from cyclonedds.core import DDSException

        waitset = self._waitset
        if waitset is None:
            raise DeviceError(f"device {self.name} is not started; call start() first")
        try:
            waitset.wait(max(0, int(timeout_s * 1e9)))
            return self._take()
        except DDSException as error:
            if self._waitset is None:  # closed meanwhile, from another thread
                return []
            raise DeviceError(
                f"device {self.name}: DDS refuses to read on ({error.msg or error}); start the device again"
            ) from None

    def ping(self) -> ClockPing | None:
        """None: topics only send stamps."""
        return None

    def close(self) -> None:
        """Leave the domain; safe to call twice."""
        self._waitset, topics, self._topics = None, self._topics, []
        topics.clear()
        self._held = []
        self._participant = None

    def _converter(self, entry: StreamMap, type_name: str) -> Converter:
        try:
            return Converter(entry, self._specs[entry.stream], type_name, robot=self.robot)
        except InputError as error:
            raise DeviceError(f"device {self.name}: {error}") from None

    def _subscribe(self, publishers: Publishers) -> None:
        from cyclonedds.core import WaitSet

        participant = self._participant
        assert participant is not None  # set by start
        waitset = WaitSet(participant)
        wanted: dict[str, list[StreamMap]] = {}
        for entry in self.entries:
            wanted.setdefault(topic_on_wire(entry.topic), []).append(entry)
        for topic, entries in wanted.items():
            type_name = self._type_of(topic, entries, publishers)
            converters = [self._converter(entry, entry.type or type_name) for entry in entries]
            made = subscribe(participant, topic, type_name, converters)
            waitset.attach(made.condition)
            self._topics.append(made)
        self._waitset = waitset

    def _type_of(self, topic: str, entries: Sequence[StreamMap], publishers: Publishers) -> str:
        """The type that the entries name, else the one that is published."""
        named = {entry.type for entry in entries if entry.type}
        if len(named) > 1:
            raise DeviceError(f"device {self.name}: topic {topic} is mapped with the types {' and '.join(sorted(named))}")
        if named:
            return named.pop()
        until = time.monotonic() + max(self.network.wait_s, 1.0)
        while time.monotonic() < until:
            found = publishers.types().get(topic, frozenset())
            if len(found) > 1:
                raise DeviceError(f"device {self.name}: topic {topic} is published with the types {' and '.join(sorted(found))}")
            if found:
                return next(iter(found))
            time.sleep(_POLL_S)
        raise DeviceError(self._nobody(topic, publishers))

    def _first_messages(self, publishers: Publishers) -> None:
        """Wait for one sample of every stream.

        Raises:
            DeviceError: one does not come; says why.
        """
        until = time.monotonic() + self.network.wait_s
        missing = {spec.key for spec in self.streams}
        while missing and time.monotonic() < until:
            waitset = self._waitset
            assert waitset is not None  # set by _subscribe
            waitset.wait(int(_POLL_S * 1e9))
            self._held += self._take()
            missing -= {sample.stream for sample in self._held}
        if missing and self.network.wait_s > 0:
            if self.refused:
                reason, count = self.refused.most_common(1)[0]
                raise DeviceError(f"device {self.name}: no message fits ({count} came): {reason}")
            topic = next(t for t in self._topics if any(c.spec.key in missing for c in t.converters))
            raise DeviceError(self._silent(topic, publishers))

    def _silent(self, topic: Subscription, publishers: Publishers) -> str:
        found = publishers.types().get(topic.topic, frozenset())
        if found - {topic.type_name}:
            other = ", ".join(sorted(found))
            return f"device {self.name}: topic {topic.topic} is published with the type {other}, not {topic.type_name}"
        if found:
            return (
                f"device {self.name}: topic {topic.topic} has a publisher, but nothing came in {self.network.wait_s:g} s; "
                "check that it sends, and that the definitions of its type agree"
            )
        return self._nobody(topic.topic, publishers)

    def _nobody(self, topic: str, publishers: Publishers) -> str:
        known = publishers.types()
        near = did_you_mean(topic, known)
        seen = f"{len(known)} other topics are there{near}" if known else "no topic at all is seen"
        return (
            f"device {self.name}: nobody publishes {topic} in domain {self.network.domain} on interface "
            f"{self.network.interface!r}; {seen}. Check that the sender runs, its ROS_DOMAIN_ID, and the network interface "
            f"(`ip link`; {AUTO!r} lets DDS choose)"
        )

    def _take(self) -> list[Sample]:
        found: list[Sample] = []
        for topic in list(self._topics):
            refused = topic.ready.get_sample_rejected_status().total_count  # before there is room again
            taken = topic.ready.take(N=_AT_ONCE)
            arrival_ns = time.monotonic_ns()
            lost = topic.ready.get_sample_lost_status().total_count
            topic.skip(lost - topic.lost)
            topic.lost = lost
            for message in taken:
                if isinstance(message, Taken):
                    found += self._samples(topic, message.data, arrival_ns)
            if refused > topic.overflowed and len(taken) < _AT_ONCE:  # what found no room came after all that waited
                _log.warning("device %s: %d messages of %s found no room", self.name, refused - topic.overflowed, topic.topic)
                topic.skip(refused - topic.overflowed)
                topic.overflowed = refused
        return found

    def _samples(self, topic: Subscription, data: bytes, arrival_ns: int) -> list[Sample]:
        made = []
        message: object = None
        for converter in topic.converters:
            key = converter.spec.key
            seq = topic.seq[key]
            topic.seq[key] += 1
            try:
                message = decode_cdr(data, topic.type_name, known_types()) if message is None else message
                reading = converter.read(message)
            except InputError as error:
                self._refuse(str(error))
                continue
            stamp_ns = topic.unwrapped(reading.t_device_ns, converter)
            made.append(Sample(key, reading.data, arrival_ns, stamp_ns, arrival_ns, seq, reading.valid))
        return made

    def _refuse(self, reason: str) -> None:
        if not self.refused[reason]:
            _log.warning("device %s: a message was left out: %s", self.name, reason)
        self.refused[reason] += 1
