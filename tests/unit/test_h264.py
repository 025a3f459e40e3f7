"""H.264 packets: what their heads say, which can be decoded, and that they are read as images like JPEG files."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import simplejpeg

from understudy.devices._encoder import Encoding, PictureEncoder
from understudy.devices._settings import Settings
from understudy.errors import DeviceError, EpisodeError, UnknownNameError
from understudy.geom.arrays import U8
from understudy.spec.h264 import Chain, PacketReader, parameter_sets, units
from understudy.spec.stream import Stream, StreamSpec
from understudy.spec.video import Kept, Video, decoded_keyframe, keyframe_jpeg
from understudy.testing.producers import Scene

WIDTH, HEIGHT, N = 96, 64, 40
KEYS = [0, 15, 30]


def pictures(width: int = WIDTH, height: int = HEIGHT, count: int = N) -> list[U8]:
    scene = Scene((height, width, 3))
    return [scene.picture(k / 30.0) for k in range(count)]


def packets(width: int = WIDTH, height: int = HEIGHT, count: int = N) -> list[bytes]:
    encoder = PictureEncoder(Encoding("h264", crf=12, mbit_s=4.0), width, height, 30.0)
    return [encoder.encode(picture) for picture in pictures(width, height, count)]


SENT, ENCODED = pictures(), packets()


def stream(values: Video) -> Stream:
    spec = StreamSpec(name="head_left", group="observations", kind="image", dtype="uint8", shape=(HEIGHT, WIDTH, 3), rate_hz=30.0)
    return Stream(spec, np.arange(len(values)) * 33_333_333, values)


def psnr_db(a: U8, b: U8) -> float:
    return float(10.0 * np.log10(255.0**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def test_every_picture_is_one_packet_at_once_and_comes_back_in_its_colours() -> None:
    video = Video.of(ENCODED)
    assert np.flatnonzero(video.keyframe).tolist() == KEYS
    back = list(video.pictures(range(N)))
    assert len(back) == N
    for sent, seen in zip(SENT, back, strict=True):
        assert psnr_db(sent, seen) > 34.0
        assert psnr_db(sent[..., ::-1], seen) < 34.0  # red and blue are told apart
        assert abs(float(sent.mean()) - float(seen.mean())) < 1.5  # and full from limited range


def test_some_pictures_are_those_of_all() -> None:
    video = Video.of(ENCODED)
    back = list(video.pictures(range(N)))
    for steps in ([7], [0, 1, 14, 15], [3, 29, 30, 39], [16, 33]):
        assert all(np.array_equal(a, back[k]) for a, k in zip(video.pictures(steps), steps, strict=True))
    assert np.array_equal(simplejpeg.decode_jpeg(video.at(-1)), simplejpeg.decode_jpeg(list(video)[-1]))


def test_a_stream_gives_jpeg_files_and_stays_video() -> None:
    video = Video.of(ENCODED)
    own = stream(video)
    images = own.data
    assert own.video is video
    assert own.data is images  # read once
    assert [own.image(k) for k in (0, 5)] == [images[0], images[5]]
    assert list(own.each_image()) == images.tolist()
    assert list(own.images([1, 4, 5])) == [images[k] for k in (1, 4, 5)]
    assert all(psnr_db(simplejpeg.decode_jpeg(a), b) > 35.0 for a, b in zip(images, own.pictures(range(N)), strict=True))
    assert own.sample_at(own.t_ns + 1).tolist() == images.tolist()


@pytest.mark.parametrize(("width", "height"), [(96, 64), (98, 50), (640, 480), (16, 16), (36, 18)])
def test_the_size_is_read_from_the_parameters(width: int, height: int) -> None:
    reader = PacketReader()
    reader.head(packets(width, height, 1)[0])
    assert reader.parameters is not None
    assert (reader.parameters.width, reader.parameters.height) == (width, height)


PROFILES = {"baseline": "yuv420p", "main": "yuv420p", "high": "yuv420p", "high422": "yuv422p", "high444": "yuv444p"}


@pytest.mark.parametrize(("profile", "pixels"), PROFILES.items(), ids=PROFILES)
def test_heads_of_every_profile_are_read(profile: str, pixels: str) -> None:
    codec = av.VideoCodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 100, 60, pixels, Fraction(1, 30)
    codec.thread_count = 1
    codec.options = {
        "profile": profile,
        "tune": "zerolatency",
        "g": "8",
        "x264-params": "repeat-headers=1:sliced-threads=0:aud=1",
    }
    reader, chain = PacketReader(), Chain()
    for k, picture in enumerate(pictures(100, 60, 20)):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = k
        (packet,) = codec.encode(frame)
        head = reader.head(bytes(packet))
        assert (head.keyframe, head.frame_num) == (k % 8 == 0, k % 8)
        assert chain.holds(head)
    assert reader.parameters is not None
    assert (reader.parameters.width, reader.parameters.height) == (100, 60)


@pytest.mark.parametrize("missing", [0, 1, 14, 15, 16, 29])
def test_what_builds_on_a_missing_packet_is_left_out_until_the_next_keyframe(missing: int) -> None:
    reader, chain = PacketReader(), Chain()
    heads = {k: reader.head(packet) for k, packet in enumerate(ENCODED)}
    held = [k for k, head in heads.items() if k != missing and chain.holds(head)]
    until = next((key for key in KEYS if key > missing), N)
    assert held == [k for k in range(N) if not missing <= k < until]


def test_packets_before_the_first_keyframe_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="before the first keyframe"):
        PacketReader().head(ENCODED[3])
    assert not Chain().holds(after(ENCODED[0]).head(ENCODED[3]))


def after(packet: bytes) -> PacketReader:
    """A reader that has read a packet."""
    reader = PacketReader()
    reader.head(packet)
    return reader


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"\xff\xd8\xff\xe0 a JPEG", "no H.264"),
        (b"", "no H.264"),
        (ENCODED[0] + ENCODED[1], "2 pictures"),
        (parameter_sets(ENCODED[0]), "0 pictures"),
        (b"".join(b"\0\0\1" + bytes(u) for u in units(ENCODED[0]) if u[0] & 31 == 5), "without its parameter sets"),
        (b"\0\0\1\x41", "cut off"),
        (b"\0\0\1\x42\x9a\x00", "data partitions"),
    ],
)
def test_what_is_no_packet_is_refused(packet: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        after(ENCODED[0]).head(packet)


def test_pictures_that_build_on_later_ones_are_refused() -> None:
    codec = av.VideoCodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = WIDTH, HEIGHT, "yuv420p", Fraction(1, 30)
    codec.options = {"bf": "2", "x264-params": "repeat-headers=1:b-adapt=0"}
    made = [bytes(p) for picture in SENT for p in codec.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))]
    made += [bytes(p) for p in codec.encode(None)]
    with pytest.raises(ValueError, match="bf=0"):
        Video.of(made)


def test_a_damaged_packet_is_an_empty_image_and_so_is_what_builds_on_it() -> None:
    whole = Video.of(ENCODED)
    rng = np.random.default_rng(5)
    for _ in range(30):
        k = int(rng.integers(N))
        damaged = bytearray(ENCODED[k])
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
        changed = [*ENCODED[:k], bytes(damaged), *ENCODED[k + 1 :]]
        video = Video(Kept(changed), whole.keyframe, whole.extradata, whole.crc32, "head_left")
        until = next((key for key in KEYS if key > k), N)
        assert [step for step, image in enumerate(video) if not image] == list(range(k, until))
        assert np.flatnonzero(~video.decodable()).tolist() == list(range(k, until))
        with pytest.raises(EpisodeError, match=f"head_left: image {k} "):
            list(video.pictures([k]))


def test_a_keyframe_alone_is_a_picture() -> None:
    picture = decoded_keyframe(ENCODED[15])
    assert picture is not None
    assert psnr_db(picture, SENT[15]) > 34.0
    assert simplejpeg.decode_jpeg(keyframe_jpeg(ENCODED[15])).shape == (HEIGHT, WIDTH, 3)
    assert keyframe_jpeg(ENCODED[15][:40]) == b""


def test_the_rate_stays_below_what_is_allowed() -> None:
    """Noise that nothing can predict, at a quality that would take ten times as much."""
    rng = np.random.default_rng(1)
    encoder = PictureEncoder(Encoding("h264", crf=10, mbit_s=1.0), 320, 240, 30.0)
    size = sum(len(encoder.encode(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))) for _ in range(90))
    assert size * 8 / 3.0 <= 1.35e6


def test_settings_of_an_encoding() -> None:
    assert Encoding.of(Settings("cam", {})) == Encoding("jpeg", 90, 21, 0.0)
    assert Encoding.of(Settings("cam", {"codec": "h264", "crf": "30", "mbit_s": "1.5"})) == Encoding("h264", 90, 30, 1.5)
    with pytest.raises(UnknownNameError, match="h264"):
        Encoding.of(Settings("cam", {"codec": "h265"}))
    with pytest.raises(DeviceError, match="even sizes"):
        PictureEncoder(Encoding("h264"), 33, 48, 30.0)
