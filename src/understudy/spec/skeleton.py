"""The canonical human: 23 joint centres in metres, z up, and the motion of one subject.

Every reader turns its own skeleton into this one; every robot is described against it. So M formats and N robots
need M + N descriptions, never M x N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64, Bool, frozen_bool, frozen_f64, frozen_i64

SIDES: tuple[str, str] = ("left", "right")

JOINTS: tuple[str, ...] = (
    "pelvis", "spine", "chest", "neck", "head",
    "left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_collar", "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_hip", "left_knee", "left_ankle", "left_toe",
    "right_hip", "right_knee", "right_ankle", "right_toe",
)  # fmt: skip
"""pelvis is the middle of the hips; neck the base of the neck; head the skull's joint; hand the knuckles; toe the ball."""

INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINTS)}

BONES: tuple[tuple[str, str], ...] = (
    ("pelvis", "spine"), ("spine", "chest"), ("chest", "neck"), ("neck", "head"),
    *((a.format(s=s), b.format(s=s)) for s in SIDES for a, b in (
        ("chest", "{s}_collar"), ("{s}_collar", "{s}_shoulder"), ("{s}_shoulder", "{s}_elbow"),
        ("{s}_elbow", "{s}_wrist"), ("{s}_wrist", "{s}_hand"),
        ("pelvis", "{s}_hip"), ("{s}_hip", "{s}_knee"), ("{s}_knee", "{s}_ankle"), ("{s}_ankle", "{s}_toe"),
    )),
)  # fmt: skip
"""(parent, child) pairs that draw the skeleton."""

SLOWEST_HZ = 10.0
"""With fewer frames a second a step is over between two of them, and whether a foot stood cannot be told: most often nobody set
the rate that the file states."""

SURFACES: tuple[str, ...] = (
    *(f"{side}_{part}" for part in ("hand", "knee", "elbow") for side in SIDES), "pelvis", "torso",
)  # fmt: skip
"""What of a body can rest on the floor besides the feet; `pelvis` is the seat, `torso` back, chest and shoulders."""

CONTACTS: tuple[str, ...] = (*(f"{side}_foot" for side in SIDES), *SURFACES)
"""Everything that can be on the floor."""

HAND_JOINTS: tuple[str, ...] = (
    "wrist",
    *(f"{finger}_{i}" for finger in ("thumb", "index", "middle", "ring", "little") for i in ("1", "2", "3", "tip")),
)
"""Joints of one hand: `_1` is the knuckle (the thumb's saddle joint), `_tip` the finger's end. MediaPipe's order too."""

LIMB_BONES: tuple[tuple[str, str], ...] = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in SIDES
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
PROPORTION_BONES: tuple[tuple[str, str], ...] = (
    *LIMB_BONES, ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), ("pelvis", "neck"), ("neck", "head"),
)  # fmt: skip
"""What a person's proportions are taken from."""

