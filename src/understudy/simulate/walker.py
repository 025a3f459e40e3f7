"""Parametric human motion: for demonstrations, tests and calibration where no recording is at hand.

Every motion is labelled synthetic. Planted feet stand exactly still, bones keep their length, and the same arguments
give the same motion.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from understudy.geom.arrays import F64
from understudy.mocap._bvh_write import write_bvh
from understudy.simulate._assemble import Plan, Style, body_motion
from understudy.simulate._body import Body
from understudy.simulate._run import running_plan
from understudy.simulate._script import Script, step_length
from understudy.simulate._source import synthetic_motion
from understudy.spec.skeleton import HumanMotion

__all__ = ["carry", "parametric_motion", "reach", "run", "squat", "stand", "turn", "walk", "write_bvh"]

CARRIED = (0.52, -0.12, -0.62)
"""Wrists of someone who carries a box in front of the belly."""
PICKED = (0.62, -0.1, -0.72)
"""Wrists of someone who takes a box from a low place."""
REACHED = (0.9, 0.05, 0.15)
"""A wrist that reaches forward at the height of the shoulder."""


def parametric_motion(height_m: float = 1.75, rate_hz: float = 120.0, seed: int = 0) -> HumanMotion:
    """Walk, turn, squat, reach and carry in one clip of about half a minute.

    Args:
        height_m: of the person.
        rate_hz: frames per second.
        seed: varies speed, depth, targets and the swing of the arms by a few per cent; 0 is the plain motion.
    """
    rng = np.random.default_rng(seed)

    def vary(value: float, by: float = 0.06) -> float:
        return value * (1.0 + (by * float(rng.uniform(-1.0, 1.0)) if seed else 0.0))

    script = Script(Body(height_m))
    script.stand(0.8)
    script.walk(6, vary(1.2))
    script.turn(math.pi)
    squat_down(script, vary(0.36))
    _reach(script, "right", REACHED, vary(1.0))
    _reach(script, "left", (0.6, 0.1, 0.7), vary(1.0))
    _carry(script, steps=4, speed_m_s=vary(0.9))
    script.stand(0.8)
    settings: dict[str, object] = {"motion": "all", "height_m": height_m, "rate_hz": rate_hz, "seed": seed}
    style = Style(arm_swing=vary(0.5, 0.2), elbow_rad=vary(0.35, 0.2))
    return motion_of(script.body, script.plan(rate_hz), style, settings)


def stand(duration_s: float = 2.0, *, height_m: float = 1.75, rate_hz: float = 120.0) -> HumanMotion:
    """Stand still with hanging arms."""
    return _scripted("stand", lambda s: s.stand(duration_s), height_m, rate_hz, duration_s=duration_s)


def walk(duration_s: float = 6.0, speed_m_s: float = 1.2, *, height_m: float = 1.75, rate_hz: float = 120.0) -> HumanMotion:
    """Stand, walk along x at `speed_m_s` and stop; at least two steps."""
    step_s = step_length(Body(height_m), speed_m_s) / speed_m_s
    steps = max(2, math.floor((duration_s - 1.2) / step_s) - 1)
    rest_s = max(duration_s - 0.8 - (steps + 1) * step_s, 0.4)

    def act(script: Script) -> None:
        script.stand(rest_s / 2.0)
        script.walk(steps, speed_m_s)
        script.stand(rest_s / 2.0)

    return _scripted("walk", act, height_m, rate_hz, duration_s=duration_s, speed_m_s=speed_m_s)


def turn(angle_rad: float = math.pi / 2.0, *, height_m: float = 1.75, rate_hz: float = 120.0) -> HumanMotion:
    """Turn on the spot, to the left when positive."""
    return _scripted("turn", lambda s: s.turn(angle_rad), height_m, rate_hz, angle_rad=angle_rad)


def squat(duration_s: float = 3.0, depth_m: float = 0.36, *, height_m: float = 1.75, rate_hz: float = 120.0) -> HumanMotion:
    """Squat by `depth_m` with the arms forward, and come up."""
    return _scripted(
        "squat", lambda s: squat_down(s, depth_m, duration_s), height_m, rate_hz, duration_s=duration_s, depth_m=depth_m
    )


def reach(
    side: str = "right",
    target: tuple[float, float, float] = REACHED,
    *,
    height_m: float = 1.75,
    rate_hz: float = 120.0,
) -> HumanMotion:
    """Bring one wrist to `target` from the shoulder (lengths of the arm; x forward, y left, z up) and back."""
    return _scripted("reach", lambda s: _reach(s, side, target, 1.0), height_m, rate_hz, side=side, target=list(target))


def carry(steps: int = 4, speed_m_s: float = 0.9, *, height_m: float = 1.75, rate_hz: float = 120.0) -> HumanMotion:
    """Take something low with both hands, walk with it and put it down."""
    return _scripted("carry", lambda s: _carry(s, steps, speed_m_s), height_m, rate_hz, steps=steps, speed_m_s=speed_m_s)


def run(duration_s: float = 3.0, speed_m_s: float = 2.8, *, height_m: float = 1.75, rate_hz: float = 120.0) -> HumanMotion:
    """Run along x at a steady speed, both feet off the ground between the steps."""
    body = Body(height_m)
    style = Style(arm_swing=0.55, elbow_rad=1.45, twist=0.1, list_rad=0.06, lean_rad=0.12)
    settings = {"duration_s": duration_s, "speed_m_s": speed_m_s, "height_m": height_m, "rate_hz": rate_hz}
    return motion_of(body, running_plan(body, duration_s, speed_m_s, rate_hz), style, {"motion": "run", **settings})


def squat_down(script: Script, depth_m: float, duration_s: float = 3.2) -> None:
    """Write a squat with the arms forward."""
    begin, part = script.now_s, 0.42 * duration_s
    script.hands((0.85, -0.05, -0.1), part, at_s=begin)
    script.hands(None, part, at_s=begin + duration_s - part)
    script.squat(depth_m, part, duration_s - 2.0 * part)


def _reach(script: Script, side: str, target: tuple[float, float, float], move_s: float) -> None:
    script.hand(side, target, move_s)
    script.stand(move_s + 0.5)
    script.hand(side, None, move_s)
    script.stand(move_s + 0.2)


def _carry(script: Script, steps: int, speed_m_s: float) -> None:
    for before, after in ((None, CARRIED), (CARRIED, None)):
        begin = script.now_s
        script.hands(PICKED, 1.1, at_s=begin)
        script.hands(after, 1.1, at_s=begin + 1.5)
        script.squat(0.36, 1.2, 0.2)
        if before is None:
            script.walk(steps, speed_m_s)


def _scripted(name: str, act: Callable[[Script], None], height_m: float, rate_hz: float, **settings: object) -> HumanMotion:
    script = Script(Body(height_m))
    act(script)
    described = {"motion": name, "height_m": height_m, "rate_hz": rate_hz, **settings}
    return motion_of(script.body, script.plan(rate_hz), Style(), described)


def motion_of(body: Body, plan: Plan, style: Style, settings: dict[str, object]) -> HumanMotion:
    """The motion of a plan; `settings` are its provenance, `motion` among them is its name."""
    pos: F64 = body_motion(body, plan, style)
    return synthetic_motion(pos, plan.t_s, 1.0 / float(plan.t_s[1] - plan.t_s[0]), settings)
