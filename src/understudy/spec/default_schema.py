"""The schema that `understudy init` starts a dataset with: every standard stream of a humanoid, sized for one robot."""

from __future__ import annotations

from typing import Literal

from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue, MetadataField, Schema
from understudy.spec.schema_text import schema_markdown, schema_toml
from understudy.spec.skeleton import CONTACTS, JOINTS, SIDES
from understudy.spec.stream import Group, Kind, StreamSpec

__all__ = ["default_schema", "schema_markdown", "schema_toml"]

ActionKind = Literal["position", "velocity", "torque"]
XYZ = ("x", "y", "z")
WXYZ = ("qw", "qx", "qy", "qz")
_IMU = (*WXYZ, "gyro_x", "gyro_y", "gyro_z", "accel_x", "accel_y", "accel_z")
_TWIST = ("vx", "vy", "vz", "wx", "wy", "wz")
_WRENCH = ("fx", "fy", "fz", "tx", "ty", "tz")
HEAD_PX, EXTERNAL_PX = (640, 480), (320, 240)
"""Width and height of camera streams: what two cores can draw, encode and record in real time."""
_JOINT_UNITS = {"position": "rad", "velocity": "rad/s", "torque": "N*m"}

GATES: dict[str, dict[str, GateValue]] = {
    "fall": {
        "enabled": True,
        "mode": "evidence",
        "min_height_ratio": 0.5,
        "max_tilt_rad": 0.8,
        "max_descent_m_s": 1.0,
        "max_tilt_alone_rad": 1.4,
    },
    "self_collision": {"enabled": True, "max_penetration_m": 0.005, "hold_s": 0.05},
    "limits": {"enabled": True, "tolerance": 0.05},
    "wrench_spike": {
        "enabled": True,
        "ankle_max_step_n": 600.0,
        "ankle_max_step_nm": 60.0,
        "wrist_max_step_n": 60.0,
        "wrist_max_step_nm": 8.0,
    },
    "retarget": {"enabled": True, "max_infeasible": 0.1, "refuse_infeasible": 0.5},
    "foot_skate": {"enabled": True, "max_skate_m_s": 0.05, "max_height_m": 0.02, "max_slide_m_s": 0.07},
    "foot_height": {"enabled": True, "max_off_m": 0.03},
    "tracking": {"enabled": True, "max_error_rad": 0.2, "max_lag_s": 0.3},
    "teleport": {"enabled": True, "max_jump_rad": 0.15, "max_base_jump_m": 0.1},
    "tremor": {"enabled": True, "max_amplitude_rad": 0.03},
    "velocities": {"enabled": True, "max_share": 0.4},
    "dropped_object": {"enabled": True, "max_drop_m": 0.08, "max_load_n": 5.0},
    "monotone": {"enabled": True},
    "missing_frames": {"enabled": True, "max_missing": 0.02},
    "gaps": {"enabled": True, "max_gap_s": 0.05},
    "skew": {"enabled": True, "max_skew_s": 0.015, "max_drift_s": 0.02},
    "nan": {"enabled": True},
    "lengths": {"enabled": True},
    "images": {"enabled": True},
    "frozen_images": {"enabled": True, "max_still_s": 0.5},
    "frozen_joints": {"enabled": True, "frozen_s": 1.0},
    "constant": {"enabled": True},
    "quaternion_norm": {"enabled": True, "max_norm_error": 0.01},
    "quaternion_order": {"enabled": True},
    "gravity": {"enabled": True},
    "schema_match": {"enabled": True},
    "joint_order": {"enabled": True},
    "units": {"enabled": True},
    "swapped_sides": {"enabled": True},
    "duration": {"enabled": True, "min_s": 0.5, "max_s": 1800.0},
    "truncation": {"enabled": True, "min_share": 0.65, "min_travel": 0.7},
    "duplicates": {"enabled": True, "max_shared": 0.8},
    "source": {"enabled": True},
}
"""Thresholds of the gates that people change; a gate's own defaults hold for the rest (docs/quality.md has all of them)."""


