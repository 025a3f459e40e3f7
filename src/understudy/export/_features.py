"""Which streams become features of a training set, and their values on the export's own even timeline.

Only what the schema declares under `observations` and `actions` is taken, never `debug`. Values stay SI, in float32.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from understudy.errors import EpisodeError, ExportError, UnknownNameError
from understudy.geom.arrays import F32, I64, U8
from understudy.spec.episode import Episode, even_timeline
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.stream import Stream, StreamSpec

POSITIONS = "observations/joint_positions"
NEXT_STATE = "next_state"
_SHORT = {"joint_positions": "observation.state", "joint_velocities": "observation.velocity"}


@dataclass(frozen=True)
class Feature:
    """One vector column of a training set.

    Attributes:
        name: `observation.state`, `action`, ...
        spec: the stream it is taken from, as the schema declares it.
        names: (D,) what each column is; the robot's joint order for joint streams.
        joints: every column is a joint of the robot.
    """

    name: str
    spec: StreamSpec
    names: tuple[str, ...]
    joints: bool

    @property
    def dim(self) -> int:
        """Number of columns D."""
        return len(self.names)


@dataclass(frozen=True)
class Camera:
    """One image column: `observation.images.<name>` from the stream `observations/<name>`."""

    name: str
    spec: StreamSpec


def action_key(schema: Schema) -> str:
    """The stream that is the dataset's action."""
    return f"actions/joint_{schema.action_kind}_target"


def plan_features(schema: Schema, robot: RobotModel, present: Collection[str]) -> tuple[Feature, ...]:
    """Features of a training set: state and action first, then the schema's order.

    Args:
        schema: the dataset's schema.
        robot: gives the joint order.
        present: keys of the streams that every episode has.

    Raises:
        ExportError: joint positions or the action are missing or not one value per joint.
    """
    action = action_key(schema)
    specs = {s.key: s for s in schema.streams if s.group != "debug" and s.key in present and _numeric(s)}
    for key in (POSITIONS, action):
        if key not in specs:
            raise ExportError(f"no stream {key} that schema {schema.name} declares and every episode has; it is needed to train")
    first = [POSITIONS, action]
    features = tuple(_feature(specs[key], robot, action) for key in [*first, *(k for k in specs if k not in first)])
    for feature in features[:2]:
        if not feature.joints:
            raise ExportError(
                f"stream {feature.spec.key} has {feature.dim} values where {robot.name} has {robot.dof} joints; "
                "correct the schema or choose the robot it was made for"
            )
    return features


def plan_cameras(schema: Schema, present: Collection[str], wanted: tuple[str, ...] | None) -> tuple[Camera, ...]:
    """Egocentric cameras of a training set: those asked for, or all that every episode has.

    Raises:
        UnknownNameError: a camera was asked for that is not there.
    """
    specs = {s.name: s for s in schema.streams if s.group == "observations" and s.kind == "image" and s.key in present}
    for name in wanted or ():
        if name not in specs:
            raise UnknownNameError("camera of the dataset", name, specs)
    return tuple(Camera(f"observation.images.{n}", specs[n]) for n in (specs if wanted is None else wanted))


def left_out(schema: Schema, present: Collection[str], seen: Collection[str]) -> tuple[str, ...]:
    """One warning per declared stream that some episodes have and others lack, or that holds no numbers."""
    warnings = []
    for spec in schema.streams:
        if spec.group == "debug" or spec.kind == "image" or spec.key not in seen:
            continue
        if spec.key not in present:
            warnings.append(f"stream {spec.key} left out: not every episode has it")
        elif not _numeric(spec):
            warnings.append(f"stream {spec.key} left out: {spec.dtype} is not a number")
    return tuple(warnings)


