"""What the command `record` does between opening and closing: the recorder's process, its devices, its results."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from understudy.apps.cli._command import DONE, FINDINGS, UNUSABLE, UsageError
from understudy.errors import BusError
from understudy.pipeline.record.devices import DeviceRequest, DeviceRunner
from understudy.pipeline.record.service import ServiceOptions, serve
from understudy.record.address import parse_address
from understudy.record.commands import Commander, Reply

READY_S = 60.0
ASK_S = 0.1
SETTLED_S = 1.0
"""No new stream came for so long: those that are there are all."""
SHOWN = 3
"""Findings of one gate that are printed after a take."""
ENDING_S = 3600.0
"""The last takes of a long day may take their time."""


class RecordSession:
    """The recorder's process and the devices beside it; a recorder that dies is started again, and recovers what it had.

    Args:
        options: of the recorder.
        devices: to run.

    Raises:
        BusError: the recorder cannot be started.
    """

    def __init__(self, options: ServiceOptions, devices: Sequence[DeviceRequest]) -> None:
        self._options, self._requests = options, devices
        self.finished: list[Mapping[str, Any]] = []
        self.said: list[str] = []
        self.page = ""
        self._runners: list[DeviceRunner] = []
        self._told: dict[str, str] = {}
        self._process: BaseProcess | None = None
        self._commander: Commander | None = None

    def __enter__(self) -> RecordSession:
        for ending in (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,):
            signal.signal(ending, signal.default_int_handler)  # a closed terminal ends the take as Ctrl-C does
        address = parse_address(self._options.bus)
        try:
            self._start()
            self._commander = Commander(address)
            self._runners = [DeviceRunner(request, self._options.root, self._options.bus) for request in self._requests]
        except BaseException:  # also Ctrl-C, or this process would wait for the recorder for ever
            self._end()
            raise
        return self

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        told, theirs = context.Pipe(duplex=False)
        process = self._process = context.Process(target=serve, args=(self._options, theirs), name="recorder")
        process.start()
        theirs.close()
        try:
            why = str(told.recv()) if told.poll(READY_S) else "it did not begin in time"
        except EOFError:
            why = "it died while it began"
        if why:
            process.join(1.0)
            raise BusError(f"the recorder cannot start: {why}")

    def look(self) -> None:
        """Start again what died, and note it in `said`."""
        if self._process is not None and not self._process.is_alive():
            self.said.append(f"the recorder died (code {self._process.exitcode}): started again, its take is recovered")
            self._start()
        self.said += [text for runner in self._runners if (text := runner.look())]

    @property
    def opening(self) -> list[str]:
        """Devices that are not open yet, as something to say."""
        return [f"device {runner.name}: starting" for runner in self._runners if runner.streams is None]

    def say_results(self) -> None:
        """Note in `said` what came of takes since the last call."""
        for take in self.ask("takes")["takes"]:
            said = f"{take['take']}: {take['error'] or take['verdict']}"
            if self._told.get(take["take"]) != said:
                self._told[take["take"]] = said
                self.said.append(said)

    def ask(self, command: str, given: Mapping[str, object] | None = None) -> Reply:
        """Have the recorder carry out a command; raises BusError where it refuses or is gone."""
        if self._commander is None:
            raise BusError("the recorder is not started")
        return self._commander.ask(command, given)

    def record_for(self, seconds: float, *, wait_s: float) -> None:
        """One take of so many seconds, begun when every required stream is there, and every stream of the devices.

        Raises:
            BusError: required streams do not come. Others that do not are said, and recorded without.
        """
        self._wait_for_streams(wait_s)
        self.ask("start")
        end_s = time.monotonic() + seconds
        try:
            while time.monotonic() < end_s:
                time.sleep(min(ASK_S, max(end_s - time.monotonic(), 0.0)))
                self.look()
        except KeyboardInterrupt:
            self.said.append("stopped before its time")
        self.ask("stop")

    def _wait_for_streams(self, wait_s: float) -> None:
        """Until what is needed is there and nothing new came for a moment."""
        until_s, came_s, came = time.monotonic() + wait_s, time.monotonic(), set[str]()
        while True:
            self.look()
            streams = self.ask("health")["health"]["streams"]
            alive = {s["stream"] for s in streams if s["state"] not in ("absent", "dead")}
            came, came_s = (alive, time.monotonic()) if alive - came else (came, came_s)
            required = {s["stream"] for s in streams if s["required"]} - alive
            opening = [runner for runner in self._runners if runner.streams is None]
            others = {key for runner in self._runners for key in runner.streams or ()} - alive
            now_s = time.monotonic()
            if not (required or others or opening) and now_s - came_s > SETTLED_S:
                return
            if now_s > until_s:
                break
            time.sleep(ASK_S)
        if required:
            missing = ", ".join(sorted(required))
            raise BusError(f"no {missing} within {wait_s:g} s; start their producers, give --wait, or record with keys")
        if others:
            self.said.append(f"recorded without {', '.join(sorted(others))}, which did not come within {wait_s:g} s")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the running take, wait until every episode is made, and keep what came of them."""
        try:
            self._finish()
        finally:
            self._end()

    def _end(self) -> None:
        for runner in self._runners:
            runner.close()
        if self._commander is not None:
            self._commander.close()
        if self._process is not None and self._process.is_alive():
            self._process.terminate()  # it ends the take and makes its episode all the same
            self._process.join(ENDING_S)

    def _finish(self) -> None:
        process = self._process
        if process is None or not process.is_alive():
            return
        try:
            if self.ask("health")["health"]["take"]["activity"] == "recording":
                self.ask("stop")
            until_s = time.monotonic() + ENDING_S
            while time.monotonic() < until_s:
                health, takes = self.ask("health")["health"], self.ask("takes")
                self.finished = list(takes["takes"])
                if health["take"]["activity"] == "idle" and not takes["finalizing"]:
                    break
                time.sleep(ASK_S)
            self.ask("quit")
            process.join(ENDING_S)
        except BusError as error:
            self.said.append(str(error))


