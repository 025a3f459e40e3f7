"""Whatever bytes an AMC, ASF, MVNX, npz or csv file holds, its reader returns a motion or raises MocapError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.mocap.amass import Amass
from understudy.mocap.asf_amc import motion_from_amc
from understudy.mocap.joint_array import JointArray, write_joint_array
from understudy.mocap.mvnx import MvnxReader
from understudy.simulate.walker import reach
from understudy.spec.skeleton import JOINTS, HumanMotion

_WORDS = [
    b"nan", b"-inf", b"1e308", b"1e-320", b"-", b"0", b"99999999999999999999", b"\xff\xfe", b"\0", b"\n", b" ", b",",
    b"\r", b"<", b">",     b":bonedata", b":root", b"begin", b"end", b"root", b"dof rx", b"axis", b"#", b":DEGREES",
    b":RADIANS", b"1\n",     b"<frame>", b"</frame>", b"<position>", b"<segment label='L5'>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"type='normal'",     b"frame,time", b".x", b"# unit: mm\n",
    b"# rate_hz: 1e9\n", b"\xc3\xa4", b"\x93NUMPY\x01\x00", b"'shape': (9999999999,)", b"'<f8'",
]  # fmt: skip
_KINDS = st.sampled_from(["flip", "cut", "insert", "replace", "swap", "truncate"])
_edits = st.lists(st.tuples(_KINDS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6)), min_size=1, max_size=5)
_Edit = tuple[str, float, float, int]
_fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _edited(data: bytes, edits: list[_Edit]) -> bytes:
    for kind, a, b, pick in edits:
        at, to = sorted((int(a * len(data)), int(b * len(data))))
        if kind == "flip" and data:
            data = data[: at - 1] + bytes([data[at - 1] ^ (1 << pick % 8)]) + data[at:]
        elif kind == "cut":
            data = data[:at] + data[min(to, at + 1 + pick % 200) :]
        elif kind == "insert":
            data = data[:at] + _WORDS[pick % len(_WORDS)] + data[at:]
        elif kind == "replace":
            words = data.split(b" ")
            words[pick % len(words)] = _WORDS[pick % len(_WORDS)]
            data = b" ".join(words)
        elif kind == "swap":
            lines = data.split(b"\n")
            i, j = int(a * (len(lines) - 1)), int(b * (len(lines) - 1))
            lines[i], lines[j] = lines[j], lines[i]
            data = b"\n".join(lines)
        elif pick % 4 == 0:
            data = data[:at]
    return data


def _only_its_own_errors(read: Callable[[], HumanMotion]) -> None:
    message = "fuzz"
    try:
        motion = read()
    except MocapError as error:
        message = str(error)
    else:
        assert len(motion) >= 3
        assert np.isfinite(motion.joint_pos_world_m).all()
    assert "fuzz" in message


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def acclaim(samples: Path) -> tuple[bytes, bytes]:
    """The sample's skeleton, and its first four frames."""
    amc = (samples / "bvh" / "01_01.amc").read_bytes().replace(b"\r", b"")
    return (samples / "bvh" / "01.asf").read_bytes(), amc[: amc.index(b"\n5\n") + 1]


@_fuzz
@given(edits=_edits)
def test_spoiled_motions_of_acclaim(acclaim: tuple[bytes, bytes], edits: list[_Edit]) -> None:
    asf, amc = acclaim
    _only_its_own_errors(lambda: motion_from_amc(_edited(amc, edits), asf, "fuzz.amc", "fuzz.asf"))


@_fuzz
@given(edits=_edits)
def test_spoiled_skeletons_of_acclaim(acclaim: tuple[bytes, bytes], edits: list[_Edit]) -> None:
    asf, amc = acclaim
    _only_its_own_errors(lambda: motion_from_amc(amc, _edited(asf, edits), "fuzz.amc", "fuzz.asf"))


@pytest.fixture(scope="module")
def mvnx(samples: Path) -> bytes:
    """The sample's head and its first frames."""
    data = (samples / "mvnx" / "test_mocap.mvnx").read_bytes()
    end = [at for at in range(len(data)) if data.startswith(b"</frame>", at)][6] + len(b"</frame>")
    return data[:end] + b"</frames></subject></mvnx>"


@_fuzz
@given(edits=_edits)
def test_spoiled_files_of_xsens(mvnx: bytes, folder: Path, edits: list[_Edit]) -> None:
    path = folder / "fuzz.mvnx"
    path.write_bytes(_edited(mvnx, edits))
    _only_its_own_errors(lambda: MvnxReader().read(path))


@pytest.fixture(scope="module")
def archives(folder: Path) -> list[bytes]:
    """Joint arrays and poses, plain and compressed."""
    motion = reach(rate_hz=2.0)
    out = []
    write_joint_array(motion, folder / "good.npz")
    out.append((folder / "good.npz").read_bytes())
    poses = np.zeros((5, 72))
    poses[:, 0] = np.pi / 2.0
    for save in (np.savez, np.savez_compressed):
        save(folder / "good.npz", poses=poses, trans=np.zeros((5, 3)), betas=np.ones(10), gender="male", mocap_framerate=30.0)
        out.append((folder / "good.npz").read_bytes())
    np.savez(folder / "good.npz", joint_pos=motion.joint_pos_world_m, joint_names=np.array(JOINTS), rate_hz=2.0)
    return [*out, (folder / "good.npz").read_bytes()]


@_fuzz
@given(which=st.integers(0, 3), edits=_edits)
def test_spoiled_archives(archives: list[bytes], folder: Path, which: int, edits: list[_Edit]) -> None:
    path = folder / "fuzz.npz"
    path.write_bytes(_edited(archives[which], edits))
    _only_its_own_errors(lambda: Amass().read(path))
    _only_its_own_errors(lambda: JointArray().read(path))


@pytest.fixture(scope="module")
def table() -> bytes:
    motion = reach(rate_hz=2.0)
    head = ",".join(["frame", "time", *(f"{name}.{axis}" for name in JOINTS for axis in "xyz")])
    rows = [
        ",".join([str(t), f"{motion.t_ns[t] * 1e-9}", *(f"{v:.3f}" for v in motion.joint_pos_world_m[t].reshape(-1))])
        for t in range(len(motion))
    ]
    return "\n".join(["# unit: m", "# up: z", head, *rows]).encode()


@_fuzz
@given(edits=_edits)
def test_spoiled_tables(table: bytes, folder: Path, edits: list[_Edit]) -> None:
    path = folder / "fuzz.csv"
    path.write_bytes(_edited(table.replace(b",", b", "), edits))
    _only_its_own_errors(lambda: JointArray().read(path))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(_WORDS), max_size=30).map(b" ".join)))
def test_any_bytes_at_all(folder: Path, data: bytes) -> None:
    for suffix, reader in ((".mvnx", MvnxReader()), (".npz", Amass()), (".csv", JointArray()), (".npz", JointArray())):
        for head in (b"", b"PK\x03\x04", b"<mvnx>", b"frame,time,a.x,a.y,a.z\n"):
            path = folder / f"fuzz{suffix}"
            path.write_bytes(head + data)
            _only_its_own_errors(lambda reader=reader, path=path: reader.read(path))  # type: ignore[misc]
    _only_its_own_errors(lambda: motion_from_amc(data, data, "fuzz.amc", "fuzz.asf"))
