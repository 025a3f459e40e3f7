"""Gates that look at images, on cameras that were recorded as H.264."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.devices._encoder import Encoding, PictureEncoder
from understudy.geom.arrays import U8
from understudy.kinematics.load import load_robot
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream, StreamSpec
from understudy.spec.video import Kept, Video
from understudy.testing.episodes import make_episode, with_data, with_stream
from understudy.testing.gates import gate_findings
from understudy.testing.producers import Scene

ROBOT = load_robot("unitree_g1")
KEY = "observations/head_left"
WIDTH, HEIGHT, RATE_HZ, SECONDS = 96, 64, 30.0, 4.0
N = int(RATE_HZ * SECONDS)
SCENE = Scene((HEIGHT, WIDTH, 3))


def encoded(pictures: list[U8]) -> list[bytes]:
    encoder = PictureEncoder(Encoding("h264", crf=20, mbit_s=4.0), WIDTH, HEIGHT, RATE_HZ)
    return [encoder.encode(picture) for picture in pictures]


def moving(stuck: slice = slice(0, 0)) -> list[U8]:
    """A scene that changes, but for a stretch that shows one picture."""
    shown = [SCENE.picture(k / RATE_HZ) for k in range(N)]
    for k in range(N)[stuck]:
        shown[k] = shown[stuck.start]
    return shown


def filmed(video: Video) -> Episode:
    """An episode whose robot swings an arm, with a camera."""
    episode = make_episode(ROBOT, duration_s=SECONDS)
    joints = episode.stream("observations/joint_positions")
    q_rad = joints.data.astype(np.float64)
    t_s = (joints.t_ns - joints.t_ns[0]) * 1e-9
    q_rad[:, ROBOT.joint_index("left_shoulder_pitch_joint")] += 0.5 * np.sin(2 * np.pi * 0.5 * t_s)
    spec = StreamSpec(
        name="head_left", group="observations", kind="image", dtype="uint8", shape=(HEIGHT, WIDTH, 3), rate_hz=RATE_HZ
    )
    stamps = episode.timeline_ns[0] + (np.arange(len(video)) * (1e9 / RATE_HZ)).astype(np.int64)
    return with_stream(with_data(episode, "observations/joint_positions", q_rad), Stream(spec, stamps, video))


@pytest.mark.parametrize("gate", ["images", "frozen_images"])
def test_a_video_that_moves_passes(gate: str) -> None:
    assert gate_findings(gate, filmed(Video.of(encoded(moving()))), ROBOT) == []


def test_a_stuck_video_is_found_though_its_keyframes_differ() -> None:
    found = gate_findings("frozen_images", filmed(Video.of(encoded(moving(slice(30, 75))))), ROBOT)
    assert [f.severity for f in found] == ["reject"]
    first = int(0.5 * 1e9)
    assert found[0].start_ns is not None
    assert found[0].start_ns > first


def test_a_short_still_passes() -> None:
    assert gate_findings("frozen_images", filmed(Video.of(encoded(moving(slice(30, 42))))), ROBOT) == []


def test_a_video_that_never_changes_is_a_warning() -> None:
    found = gate_findings("frozen_images", filmed(Video.of(encoded(moving(slice(0, N))))), ROBOT)
    assert [f.severity for f in found] == ["warn"]


def test_a_damaged_packet_is_found() -> None:
    packets = encoded(moving())
    whole = Video.of(packets)
    broken = bytearray(packets[50])
    broken[len(broken) // 2] ^= 0x55
    kept = Kept((*packets[:50], bytes(broken), *packets[51:]))
    (found,) = gate_findings("images", filmed(replace(whole, packets=kept)), ROBOT)
    assert found.severity == "reject"
    assert found.value is not None
    assert found.value > 0.0
