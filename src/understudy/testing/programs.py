"""Programs that a test starts, and ends as a person does."""

from __future__ import annotations

import signal
import subprocess


def interrupted(process: subprocess.Popen[str], timeout_s: float) -> tuple[str, str]:
    """What a program still printed and complained of after Ctrl-C; it is killed where it does not end in time.

    Raises:
        subprocess.TimeoutExpired: it did not.
    """
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
