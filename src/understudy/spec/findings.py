"""What gates and scores say about an episode, and what becomes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from understudy.spec.robot import Strict

Severity = Literal["reject", "warn", "info"]


class Finding(Strict):
    """One thing that a gate saw.

    Attributes:
        gate: the gate's name.
        severity: `reject` refuses the episode, `warn` and `info` do not.
        message: where, what was found, what is allowed, what to do: one or two sentences.
        stream: key of the stream it was seen in; empty for the whole episode.
        start_ns, end_ns: first and last time it was seen; None for the whole episode.
        steps: first and last step of the timeline it was seen in; None where it has no times. `judge` fills it in.
        value: the worst figure found, and `limit` what is allowed, both in `unit`.
    """

    gate: str
    severity: Severity
    message: str
    stream: str = ""
    start_ns: int | None = None
    end_ns: int | None = None
    steps: tuple[int, int] | None = None
    value: float | None = None
    limit: float | None = None
    unit: str = ""


class Component(Strict):
    """One figure that a score is made of, as it was measured.

    Attributes:
        name: unique within its score.
        raw: the figure, in `unit`; it does not depend on how long the episode is.
        better: which end is good: `low`, `high`, or `middle` where only the unusual is bad.
        resolution: the smallest difference worth telling apart, in `unit`; for logarithmic figures, as a logarithm.
        log: differences count as ratios.
        value: 0 to 1 on a fixed scale; None where there is none.
        in_task: 0 to 1 against the other episodes of its task; None with too few of them.
    """

    name: str
    raw: float
    unit: str = "1"
    better: Literal["low", "high", "middle"] = "low"
    resolution: float = Field(default=0.0, ge=0.0)
    log: bool = False
    value: float | None = Field(default=None, ge=0.0, le=1.0)
    in_task: float | None = Field(default=None, ge=0.0, le=1.0)


class ScoreResult(Strict):
    """One quality score, 0 (worst) to 1 (best), with the figures behind it.

    Attributes:
        value: on a fixed scale that knows nothing of other episodes.
        raw: the figure that `value` is made of, in `unit`.
        components: every figure that was measured, that one among them.
        in_task: the weakest component against the task's episodes; None with too few of them.
    """

    name: str
    value: float = Field(ge=0.0, le=1.0)
    raw: float
    unit: str = "1"
    components: tuple[Component, ...] = ()
    in_task: float | None = Field(default=None, ge=0.0, le=1.0)

    @property
    def rated(self) -> float:
        """What counts: against the task where that is known, else on the fixed scale."""
        return self.value if self.in_task is None else self.in_task


class Skipped(Strict):
    """A gate or score that could not run, and why."""

    name: str
    reason: str


class Segment(Strict):
    """A labelled stretch of an episode; times on the dataset's clock, end exclusive.

    Attributes:
        label: `locomotion`, `manipulation`, `idle`, or a word of the person's own.
        source: where the motion came from: `mocap`, `teleop`, `simulation`, as in the episode's `motion_source`.
        subtask: what is done there, in words, such as `reach for the cup`.
        by: `rule`, or who set it; empty where nobody knows. Only what is the rule's own is ever replaced by the rule.
    """

    start_ns: int
    end_ns: int
    label: str
    source: str
    subtask: str = ""
    by: str = ""


class Facts(Strict):
    """What the other episodes of a dataset are held against, kept in the notes so that no file is opened for it again.

    Attributes:
        duration_s: of the timeline.
        bytes: size of the file the notes are about; one of another size is looked at anew.
        fingerprint: of the joints' motion, as `quality.fingerprint` makes it; empty where it has none.
        travel_rad: how far all joints together go, as `quality.travel` has it; 0 where nobody knows.
    """

    duration_s: float
    bytes: int = 0
    fingerprint: str = ""
    travel_rad: float = 0.0


class Notes(Strict):
    """What was learned about an episode after it was written; kept beside the file and replaced as a whole.

    Attributes:
        quality_rating: the weakest of the scores as `ScoreResult.rated` has them; None without scores.
        checked_with: hash of the schema, robot, gates and scores that the verdict was reached with.
        facts: what other episodes are compared with.
    """

    format: Literal["understudy-notes"] = "understudy-notes"
    format_version: int = 1
    episode: str
    verdict: Literal["unchecked", "accepted", "rejected"] = "unchecked"
    findings: tuple[Finding, ...] = ()
    scores: tuple[ScoreResult, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    segments: tuple[Segment, ...] = ()
    quality_rating: float | None = None
    checked_with: str = ""
    facts: Facts | None = None
    review: dict[str, str] = {}
