"""Streams: what a signal is, and its samples, read when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal, Protocol, cast

import numpy as np
from pydantic import Field

from understudy.errors import EpisodeError, ShapeError
from understudy.geom.arrays import F64, I64, U8, AnyArray
from understudy.geom.interpolation import latest_index, lerp_at, nearest_index, slerp_at
from understudy.spec.robot import Strict
from understudy.spec.video import Video

Group = Literal["observations", "actions", "debug"]
Kind = Literal["vector", "quaternion", "pose", "imu", "discrete", "image", "command"]
"""vector: interpolated linearly; quaternion: (4,) wxyz, slerped; pose: xyz and wxyz, both; imu: wxyz, rate of turn and
acceleration, slerped and interpolated; discrete and image: the newest sample; command: in force from its stamp on."""

Rule = Literal["newest", "nearest", "interpolated", "in_force"]
"""How a stream's value at a step is made: the newest sample with t <= t_k, the nearest one, between two, or as commanded."""


class StreamSpec(Strict):
    """What one stream of a dataset is.

    Attributes:
        name: unique within its group, such as `joint_positions`.
        group: where it is kept; privileged streams only in `debug`.
        dtype: numpy name of one value.
        shape: of one sample; `(29,)` for joints of a G1.
        unit: SI, such as `rad`, `m`, `N`, `1`.
        frame: the frame it is expressed in: `world`, `pelvis`, `joint`, a link's name.
        rate_hz: nominal rate; 0 for events, and for streams that keep the source's rate.
        kind: how it is resampled.
        names: what each column is; empty where the shape says it.
        privileged: known at recording but not to a deployed policy (markers, world pose, external cameras).
        required: an episode without it is refused.
    """

    name: str
    group: Group
    dtype: str = "float64"
    shape: tuple[int, ...] = ()
    unit: str = "1"
    frame: str = "world"
    rate_hz: float = Field(default=0.0, ge=0)
    kind: Kind = "vector"
    names: tuple[str, ...] = ()
    privileged: bool = False
    required: bool = False

    @property
    def key(self) -> str:
        """`group/name`, the stream's path in an episode."""
        return f"{self.group}/{self.name}"