def as_fields(pairs: Sequence[str]) -> dict[str, str]:
    """`field=value` texts as a map; raises UsageError where one is none."""
    out = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: write FIELD=VALUE")
        out[name] = value
    return out


def print_results(finished: Sequence[Mapping[str, Any]], dataset: Path, *, as_json: bool) -> None:
    """What was recorded: per take its streams, and in words what the operator should know."""
    from understudy.apps.cli._console import note, print_table, say, say_json

    if as_json:
        say_json({"takes": list(finished)})
        return
    for take in finished:
        if take["digest"]:
            columns = ("stream", "samples", "Hz", "schema", "jitter ms", "gaps", "lost", "refused", "dropped", "MB")
            print_table(columns, [digest_row(row) for row in take["digest"]], title=str(take["take"]), right=columns[1:])
        say(f"{take['path'] or take['take']}: {take['error'] or take['verdict']}")
        for sentence in take["warnings"]:
            say(f"  {sentence}")
        _print_refusals([f for f in take["findings"] if f["severity"] == "reject"])
    if not finished:
        note(f"{dataset}: nothing was recorded")


def _print_refusals(findings: Sequence[Mapping[str, Any]]) -> None:
    """Of each gate the first few: one device that stops is many streams."""
    from understudy.apps.cli._console import say

    by_gate: dict[str, list[str]] = {}
    for finding in findings:
        by_gate.setdefault(finding["gate"], []).append(finding["message"])
    for gate, messages in by_gate.items():
        for message in messages[:SHOWN]:
            say(f"  refused by {gate}: {message}")
        if len(messages) > SHOWN:
            say(f"  refused by {gate}: {len(messages) - SHOWN} findings more; `understudy episode show` has them all")


def digest_row(row: Mapping[str, Any]) -> list[str]:
    """One stream of a take as cells of a table."""
    dropped = row["dropped_by_producer"] + row["dropped_by_recorder"]
    expected = f"{row['expected_hz']:g}" if row["expected_hz"] else ""
    return [
        str(row["stream"]), str(row["samples"]), f"{row['measured_hz']:.1f}", expected, f"{row['jitter_ms']:.2f}",
        str(row["gaps"]), str(row["lost"]), str(row["refused"]), str(dropped), f"{row['bytes'] / 1e6:.1f}",
    ]  # fmt: skip


def result_code(finished: Sequence[Mapping[str, Any]]) -> int:
    """Exit code by what came of the takes; one that the operator discarded is none of the gates' affair."""
    if any(take["error"] for take in finished):
        return UNUSABLE
    discarded = {take["take"] for take in finished if any(f["gate"] == "operator" for f in take["findings"])}
    return FINDINGS if any(take["verdict"] == "rejected" and take["take"] not in discarded for take in finished) else DONE
