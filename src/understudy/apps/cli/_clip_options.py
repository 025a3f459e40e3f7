"""The options that `build` and `retarget` share: labels of the clips, how they are read, and how they are retargeted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from understudy.apps.cli._arguments import Count, Hz, Off, OptionalFile, OptionalHz, OptionalText, Text
from understudy.apps.cli._command import UsageError

if TYPE_CHECKING:
    from understudy.pipeline.labels import LabelledClip
    from understudy.pipeline.read import ReadOptions
    from understudy.pipeline.retarget import RetargetOptions


@dataclass(frozen=True)
class ClipOptions:
    """What is said about clips; each field is an option, its text the help."""

    task: Text = ""
    """what was done, such as walk; also the folder of the episodes."""
    demonstrator: Text = ""
    """who moved, as a code."""
    instruction: Text = ""
    """what the robot is told to do, one sentence."""
    labels: OptionalFile = None
    """CSV with columns clip, task, demonstrator, instruction, start_s, end_s, mirror_of."""
    lowpass: Hz = 5.0
    """cut-off of the smoothing inside the solve, Hz; 0 turns it off."""
    infeasible: Literal["flag", "clip", "interpolate"] = "flag"
    """what happens where a hand or foot is over 5 cm off."""
    root_path: Literal["scaled", "metric"] = "scaled"
    """the person's path at the robot's size, or in the person's own metres, for objects and scenes in real units."""
    arm_filter: Hz = 0.0
    """zero-phase Butterworth over trunk and arms afterwards, Hz; 0 for none."""
    fast: Off = False
    """solve at half the rate and in fewer steps: a look at many clips; feet slide a little."""
    companion: OptionalFile = None
    """the skeleton (.asf) of AMC motions, or the body model (.npz, .pkl) of SMPL archives."""
    hands: OptionalFile = None
    """poses of the hands of one clip (HaMeR, MANO); those beside a clip, as walk.hands.npz, are found by themselves."""
    hand_model: OptionalFile = None
    """the MANO model (.pkl, .npz) that the hands stand on; mean proportions when left out."""
    rate: OptionalHz = None
    """frames per second, for a format that does not say it."""
    unit: OptionalText = None
    """for a format that does not say it: m, cm, mm, inch, foot, cmu, metres per unit as a number, or person for a figure of any
    size."""
    baseline: OptionalFile = None
    """the session's bone lengths and standing markers, from `understudy mocap check`; a clip over 3 mm off is refused."""
    workers: Count = 1
    """clips retargeted at a time."""

    def retargeting(self) -> RetargetOptions:
        """How to retarget.

        Raises:
            UsageError: a value that makes no sense, the number of workers included.
        """
        from understudy.apps.cli._clips import check_workers
        from understudy.errors import InputError

        check_workers(self.workers)
        if self.workers > 1:
            from understudy.pipeline.processes import RETARGETING, prepare

            prepare(RETARGETING)  # the rest of this command's own loading takes as long as theirs
        from understudy.pipeline.retarget import RetargetOptions

        try:
            return RetargetOptions(
                lowpass_hz=self.lowpass,
                infeasible=self.infeasible,
                root_path=self.root_path,
                arm_filter_hz=self.arm_filter,
                fast=self.fast,
            )
        except InputError as error:
            raise UsageError(str(error)) from None

    def reading(self) -> ReadOptions:
        """What the clips do not say about themselves."""
        from understudy.pipeline.read import ReadOptions

        return ReadOptions(
            unit=self.unit,
            rate_hz=self.rate,
            companion=self.companion,
            baseline=self.baseline,
            hands=self.hands,
            hand_model=self.hand_model,
        )

    def labelled(self, clips: Sequence[Path]) -> list[LabelledClip]:
        """The clips with their labels; says once what has none.

        Raises:
            UsageError: there is no clip.
        """
        from understudy.apps.cli._clips import labelled

        return labelled(clips, task=self.task, demonstrator=self.demonstrator, instruction=self.instruction, labels=self.labels)


PLAIN = ClipOptions()
"""Everything as it is when nothing is said."""
