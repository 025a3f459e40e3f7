"""A mapping guessed from the topics of a recording, to be looked over by a person."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence

from understudy.devices.messages.fields import look_up, parse_path
from understudy.devices.messages.mapping import StreamMap
from understudy.devices.messages.recipes import PICTURES, recipe_for
from understudy.errors import InputError
from understudy.pipeline.bags.survey import TopicSeen
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.skeleton import SIDES

MAPPING_ATTACHMENT = "mapping.toml"
"""Name of the mapping that an exported MCAP file carries in itself."""
_COMMAND = ("command", "cmd", "target", "desired", "reference")
_JOINTS = ("joint_positions", "joint_velocities", "joint_torques")
_HEAD = """\
# Which topic goes into which stream (docs/bags.md). Guessed from names and types: look it over, correct it, keep it.
# Keys of a [[streams]]: stream, topic, field, names or columns, rename, ignore, unit, clock (header, log, publish), stamp.
"""


def propose(topics: Mapping[str, TopicSeen], robot: RobotModel, schema: Schema) -> str:
    """The text of a mapping file.

    Args:
        topics: of the recording.
        robot: whose joints are looked for.
        schema: whose streams are filled; each at most once.
    """
    taken: dict[str, StreamMap] = {}
    notes: dict[str, str] = {}
    for topic in sorted(topics, key=lambda name: (_is_raw_twin(name, topics), name)):
        for key in _streams_for(topic, topics[topic], schema, taken):
            if key not in taken and (entry := _entry(topic, topics[topic], key, robot, schema, notes)):
                taken[key] = entry
    lines = [_HEAD, 'format = "understudy-mapping"', "format_version = 1", f"robot = {json.dumps(robot.name)}", ""]
    order = [spec.key for spec in schema.streams]
    for key in sorted(taken, key=order.index):
        lines += _table(taken[key], topics[taken[key].topic], notes.get(taken[key].topic, ""))
    used = {entry.topic for entry in taken.values()}
    rest = [name for name in sorted(topics) if name not in used]
    if rest:
        lines += ["# Topics that nothing was guessed for:"]
        lines += [f"#   {name}  {_type(topics[name])}  {topics[name].count} messages" for name in rest]
    return "\n".join(lines) + "\n"


def _streams_for(topic: str, seen: TopicSeen, schema: Schema, taken: Iterable[str]) -> Sequence[str]:
    """Streams that a topic may fill, the likeliest first."""
    name, kind = topic.lower(), seen.channel.type_name.rpartition("/")[2]
    commanded = any(word in name for word in _COMMAND)
    target = f"actions/joint_{schema.action_kind}_target"
    if kind == "JointState":
        return [target] if commanded else [f"observations/{stream}" for stream in _JOINTS]
    if kind == "LowState":
        imu = "imu_torso" if seen.channel.type_name.startswith("unitree_go") else "imu_pelvis"
        return [f"observations/{stream}" for stream in (*_JOINTS, imu)]
    if kind == "LowCmd":
        return [target]
    if kind in ("Imu", "IMUState"):
        return [f"observations/imu_{_part(name, ('pelvis', 'torso', 'head'), taken, 'observations/imu_{}')}"]
    if kind in ("WrenchStamped", "Wrench"):
        side = next((side for side in SIDES if side in name), "")
        end = "ankle" if any(word in name for word in ("ankle", "foot", "leg")) else "wrist"
        return [f"observations/wrench_{side}_{end}"] if side else []
    if kind in ("PoseStamped", "Odometry"):
        return ["debug/base_pose_world"]
    if seen.channel.type_name in PICTURES and "depth" not in name:
        return [_camera(name, taken)]
    return []


def _part(name: str, parts: Sequence[str], taken: Iterable[str], form: str) -> str:
    """The part that a name says, else the first one that is free."""
    said = next((part for part in parts if part in name), "")
    return said or next((part for part in parts if form.format(part) not in taken), parts[0])


def _camera(name: str, taken: Iterable[str]) -> str:
    head = any(word in name for word in ("head", "stereo", "eye", "ego"))
    side = next((side for side in SIDES if side in name), "left" if head else "")
    if side and not any(word in name for word in ("wrist", "hand", "external", "scene")):
        return f"observations/head_{side}"
    return next((f"debug/external_{n}" for n in range(4) if f"debug/external_{n}" not in taken), "")


def _is_raw_twin(topic: str, topics: Mapping[str, TopicSeen]) -> bool:
    """Whether the same camera is there compressed, which is taken instead."""
    return f"{topic}/compressed" in topics


def _entry(topic: str, seen: TopicSeen, key: str, robot: RobotModel, schema: Schema, notes: dict[str, str]) -> StreamMap | None:
    """An entry for a stream, with joints of other names renamed to the nearest; None where it does not fit."""
    spec = next((spec for spec in schema.streams if spec.key == key), None)
    if spec is None:
        return None
    if spec.kind == "image":
        return StreamMap(stream=key, topic=topic)
    recipe = recipe_for(seen.channel.type_name, spec, robot.name)
    if recipe is None:
        return None
    if not recipe.names:
        return StreamMap(stream=key, topic=topic)
    try:
        message = seen.channel.decode(seen.first)
        values, names = look_up(message, parse_path(recipe.field[0])), look_up(message, parse_path(recipe.names))
    except InputError as error:
        notes[topic] = str(error)
        return None
    if not isinstance(names, list) or len(values) != len(names):  # type: ignore[arg-type]
        notes[topic] = f"{recipe.field[0]} is empty or has not as many values as {recipe.names}"
        return None
    rename, ignore = _other_names([str(name) for name in names], spec.names)
    return StreamMap(stream=key, topic=topic, rename=rename, ignore=ignore)


def _other_names(names: Sequence[str], wanted: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Names that differ, each to the nearest that is missing; and those that stand for nothing."""
    missing = [name for name in wanted if name not in names]
    rename: dict[str, str] = {}
    ignore = []
    for name in names:
        if name in wanted:
            continue
        near = difflib.get_close_matches(name.lower(), missing, n=1, cutoff=0.7)
        if near:
            rename[name] = near[0]
            missing.remove(near[0])
        else:
            ignore.append(name)
    return rename, tuple(ignore)


def _table(entry: StreamMap, seen: TopicSeen, note: str) -> list[str]:
    lines = ["[[streams]]", f"stream = {json.dumps(entry.stream)}", f"topic = {json.dumps(entry.topic)}"]
    lines[-1] += f"  # {_type(seen)}, {seen.count} messages, {seen.rate_hz:g} a second"
    if entry.rename:
        pairs = ", ".join(f"{json.dumps(theirs)} = {json.dumps(ours)}" for theirs, ours in entry.rename.items())
        lines.append(f"rename = {{ {pairs} }}")
    if entry.ignore:
        lines.append(f"ignore = [{', '.join(json.dumps(name) for name in entry.ignore)}]")
    return [*lines, *([f"# {note}"] if note else []), ""]


def _type(seen: TopicSeen) -> str:
    shown = seen.channel.type_name or "no type"
    return "".join(c if c.isprintable() else "?" for c in shown)[:80] + (
        f" ({seen.channel.named})" if seen.channel.encoding != "cdr" else ""
    )
