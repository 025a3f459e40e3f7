"""The metadata say another source than the data are from."""

from __future__ import annotations

from dataclasses import replace

from understudy.errors import InputError
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.injector import Chance, Injector

OTHER = {"mocap": "teleop", "synthetic": "teleop", "video": "teleop", "teleop": "mocap", "simulation": "mocap"}


def _mislabel(episode: Episode, strength: float, at: Chance) -> Episode:
    if strength != 1.0:
        raise InputError(f"mislabelled source of strength {strength:g}; 1 is possible")
    source = str(episode.metadata.get("motion_source", ""))
    if source not in OTHER:
        raise NotApplicable(f"motion_source is {source!r}; the opposite of {', '.join(OTHER)} is known")
    return replace(episode, metadata={**episode.metadata, "motion_source": OTHER[source]})


PLUGIN: Defect = Injector(
    title="Mislabelled source",
    imitates="Labels of two sessions are exchanged: motion capture stands as teleoperation, or a recording as motion capture.",
    unit="label",
    strengths=(1.0,),
    documented=1.0,
    gates=("source",),
    touches=(),
    change=_mislabel,
)
