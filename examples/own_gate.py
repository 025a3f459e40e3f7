"""A gate in one file: `python examples/own_gate.py` holds it to the laws of a gate and runs it on two episodes.

To install it, put the class and `PLUGIN` into a package of yours and name it in that package's pyproject.toml:

    [project.entry-points."understudy.gates"]
    standstill = "my_package.standstill:PLUGIN"

`understudy check` then runs it, `[gates.standstill]` in schema.toml sets its threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.kinematics.load import load_robot
from understudy.quality.spans import moment, spans
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.gates import GateCase, check_gate

VELOCITIES = "observations/joint_velocities"
STILL_RAD_S = 0.01


class Standstill:
    """No joint moves for too long: a demonstrator who waits teaches the policy to wait."""

    title = "Standstill"
    needs: tuple[str, ...] = (VELOCITIES,)
    defaults: Mapping[str, float | str | bool] = {"max_still_s": 2.0}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """A warning for every stretch without motion."""
        stream, allowed_s = episode.stream(VELOCITIES), float(context.thresholds["max_still_s"])
        still = np.asarray(np.abs(stream.data).max(axis=1) < STILL_RAD_S)
        return [
            Finding(
                gate="standstill",
                severity="warn",
                message=f"no joint moves for {lasts_s:.1f} s from {moment(episode, span.start_ns)} on (allowed {allowed_s:g} s); "
                "trim the episode there, or allow more in schema.toml",
                stream=VELOCITIES,
                start_ns=span.start_ns,
                end_ns=span.end_ns,
                value=lasts_s,
                limit=allowed_s,
                unit="s",
            )
            for span in spans(still, stream.t_ns)
            if (lasts_s := (span.end_ns - span.start_ns) * 1e-9) > allowed_s
        ]


PLUGIN: Gate = Standstill()


def main() -> None:
    """Try the gate on an episode that moves and on one that stops."""
    robot = load_robot("unitree_g1")
    moving = make_episode(robot, duration_s=4.0)
    velocity = moving.data(VELOCITIES).copy()
    velocity[60:420] = 0.0  # three seconds at 120 Hz
    stopping = with_data(moving, VELOCITIES, velocity)

    case = GateCase("standstill", PLUGIN, robot, default_schema(robot, "mine"), bad=stopping, good=moving, severity="warn")
    check_gate(case)
    for name, episode in (("moving", moving), ("stopping", stopping)):
        found, _ = case.run(episode)
        print(f"{name}: {'; '.join(f.message for f in found) or 'nothing found'}")


if __name__ == "__main__":
    main()
