"""Open an episode in the rerun viewer: robot, person and every stream on one timeline."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from understudy.apps.cli._arguments import EpisodeName, Folder, OptionalFile
from understudy.apps.cli._command import DONE, Command
from understudy.apps.cli._episodes import episode_file
from understudy.errors import InputError


def view(episode: EpisodeName, /, *, save: OptionalFile = None, dataset: Folder = Path()) -> int:
    """Open an episode in the rerun viewer: robot, person and every stream on one timeline.

    Args:
        episode: an episode's .h5 file, or its id in --dataset.
        save: write a recording to this .rrd file instead of opening a window; `rerun FILE` shows it on any machine.
        dataset: the dataset's folder, in which an id is looked for.
    """
    from understudy.apps.cli import _rerun
    from understudy.apps.cli._console import progress, say
    from understudy.kinematics.load import load_robot
    from understudy.store.atomic import atomic_file
    from understudy.store.dataset import robot_source
    from understudy.store.episode_file import read_episode

    file = episode_file(episode, dataset)
    shown = read_episode(file)
    robot = load_robot(robot_source(file.resolve().parent.parent.parent, shown.robot))
    if save is None:
        if not has_display():
            raise InputError(
                f"{shown.id}: there is no display to open a window on; write a recording with `--save {shown.id}.rrd` "
                f"and open it with `rerun {shown.id}.rrd` where there is one"
            )
        with progress("view") as advance:
            _rerun.log_episode(shown, robot, _rerun.to_window(), advance)
        return DONE
    with progress("view") as advance, atomic_file(save) as part, _rerun.to_file(part) as recording:
        _rerun.log_episode(shown, robot, recording, advance)
    say(f"{save}  ({save.stat().st_size / 1e6:.1f} MB); open it with `rerun {save}`")
    return DONE


def has_display() -> bool:
    """Whether a window can open here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


PLUGIN: Command = Command.of(view)
