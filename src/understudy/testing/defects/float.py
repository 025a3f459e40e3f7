"""The robot hangs above the floor."""

from __future__ import annotations

from understudy.spec.defect import Defect
from understudy.testing.defects._height import DOCUMENTED, STRENGTHS, raised
from understudy.testing.defects._pick import BASE, POSITIONS
from understudy.testing.injector import Injector
from understudy.testing.moved import FOLLOW_BASE

PLUGIN: Defect = Injector(
    title="Floating feet",
    imitates="A wrong leg length or floor height: feet that stand are above the floor.",
    unit="m above the floor",
    strengths=STRENGTHS,
    documented=DOCUMENTED,
    gates=("foot_height", "foot_skate"),
    touches=FOLLOW_BASE,
    needs=(BASE, POSITIONS),
    change=raised,
)
