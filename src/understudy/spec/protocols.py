"""What a plugin must offer. A plugin file ends with `PLUGIN: <Protocol> = <Thing>()` and its stem is its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from understudy.spec.device import Device
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, ScoreResult
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.skeleton import HumanMotion

Progress = Callable[[int, int], None]
"""Called with (done, total) while a long piece of work goes on."""


class MocapReader(Protocol):
    """Reads one motion capture format. Group `mocap`, folder `mocap/`."""

    suffixes: tuple[str, ...]
    title: str

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the file is of this format, from its name and first 4 KiB."""
        ...

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`; raises MocapError with file, line or joint, and what to do."""
        ...


@dataclass(frozen=True)
class Alike:
    """Another episode of the dataset whose motion is partly the same.

    Attributes:
        id: of the other.
        share: of this episode that the other has too, 0 to 1; `share_of_other`: the reverse.
    """

    id: str
    share: float
    share_of_other: float


class Others(Protocol):
    """What is known of the other episodes of a dataset without opening them."""

    def alike(self, fingerprint: str, *, but: str) -> Sequence[Alike]:
        """Those that share some of a motion, the likest first; the episode `but` is left out."""
        ...


@dataclass(frozen=True)
class GateContext:
    """What a gate may look at besides the episode.

    Attributes:
        robot: the episode's robot.
        schema: the dataset's schema.
        thresholds: the gate's own table in the schema, with a task's overrides laid over it.
        peers: id to duration in seconds of the episodes of the same task.
        others: the dataset's other episodes, whatever their task; None where they are not known.
        travels: id to how far all joints together go, radians, in the episodes of the same task of which that is known.
    """

    robot: RobotModel
    schema: Schema
    thresholds: Mapping[str, float | str | bool]
    peers: Mapping[str, float] = field(default_factory=dict)
    others: Others | None = None
    travels: Mapping[str, float] = field(default_factory=dict)


class Gate(Protocol):
    """Looks for one defect. Group `gates`, folder `quality/gates/`."""

    title: str
    needs: tuple[str, ...]
    defaults: Mapping[str, float | str | bool]

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """What was found; empty when the episode passes. Run only where every stream of `needs` is present."""
        ...


class Score(Protocol):
    """Rates one quality of an episode, 0 to 1. Group `scores`, folder `quality/scores/`."""

    title: str
    needs: tuple[str, ...]
    weight: float

    def rate(self, episode: Episode, context: GateContext) -> ScoreResult:
        """The rating, with the figure behind it."""
        ...


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        out: folder written.
        episodes: number of episodes.
        frames: number of frames over all episodes.
        warnings: what the user should know, such as dimensions that never change.
    """

    out: Path
    episodes: int
    frames: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportOptions:
    """What every exporter can be asked.

    Attributes:
        fps: frames per second of the export; None takes the schema's control rate, and a motion file keeps the motion's own.
        cameras: names of image streams to write; None takes all.
        policy: `flat` or `hierarchical`.
        render_ego: also render the robot's own head camera (needs OpenGL).
        partition: `episodes`, or `failures` for what was refused as a set of its own.
        source: the dataset the episodes come from, kept in the export; relative to it where possible.
        flavour: kind of file, where a format has several; empty takes the format's own.
    """

    fps: float | None = None
    cameras: tuple[str, ...] | None = None
    policy: str = "flat"
    render_ego: bool = False
    partition: str = "episodes"
    source: str = ""
    flavour: str = ""


class Exporter(Protocol):
    """Writes one training format. Group `export`, folder `export/`."""

    title: str

    def export(
        self,
        episodes: Iterable[Episode],
        out: Path,
        *,
        robot: RobotModel,
        schema: Schema,
        options: ExportOptions,
        progress: Progress,
    ) -> ExportReport:
        """Write `episodes` to the new folder `out`; nothing is left behind when it fails."""
        ...

    def validate(self, out: Path, episodes: Mapping[str, Episode], robot: RobotModel) -> Sequence[Finding]:
        """Read `out` back and hold it against the episodes it came from (id to episode; empty when not at hand)."""
        ...


class DeviceFactory(Protocol):
    """Opens devices of one kind. Group `devices`, folder `devices/`."""

    title: str

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """The devices that `config` asks for, not started yet; at least one.

        Args:
            config: option to value; from a command line, values are texts.
            robot: the dataset's.
            schema: the dataset's, which says what its streams are.

        Raises:
            UnknownNameError: a name in it is not known.
            DeviceError: an option is not known, its value cannot be used, or a device is not there.
        """
        ...
