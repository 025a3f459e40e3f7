"""What `understudy doctor` looks at. Nothing here raises: what does not work is what it reports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "optional"]

CORE_PACKAGES = (
    "numpy", "scipy", "numba", "pin", "mujoco", "example-robot-data", "h5py", "pyarrow",
    "av", "simplejpeg", "pydantic", "tyro", "rich", "pebble", "rerun-sdk",
)  # fmt: skip
_IMPORTS = {"pin": "pinocchio", "example-robot-data": "", "rerun-sdk": "rerun"}
_ONLY_FOR = {"pin": "MJCF models and robot inspect", "rerun-sdk": "understudy view", "simplejpeg": "camera streams"}
"""Packages that the main job does without, and what needs them."""
_SYSTEM_LIBRARIES = {"libgomp.so.1": "libgomp1"}
"""Shared libraries that a package's wheel does not bring along, and their Debian package."""
_OLDEST_PYTHON = (3, 11)
_AGAIN = "install --force-reinstall"
_PROBE_TIMEOUT_S = 60.0
_LEAST_FREE_GB = 2.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: `ok`; `missing` when the main job cannot do without it; `optional` when it can.
        found: what is there.
        remedy: the command or step that gets it; empty when nothing is to be done.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def run_checks(folder: Path) -> tuple[Check, ...]:
    """Everything, in the order in which one would mend it.

    Args:
        folder: where datasets will be written.
    """
    found = [python_version(), machine()]
    found += [package(name) for name in CORE_PACKAGES]
    found += [numba_cache(), *robots(), opengl(), h264(), disk(folder), lerobot(folder), mediapipe()]
    return tuple(found)


