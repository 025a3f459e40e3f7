"""Record what is on the bus into a dataset."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import tyro

from understudy.apps.cli._arguments import Count, DatasetDir, Off, On, Text
from understudy.apps.cli._command import Command

_arg = tyro.conf.arg
Address = Annotated[str, _arg(metavar="ADDRESS")]
Seconds = Annotated[float, _arg(metavar="S")]
OptionalSeconds = Annotated[float | None, _arg(name="for", metavar="S", help_behavior_hint="")]
Devices = Annotated[tuple[str, ...], _arg(metavar="NAME[:K=V,...]", help_behavior_hint=""), tyro.conf.UseAppendAction]
Pairs = Annotated[tuple[str, ...], _arg(name="set", metavar="FIELD=VALUE", help_behavior_hint=""), tyro.conf.UseAppendAction]


def record(
    dataset: DatasetDir,
    /,
    *,
    bus: Address = "tcp://127.0.0.1:8795",
    device: Devices = (),
    task: Text = "",
    demonstrator: Text = "",
    instruction: Text = "",
    source: Annotated[str, _arg(metavar="WORD")] = "teleop",
    fields: Pairs = (),
    seconds: OptionalSeconds = None,
    wait: Seconds = 30.0,
    preroll: Seconds = 2.0,
    keep_journals: Off = False,
    retry: Off = False,
    check: On = True,
    page: On = True,
    host: Address = "127.0.0.1",
    port: Count = 8792,
    browser: On = True,
    json: Off = False,
) -> int:
    """Record what is on the bus into a dataset: every stream of its schema, at its own rate, with its own stamps.

    Keys: space starts and ends a take, m marks a moment, d discards the running or the last take, i asks for the instruction
    of the next take, q ends. What a killed recorder left is made into episodes first. docs/recording.md goes through it.

    Exit code 1 when a take was refused by the gates, 3 when one could not be made into an episode.

    Args:
        dataset: the dataset's folder.
        bus: where producers and commands come in: tcp://HOST:PORT (commands at the next port) or ipc:///PATH. Anything but this
            computer's own addresses needs ?token=SECRET.
        device: a device to run beside the recorder, with its options; may be given several times.
        task: what is done; also the folder of the episodes.
        demonstrator: who moves, as a code.
        instruction: what the robot is told to do, one sentence.
        source: where the motion comes from: teleop, simulation, or another that the schema allows.
        fields: another metadata field of the schema; may be given several times.
        seconds: record one take of so many seconds as soon as the required streams are there, then end.
        wait: how many seconds to wait for them, and for the streams of --device.
        preroll: how many seconds before the start belong to a take.
        keep_journals: keep a take's journal after its episode is whole.
        retry: also try journals again of which no episode could be made.
        check: run the gates after each take.
        page: serve a page that shows how every stream does and takes the same commands; docs/dashboard.md.
        host: address that the page is served at; anything but this computer's own asks for the token that is printed.
        port: of the page; 0 takes any that is free.
        browser: open the page in the browser, where somebody sits at the terminal.
        json: print what was recorded, as JSON.
    """
    from understudy.apps.cli._console import note
    from understudy.apps.cli._record import RecordSession, as_fields, print_results, result_code
    from understudy.apps.cli._record_keys import run_with_keys
    from understudy.apps.cli._record_page import served_page
    from understudy.pipeline.record.devices import parse_device
    from understudy.pipeline.record.service import ServiceOptions

    given = {"task_id": task, "demonstrator_id": demonstrator, "language_instruction": instruction, "motion_source": source}
    options = ServiceOptions(dataset, bus, {**given, **as_fields(fields)}, preroll, keep_journals, check, retry)
    session = RecordSession(options, [parse_device(text) for text in device])
    with (
        served_page(session, options, host=host, port=port, browser=browser and seconds is None) if page else nullcontext(),
        session,
    ):
        if seconds is not None:
            session.record_for(seconds, wait_s=wait)
        else:
            run_with_keys(session)
    for text in session.said if seconds is not None else ():
        note(text)
    print_results(session.finished, dataset, as_json=json)
    return result_code(session.finished)


PLUGIN: Command = Command.of(record)
