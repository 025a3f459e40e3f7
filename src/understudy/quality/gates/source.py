"""Gate `source`: metadata that says the motion came from elsewhere than the streams show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_OF_A_PERSON = ("debug/human_joints_world", "debug/human_target_world")
_RAW = ("t_arrival_ns", "t_device_ns", "seq")
_PERSON, _MACHINE = ("mocap", "video"), ("teleop",)


class Source:
    """`motion_source` is `teleop` where no command was given, or a person's capture where a robot was commanded and recorded.

    A recording that is `teleop` without its commands is a warning: a bag may well hold a robot's states alone.
    What counts: an action that was made from the motion (`derived`) is no command; a recorder leaves arrival stamps and
    sequence numbers; retargeting leaves the person's joints.
    """

    title = "Source of the motion"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding."""
        said = str(episode.metadata.get("motion_source", ""))
        if said in ("", "unlabelled"):
            raise NotApplicable("the episode does not say where its motion came from")
        actions = [stream for key, stream in episode.streams.items() if key.startswith("actions/joint_")]
        if not actions:
            raise NotApplicable("the episode has no action of its joints")
        derived = all(stream.derived for stream in actions)
        return [
            Finding(
                gate="source",
                severity=severity,
                message=f"motion_source is {said!r}, but {why}. Set the right source and import it again",
            )
            for severity, why in _contradictions(episode, said, derived=derived)
        ][:1]


def _contradictions(episode: Episode, said: str, *, derived: bool) -> Iterator[tuple[Severity, str]]:
    recorded = any(column in stream.extra for stream in episode.streams.values() for column in _RAW)
    person = [key for key in _OF_A_PERSON if key in episode]
    if said in _MACHINE and derived and not person:
        yield ("warn" if recorded else "reject"), "its actions were made from the motion: nobody commanded a robot"
    if said in (*_MACHINE, "simulation") and person and derived and not recorded:
        yield "reject", f"it holds a person's joints ({person[0]}) and nothing that a recorder leaves: it was retargeted"
    if said in _PERSON and not derived and recorded:
        yield "reject", "a robot was commanded in it, and its streams hold a recorder's stamps"
    if said in _PERSON and not derived and not recorded and not person:
        yield "reject", "it holds commands to a robot and nothing of a person"


PLUGIN: Gate = Source()
