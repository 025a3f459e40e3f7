"""What a command file offers: `PLUGIN: Command = Command.of(function)`, or several functions as subcommands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from understudy.errors import UnderstudyError

DONE, FINDINGS, USAGE, UNUSABLE = 0, 1, 2, 3
"""Exit codes: done; done and something was found; wrong usage; input that cannot be used."""


class UsageError(UnderstudyError):
    """The command was called wrongly: exit code 2."""


Run = Callable[..., int | None]


@dataclass(frozen=True)
class Command:
    """A command: one function, or subcommand name to function. tyro makes the interface from the signature.

    A function's docstring is its help; its parameters are the options (`tyro.conf.Positional[...]` for arguments); it
    returns an exit code or None for 0, and raises UnderstudyError for what the user can mend.
    """

    functions: Mapping[str, Run]

    @classmethod
    def of(cls, function: Run) -> Command:
        """A command without subcommands."""
        return cls({"": function})
