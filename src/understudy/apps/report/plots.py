"""The plots of one episode, and of a whole dataset, as SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from understudy.apps.report.facts import RESIDUAL_LIMIT_M, Clip
from understudy.apps.report.svg import Plot, label, runs
from understudy.geom.arrays import F64, Bool
from understudy.kinematics.support import PHASES
from understudy.scenes.figure import bone_side
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

_LANE, _CELL_W, _CELL_H = 17.0, 150.0, 104.0
_GUTTER = 150.0
_GROUP_TITLES = {"waist": "Waist", "head": "Head"} | {
    f"{side}_{part}": f"{side.title()} {part}" for side in SIDES for part in ("leg", "arm", "hand")
}


def _span(clip: Clip) -> tuple[float, float]:
    return 0.0, max(clip.duration_s, 1e-3)


def residual_plot(clip: Clip) -> str:
    """How far each hand and foot is off its target, with the 5 cm line; hands dashed. Empty when it was not kept."""
    if clip.residual_m is None or clip.residual_t_s is None:
        return ""
    cm = clip.residual_m * 100.0
    top = max(100.0 * RESIDUAL_LIMIT_M * 1.25, 1.08 * float(np.nanmax(cm, initial=0.0)))
    plot = Plot(_span(clip), (0.0, top), left=_GUTTER, height=150, title="End-effector residual over time, centimetres")
    plot.x_axis("s")
    plot.y_axis("cm")
    plot.hline(100.0 * RESIDUAL_LIMIT_M, "limit", "infeasible above 5 cm")
    for k, name in enumerate(clip.residual_names or tuple(f"limb {k}" for k in range(cm.shape[1]))):
        dash = " dashed" if name.endswith("hand") else ""
        plot.line(clip.residual_t_s, cm[:, k], f"{bone_side(name)}{dash}")
        plot.text(4, plot.top + 26 + 14 * k, name.replace("_", " "), f"lane {bone_side(name)}-text")
    return plot.svg()


def sole_plot(clip: Clip) -> str:
    """Lowest point of each sole above the floor; what is below it is inside the floor."""
    if clip.sole_height_m is None or clip.sole_t_s is None:
        return ""
    cm = clip.sole_height_m * 100.0
    low, high = min(-1.5, 1.1 * float(cm.min(initial=0.0))), max(6.0, 1.08 * float(cm.max(initial=0.0)))
    plot = Plot(_span(clip), (low, high), left=_GUTTER, height=140, title="Height of the lowest point of each sole, centimetres")
    plot.box(*plot.x, low, 0.0, "below")
    plot.x_axis("s")
    plot.y_axis("cm")
    plot.hline(0.0, "floor", "floor")
    for k, side in enumerate(SIDES):
        plot.line(clip.sole_t_s, cm[:, k], side)
        plot.text(4, plot.top + 26 + 14 * k, f"{side} sole", f"lane {side}-text")
    return plot.svg()


def contact_plot(clip: Clip) -> str:
    """When each foot stands: the person's above the robot's."""
    rows: list[tuple[str, str, F64, Bool]] = []
    for k, side in enumerate(SIDES):
        if clip.source_contact is not None and clip.source_contact_t_s is not None:
            rows.append((f"{side} foot, person", f"{side} faint", clip.source_contact_t_s, clip.source_contact[:, k]))
        if clip.contact is not None and clip.contact_t_s is not None:
            rows.append((f"{side} foot, robot", side, clip.contact_t_s, clip.contact[:, k]))
    if not rows:
        return ""
    plot = _lanes(clip, [name for name, *_ in rows], "Foot contacts of the person and of the robot over time")
    for row, (name, css, t_s, on) in enumerate(rows):
        for start, end in runs(t_s, on):
            plot.box(start, end, *_lane(len(rows), row), f"bar {css}", f"{name} on the ground, {start:.2f} to {end:.2f} s")
    return plot.svg()


def timeline_plot(clip: Clip) -> str:
    """Flagged frames, and every finding that has a time; one lane each."""
    start_ns = int(clip.episode.timeline_ns[0]) if len(clip.episode.timeline_ns) else 0
    timed = [f for f in clip.notes.findings if f.start_ns is not None]
    gates = sorted({f.gate for f in timed})
    lanes = (["infeasible frames"] if clip.infeasible is not None else []) + gates
    if not lanes:
        return ""
    plot = _lanes(clip, lanes, "Flagged frames and findings over time")
    if clip.infeasible is not None and clip.infeasible_t_s is not None:
        for start, end in runs(clip.infeasible_t_s, clip.infeasible):
            plot.box(start, end, *_lane(len(lanes), 0), "bar flagged", f"infeasible, {start:.2f} to {end:.2f} s")
    for found in timed:
        start = ((found.start_ns or 0) - start_ns) * 1e-9
        end = start if found.end_ns is None else (found.end_ns - start_ns) * 1e-9
        plot.box(start, end, *_lane(len(lanes), lanes.index(found.gate)), f"bar {found.severity}", found.message)
    return plot.svg()


def phase_plot(clip: Clip) -> str:
    """The segments that are noted, and the gait phases below them; one lane per label and phase that occurs."""
    labels = list(dict.fromkeys(kind for kind, *_ in clip.segments))
    phases = [name for name in PHASES if any(found == name for found, *_ in clip.phases)]
    if not labels and not phases:
        return ""
    count = len(labels) + len(phases)
    plot = _lanes(clip, [*labels, *phases], "Segments and gait phases over time")
    for kind, start, end, said in clip.segments:
        text = f"{kind}, {start:.2f} to {end:.2f} s" + (f": {said}" if said else "")
        plot.box(start, end, *_lane(count, labels.index(kind)), "bar info", text)
    for name, start, end in clip.phases:
        row = len(labels) + phases.index(name)
        css = {"left_support": "bar left", "right_support": "bar right"}.get(name, "bar info")
        plot.box(start, end, *_lane(count, row), css, f"{name.replace('_', ' ')}, {start:.2f} to {end:.2f} s")
    return plot.svg()


def _lanes(clip: Clip, names: Sequence[str], title: str) -> Plot:
    plot = Plot(_span(clip), (0.0, float(len(names))), left=_GUTTER, height=30 + _LANE * len(names), top=4, title=title)
    plot.x_axis("s")
    for row, name in enumerate(names):
        plot.box(*plot.x, *_lane(len(names), row), "track")
        plot.text(4, plot.py(len(names) - row - 0.5) + 4, name.replace("_", " "), "lane")
    return plot


def _lane(count: int, row: int) -> tuple[float, float]:
    return count - row - 0.85, count - row - 0.15


def joint_plots(clip: Clip, robot: RobotModel) -> Mapping[str, str]:
    """Group title to its joints' small plots: angle over time between the joint's limits."""
    if clip.joint_pos is None or clip.joint_t_s is None:
        return {}
    out: dict[str, str] = {}
    for group, names in robot.profile.groups.items():
        cells = [_joint_plot(clip, robot, name) for name in names]
        out[_GROUP_TITLES.get(group, group.replace("_", " "))] = "".join(cells)
    return out


def _joint_plot(clip: Clip, robot: RobotModel, name: str) -> str:
    j = robot.joint_index(name)
    low, high = float(robot.lower_rad[j]), float(robot.upper_rad[j])
    angle = clip.joint_pos[:, j] if clip.joint_pos is not None else np.zeros(0)
    pad = 0.08 * (high - low)
    y = min(low - pad, float(angle.min(initial=low))), max(high + pad, float(angle.max(initial=high)))
    plot = Plot(_span(clip), y, _CELL_W, _CELL_H, left=30, right=4, top=30, bottom=16, title=f"{name}, radians")
    plot.box(*plot.x, y[0], low, "beyond")
    plot.box(*plot.x, high, y[1], "beyond")
    plot.hline(low, "limit")
    plot.hline(high, "limit")
    plot.y_axis("", values=[round(low, 2), round(high, 2)] + ([0.0] if low + 2 * pad < 0.0 < high - 2 * pad else []))
    plot.x_axis("s", wanted=3)
    plot.line(clip.joint_t_s if clip.joint_t_s is not None else np.zeros(0), angle, bone_side(name))
    over = bool(len(angle)) and bool(angle.min() < low - 1e-6 or angle.max() > high + 1e-6)
    plot.text(2, 11, short_joint(name), "cell over" if over else "cell")
    plot.text(2, 23, _used(angle), "tick")
    return f'<div class="cell" title="{escape(name)}">{plot.svg()}</div>'


def _used(angle: F64) -> str:
    if not len(angle):
        return ""
    return f"{label(round(float(angle.min()), 2))} to {label(round(float(angle.max()), 2))} rad"


def short_joint(name: str) -> str:
    """A joint's name without what its group says already."""
    return name.removesuffix("_joint").removeprefix("left_").removeprefix("right_").replace("_", " ")