def export_grid(episode: Episode, fps: float) -> I64:
    """(K,) even stamps of the exported frames, from the first to the last step of the timeline.

    Raises:
        ExportError: the episode has no steps.
    """
    if len(episode.timeline_ns) == 0:
        raise ExportError(
            f"episode {episode.id} has no steps; run `understudy check` on the dataset, it moves such episodes away"
        )
    return even_timeline(int(episode.timeline_ns[0]), int(episode.timeline_ns[-1]), fps)


def sample(episode: Episode, feature: Feature, grid_ns: I64, *, robot: RobotModel, control_rate_hz: float, fps: float) -> F32:
    """(K, D) a feature's values at each frame: what was known then, the command in force for actions.

    A next-state action is made anew where the frame rate is not the control rate: the position at the next frame.

    Raises:
        ExportError: names do not match, or a value is not finite.
        JointOrderError: the joints are another robot's.
    """
    stream = episode.stream(feature.spec.key)
    if stream.derived == NEXT_STATE and fps != control_rate_hz:
        after_last = min(int(grid_ns[-1]) + round(1e9 / fps), int(episode.timeline_ns[-1]))
        stream = episode.stream(POSITIONS)
        values = stream.sample_at(np.append(grid_ns[1:], after_last))
    else:
        values = stream.sample_at(grid_ns)
    flat = values.reshape(len(grid_ns), -1).astype(np.float32)
    flat = flat[:, _columns(feature, stream, episode, robot)]
    bad = np.argwhere(~np.isfinite(flat))
    if len(bad):
        step, column = bad[0]
        raise ExportError(
            f"episode {episode.id}, stream {stream.spec.key}, {feature.names[column]}: {flat[step, column]} at frame {step}; "
            "only finite numbers can be trained on. Run `understudy check`, it moves such episodes to failures"
        )
    return np.ascontiguousarray(flat)


def picture_runs(episode: Episode, camera: Camera, grid_ns: I64) -> Iterator[tuple[U8, int]]:
    """The RGB image (H, W, 3) standing at each frame, by the stream's rule the newest known then, and for how many in a row.

    Raises:
        ExportError: one cannot be decoded.
    """
    stream = episode.stream(camera.spec.key)
    runs = [(index, len(list(run))) for index, run in groupby(stream.index_at(grid_ns).tolist())]
    pictures = stream.pictures([index for index, _ in runs])
    for index, times in runs:
        try:
            picture = next(pictures)
        except EpisodeError as error:
            reason = f"image {index} cannot be decoded ({error}); `understudy check` moves such episodes away"
            raise ExportError(f"episode {episode.id}, stream {stream.spec.key}: {reason}") from None
        yield picture, times


def _feature(spec: StreamSpec, robot: RobotModel, action: str) -> Feature:
    dim = int(np.prod(spec.shape, dtype=int))
    names = spec.names or (tuple(f"{spec.name}_{i}" for i in range(dim)) if dim > 1 else (spec.name,))
    joints = set(names) == set(robot.joint_names) or (not spec.names and spec.frame == "joint" and dim == robot.dof)
    if spec.key == action:
        name = "action"
    elif spec.group == "observations":
        name = _SHORT.get(spec.name, f"observation.{spec.name}")
    else:
        name = f"action.{spec.name}"
    return Feature(name, spec, robot.joint_names if joints else names, joints)


def _columns(feature: Feature, stream: Stream, episode: Episode, robot: RobotModel) -> I64 | slice:
    """Columns of the stream that bring it into the feature's order, by name."""
    where = f"episode {episode.id}, stream {stream.spec.key}"
    have = stream.spec.names
    if feature.joints:
        return robot.reorder(have or episode.joint_names, where=where)
    if not have or have == feature.names:
        return slice(None)
    if set(have) != set(feature.names) or len(have) != len(feature.names):
        raise ExportError(f"{where}: columns {list(have)} are not those of the schema, {list(feature.names)}")
    return np.array([have.index(n) for n in feature.names], dtype=np.int64)


def _numeric(spec: StreamSpec) -> bool:
    return spec.kind != "image" and np.dtype(spec.dtype).kind in "biuf"
