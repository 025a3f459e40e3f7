"""A small dataset that is worth a review: tasks, operators, scores, findings, a camera, and something that the gates refused."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding, Notes, ScoreResult, Segment
from understudy.spec.review import Decision, Reason, Verdict
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.chromium import Chromium
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.export import with_camera
from understudy.testing.producers_bench import with_small_cameras

AT = "2026-11-28T14:03:09Z"
SECOND_NS = 10**9
ASKED = "document.getElementById('who-dialog')?.open"
_ids = itertools.count(1)


def review_dataset(root: Path, robot: RobotModel, *, episodes: int = 6, duration_s: float = 1.0, cameras: bool = True) -> Dataset:
    """A dataset of episodes `e0`, `e1`, ..., two tasks and two operators, and `bad`, which the gates refused.

    Args:
        root: folder to make.
        robot: of the dataset.
        episodes: how many the gates let through.
        duration_s: of each.
        cameras: `e0` has a camera.
    """
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    dataset = Dataset.create(root, schema, robot)
    for k in range(episodes):
        task, who = ("reach", "walk")[k % 2], ("p01", "p02")[k // 2 % 2]
        _add(
            dataset,
            robot,
            f"e{k}",
            task,
            who,
            duration_s=duration_s,
            camera=cameras and k == 0,
            rating=(k + 1) / episodes,
            seed=k,
        )
    _add(dataset, robot, "bad", "reach", "p01", duration_s=duration_s, refused=True)
    dataset.move("bad", "failures")
    return dataset


def decision(episode: str, verdict: Verdict, reason: Reason = "", *, by: str = "ana", seconds: float = 9.0) -> Decision:
    """A decision with an id of its own."""
    return Decision(id=f"{next(_ids):032x}", at=AT, reviewer=by, episode=episode, verdict=verdict, reason=reason, seconds=seconds)


def _add(
    dataset: Dataset,
    robot: RobotModel,
    name: str,
    task: str,
    who: str,
    *,
    duration_s: float,
    camera: bool = False,
    refused: bool = False,
    rating: float = 0.5,
    seed: int = 0,
) -> None:
    labels = {"task_id": task, "demonstrator_id": who, "language_instruction": f"{task} to the counter"}
    episode = make_episode(
        robot, duration_s=duration_s, rate_hz=60.0, episode_id=name, schema=dataset.schema, metadata=labels, seed=seed
    )
    if camera:
        spec = dataset.schema.stream("observations/head_left")
        episode = with_camera(episode, width=spec.shape[1], height=spec.shape[0])
        episode = with_stream(episode, replace(episode.stream(spec.key), spec=spec))
    start, end = int(episode.timeline_ns[0]), int(episode.timeline_ns[-1])
    middle = start + (end - start) // 2
    finding = Finding(
        gate="fall" if refused else "foot_skate",
        severity="reject" if refused else "warn",
        message="left foot slides at 0.09 m/s while it should stand (allowed 0.05). <b>Look at it</b>",
        start_ns=middle,
        end_ns=min(middle + SECOND_NS // 5, end),
    )
    notes = Notes(
        episode=name,
        verdict="rejected" if refused else "accepted",
        findings=(finding,),
        scores=(ScoreResult(name="smoothness", value=rating, raw=4.0, unit="Hz"),),
        segments=(
            Segment(start_ns=start, end_ns=middle, label="locomotion", source="kinematics"),
            Segment(start_ns=middle, end_ns=end, label="manipulation", source="kinematics"),
        ),
        quality_rating=rating,
        checked_with="x",
    )
    dataset.add(episode.with_notes(notes))


def sign_in(page: Chromium, name: str) -> None:
    """Answer the review page when it asks who is there."""
    page.until(ASKED)
    page.ask(f"document.getElementById('name').value = {json.dumps(name)}")
    page.ask("document.getElementById('who-form').requestSubmit()")
