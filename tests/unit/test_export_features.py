"""Which streams become features, and their values at the export's rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import simplejpeg

from understudy.errors import ExportError, JointOrderError, UnknownNameError
from understudy.export._features import POSITIONS, export_grid, picture_runs, plan_cameras, plan_features, sample
from understudy.export._plan import plan_export
from understudy.geom.arrays import F32, F64
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode, even_timeline
from understudy.spec.protocols import ExportOptions
from understudy.spec.stream import Stream, StreamSpec
from understudy.testing.episodes import make_episode, with_data, with_stream, without
from understudy.testing.export import with_camera, with_shuffled_joints
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")
ACTION = "actions/joint_position_target"


def ramp(derived: str = "next_state") -> Episode:
    """Joint j is at (1 + j) * t radians: 120 Hz positions over one second, targets at 50 Hz."""
    episode = make_episode(ROBOT, duration_s=1.0)
    slope = 1.0 + np.arange(ROBOT.dof)
    q = episode.stream(POSITIONS).t_ns[:, None] * 1e-9 * slope
    episode = with_data(episode, POSITIONS, q)
    t_s = episode.timeline_ns * 1e-9
    target = np.append(t_s[1:], t_s[-1])[:, None] * slope
    return with_stream(episode, replace(episode.stream(ACTION), values=target, derived=derived))


def values(episode: Episode, name: str, fps: float) -> F32:
    feature = next(f for f in plan_features(SCHEMA, ROBOT, set(episode.streams)) if f.name == name)
    return sample(episode, feature, export_grid(episode, fps), robot=ROBOT, control_rate_hz=50.0, fps=fps)


def seconds(fps: float) -> F64:
    return np.arange(int(fps) + 1) / fps


def test_features_and_their_streams() -> None:
    episode = make_episode(ROBOT, duration_s=0.5)
    features = plan_features(SCHEMA, ROBOT, set(episode.streams))
    assert {f.name: f.spec.key for f in features} == {
        "observation.state": "observations/joint_positions",
        "action": "actions/joint_position_target",
        "observation.velocity": "observations/joint_velocities",
        "observation.base_velocity": "observations/base_velocity",
        "observation.projected_gravity": "observations/projected_gravity",
        "observation.foot_contact": "observations/foot_contact",
    }
    assert [f.name for f in features[:2]] == ["observation.state", "action"]
    assert features[0].names == features[1].names == ROBOT.joint_names


def test_debug_streams_are_never_features() -> None:
    keys = {f.spec.group for f in plan_features(SCHEMA, ROBOT, {s.key for s in SCHEMA.streams})}
    assert keys == {"observations", "actions"}


def test_streams_that_the_schema_does_not_declare_are_no_features() -> None:
    extra = StreamSpec(name="secret", group="observations", shape=(2,), frame="pelvis")
    episode = with_stream(make_episode(ROBOT, duration_s=0.5), Stream(extra, np.array([0, 1]), np.zeros((2, 2))))
    assert "observation.secret" not in {f.name for f in plan_features(SCHEMA, ROBOT, set(episode.streams))}


@pytest.mark.parametrize("fps", [50.0, 25.0, 10.0])
def test_state_is_interpolated_at_each_frame(fps: float) -> None:
    state = values(ramp(), "observation.state", fps)
    np.testing.assert_allclose(state[:, 3], 4.0 * seconds(fps), atol=1e-6)


@pytest.mark.parametrize("fps", [50.0, 25.0, 10.0])
def test_next_state_action_is_the_state_one_frame_later(fps: float) -> None:
    state, action = (values(ramp(), name, fps) for name in ("observation.state", "action"))
    np.testing.assert_allclose(action[:-1], state[1:], atol=1e-6)
    np.testing.assert_allclose(action[-1], state[-1], atol=1e-6)


def test_next_state_after_the_last_frame_is_the_end_of_the_take() -> None:
    """At 30 frames/s the last frame of 0.98 s is at 0.9667 s; what comes next ends at 0.98 s, not at 1.0 s."""
    episode = ramp()
    cut = replace(episode, timeline_ns=episode.timeline_ns[:50])
    np.testing.assert_allclose(values(cut, "action", 30.0)[-1, 0], 0.98, atol=1e-6)


def test_a_commanded_action_is_the_one_in_force() -> None:
    """Targets at 0.00, 0.02, ... s; frame 1 of 40 frames/s is at 0.025 s, where the one of 0.02 s is in force."""
    episode = ramp(derived="")
    at = [0.00, 0.02, 0.04, 0.06, 0.10]
    want = [episode.data(ACTION)[round(t * 50), 0] for t in at]
    np.testing.assert_allclose(values(episode, "action", 40.0)[:5, 0], want, atol=1e-6)


def test_flags_are_zero_and_one() -> None:
    episode = make_episode(ROBOT, duration_s=0.5)
    contact = np.zeros((len(episode.stream("observations/foot_contact")), 2), dtype=np.bool_)
    contact[:, 1] = True
    got = values(with_data(episode, "observations/foot_contact", contact), "observation.foot_contact", 50.0)
    assert got.dtype == np.float32
    assert np.all(got == [0.0, 1.0])


@pytest.mark.parametrize("key", [POSITIONS, ACTION])
def test_columns_are_found_by_name(key: str) -> None:
    name = "action" if key == ACTION else "observation.state"
    np.testing.assert_array_equal(values(with_shuffled_joints(ramp(), key), name, 50.0), values(ramp(), name, 50.0))


def test_columns_of_other_vectors_are_found_by_name() -> None:
    episode = make_episode(ROBOT, duration_s=0.5)
    stream = episode.stream("observations/projected_gravity")
    turned = replace(stream, spec=stream.spec.model_copy(update={"names": ("z", "x", "y")}), values=stream.data[:, [2, 0, 1]])
    name = "observation.projected_gravity"
    np.testing.assert_array_equal(values(with_stream(episode, turned), name, 50.0), values(episode, name, 50.0))


def test_unknown_columns_are_refused() -> None:
    episode = make_episode(ROBOT, duration_s=0.5)
    stream = episode.stream("observations/projected_gravity")
    odd = replace(stream, spec=stream.spec.model_copy(update={"names": ("a", "b", "c")}))
    with pytest.raises(ExportError, match="projected_gravity"):
        values(with_stream(episode, odd), "observation.projected_gravity", 50.0)


def test_a_joint_of_another_robot_is_named() -> None:
    stream = ramp().stream(POSITIONS)
    odd = replace(stream, spec=stream.spec.model_copy(update={"names": ("tail", *ROBOT.joint_names[1:])}))
    with pytest.raises(JointOrderError, match="tail"):
        values(with_stream(ramp(), odd), "observation.state", 50.0)


@pytest.mark.parametrize("key", [POSITIONS, ACTION])
def test_a_set_without_state_or_action_is_refused(key: str) -> None:
    with pytest.raises(ExportError, match=key):
        plan_features(SCHEMA, ROBOT, set(without(ramp(), key).streams))


def plan_of(*episodes: Episode, options: ExportOptions | None = None) -> tuple[set[str], tuple[str, ...]]:
    plan = plan_export(episodes, ROBOT, SCHEMA, options or ExportOptions())
    return {f.name for f in plan.features}, plan.warnings


def test_a_stream_that_one_episode_lacks_is_left_out_with_a_warning() -> None:
    whole = make_episode(ROBOT, duration_s=0.5, seed=1)
    names, warnings = plan_of(without(make_episode(ROBOT, duration_s=0.5), "observations/base_velocity"), whole)
    assert "observation.base_velocity" not in names
    assert any("observations/base_velocity" in w for w in warnings)


def test_an_id_that_comes_twice_is_refused() -> None:
    with pytest.raises(ExportError, match="twice"):
        plan_of(ramp(), ramp())


def test_cameras_that_are_asked_for_and_unknown_ones() -> None:
    episode = with_camera(make_episode(ROBOT, duration_s=0.5))
    keys = set(episode.streams)
    assert [c.name for c in plan_cameras(SCHEMA, keys, None)] == ["observation.images.head_left"]
    assert plan_cameras(SCHEMA, keys, ()) == ()
    with pytest.raises(UnknownNameError, match="head_left"):
        plan_cameras(SCHEMA, keys, ("head_lefd",))


def test_each_frame_shows_the_newest_image_known_then() -> None:
    """30 Hz images on 50 Hz frames: 0, 0, 1, 1, 2, 3, 3, 4, 4 ... by hand from floor(30 k / 50)."""
    episode = with_camera(make_episode(ROBOT, duration_s=0.5))
    camera = plan_cameras(SCHEMA, set(episode.streams), None)[0]
    stream = episode.stream(camera.spec.key)
    grid = even_timeline(0, 180_000_000, 50.0)
    shown = [picture for picture, times in picture_runs(episode, camera, grid) for _ in range(times)]
    wanted = [simplejpeg.decode_jpeg(stream.data[i]) for i in (0, 0, 1, 1, 2, 3, 3, 4, 4, 5)]
    assert len({picture.tobytes() for picture in wanted}) == 6
    assert all(np.array_equal(a, b) for a, b in zip(shown, wanted, strict=True))
