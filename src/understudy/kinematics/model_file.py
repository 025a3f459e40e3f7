"""The model file behind a profile: where it lies, its text with absolute mesh paths, its hash."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from understudy.errors import MissingDependencyError, ModelError
from understudy.kinematics.figures import figures_urdf
from understudy.spec.robot import RobotProfile


@dataclass(frozen=True)
class ModelFile:
    """A URDF or MJCF as it goes to a parser.

    Attributes:
        kind: `urdf` or `mjcf`.
        path: the file; None for figures.
        text: its text; in a URDF every mesh path is absolute.
        sha256: hash of the file's bytes, or of the figures.
    """

    kind: str
    path: Path | None
    text: str
    sha256: str

    @property
    def where(self) -> str:
        """Name for messages."""
        return str(self.path) if self.path is not None else "figures"


def model_file(profile: RobotProfile) -> ModelFile:
    """Find and read the model of a profile.

    Raises:
        MissingDependencyError: the package that holds it is not installed.
        ModelError: the file is missing, is not XML, or a mesh it names is absent.
    """
    if profile.model.kind == "figures":
        if profile.figures is None:
            raise ModelError(f"{profile.name}: key model.kind is 'figures' but the profile has no [figures]; add them")
        figures = profile.figures.model_dump_json()
        return ModelFile("urdf", None, figures_urdf(profile), hashlib.sha256(figures.encode()).hexdigest())
    return read_model_file(_locate(profile))


def read_model_file(path: Path) -> ModelFile:
    """Read a URDF or MJCF file and make its mesh paths absolute.

    Raises:
        ModelError: the file is missing, is not a robot, or a mesh it names is absent.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: model file cannot be read ({error.strerror}); give the path of a URDF or MJCF file") from error
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ModelError(f"{path}: it declares a document type, which can make a small file huge; remove the declaration")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ModelError(f"{path}: not XML ({error}); a URDF or MJCF file is needed") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if root.tag == "robot":
        _absolute_meshes(root, path)
        return ModelFile("urdf", path, ElementTree.tostring(root, encoding="unicode"), sha256)
    if root.tag == "mujoco":
        _check_mjcf_meshes(root, path)
        return ModelFile("mjcf", path, data.decode("utf-8", errors="replace"), sha256)
    raise ModelError(f"{path}: the root element is <{root.tag}>; <robot> (URDF) or <mujoco> (MJCF) is needed")


def _locate(profile: RobotProfile) -> Path:
    source = profile.model
    if source.kind == "package" and source.package and source.path:
        try:
            distribution = importlib.metadata.distribution(source.package)
        except importlib.metadata.PackageNotFoundError:
            raise MissingDependencyError(
                f"{profile.name}: the model lies in the package {source.package}, which is not installed; "
                f"`pip install {source.package}`"
            ) from None
        return Path(str(distribution.locate_file(source.path))).resolve()
    if source.kind == "path" and source.path:
        return Path(source.path).expanduser()
    if source.kind == "robot_descriptions" and source.name:
        return _from_robot_descriptions(profile.name, source.name)
    raise ModelError(
        f"{profile.name}: key model: kind {source.kind!r} is unknown or lacks its fields; allowed are "
        "package (package, path), path (path), robot_descriptions (name), figures"
    )


def _from_robot_descriptions(robot: str, name: str) -> Path:
    try:
        module = importlib.import_module(f"robot_descriptions.{name}")
    except ModuleNotFoundError as error:
        if error.name == "robot_descriptions":
            raise MissingDependencyError(f"{robot}: needs `pip install robot_descriptions` (it downloads the model)") from None
        raise ModelError(f"{robot}: robot_descriptions has no model {name!r}; see its list of names") from error
    path = getattr(module, "URDF_PATH", None) or getattr(module, "MJCF_PATH", None)
    if path is None:
        raise ModelError(f"{robot}: robot_descriptions.{name} offers neither a URDF nor an MJCF")
    return Path(str(path))


def _absolute_meshes(root: ElementTree.Element, path: Path) -> None:
    absent = []
    for mesh in root.iter("mesh"):
        name = mesh.get("filename", "")
        found = _find_mesh(name, path)
        if found is None:
            absent.append(name)
        else:
            mesh.set("filename", str(found))
    _refuse_absent(absent, path)


def _find_mesh(name: str, path: Path) -> Path | None:
    if name.startswith("package://"):
        package, _, rest = name.removeprefix("package://").partition("/")
        for folder in path.resolve().parents:
            for candidate in (folder / package / rest, folder / rest):
                if candidate.is_file():
                    return candidate
        return None
    candidate = (path.resolve().parent / name.removeprefix("file://")).resolve()
    return candidate if candidate.is_file() else None


def _check_mjcf_meshes(root: ElementTree.Element, path: Path) -> None:
    compiler = root.find("compiler")
    attributes = compiler.attrib if compiler is not None else {}
    folder = path.resolve().parent / attributes.get("meshdir", attributes.get("assetdir", ""))
    names = [mesh.get("file") for mesh in root.iter("mesh")]
    _refuse_absent([name for name in names if name and not (folder / name).is_file()], path)


def _refuse_absent(absent: list[str], path: Path) -> None:
    if absent:
        listed = ", ".join(sorted(set(absent))[:3])
        raise ModelError(
            f"{path}: {len(set(absent))} mesh file(s) named in it are absent: {listed}; "
            "put them beside the model or use a complete one"
        )
