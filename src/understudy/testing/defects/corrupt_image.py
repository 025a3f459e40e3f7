"""Images that cannot be decoded, or are only part of one."""

from __future__ import annotations

from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.testing.defects._images import some_camera
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import put


def _damage(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = some_camera(episode, at)
    data = stream.data.copy()
    for step in at.rng.choice(len(data), size=min(max(1, round(strength)), len(data)), replace=False):
        whole = bytes(stream.image(int(step)))
        if at.rng.random() < 0.5:
            data[step] = whole[: int(at.rng.uniform(0.2, 0.8) * len(whole))]
        else:
            data[step] = at.rng.bytes(len(whole))
    return put(episode, stream.with_values(data, stream.t_ns))


PLUGIN: Defect = Injector(
    title="Corrupt image",
    imitates="A packet of a camera is lost, or its buffer is overwritten: the JPEG ends in its middle or is noise.",
    unit="images",
    strengths=(1.0, 5.0, 20.0),
    documented=1.0,
    gates=("images",),
    touches=("observations/*", "debug/external_*"),
    change=_damage,
)