def coverage_plot(ranges: F64, robot: RobotModel) -> str:
    """How much of each joint's travel the whole dataset uses.

    Args:
        ranges: (J, 4) lowest, 1st percentile, 99th percentile, highest angle of each joint, radians; NaN where unknown.
    """
    names = [n for group in robot.profile.groups.values() for n in group]
    half = (len(names) + 1) // 2
    columns = [_coverage_column(ranges, robot, part) for part in (names[:half], names[half:]) if part]
    return f'<div class="two">{"".join(columns)}</div>'


def _coverage_column(ranges: F64, robot: RobotModel, names: Sequence[str]) -> str:
    rows = len(names)
    plot = Plot((0.0, 100.0), (0.0, float(rows)), width=470, height=26 + 15.0 * rows, left=128, top=4, timed=False,
                title="Share of each joint's travel that the dataset uses, percent")  # fmt: skip
    plot.x_axis("%", wanted=4)
    for row, name in enumerate(names):
        j = robot.joint_index(name)
        low, span = float(robot.lower_rad[j]), float(robot.upper_rad[j] - robot.lower_rad[j])
        y = rows - row - 0.82, rows - row - 0.18
        plot.box(0.0, 100.0, *y, "track")
        side = bone_side(name)
        mark = "" if side == "middle" else f"{side[0].upper()} "
        plot.text(4, plot.py(rows - row - 0.5) + 3.5, mark + short_joint(name), "lane small")
        if not np.isfinite(ranges[j]).all():
            continue
        least, p1, p99, most = (100.0 * (ranges[j] - low) / span).tolist()
        tip = f"{name}: {ranges[j, 0]:.2f} to {ranges[j, 3]:.2f} rad, allowed {low:.2f} to {low + span:.2f} rad"
        plot.box(least, most, *y, f"bar {side} faint", tip)
        plot.box(p1, p99, *y, f"bar {side}", tip)
    return plot.svg()
