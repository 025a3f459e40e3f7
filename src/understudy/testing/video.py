"""Video sources without a camera: files with numbered pictures, and a network camera on the loopback."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from understudy.geom.arrays import U8


def numbered_picture(number: int, *, width: int = 64, height: int = 48) -> U8:
    """(H, W, 3) RGB that says its number, 0 to 255, in eight blocks that are black or white, and survives compression."""
    image = np.full((height, width, 3), 128, dtype=np.uint8)
    for bit in range(8):
        image[:, bit * width // 8 : (bit + 1) * width // 8] = 235 if number >> bit & 1 else 20
    return image


def picture_number(image: U8) -> int:
    """The number that `numbered_picture` was given."""
    width = image.shape[1]
    return sum(int(image[:, bit * width // 8 : (bit + 1) * width // 8].mean() > 128) << bit for bit in range(8))


def write_video(
    path: Path, numbers: Sequence[int], *, fps: int = 30, width: int = 64, height: int = 48, codec: str = "mpeg4"
) -> None:
    """A file of numbered pictures."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in numbers:
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, width=width, height=height), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class MjpegServer:
    """A network camera that sends JPEGs over HTTP, one after the other; a context manager.

    Attributes:
        url: where it is.
        sent: JPEGs that were sent, oldest first.
    """

    def __init__(self, *, fps: float = 30.0, width: int = 64, height: int = 48) -> None:
        """A server on a free port of the loopback."""
        self.sent: list[bytes] = []
        self._fps, self._size = fps, (width, height)
        self._number, self._cut, self._over = 0, threading.Event(), threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                camera._cut.clear()
                while not (camera._cut.is_set() or camera._over.wait(1.0 / camera._fps)):
                    data = camera._next()
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + data + b"\r\n")
                    except OSError:
                        return

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/camera.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> MjpegServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def cut(self) -> None:
        """Break the connection off; the next one is answered."""
        self._cut.set()

    def _next(self) -> bytes:
        import simplejpeg

        width, height = self._size
        image = numbered_picture(self._number % 256, width=width, height=height)
        self._number += 1
        data: bytes = simplejpeg.encode_jpeg(image, quality=95, colorspace="RGB")
        self.sent.append(data)
        return data
