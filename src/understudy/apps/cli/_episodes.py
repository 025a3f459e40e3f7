"""Which episode a command means: a file, or an id of a dataset."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import InputError


def episode_file(name: str, dataset: Path) -> Path:
    """The file of an episode.

    Args:
        name: path of an .h5 file, or an id.
        dataset: folder in which an id is looked for.

    Raises:
        UnknownNameError: the dataset has no such id.
        InputError: a folder was given, or `dataset` is none.
    """
    from understudy.store.dataset import Dataset

    given = Path(name)
    if given.suffix == ".h5" or given.is_file():
        return given
    if given.is_dir():
        raise InputError(f"{given}: a folder; give an episode's .h5 file, or its id with --dataset {given}")
    return Dataset.open(dataset).ref(name).path