class Piecewise(Protocol):
    """Samples that can also be read one at a time, where all of them together would fill the memory."""

    def __call__(self) -> AnyArray:
        """(N, *shape) all of them."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """One after the other."""
        ...

    def at(self, step: int) -> bytes:
        """One of them."""
        ...


Values = AnyArray | Callable[[], AnyArray] | Piecewise


@dataclass(frozen=True)
class Stream:
    """Samples of one stream at their own stamps.

    Attributes:
        spec: what it is.
        t_ns: (N,) non-decreasing stamps on the dataset's reference clock.
        values: (N, *shape) array, or a function that reads it; images are (N,) object arrays of JPEG bytes, and may be
            `Piecewise`, or a `Video`, which gives JPEG bytes where it is read so.
        derived: how it was made when it was not measured, such as `next_state`; empty otherwise.
        extra: further columns of recorded streams: t_device_ns, t_arrival_ns, seq, valid, each (N,).
        nearest: images and discrete samples are picked by distance in time, before or after, not by age. Off unless somebody
            asked for it: it shows a step what was not known yet.
    """

    spec: StreamSpec
    t_ns: I64
    values: Values = field(repr=False)
    derived: str = ""
    extra: dict[str, AnyArray] = field(default_factory=dict, repr=False)
    nearest: bool = False
    _read: AnyArray | None = field(default=None, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.t_ns)

    @property
    def data(self) -> AnyArray:
        """(N, *shape) the samples; read on first use, then kept.

        Raises:
            ShapeError: the samples do not fit the stamps or the spec.
        """
        if self._read is not None:
            return self._read
        values = self.values
        if callable(values):
            values = values()
        if len(values) != len(self.t_ns) or (self.spec.kind != "image" and values.shape[1:] != self.spec.shape):
            raise ShapeError(
                f"stream {self.spec.key}: data {values.shape} does not fit {len(self.t_ns)} stamps of shape {self.spec.shape}"
            )
        if self.video is not None:
            object.__setattr__(self, "_read", values)  # the packets stay what the stream is
        elif values is not self.values:
            object.__setattr__(self, "values", values)
        return values

    @property
    def video(self) -> Video | None:
        """The images as they are kept where that is H.264; None where they are JPEG files, or no images."""
        return self.values if isinstance(self.values, Video) else None

    @property
    def piecewise(self) -> bool:
        """Whether the samples can be read one at a time and are not in memory yet."""
        return callable(self.values) and hasattr(self.values, "__iter__")

    def each_image(self) -> Iterator[bytes]:
        """The images of an image stream, one after the other; never all in memory where they are `Piecewise`."""
        return iter(cast(Piecewise, self.values) if self.piecewise else self.data)

    def image(self, step: int) -> bytes:
        """One image of an image stream."""
        found = cast(Piecewise, self.values).at(step) if self.piecewise else self.data[step]
        return cast(bytes, found)

    def images(self, steps: Iterable[int]) -> Iterator[bytes]:
        """The images at `steps`, which go up."""
        return (self.image(step) for step in steps) if self.video is None else self.video.images(steps)

    def pictures(self, steps: Iterable[int]) -> Iterator[U8]:
        """(H, W, 3) RGB of the images at `steps`, which go up.

        Raises:
            EpisodeError: one cannot be decoded.
        """
        return self._jpeg_pictures(steps) if self.video is None else self.video.pictures(steps)

    def _jpeg_pictures(self, steps: Iterable[int]) -> Iterator[U8]:
        import simplejpeg

        at = 0
        images = self.each_image()  # one after the other: to open a file for each takes longer than to pass some over
        for step in steps:
            image = next(islice(images, step - at, None))
            at = step + 1
            try:
                yield np.asarray(simplejpeg.decode_jpeg(image, colorspace="RGB"), dtype=np.uint8)
            except ValueError as error:
                raise EpisodeError(
                    f"stream {self.spec.key}: image {step} is not a readable JPEG ({error}); run `understudy check`"
                ) from None

    def with_values(self, values: Values, t_ns: I64) -> Stream:
        """The same stream with other samples."""
        return replace(self, values=values, t_ns=t_ns)

    @property
    def rule(self) -> Rule:
        """How a value between samples is made from them."""
        if self.spec.kind in ("vector", "quaternion", "pose", "imu"):
            return "interpolated"
        if self.spec.kind == "command":
            return "in_force"
        return "nearest" if self.nearest else "newest"

    def index_at(self, at_ns: I64) -> I64:
        """(M,) the sample that stands at each time: the newest one that was there, or the nearest where the rule says so."""
        pick = nearest_index if self.rule == "nearest" else latest_index
        return pick(self.t_ns, at_ns)

    def sample_at(self, at_ns: I64) -> AnyArray:
        """(M, *shape) what was known at each time, by the stream's rule.

        Nothing from the future but what interpolation and `nearest` ask for.
        """
        data = self.data
        if self.spec.kind == "vector":
            if np.array_equal(at_ns, self.t_ns) and bool((np.diff(at_ns) > 0).all()):
                return np.asarray(data, dtype=np.float64)  # its own stamps: nothing to interpolate, no copy of a long take
            return lerp_at(self.t_ns, data.astype(np.float64), at_ns)
        if self.spec.kind == "quaternion":
            return slerp_at(self.t_ns, data.astype(np.float64), at_ns)
        if self.spec.kind == "pose":
            pose: F64 = data.astype(np.float64)
            xyz, quat = lerp_at(self.t_ns, pose[:, :3], at_ns), slerp_at(self.t_ns, pose[:, 3:7], at_ns)
            return np.concatenate([xyz, quat], axis=1)
        if self.spec.kind == "imu":
            imu: F64 = data.astype(np.float64)
            quat, rest = slerp_at(self.t_ns, imu[:, :4], at_ns), lerp_at(self.t_ns, imu[:, 4:], at_ns)
            return np.concatenate([quat, rest], axis=1)
        picked: AnyArray = data[self.index_at(at_ns)]
        return picked
