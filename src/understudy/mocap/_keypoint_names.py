"""Which keypoint is which: the orders that 2-D pose detectors write. A name means the same place of the body in every scheme.

Source: OpenPose documentation, "Output" (BODY_25, COCO); COCO keypoint task (17); Halpe full-body data set, 26 keypoints;
MediaPipe, "Pose landmark detection" (33).
"""

from __future__ import annotations

from understudy.spec.skeleton import HAND_JOINTS, SIDES


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COCO17 = _words(
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_hip right_hip left_knee right_knee left_ankle right_ankle"
)

SCHEMES: dict[str, tuple[str, ...]] = {
    "body_25": _words(
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip right_hip right_knee "
        "right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear left_big_toe left_small_toe "
        "left_heel right_big_toe right_small_toe right_heel"
    ),
    "coco": _words(
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee "
        "right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"
    ),
    "coco_17": _COCO17,
    "halpe_26": (
        *_COCO17,
        *_words("crown neck mid_hip left_big_toe right_big_toe left_small_toe right_small_toe left_heel right_heel"),
    ),
    "mediapipe": _words(
        "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear mouth_left "
        "mouth_right left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_pinky right_pinky "
        "left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle right_ankle "
        "left_heel right_heel left_foot_index right_foot_index"
    ),
}
"""Scheme to its keypoints in order."""

HANDS: tuple[str, ...] = tuple(f"{side}_hand_{joint}" for side in SIDES for joint in HAND_JOINTS)
"""Keypoints of the hands, behind those of a scheme. Source: OpenPose and MediaPipe documentation, hands (21, in one order)."""

BY_COUNT: dict[int, str] = {len(names): scheme for scheme, names in SCHEMES.items()}
"""Every scheme has another number of keypoints, so the number tells it."""


def other_side(name: str) -> str:
    """The keypoint on the other side of the body; the name itself for one in the middle."""
    for here, there in (SIDES, SIDES[::-1]):
        if name.startswith(f"{here}_"):
            return there + name[len(here) :]
    return {"mouth_left": "mouth_right", "mouth_right": "mouth_left"}.get(name, name)
