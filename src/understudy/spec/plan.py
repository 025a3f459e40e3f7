"""The collection plan of a dataset, `plan.toml`: how much of what is to be collected."""

from __future__ import annotations

import tomllib

from pydantic import Field, ValidationError, model_validator

from understudy.errors import InputError
from understudy.spec.robot import Strict

PLAN = "plan.toml"


class Stretch(Strict):
    """Hours of locomotion wanted on one terrain at one range of speed.

    Attributes:
        terrain: as in the episodes' metadata `terrain`; empty counts every terrain.
        from_m_s, to_m_s: horizontal speed of the base; `to_m_s` is not part of it.
        hours: wanted.
    """

    terrain: str = ""
    from_m_s: float = Field(default=0.2, ge=0.0)
    to_m_s: float = Field(default=100.0, gt=0.0)
    hours: float = Field(gt=0.0)

    @model_validator(mode="after")
    def _check(self) -> Stretch:
        if self.to_m_s <= self.from_m_s:
            raise ValueError(f"to_m_s = {self.to_m_s:g} must be over from_m_s = {self.from_m_s:g}")
        return self


class Category(Strict):
    """A kind of skill: its tasks and how much of them is wanted.

    Attributes:
        tasks: task ids.
        episodes_per_task: wanted of each task; `episodes` has other figures for single tasks.
        episodes: task to episodes wanted.
        hours: wanted of all its tasks together; 0 for none in particular.
        stretches: hours by terrain and speed.
    """

    tasks: tuple[str, ...]
    episodes_per_task: int = Field(default=0, ge=0)
    episodes: dict[str, int] = {}
    hours: float = Field(default=0.0, ge=0.0)
    stretches: tuple[Stretch, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Category:
        for task in self.episodes:
            if task not in self.tasks:
                raise ValueError(f"episodes names the task {task!r}, which is not one of its tasks: {', '.join(self.tasks)}")
        return self


class Plan(Strict):
    """What a dataset is to hold when it is whole.

    Attributes:
        episodes: wanted in all.
        source_shares: motion_source to its share of the episodes wanted, 0 to 1; sources that are not named are not counted.
        source_tolerance: how far a share may be off before the plan says so.
        categories: name to what is wanted of it.
    """

    format: str = Field(default="understudy-plan", pattern="^understudy-plan$")
    format_version: int = Field(default=1, ge=1, le=1)
    episodes: int = Field(default=0, ge=0)
    source_shares: dict[str, float] = {}
    source_tolerance: float = Field(default=0.05, ge=0.0, lt=1.0)
    categories: dict[str, Category] = {}

    @model_validator(mode="after")
    def _check(self) -> Plan:
        for source, share in self.source_shares.items():
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"source_shares.{source} = {share:g}: a share is between 0 and 1")
        if self.source_shares and abs(sum(self.source_shares.values()) - 1.0) > 1e-6:
            raise ValueError(f"source_shares add up to {sum(self.source_shares.values()):g}, not to 1")
        owner: dict[str, str] = {}
        for name, category in self.categories.items():
            for task in category.tasks:
                if task in owner:
                    raise ValueError(f"the task {task!r} is in two categories, {owner[task]} and {name}")
                owner[task] = name
        return self

    @property
    def tasks(self) -> dict[str, str]:
        """Task to its category."""
        return {task: name for name, category in self.categories.items() for task in category.tasks}


def parse_plan(text: str, *, where: str) -> Plan:
    """The plan in a TOML text.

    Raises:
        InputError: not TOML or not a plan; the message says where.
    """
    try:
        return Plan.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not valid TOML: {error}") from None
    except ValidationError as error:
        said = [f"{'.'.join(map(str, e['loc'])) or 'plan'}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise InputError(f"{where}: {'; '.join(said)}") from None


TEMPLATE = """\
# The collection plan: what this dataset is to hold. `understudy plan` holds it against the catalog.
# Only episodes that were not refused count.
format = "understudy-plan"
format_version = 1

episodes = 10000                 # in all

# Shares of motion_source; sources that are not named are not counted.
[source_shares]
mocap = 0.8
teleop = 0.2

[categories.manipulation]
tasks = ["reach", "pick", "place"]
episodes_per_task = 500          # [categories.manipulation.episodes] may name single tasks: pick = 2000

[categories.locomotion]
tasks = ["walk", "run", "turn"]
hours = 20.0

# Hours by terrain (the episodes' metadata `terrain`; leave it out for any) and speed of the base.
[[categories.locomotion.stretches]]
terrain = "flat"
from_m_s = 0.2
to_m_s = 1.0
hours = 8.0

[[categories.locomotion.stretches]]
terrain = "flat"
from_m_s = 1.0
hours = 4.0

[[categories.locomotion.stretches]]
terrain = "stairs"
hours = 4.0

[[categories.locomotion.stretches]]
terrain = "slope"
hours = 4.0

[categories.whole_body]
tasks = ["squat", "lift", "kneel"]
episodes_per_task = 500

[categories.navigation]
tasks = ["follow", "go_to"]
episodes_per_task = 500
"""
"""What `understudy plan DIR --init` writes."""
