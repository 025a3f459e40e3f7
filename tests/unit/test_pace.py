"""Seconds by speed."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import ShapeError
from understudy.kinematics.pace import BIN_M_S, BINS, seconds_by_speed

STEP_NS = 20_000_000


def path(speed_m_s: float, seconds: float, *, heading: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    t_ns = np.arange(round(seconds * 50) + 1) * STEP_NS
    along = speed_m_s * t_ns * 1e-9
    return np.stack([along * np.cos(heading), along * np.sin(heading), 0.8 + 0 * along], axis=1), t_ns


@pytest.mark.parametrize("heading", [0.0, 1.0, 4.0])
def test_a_steady_walk_is_in_its_class_in_every_direction(heading: float) -> None:
    spent = seconds_by_speed(*path(1.25, 10.0, heading=heading))
    assert spent[12] == pytest.approx(10.0)
    assert spent.sum() == pytest.approx(10.0)


def test_sway_is_no_travel() -> None:
    t_ns = np.arange(1001) * STEP_NS
    sway = np.zeros((1001, 3))
    sway[:, 1] = 0.02 * np.sin(2 * np.pi * 4.0 * t_ns * 1e-9)  # half a metre per second at its fastest
    assert seconds_by_speed(sway, t_ns)[:2].sum() > 19.5


def test_fast_motion_is_in_the_open_class() -> None:
    spent = seconds_by_speed(*path(BINS * BIN_M_S + 3.0, 4.0))
    assert spent[-1] == pytest.approx(4.0)


def test_time_without_samples_is_not_counted() -> None:
    pos, t_ns = path(1.25, 10.0)
    keep = np.r_[0:100, 400:501]
    assert seconds_by_speed(pos[keep], t_ns[keep]).sum() < 4.5


def test_broken_samples_are_left_out() -> None:
    pos, t_ns = path(1.25, 10.0)
    pos[50:60] = np.nan
    assert np.isfinite(seconds_by_speed(pos, t_ns)).all()
    assert (seconds_by_speed(pos[:1], t_ns[:1]) == 0).all()


def test_lengths_must_agree() -> None:
    with pytest.raises(ShapeError, match="3 positions for 2 stamps"):
        seconds_by_speed(np.zeros((3, 3)), np.arange(2))