REQUIRED: tuple[str, ...] = tuple(
    f"{side}_{part}" for side in SIDES for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
"""Joints without which nothing can be retargeted; a reader refuses a file that lacks one, naming it."""


def joint_distances(joint_pos: F64, pairs: Sequence[tuple[str, str]]) -> F64:
    """(P, T) distances between pairs of joints of (T, 23, 3) positions, in their unit."""
    columns = np.ascontiguousarray(np.moveaxis(joint_pos, 0, -1))  # rows of one number each are walked through in one go
    first, second = ([INDEX[pair[end]] for pair in pairs] for end in (0, 1))
    between = columns[first] - columns[second]
    between *= between
    return np.asarray(np.sqrt(between[:, 0] + between[:, 1] + between[:, 2]))


@dataclass(frozen=True)
class SourceInfo:
    """Where a motion came from and how it was understood.

    Attributes:
        path: the file as the user named it.
        sha256: hash of its bytes.
        format: reader name, such as `bvh`.
        dialect: the naming scheme found, such as `lafan1`.
        unit_m: metres per unit of the file.
        up: axis of the file that points up, `x`, `y`, `z` or with a minus sign.
        rate_hz: frames per second of the file.
        rest_pose: `T`, `A` or `other`.
        synthetic: made by a program, not by a person.
        warnings: what the reader noticed and the user should know.
    """

    path: str
    sha256: str
    format: str
    dialect: str
    unit_m: float
    up: str
    rate_hz: float
    rest_pose: str = "other"
    synthetic: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """Proportions of one person, metres: medians over the clip, mean of both sides."""

    thigh_m: float
    shank_m: float
    upper_arm_m: float
    forearm_m: float
    hip_width_m: float
    shoulder_width_m: float
    trunk_m: float
    height_m: float

    @property
    def leg_m(self) -> float:
        """Hip to knee to ankle."""
        return self.thigh_m + self.shank_m

    @property
    def arm_m(self) -> float:
        """Shoulder to elbow to wrist."""
        return self.upper_arm_m + self.forearm_m


@dataclass(frozen=True)
class HumanMotion:
    """Joint centres of one person over time.

    Attributes:
        joint_pos_world_m: (T, 23, 3) positions in `world` (z up, the floor near z = 0), metres, order `JOINTS`.
        t_ns: (T,) strictly increasing, nanoseconds from the clip's start.
        measured: (23,) false where the source has no such joint and the position was inferred from its neighbours.
        source: provenance.
        contact: (T, 2) left and right foot on the ground, where the source itself says so; None where it does not.
        hand_pos_world_m: (T, 2, 21, 3) left and right hand in `world`, metres, order `HAND_JOINTS`, NaN where a joint is not
            known; None where the source has no fingers.
        hand_radial_world: (T, 2, 3) unit vectors in `world` from the palm's middle towards the thumb's side, at right angles to
            wrist-to-knuckles, NaN where not known; None where the source does not say how the palms are turned.
    """

    joint_pos_world_m: F64
    t_ns: I64
    measured: Bool
    source: SourceInfo
    notes: tuple[str, ...] = field(default=())
    contact: Bool | None = None
    hand_pos_world_m: F64 | None = None
    hand_radial_world: F64 | None = None

    def __post_init__(self) -> None:
        pos, t = frozen_f64(self.joint_pos_world_m), frozen_i64(self.t_ns)
        if pos.ndim != 3 or pos.shape[1:] != (len(JOINTS), 3) or len(pos) != len(t):
            raise ShapeError(
                f"{self.source.path}: joint positions {pos.shape} do not fit {len(t)} stamps and {len(JOINTS)} joints"
            )
        if len(t) > 1 and not bool(np.all(np.diff(t) > 0)):
            step = int(np.argmin(np.diff(t) > 0)) + 1
            raise ShapeError(f"{self.source.path}: stamps must increase; frame {step} does not")
        object.__setattr__(self, "joint_pos_world_m", pos)
        object.__setattr__(self, "t_ns", t)
        object.__setattr__(self, "measured", frozen_bool(self.measured))
        if self.contact is not None:
            contact = frozen_bool(self.contact)
            if contact.shape != (len(t), len(SIDES)):
                raise ShapeError(f"{self.source.path}: contacts {contact.shape} do not fit {len(t)} stamps and two feet")
            object.__setattr__(self, "contact", contact)
        if self.hand_pos_world_m is not None:
            hands = frozen_f64(self.hand_pos_world_m)
            if hands.shape != (len(t), len(SIDES), len(HAND_JOINTS), 3):
                raise ShapeError(f"{self.source.path}: hand positions {hands.shape} do not fit {len(t)} stamps and two hands")
            object.__setattr__(self, "hand_pos_world_m", hands)
        if self.hand_radial_world is not None:
            radial = frozen_f64(self.hand_radial_world)
            if radial.shape != (len(t), len(SIDES), 3):
                raise ShapeError(f"{self.source.path}: palm directions {radial.shape} do not fit {len(t)} stamps and two hands")
            object.__setattr__(self, "hand_radial_world", radial)

    def __len__(self) -> int:
        return len(self.t_ns)

    def joint(self, name: str) -> F64:
        """(T, 3) positions of one joint in `world`, metres."""
        return self.joint_pos_world_m[:, INDEX[name]]

    @cached_property
    def rate_hz(self) -> float:
        """Frames per second, from the median step."""
        return 1e9 / float(np.median(np.diff(self.t_ns))) if len(self) > 1 else self.source.rate_hz

    @property
    def duration_s(self) -> float:
        """Time from the first to the last frame, seconds."""
        return float(self.t_ns[-1] - self.t_ns[0]) * 1e-9

    def length_m(self, a: str, b: str) -> float:
        """Distance between two joints, the ends of a bone of `PROPORTION_BONES`; median over the clip."""
        return self._lengths_m[a, b]

    @cached_property
    def _lengths_m(self) -> dict[tuple[str, str], float]:
        medians = np.median(joint_distances(self.joint_pos_world_m, PROPORTION_BONES), axis=1)
        return dict(zip(PROPORTION_BONES, medians.tolist(), strict=True))

    def subject(self) -> Subject:
        """Proportions of the person, medians over the clip."""

        def both(a: str, b: str) -> float:
            return 0.5 * sum(self.length_m(f"{s}_{a}", f"{s}_{b}") for s in SIDES)

        thigh, shank = both("hip", "knee"), both("knee", "ankle")
        trunk, head = self.length_m("pelvis", "neck"), self.length_m("neck", "head")
        return Subject(
            thigh_m=thigh,
            shank_m=shank,
            upper_arm_m=both("shoulder", "elbow"),
            forearm_m=both("elbow", "wrist"),
            hip_width_m=self.length_m("left_hip", "right_hip"),
            shoulder_width_m=self.length_m("left_shoulder", "right_shoulder"),
            trunk_m=trunk,
            # ankle 0.039 and crown above the skull's joint 0.07 of the body's height: Winter, Biomechanics, 4th ed., fig. 4.1
            height_m=(thigh + shank + trunk + head) / (1.0 - 0.039 - 0.07),
        )