def python_version(current: tuple[int, int] | None = None) -> Check:
    """Python itself."""
    major_minor = current or (sys.version_info.major, sys.version_info.minor)
    if major_minor >= _OLDEST_PYTHON:
        return Check("Python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    remedy = "install Python 3.11 or newer: sudo apt-get install python3"
    return Check("Python", "missing", f"{major_minor[0]}.{major_minor[1]}", remedy)


def machine() -> Check:
    """Processor cores and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of memory"
    return Check("machine", "ok", f"{cores} cores{memory}")


def package(name: str) -> Check:
    """A core library: installed, and importable."""
    remedy = f"python -m pip install {name}"
    try:
        found = version(name)
    except PackageNotFoundError:
        return _unusable(name, "not installed", remedy)
    module = _IMPORTS.get(name, name)
    if not module:
        return Check(name, "ok", found)
    if trouble := probe(f"import {module}"):
        return _unusable(name, f"{found}, but it does not import: {trouble}", _remedy(name, trouble))
    return Check(name, "ok", found)


def _unusable(name: str, found: str, remedy: str) -> Check:
    if name in _ONLY_FOR:
        return Check(name, "optional", f"{found} (only for {_ONLY_FOR[name]})", remedy)
    return Check(name, "missing", found, remedy)


def _remedy(name: str, trouble: str) -> str:
    """What makes a package import: the system library that it lacks, where that is what it says, else a new copy."""
    library = trouble.partition(": cannot open shared object file")[0].rpartition(" ")[2]
    if library in _SYSTEM_LIBRARIES:
        return f"sudo apt-get install {_SYSTEM_LIBRARIES[library]}"
    if library != trouble and ".so" in library:
        return f"install the system library {library}: sudo apt-get install apt-file && apt-file search {library}"
    return f"python -m pip {_AGAIN} {name}"


def numba_cache() -> Check:
    """Compiled kernels are kept on the disk, or every start compiles again."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(__file__).parents[2] / "kinematics" / "__pycache__"
    fallback = Path.home() / ".cache" / "numba"
    for place in (folder, *(() if named else (fallback,))):
        if _writable(place):
            return Check("numba cache", "ok", str(place))
    remedy = "export NUMBA_CACHE_DIR=/tmp/numba  (until then kernels are compiled at every start)"
    return Check("numba cache", "optional", f"{folder} cannot be written", remedy)


def robots() -> tuple[Check, ...]:
    """Every robot profile loads."""
    from understudy.errors import UnderstudyError
    from understudy.kinematics.load import load_robot, robot_names

    out = []
    for name in robot_names():
        try:
            robot = load_robot(name)
        except (UnderstudyError, ImportError) as error:
            out.append(Check(f"robot {name}", "missing", str(error), f"python -m pip {_AGAIN} example-robot-data"))
        else:
            out.append(Check(f"robot {name}", "ok", f"{robot.dof} joints, {robot.mass_kg.sum():.1f} kg"))
    return tuple(out)


def opengl() -> Check:
    """Pictures: really draws one, in a process of its own, for a broken driver can crash or hang."""
    from understudy.scenes.opengl import INSTALL_COMMAND

    trouble = probe("from understudy.scenes.opengl import draws_a_pixel; draws_a_pixel()")
    if not trouble:
        backend = _output("from understudy.scenes.opengl import opengl_backend; print(opengl_backend())")
        return Check("OpenGL", "ok", f"draws off the screen by {backend}")
    return Check("OpenGL", "optional", f"no pictures in reports: {trouble.removeprefix('no pictures: ')}", INSTALL_COMMAND)


def h264() -> Check:
    """Films in reports and camera streams in exports."""
    try:
        from av import Codec

        codec = Codec("h264", "w")
    except (ImportError, ValueError) as error:
        return Check("H.264 encoder", "optional", f"none in PyAV ({error})", "python -m pip install --force-reinstall av")
    return Check("H.264 encoder", "ok", f"{codec.name} of PyAV")


def disk(folder: Path) -> Check:
    """Room for datasets."""
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free_gb = shutil.disk_usage(place).free / 1e9
    if not os.access(place, os.W_OK):
        return Check("disk", "missing", f"{place} cannot be written", "choose another folder with --folder, or change its owner")
    if free_gb < _LEAST_FREE_GB:
        return Check("disk", "missing", f"{free_gb:.1f} GB free in {place}", f"free at least {_LEAST_FREE_GB:.0f} GB")
    return Check("disk", "ok", f"{free_gb:.0f} GB free in {place}")


def lerobot(folder: Path) -> Check:
    """LeRobot's own environment; only reading exports back with LeRobot itself needs it."""
    named = os.environ.get("ENV_LEROBOT")
    python = Path(named or folder / ".venv-lerobot") / "bin" / "python"
    if not python.exists():
        remedy = "make env-lerobot  (or set ENV_LEROBOT); only interop tests need it"
        return Check("LeRobot environment", "optional", f"no {python}", remedy)
    found = _run([str(python), "-c", "from importlib.metadata import version; print(version('lerobot'))"])
    if found.returncode:
        return Check("LeRobot environment", "optional", f"{python} has no lerobot", "make env-lerobot")
    return Check("LeRobot environment", "ok", f"lerobot {found.stdout.strip()}")


def mediapipe() -> Check:
    """MediaPipe's own environment; only `understudy markerless` needs it. Started, for a bare system lacks its libraries."""
    from understudy.errors import MissingDependencyError
    from understudy.pipeline.markerless import mediapipe_python

    name = "MediaPipe environment"
    try:
        python = mediapipe_python()
    except MissingDependencyError as error:
        remedy = "make env-mediapipe  (or set ENV_MEDIAPIPE); only understudy markerless needs it"
        return Check(name, "optional", str(error).partition(":")[0], remedy)
    try:
        found = _run([str(python), "-c", "import mediapipe; print(mediapipe.__version__)"])
    except subprocess.TimeoutExpired:
        return Check(name, "optional", f"{python} does not answer within {_PROBE_TIMEOUT_S:.0f} s", "make env-mediapipe")
    except OSError as error:
        return Check(name, "optional", f"{python} does not start: {error.strerror}", "make env-mediapipe")
    if found.returncode:
        lines = found.stderr.strip().splitlines()
        trouble = lines[-1] if lines else f"exit code {found.returncode}"
        return Check(
            name, "optional", f"{python}: {trouble}", "make env-mediapipe; sudo apt-get install libgl1 libegl1 libglib2.0-0"
        )
    return Check(name, "ok", f"mediapipe {found.stdout.strip()}")


def probe(code: str) -> str:
    """Run code in a process of its own; what went wrong in a line, empty when it worked."""
    try:
        ran = _run([sys.executable, "-c", code])
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_TIMEOUT_S:.0f} s"
    if ran.returncode < 0:
        return f"crashed with signal {-ran.returncode}"
    lines = ran.stderr.strip().splitlines()
    said = lines[-1] if lines else f"exit code {ran.returncode}"
    return re.sub(r"^understudy\.errors\.\w+: ", "", said) if ran.returncode else ""


def _output(code: str) -> str:
    return _run([sys.executable, "-c", code]).stdout.strip()


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)


def _writable(folder: Path) -> bool:
    place = folder
    while not place.exists():
        place = place.parent
    return os.access(place, os.W_OK)
