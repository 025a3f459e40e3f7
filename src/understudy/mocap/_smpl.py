"""The skeleton of the SMPL family (SMPL, SMPL-H, SMPL-X): joint tree, rest joints of a body model, positions from poses.

Source: Loper et al., "SMPL: A Skinned Multi-Person Linear Model", ACM TOG 34 (2015), eq. 2 to 4 and 10: rest joints are
J (T + S b), with the joint regressor J, the template T, the shape directions S and the shape b.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, AnyArray
from understudy.geom.rotations import quat_to_matrix, rotvec_to_quat
from understudy.mocap._hand_model import has_tips, model_hand
from understudy.spec.skeleton import SIDES

BODY: tuple[str, ...] = (
    "Pelvis", "L_Hip", "R_Hip", "Spine1", "L_Knee", "R_Knee", "Spine2", "L_Ankle", "R_Ankle", "Spine3", "L_Foot", "R_Foot",
    "Neck", "L_Collar", "R_Collar", "Head", "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist",
)  # fmt: skip
"""The 22 joints that every model of the family begins with."""
NODES: tuple[str, ...] = (*BODY, "L_Hand", "R_Hand")
"""The joints that are read: the body, and the middle knuckles (SMPL: the hand joint)."""
PARENTS: I64 = np.array([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21])

MODELS: dict[str, tuple[int, int, int]] = {"smpl": (24, 22, 23), "smplh": (52, 25, 40), "smplx": (55, 28, 43)}
"""Model to its number of joints and its left and right hand node: the hand joint of SMPL, else the middle finger's first."""
MAX_VERTICES, MAX_SHAPES = 50_000, 1000


def model_of(joints: int) -> str | None:
    """Which model has so many joints."""
    return next((name for name, (count, _, _) in MODELS.items() if count == joints), None)


def positions(rest: F64, rotvec_rad: F64, trans: F64) -> F64:
    """Joint positions of a body.

    Args:
        rest: (24, 3) rest joints of `NODES`, metres.
        rotvec_rad: (T, 22, 3) rotation vectors of `BODY`, each in the axes of its parent, the root's in the world.
        trans: (T, 3) translation, metres.

    Returns:
        (T, 24, 3) positions; the root lies at its rest place plus the translation, whatever its rotation.
    """
    rot = rotations(rotvec_rad)
    out = np.empty((len(trans), len(NODES), 3))
    out[:, 0] = rest[0] + trans
    for k, parent in enumerate(PARENTS[1:], start=1):
        out[:, k] = out[:, parent] + rot[:, parent] @ (rest[k] - rest[parent])
    return out


def rotations(rotvec_rad: F64) -> F64:
    """(T, 22, 3, 3) rotations of `BODY` from the rest pose to the world, from rotation vectors (T, 22, 3)."""
    local = quat_to_matrix(rotvec_to_quat(rotvec_rad))
    for k, parent in enumerate(PARENTS[1 : len(BODY)], start=1):
        local[:, k] = local[:, parent] @ local[:, k]
    return local


def rest_joints(model: Mapping[str, AnyArray], betas: F64, where: str) -> tuple[str, F64]:
    """Which model it is, and its rest joints for a shape.

    Args:
        model: `v_template` (V, 3), `J_regressor` (J, V) and, for a shape, `shapedirs` (V, 3, S).
        betas: (B,) the shape; what the model has no direction for is left out.
        where: name of the model file, for messages.

    Returns:
        name of `MODELS`, and (24, 3) joints of `NODES`, metres, x left, y up, z forward.

    Raises:
        MocapError: an array is missing or of another shape.
    """
    name, joints, _ = shaped(model, betas, where)
    _, left, right = MODELS[name]
    return name, np.asarray(joints[[*range(len(BODY)), left, right]])


def rest_hands(model: Mapping[str, AnyArray], betas: F64, where: str) -> F64 | None:
    """(2, 21, 3) rest joints of a model's left and right hand, order `HAND_JOINTS`; None for one without fingers.

    Raises:
        MocapError: as `rest_joints`.
    """
    name, joints, vertices = shaped(model, betas, where)
    kinds = [f"{name}_{side}" for side in SIDES]
    if not all(has_tips(model, kind) for kind in kinds):
        return None
    return np.stack([model_hand(joints, vertices, kind) for kind in kinds])


def shaped(model: Mapping[str, AnyArray], betas: F64, where: str) -> tuple[str, F64, F64]:
    """Which model it is, all its rest joints (J, 3) and its vertices (V, 3) for a shape; as `rest_joints`."""
    vertices = _array(model, "v_template", where)
    regressor = _array(model, "J_regressor", where)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not 0 < len(vertices) <= MAX_VERTICES:
        raise MocapError(f"{where}: v_template has shape {vertices.shape}; (vertices, 3) is needed")
    name = model_of(len(regressor)) if regressor.ndim == 2 else None
    if name is None or regressor.shape[1] != len(vertices):
        counts = ", ".join(f"{count} ({name.upper()})" for name, (count, _, _) in MODELS.items())
        raise MocapError(f"{where}: J_regressor has shape {regressor.shape}; joints must be {counts}, columns {len(vertices)}")
    shape = np.asarray(betas, dtype=np.float64).reshape(-1)
    if np.any(shape != 0.0):
        directions = _array(model, "shapedirs", where)
        if directions.ndim != 3 or directions.shape[:2] != vertices.shape or directions.shape[2] > MAX_SHAPES:
            raise MocapError(f"{where}: shapedirs has shape {directions.shape}; ({len(vertices)}, 3, shapes) is needed")
        used = min(len(shape), directions.shape[2])
        vertices = vertices + directions[:, :, :used] @ shape[:used]
    return name, np.asarray(regressor @ vertices), vertices


def _array(model: Mapping[str, AnyArray], name: str, where: str) -> F64:
    if name not in model:
        raise MocapError(f"{where}: no {name}: not a body model of the SMPL family (found {', '.join(sorted(model)[:10])})")
    found = np.asarray(model[name])
    if found.dtype.kind not in "fiu" or not bool(np.isfinite(found).all()):
        raise MocapError(f"{where}: {name} is {found.dtype}; finite numbers are needed")
    return np.asarray(found, dtype=np.float64)
