"""Recording by keys, with the terminal's view; without a terminal, the commands of the bus alone."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.apps.cli._console import console, note
from understudy.apps.cli._record import RecordSession
from understudy.apps.cli._record_view import view
from understudy.errors import BusError
from understudy.record.commands import Reply

if TYPE_CHECKING:
    from rich.console import RenderableType

LOOK_S = 0.15
ENTER, ERASE, ESCAPE = "\n\r", "\b\x7f", "\x1b"


@dataclass
class Keyboard:
    """What keys do.

    Attributes:
        session: that they command.
        ended: `q` was pressed.
        typing: the instruction that is being typed; None where none is.
        instruction: of the next takes; empty for the recorder's own.
    """

    session: RecordSession
    ended: bool = False
    typing: str | None = None
    instruction: str = ""

    def press(self, key: str) -> None:
        """Carry out one key; what the recorder refuses is said."""
        if self.typing is not None:
            self._type(key)
            return
        try:
            self._command(key)
        except BusError as error:
            self.session.said.append(str(error))

    def _command(self, key: str) -> None:
        session = self.session
        if key == " ":
            if session.ask("health")["health"]["take"]["activity"] == "recording":
                session.said.append(f"{session.ask('stop')['take']}: ended")
            else:
                labels = {"language_instruction": self.instruction} if self.instruction else {}
                session.said.append(f"{session.ask('start', {'metadata': labels})['take']}: recording")
        elif key == "m":
            session.said.append(f"mark {session.ask('mark')['marks']}")
        elif key == "d":
            session.said.append(f"{session.ask('discard')['take']}: discarded, kept in failures/")
        elif key == "i":
            self.typing = ""
        elif key == "q":
            self.ended = True

    def _type(self, key: str) -> None:
        typed = self.typing or ""
        if key in ENTER:
            self.instruction, self.typing = typed.strip(), None
        elif key == ESCAPE:
            self.typing = None
        elif key in ERASE:
            self.typing = typed[:-1]
        elif key.isprintable():
            self.typing = typed + key

    @property
    def prompt(self) -> str:
        """What is being typed."""
        return "" if self.typing is None else f"instruction: {self.typing}_   (Enter takes it, Escape does not)"


def run_with_keys(session: RecordSession) -> None:
    """Until `q`, Ctrl-C or the end of the terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        note("recording is commanded over the bus (docs/bus_wire.md); Ctrl-C ends")
        _wait(session)
        return
    from rich.live import Live

    keyboard, results = Keyboard(session), 0
    try:
        # a screen of its own: what devices write to the terminal, and a window that is resized, leave nothing behind in it
        with _single_keys(), Live(console=console(), screen=True, auto_refresh=False) as live:
            while not keyboard.ended:
                if select.select([sys.stdin], [], [], LOOK_S)[0]:
                    for key in os.read(sys.stdin.fileno(), 256).decode(errors="ignore"):
                        keyboard.press(key)
                session.look()
                try:
                    reply = session.ask("health")
                except BusError as error:
                    session.said.append(str(error))
                    continue
                if reply["results"] != results:
                    results = reply["results"]
                    session.say_results()
                live.update(_shown(session, reply, keyboard.prompt), refresh=True)
    except KeyboardInterrupt:
        return


def _shown(session: RecordSession, reply: Reply, prompt: str) -> RenderableType:
    size = console().size
    return view(
        reply["health"],
        said=[*session.said, *session.opening],
        finalizing=reply["finalizing"],
        prompt=prompt,
        page=session.page,
        size=(size.width, size.height),
    )


def _wait(session: RecordSession) -> None:
    try:
        said = 0
        while True:
            time.sleep(LOOK_S)
            session.look()
            for text in session.said[said:]:
                note(text)
            said = len(session.said)
    except KeyboardInterrupt:
        return


@contextmanager
def _single_keys() -> Iterator[None]:
    """Keys come one by one and are not shown; as before afterwards."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
