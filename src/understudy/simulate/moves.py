"""Movements that are hard to retarget, by people of all sizes: running, jumping, dancing, arms at their limits.

`MOVES` names them all. Every one is labelled synthetic, keeps its bones' lengths and plants its feet exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from understudy.simulate._assemble import Style
from understudy.simulate._body import Body
from understudy.simulate._jump import jumping_plan
from understudy.simulate._run import running_plan
from understudy.simulate._script import Script
from understudy.simulate.walker import motion_of, squat_down
from understudy.spec.skeleton import HumanMotion

OVER_HEAD, FRONT, BEHIND, OUT, LOW = (
    (0.05, 0.2, 0.95),
    (0.95, -0.1, 0.1),
    (-0.5, 0.3, -0.75),
    (0.05, 0.97, 0.1),
    (0.2, 0.25, -0.9),
)
"""Wrists from the shoulders in lengths of the arm: ahead, to the outside, up."""
RUNNER = Style(arm_swing=0.55, elbow_rad=1.45, twist=0.1, list_rad=0.06, lean_rad=0.12)

AVERAGE = Body()
CHILD, TALL = Body(1.25, legs=0.94), Body(2.05, legs=1.04)
NARROW, LONG_ARMS = Body(1.78, hips=0.75), Body(1.72, arms=1.12)


def run(speed_m_s: float = 2.8, *, body: Body = AVERAGE, duration_s: float = 4.0, rate_hz: float = 120.0) -> HumanMotion:
    """Run straight ahead."""
    said = {"motion": "run", "speed_m_s": speed_m_s, "duration_s": duration_s, "rate_hz": rate_hz}
    return motion_of(body, running_plan(body, duration_s, speed_m_s, rate_hz), RUNNER, said)


def jump(
    rise_m: float = 0.2, forward_m: float = 0.4, jumps: int = 3, *, body: Body = AVERAGE, rate_hz: float = 120.0
) -> HumanMotion:
    """Jump with both feet."""
    said = {"motion": "jump", "rise_m": rise_m, "forward_m": forward_m, "jumps": jumps, "rate_hz": rate_hz}
    return motion_of(body, jumping_plan(body, rise_m, forward_m, jumps, rate_hz), Style(arc=True), said)


def walk(speed_m_s: float = 1.3, *, steps: int = 8, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Walk straight ahead."""
    return scripted("walk", lambda s: s.walk(steps, speed_m_s), body, rate_hz, speed_m_s=speed_m_s, steps=steps)


