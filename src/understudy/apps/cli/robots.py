"""List the robots that Understudy knows, and what each still needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.apps.cli._arguments import Off
from understudy.apps.cli._command import Command

if TYPE_CHECKING:
    from understudy.spec.robot import RobotProfile


_SHOWN = ("name", "robot", "joints", "mass kg", "state")


def robots(*, json: Off = False) -> int:
    """List the robots that Understudy knows, and what each still needs.

    `ok` means that the model is at hand and passes every check; otherwise the reason stands below the table.

    Args:
        json: print the rows as JSON.
    """
    from understudy.apps.cli._command import DONE
    from understudy.apps.cli._console import print_table, say, say_json
    from understudy.spec.profiles import load_profile, profile_names

    found = [(load_profile(name), name) for name in profile_names()]
    reasons = {name: _why_not(name) for _, name in found}
    rows = [_row(profile, reasons[name]) for profile, name in found]
    if json:
        say_json([row | {"reason": reasons[row["name"]]} for row in rows])
        return DONE
    print_table(_SHOWN, [tuple(row[column] for column in _SHOWN) for row in rows], right=("joints", "mass kg"))
    for name, reason in reasons.items():
        if reason:
            say(f"{name}: {reason}")
    say("Licence, source, joints and limits of one: understudy robot show NAME")
    return DONE


def _row(profile: RobotProfile, reason: str) -> dict[str, str]:
    return {
        "name": profile.name,
        "robot": profile.title,
        "joints": str(profile.expect.dof),
        "mass kg": f"{profile.expect.mass_kg:.2f}",
        "licence": profile.licence,
        "source": profile.source,
        "state": "missing" if reason else "ok",
    }


def _why_not(name: str) -> str:
    from understudy.errors import UnderstudyError
    from understudy.kinematics.load import load_robot

    try:
        load_robot(name)
    except UnderstudyError as error:
        return str(error)
    return ""


PLUGIN: Command = Command.of(robots)
