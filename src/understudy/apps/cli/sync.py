"""Prove that all streams are on one clock, calibrate their latencies, and lay recorded episodes on new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import tyro

from understudy.apps.cli._arguments import Count, DatasetDir, EpisodeName, Folder, Off, OptionalFile, Text
from understudy.apps.cli._command import DONE, FINDINGS, Command, UsageError

if TYPE_CHECKING:
    from understudy.pipeline.sync_realign import Realigned

Bench = Annotated[str, tyro.conf.arg(metavar="NAME[:K=V,...]")]
Milliseconds = Annotated[float, tyro.conf.arg(metavar="MS")]
Where = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="EPISODE|DIR")]


def check(
    episode: EpisodeName,
    /,
    *,
    dataset: Folder = Path(),
    reference: Text = "observations/joint_positions",
    gate_ms: Milliseconds = 5.0,
    json: Off = False,
) -> int:
    """Find the sharp motions in an episode and say how late every stream shows them.

    Exit code 1 when two streams are over the gate apart, when more motions are needed to tell, or when there are none.

    Args:
        episode: an episode's .h5 file, or its id in --dataset.
        dataset: the dataset's folder, in which an id is looked for.
        reference: stream of positions that all others are held against.
        gate_ms: most that two streams may be apart, milliseconds.
        json: print the result as JSON.
    """
    from understudy.apps.cli._console import say_json
    from understudy.apps.cli._episodes import episode_file
    from understudy.apps.cli._sync import check_as_json, print_check
    from understudy.pipeline.sync import check_sync
    from understudy.store.episode_file import read_episode

    found = check_sync(read_episode(episode_file(episode, dataset)), reference=reference, gate_ns=_gate_ns(gate_ms))
    if json:
        say_json(check_as_json(found))
    else:
        print_check(found)
    return DONE if found.verdict.answer == "pass" else FINDINGS


def calibrate(
    dataset: DatasetDir,
    /,
    *,
    bench: Bench,
    motions: Count = 24,
    gate_ms: Milliseconds = 5.0,
    json: Off = False,
) -> int:
    """Move an arm sharply back and forth, measure every stream's latency, and store the constants in DIR/sync.toml.

    Constants found on half of the motions are judged on the other half; they are stored only when that passes. Exit code 1
    when it does not.

    Args:
        dataset: the dataset's folder.
        bench: what moves and is watched, with its settings; a wrong name lists those there are.
        motions: how many to command, at least 10; half find the constants, half check them.
        gate_ms: most that two streams may be apart, milliseconds.
        json: print the result as JSON.
    """
    from datetime import UTC, datetime

    from understudy import plugins
    from understudy.apps.cli._console import progress, say_json
    from understudy.apps.cli._sync import calibration_as_json, print_calibration
    from understudy.devices._settings import named_settings
    from understudy.kinematics.load import load_robot
    from understudy.pipeline.sync_calibrate import calibrate as run
    from understudy.pipeline.sync_file import SYNC_FILE, read_latencies, updated, write_latencies
    from understudy.spec.bench import MotionBench
    from understudy.store.dataset import Dataset

    if motions < 10:
        raise UsageError(f"--motions {motions}: at least 10, half to find the constants and half to check them")
    opened = Dataset.open(dataset)
    name, settings = named_settings(bench)
    chosen = cast(MotionBench, plugins.load("benches", name))
    if settings:
        chosen = chosen.configured(settings)
    path = dataset / SYNC_FILE
    old = read_latencies(path) if path.is_file() else None
    with progress("moving") as advance:
        found = run(
            chosen,
            load_robot(opened.robot_source),
            latencies_ns=old.latencies_ns() if old else {},
            motions=motions,
            gate_ns=_gate_ns(gate_ms),
            progress=advance,
        )
    passed = found.after.answer == "pass"
    if passed:
        write_latencies(path, updated(old, found.found, bench=found.bench, answer=found.after.answer, when=datetime.now(UTC)))
    if json:
        say_json(calibration_as_json(found, path if passed else None))
    else:
        print_calibration(found, path if passed else None)
    return DONE if passed else FINDINGS


def realign(
    where: Where,
    /,
    *,
    dataset: Folder = Path(),
    clock: Annotated[Literal["recorded", "push", "arrival"], tyro.conf.arg(metavar="CLOCK")] = "recorded",
    latencies: OptionalFile = None,
    no_latencies: Off = False,
    nearest: Off = False,
    json: Off = False,
) -> int:
    """Make stamps anew from the raw ones in the file: new episodes that name their parent, which stays as it is.

    Args:
        where: an episode's .h5 file, its id in --dataset, or a dataset's folder for all of its episodes.
        dataset: the dataset's folder, in which an id is looked for.
        clock: recorded (the clock models in the file), push (device stamps against their arrivals) or arrival (no clock at all).
        latencies: file of constants; DIR/sync.toml when left out, where it is there.
        no_latencies: take no constants off.
        nearest: images and discrete samples stand at the step they are nearest to, even when they came after it.
        json: print what was made as JSON.
    """
    from understudy.apps.cli._console import progress, say_json
    from understudy.apps.cli._sync import print_realigned, realign_targets, realigned_as_json
    from understudy.pipeline.sync_file import SYNC_FILE, read_latencies
    from understudy.pipeline.sync_realign import Realigning, realign_dataset

    if no_latencies and latencies is not None:
        raise UsageError("--latencies and --no-latencies contradict each other")
    opened, ids = realign_targets(where, dataset)
    path = latencies or (opened.root / SYNC_FILE)
    constants: dict[str, int] = {}
    if no_latencies:
        constants = {spec.key: 0 for spec in opened.schema.streams}
    elif latencies is not None or path.is_file():
        constants = read_latencies(path).latencies_ns()
    how = Realigning(clock=clock, latencies_ns=constants, nearest=nearest)
    done: list[Realigned] = []
    with progress("realigning") as advance:
        for k, name in enumerate(ids):
            done += realign_dataset(opened, [name], how)
            advance(k + 1, len(ids))
    if json:
        say_json(realigned_as_json(done))
    else:
        print_realigned(done, opened.root)
    return DONE


def _gate_ns(gate_ms: float) -> int:
    if not 0.0 < gate_ms <= 1000.0:
        raise UsageError(f"--gate-ms {gate_ms}: over 0 and at most 1000")
    return round(gate_ms * 1e6)


PLUGIN: Command = Command({"check": check, "calibrate": calibrate, "realign": realign})
