"""Images in an episode file: JPEG files or H.264 packets, read when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import EpisodeError
from understudy.geom.arrays import AnyArray
from understudy.spec.h264 import H264
from understudy.spec.stream import Piecewise
from understudy.spec.video import Video
from understudy.store.h5_guard import ADVICE, array_of, damaged, dataset_in, group_in, names_in
from understudy.store.layout import EXTRADATA, IMAGE_DATASETS
from understudy.store.migration import current

if TYPE_CHECKING:
    import h5py

_MOST_EXTRADATA_BYTES = 64 * 1024


def images_in(group: h5py.Group, path: Path, *, count: int) -> Piecewise:
    """The images of a stream, whichever way it keeps them.

    Args:
        group: of the stream.
        path: of the file.
        count: of its stamps.

    Raises:
        EpisodeError: they are not there once, or not one per stamp.
    """
    names = [name for name in IMAGE_DATASETS if name in names_in(group, path)]
    if len(names) != 1:
        found = "both of " if names else "neither of "
        raise EpisodeError(f"{path}: {group.name} has {found}{', '.join(IMAGE_DATASETS)}; one of them is needed; {ADVICE}")
    dataset = dataset_in(group, names[0], path)
    _check(dataset, count, path)
    images = StoredImages(path, f"{str(group.name).strip('/')}/{names[0]}", count)
    return _video(group, dataset, images) if names[0] == H264 else images


def _check(dataset: h5py.Dataset, count: int, path: Path) -> None:
    import h5py

    with damaged(path, str(dataset.name)):
        if h5py.check_vlen_dtype(dataset.dtype) != np.dtype(np.uint8) or dataset.shape != (count,):
            found = f"{dataset.dtype} {dataset.shape}"
            raise EpisodeError(f"{path}: {dataset.name} is {found}; {count} images as bytes are needed")


def _video(group: h5py.Group, dataset: h5py.Dataset, packets: StoredImages) -> Video:
    path, where = packets.path, f"{packets.path}: {group.name}"
    keyframe = array_of(dataset_in(group, "keyframe", path), path)
    if keyframe.dtype != np.bool_ or keyframe.shape != (len(packets),) or not keyframe[:1].all():
        found = f"{keyframe.dtype} {keyframe.shape}"
        raise EpisodeError(f"{where}/keyframe is {found}; {len(packets)} flags, the first set, are needed")
    crc32 = array_of(dataset_in(group, "crc32", path), path) if "crc32" in names_in(group, path) else None
    if crc32 is not None and (crc32.dtype != np.uint32 or crc32.shape != keyframe.shape):
        raise EpisodeError(f"{where}/crc32 is {crc32.dtype} {crc32.shape}; {len(packets)} uint32 are needed")
    with damaged(path, f"attribute {EXTRADATA} of {dataset.name}"):
        extradata = np.asarray(dataset.attrs[EXTRADATA])
        if extradata.dtype != np.uint8 or extradata.ndim != 1 or extradata.nbytes > _MOST_EXTRADATA_BYTES:
            raise EpisodeError(f"{where}: attribute {EXTRADATA} is {extradata.dtype} {extradata.shape}; bytes are needed")
    sums = None if crc32 is None else crc32.astype(np.uint32)
    return Video(packets, keyframe.astype(np.bool_), extradata.tobytes(), sums, where)


@dataclass(frozen=True)
class StoredImages:
    """Images at `place`, all together or one after the other; the file is open while they are read."""

    path: Path
    place: str
    count: int

    def __len__(self) -> int:
        return self.count

    def __call__(self) -> AnyArray:
        images = np.empty(self.count, dtype=object)
        images[:] = list(self)
        return images

    def __iter__(self) -> Iterator[bytes]:
        return self.span(0, self.count)

    def at(self, step: int) -> bytes:
        """One of them."""
        step = range(self.count)[step]
        (image,) = self.span(step, step + 1)
        return image

    def span(self, first: int, end: int) -> Iterator[bytes]:
        """Those from `first` on, before `end`."""
        *groups, name = self.place.split("/")
        with current(self.path) as file:
            group: h5py.Group = file
            for part in groups:
                group = group_in(group, part, self.path)
            dataset = dataset_in(group, name, self.path)
            for step in range(first, min(end, self.count)):
                with damaged(self.path, f"/{self.place}"):
                    yield np.asarray(dataset[step], dtype=np.uint8).tobytes()
