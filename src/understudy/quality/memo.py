"""What was made once, for gates that one after another ask for the same."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Last(Generic[V]):
    """Keeps one value, made for certain objects, while these live. Objects are told apart by identity, as they never change."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[weakref.ref[object], ...], V] | None = None

    def get(self, *objects: object, make: Callable[[], V]) -> V:
        """The value kept for these objects, or a new one."""
        kept = self._kept
        if kept is not None and len(kept[0]) == len(objects) and all(r() is o for r, o in zip(kept[0], objects, strict=True)):
            return kept[1]
        made = make()
        self._kept = (tuple(weakref.ref(o, self._forget) for o in objects), made)
        return made

    def _forget(self, gone: weakref.ref[object]) -> None:
        """Let go of the value when one of its objects is gone: it is as large as an episode."""
        if self._kept is not None and any(r is gone for r in self._kept[0]):
            self._kept = None


class Each(Generic[V]):
    """Keeps a value for every object it was made for, while that lives; told apart by identity, as objects never change."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[object], V]] = {}

    def get(self, of: object, make: Callable[[], V]) -> V:
        """The value kept for this object, or a new one."""
        key = id(of)
        kept = self._kept.get(key)
        if kept is not None and kept[0]() is of:
            return kept[1]
        made = make()
        self._kept[key] = (weakref.ref(of, lambda _: self._kept.pop(key, None)), made)
        return made
