"""Damaged, foreign and hostile files: each is refused with an EpisodeError naming file and dataset."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from understudy.errors import EpisodeError
from understudy.store import migration
from understudy.store.episode_file import read_episode, write_episode
from understudy.testing.episodes import make_episode

Q = "observations/joint_positions"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "e.h5"
    write_episode(path, make_episode(duration_s=0.3))
    return path


def copy_of(whole: Path, folder: Path) -> Path:
    return Path(shutil.copy(whole, folder / "e.h5"))


def read_all(path: Path) -> None:
    for stream in read_episode(path).streams.values():
        assert len(stream.data) == len(stream)


def _replace(file: Any, name: str, data: Any, **kwargs: Any) -> None:
    del file[name]
    file.create_dataset(name, data=data, **kwargs)


def _huge(file: Any) -> None:
    del file[f"{Q}/data"]
    file.create_dataset(f"{Q}/data", shape=(2**40, 29), dtype="f8", chunks=(1024, 29))


def _pickled(file: Any) -> None:
    _replace(file, f"{Q}/data", np.void(pickle.dumps({"a": 1})))


def _not_a_number(file: Any) -> None:
    t = file[f"{Q}/t_ns"][:].astype(np.float64)
    t[3] = np.nan
    _replace(file, f"{Q}/t_ns", t)


def _going_back(file: Any) -> None:
    t = file[f"{Q}/t_ns"][:]
    t[4] = 0
    _replace(file, f"{Q}/t_ns", t)


def _fewer_joints(file: Any) -> None:
    names = file["metadata/joint_names"][:-1]
    _replace(file, "metadata/joint_names", names, dtype=h5py.string_dtype())


def _external_link(file: Any) -> None:
    del file[f"{Q}/data"]
    file[f"{Q}/data"] = h5py.ExternalLink("/etc/passwd", "/x")


def _soft_link(file: Any) -> None:
    del file["debug"]
    file["debug"] = h5py.SoftLink("/observations")


def _external_storage(file: Any) -> None:
    del file[f"{Q}/t_ns"]
    file.create_dataset(f"{Q}/t_ns", shape=(10,), dtype="i8", external=[("/etc/passwd", 0, 80)])


def _virtual(file: Any) -> None:
    del file[f"{Q}/t_ns"]
    layout = h5py.VirtualLayout(shape=(4,), dtype="i8")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", shape=(4,))
    file.create_virtual_dataset(f"{Q}/t_ns", layout)


def _object_attr(file: Any) -> None:
    file["metadata"].attrs["task_id"] = np.arange(3)


DAMAGE: dict[str, tuple[Callable[[Any], object], str]] = {
    "other format": (lambda f: f.attrs.__setitem__("format", "robomimic"), "'robomimic', not 'understudy-episode'"),
    "no format": (lambda f: f.attrs.__delitem__("format"), "is it an episode"),
    "newer": (lambda f: f.attrs.__setitem__("format_version", 2), "format version 2, this program reads up to 1; update"),
    "older": (lambda f: f.attrs.__setitem__("format_version", 0), "format version 0 is none"),
    "text version": (lambda f: f.attrs.__setitem__("format_version", "1"), "a whole number is needed"),
    "no hash": (lambda f: f.attrs.__delitem__("schema_sha256"), "attributes of / are missing: schema_sha256"),
    "schema changed": (lambda f: f.attrs.__setitem__("schema_sha256", "0" * 64), "/metadata/schema does not have the hash"),
    "no timeline": (lambda f: f.__delitem__("timeline"), "/timeline is missing"),
    "no debug": (lambda f: f.__delitem__("debug"), "/debug is missing"),
    "no stamps": (lambda f: f.__delitem__(f"{Q}/t_ns"), f"/{Q}/t_ns is missing"),
    "no data": (lambda f: f.__delitem__(f"{Q}/data"), f"/{Q}/data is missing"),
    "no required stream": (lambda f: f.__delitem__(Q), f"required streams are missing: {Q}"),
    "no alignment": (lambda f: f.__delitem__(f"timeline/{Q}/index"), f"/timeline/{Q}/index is missing"),
    "short alignment": (lambda f: _replace(f, f"timeline/{Q}/index", np.arange(3)), r"has shape \(3,\) for 16 steps"),
    "stamps not a number": (_not_a_number, f"/{Q}/t_ns: stamps are float64"),
    "stamps going back": (_going_back, f"/{Q}/t_ns: stamps must not go back, but step 4"),
    "fewer joints": (_fewer_joints, "/metadata/joint_names has 28 joints"),
    "fewer columns": (lambda f: _replace(f, f"{Q}/data", np.zeros((37, 28))), rf"/{Q}/data is float64 \(37, 28\)"),
    "fewer samples": (lambda f: _replace(f, f"{Q}/data", np.zeros((36, 29))), rf"/{Q}/data is float64 \(36, 29\)"),
    "other dtype": (lambda f: _replace(f, f"{Q}/data", np.zeros((37, 29), np.float32)), "is float32"),
    "huge": (_huge, "claims .* bytes but 0 are stored"),
    "pickle": (_pickled, f"/{Q}/data holds .*only plain numbers"),
    "objects": (lambda f: _replace(f, f"{Q}/data", ["a", "b"], dtype=h5py.string_dtype()), "only plain numbers"),
    "external link": (_external_link, f"/{Q}/data is a link to somewhere else"),
    "soft link": (_soft_link, "/debug is a link to somewhere else"),
    "external storage": (_external_storage, f"/{Q}/t_ns takes its samples from another file"),
    "virtual dataset": (_virtual, f"/{Q}/t_ns takes its samples from another file"),
    "group for dataset": (lambda f: (f.__delitem__(f"{Q}/data"), f.create_group(f"{Q}/data")), f"/{Q}/data is not a dataset"),
    "dataset for group": (lambda f: (f.__delitem__("debug"), f.create_dataset("debug", data=1)), "/debug is not a group"),
    "array in metadata": (_object_attr, "attribute 'task_id' of /metadata is a ndarray"),
    "unknown stream": (lambda f: f.create_group("debug/secret"), "debug/secret is not in the file's own schema"),
    "other unit": (lambda f: f[Q].attrs.__setitem__("unit", "deg"), "attribute unit is 'deg', the file's schema says 'rad'"),
    "no unit": (lambda f: f[Q].attrs.__delitem__("unit"), "are missing: unit"),
    "names no JSON": (lambda f: f[Q].attrs.__setitem__("names", "[1,"), "do not describe a stream"),
    "segments uneven": (lambda f: _replace(f, "metadata/segments/end_ns", np.arange(2)), "/metadata/segments cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name: str, whole: Path, tmp_path: Path) -> None:
    change, message = DAMAGE[name]
    path = copy_of(whole, tmp_path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(EpisodeError, match=message) as caught:
        read_all(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(EpisodeError, match=r"cut\.h5: cannot be opened"):
        read_all(path)


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(EpisodeError, match="not an HDF5 file"):
        read_episode(tmp_path / "text.h5")
    with pytest.raises(EpisodeError, match="a folder"):
        read_episode(tmp_path)
    with pytest.raises(EpisodeError, match="no file"):
        read_episode(tmp_path / "none.h5")


def test_a_flipped_sample_is_found_by_its_checksum(whole: Path, tmp_path: Path) -> None:
    path = copy_of(whole, tmp_path)
    with h5py.File(path) as file:
        chunk = file[f"{Q}/data"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + 1000] ^= 4
    path.write_bytes(data)
    episode = read_episode(path)
    with pytest.raises(EpisodeError, match=f"/{Q}/data cannot be read"):
        episode.data(Q)


def test_an_older_file_is_read_through_its_migrations(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copy_of(whole, tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 0
        file.move(f"{Q}", "observations/q")  # what version 0 might have called it
        file.move(f"timeline/{Q}", "timeline/observations/q")

    def rename(file: Any) -> None:
        file.move("observations/q", Q)
        file.move("timeline/observations/q", f"timeline/{Q}")

    before = path.read_bytes()
    monkeypatch.setitem(migration.MIGRATIONS, 0, rename)
    found, same = read_episode(path), read_episode(whole)
    np.testing.assert_array_equal(found.data(Q), same.data(Q))
    assert path.read_bytes() == before
