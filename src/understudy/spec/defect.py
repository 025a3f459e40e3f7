"""A defect that can be put into an episode, to see who finds it."""

from __future__ import annotations

from typing import Protocol

from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel


class Defect(Protocol):
    """Spoils an episode in one way. Group `defects`, folder `testing/defects/`.

    Attributes:
        title: what it is called in tables.
        imitates: what goes wrong like this in real life, one sentence.
        unit: of the strength.
        strengths: to try, the weakest first; `documented` is one of them.
        documented: what the gates must catch.
        gates: any of these is meant to refuse it.
        needs: streams without which an episode cannot have it.
        touches: patterns (as of `fnmatch`) of the streams that it changes; all others stay as they are.
        shortens: the episode is shorter afterwards; with all others it is as long as before.
    """

    title: str
    imitates: str
    unit: str
    strengths: tuple[float, ...]
    documented: float
    gates: tuple[str, ...]
    needs: tuple[str, ...]
    touches: tuple[str, ...]
    shortens: bool

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