def default_schema(robot: RobotModel, name: str, *, action_kind: ActionKind = "position") -> Schema:
    """Every standard stream, with shapes and names for `robot`; edit the TOML it is written to.

    Args:
        robot: whose joints, mounts and groups it describes.
        name: of the dataset.
        action_kind: what an action commands.
    """
    return Schema(
        name=name,
        robot=robot.name,
        action_kind=action_kind,
        joint_groups={group: joints for group, joints in robot.profile.groups.items() if joints},
        frames=_frames(robot),
        streams=(*_observations(robot), *_actions(robot, action_kind), *_debug(robot)),
        metadata=METADATA,
        gates=GATES,
    )


def _frames(robot: RobotModel) -> dict[str, str]:
    links = robot.profile.links
    frames = {
        "world": "fixed to the floor: z up, floor at z = 0; origin where the take began",
        "pelvis": "origin of the robot's root link, x forward, y left, z up in the home pose",
        "joint": "one value per joint about its own axis, as in robot.json",
    }
    for side in SIDES:
        frames[f"{side}_ankle"] = (
            f"force/torque sensor of the {side} ankle, axes of link {links.get(f'{side}_foot', f'{side} foot')}"
        )
        frames[f"{side}_wrist"] = (
            f"force/torque sensor of the {side} wrist, axes of link {links.get(f'{side}_wrist', f'{side} wrist')}"
        )
    for part in ("pelvis", "torso", "head"):
        mount = robot.profile.imus.get(part) or robot.profile.imus.get(f"imu_{part}")
        link = mount.link if mount else links.get(part, part)
        frames[f"imu_{part}"] = f"inertial sensor on link {link}; its quaternion turns it to axes with z up, yaw free"
    for camera in ("head_left", "head_right"):
        frames[f"{camera}_camera"] = "optical frame: x right, y down, z forward"
    return frames


def _stream(
    group: Group,
    name: str,
    columns: tuple[str, ...],
    unit: str,
    frame: str,
    *,
    kind: Kind = "vector",
    rate_hz: float = 0.0,
    dtype: str = "float64",
    shape: tuple[int, ...] | None = None,
    privileged: bool = False,
    required: bool = False,
) -> StreamSpec:
    shape = (len(columns),) if shape is None else shape
    return StreamSpec(
        name=name,
        group=group,
        names=columns,
        unit=unit,
        frame=frame,
        kind=kind,
        rate_hz=rate_hz,
        dtype=dtype,
        shape=shape,
        privileged=privileged,
        required=required,
    )


def _observations(robot: RobotModel) -> list[StreamSpec]:
    group: Group = "observations"
    joints = robot.joint_names
    return [
        _stream(group, "joint_positions", joints, "rad", "joint", required=True),
        _stream(group, "joint_velocities", joints, "rad/s", "joint", required=True),
        _stream(group, "joint_torques", joints, "N*m", "joint"),
        *(
            _stream(group, f"imu_{part}", _IMU, "1,rad/s,m/s^2", f"imu_{part}", kind="imu", rate_hz=200.0)
            for part in ("pelvis", "torso", "head")
        ),
        *(
            _stream(group, f"wrench_{side}_{part}", _WRENCH, "N,N*m", f"{side}_{part}", rate_hz=200.0)
            for part in ("ankle", "wrist")
            for side in SIDES
        ),
        _stream(group, "gripper", SIDES, "1", "joint", rate_hz=100.0),
        _stream(group, "base_velocity", _TWIST, "m/s,rad/s", "world"),
        _stream(group, "projected_gravity", XYZ, "1", "pelvis"),
        _stream(group, "foot_contact", SIDES, "1", "pelvis", kind="discrete", dtype="bool"),
        *(_camera(group, f"head_{side}", HEAD_PX, frame=f"head_{side}_camera") for side in SIDES),
    ]


def _camera(group: Group, name: str, size_px: tuple[int, int], *, frame: str, privileged: bool = False) -> StreamSpec:
    shape = (size_px[1], size_px[0], 3)
    return _stream(group, name, (), "1", frame, kind="image", rate_hz=30.0, dtype="uint8", shape=shape, privileged=privileged)


