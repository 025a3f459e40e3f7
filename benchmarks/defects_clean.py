"""The clean episodes of the defect benchmark: where their motions come from, their variants, and how they are split.

A source is a clip, a parametric motion or a way to move the simulated robot. Its variants are mirror images, other speeds and
other limbs; they all fall on the same side of the split, so that no threshold is chosen on a motion that is reported.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from defects_recorded import RECORDED, record

from understudy.errors import MocapError, UnderstudyError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.pipeline.motion_episode import motion_episode
from understudy.retarget.clip import mirrored, trimmed, without_reference_pose
from understudy.retarget.retarget import retarget
from understudy.simulate import floor, moves, walker
from understudy.simulate._body import Body
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.schema import Schema, TaskRules
from understudy.spec.skeleton import BONES, INDEX, HumanMotion
from understudy.testing.motions import squat, stamps, sway
from understudy.testing.producers_bench import with_small_cameras
from understudy.testing.sensed import with_carried_object

LONGEST_S, SHORTEST_S = 12.0, 1.5
"""Longer clips give windows; shorter ones are left out."""
LEAST_MEASURED = 0.6
"""Share of a person's joints that a file must have: an arm alone is no whole body."""
MOCAP_FOLDERS = ("amass", "bvh", "c3d", "mvnx", "trc")
FEWEST_OF_A_TASK = 4
"""What compares an episode with the others of its task needs three of them."""
TUNE_SHARE = 3
"""Every so-manieth source of a kind, in the order of its name's hash, is for choosing thresholds."""


@dataclass(frozen=True)
class Source:
    """Where motions come from.

    Attributes:
        name: also the task of its episodes.
        kind: walk, crouch, jump, carry, reach, run, dance, floor, still, mixed, robot, recorded.
        human: makes the person's motion; None for a robot's.
        robot: makes a robot's motion at a pace; None for a person's.
        settings: of `record`, for a recorded one.
        group: what falls on the same side of the split: one take in two formats is one; empty for the name.
    """

    name: str
    kind: str
    human: Callable[[], HumanMotion] | None = None
    robot: Callable[[RobotModel, float], RobotMotion] | None = None
    settings: Mapping[str, str | float] | None = None
    group: str = ""


@dataclass(frozen=True)
class Variant:
    """What is done to a source's motion."""

    mirror: bool
    pace: float
    legs: float
    arms: float
    number: int


