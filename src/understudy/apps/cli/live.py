"""Show the retargeted robot beside the person, live, and record takes."""

from __future__ import annotations

import sys
from typing import Annotated

import tyro

from understudy.apps.cli._arguments import Count, Off, On, OptionalFolder, Robot, Text
from understudy.apps.cli._command import DONE, UNUSABLE, Command

Source = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
Address = Annotated[str, tyro.conf.arg(metavar="ADDRESS")]
SWITCH_S = 0.0005
"""How long the page's threads may keep the interpreter while the session's waits; Python's own 5 ms is two thirds of a frame."""


def live(
    source: Source,
    /,
    *,
    robot: Robot,
    into: OptionalFolder = None,
    task: Text = "",
    demonstrator: Text = "",
    instruction: Text = "",
    host: Address = "127.0.0.1",
    port: Count = 8791,
    browser: On = True,
    json: Off = False,
) -> int:
    """Show the retargeted robot beside the person, live, in a browser; record takes on demand. Ctrl-C ends it and saves.

    Args:
        source: the address of a live source, such as vmc://0.0.0.0:39539, or a motion capture file, which is replayed.
        robot: a name from `understudy robots`, or the path of a profile's TOML file.
        into: dataset folder that takes go to; made where it is missing. Nothing is recorded without it.
        task: what the page's field says first: what is done, such as walk.
        demonstrator: who moves, as a code.
        instruction: what the robot is told to do, one sentence.
        host: address that the page is served at; anything but this computer's own asks for the token that is printed.
        port: of the page; 0 takes any that is free.
        browser: open the page in the browser.
        json: print at the end, as JSON, what was recorded and how the session ran.
    """
    from understudy.apps.cli._console import complain, note, say, say_json
    from understudy.apps.cli._live import known_person, run_until_interrupted, summary
    from understudy.apps.web.live.server import LiveServer
    from understudy.kinematics.load import load_robot
    from understudy.mocap.live import open_source
    from understudy.pipeline.build import open_or_create
    from understudy.pipeline.live import LiveSession, TakeLabel

    sys.setswitchinterval(SWITCH_S)
    model = load_robot(robot)
    dataset = open_or_create(into, model) if into is not None else None
    stream = open_source(source)
    session = LiveSession(stream, model, known=known_person(stream, model), dataset=dataset)
    with session, LiveServer(session, host=host, port=port, label=TakeLabel(task, demonstrator, instruction)) as server:
        note(f"open {server.url}   (Ctrl-C ends)")
        failure = run_until_interrupted(session, server.url if browser else "")
    found = session.snapshot()
    if json:
        say_json(summary(found))
    for episode in found.take.saved:
        if not json:
            say(f"{into}: {episode}")
    if found.take.unsaved:
        failure = f"{found.take.unsaved} takes could not be saved: {found.take.message}"
    if failure:
        complain(failure)
    return UNUSABLE if failure else DONE


PLUGIN: Command = Command.of(live)
