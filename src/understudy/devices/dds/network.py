"""Joining a DDS domain, on one network interface, and seeing who publishes there."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from understudy.devices.dds.idl import need_cyclone, type_from_wire
from understudy.errors import DeviceError

if TYPE_CHECKING:
    from cyclonedds.builtin import BuiltinDataReader
    from cyclonedds.domain import Domain, DomainParticipant

LOOPBACK, AUTO = "lo", "auto"
HIGHEST_DOMAIN = 232
_INTERFACE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}")
_LOOPBACK_ONLY = (
    '<CycloneDDS><Domain Id="any"><General><Interfaces><NetworkInterface name="{name}" multicast="false"/></Interfaces>'
    '<AllowMulticast>false</AllowMulticast></General><Discovery><Peers><Peer Address="127.0.0.1"/></Peers>'
    "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>40</MaxAutoParticipantIndex></Discovery>"
    "</Domain></CycloneDDS>"
)
_ONE_INTERFACE = (
    '<CycloneDDS><Domain Id="any"><General><Interfaces><NetworkInterface name="{name}"/></Interfaces></General>'
    "</Domain></CycloneDDS>"
)
_lock = threading.Lock()
_domains: dict[int, tuple[str, Domain | None]] = {}


def settings(interface: str) -> str | None:
    """Cyclone's settings for an interface; None where it finds its own (`auto`, or CYCLONEDDS_URI is set).

    Raises:
        DeviceError: a name that no interface has.
    """
    if interface == AUTO or (interface == LOOPBACK and os.environ.get("CYCLONEDDS_URI")):
        return None
    if not _INTERFACE.fullmatch(interface):
        raise DeviceError(f"network interface {interface[:40]!r}: no such name; `ip link` lists them, {AUTO!r} lets DDS choose")
    return (_LOOPBACK_ONLY if interface == LOOPBACK else _ONE_INTERFACE).format(name=interface)


def join(domain: int, interface: str) -> DomainParticipant:
    """Take part in a domain.

    A process joins a domain once, with one set of settings; joining again with others is refused.

    Args:
        domain: number, as ROS_DOMAIN_ID.
        interface: `lo` for this machine alone, a name as `ip link` has it, or `auto`.

    Raises:
        MissingDependencyError: cyclonedds is missing.
        DeviceError: the domain cannot be joined.
    """
    need_cyclone()
    from cyclonedds.core import DDSException
    from cyclonedds.domain import Domain, DomainParticipant

    if not 0 <= domain <= HIGHEST_DOMAIN:
        raise DeviceError(f"DDS domain {domain}; 0 to {HIGHEST_DOMAIN} are allowed, 0 where ROS_DOMAIN_ID is not set")
    text = settings(interface)
    with _lock:
        known = _domains.get(domain)
        if known is not None and known[0] != interface:
            raise DeviceError(
                f"DDS domain {domain} is joined on interface {known[0]!r} already, not {interface!r}; one process uses one "
                "interface per domain: give all devices the same, or record them in two processes"
            )
        try:
            if known is None:
                _domains[domain] = (interface, Domain(domain, text) if text else None)
            return DomainParticipant(domain)
        except DDSException as error:
            _domains.pop(domain, None)
            raise DeviceError(
                f"DDS domain {domain} cannot be joined on interface {interface!r} ({error.msg or error}); "
                "check its name with `ip link`"
            ) from None


class Publishers:
    """Who publishes on which topic, as discovery tells."""

    def __init__(self, participant: DomainParticipant) -> None:
        from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication

        self._reader: BuiltinDataReader = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)

    def types(self) -> Mapping[str, frozenset[str]]:
        """DDS topic to the message types published there now."""
        from cyclonedds.core import InstanceState

        found: dict[str, set[str]] = {}
        for sample in self._reader.read(N=1000):
            if sample.sample_info.instance_state == InstanceState.Alive and sample.topic_name:
                found.setdefault(sample.topic_name, set()).add(type_from_wire(sample.type_name))
        return {topic: frozenset(names) for topic, names in found.items()}
