"""A copy of an episode that holds its notes, for giving away as one file."""

from __future__ import annotations

import io
from pathlib import Path

from understudy.errors import EpisodeError
from understudy.store.atomic import atomic_file
from understudy.store.episode_file import read_episode
from understudy.store.episode_write import LIBVER


def pack_episode(path: Path, out: Path) -> None:
    """Copy an episode file to `out` with its notes in `/metadata/notes`; the file itself is not changed.

    Raises:
        EpisodeError: the episode is damaged, has no notes, or `out` exists.
        StorageError: the disk refused.
    """
    import h5py

    episode = read_episode(path)
    if episode.notes is None:
        raise EpisodeError(f"{path}: it has no notes to pack; run `understudy check` first, or copy the file as it is")
    if out.exists():
        raise EpisodeError(f"{out}: is there already; choose another name")
    image = io.BytesIO(path.read_bytes())
    with h5py.File(image, "r+", libver=LIBVER) as file:
        metadata = file["metadata"]
        if "notes" in metadata:
            del metadata["notes"]
        metadata.create_dataset("notes", data=episode.notes.model_dump_json(), dtype=h5py.string_dtype(), track_times=False)
    with atomic_file(out) as part:
        part.write_bytes(image.getbuffer())
