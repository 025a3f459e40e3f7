"""Writers of marker files, from the published layouts: golden files for tests of readers where no sample may be shipped."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.mocap._c3d_file import BLOCK, DEC, INTEL, MIPS
from understudy.mocap._markers import MarkerTake

Text = str | Sequence[str]


def c3d_bytes(
    take: MarkerTake,
    *,
    unit: str = "mm",
    processor: int = INTEL,
    integers: bool = False,
    extra: Mapping[str, Text | Sequence[float]] = {},
    analog: int = 0,
    first_frame: int = 1,
) -> bytes:
    """A C3D file of a take.

    Args:
        take: markers; its parameters go into the group PROCESSING.
        unit: `m`, `cm` or `mm`, written and applied.
        processor: byte order: 84 Intel, 85 DEC, 86 MIPS.
        integers: points as 16-bit integers of a tenth of a unit, else as floats.
        extra: further parameters, `GROUP:NAME` to texts or numbers.
        analog: analog values per frame, all of them 1.
        first_frame: number of the first frame; the take's events are written from where the recording began.
    """
    scale = {"m": 1.0, "cm": 100.0, "mm": 1000.0}[unit]
    groups = (len(take.names) - 1) // 255 + 1
    parameters: dict[str, Text | Sequence[float]] = {
        "POINT:USED": [float(len(take.names))], "POINT:RATE": [take.rate_hz], "POINT:UNITS": [unit],
        **{f"POINT:LABELS{k + 1 if k else ''}": list(take.names[255 * k : 255 * k + 255]) for k in range(groups)},
        **{f"PROCESSING:{name}": [value * scale] for name, value in take.parameters.items()},
        **({"POINT:Y_SCREEN": ["+" + take.up.upper()]} if take.up else {}),
        **_event_parameters(take, (first_frame - 1) / take.rate_hz),
        **extra,
    }  # fmt: skip
    body = _parameter_records(parameters, processor)
    blocks = -(-(len(body) + 4) // BLOCK)
    data_block = 2 + blocks
    header = bytearray(BLOCK)
    header[0], header[1] = 2, 0x50
    frames, count = take.pos_m.shape[:2]
    struct.pack_into(_order(processor) + "HHHHH", header, 2, count, analog, first_frame, min(first_frame + frames - 1, 65535), 0)
    header[12:16] = _floats(np.array([0.1 if integers else -0.1]), processor)
    struct.pack_into(_order(processor) + "HH", header, 16, data_block, 1 if analog else 0)
    header[20:24] = _floats(np.array([take.rate_hz]), processor)
    section = bytes([1, 0x50, blocks, processor]) + body
    points = np.zeros((frames, count, 4))
    seen: Bool = np.asarray(np.isfinite(take.pos_m).all(axis=2))
    points[..., :3] = np.where(seen[..., None], take.pos_m * scale, 0.0)
    points[..., 3] = np.where(seen, 0.0, -1.0)
    rows = np.concatenate([points.reshape(frames, -1), np.ones((frames, analog))], axis=1)
    if integers:
        rows[:, : 4 * count] = (points * np.array([10.0, 10.0, 10.0, 1.0])).reshape(frames, -1)
        data = bytes(np.rint(rows).astype(">i2" if processor == MIPS else "<i2").tobytes())
    else:
        data = _floats(rows.reshape(-1), processor)
    return bytes(header) + section.ljust(blocks * BLOCK, b"\0") + data


def _event_parameters(take: MarkerTake, start_s: float) -> dict[str, Text | Sequence[float]]:
    """The group EVENT of a take; times are minutes and seconds."""
    events = take.events
    if not events:
        return {}
    at_s = [event.t_s + start_s for event in events]
    return {
        "EVENT:USED": [float(len(events))],
        "EVENT:CONTEXTS": [event.side.capitalize() or "General" for event in events],
        "EVENT:LABELS": [event.label for event in events],
        "EVENT:SUBJECTS": [event.subject for event in events],
        "EVENT:TIMES": [value for t in at_s for value in (float(t // 60.0), t % 60.0)],
    }


def _order(processor: int) -> str:
    return ">" if processor == MIPS else "<"


def _floats(values: F64, processor: int) -> bytes:
    if processor == DEC:
        words = (values * 4.0).astype("<f4").view("<u2").reshape(-1, 2)[:, ::-1]
        return bytes(np.ascontiguousarray(words).tobytes())
    return bytes(values.astype(">f4" if processor == MIPS else "<f4").tobytes())


def _parameter_records(parameters: Mapping[str, Text | Sequence[float]], processor: int) -> bytes:
    groups = list(dict.fromkeys(key.partition(":")[0] for key in parameters))
    out = b""
    for i, group in enumerate(groups, 1):
        out += struct.pack("bb", len(group), -i) + group.encode() + struct.pack(_order(processor) + "h", 3) + b"\0"
    for key, value in parameters.items():
        group, _, name = key.partition(":")
        record = _value(value, processor) + b"\0"
        out += struct.pack("bb", len(name), groups.index(group) + 1) + name.encode()
        out += struct.pack(_order(processor) + "h", len(record) + 2) + record
    return out + b"\0\0"


def _value(value: Text | Sequence[float], processor: int) -> bytes:
    texts = [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]
    if texts or not value:
        width = max(map(len, texts), default=0)
        return struct.pack("bBBB", -1, 2, width, len(texts)) + b"".join(text.ljust(width).encode() for text in texts)
    numbers = np.array([float(item) for item in value])
    return struct.pack("bBB", 4, 1, len(numbers)) + _floats(numbers, processor)


def trc_text(take: MarkerTake, *, unit: str = "mm", separator: str = "\t") -> str:
    """A TRC file of a take."""
    scale = {"m": 1.0, "cm": 100.0, "mm": 1000.0}[unit]
    rate, frames, count = f"{take.rate_hz:g}", len(take), len(take.names)
    lines = [
        ["PathFileType", "4", "(X/Y/Z)", "take.trc"],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"],
        [rate, rate, str(frames), str(count), unit, rate, "1", str(frames)],
        ["Frame#", "Time", *(cell for name in take.names for cell in (name, "", ""))],
        ["", "", *(f"{axis}{i + 1}" for i in range(count) for axis in "XYZ")],
        [],
    ]
    for k, row in enumerate(take.pos_m.reshape(frames, -1) * scale):
        lines.append([str(k + 1), f"{k / take.rate_hz:.6f}", *_numbers(row)])
    return "\n".join(separator.join(line) for line in lines) + "\n"


def vicon_csv_text(take: MarkerTake, *, subject: str = "", first_frame: int = 1) -> str:
    """A CSV file of Vicon Nexus with a section of devices before the trajectories."""
    count = len(take.names)
    lines = [["Devices"], ["1000"], ["", "", "Force"], ["Frame", "Sub Frame", "Fx"], ["", "", "N"], ["1", "0", "0.5"], []]
    lines += [
        ["Trajectories"],
        [f"{take.rate_hz:g}"],
        ["", "", *(cell for name in take.names for cell in (f"{subject}:{name}" if subject else name, "", ""))],
        ["Frame", "Sub Frame", *("X", "Y", "Z") * count],
        ["", "", *("mm",) * (3 * count)],
    ]
    for k, row in enumerate(take.pos_m.reshape(len(take), -1) * 1000.0):
        lines.append([str(first_frame + k), "0", *_numbers(row)])
    return "\r\n".join(",".join(line) for line in lines) + "\r\n"


def _numbers(row: F64) -> list[str]:
    return [f"{value:.5f}" if np.isfinite(value) else "" for value in row]


def motive_text(
    names: Sequence[str],
    pos_m: F64,
    rate_hz: float,
    *,
    kind: str = "Marker",
    version: str = "1.25",
    unit: str = "Millimeters",
    subject: str = "Person",
    quat_xyzw: F64 | None = None,
    parents: Sequence[str] = (),
    space: str = "Global",
) -> str:
    """A CSV file of OptiTrack Motive, in the axes of the positions.

    Args:
        names: of the bones or markers.
        pos_m: (T, N, 3).
        rate_hz: frames per second.
        kind: `Bone` or `Marker`.
        version: 1.25 has a line of parents, 1.23 has none.
        unit: as Motive writes it.
        subject: before the colon.
        quat_xyzw: (T, N, 4) rotations before the positions.
        parents: name of each bone's parent.
        space: coordinate space.
    """
    scale = {"Meters": 1.0, "Centimeters": 100.0, "Millimeters": 1000.0}[unit]
    width = 3 if quat_xyzw is None else 7
    axes = ("X", "Y", "Z") if quat_xyzw is None else ("X", "Y", "Z", "W", "X", "Y", "Z")
    what = ("Position",) * 3 if quat_xyzw is None else ("Rotation",) * 4 + ("Position",) * 3
    rate, frames = f"{rate_hz:.6f}", len(pos_m)
    keys = ["Format Version", version, "Take Name", "take, one", "Capture Frame Rate", rate, "Export Frame Rate", rate]
    keys += ["Total Frames in Take", str(frames), "Total Exported Frames", str(frames), "Rotation Type", "Quaternion"]
    keys += ["Length Units", unit, "Coordinate Space", space]
    lines = [[f'"{key}"' if "," in key else key for key in keys], []]
    lines.append(["", "Type", *(kind for _ in names for _ in range(width))])
    lines.append(["", "Name", *(f"{subject}:{name}" for name in names for _ in range(width))])
    lines.append(["", "ID", *(f"{i:X}" for i in range(len(names)) for _ in range(width))])
    if version == "1.25":
        above = [f"{subject}:{name}" if name else "Root" for name in parents] or [""] * len(names)
        lines.append(["", "Parent", *(name for name in above for _ in range(width))])
    lines.append(["", "", *what * len(names)])
    lines.append(["Frame", "Time (Seconds)", *axes * len(names)])
    cells = scale * pos_m if quat_xyzw is None else np.concatenate([quat_xyzw, scale * pos_m], axis=2)
    for k, row in enumerate(cells.reshape(frames, -1)):
        lines.append([str(k), f"{k / rate_hz:.6f}", *(f"{v:.6f}" if np.isfinite(v) else "" for v in row)])
    return "\ufeff" + "\r\n".join(",".join(line) for line in lines) + "\r\n"
