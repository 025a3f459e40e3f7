"""What the page plots of an episode: curves thinned to what a screen can show, and lanes of contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.apps.report.svg import envelope, runs
from understudy.geom.arrays import F64, I64
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

Json = dict[str, object]
COLUMNS = 450
"""A curve has a lowest and a highest sample in each, so a single bad one stays visible."""
_DIGITS = 4
WRENCH = "observations/wrench_{side}_{part}"


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        name: in the legend.
        side: `left`, `right` or empty; decides the colour.
        t_s: (N,) seconds from the episode's first step.
        values: (N,) in the panel's unit.
    """

    name: str
    side: str
    t_s: F64
    values: F64

    def json(self) -> Json:
        """Thinned, in parts where values are missing."""
        t, v = _thinned(self.t_s, self.values)
        return {"name": self.name, "side": self.side, "t": t, "v": v}


def panels(episode: Episode, robot: RobotModel) -> list[Json]:
    """Every plot that the episode has streams for: base height, forces, grippers, reach, joints by group."""
    found = [
        _panel("Base height", "m", _base_height(episode)),
        *(_panel(f"{part.title()} force", "N", _forces(episode, part)) for part in ("ankle", "wrist")),
        _panel("Gripper opening", "0 to 1", _columns(episode, "observations/gripper", SIDES, SIDES)),
        _panel("Hands and feet off target", "cm", _residuals(episode)),
        *_joints(episode, robot),
    ]
    return [panel for panel in found if panel is not None]


def lanes(episode: Episode) -> list[Json]:
    """When each foot stands: the robot's, and the person's where it is known."""
    out: list[Json] = []
    for key, whose in (("observations/foot_contact", "robot"), ("debug/source_contact", "person")):
        if key not in episode:
            continue
        t_s, on = _seconds(episode, key), episode.data(key) > 0.5
        for k, side in enumerate(SIDES):
            spans = [[round(a, _DIGITS), round(b, _DIGITS)] for a, b in runs(t_s, on[:, k])]
            out.append({"name": f"{side} foot, {whose}", "side": side, "faint": whose == "person", "spans": spans})
    return out


def _panel(title: str, unit: str, curves: Sequence[Curve]) -> Json | None:
    return {"title": title, "unit": unit, "curves": [curve.json() for curve in curves]} if curves else None


def _base_height(episode: Episode) -> list[Curve]:
    key = "debug/base_pose_world"
    return [Curve("pelvis", "", _seconds(episode, key), episode.data(key)[:, 2])] if key in episode else []


def _forces(episode: Episode, part: str) -> list[Curve]:
    """Magnitude of the force on each side."""
    keys = [(side, WRENCH.format(side=side, part=part)) for side in SIDES]
    return [
        Curve(f"{side} {part}", side, _seconds(episode, key), np.linalg.norm(episode.data(key)[:, :3], axis=1))
        for side, key in keys
        if key in episode
    ]


def _residuals(episode: Episode) -> list[Curve]:
    key = "debug/ee_residual"
    if key not in episode:
        return []
    names = episode.stream(key).spec.names or tuple(f"limb {k}" for k in range(episode.data(key).shape[1]))
    sides = [next((side for side in SIDES if name.startswith(side)), "") for name in names]
    return _columns(episode, key, [name.replace("_", " ") for name in names], sides, factor=100.0)


def _columns(episode: Episode, key: str, names: Sequence[str], sides: Sequence[str], *, factor: float = 1.0) -> list[Curve]:
    if key not in episode:
        return []
    t_s, data = _seconds(episode, key), episode.data(key) * factor
    return [Curve(name, side, t_s, data[:, k]) for k, (name, side) in enumerate(zip(names, sides, strict=True))]


def _joints(episode: Episode, robot: RobotModel) -> list[Json | None]:
    key = "observations/joint_positions"
    if key not in episode:
        return []
    t_s, data = _seconds(episode, key), episode.data(key)
    column = {name: k for k, name in enumerate(episode.joint_names)}
    out = []
    for group, names in robot.profile.groups.items():
        curves = [Curve(_short(name), "", t_s, data[:, column[name]]) for name in names if name in column]
        out.append(_panel(group.replace("_", " ").capitalize(), "rad", curves))
    return out


def _short(joint: str) -> str:
    """A joint's name without what its group says already."""
    return joint.removesuffix("_joint").removeprefix("left_").removeprefix("right_").replace("_", " ")


def _seconds(episode: Episode, key: str) -> F64:
    t_ns: I64 = episode.stream(key).t_ns
    return np.asarray((t_ns - episode.timeline_ns[0]) * 1e-9, dtype=np.float64)


def _thinned(t_s: F64, values: F64) -> tuple[list[float | None], list[float | None]]:
    """Times and values of the curve; null between two parts."""
    good = np.isfinite(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    times: list[float | None] = []
    kept: list[float | None] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        columns = max(1, COLUMNS * int(last - first) // len(values))
        x, y = envelope(t_s[first:last], values[first:last], columns)
        gap: list[float | None] = [None] if times else []
        times += [*gap, *np.round(x, _DIGITS).tolist()]
        kept += [*gap, *np.round(y, _DIGITS).tolist()]
    return times, kept
