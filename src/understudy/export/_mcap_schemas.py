"""JSON schemas of an exported MCAP file's channels: Foxglove's own for pictures and frames, a plain one for everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping

from understudy.spec.stream import StreamSpec

Json = Mapping[str, object]
SAMPLE, IMAGE, FRAMES = "understudy.Sample", "foxglove.CompressedImage", "foxglove.FrameTransforms"
ENCODING, MESSAGE_ENCODING = "jsonschema", "json"
FRAMES_TOPIC = "/tf"

_NUMBER: Json = {"type": "number"}
_WHOLE: Json = {"type": "integer"}
_TIME: Json = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer", "minimum": 0}, "nsec": {"type": "integer", "minimum": 0, "maximum": 999999999}},
}
_RAW: Json = {"t_device_ns": _WHOLE, "t_arrival_ns": _WHOLE, "seq": _WHOLE, "invalid": {"type": "boolean"}}


def topic_of(key: str) -> str:
    """Topic of a stream: `/observations/joint_positions`."""
    return f"/{key}"


def sample_schema(spec: StreamSpec) -> bytes:
    """Schema of a stream's samples: `value` holds one number per name, a list, or a single number."""
    value: Json = {"type": "boolean"} if spec.dtype == "bool" else _NUMBER
    if spec.names:
        value = {"type": "object", "properties": dict.fromkeys(spec.names, value)}
    else:
        for _ in spec.shape:
            value = {"type": "array", "items": value}
    about = f"{spec.key}, unit {spec.unit}, frame {spec.frame}, {spec.kind}"
    return _object(SAMPLE, {"timestamp": _TIME, "value": {**value, "description": about}, **_RAW})


def image_schema() -> bytes:
    """Schema of `foxglove.CompressedImage`, with the raw stamps beside its own fields."""
    data: Json = {"type": "string", "contentEncoding": "base64"}
    return _object(
        IMAGE, {"timestamp": _TIME, "frame_id": {"type": "string"}, "data": data, "format": {"type": "string"}, **_RAW}
    )


def frames_schema() -> bytes:
    """Schema of `foxglove.FrameTransforms`."""
    vector: Json = {"type": "object", "title": "foxglove.Vector3", "properties": dict.fromkeys("xyz", _NUMBER)}
    quaternion: Json = {"type": "object", "title": "foxglove.Quaternion", "properties": dict.fromkeys("xyzw", _NUMBER)}
    one: Json = {
        "type": "object",
        "title": "foxglove.FrameTransform",
        "properties": {
            "timestamp": _TIME,
            "parent_frame_id": {"type": "string"},
            "child_frame_id": {"type": "string"},
            "translation": vector,
            "rotation": quaternion,
        },
    }
    return _object(FRAMES, {"transforms": {"type": "array", "items": one}})


def _object(title: str, properties: Json) -> bytes:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
    }
    return json.dumps(schema).encode()