def walk_backward(*, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Walk backward."""
    return scripted("walk backward", lambda s: s.go(8, body.part(0.24), math.pi, 0.6), body, rate_hz)


def walk_sideways(*, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Side steps without crossing, then a stretch with crossing steps."""

    def act(script: Script) -> None:
        script.sidestep(4, body.part(0.18), 0.5)
        script.sidestep(5, body.part(0.15), 0.55, cross_m=body.part(0.13))

    return scripted("walk sideways", act, body, rate_hz)


def high_knees(lift_m: float = 0.3, *, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Lift the feet as on stairs, ahead and on the spot."""

    def act(script: Script) -> None:
        script.go(6, body.part(0.16), 0.0, 0.75, lift_m=lift_m)
        script.go(6, 0.0, 0.0, 0.6, lift_m=lift_m)

    return scripted("high knees", act, body, rate_hz, lift_m=lift_m)


def turn_around(*, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Turn on the spot once to the left and back to the right."""

    def act(script: Script) -> None:
        script.turn(2.0 * math.pi)
        script.turn(-math.pi)

    return scripted("turn around", act, body, rate_hz)


def deep_squat(depth: float = 0.24, *, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Three squats, `depth` in parts of the body's height, each deeper than the one before."""

    def act(script: Script) -> None:
        for share in (0.6, 0.8, 1.0):
            squat_down(script, share * body.part(depth), 2.4)

    return scripted("deep squat", act, body, rate_hz, depth=depth)


def swing_arms(move_s: float = 0.3, *, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Swing stretched arms between their ends: overhead, ahead, behind, out; each way in `move_s`."""

    def act(script: Script) -> None:
        script.stand(0.3)
        for target in (FRONT, OVER_HEAD, FRONT, LOW, BEHIND, LOW, FRONT, OVER_HEAD, OUT, LOW, OUT, OVER_HEAD, FRONT):
            script.hands(target, move_s)
            script.stand(1.2 * move_s)
        for left, right in ((OVER_HEAD, LOW), (FRONT, OUT), (LOW, OVER_HEAD), (OUT, FRONT)) * 2:
            script.hand("left", left, move_s)
            script.hand("right", (right[0], -right[1], right[2]), move_s)
            script.stand(1.2 * move_s)
        script.hands(None, 0.6)
        script.stand(1.0)

    return scripted("swing arms", act, body, rate_hz, move_s=move_s)


def dance(tempo_s: float = 0.45, *, body: Body = AVERAGE, rate_hz: float = 120.0) -> HumanMotion:
    """Arms over the head and around, crossing steps, turns, dips and a hop from foot to foot."""

    def act(script: Script) -> None:
        begin = script.now_s
        for k, target in enumerate((OUT, OVER_HEAD, FRONT, OUT, OVER_HEAD, FRONT)):
            script.hands(target, tempo_s, at_s=begin + 2.0 * k * tempo_s)
        script.sidestep(6, body.part(0.15), tempo_s, cross_m=body.part(0.12))
        script.now_s = max(script.now_s, begin + 12.0 * tempo_s)
        script.hand("left", OVER_HEAD, tempo_s)
        script.hand("right", (0.05, -0.97, 0.1), tempo_s)
        script.turn(2.0 * math.pi)
        script.hands(FRONT, tempo_s)
        script.squat(body.part(0.12), tempo_s, 0.2)
        script.hands((0.35, -0.25, 0.3), tempo_s)
        script.go(4, body.part(0.1), 0.5, tempo_s, lift_m=0.15)
        script.hands(OVER_HEAD, tempo_s)
        script.go(4, body.part(0.1), math.pi, tempo_s, lift_m=0.1)
        script.hands(OUT, tempo_s)
        script.stand(1.2 * tempo_s)
        script.hands(None, tempo_s)
        script.turn(-math.pi)

    return scripted("dance", act, body, rate_hz, tempo_s=tempo_s)


def scripted(name: str, act: Callable[[Script], None], body: Body, rate_hz: float, **settings: object) -> HumanMotion:
    """The motion of a script that `act` writes, with a moment of standing before and after it."""
    script = Script(body)
    script.stand(0.5)
    act(script)
    script.stand(0.5)
    return motion_of(body, script.plan(rate_hz), Style(arc=True), {"motion": name, "rate_hz": rate_hz, **settings})


MOVES: dict[str, Callable[[], HumanMotion]] = {
    "run": run,
    "run, fast": lambda: run(3.8, duration_s=3.0),
    "jump": jump,
    "jump, high": lambda: jump(0.28, 0.0, 2, rate_hz=60.0),
    "walk": walk,
    "walk, child": lambda: walk(0.8, body=CHILD),
    "walk, tall": lambda: walk(1.5, body=TALL, rate_hz=100.0),
    "walk, narrow hips": lambda: walk(1.2, body=NARROW, rate_hz=60.0),
    "walk backward": walk_backward,
    "walk sideways": walk_sideways,
    "high knees": high_knees,
    "turn around": lambda: turn_around(rate_hz=60.0),
    "deep squat": lambda: deep_squat(rate_hz=60.0),
    "swing arms": swing_arms,
    "swing arms, fast": lambda: swing_arms(0.22),
    "swing long arms": lambda: swing_arms(body=LONG_ARMS, rate_hz=60.0),
    "dance": dance,
    "dance, child": lambda: dance(0.4, body=CHILD, rate_hz=60.0),
    "dance, tall": lambda: dance(0.5, body=TALL, rate_hz=30.0),
}
"""Name to the function that makes the motion."""
