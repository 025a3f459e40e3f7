"""The VMC source against a sender on loopback: every packing, loss, repetition, reordering, delay, stop and restart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.mocap.live import open_source
from understudy.mocap.live.vmc import VmcStream
from understudy.simulate.walker import walk
from understudy.spec.live import LiveFrame
from understudy.spec.skeleton import JOINTS, HumanMotion
from understudy.testing.live_senders_faults import Faults, with_faults
from understudy.testing.live_senders_vmc import PACKINGS, VmcSender, osc_message, send_all

RATE_HZ = 30.0
BEGIN_S = 10.0
END, END_SAID = b"/end\0\0\0\0,Z\0\0", "/end: type 'Z' is not known"


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(1.2, rate_hz=RATE_HZ)


@pytest.fixture
def stream() -> Iterator[VmcStream]:
    opened = open_source("vmc://127.0.0.1:0")
    assert isinstance(opened, VmcStream)
    yield opened
    opened.close()


def _received(stream: VmcStream, datagrams: list[bytes]) -> list[LiveFrame]:
    """Frames made of datagrams that are sent at once. A last one that is damaged tells that all have arrived."""
    frames: list[LiveFrame | None] = []
    for datagram in datagrams:
        send_all([datagram], stream.address)
        frames.append(stream.read(0.0))
    while frames[-1] is not None:
        frames.append(stream.read(0.0))
    send_all([END], stream.address)
    for _ in range(1000):
        frames.append(stream.read(0.02))
        if END_SAID in stream.counters.last_damage:
            break
    else:
        pytest.fail("the last datagram never came")
    stream.counters.damaged -= 1
    stream.counters.last_damage = ""
    return [frame for frame in frames if frame is not None]


def _nearest(frame: LiveFrame, motion: HumanMotion) -> int:
    """Which frame of the clip this is, to a micrometre in every joint."""
    error = np.abs(motion.joint_pos_world_m - frame.joint_pos_world_m).max(axis=(1, 2))
    assert error.min() < 1e-6
    return int(np.argmin(error))


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("stamped", [True, False])
def test_every_packing_gives_every_frame_but_the_first(
    motion: HumanMotion, stream: VmcStream, packing: str, stamped: bool
) -> None:
    sender = VmcSender(motion, packing=packing, stamped=stamped)
    datagrams = [d for k in range(len(motion)) for d in sender.frame(k, BEGIN_S + k / RATE_HZ)]
    frames = _received(stream, datagrams)
    assert [_nearest(frame, motion) for frame in frames] == list(range(1, len(motion)))
    assert [frame.sequence for frame in frames] == list(range(len(motion) - 1))
    steps_ms = np.diff([frame.t_ns for frame in frames]) * 1e-6
    np.testing.assert_allclose(steps_ms, 1e3 / RATE_HZ, atol=1e-2)
    assert stream.rate_hz == pytest.approx(RATE_HZ, rel=1e-4)
    counters = stream.counters
    assert (counters.frames, counters.lost, counters.late, counters.duplicates) == (len(motion) - 1, 0, 0, 0)
    assert (counters.damaged, counters.restarts) == (0, 0)


def test_fingers_come_along(motion: HumanMotion, stream: VmcStream) -> None:
    rng = np.random.default_rng(3)
    wrists = np.stack([motion.joint("left_wrist"), motion.joint("right_wrist")], axis=1)
    hands = wrists[:, :, None] + rng.uniform(-0.1, 0.1, size=(1, 2, 21, 3))
    hands[:, :, 0] = wrists
    with_hands = HumanMotion(motion.joint_pos_world_m, motion.t_ns, motion.measured, motion.source, hand_pos_world_m=hands)
    sender = VmcSender(with_hands)
    frames = _received(stream, [sender.frame(k, k / RATE_HZ)[0] for k in range(4)])
    sent = [k for k in range(21) if k % 4 or k == 0]
    for k, frame in enumerate(frames, start=1):
        assert frame.hand_pos_world_m is not None
        np.testing.assert_allclose(frame.hand_pos_world_m[:, sent], hands[k][:, sent], atol=1e-6)


@pytest.mark.parametrize("packing", ["one bundle", "time first"])
def test_loss_repetition_reordering_and_delay_of_bundles(motion: HumanMotion, stream: VmcStream, packing: str) -> None:
    sender = VmcSender(motion, packing=packing, stamped=False)
    frames = [sender.frame(k, BEGIN_S + k / RATE_HZ)[0] for k in range(len(motion))]
    faulty = with_faults(frames, Faults(loss=0.05, duplicate=0.05, reorder=0.05, late=0.05, seed=4))
    got = [_nearest(frame, motion) for frame in _received(stream, list(faulty.arriving))]
    assert got == sorted(set(range(1, len(motion))) - {*faulty.lost, *faulty.overtaken})
    counters = stream.counters
    assert counters.late == len(faulty.overtaken)
    assert counters.duplicates == len(faulty.duplicated)
    assert min(len(faulty.lost), len(faulty.duplicated), len(faulty.overtaken)) > 0
    assert (counters.damaged, counters.restarts) == (0, 0)


@pytest.mark.parametrize("packing", ["bundles of 12", "single messages"])
@pytest.mark.parametrize("faults", [Faults(loss=0.01, seed=1), Faults(duplicate=0.01, seed=2), Faults(reorder=0.01, seed=3)])
def test_a_frame_in_many_datagrams_is_whole_or_left_out(
    motion: HumanMotion, stream: VmcStream, packing: str, faults: Faults
) -> None:
    """Where bundles have a time no frame is ever put together from two; single messages have none, and two may mix."""
    sender = VmcSender(motion, packing=packing)
    datagrams = [d for k in range(len(motion)) for d in sender.frame(k, BEGIN_S + k / RATE_HZ)]
    frames = _received(stream, list(with_faults(datagrams, faults).arriving))
    assert len(frames) > 0.5 * len(motion)
    if packing == "bundles of 12":
        got = [_nearest(frame, motion) for frame in frames]
        assert got == sorted(set(got))
    stamps = [frame.t_ns for frame in frames]
    assert stamps == sorted(stamps)


def test_a_sender_that_stops_and_returns(motion: HumanMotion, stream: VmcStream) -> None:
    sender = VmcSender(motion)
    first = _received(stream, [sender.frame(k, BEGIN_S + k / RATE_HZ)[0] for k in range(20)])
    assert stream.read(0.05) is None
    again = _received(stream, [sender.frame(k, 0.5 + k / RATE_HZ)[0] for k in range(20)])
    assert stream.counters.restarts == 1
    assert _nearest(again[-1], motion) == 19
    assert again[0].t_ns < first[-1].t_ns
    numbers = [frame.sequence for frame in first + again]
    assert numbers == sorted(set(numbers))


def test_damage_is_counted_and_named(motion: HumanMotion, stream: VmcStream) -> None:
    sender = VmcSender(motion)
    datagrams = [sender.frame(k, k / RATE_HZ)[0] for k in range(10)]
    broken = osc_message("/VMC/Ext/Bone/Pos", "Hips", 0.0, 0.0)
    frames = _received(stream, [*datagrams[:5], b"GET / HTTP/1.1", datagrams[5][:100], broken, *datagrams[5:]])
    assert len(frames) == 9
    assert stream.counters.damaged == 3
    stream.feed(broken, 0)
    assert "7 numbers are due" in stream.counters.last_damage


def test_a_sender_without_an_avatar_is_said(stream: VmcStream) -> None:
    stream.feed(osc_message("/VMC/Ext/OK", 0), 0)
    assert "has no avatar" in stream.counters.last_damage
    assert stream.counters.damaged == 0


def test_the_joints_have_their_names(motion: HumanMotion, stream: VmcStream) -> None:
    """No mirror: every joint is nearest to the one of its own name."""
    sender = VmcSender(motion)
    frame = _received(stream, [sender.frame(k, k / RATE_HZ)[0] for k in range(3)])[-1]
    apart = np.linalg.norm(frame.joint_pos_world_m[:, None] - motion.joint_pos_world_m[2][None], axis=2)
    assert [JOINTS[k] for k in np.argmin(apart, axis=1)] == list(JOINTS)


def test_a_port_in_use_is_said(stream: VmcStream) -> None:
    with pytest.raises(MocapError, match=f"UDP port {stream.address[1]}"):
        open_source(f"vmc://127.0.0.1:{stream.address[1]}")


@pytest.mark.parametrize(
    ("url", "said"), [("vmc://127.0.0.1/x", "a path"), ("vmc://127.0.0.1?form=1.2.3.4", "did you mean 'from'")]
)
def test_wrong_addresses(url: str, said: str) -> None:
    with pytest.raises(MocapError) as caught:
        open_source(url)
    assert said in str(caught.value)
