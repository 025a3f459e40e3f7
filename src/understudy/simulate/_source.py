"""Where a made motion comes from: its settings, in place of a file."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import JOINTS, HumanMotion, SourceInfo


def synthetic_motion(pos_world_m: F64, t_s: F64, rate_hz: float, settings: dict[str, object]) -> HumanMotion:
    """Joints (T, 23, 3) at times (T,) as a motion; `settings` are its provenance, `motion` among them is its name."""
    described = json.dumps(settings, sort_keys=True)
    source = SourceInfo(
        path=f"synthetic:{settings['motion']}",
        sha256=hashlib.sha256(described.encode()).hexdigest(),
        format="synthetic",
        dialect="canonical",
        unit_m=1.0,
        up="z",
        rate_hz=rate_hz,
        rest_pose="T",
        synthetic=True,
    )
    t_ns = np.rint(t_s * 1e9).astype(np.int64)
    return HumanMotion(pos_world_m, t_ns, np.ones(len(JOINTS), dtype=np.bool_), source, notes=(described,))
