"""Tiny steps for tests of the engines, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
import time

from understudy.errors import MocapError
from understudy.pipeline.tasks import Job, Outcome, Step
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode


def _stand(job: Job) -> Outcome:
    """Writes an episode whose seed stands in the input; params may ask for a fault."""
    text = job.task.inputs[0].read_text(encoding="utf-8")
    _fault(str(job.task.params.get("fault", "")))
    name = f"{job.task.name}_{job.id[:8]}"
    dataset = Dataset.open(job.root)
    episode = make_episode(duration_s=0.5, seed=int(text), episode_id=name, schema=dataset.schema)
    ref = dataset.add(episode)
    return Outcome((ref.path,), {"frames": len(episode.timeline_ns)})


def _fault(kind: str) -> None:
    if kind == "refuse":
        raise MocapError("clip.bvh: line 7: no frames")
    if kind == "bug":
        raise ZeroDivisionError("a fault in the step")
    if kind == "exit":
        os._exit(3)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        time.sleep(600)


STAND = Step("stand", 1, _stand)