def variant(number: int, kind: str) -> Variant:
    """The variant of that number: 0 is the motion as it is, 1 its mirror image, then speeds and limbs in all mixtures."""
    slow, fast = (0.9, 1.1) if kind in ("jump", "run", "dance") else (0.8, 1.25)
    paces, limbs = (1.0, fast, slow, 1.1, 0.9), (1.0, 0.85, 1.15)
    at = number // 2
    return Variant(bool(number % 2), paces[at % 5], limbs[(at + at // 3) % 3], limbs[(2 * at + at // 5) % 3], number)


def _body(height_m: float) -> Body:
    return Body(height_m)


def _parametric() -> list[Source]:
    """Movements made by formula, of many kinds and sizes."""
    w = walker
    made: dict[str, tuple[str, Callable[[], HumanMotion]]] = {
        "walk_slow": ("walk", lambda: w.walk(8.0, 0.7)),
        "walk_usual": ("walk", lambda: w.walk(8.0, 1.2, height_m=1.68)),
        "walk_quick": ("walk", lambda: w.walk(6.0, 1.5, height_m=1.85, rate_hz=60.0)),
        "walk_short": ("walk", lambda: w.walk(5.0, 1.0, height_m=1.6, rate_hz=100.0)),
        "turn_left": ("walk", lambda: w.turn(2.0, rate_hz=60.0)),
        "turn_right": ("walk", lambda: w.turn(-3.0, height_m=1.8)),
        "squat_shallow": ("crouch", lambda: w.squat(3.5, 0.2)),
        "squat_deep": ("crouch", lambda: w.squat(4.0, 0.4, height_m=1.9)),
        "squat_usual": ("crouch", lambda: w.squat(3.0, 0.36, height_m=1.65, rate_hz=60.0)),
        "squat_thrice": ("crouch", lambda: moves.deep_squat(0.2, body=_body(1.7))),
        "jump_low": ("jump", lambda: moves.jump(0.12, 0.3, 2, body=_body(1.7))),
        "jump_far": ("jump", lambda: moves.jump(0.2, 0.6, 2, body=_body(1.85), rate_hz=60.0)),
        "jump_in_place": ("jump", lambda: moves.jump(0.25, 0.0, 3)),
        "reach_right": ("reach", lambda: w.reach("right")),
        "reach_left_high": ("reach", lambda: w.reach("left", (0.6, 0.1, 0.7), height_m=1.65)),
        "reach_low": ("reach", lambda: w.reach("right", (0.6, -0.1, -0.5), rate_hz=60.0)),
        "stand": ("still", lambda: w.stand(5.0)),
        "all_a": ("mixed", lambda: w.parametric_motion(1.7, seed=1)),
        "all_b": ("mixed", lambda: w.parametric_motion(1.9, 60.0, seed=2)),
        "crawl": ("floor", lambda: floor.crawl().motion),
        "kneel": ("floor", lambda: floor.kneel().motion),
        "push_up": ("floor", lambda: floor.push_up().motion),
        "sit": ("floor", lambda: floor.sit().motion),
        "roll": ("floor", lambda: floor.roll().motion),
    }
    for steps, speed, height in ((2, 0.7, 1.75), (3, 0.9, 1.6), (4, 0.9, 1.75), (4, 1.1, 1.9), (5, 0.8, 1.68), (6, 1.0, 1.8),
                                 (2, 1.0, 1.85), (3, 0.7, 1.7), (5, 1.1, 1.75)):  # fmt: skip
        made[f"carry_{steps}_{round(100 * height)}"] = ("carry", _carrying(steps, speed, height))
    return [Source(name, kind, human=make) for name, (kind, make) in made.items()] + _moves()


def _carrying(steps: int, speed_m_s: float, height_m: float) -> Callable[[], HumanMotion]:
    return lambda: walker.carry(steps, speed_m_s, height_m=height_m, rate_hz=60.0 if steps % 2 else 120.0)


def _moves() -> list[Source]:
    kinds = {"run": "run", "jump": "jump", "walk": "walk", "high": "walk", "turn": "walk", "deep": "crouch", "swing": "reach"}
    named = {name.replace(",", "").replace(" ", "_"): make for name, make in moves.MOVES.items()}
    return [Source(name, kinds.get(name.partition("_")[0], "dance"), human=make) for name, make in named.items()]


def _robot_motions() -> list[Source]:
    """Motions of the robot itself, by formula. Files of other tools are no clean data: nobody knows what is wrong with them."""
    made: dict[str, Callable[[RobotModel, float], RobotMotion]] = {
        f"sway_{seed}": (lambda robot, pace, seed=seed: sway(robot, stamps(6.0 / pace, 120.0), seed=seed))  # type: ignore[misc]
        for seed in range(4)
    }
    made |= {
        f"bend_{round(10 * depth)}": (lambda robot, pace, depth=depth: squat(robot, stamps(4.0 / pace, 100.0), depth_rad=depth))  # type: ignore[misc]
        for depth in (0.8, 1.2, 1.6)
    }
    return [Source(name, "robot", robot=make) for name, make in made.items()]


def _clips(samples: Path | None) -> list[Source]:
    """Every sample that a reader takes and that is of a whole person."""
    found: list[Source] = []
    for path in usable_clips(samples) if samples else ():
        stem = path.stem.lower().partition("_level")[0]
        kind = next((k for k, words in _WORDS.items() if any(word in stem for word in words)), "mixed")
        found.append(Source(f"clip_{stem}_{path.suffix[1:]}", kind, human=_file(path), group=stem))
    return found


@cache
def usable_clips(samples: Path) -> tuple[Path, ...]:
    """Files of a whole person, long enough."""
    found = []
    for path in sorted(p for folder in MOCAP_FOLDERS for p in (samples / folder).glob("*") if p.is_file()):
        try:
            motion = read_motion(path)
        except UnderstudyError:
            continue  # no motion, or one that needs what is not here
        if motion.measured.mean() >= LEAST_MEASURED and motion.duration_s >= SHORTEST_S:
            found.append(path)
    return tuple(found)


_WORDS = {"walk": ("walk", "step"), "crouch": ("squat",), "jump": ("jump",)}


def _file(path: Path) -> Callable[[], HumanMotion]:
    return lambda: without_reference_pose(read_motion(path))[0]


def sources(samples: Path | None) -> list[Source]:
    """All of them, in the order of their names."""
    recorded = [Source(name, "recorded", settings=settings) for name, settings in RECORDED.items()]
    return sorted([*_clips(samples), *_parametric(), *_robot_motions(), *recorded], key=lambda s: s.name)


def group_of(source: Source) -> str:
    """What is drawn and split as one."""
    return source.group or source.name


def side_of(source: Source, everything: list[Source]) -> str:
    """`tune` or `test`: by the hash of the name, kind by kind, so that both sides have every kind of motion."""
    kin = sorted({group_of(s) for s in everything if s.kind == source.kind}, key=lambda n: hashlib.sha256(n.encode()).hexdigest())
    at = kin.index(group_of(source))
    return "tune" if at % TUNE_SHARE == 0 and len(kin) > 1 else "test"


def plan(samples: Path | None, side: str, count: int) -> list[tuple[Source, Variant]]:
    """The first `count` variants of the sources on one side, every source's first one first; twice as many of recorded ones."""
    everything = sources(samples)
    chosen = [s for s in everything if side in ("all", side_of(s, everything))]
    out: list[tuple[Source, Variant]] = []
    made, turn = dict.fromkeys((s.name for s in chosen), 0), 0
    while len(out) < count and chosen:
        for source in chosen:
            twice = source.kind == "recorded" or (source.kind == "carry" and turn % 2 == 0)
            for _ in range(2 if twice else 1):
                out.append((source, variant(made[source.name], source.kind)))
                made[source.name] += 1
        turn += 1
    return out[:count]


def quick_plan(samples: Path | None, side: str, count: int) -> list[tuple[Source, Variant]]:
    """A quick look: one source of every kind, and as many variants of each as it takes, for tasks need several episodes."""
    everything = sources(samples)
    kinds = {s.kind: s for s in reversed(everything) if side in ("all", side_of(s, everything))}
    each = max(FEWEST_OF_A_TASK, round(count / max(len(kinds), 1)))
    return [(source, variant(number, kind)) for kind, source in sorted(kinds.items()) for number in range(each)]


def clean_schema(robot: RobotModel, samples: Path | None) -> Schema:
    """The default schema with small cameras; what goes down to the floor on purpose may."""
    down = TaskRules(low_pelvis=True, floor_contact=True)
    tasks = {s.name: down for s in sources(samples) if s.kind == "floor"}
    return with_small_cameras(default_schema(robot, "defects")).model_copy(update={"tasks": tasks})


def episode_name(source: Source, v: Variant) -> str:
    """Id of an episode."""
    return f"{source.name}_{v.number:02d}"


def make_clean(source: Source, v: Variant, schema: Schema, schema_text: str, work: Path) -> Episode:
    """The episode of one variant.

    Raises:
        MocapError: the clip cannot be used.
    """
    robot = load_robot(schema.robot)
    name = episode_name(source, v)
    labels: dict[str, MetadataValue] = {
        "task_id": source.name,
        "demonstrator_id": f"p{v.number % 4}",
        "language_instruction": source.name.replace("_", " "),
    }
    if source.settings is not None:
        return record(name, source.settings, v.number, robot, schema, labels, work)
    if source.robot is not None:
        motion = _window_robot(source.robot(robot, v.pace), v.number)
        said: dict[str, MetadataValue] = {**labels, "motion_source": "synthetic", "clip": source.name, "warnings": "[]"}
        return motion_episode(robot, motion, episode_id=name, schema_toml=schema_text, metadata=said)
    assert source.human is not None
    person = varied(source.human(), v)
    result = retarget(person, robot)
    labels |= {"motion_source": "synthetic" if person.source.synthetic else "mocap", "clip": source.name, "warnings": "[]"}
    if v.mirror:
        labels["mirror_of"] = source.name
    extra = {
        "debug/human_joints_world": person.joint_pos_world_m,
        "debug/human_target_world": result.human_target_world_m,
        "debug/ee_residual": result.residual_m,
        "debug/infeasible": result.infeasible,
        "debug/source_contact": result.stance,
        "debug/contacts": result.contacts,
    }
    episode = motion_episode(robot, result.motion, episode_id=name, schema_toml=schema_text, metadata=labels, extra=extra)
    return with_carried_object(episode, robot, schema) if source.kind == "carry" else episode


def varied(motion: HumanMotion, v: Variant) -> HumanMotion:
    """The person's motion, cut, mirrored, at another pace and with other limbs."""
    motion = _window(motion, v.number)
    if v.mirror:
        motion = mirrored(motion)
    t_ns = np.round(motion.t_ns / v.pace).astype(np.int64)
    motion = replace(motion, t_ns=t_ns, source=replace(motion.source, rate_hz=motion.source.rate_hz * v.pace))
    if (v.legs, v.arms) == (1.0, 1.0):
        return motion
    pos = with_limbs(motion.joint_pos_world_m, legs=v.legs, arms=v.arms)
    return replace(motion, joint_pos_world_m=pos, hand_pos_world_m=None, hand_radial_world=None)


def with_limbs(pos_world_m: F64, *, legs: float, arms: float) -> F64:
    """(T, 23, 3) the person with longer or shorter legs and arms; feet stay planted, for the whole space goes with the legs."""
    grown = pos_world_m * legs
    out = grown.copy()
    factor = {"arm": arms / legs, "trunk": 1.0 / legs, "leg": 1.0}
    below = {"elbow": "arm", "wrist": "arm", "hand": "arm", "knee": "leg", "ankle": "leg", "toe": "leg", "hip": "leg"}
    for parent, child in _outward():
        part = below.get(child.rpartition("_")[2], "trunk")
        bone = grown[:, INDEX[child]] - grown[:, INDEX[parent]]
        out[:, INDEX[child]] = out[:, INDEX[parent]] + factor[part] * bone
    return out


def _outward() -> list[tuple[str, str]]:
    """Bones from the pelvis outward, each after the one that carries it."""
    found, todo = {"pelvis"}, list(BONES)
    out: list[tuple[str, str]] = []
    while todo:
        step = [(a, b) for a, b in todo if a in found and b not in found]
        step += [(b, a) for a, b in todo if b in found and a not in found]
        out += step
        found |= {b for _, b in step}
        todo = [bone for bone in todo if not (bone[0] in found and bone[1] in found)]
        if not step:
            raise MocapError(f"bones {todo} hang on nothing")
    return out


def _window(motion: HumanMotion, number: int) -> HumanMotion:
    """At most `LONGEST_S`, another stretch for another number, its ends where the person is slowest within a second."""
    if motion.duration_s <= LONGEST_S:
        return motion
    speed = np.linalg.norm(np.gradient(motion.joint_pos_world_m, motion.t_ns * 1e-9, axis=0), axis=2).mean(axis=1)
    room_s = motion.duration_s - LONGEST_S
    start_s = room_s * (0.5 + 0.5 * math.sin(2.4 * number))
    t_s = motion.t_ns * 1e-9
    ends = []
    for about_s in (start_s + 0.5, start_s + LONGEST_S - 0.5):
        near = np.flatnonzero(np.abs(t_s - about_s) <= 0.5)
        ends.append(float(t_s[near[np.argmin(speed[near])]]))
    return trimmed(motion, ends[0], ends[1])


def _window_robot(motion: RobotMotion, number: int) -> RobotMotion:
    t_s = (motion.t_ns - motion.t_ns[0]) * 1e-9
    start_s = max(0.0, float(t_s[-1]) - LONGEST_S) * (0.5 + 0.5 * math.sin(2.4 * number))
    keep = (t_s >= start_s) & (t_s <= start_s + LONGEST_S)
    t_ns = motion.t_ns[keep]
    return RobotMotion(t_ns - t_ns[0], motion.root_pos_world_m[keep], motion.root_quat_world_wxyz[keep], motion.joint_pos[keep],
                       motion.joint_names)  # fmt: skip
