"""BVH files changed as people change them."""

from __future__ import annotations

import re

ROOT_COLUMNS = 3


def scaled_bvh(text: str, by: float) -> str:
    """A file with offsets and root positions in another unit; its root's position stands first in every line of the motion."""
    head, _, motion = text.partition("MOTION")
    head = re.sub(r"OFFSET (\S+) (\S+) (\S+)", lambda m: "OFFSET " + " ".join(str(float(v) * by) for v in m.groups()), head)
    lines = motion.split("\n")
    for i in range(3, len(lines)):
        words = lines[i].split()
        lines[i] = " ".join([*(str(float(w) * by) for w in words[:ROOT_COLUMNS]), *words[ROOT_COLUMNS:]])
    return head + "MOTION" + "\n".join(lines)
