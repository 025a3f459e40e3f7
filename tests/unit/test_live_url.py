"""Addresses of live sources, and datagrams on loopback."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from understudy.errors import MocapError
from understudy.mocap.live import _udp
from understudy.mocap.live._udp import UdpReceiver, interface_towards
from understudy.mocap.live._url import LiveUrl, ipv4, multicast_group, parse_url

OPTIONS = {"body": "the name of a skeleton", "multicast": "the group to join"}
FORM = "natnet://HOST[:PORT]"


def _parse(url: str, *, path: bool = False) -> LiveUrl:
    return parse_url(url, schemes=("natnet",), port=1510, options=OPTIONS, form=FORM, path=path)


def test_parts_and_defaults() -> None:
    url = _parse("natnet://motive.local:2000?body=Anna%20B&multicast=239.255.42.99")
    assert (url.host, url.port, url.options["body"], url.options["multicast"]) == (
        "motive.local",
        2000,
        "Anna B",
        "239.255.42.99",
    )
    assert (_parse("natnet://").host, _parse("natnet://").port) == ("127.0.0.1", 1510)
    assert _parse("NatNet://x/a/b", path=True).path == "/a/b"
    assert _parse("natnet://?body=7").integer("body", 1, 1, 9) == 7


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nutnet://host", "scheme 'nutnet' is not 'natnet'; write natnet://HOST"),
        ("natnet://host:port", r"not an address \(.*port.*\)"),
        ("natnet://host:99999", "not an address"),
        ("natnet://[::1", "not an address"),
        ("natnet://host/there", "a user, a path or a fragment"),
        ("natnet://me@host", "a user, a path or a fragment"),
        ("natnet://host?bodi=A", "option 'bodi' is not known; did you mean 'body'.*multicast: the group to join"),
        ("natnet://host?body=A&body=B", "option 'body' is given twice"),
        ("natnet://host?" + "&".join("a" * 40), "not an address|option"),
        ("natnet://" + "a" * 3000, "3009 characters, up to 2048"),
    ],
)
def test_a_wrong_address_says_what_is_allowed(url: str, message: str) -> None:
    with pytest.raises(MocapError, match=message):
        _parse(url)


def test_numbers_groups_and_hosts_are_checked() -> None:
    with pytest.raises(MocapError, match="body is 'x'; a whole number from 1 to 9"):
        _parse("natnet://?body=x").integer("body", 1, 1, 9)
    assert multicast_group("239.255.42.99", "u") == "239.255.42.99"
    with pytest.raises(MocapError, match=r"'10\.0\.0\.1' is no multicast address"):
        multicast_group("10.0.0.1", "u")
    assert ipv4("localhost", "u") == "127.0.0.1"
    with pytest.raises(MocapError, match="cannot be found"):
        ipv4("no-such-host.invalid", "u")
    assert interface_towards("127.0.0.1", "u") == "127.0.0.1"


def test_datagrams_come_in_order_with_their_arrival() -> None:
    receiver = UdpReceiver("test", 0)
    before_ns = time.monotonic_ns()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for k in range(3):
            sender.sendto(bytes([k]), receiver.address)
        got = [receiver.get(5.0) for _ in range(3)]
        assert [each.data for each in got if each] == [b"\0", b"\1", b"\2"]
        assert all(each and before_ns <= each.t_arrival_ns <= time.monotonic_ns() for each in got)
        assert receiver.get(0.01) is None
        assert receiver.send(b"back", sender.getsockname())
        assert sender.recvfrom(10) == (b"back", receiver.address)
    receiver.close()
    receiver.close()
    assert receiver.get(1.0) is None


def test_a_slow_reader_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_udp, "MOST_QUEUED", 4)
    receiver = UdpReceiver("test", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for k in range(10):
            sender.sendto(bytes([k]), receiver.address)
        deadline = time.monotonic() + 5.0
        while receiver.dropped < 6 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert receiver.dropped == 6
        first = receiver.get(1.0)
        assert first is not None
        assert first.data == b"\6"
    receiver.close()


def test_strangers_are_not_heard() -> None:
    receiver = UdpReceiver("test", 0, only_from="127.0.0.2")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"x", receiver.address)
        assert receiver.get(0.1) is None
    receiver.close()


def test_closing_wakes_the_reader() -> None:
    receiver = UdpReceiver("test", 0)
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(receiver.get(60.0)))
    reader.start()
    receiver.close()
    reader.join(10.0)
    assert got == [None]


def test_a_taken_port_says_what_to_do() -> None:
    receiver = UdpReceiver("first", 0)
    with pytest.raises(MocapError, match=r"second: UDP port \d+ on interface 127\.0\.0\.1 cannot be had .*close the other"):
        UdpReceiver("second", receiver.address[1])
    receiver.close()


def test_multicast_on_loopback() -> None:
    try:
        receiver = UdpReceiver("test", 0, group="239.255.42.99")
    except MocapError as error:
        pytest.skip(f"this machine has no multicast on loopback: {error}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        try:
            sender.sendto(b"all", ("239.255.42.99", receiver.address[1]))
        except OSError as error:
            receiver.close()
            pytest.skip(f"this machine has no multicast on loopback: {error}")
        got = receiver.get(2.0)
    receiver.close()
    assert got is not None
    assert got.data == b"all"
