"""People whose segments are known: they stand, walk, turn and use their hands by a script, and the script says when."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from understudy.simulate._assemble import Style
from understudy.simulate._body import Body
from understudy.simulate._script import Script, step_length
from understudy.simulate.walker import CARRIED, PICKED, REACHED, motion_of
from understudy.spec.skeleton import HumanMotion

LOW, HIGH, ASIDE = (0.75, 0.1, -0.35), (0.7, 0.1, 0.6), (0.35, 0.7, 0.1)
"""Where wrists go besides `REACHED`: in arm lengths from the shoulder, ahead, outward and up."""


@dataclass(frozen=True)
class Stretch:
    """What a person does from `start_s` to `end_s`; labels as of the rule."""

    start_s: float
    end_s: float
    label: str


def scripted_person(seed: int, *, rate_hz: float = 60.0, scenes: int = 6) -> tuple[HumanMotion, tuple[Stretch, ...]]:
    """Someone who does `scenes` things in random order, and when: locomotion, manipulation and, in between, idle.

    Locomotion is from the first foot lifted to the last set down; manipulation from the first to the last movement of a hand,
    held poses inside it. What is less than a second between two of manipulation belongs to it.
    """
    rng = np.random.default_rng(seed)
    body = Body(float(rng.uniform(1.55, 1.95)))
    script, done = Script(body), []
    script.stand(float(rng.uniform(1.2, 2.5)))
    for _ in range(scenes):
        done.append(_scene(script, rng))
        script.stand(float(rng.uniform(1.2, 3.0)))
    style = Style(arm_swing=float(rng.uniform(0.35, 0.6)), elbow_rad=float(rng.uniform(0.25, 0.5)))
    motion = motion_of(body, script.plan(rate_hz), style, {"motion": "scenes", "seed": seed, "rate_hz": rate_hz})
    return motion, _with_idle([s for scene in done for s in scene], script.now_s)


def _scene(script: Script, rng: np.random.Generator) -> list[Stretch]:
    kind = rng.choice(["walk", "turn", "reach", "both", "squat", "carry"])
    if kind == "walk":
        return [_walk(script, int(rng.integers(4, 9)), float(rng.uniform(0.7, 1.5)))]
    if kind == "turn":
        begin_s = script.now_s + 0.3
        script.turn(float(rng.choice([-1.0, 1.0]) * rng.uniform(math.pi / 2.0, math.pi)))
        return [Stretch(begin_s, script.now_s - 0.3 - 0.14, "locomotion")]
    begin_s = script.now_s
    if kind == "squat":
        script.hands(PICKED, 1.2)
        script.squat(0.3, 1.2, 0.4)
        script.hands(None, 1.0)
        script.stand(1.0)
        return [Stretch(begin_s, script.now_s, "manipulation")]
    if kind == "carry":
        script.hands(CARRIED, 1.0)
        script.stand(1.3)
        lifted = Stretch(begin_s, script.now_s, "manipulation")
        walked = _walk(script, int(rng.integers(4, 7)), float(rng.uniform(0.7, 1.1)))
        script.hands(None, 1.0)
        script.stand(1.0)
        return [
            Stretch(lifted.start_s, walked.start_s, "manipulation"),
            walked,
            Stretch(walked.end_s, script.now_s, "manipulation"),
        ]
    sides = ("left", "right") if kind == "both" else (str(rng.choice(["left", "right"])),)
    for _ in range(int(rng.integers(1, 4))):
        x, y, z = (REACHED, LOW, HIGH, ASIDE)[int(rng.integers(4))]
        move_s = float(rng.uniform(0.7, 1.2))
        for side in sides:
            script.hand(side, (x, y if side == "left" else -y, z), move_s)
        script.stand(move_s + float(rng.uniform(0.2, 0.8)))
    move_s = float(rng.uniform(0.7, 1.2))
    for side in sides:
        script.hand(side, None, move_s)
    script.stand(move_s)
    return [Stretch(begin_s, script.now_s, "manipulation")]


def _walk(script: Script, steps: int, speed_m_s: float) -> Stretch:
    begin_s, step_s = script.now_s, step_length(script.body, speed_m_s) / speed_m_s
    script.walk(steps, speed_m_s)
    return Stretch(begin_s + 0.4 + 0.24 * step_s, script.now_s - 0.4, "locomotion")


def _with_idle(done: list[Stretch], end_s: float) -> tuple[Stretch, ...]:
    out, now_s = [], 0.0
    for stretch in done:
        if stretch.start_s > now_s:
            out.append(Stretch(now_s, stretch.start_s, "idle"))
        out.append(stretch)
        now_s = stretch.end_s
    return (*out, Stretch(now_s, end_s, "idle")) if end_s > now_s else tuple(out)
