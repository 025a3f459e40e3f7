"""Retarget a motion in Python and look at how well it went: `python examples/retarget_walk.py [CLIP.bvh] [--robot NAME]`.

Without a clip it takes six seconds of walking from the project's own walker.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.retarget.clip import without_reference_pose
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.simulate.walker import walk


def main() -> None:
    """Read or make a motion, retarget it, print figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    args = parser.parse_args()

    human = read_motion(args.clip) if args.clip else walk(6.0, rate_hz=60.0)
    human, replaced = without_reference_pose(human)  # many files begin with a T-pose that is no part of the motion
    robot = load_robot(args.robot)
    result = retarget(human, robot)

    motion = result.motion  # stamps, pose of the root in the world, joint angles (T, J)
    knee = motion.joint_pos[:, robot.joint_index("left_knee_joint")]
    print(f"{len(human)} frames at {human.rate_hz:g} Hz, a person with legs of {human.subject().leg_m:.2f} m")
    print(f"{robot.name}: {robot.dof} joints, size {result.scale:.2f} of the person's")
    print(f"left knee from {np.degrees(knee.min()):.0f} to {np.degrees(knee.max()):.0f} degrees")

    metrics = motion_metrics(human, motion, robot)
    print(f"limb directions {metrics.limb_dir_deg:.2f} deg off on average")
    print(f"planted feet slide at {metrics.skate_cm_s:.3f} cm/s and stand {metrics.float_cm:.3f} cm off the floor")
    print(f"{metrics.limit_violations} samples outside joint limits, {metrics.fast_steps} joint steps over 15 rad/s")
    print(f"{100 * result.infeasible.mean():.1f} % of the frames have a hand or foot over 5 cm from what was asked")
    for warning in filter(None, (replaced, *result.warnings)):
        print(f"warning: {warning}")


if __name__ == "__main__":
    main()
