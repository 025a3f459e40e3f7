"""Values of a message into the order of a stream, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.errors import InputError, did_you_mean
from understudy.geom.arrays import I64


class ByName:
    """Which values of a message are a stream's columns, in the stream's order.

    A message that carries a name which the stream does not have is refused as much as one that lacks a name:
    a robot whose joints are called otherwise must not be recorded half.
    """

    def __init__(self, wanted: Sequence[str], *, where: str, rename: Mapping[str, str], ignore: Sequence[str]) -> None:
        """Set up.

        Args:
            wanted: names of the stream's columns.
            where: named in messages.
            rename: name in the message to name in the stream.
            ignore: names in the message that are not used.
        """
        self.wanted, self.where = tuple(wanted), where
        self.rename, self.ignore = dict(rename), frozenset(ignore)
        self._last: tuple[tuple[str, ...], I64] | None = None

    def pick(self, names: Sequence[str]) -> I64:
        """(C,) indices into the message's values.

        Args:
            names: of the message's values; an empty one is not used.

        Raises:
            InputError: a name is unknown, missing or there twice; the nearest ones are named.
        """
        key = tuple(names)
        if self._last is None or self._last[0] != key:
            self._last = (key, self._find(key))
        return self._last[1]

    def _find(self, names: tuple[str, ...]) -> I64:
        place: dict[str, int] = {}
        for index, name in enumerate(names):
            if not name or name in self.ignore:
                continue
            column = self.rename.get(name, name)
            if column in place:
                raise InputError(f"{self.where}: {column!r} is there twice; rename or ignore one of them")
            place[column] = index
        unknown = [name for name in place if name not in self.wanted]
        missing = [name for name in self.wanted if name not in place]
        if unknown or missing:
            raise InputError(f"{self.where}: {self._fault(unknown, missing)}")
        return np.array([place[name] for name in self.wanted], dtype=np.int64)

    def _fault(self, unknown: list[str], missing: list[str]) -> str:
        said = []
        if unknown:
            said.append(f"no column {unknown[0]!r}{did_you_mean(unknown[0], missing or self.wanted)}{_more(unknown)}")
        if missing:
            said.append(f"{missing[0]!r} is missing{did_you_mean(missing[0], unknown)}{_more(missing)}")
        return f'{"; ".join(said)}. Give rename = {{theirs = "ours"}} or ignore = [...] in the mapping'


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
