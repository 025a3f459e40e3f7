"""A robot profile as TOML text."""

from __future__ import annotations

import json
from collections.abc import Mapping

from understudy.spec.robot import RobotProfile


def profile_toml(profile: RobotProfile, *, comments: tuple[str, ...] = ()) -> str:
    """TOML that `spec.profiles.read_profile` reads back as the same profile; `comments` become its first lines."""
    table = profile.model_dump(mode="json", exclude_defaults=True)
    lines = [f"# {comment}" for comment in comments]
    plain = {key: value for key, value in table.items() if not isinstance(value, dict) and key != "capsules"}
    lines += [f"{key} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", *(f"{_key(name)} = {_value(item)}" for name, item in value.items())]
    for capsule in table.get("capsules", ()):
        lines += ["", "[[capsules]]", *(f"{name} = {_value(item)}" for name, item in capsule.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)
