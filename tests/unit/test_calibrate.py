"""Calibration on the bench without a robot: faults put in come out, and the constants hold on motions they were not made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from understudy.devices.benches._virtual import Faults
from understudy.devices.benches.block import FAULTS, Block
from understudy.errors import DeviceError, SyncError
from understudy.geom.arrays import F64
from understudy.pipeline.sync_calibrate import Calibration, calibrate
from understudy.spec.device import Device
from understudy.spec.robot import RobotModel
from understudy.testing.stand_in import stand_in_robot

WRENCH = "wrench_left_wrist"


def run(faults: dict[str, Faults] | None = None, *, motions: int = 24, seed: int = 0) -> Calibration:
    return calibrate(Block({**FAULTS, **(faults or {})}, seed=seed), stand_in_robot(), latencies_ns={}, motions=motions)


def constant_ms(name: str, faults: Faults) -> float:
    """What calibration should find: the lateness of the stamp, and of a device that only pushes, the least way too."""
    return 1e3 * (faults.latency_s + (faults.transport_s if faults.clock == "push" else 0.0))


@pytest.fixture(scope="module")
def found() -> Calibration:
    """With the bench's own faults."""
    return run()


def test_what_was_put_in_comes_out(found: Calibration) -> None:
    assert found.motions == found.commanded == 24
    by_name = {s.key.split("/")[1]: s for s in found.found.streams}
    assert set(by_name) == set(FAULTS) - {"joint_positions"}
    for name, stream in by_name.items():
        assert stream.offset_ns * 1e-6 == pytest.approx(constant_ms(name, FAULTS[name]), abs=0.4), name
        assert stream.motions == (12 if name == WRENCH else 24)
    assert found.before.answer == "fail"
    assert found.after.answer == "pass"
    assert found.after.range_ns < 1_000_000


def test_the_robots_latency_is_told_apart(found: Calibration) -> None:
    """12 ms to set off, 100 ms to be half way: nothing of it is in any constant."""
    assert found.command_ms == pytest.approx(112.0, abs=5.0)


def test_clocks_are_named_with_their_drift_and_alarm(found: Calibration) -> None:
    for name, faults in FAULTS.items():
        (piece,) = found.clocks[name].pieces
        assert piece.model.kind == faults.clock
        assert piece.model.drift_ppm == pytest.approx(faults.drift_ppm, abs=12.0)
    assert [a for a in found.alarms if "object_poses_world" in a], "4 ms of way back and forth leave the offset open by 2 ms"


@pytest.mark.parametrize(("wrong_ns", "answer"), [(0, "pass"), (8_000_000, "fail")])
def test_old_constants_are_judged_as_they_stand(found: Calibration, wrong_ns: int, answer: str) -> None:
    old = {s.key: s.offset_ns for s in found.found.streams}
    old["observations/head_left"] -= wrong_ns
    again = calibrate(Block(seed=5), stand_in_robot(), latencies_ns=old)
    assert again.before.answer == answer
    assert again.after.answer == "pass"


def test_stamps_on_the_hosts_clock_need_no_model() -> None:
    on_host = run({"head_left": Faults(latency_s=0.015, clock="host")})
    late = {s.key: s.offset_ns for s in on_host.found.streams}["observations/head_left"]
    assert late * 1e-6 == pytest.approx(15.0, abs=0.4)
    assert on_host.clocks["head_left"].pieces[0].model.kind == "host"


def test_a_camera_that_loses_a_third_still_tells() -> None:
    lossy = run({"head_left": replace(FAULTS["head_left"], lost=0.3)})
    late = {s.key: s for s in lossy.found.streams}["observations/head_left"]
    assert late.offset_ns * 1e-6 == pytest.approx(constant_ms("head_left", FAULTS["head_left"]), abs=1.0)


class Stuck(Block):
    """An arm that does not obey."""

    def command(self, joint_pos_rad: F64) -> int:
        here, _ = self.sides()
        return super().command(here)


class Gone(Block):
    """A bench that is not there."""

    closed = False

    def open(self, robot: RobotModel) -> Sequence[Device]:
        raise DeviceError("bench gone: no answer; switch it on")

    def close(self) -> None:
        self.closed = True


def test_an_arm_that_does_not_move_is_said() -> None:
    with pytest.raises(SyncError, match=r"10 motions were commanded, but .* shows 0"):
        calibrate(Stuck(), stand_in_robot(), latencies_ns={}, motions=10)


def test_the_bench_is_closed_whatever_happens() -> None:
    gone = Gone()
    with pytest.raises(DeviceError, match="switch it on"):
        calibrate(gone, stand_in_robot(), latencies_ns={})
    assert gone.closed


def test_too_few_motions_are_refused() -> None:
    with pytest.raises(SyncError, match="10 are needed"):
        run(motions=9)


def test_a_bench_that_is_not_open_says_so() -> None:
    with pytest.raises(DeviceError, match="call open first"):
        Block().sides()
    with pytest.raises(DeviceError, match="call open first"):
        Block().command(stand_in_robot().home_rad)
