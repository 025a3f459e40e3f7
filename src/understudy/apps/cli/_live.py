"""What the command `live` does between opening and closing."""

from __future__ import annotations

import math
import signal
import webbrowser
from dataclasses import asdict
from time import sleep
from typing import TYPE_CHECKING

from understudy.spec.live import LiveStream
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    from understudy.pipeline.live import LiveSession, LiveSnapshot
    from understudy.retarget.targets import Calibration

LOOK_S = 0.2


def known_person(stream: LiveStream, robot: RobotModel) -> Calibration | None:
    """The person of a file, measured on the whole clip; None for a source that is really live."""
    from understudy.mocap.live.replay import ReplayStream
    from understudy.retarget.problem import make_problem
    from understudy.retarget.targets import calibrate

    return calibrate(stream.motion, make_problem(robot)) if isinstance(stream, ReplayStream) else None


def run_until_interrupted(session: LiveSession, url: str) -> str:
    """Wait for Ctrl-C, the end of the terminal, or for the session to fail; says why it failed.

    Args:
        session: running.
        url: opened in a browser, where there is one; empty for none.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,):
        signal.signal(ending, signal.default_int_handler)  # a closed terminal saves the take too
    try:
        if url:
            webbrowser.open(url)
        while session.snapshot().state != "failed":
            sleep(LOOK_S)
    except KeyboardInterrupt:
        return ""
    return session.snapshot().message


def summary(found: LiveSnapshot) -> dict[str, object]:
    """How a session ran, for machines."""
    figures = {
        name: None if isinstance(value, float) and math.isnan(value) else value for name, value in asdict(found.figures).items()
    }
    return {"takes": list(found.take.saved), "unsaved": found.take.unsaved, "figures": figures}
