"""The episode was made with another model of the robot."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from understudy.errors import InputError
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.injector import Chance, Injector


def _other_model(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength != 1.0:
        raise InputError(f"wrong robot hash of strength {strength:g}; 1 is possible")
    return replace(episode, model_sha256=hashlib.sha256(at.rng.bytes(32)).hexdigest())


PLUGIN: Defect = Injector(
    title="Another robot's model",
    imitates="The robot's model file was exchanged after the episode was made, or the episode comes from another lab's robot.",
    unit="model",
    strengths=(1.0,),
    documented=1.0,
    gates=("schema_match",),
    touches=(),
    change=_other_model,
)
