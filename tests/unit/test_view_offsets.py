"""When cameras began, found from keypoints: generated cameras that started at known times, with noise and outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera
from understudy.mocap._keypoint_names import SCHEMES
from understudy.mocap._keypoints import Keypoints
from understudy.mocap._session import parse_session
from understudy.mocap._view_offsets import find_offsets
from understudy.mocap.markerless import triangulate_session
from understudy.simulate.walker import run, squat, stand, walk
from understudy.spec.skeleton import HumanMotion
from understudy.testing.cameras import camera_ring, keypoints_at, keypoints_of, seen_by, write_take

BEGAN_S = (0.0, 0.137, 0.05, 0.45, 0.02, 0.3)
RATE_HZ = 30.0
MOTIONS = {
    "walk": walk(6.0, 1.0, rate_hz=240.0),
    "squat": squat(3.0, rate_hz=240.0),
    "run": run(3.0, rate_hz=240.0),
    "stand": stand(3.0, rate_hz=240.0),
}


def ring(motion: HumanMotion, count: int) -> tuple[Camera, ...]:
    x, y, z = (float(v) for v in motion.joint_pos_world_m[:, 0].mean(axis=0))
    return camera_ring(count, centre_m=(x, y, z))


def filmed(
    motion: HumanMotion, cameras: Sequence[Camera], began_s: Sequence[float], *, rate_hz: float = RATE_HZ, noise_px: float = 3.0
) -> list[Keypoints]:
    """What cameras that began at these times see: 3 px of noise and 10 % outliers."""
    places: F64 = keypoints_of(motion)
    seen = []
    for i, (camera, start_s) in enumerate(zip(cameras, began_s, strict=True)):
        at = keypoints_at(places, motion.t_ns, start_s=start_s, rate_hz=rate_hz)
        px, confidence = seen_by([camera], at, noise_px=noise_px, seed=i)
        seen.append(Keypoints(SCHEMES["mediapipe"], px[0], confidence[0], rate_hz, (1920, 1080), False, 0, ""))
    return seen


@pytest.mark.parametrize("motion", ["walk", "squat", "run"])
@pytest.mark.parametrize("count", [2, 4])
def test_offsets_are_found_to_a_fraction_of_a_frame(motion: str, count: int) -> None:
    cameras = ring(MOTIONS[motion], count)
    found = find_offsets(cameras, filmed(MOTIONS[motion], cameras, BEGAN_S[:count]), [0.0] * count, within_s=1.0, where="s.toml")
    off_frames = (found.offset_s - np.array(BEGAN_S[:count])) * RATE_HZ
    assert np.abs(off_frames).max() < 0.25
    assert found.offset_s[0] == 0.0
    assert (found.sigma_s * RATE_HZ).max() < 0.4


def test_the_search_begins_at_what_the_session_says() -> None:
    """Rough words are made exact, on whatever clock they are; rates may differ."""
    motion = MOTIONS["walk"]
    cameras = ring(motion, 3)
    seen = filmed(motion, cameras, (0.0, 0.2, 0.1))
    (slower,) = filmed(motion, cameras[2:], (0.1,), rate_hz=25.0)
    found = find_offsets(cameras, [*seen[:2], slower], [7.0, 7.4, 6.8], within_s=0.5, where="s.toml")
    np.testing.assert_allclose(found.offset_s, [7.0, 7.2, 7.1], atol=0.25 / RATE_HZ)


def test_somebody_who_stands_still_tells_nothing() -> None:
    motion = MOTIONS["stand"]
    cameras = ring(motion, 3)
    with pytest.raises(MocapError, match=r"s\.toml: offset of cam0\d.* cannot be found within 1 s"):
        find_offsets(cameras, filmed(motion, cameras, (0.0, 0.1, 0.2)), [0.0] * 3, within_s=1.0, where="s.toml")


def test_a_short_take_and_an_empty_view_are_refused() -> None:
    motion = MOTIONS["walk"]
    cameras = ring(motion, 2)
    seen = filmed(motion, cameras, (0.0, 0.1))
    short = [replace(k, px=k.px[:4], confidence=k.confidence[:4]) for k in seen]
    blind = [seen[0], replace(seen[1], px=np.full_like(seen[1].px, np.nan))]
    for views in (short, blind):
        with pytest.raises(MocapError, match="offset of cam02 cannot be found"):
            find_offsets(cameras, views, [0.0] * 2, within_s=0.3, where="s.toml")


def test_an_offset_beyond_the_search_is_refused() -> None:
    motion = MOTIONS["walk"]
    cameras = ring(motion, 3)
    with pytest.raises(MocapError, match=r"offset of cam02 cannot be found within 0\.3 s"):
        find_offsets(cameras, filmed(motion, cameras, (0.0, 1.4, 0.1)), [0.0] * 3, within_s=0.3, where="s.toml")


def test_a_video_that_lost_frames_in_its_middle_is_refused_by_name() -> None:
    """The second half of one camera runs a third of a second early: no one offset is right for it."""
    motion = MOTIONS["walk"]
    cameras = ring(motion, 4)
    seen = filmed(motion, cameras, (0.0, 0.1, 0.2, 0.05), noise_px=1.0)
    half = len(seen[2].px) // 2
    keep = np.r_[0:half, half + 10 : len(seen[2].px)]
    seen[2] = replace(seen[2], px=seen[2].px[keep], confidence=seen[2].confidence[keep])
    with pytest.raises(MocapError, match=r"the offset of cam03 changes by \d+\.\d frames from the first half"):
        find_offsets(cameras, seen, [0.0] * 4, within_s=1.0, where="s.toml")


def test_a_session_that_asks_for_it_is_put_right(tmp_path: Path) -> None:
    """Without the key the cameras contradict each other; with it the joints are where they are."""
    motion = MOTIONS["walk"]
    cameras = ring(motion, 4)
    began_s = BEGAN_S[:4]
    seen = filmed(motion, cameras, began_s)
    errors = {}
    for search_s in (0.0, 1.0):
        folder = tmp_path / f"search{search_s}"
        px, confidence = seen[0].px[None], seen[0].confidence[None]
        session = {"find_offsets_s": search_s} if search_s else {}
        path = write_take(folder, cameras, np.repeat(px, 4, 0), np.repeat(confidence, 4, 0), rate_hz=RATE_HZ, session=session)
        for camera, k in zip(cameras, seen, strict=True):
            np.savez(folder / f"{camera.name}.npz", px=k.px, confidence=k.confidence, rate_hz=RATE_HZ)
        try:
            found = triangulate_session(path)
        except MocapError:
            errors[search_s] = 1.0
            continue
        first_s = max(found.offsets_s)
        at = np.searchsorted(motion.t_ns, np.rint((found.motion.t_ns * 1e-9 + first_s) * 1e9).astype(np.int64) - 1)
        at = np.minimum(at, len(motion) - 1)
        measured = found.motion.measured & motion.measured
        pos = motion.joint_pos_world_m[at][:, measured]
        errors[search_s] = float(np.linalg.norm(found.motion.joint_pos_world_m[:, measured] - pos, axis=2).mean())
        if search_s:
            np.testing.assert_allclose(found.offsets_s, began_s, atol=0.25 / RATE_HZ)
            assert any(
                note.startswith("offsets found from the keypoints: cam01 0.000 s, cam02 0.1") for note in found.motion.notes
            )
    assert errors[1.0] < 0.03
    assert errors[0.0] > 2.0 * errors[1.0]


def test_the_key_is_checked(tmp_path: Path) -> None:
    text = '[markerless]\ncalibration = "c.npz"\nfind_offsets_s = 11\n[[view]]\ncamera = "a"\nkeypoints = "a.npz"\n'
    with pytest.raises(MocapError, match="find_offsets_s is '11'; a number from 0 to 10"):
        parse_session(text.encode(), tmp_path)
