"""What every test may ask for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from understudy.apps.cli._main import ONE_BLAS_THREAD

os.environ.setdefault(*ONE_BLAS_THREAD)  # before any test loads numpy
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script; what tests start would be deaf to it too
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def pinocchio() -> object:
    """Pinocchio; the test is skipped where its wheel lacks a system library, which the main job does without."""
    why = "Pinocchio does not load: sudo apt-get install libgomp1"
    return pytest.importorskip("pinocchio", reason=why, exc_type=ImportError)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real sample data; the test is skipped where there is none."""
    named = os.environ.get("UNDERSTUDY_SAMPLES")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip(f"no sample data: set UNDERSTUDY_SAMPLES (looked at {folder})")
    return folder
