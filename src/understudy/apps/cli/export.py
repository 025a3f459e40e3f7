"""Write a dataset's accepted episodes in a training format."""

from __future__ import annotations

from typing import Literal

from understudy.apps.cli._arguments import DatasetDir, Format, NewDir, Off, OptionalHz, OptionalNames
from understudy.apps.cli._command import Command


def export(
    format: Format,
    dataset: DatasetDir,
    out: NewDir,
    /,
    *,
    flavour: str = "",
    fps: OptionalHz = None,
    cameras: OptionalNames = None,
    policy: Literal["flat", "hierarchical"] = "flat",
    render_ego: Off = False,
    partition: Literal["episodes", "failures"] = "episodes",
    json: Off = False,
) -> int:
    """Write a dataset's accepted episodes in a training format.

    Values stay in SI units with statistics beside them. `understudy validate OUT` reads the result back.

    Args:
        format: lerobot, motion (files for motion trackers), or mcap (for Foxglove).
        dataset: the dataset's folder.
        out: folder to make; must not be there yet.
        flavour: kind of motion file: csv, wbt, locomujoco or gmr; csv when left out.
        fps: frames per second; the dataset's control rate when left out, the motion's own in motion files, every stream's own in
            MCAP files.
        cameras: image streams to write; all when left out.
        policy: flat, one vector of all joints; hierarchical, where the format offers it.
        render_ego: render the robot's head camera for episodes that have none (needs OpenGL).
        partition: failures writes what was refused as a set of its own.
        json: print what was written as JSON.
    """
    from understudy.apps.cli._command import DONE
    from understudy.apps.cli._console import progress, say, say_json
    from understudy.pipeline.export import export_dataset
    from understudy.spec.protocols import ExportOptions
    from understudy.store.dataset import Dataset

    options = ExportOptions(fps=fps, cameras=cameras, policy=policy, render_ego=render_ego, partition=partition, flavour=flavour)
    with progress("exporting episodes") as advance:
        report = export_dataset(Dataset.open(dataset), format, out, options, advance)
    if json:
        say_json(
            {"out": str(out), "episodes": report.episodes, "frames": report.frames, "warnings": list(report.warnings)},
        )
        return DONE
    for warning in report.warnings:
        say(f"warning: {warning}")
    say(f"{report.episodes} episodes, {report.frames} frames in {report.out}")
    say(f"read it back: understudy validate {report.out}")
    return DONE


PLUGIN: Command = Command.of(export)