def _actions(robot: RobotModel, action_kind: ActionKind) -> list[StreamSpec]:
    group: Group = "actions"
    hands = tuple(f"{side}_{column}" for side in SIDES for column in (*XYZ, *WXYZ))
    target = f"joint_{action_kind}_target"
    return [
        _stream(group, target, robot.joint_names, _JOINT_UNITS[action_kind], "joint", kind="command", required=True),
        _stream(group, "base_velocity_command", ("vx", "vy", "wz"), "m/s,rad/s", "pelvis", kind="command"),
        _stream(group, "base_height_command", (), "m", "world", kind="command", shape=()),
        _stream(group, "control_mode", (), "1", "pelvis", kind="command", dtype="int8", shape=()),
        _stream(group, "ee_pose_target_pelvis", hands, "m,1", "pelvis", kind="command"),
        _stream(group, "head_target", WXYZ, "1", "pelvis", kind="command"),
        _stream(group, "gripper_target", SIDES, "1", "joint", kind="command"),
    ]


def _debug(robot: RobotModel) -> list[StreamSpec]:
    group: Group = "debug"
    joints = robot.joint_names
    hands = tuple(f"{side}_{column}" for side in SIDES for column in (*XYZ, *WXYZ))
    human = tuple(f"{joint}.{axis}" for joint in JOINTS for axis in XYZ)
    ends = tuple(f"{side}_{end}" for end in ("hand", "foot") for side in SIDES)
    flag: Kind = "discrete"
    return [
        _stream(group, "base_pose_world", (*XYZ, *WXYZ), "m,1", "world", kind="pose", privileged=True),
        _stream(group, "com_world", XYZ, "m", "world", privileged=True),
        _stream(group, "human_joints_world", human, "m", "world", shape=(len(JOINTS), 3), privileged=True),
        _stream(group, "human_target_world", human, "m", "world", shape=(len(JOINTS), 3), privileged=True),
        _stream(group, "ee_residual", ends, "m", "world", privileged=True),
        _stream(group, "infeasible", (), "1", "world", kind=flag, dtype="bool", shape=(), privileged=True),
        _stream(group, "source_contact", SIDES, "1", "world", kind=flag, dtype="bool", privileged=True),
        _stream(group, "contacts", CONTACTS, "1", "world", kind=flag, dtype="bool", privileged=True),
        *(_camera(group, f"external_{n}", EXTERNAL_PX, frame="world", privileged=True) for n in range(4)),
        _stream(group, "operator_raw", hands, "m,1", "pelvis"),
        _stream(group, "command_filtered", joints, _JOINT_UNITS["position"], "joint", kind="command"),
        _stream(group, "interventions", joints, "1", "joint", kind=flag, dtype="uint8"),
        _stream(group, "balance_status", (), "1", "pelvis", kind=flag, dtype="int8", shape=()),
        _stream(group, "object_poses_world", (*XYZ, *WXYZ), "m,1", "world", kind="pose", privileged=True),
        _stream(group, "goal", XYZ, "m", "world", privileged=True),
        _stream(group, "task_success", (), "1", "world", kind=flag, dtype="bool", shape=(), privileged=True),
    ]


def _text(description: str, *, required: bool = False, allowed: tuple[str, ...] = ()) -> MetadataField:
    return MetadataField(type="string", required=required, allowed=allowed, description=description)


METADATA: dict[str, MetadataField] = {
    "task_id": _text("the task; also the folder under episodes/", required=True),
    "demonstrator_id": _text("who moved, as a code, never a name", required=True),
    "motion_source": _text(
        "where the motion came from", required=True, allowed=("mocap", "synthetic", "teleop", "simulation", "video")
    ),
    "language_instruction": _text("what the robot is told to do, one sentence", required=True),
    "quality_rating": MetadataField(type="number", required=False, description="0 to 1, a person's or the scores' rating"),
    "clip": _text("stem of the motion file it was retargeted from"),
    "mirror_of": _text("clip whose left and right were exchanged to make this one"),
    "parent_id": _text("episode that this one was edited from"),
    "terrain": _text("what the robot walked on: flat, slope, stairs, rough, ..."),
    "warnings": _text("JSON list: what the steps that made it noticed"),
    "source_path": _text("motion file as the user named it"),
    "source_sha256": _text("hash of the motion file"),
    "source_format": _text("reader of the motion file"),
    "source_dialect": _text("naming scheme of the motion file"),
    "source_rate_hz": MetadataField(type="number", required=False, description="frames per second of the motion file"),
}
"""Standard metadata. Fields whose names begin with `source_`, `retarget_`, `record_` or `simulate_` need no entry."""
