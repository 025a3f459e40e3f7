"""A defect that can be put into an episode, to see who finds it."""

from __future__ import annotations

from typing import Protocol

from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel


class Defect(Protocol):
    """Spoils an episode in one way. Group `defects`, folder `testing/defects/`."""

    @property
    def title(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def imitates(self) -> str:
        """What goes wrong like this in real life, one sentence."""
        ...

    @property
    def unit(self) -> str:
        """Of the strength."""
        ...

    @property
    def strengths(self) -> tuple[float, ...]:
        """To try, the weakest first; `documented` is one of them."""
        ...

    @property
    def documented(self) -> float:
        """The strength that the gates must catch."""
        ...

    @property
    def gates(self) -> tuple[str, ...]:
        """Any of these is meant to refuse it."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Streams without which an episode cannot have it."""
        ...

    @property
    def touches(self) -> tuple[str, ...]:
        """Patterns (as of `fnmatch`) of the streams that it changes; all others stay as they are."""
        ...

    @property
    def shortens(self) -> bool:
        """The episode is shorter afterwards; with all others it is as long as before."""
        ...

    def inject(self, episode: Episode, strength: float, *, robot: RobotModel, seed: int) -> Episode:
        """The episode with the defect; the same for the same seed, and the given one is left alone.

        Args:
            episode: a clean one that has the streams of `needs`.
            strength: above 0, in `unit`.
            robot: the episode's.
            seed: decides where, when and which way.

        Raises:
            NotApplicable: the episode cannot have this defect; the message says why.
            InputError: the strength cannot be put in, such as one that is not above 0.
        """
        ...
