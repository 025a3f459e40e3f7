"""The exceptions of Understudy.

    UnderstudyError
    ├── InputError (ValueError)            what was given cannot be used: exit code 3
    │   ├── MocapError                     a motion capture file or stream
    │   ├── ModelError                     a robot profile, model file or robot.json
    │   │   └── JointOrderError            joints of one robot laid against another's
    │   ├── SchemaError                    schema.toml, or an episode that departs from it
    │   ├── EpisodeError                   an episode file or its notes
    │   ├── ExportError                    an exported dataset that does not hold what it should
    │   ├── DeviceError                    a device that is not there or refuses
    │   ├── BusError                       a message or a producer that cannot be taken
    │   ├── SyncError                      clocks or landmarks that give no answer
    │   └── ShapeError                     arrays whose axes do not fit together
    ├── UnknownNameError (LookupError)     a name that is not known, with the nearest one that is: exit code 3
    ├── StorageError (OSError)             a disk that is full, read-only or gone: exit code 3
    └── MissingDependencyError (ImportError)   an optional library, with the command that installs it: exit code 3

A message says where (file, stream, step), what was found, what is allowed and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What to add to a message about a name that is not among `known`: the nearest that is, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


class UnderstudyError(Exception):
    """Base of every error that Understudy raises on purpose."""


class InputError(UnderstudyError, ValueError):
    """What was given cannot be used as it stands."""


class MocapError(InputError):
    """A motion capture file or stream cannot be read."""


class ModelError(InputError):
    """A robot profile, model file or robot.json is not usable."""


class JointOrderError(ModelError):
    """Joints of one robot were laid against those of another."""


class SchemaError(InputError):
    """A schema is wrong, or an episode departs from it."""


class EpisodeError(InputError):
    """An episode file or its notes cannot be read."""


class ExportError(InputError):
    """An exported dataset does not hold what it should."""


class DeviceError(InputError):
    """A device is not there or refuses."""


class BusError(InputError):
    """A message or a producer cannot be taken."""


class SyncError(InputError):
    """Clocks or landmarks give no answer."""


class ShapeError(InputError):
    """Arrays whose axes do not fit together."""


class UnknownNameError(UnderstudyError, LookupError):
    """A name that is not known; the message carries the nearest one that is."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        listed = ", ".join(known) if known else "none"
        super().__init__(f"unknown {what} {name!r}{did_you_mean(name, known)} (known: {listed})")


class StorageError(UnderstudyError, OSError):
    """The disk refused: full, read-only or gone."""

    def __str__(self) -> str:
        """The message alone, where an errno came with it too."""
        return str(self.args[-1]) if self.args else ""


class MissingDependencyError(UnderstudyError, ImportError):
    """An optional library is missing; the message says how to install it."""
