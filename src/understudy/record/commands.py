"""Commands over the bus: one map in, one map out, JSON or msgpack. docs/bus_wire.md lists them."""

from __future__ import annotations

import hmac
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from understudy.errors import BusError, UnderstudyError, did_you_mean
from understudy.record.address import BusAddress
from understudy.record.zmq_bus import bind

if TYPE_CHECKING:
    import zmq

COMMANDS = ("start", "stop", "discard", "mark", "health", "takes", "thumbnail", "clock", "quit")
MOST_BYTES = 64 * 1024
WAIT_S = 10.0
"""For the recording thread to carry a command out."""

Reply = Mapping[str, Any]


@dataclass
class Asked:
    """A command on its way to the recording thread.

    Attributes:
        name: one of `COMMANDS`.
        given: its further keys.
    """

    name: str
    given: Mapping[str, Any]
    _done: threading.Event = field(default_factory=threading.Event)
    _reply: Reply = field(default_factory=dict)

    def answer(self, reply: Reply) -> None:
        """The command was carried out, or refused."""
        self._reply = reply
        self._done.set()

    def wait(self, timeout_s: float) -> Reply:
        """What was answered; a refusal where nobody answered in time."""
        return self._reply if self._done.wait(timeout_s) else refused("the recorder is busy; ask again")


def done(**found: object) -> Reply:
    """A command that was carried out."""
    return {"ok": True, **found}


def refused(error: str) -> Reply:
    """A command that was not."""
    return {"ok": False, "error": error}


class CommandDoor:
    """Answers commands in a thread of its own.

    What reads (`health`, `thumbnail`, `clock`, `takes`) is answered there and then; what changes something waits in `asked` for
    the recording thread.

    Args:
        address: of the bus.
        reading: name to what answers it, called with the further keys; an image in the reply goes as a second part.

    Raises:
        BusError: the address cannot be had.
    """

    def __init__(self, address: BusAddress, reading: Mapping[str, Callable[[Mapping[str, Any]], Reply]]) -> None:
        import zmq

        self.asked: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._token, self._reading = address.token, reading
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in ((zmq.MAXMSGSIZE, MOST_BYTES), (zmq.LINGER, 200), (zmq.SNDHWM, 20), (zmq.RCVHWM, 100)):
            self._socket.setsockopt(option, value)
        bind(self._socket, address.commands, self._context)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="commands", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        waiting: list[tuple[list[bytes], bool, Asked, float]] = []
        while not self._closed.is_set():
            if self._socket.poll(10 if waiting else 50):
                self._one(self._socket.recv_multipart(), waiting)
            now_s = time.monotonic()
            for item in list(waiting):
                route, text, asked, until_s = item
                if asked._done.is_set() or now_s > until_s:
                    waiting.remove(item)
                    self._send(route, asked.wait(0.0), text=text)
        for route, text, asked, _ in waiting:
            self._send(route, asked.wait(1.0), text=text)
        self._socket.close()
        self._context.term()

    def _one(self, parts: list[bytes], waiting: list[tuple[list[bytes], bool, Asked, float]]) -> None:
        *route, body = parts
        text = body[:1] == b"{"
        try:
            found = parsed(body, text=text)
            self._check_token(found.pop("token", ""))
            name = found.pop("cmd", None)
            if name not in COMMANDS:
                raise BusError(
                    f"unknown command {str(name)[:40]!r}{did_you_mean(str(name), COMMANDS)} (known: {', '.join(COMMANDS)})"
                )
            if name in self._reading:
                self._send(route, self._reading[name](found), text=text)
                return
            asked = Asked(cast(str, name), found)
            waiting.append((route, text, asked, time.monotonic() + WAIT_S))
            self.asked.put(asked)
        except UnderstudyError as error:
            self._send(route, refused(str(error)), text=text)

    def _check_token(self, given: object) -> None:
        if self._token and not hmac.compare_digest(str(given).encode(), self._token.encode()):
            raise BusError("wrong or no token; bring the recorder's")

    def _send(self, route: list[bytes], reply: Reply, *, text: bool) -> None:
        import zmq

        image = reply.get("image")
        plain = {key: value for key, value in reply.items() if key != "image"}
        body = json.dumps(finite(plain)).encode() if text else _packed(plain)
        try:
            self._socket.send_multipart([*route, body, *([image] if isinstance(image, bytes) else [])], zmq.NOBLOCK)
        except zmq.ZMQError:
            return  # who asked is gone, or does not listen

    def close(self) -> None:
        """Stop answering; twice is fine."""
        self._closed.set()
        self._thread.join()


def parsed(body: bytes, *, text: bool) -> dict[str, Any]:
    """The map in a command or reply; raises BusError where there is none."""
    import msgpack

    try:
        found = json.loads(body) if text else msgpack.unpackb(body)
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise BusError(f"not a command: neither JSON nor msgpack ({str(error)[:80]})") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise BusError('not a command: a map such as {"cmd": "start"} is needed')
    return found


def finite(value: object) -> object:
    """The same without infinity and NaN, which JSON does not know: null instead."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return value


def _packed(value: object) -> bytes:
    import msgpack

    return cast(bytes, msgpack.packb(value))


class Commander:
    """Commands a recorder, from another thread or process.

    Args:
        address: of its bus.
        timeout_s: until an answer must be there.
    """

    def __init__(self, address: BusAddress, *, timeout_s: float = WAIT_S) -> None:
        import zmq

        self._address, self._timeout_s = address, timeout_s
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._fresh()

    def _fresh(self) -> zmq.Socket[bytes]:
        import zmq

        socket = self._context.socket(zmq.REQ)
        for option, value in ((zmq.LINGER, 0), (zmq.REQ_RELAXED, 1), (zmq.REQ_CORRELATE, 1)):
            socket.setsockopt(option, value)
        socket.connect(self._address.commands)
        return socket

    def ask(self, command: str, given: Mapping[str, object] | None = None, *, timeout_s: float | None = None) -> Reply:
        """Have a command carried out; the recorder's answer.

        Args:
            command: one of `COMMANDS`.
            given: its further keys.
            timeout_s: until the answer must be there.

        Raises:
            BusError: nobody answers, or the recorder refuses.
        """
        request = {"cmd": command, **(given or {}), **({"token": self._address.token} if self._address.token else {})}
        self._socket.send(_packed(request))
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        if not self._socket.poll(round(1e3 * wait_s)):
            raise BusError(f"{self._address.commands}: no recorder answers; start one with `understudy record DIR`")
        body, *image = self._socket.recv_multipart()
        reply = parsed(body, text=False)
        if not reply.get("ok"):
            raise BusError(str(reply.get("error", "refused")))
        return {**reply, "image": image[0]} if image else reply

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
        self._context.term()
