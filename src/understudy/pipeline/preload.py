"""What the process that workers are forked from loads: imported there and nowhere else.

The first compiled function that a process loads takes numba's own tables with it, which is most of what it takes.
"""

from __future__ import annotations

import h5py
import numpy as np

from understudy.mocap._bvh_numbers import read_numbers
from understudy.pipeline import retarget

__all__ = ["h5py", "retarget"]

read_numbers(np.frombuffer(b"0", dtype=np.uint8), np.empty(1))
