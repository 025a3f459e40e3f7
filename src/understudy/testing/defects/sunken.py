"""The robot is sunk into the floor."""

from __future__ import annotations

from understudy.spec.defect import Defect
from understudy.testing.defects._height import DOCUMENTED, STRENGTHS, raised
from understudy.testing.defects._pick import BASE, POSITIONS
from understudy.testing.injector import Injector
from understudy.testing.moved import FOLLOW_BASE

PLUGIN: Defect = Injector(
    title="Sunken feet",
    imitates="A wrong leg length or floor height: feet that stand are in the floor.",
    unit="m below the floor",
    strengths=STRENGTHS,
    documented=DOCUMENTED,
    gates=("foot_height", "foot_skate"),
    touches=FOLLOW_BASE,
    needs=(BASE, POSITIONS),
    change=lambda episode, strength, at: raised(episode, -strength, at),
)
