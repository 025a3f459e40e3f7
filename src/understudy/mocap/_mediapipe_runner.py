"""One video to body landmarks, run by the Python of MediaPipe's own environment: it imports nothing of Understudy.

    python _mediapipe_runner.py VIDEO OUT.npz [SHA256 of VIDEO]

Prints `frame DONE TOTAL` lines. OUT.npz has the layout of docs/markerless.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

LANDMARKS = 33


def main(video: str, out: str, video_sha256: str = "") -> int:
    """Detect in every frame; exit code 3 with a line on stderr where the video cannot be read."""
    import cv2  # type: ignore[import-not-found, unused-ignore]
    import mediapipe  # type: ignore[import-not-found, unused-ignore]

    capture = cv2.VideoCapture(video)
    rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    pixels, confidences, size = [], [], (0, 0)
    # model_complexity 1 is the one whose weights come with the package; 0 and 2 would be downloaded. Landmarks are not
    # smoothed here: that filter lags, and the triangulated joints are smoothed without lag later.
    pose = mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=False, min_detection_confidence=0.5)
    while True:
        there, image = capture.read()
        if not there:
            break
        size = (image.shape[1], image.shape[0])
        found = pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks
        px = np.full((LANDMARKS, 2), np.nan, dtype=np.float32)
        confidence = np.zeros(LANDMARKS, dtype=np.float32)
        if found is not None:
            for i, mark in enumerate(found.landmark):
                # 0 to 1 span the whole image, whose first pixel has its centre at 0: half a pixel less.
                px[i] = mark.x * size[0] - 0.5, mark.y * size[1] - 0.5
                confidence[i] = mark.visibility
        pixels.append(px)
        confidences.append(confidence)
        if len(pixels) % 10 == 0:
            print(f"frame {len(pixels)} {max(total, len(pixels))}", flush=True)
    if not pixels or not rate_hz > 0:
        print(f"{video}: no frame can be decoded, or the file says no frame rate", file=sys.stderr)
        return 3
    with Path(out).open("wb") as file:
        np.savez_compressed(
            file,
            px=np.stack(pixels),
            confidence=np.stack(confidences),
            size_px=np.array(size),
            rate_hz=rate_hz,
            model="mediapipe",
            video_sha256=video_sha256,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
