"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from understudy.apps.cli._main import ONE_BLAS_THREAD

os.environ.setdefault(*ONE_BLAS_THREAD)  # before any test loads numpy


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real sample data; the test is skipped where there is none."""
    named = os.environ.get("UNDERSTUDY_SAMPLES")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip(f"no sample data: set UNDERSTUDY_SAMPLES (looked at {folder})")
    return folder
