"""Robot profiles by name: the TOML files of this folder's `robots/`, those of other packages, and files on disk.

Another package adds robots by entry points of the group `understudy.robots`; each loads as a `RobotProfile` or as the path of
a TOML file.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from pydantic import ValidationError

from understudy.errors import ModelError, UnknownNameError
from understudy.spec.robot import RobotProfile

_FOLDER = Path(__file__).parent / "robots"


def profile_names() -> tuple[str, ...]:
    """Sorted names of every known robot; reads no profile."""
    return tuple(sorted({*_own(), *_outside()}))


def load_profile(name_or_path: str) -> RobotProfile:
    """The profile of a robot: a known name, or the path of a TOML file.

    Raises:
        UnknownNameError: no robot and no file has this name.
        ModelError: the file is not a profile; the message names the key.
    """
    own, outside = _own(), _outside()
    if name_or_path in own:
        return read_profile(own[name_or_path])
    if name_or_path in outside:
        return _from_entry_point(outside[name_or_path])
    if name_or_path.endswith(".toml"):
        return read_profile(Path(name_or_path))
    raise UnknownNameError("robot", name_or_path, profile_names())


def read_profile(path: Path) -> RobotProfile:
    """Read a profile; a relative `model.path` of kind `path` is taken from the folder of the profile.

    Raises:
        ModelError: the file cannot be read, is not TOML, or a key is missing, unknown or of the wrong kind.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: robot profile cannot be read ({reason}); give the path of a profile's TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{path}: not valid TOML ({error}); mend that place") from error
    try:
        profile = RobotProfile.model_validate(table)
    except ValidationError as error:
        raise ModelError(f"{path}: {_explain(error)}") from error
    source = profile.model
    if source.kind == "path" and source.path is not None and not Path(source.path).is_absolute():
        resolved = str((path.parent / source.path).resolve())
        return profile.model_copy(update={"model": source.model_copy(update={"path": resolved})})
    return profile


def _own() -> dict[str, Path]:
    return {path.stem: path for path in _FOLDER.glob("*.toml")}


@cache
def _outside() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="understudy.robots")}


def _from_entry_point(point: EntryPoint) -> RobotProfile:
    loaded: object = point.load()
    if isinstance(loaded, RobotProfile):
        return loaded
    if isinstance(loaded, str | Path):
        return read_profile(Path(loaded))
    raise ModelError(
        f"entry point understudy.robots:{point.name} ({point.value}) gives a {type(loaded).__name__}; "
        "it must be a RobotProfile or the path of a profile's TOML file"
    )


def _explain(error: ValidationError) -> str:
    found = [f"key {'.'.join(str(part) for part in item['loc']) or '(top)'}: {item['msg']}" for item in error.errors()]
    more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
    return "not a robot profile: " + "; ".join(found[:5]) + more
