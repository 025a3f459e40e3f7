"""Cameras tell when something moved through noise, compression, flicker and crooked views."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.devices.benches._path import ArmPath
from understudy.devices.benches._sensors import Camera
from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64, U8
from understudy.pipeline.sync_images import small_greys
from understudy.sync.appearance import image_offsets
from understudy.sync.measure import Track, measure
from understudy.sync.motion import find_motions
from understudy.sync.offset import Offset, Reference
from understudy.testing.sync import sharp_path

MOTIONS, HEIGHT, WIDTH = 8, 60, 80


def arm(seed: int = 0) -> tuple[ArmPath, Track, F64, I64]:
    """The arm, its encoders, and moments of a 30 Hz camera."""
    path, ends_s = sharp_path(MOTIONS, np.random.default_rng(seed))
    t_s = np.arange(0.001, ends_s, 0.005)
    q = path.at(t_s)[0][:, None] + np.random.default_rng(seed + 1).normal(0.0, 3e-4, (len(t_s), 1))
    at_s = np.arange(0.017, ends_s, 1.0 / 30.0)
    return path, Track("q", "position", np.rint(t_s * 1e9).astype(np.int64), q), at_s, np.rint(at_s * 1e9).astype(np.int64)


def found(encoders: Track, t_ns: I64, images: U8) -> tuple[Offset, ...]:
    camera = Track("cam", "image", t_ns, np.zeros(0), lambda part: images[part])
    return measure([encoders, camera], reference="q").offsets["cam"]


def middle_ms(offsets: tuple[Offset, ...]) -> float:
    return float(np.median([o.offset_ns for o in offsets])) * 1e-6


def turning(path: ArmPath, at_s: F64, *, noise: float, seed: int = 0, flicker: float = 0.0, bright: float = 190.0) -> U8:
    """A bar that turns about a corner before a patterned wall: not a shift, and seen crooked."""
    rng = np.random.default_rng(seed)
    wall = np.kron(np.random.default_rng(5).uniform(60.0, 110.0, (HEIGHT // 6, WIDTH // 8)), np.ones((6, 8)))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    y, x = rows - 5.0, columns - 8.0
    out = np.empty((len(at_s), HEIGHT, WIDTH), dtype=np.uint8)
    for k, q in enumerate(path.at(at_s)[0]):
        angle = 0.2 + 2.0 * q
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        cover = np.clip(5.0 - np.abs(across), 0.0, 1.0) * np.clip(55.0 - along, 0.0, 1.0) * (along > 0.0)
        pattern = bright + 25.0 * np.sin(along / 3.0)
        image = (wall * (1.0 - cover) + pattern * cover) * (1.0 + flicker * np.sin(k * 2.1))
        out[k] = np.clip(np.rint(image + rng.normal(0.0, noise, image.shape)), 0, 255)
    return out


@pytest.mark.parametrize(("noise", "quality"), [(2.0, 90), (10.0, 60)])
@pytest.mark.parametrize("late_ms", [-12.0, 0.0, 33.0])
def test_a_moving_block_as_jpeg(noise: float, quality: int, late_ms: float) -> None:
    path, encoders, at_s, t_ns = arm()
    camera = Camera(width=96, height=80, noise_grey=noise, quality=quality)
    images = small_greys(list(camera.measure(path, at_s, np.random.default_rng(2))), where="cam")
    offsets = found(encoders, t_ns + round(late_ms * 1e6), images)
    assert len(offsets) == MOTIONS
    assert middle_ms(offsets) == pytest.approx(late_ms, abs=0.7)


@pytest.mark.parametrize(("noise", "flicker"), [(1.5, 0.0), (4.0, 0.0), (1.5, 0.03)])
def test_a_turning_arm(noise: float, flicker: float) -> None:
    path, encoders, at_s, t_ns = arm()
    offsets = found(encoders, t_ns + 20_000_000, turning(path, at_s, noise=noise, flicker=flicker))
    assert len(offsets) == MOTIONS
    assert middle_ms(offsets) == pytest.approx(20.0, abs=0.6)
    for outward in (True, False):
        way = tuple(o for o in offsets if o.outward == outward)
        assert middle_ms(way) == pytest.approx(20.0, abs=1.0), "seen crooked, out and back would differ by tens"


def test_an_arm_as_bright_as_the_wall_is_seen_by_its_pattern() -> None:
    path, encoders, at_s, t_ns = arm()
    offsets = found(encoders, t_ns + 20_000_000, turning(path, at_s, noise=1.0, bright=85.0))
    assert len(offsets) >= MOTIONS - 2
    assert middle_ms(offsets) == pytest.approx(20.0, abs=1.0)


def test_a_camera_that_looks_elsewhere_shows_nothing() -> None:
    _, encoders, at_s, t_ns = arm()
    noise = np.random.default_rng(0).normal(90.0, 3.0, (len(at_s), HEIGHT, WIDTH)).astype(np.uint8)
    assert found(encoders, t_ns, noise) == ()
    assert found(encoders, t_ns, np.full((len(at_s), HEIGHT, WIDTH), 7, dtype=np.uint8)) == ()


def test_a_lamp_that_flickers_is_no_motion() -> None:
    _, encoders, at_s, t_ns = arm()
    lit = 90.0 * (1.0 + 0.1 * np.sin(np.arange(len(at_s)) * 2.1))[:, None, None]
    noise = np.random.default_rng(0).normal(0.0, 2.0, (len(at_s), HEIGHT, WIDTH))
    assert found(encoders, t_ns, np.clip(lit + noise, 0, 255).astype(np.uint8)) == ()


def test_one_way_alone_tells_nothing() -> None:
    """A delay and a crooked view look the same one way; three ways out and one back are refused too."""
    path, encoders, at_s, t_ns = arm()
    images = turning(path, at_s, noise=1.5)
    motions = find_motions(encoders.t_ns, encoders.values)
    reference = Reference(encoders.t_ns, encoders.values, motions[:3])
    assert image_offsets(t_ns, lambda part: images[part], reference) == []
    assert len(image_offsets(t_ns, lambda part: images[part], Reference(encoders.t_ns, encoders.values, motions[:4]))) == 4


def test_images_that_change_size_or_are_few_show_nothing() -> None:
    path, encoders, at_s, t_ns = arm()
    images = turning(path, at_s, noise=1.5)
    reference = Reference(encoders.t_ns, encoders.values, find_motions(encoders.t_ns, encoders.values))
    assert image_offsets(t_ns, lambda part: images[part, : 40 + part.start % 2], reference) == []
    assert image_offsets(t_ns[::12], lambda part: images[::12][part], reference) == []


def test_damaged_and_mixed_images_are_refused() -> None:
    import simplejpeg

    small, large = (simplejpeg.encode_jpeg(np.zeros((n, n, 1), dtype=np.uint8), colorspace="GRAY") for n in (32, 48))
    with pytest.raises(SyncError, match="stream cam: image 1"):
        small_greys([small, small[:40]], where="stream cam")
    with pytest.raises(SyncError, match="different sizes"):
        small_greys([small, large], where="stream cam")
    assert small_greys([], where="stream cam").shape[0] == 0


def test_large_images_are_decoded_small() -> None:
    import simplejpeg

    image = np.tile(np.linspace(0, 255, 640, dtype=np.uint8), (480, 1))[:, :, None]
    grey = small_greys([simplejpeg.encode_jpeg(image, colorspace="GRAY")], where="cam")
    assert grey.shape == (1, 120, 160)
    np.testing.assert_allclose(grey[0, 60].astype(float), np.linspace(0, 255, 160), atol=4)
