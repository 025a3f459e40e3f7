"""Whatever stamps and samples come, the answer is a result or an error of ours."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import SyncError, UnderstudyError
from understudy.geom.arrays import F64, I64
from understudy.spec.clock import clock_from_json, clock_json, to_host_ns
from understudy.spec.sample import ClockPing
from understudy.sync.measure import Track, measure
from understudy.sync.ping import fit_ping_pieces
from understudy.sync.push import fit_push_pieces
from understudy.sync.signal import Nature
from understudy.sync.verdict import judge_sync

EXTREMES = (-(2**63), 2**63 - 1, -(2**62), 2**62, -1, 0, 1, 10**18, 1_700_000_000_000_000_000)


def garbage(rng: np.random.Generator, n: int) -> I64:
    """(n,) stamps: even, jumping, going back, standing still, or extreme."""
    kind = rng.integers(0, 6)
    if kind == 0:
        out = np.arange(n) * int(rng.integers(1, 10**8))
    elif kind == 1:
        out = np.cumsum(rng.integers(-(10**9), 10**9, n))
    elif kind == 2:
        out = rng.integers(-(2**62), 2**62, n)
    elif kind == 3:
        out = np.full(n, int(rng.integers(0, 10**18)))
    elif kind == 4:
        out = np.sort(rng.integers(0, 10**9, n))
    else:
        out = np.arange(n) * 10**7 + int(rng.integers(-(10**18), 10**18))
    out = out.astype(np.int64)
    for place in rng.integers(0, n, int(rng.integers(0, 4))):
        out[place] = EXTREMES[int(rng.integers(0, len(EXTREMES)))]
    return out


def samples(rng: np.random.Generator, n: int) -> F64:
    shape = (n, int(rng.integers(1, 4)))
    kind = rng.integers(0, 4)
    out = rng.normal(0.0, 10.0 ** rng.integers(-12, 12), shape) if kind else np.zeros(shape)
    if kind == 2:
        out = np.round(out)
    if kind == 3:
        out[rng.integers(0, n)] = [np.nan, np.inf, 1e308][int(rng.integers(0, 3))]
    return out


@pytest.mark.parametrize("seed", range(40))
def test_clocks_of_nonsense(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fits = 0
    for _ in range(20):
        n = int(rng.integers(0, 120)) + 1
        device, arrival = garbage(rng, n), garbage(rng, n)
        try:
            clock = fit_push_pieces(device, arrival, source="x")
            assert clock_from_json(clock_json(clock), where="x") == clock
            to_host_ns(clock.pieces[0].model, device)
            fits += 1
        except SyncError:
            pass
        sent = garbage(rng, n)
        pings = [
            ClockPing(int(a), int(d), min(int(a) + int(rng.integers(-5, 10**7)), 2**63 - 1))
            for a, d in zip(sent, device, strict=True)
        ]
        try:
            assert fit_ping_pieces(pings, source="x").pieces
            fits += 1
        except SyncError:
            pass
    assert fits < 40


@pytest.mark.parametrize("seed", range(40))
def test_motions_of_nonsense(seed: int) -> None:
    rng = np.random.default_rng(500 + seed)
    natures: tuple[Nature, ...] = ("position", "rate", "rotation", "imu", "wrench")
    for _ in range(10):
        n = int(rng.integers(1, 200))
        steps = np.cumsum(rng.integers(1, 10**8, n)).astype(np.int64)
        values = np.repeat(rng.normal(0.0, 1.0, (n // 20 + 1, 1)), 20, axis=0)[:n]
        tracks = [
            Track(
                "q",
                "position",
                steps if rng.random() < 0.7 else garbage(rng, n),
                values if rng.random() < 0.7 else samples(rng, n),
            )
        ]
        for nature in natures:
            m = int(rng.integers(1, 200))
            data = rng.normal(0.0, 1.0, (m, 10)) if nature in ("imu", "rotation") else samples(rng, m)
            tracks.append(Track(nature, nature, np.cumsum(rng.integers(1, 10**8, m)).astype(np.int64), data))
        try:
            found = measure(tracks, reference="q")
            verdict = judge_sync(found.offsets, reference="q")
            assert verdict.answer in ("pass", "fail", "undecided")
        except UnderstudyError:
            pass
