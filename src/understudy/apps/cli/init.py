"""Make a new dataset for a robot."""

from __future__ import annotations

from typing import Literal

from understudy.apps.cli._arguments import DatasetDir, Robot, Text
from understudy.apps.cli._command import Command


def init(
    dir: DatasetDir,
    /,
    *,
    robot: Robot,
    name: Text = "",
    action: Literal["position", "velocity", "torque"] = "position",
) -> None:
    """Make a new dataset: its schema, the robot's joints and limits, and the folders.

    Edit schema.toml afterwards: every other command reads it and nothing else.

    Args:
        dir: folder to make; must be new or empty.
        robot: a name from `understudy robots`, or the path of a profile's TOML file.
        name: of the dataset; the folder's name when left out.
        action: what an action commands.
    """
    from understudy.apps.cli._console import say
    from understudy.kinematics.load import load_robot
    from understudy.spec.default_schema import default_schema
    from understudy.store.dataset import ROBOT, SCHEMA, SCHEMA_PAGE, Dataset

    model = load_robot(robot)
    schema = default_schema(model, name or dir.resolve().name, action_kind=action)
    dataset = Dataset.create(dir, schema, model)
    say(f"{dataset.root}: dataset {schema.name!r} for {model.name}, {model.dof} joints, {schema.control_rate_hz:g} Hz")
    say(f"  {SCHEMA}   {len(schema.streams)} streams; edit it to fit your set-up")
    say(f"  {SCHEMA_PAGE}     the same, readable")
    say(f"  {ROBOT}    joint order, limits and links")
    say("  episodes/ failures/ manifests/")
    say(f"next: understudy retarget CLIP... --robot {robot} --into {dir}")


PLUGIN = Command.of(init)
