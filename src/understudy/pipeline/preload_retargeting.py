"""What the process that retargeting workers are forked from loads beside `preload`: the compiled solver and the usual robot.

Each worker would otherwise load them for its first clip, which then takes four times as long. A person who stands still for a
moment is retargeted, which takes every kernel along that an ordinary clip needs.
"""

from __future__ import annotations

import logging

import numpy as np

from understudy.errors import UnderstudyError
from understudy.pipeline import preload
from understudy.pipeline.retarget import worker_robot
from understudy.retarget.retarget import retarget
from understudy.simulate.walker import stand
from understudy.store._fletcher import fletcher32

__all__ = ["preload"]

USUAL_ROBOT = "unitree_g1"

fletcher32(np.zeros(4, dtype=np.uint16))
try:
    retarget(stand(1.0, rate_hz=30.0), worker_robot(USUAL_ROBOT))
except UnderstudyError as error:  # such as a model that is not installed: whoever asks for it is told by the task
    logging.getLogger(__name__).info("workers begin without the solver loaded: %s", error)
