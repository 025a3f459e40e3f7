"""Whatever a source or a page sends: the session goes on, and poses stay finite and within the robot's speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from understudy.apps.web.access import Access
from understudy.apps.web.live.handler import command
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.pipeline.live import LiveSession
from understudy.pipeline.live.limbs import LimbKeeper
from understudy.pipeline.live.stamps import SessionClock
from understudy.retarget.problem import make_problem
from understudy.retarget.targets import calibrate
from understudy.simulate.walker import walk
from understudy.spec.live import LiveCounters, LiveFrame

STEP_NS = round(1e9 / 60.0)
WALKING = walk(3.0, rate_hz=60.0).joint_pos_world_m


class Source:
    """A stream that hands out what was put in."""

    name = "made-up"
    rate_hz: float | None = 60.0

    def __init__(self) -> None:
        self.counters = LiveCounters()
        self.frames: list[LiveFrame] = []

    def read(self, timeout_s: float) -> LiveFrame | None:
        return self.frames.pop(0) if self.frames else None

    def close(self) -> None:
        self.frames.clear()


@pytest.fixture(scope="module")
def session() -> LiveSession:
    robot = load_robot("unitree_g1")
    return LiveSession(Source(), robot, known=calibrate(walk(3.0, rate_hz=60.0), make_problem(robot)), clock_ns=lambda: 0)


def _damage(seed: int, frame: F64) -> F64:
    """A frame with joints missing, far away, or all in one place."""
    rng = np.random.default_rng(seed)
    pos = frame.copy()
    kind = seed % 5
    if kind == 1:
        pos[rng.random(23) < 0.4] = np.nan
    elif kind == 2:
        pos[rng.integers(0, 23)] = rng.choice([1e300, -1e9, np.inf, 1e5])
    elif kind == 3:
        pos[:] = 0.0
    elif kind == 4:
        pos += rng.normal(0.0, 0.3, pos.shape)
    return pos


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(-(1 << 62), 1 << 62) | st.just(0)), min_size=1, max_size=12))
@example(damage=[(964, 0)])  # hips and neck all but in one line
def test_no_frame_ends_the_session_or_spoils_a_pose(session: LiveSession, damage: list[tuple[int, int]]) -> None:
    assert isinstance(session.stream, Source)
    stamps = []
    for k, (seed, jump_ns) in enumerate(damage):
        t_ns = min(max(k * STEP_NS + jump_ns, -(1 << 62)), 1 << 62)
        session.stream.frames.append(LiveFrame(k, t_ns, k * STEP_NS, _damage(seed, WALKING[k])))
        sample = session.poll(0.0)
        if sample is None:
            continue
        stamps.append(sample.t_ns)
        assert sample.pose is not None
        assert np.isfinite(sample.pose.joint_pos).all()
        assert np.isfinite(sample.pose.root_pos_world_m).all()
        assert np.isfinite(sample.residual_m).all()
    assert all(a < b for a, b in zip(stamps, stamps[1:], strict=False))


@given(st.lists(st.tuples(st.integers(-(1 << 62), 1 << 62), st.integers(0, 10_000_000_000)), min_size=1, max_size=30))
def test_the_sessions_clock_never_goes_back(steps: list[tuple[int, int]]) -> None:
    clock, arrival_ns, before = SessionClock(), 0, -1
    for t_ns, passed_ns in steps:
        arrival_ns += passed_ns
        stamped, _ = clock.stamp(t_ns, arrival_ns)
        assert stamped > before
        before = stamped


@settings(max_examples=150)
@given(st.integers(0, 2**23 - 1))
def test_a_frame_is_made_whole_or_left_out(missing: int) -> None:
    keeper = LimbKeeper()
    keeper.fill(WALKING[0], 0)
    pos = WALKING[1].copy()
    gone = np.array([bool(missing >> j & 1) for j in range(23)])
    pos[gone] = np.nan
    whole = keeper.fill(pos, STEP_NS)
    if whole is None:
        assert gone[[0, 15, 19]].sum() >= 2
    else:
        assert np.isfinite(whole.joint_pos_world_m).all()
        np.testing.assert_array_equal(whole.joint_pos_world_m[~gone], WALKING[1][~gone])
        assert np.abs(whole.joint_pos_world_m - WALKING[1]).max() < 0.15
        assert bool(whole.held) == bool(gone.any())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(repr).map(str.encode)
)
def test_no_command_of_a_page_is_taken_that_is_none(session: LiveSession, body: bytes) -> None:
    assert command(session, body)


@given(st.text(max_size=60), st.dictionaries(st.sampled_from(["host", "cookie", "origin"]), st.text(max_size=60)))
def test_nobody_gets_in_without_the_token(path: str, headers: dict[str, str]) -> None:
    access = Access.to("0.0.0.0", 8791)
    assert not access.allows(path, headers)
    assert access.allows(f"/?token={access.token}", {})
