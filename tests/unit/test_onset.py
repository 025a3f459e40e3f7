"""Landmarks of sharp motions: where they lie, that nothing but lateness moves them, and that thresholds would."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.devices.benches._path import LASTS_S, ArmPath
from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64
from understudy.spec.stream import Kind, StreamSpec
from understudy.sync.landmark import half_way, window
from understudy.sync.measure import Track, measure
from understudy.sync.motion import find_motions
from understudy.sync.offset import Offset, Reference, offset_of
from understudy.sync.signal import nature_of, position_like
from understudy.testing.sync import sharp_path

MOTIONS = 10


def sampled(rate_hz: float, noise: float, *, seed: int = 0, late_s: float = 0.0, gain: float = 1.0) -> tuple[I64, F64]:
    """(N,) stamps and (N, 1) angles of the arm of `seed`, late by `late_s`."""
    path, ends_s = sharp_path(MOTIONS, np.random.default_rng(seed))
    rng = np.random.default_rng(1000 + seed + round(rate_hz))
    t_s = np.arange(rng.uniform(0.0, 1.0 / rate_hz), ends_s, 1.0 / rate_hz)
    values = gain * path.at(t_s)[0] + rng.normal(0.0, noise, len(t_s))
    return np.rint((t_s + late_s) * 1e9).astype(np.int64), values[:, None]


def reference(seed: int = 0) -> Reference:
    t_ns, values = sampled(200.0, 3e-4, seed=seed)
    return Reference(t_ns, values, find_motions(t_ns, values))


def offsets(t_ns: I64, values: F64, ref: Reference) -> list[Offset]:
    found = []
    for index, motion in enumerate(ref.motions):
        part = window(t_ns, motion)
        if (offset := offset_of(t_ns[part], values[part], index, ref)) is not None:
            found.append(offset)
    return found


def test_every_motion_is_found_and_which_way_it_went() -> None:
    motions = reference().motions
    assert len(motions) == MOTIONS
    assert [m.outward for m in motions] == [k % 2 == 0 for k in range(MOTIONS)]
    for k, motion in enumerate(motions):
        assert motion.change[0] == pytest.approx(0.35 if k % 2 == 0 else -0.35, abs=0.005)
        assert (motion.end_ns - motion.start_ns) * 1e-9 == pytest.approx(LASTS_S, abs=0.06)


def test_by_hand_half_way_of_a_ramp() -> None:
    """A ramp from 2 to 4 between 1.0 and 1.2 s is half way at 1.1 s, though no sample lies there."""
    t_s = np.arange(0.0, 2.5, 0.007)
    values = 2.0 + np.clip((t_s - 1.0) / 0.2, 0.0, 1.0) * 2.0
    t_ns = np.rint(t_s * 1e9).astype(np.int64)
    (motion,) = find_motions(t_ns, values[:, None])
    part = window(t_ns, motion)
    found = half_way(t_ns[part], values[part, None], motion)
    assert found is not None
    assert found.t_ns == pytest.approx(1_100_000_000, abs=50_000)


def test_smooth_motion_is_not_sharp() -> None:
    t_s = np.arange(0.0, 30.0, 0.005)
    swaying = 0.4 * np.sin(2.0 * np.pi * 0.5 * t_s) + 0.1 * np.sin(2.0 * np.pi * 1.3 * t_s)
    assert find_motions(np.rint(t_s * 1e9).astype(np.int64), swaying[:, None]) == ()


def test_there_and_back_without_a_rest_is_no_motion() -> None:
    path = ArmPath(0.0)
    path.go(1.0, 0.3)
    path.go(1.15, 0.0)
    t_s = np.arange(0.0, 3.0, 0.005)
    assert find_motions(np.rint(t_s * 1e9).astype(np.int64), path.at(t_s)[0][:, None]) == ()


@pytest.mark.parametrize(
    ("rate_hz", "noise", "rms_ms"), [(200.0, 5e-4, 0.2), (100.0, 5e-4, 0.35), (72.0, 2e-3, 0.9), (30.0, 4e-3, 1.8)]
)
@pytest.mark.parametrize("late_ms", [-40.0, -7.3, 0.0, 1.0, 40.0])
def test_lateness_is_found_whatever_the_rate(rate_hz: float, noise: float, rms_ms: float, late_ms: float) -> None:
    t_ns, values = sampled(rate_hz, noise, late_s=late_ms * 1e-3)
    found = np.array([o.offset_ns * 1e-6 for o in offsets(t_ns, values, reference())])
    assert len(found) == MOTIONS
    assert np.sqrt(np.mean((found - late_ms) ** 2)) < rms_ms
    assert abs(np.median(found) - late_ms) < min(1.0, rms_ms)


def test_shifting_all_stamps_of_a_stream_shifts_its_offsets_exactly() -> None:
    ref = reference()
    t_ns, values = sampled(72.0, 1e-3)
    plain = [o.offset_ns for o in offsets(t_ns, values, ref)]
    moved = [o.offset_ns for o in offsets(t_ns + 3_000_000, values, ref)]
    np.testing.assert_allclose(np.array(moved) - np.array(plain), 3_000_000, atol=60_000)


def test_shifting_everything_changes_nothing() -> None:
    ref, far = reference(), 1_700_000_000_000_000_000
    t_ns, values = sampled(72.0, 1e-3)
    moved = Reference(ref.t_ns + far, ref.values, find_motions(ref.t_ns + far, ref.values))
    assert [o.offset_ns for o in offsets(t_ns + far, values, moved)] == [o.offset_ns for o in offsets(t_ns, values, ref)]


@pytest.mark.parametrize("gain", [-3.0, 0.01, 250.0])
def test_unit_and_sign_do_not_matter(gain: float) -> None:
    ref = reference()
    plain = [o.offset_ns for o in offsets(*sampled(100.0, 5e-4), ref)]
    t_ns, values = sampled(100.0, 5e-4)
    np.testing.assert_allclose([o.offset_ns for o in offsets(t_ns, gain * values + 7.0, ref)], plain, atol=2)


def test_order_of_columns_does_not_matter() -> None:
    t_ns, values = sampled(100.0, 5e-4)
    wide = np.concatenate([values, 0.0 * values, -2.0 * values], axis=1)
    ref = reference()
    a = [o.offset_ns for o in offsets(t_ns, wide, ref)]
    b = [o.offset_ns for o in offsets(t_ns, wide[:, [2, 0, 1]], ref)]
    np.testing.assert_allclose(a, b, atol=2)


def test_a_stream_that_does_not_move_shows_nothing() -> None:
    ref = reference()
    t_ns, _ = sampled(100.0, 5e-4)
    noise = np.random.default_rng(0).normal(0.0, 1.0, (len(t_ns), 3))
    assert offsets(t_ns, noise, ref) == []
    assert offsets(t_ns, np.zeros((len(t_ns), 2)), ref) == []


def test_the_first_sample_over_a_threshold_would_come_late_by_the_stream() -> None:
    """What `docs/sync.md` says: perfect clocks, and thresholds of six sigma are tens of milliseconds apart."""
    ref = reference()
    late = {}
    for rate_hz, noise in ((200.0, 5e-4), (30.0, 4e-3)):
        t_ns, values = sampled(rate_hz, noise)
        onsets = []
        for motion in ref.motions:
            part = window(t_ns, motion)
            rest = values[part][: round(rate_hz * 0.2), 0]
            over = np.flatnonzero(np.abs(values[part, 0] - rest.mean()) > 6.0 * noise)
            onsets.append((t_ns[part][over[0]] - motion.start_ns) * 1e-6)
        late[rate_hz] = float(np.median(onsets))
        found = np.median([o.offset_ns * 1e-6 for o in offsets(t_ns, values, ref)])
        assert abs(found) < 1.0
    assert late[30.0] - late[200.0] > 10.0


def spec(kind: Kind, unit: str, shape: tuple[int, ...]) -> StreamSpec:
    return StreamSpec(name="x", group="observations", kind=kind, unit=unit, shape=shape)


def test_what_each_stream_shows() -> None:
    assert nature_of(spec("vector", "rad", (29,)))[0] == "position"
    assert nature_of(spec("vector", "rad/s", (29,)))[0] == "rate"
    assert nature_of(spec("vector", "m/s,rad/s", (6,)))[0] == "rate"
    assert nature_of(spec("vector", "N,N*m", (6,)))[0] == "wrench"
    assert nature_of(spec("imu", "1,rad/s,m/s^2", (10,)))[0] == "imu"
    assert nature_of(spec("image", "1", (4, 4, 3)))[0] == "image"
    assert "friction" in nature_of(spec("vector", "N*m", (29,)))[1]
    assert "latency" in nature_of(spec("command", "rad", (29,)))[1]


def test_a_rate_is_integrated_and_its_bias_taken_out() -> None:
    ref = reference()
    path, ends_s = sharp_path(MOTIONS, np.random.default_rng(0))
    t_s = np.arange(0.0013, ends_s, 0.005)
    t_ns = np.rint((t_s + 0.011) * 1e9).astype(np.int64)
    speed = path.at(t_s)[1][:, None] + 0.8
    track = Track("x", "rate", t_ns, speed)
    found = measure([Track("q", "position", ref.t_ns, ref.values), track], reference="q").offsets["x"]
    assert np.median([o.offset_ns for o in found]) == pytest.approx(11e6, abs=0.15e6)
    _, signal = position_like("rate", t_ns, speed, ref.motions[0])
    assert abs(signal[-1, 0]) == pytest.approx(0.35, abs=0.01)


def test_an_orientation_tells_as_an_angle_does() -> None:
    ref = reference()
    t_ns, angle = sampled(100.0, 5e-4, late_s=-0.006)
    quat = np.zeros((len(t_ns), 4))
    quat[:, 0], quat[:, 3] = np.cos(angle[:, 0] / 2.0), np.sin(angle[:, 0] / 2.0)
    quat[::2] *= -1.0  # the same orientation written the other way
    tracks = [Track("q", "position", ref.t_ns, ref.values), Track("o", "rotation", t_ns, quat)]
    found = measure(tracks, reference="q").offsets["o"]
    assert len(found) == MOTIONS
    assert np.median([o.offset_ns for o in found]) == pytest.approx(-6e6, abs=0.2e6)


@pytest.mark.parametrize(
    ("t_ns", "values", "said"),
    [
        (np.array([0, 10, 5]), np.zeros((3, 1)), "must increase"),
        (np.array([0, 10, 10]), np.zeros((3, 1)), "must increase"),
        (np.array([0, 10, 20]), np.full((3, 1), np.nan), "not numbers"),
        (np.array([0, 10]), np.zeros((3, 1)), r"int64 \(N,\)"),
        (np.array([0.0, 10.0, 20.0]), np.zeros((3, 1)), r"int64 \(N,\)"),
        (np.array([-(2**63), 0, 2**63 - 1]), np.zeros((3, 1)), "be stamps"),
    ],
)
def test_what_cannot_be_read_is_refused(t_ns: I64, values: F64, said: str) -> None:
    with pytest.raises(SyncError, match=said):
        find_motions(t_ns, values)


def test_a_reference_that_cannot_serve_is_refused() -> None:
    ref = reference()
    track = Track("w", "wrench", ref.t_ns, np.zeros((len(ref.t_ns), 6)))
    with pytest.raises(SyncError, match="is not there"):
        measure([track], reference="q")
    with pytest.raises(SyncError, match="of kind wrench"):
        measure([track], reference="w")


@pytest.mark.parametrize("seed", range(20))
def test_the_walk_of_integrated_noise_is_no_motion(seed: int) -> None:
    """A gyroscope that feels nothing walks from one rest to the next by far more than within each of them."""
    ref = reference()
    rng = np.random.default_rng(seed)
    t_ns = np.arange(ref.t_ns[0], ref.t_ns[-1], 5_000_000, dtype=np.int64)
    found = 0
    for index, motion in enumerate(ref.motions):
        stamps, signal = position_like("rate", t_ns, rng.normal(0.0, 0.01, (len(t_ns), 3)), motion)
        found += offset_of(stamps, signal, index, ref) is not None
    assert found == 0
