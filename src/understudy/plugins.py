"""Groups of plugins: names without importing anything, and loading one by name.

A group is a folder of the package whose files are the plugins (a name that starts with an underscore is not one),
and the entry points `understudy.<group>` of other installed packages.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from understudy.errors import UnderstudyError, UnknownNameError

GROUPS: dict[str, str] = {
    "mocap": "understudy.mocap",
    "live": "understudy.mocap.live",
    "gates": "understudy.quality.gates",
    "scores": "understudy.quality.scores",
    "export": "understudy.export",
    "devices": "understudy.devices",
    "benches": "understudy.devices.benches",
    "commands": "understudy.apps.cli",
    "defects": "understudy.testing.defects",
}
_WHAT: dict[str, str] = {
    "mocap": "motion capture format",
    "live": "live motion capture protocol",
    "gates": "gate",
    "scores": "score",
    "export": "export format",
    "devices": "device",
    "benches": "bench",
    "commands": "command",
    "defects": "defect",
}
"""What a plugin of each group is called in messages."""
_ROOT = Path(__file__).parent


@cache
def _folder_names(group: str) -> tuple[str, ...]:
    package = GROUPS[group]
    folder = _ROOT.joinpath(*package.split(".")[1:])
    return tuple(sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")))


@cache
def _outside(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"understudy.{group}")}


def names(group: str) -> tuple[str, ...]:
    """Sorted names of the group's plugins; imports none of them."""
    _known(group)
    return tuple(sorted({*_folder_names(group), *_outside(group)}))


def load(group: str, name: str) -> object:
    """The plugin `name` of `group`.

    Raises:
        UnknownNameError: there is no such group or plugin.
        UnderstudyError: its module has no `PLUGIN`.
    """
    _known(group)
    if name in _folder_names(group):
        module = importlib.import_module(f"{GROUPS[group]}.{name}")
        try:
            plugin: object = module.PLUGIN
        except AttributeError:
            raise UnderstudyError(f"{module.__file__}: a plugin file must end with `PLUGIN: ... = ...`") from None
        return plugin
    if name in _outside(group):
        loaded: object = _outside(group)[name].load()
        return loaded
    raise UnknownNameError(_WHAT[group], name, names(group))


def outside_versions(*groups: str) -> tuple[str, ...]:
    """`group name package version` of every gate and score (or plugin of other groups) that another package brings, sorted."""
    found = [(group, point) for group in groups or ("gates", "scores") for point in _outside(group).values()]
    return tuple(
        sorted(f"{group} {p.name} {p.dist.name} {p.dist.version}" if p.dist else f"{group} {p.name}" for group, p in found)
    )


def source_file(group: str, name: str) -> Path | None:
    """File of a plugin that lives in this package, without importing it; None for one from outside."""
    _known(group)
    return _ROOT.joinpath(*GROUPS[group].split(".")[1:], f"{name}.py") if name in _folder_names(group) else None


def _known(group: str) -> None:
    if group not in GROUPS:
        raise UnknownNameError("plugin group", group, GROUPS)
