"""Arguments and options that several commands have, with the word that stands for each in their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
"""How every command is read: no dotted names, and of `--x` and `--no-x` only the one that changes something."""

_arg = tyro.conf.arg

Clips = Annotated[tuple[Path, ...], tyro.conf.Positional, _arg(metavar="CLIP...", help_behavior_hint="")]
DatasetDir = Annotated[Path, tyro.conf.Positional, _arg(metavar="DIR")]
EpisodeName = Annotated[str, tyro.conf.Positional, _arg(metavar="EPISODE")]
Format = Annotated[str, tyro.conf.Positional, _arg(metavar="FORMAT")]
NewDir = Annotated[Path, tyro.conf.Positional, _arg(metavar="OUT")]
NewFile = Annotated[Path, tyro.conf.Positional, _arg(metavar="FILE")]
RobotName = Annotated[str, tyro.conf.Positional, _arg(metavar="NAME")]
ModelFile = Annotated[Path, tyro.conf.Positional, _arg(metavar="MODEL")]

Robot = Annotated[str, _arg(metavar="NAME")]
Text = Annotated[str, _arg(metavar="TEXT", help_behavior_hint="")]
Hz = Annotated[float, _arg(metavar="HZ")]
Count = Annotated[int, _arg(metavar="N")]
Folder = Annotated[Path, _arg(metavar="DIR")]
OptionalText = Annotated[str | None, _arg(metavar="NAME", help_behavior_hint="")]
OptionalHz = Annotated[float | None, _arg(metavar="HZ", help_behavior_hint="")]
OptionalFile = Annotated[Path | None, _arg(metavar="FILE", help_behavior_hint="")]
OptionalFolder = Annotated[Path | None, _arg(metavar="DIR", help_behavior_hint="")]
OptionalNames = Annotated[tuple[str, ...] | None, _arg(metavar="NAME...", help_behavior_hint="")]
Off = Annotated[bool, _arg(help_behavior_hint="")]
"""A flag that turns something on."""
On = Annotated[bool, _arg(help_behavior_hint="")]
"""A flag that turns something off: it appears as `--no-...`."""
