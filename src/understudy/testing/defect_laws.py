"""What every defect must do: a suite for the author of one.

    case = DefectCase("my_defect", PLUGIN, robot, episode, size=measured)
    check_defect(case)                                        # or, one test per law:
    @pytest.mark.parametrize("law", DEFECT_LAWS)
    def test_my_defect(law: str) -> None: DEFECT_LAWS[law](case)

A law raises AssertionError that says what the defect did and what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TypeVar

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import AnyArray
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream

A = TypeVar("A", bound=AnyArray)


@dataclass(frozen=True)
class DefectCase:
    """A defect and an episode that can have it.

    Attributes:
        name: its file stem or entry point.
        defect: its `PLUGIN`.
        robot: of the episode.
        episode: a clean one.
        size: measures, from the clean episode and the spoilt one, how strong the defect is in its own unit.
        tolerance: of that measure, as a share of the strength; a tenth covers steps that do not divide the strength.
        seeds: to try.
    """

    name: str
    defect: Defect
    robot: RobotModel
    episode: Episode = field(repr=False)
    size: Callable[[Episode, Episode], float] = field(repr=False)
    tolerance: float = 0.1
    seeds: tuple[int, ...] = (0, 1, 2)

    def spoilt(self, strength: float | None = None, *, seed: int = 0, episode: Episode | None = None) -> Episode:
        """The episode with the defect at its documented strength, or another."""
        strength = self.defect.documented if strength is None else strength
        return self.defect.inject(episode or self.episode, strength, robot=self.robot, seed=seed)


def check_defect(case: DefectCase) -> None:
    """Every law in turn."""
    for law in DEFECT_LAWS.values():
        law(case)


def says_what_it_is(case: DefectCase) -> None:
    """Title, a sentence on real life, a unit, strengths from weak to strong with the documented one, and gates."""
    defect = case.defect
    _expect(bool(defect.title and defect.unit and defect.gates), case, "has no title, no unit or no gates")
    _expect(len(defect.imitates.split()) >= 8, case, f"says too little of real life: {defect.imitates!r}")
    ascending = list(defect.strengths) == sorted(set(defect.strengths)) and min(defect.strengths) > 0.0
    _expect(ascending and defect.documented in defect.strengths, case, f"has strengths {defect.strengths}")


def refuses_no_strength(case: DefectCase) -> None:
    """No defect of no strength: 0, less than 0 and no number are refused."""
    for strength in (0.0, -1.0, math.nan, math.inf):
        try:
            case.spoilt(strength)
        except InputError:
            continue
        raise AssertionError(f"defect {case.name} takes a strength of {strength}")


def is_deterministic(case: DefectCase) -> None:
    """The same seed gives the same episode, whatever was made in between."""
    for seed in case.seeds:
        first = case.spoilt(seed=seed)
        case.spoilt(seed=seed + 1)
        again = case.spoilt(seed=seed, episode=replace(case.episode))
        _expect(_alike(first, again), case, f"makes two episodes of seed {seed}")


def leaves_the_episode_alone(case: DefectCase) -> None:
    """Nothing of the given episode is changed."""
    locked = {key: s.with_values(_locked(s.data), _locked(s.t_ns)) for key, s in case.episode.streams.items()}
    given = replace(case.episode, streams=locked)
    for seed in case.seeds:
        case.spoilt(seed=seed, episode=given)
    _expect(_alike(given, case.episode), case, "changes the episode that it is given")


def changes_something(case: DefectCase) -> None:
    """The result differs from what was given."""
    for seed in case.seeds:
        _expect(not _alike(case.spoilt(seed=seed), case.episode), case, f"changes nothing with seed {seed}")


def touches_only_what_it_says(case: DefectCase) -> None:
    """Streams that no pattern of `touches` names are the very same; none is added or lost."""
    for seed in case.seeds:
        for strength in case.defect.strengths:
            out = case.spoilt(strength, seed=seed)
            _expect(out.streams.keys() == case.episode.streams.keys(), case, "adds or loses streams")
            for key, stream in case.episode.streams.items():
                named = any(fnmatchcase(key, pattern) for pattern in case.defect.touches)
                _expect(named or _same(stream, out.streams[key]), case, f"changes {key}, which `touches` does not name")


def keeps_the_length(case: DefectCase) -> None:
    """The timeline stays as it is, or gets shorter where the defect says so."""
    for seed in case.seeds:
        out = case.spoilt(seed=seed)
        same = np.array_equal(out.timeline_ns, case.episode.timeline_ns)
        _expect(same is not case.defect.shortens, case, f"makes {case.episode.duration_s:.2f} s {out.duration_s:.2f} s long")


def has_the_asked_size(case: DefectCase) -> None:
    """What is measured in the result is the strength that was asked for, at every strength and seed."""
    for seed in case.seeds:
        for strength in case.defect.strengths:
            size = case.size(case.episode, case.spoilt(strength, seed=seed))
            near = abs(size - strength) <= case.tolerance * strength
            _expect(near, case, f"of strength {strength:g} {case.defect.unit} measures {size:g} (seed {seed})")


def skips_without_its_streams(case: DefectCase) -> None:
    """Without a stream it needs it says so."""
    for key in case.defect.needs:
        without = replace(case.episode, streams={k: s for k, s in case.episode.streams.items() if k != key})
        try:
            case.spoilt(episode=without)
        except NotApplicable as why:
            _expect(key in str(why), case, f"without {key}: says {why}")
        else:
            raise AssertionError(f"defect {case.name} spoils an episode without {key}")


def _expect(holds: bool, case: DefectCase, message: str) -> None:
    if not holds:
        raise AssertionError(f"defect {case.name}: {message}")


def _alike(a: Episode, b: Episode) -> bool:
    """Whether two episodes are the same in all but their notes."""
    if (a.id, a.model_sha256, dict(a.metadata)) != (b.id, b.model_sha256, dict(b.metadata)):
        return False
    if not np.array_equal(a.timeline_ns, b.timeline_ns) or a.streams.keys() != b.streams.keys():
        return False
    return all(_same(stream, b.streams[key]) for key, stream in a.streams.items())


def _same(a: Stream, b: Stream) -> bool:
    values = [np.asarray(s.values() if callable(s.values) else s.values) for s in (a, b)]
    if not np.array_equal(a.t_ns, b.t_ns) or values[0].dtype != values[1].dtype or a.derived != b.derived:
        return False
    if values[0].dtype == object:  # images
        return bool(values[0].tolist() == values[1].tolist())
    return values[0].shape == values[1].shape and values[0].tobytes() == values[1].tobytes()


def _locked(values: A) -> A:
    out = values.copy()
    out.flags.writeable = False
    return out


DEFECT_LAWS: Mapping[str, Callable[[DefectCase], None]] = {
    law.__name__: law
    for law in (
        says_what_it_is,
        refuses_no_strength,
        is_deterministic,
        leaves_the_episode_alone,
        changes_something,
        touches_only_what_it_says,
        keeps_the_length,
        has_the_asked_size,
        skips_without_its_streams,
    )
}
