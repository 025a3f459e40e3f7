"""The schema a dataset starts with, and its TOML."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import SchemaError
from understudy.kinematics.load import load_robot, robot_names
from understudy.spec.default_schema import ActionKind, default_schema
from understudy.spec.schema import GateValue, MetadataField, Schema, TaskRules, parse_schema
from understudy.spec.schema_text import schema_markdown, schema_toml
from understudy.spec.stream import Group, Kind, StreamSpec
from understudy.testing.stand_in import stand_in_robot

STANDARD = {
    "observations": {
        "joint_positions", "joint_velocities", "joint_torques", "imu_pelvis", "imu_torso", "imu_head", "wrench_left_ankle",
        "wrench_right_ankle", "wrench_left_wrist", "wrench_right_wrist", "gripper", "base_velocity", "projected_gravity",
        "foot_contact", "head_left", "head_right",
    },
    "actions": {
        "joint_position_target", "base_velocity_command", "base_height_command", "control_mode", "ee_pose_target_pelvis",
        "head_target", "gripper_target",
    },
    "debug": {
        "base_pose_world", "com_world", "human_joints_world", "human_target_world", "ee_residual", "infeasible", "source_contact",
        "contacts", "operator_raw", "command_filtered", "interventions", "balance_status", "object_poses_world", "goal",
        "task_success",
    },
}  # fmt: skip


def schema() -> Schema:
    return default_schema(stand_in_robot(), "kitchen")


@pytest.mark.parametrize("group", sorted(STANDARD))
def test_every_standard_stream_is_declared(group: str) -> None:
    found = {spec.name for spec in schema().streams if spec.group == group}
    assert found >= STANDARD[group]


def test_joint_streams_have_the_robots_joints_in_order() -> None:
    robot = stand_in_robot()
    joints = [s for s in schema().streams if s.name in ("joint_positions", "joint_velocities", "joint_position_target")]
    assert len(joints) == 3
    for spec in joints:
        assert spec.names == robot.joint_names
        assert spec.shape == (29,)


def test_human_joints_are_23_points_named_by_joint_and_axis() -> None:
    spec = schema().stream("debug/human_joints_world")
    assert spec.shape == (23, 3)
    assert spec.names[:4] == ("pelvis.x", "pelvis.y", "pelvis.z", "spine.x")


def test_every_frame_of_a_stream_is_explained() -> None:
    made = schema()
    assert {spec.frame for spec in made.streams} <= set(made.frames)


@pytest.mark.parametrize(("kind", "unit"), [("position", "rad"), ("velocity", "rad/s"), ("torque", "N*m")])
def test_action_kind_names_the_action_stream_and_its_unit(kind: ActionKind, unit: str) -> None:
    spec = default_schema(stand_in_robot(), "x", action_kind=kind).stream(f"actions/joint_{kind}_target")
    assert spec.unit == unit
    assert spec.required


def test_toml_round_trip_is_exact() -> None:
    made = schema()
    assert parse_schema(schema_toml(made), where="test") == made


def test_toml_explains_itself() -> None:
    text = schema_toml(schema())
    assert text.startswith("#")
    assert sum(line.startswith("#") for line in text.splitlines()) >= 12
    assert max(len(line) for line in text.splitlines()) <= 130
    tomllib.loads(text)


texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=12)
values: st.SearchStrategy[GateValue] = st.one_of(st.booleans(), st.floats(allow_nan=False), texts)


@settings(deadline=None, max_examples=40)
@given(name=texts, frames=st.dictionaries(names, texts, max_size=3), gates=st.dictionaries(names, values, max_size=3), task=names)
def test_toml_round_trip_of_any_text(name: str, frames: dict[str, str], gates: dict[str, GateValue], task: str) -> None:
    rules = TaskRules(low_pelvis=True, gates={"fall": gates})
    fields = {task: MetadataField(type="number", required=False, allowed=(name,), description=name)}
    changed = {"name": name, "frames": frames, "gates": {"g": gates}, "tasks": {task: rules}, "metadata": fields}
    made = schema().model_copy(update=changed)
    assert parse_schema(schema_toml(made), where="test") == made


def _privileged() -> list[tuple[StreamSpec, str]]:
    def spec(name: str, frame: str = "pelvis", kind: Kind = "vector", privileged: bool = False) -> StreamSpec:
        group: Group = "observations"
        return StreamSpec(name=name, group=group, shape=(3,), frame=frame, kind=kind, privileged=privileged)

    return [
        (spec("base_pose_world"), "world pose of the base"),
        (spec("com_world"), "position in the world"),
        (spec("human_joints_world"), "motion capture of the person"),
        (spec("object_poses_world"), "poses of objects"),
        (spec("external_0", kind="image"), "external camera"),
        (spec("markers"), "motion capture markers"),
        (spec("marker_left_hand"), "motion capture markers"),
        (spec("human_hands"), "motion capture of the person"),
        (spec("anything", frame="world"), "frame 'world'"),
        (spec("anything", privileged=True), "marked privileged"),
    ]


@pytest.mark.parametrize(("spec", "reason"), _privileged(), ids=lambda v: v.name if isinstance(v, StreamSpec) else "")
def test_a_privileged_stream_is_refused_under_observations_with_the_reason(spec: StreamSpec, reason: str) -> None:
    made = schema()
    text = schema_toml(made.model_copy(update={"streams": (*made.streams, spec)}))
    with pytest.raises(SchemaError, match=rf"schema.toml: .*{spec.key}.*{reason}.*debug"):
        parse_schema(text, where="schema.toml")


def test_the_same_stream_is_fine_under_debug_and_base_velocity_under_observations() -> None:
    made = schema()
    assert made.stream("debug/base_pose_world").privileged
    assert made.stream("observations/base_velocity").frame == "world"


def test_every_privileged_default_stream_would_be_refused_as_observation() -> None:
    made = schema()
    for spec in made.streams:
        if spec.privileged:
            moved = spec.model_copy(update={"group": "observations"})
            with pytest.raises(SchemaError, match="deployed policy"):
                parse_schema(schema_toml(made.model_copy(update={"streams": (*made.streams, moved)})), where="x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("control_rate_hz = 50.0", "control_rate_hz = 0"), "control_rate_hz"),
        (('unit = "rad"', 'units = "rad"'), "units"),
        (('name = "joint_velocities"', 'name = "joint_positions"'), "declared twice"),
        (("shape = [29]", "shape = [28]"), "29 names for shape"),
        (("[[streams]]", "[[streams"), "not valid TOML"),
        (("{clip}_{task8}", "{clip}"), "naming: retargeted is '{clip}'; .*{task8} makes names unique"),
        (("{clip}_{task8}", "{clip}_{task8}_{subject}"), "its fields may be {clip}, {task8}"),
        (("{clip}_{task8}", "{clip}_{task8"), "naming: "),
    ],
)
def test_a_wrong_schema_says_where(change: tuple[str, str], message: str) -> None:
    text = schema_toml(schema())
    assert change[0] in text
    with pytest.raises(SchemaError, match=rf"my/schema.toml: .*{message}"):
        parse_schema(text.replace(*change, 1), where="my/schema.toml")


def test_the_page_names_every_stream_field_gate_and_frame() -> None:
    made = schema()
    page = schema_markdown(made)
    for name in [*(s.name for s in made.streams), *made.metadata, *made.gates, *made.frames, *made.joint_groups]:
        assert f"`{name}`" in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_camera_streams_are_what_two_cores_can_draw_in_real_time() -> None:
    for name in robot_names():
        streams = {spec.name: spec for spec in default_schema(load_robot(name), "x").streams if spec.kind == "image"}
        assert {streams[f"head_{side}"].shape for side in ("left", "right")} == {(480, 640, 3)}
        assert {streams[f"external_{n}"].shape for n in range(4)} == {(240, 320, 3)}
