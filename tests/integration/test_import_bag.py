"""ROS 2 bags and MCAP files become episodes: values by name, raw stamps kept, gates pass; wrong ones say what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

pytest.importorskip("rosbags", reason="python -m pip install 'understudy[ros]'")

from understudy.apps.cli._main import main
from understudy.devices.messages.mapping import parse_mapping
from understudy.export.mcap import McapExporter
from understudy.kinematics.load import load_robot
from understudy.pipeline.bags.ros2_bag import open_bag
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.spec.sample import NO_STAMP
from understudy.store.dataset import Dataset
from understudy.testing.bags import (
    DELAY_NS,
    HEIGHT,
    IMU_PELVIS,
    JOINT_STATE,
    ONLY_JOINTS,
    PLAIN,
    POSITIONS,
    T0_NS,
    WIDTH,
    Written,
    bags_of_both_storages,
    changed_bag,
    gathered,
    later,
    mapping_text,
    standing,
    standing_messages,
    sway_rate,
    write_bag,
    write_json_mcap,
    write_ros_mcap,
)
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.export import picture
from understudy.testing.messages import joint_state, low_state

ROBOT = load_robot("unitree_g1")
SCHEMA = default_schema(ROBOT, "test")
VELOCITIES = "observations/joint_velocities"


def imported(tmp_path: Path, source: Path, text: str, *options: str) -> Episode:
    """The episode of a source, through the command."""
    mapping = tmp_path / "map.toml"
    mapping.write_text(text)
    container = "bag" if source.is_dir() or source.suffix == ".db3" else "mcap"
    arguments = ["import", container, str(source), str(tmp_path / "data"), "--robot", "unitree_g1", "--mapping", str(mapping)]
    assert main([*arguments, "--task", "stand", *options]) == 0
    dataset = Dataset.open(tmp_path / "data")
    return dataset.read(dataset.refs("all")[-1].id)


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bags_of_both_storages(tmp_path_factory.mktemp("bags"), ROBOT)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_proposed_mapping_imports_the_bag_and_the_gates_pass(
    bags: Path, storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "bag", str(bags / storage), "--robot", "unitree_g1", "--propose"]) == 0
    text = capsys.readouterr().out
    episode = imported(tmp_path, bags / storage, text)
    assert episode.id == "20251120T005320_bag_0"
    steps = len(episode.timeline_ns)
    assert steps == 100  # 1.995 s at 50 Hz
    q = np.stack([standing(ROBOT, t * 1e-9) for t in episode.stream(POSITIONS).t_ns])
    assert np.allclose(episode.data(POSITIONS), q, rtol=0, atol=1e-15)
    rates = np.stack([sway_rate(ROBOT, t * 1e-9) for t in episode.stream(VELOCITIES).t_ns])
    assert np.allclose(episode.data(VELOCITIES), rates, rtol=0, atol=1e-15)
    assert episode.stream("actions/joint_position_target").derived == "next_state"
    raw = episode.stream(POSITIONS).extra
    assert np.array_equal(raw["t_device_ns"], T0_NS + episode.stream(POSITIONS).t_ns)
    assert np.array_equal(raw["t_arrival_ns"], episode.stream(POSITIONS).t_ns + DELAY_NS)
    clock = json.loads(str(episode.metadata["record_clock_header"]))
    assert clock["streams"] == sorted(k for k, s in episode.streams.items() if not s.derived)
    assert np.array_equal(raw["t_device_ns"] + clock["pieces"][0]["offset_ns"], episode.stream(POSITIONS).t_ns)
    assert np.array_equal(raw["seq"], np.arange(400))
    assert raw["valid"].all()
    head = episode.stream("observations/head_left")
    assert (head.spec.shape, head.spec.rate_hz) == ((HEIGHT, WIDTH, 3), 20.0)
    image = simplejpeg.decode_jpeg(head.data[3], colorspace="RGB")
    assert np.abs(image.astype(int) - picture(3, width=WIDTH, height=HEIGHT)).mean() < 3
    assert episode.metadata["record_anchor_wall_ns"] == T0_NS
    assert episode.metadata["source_format"] == f"rosbag2_{storage}"
    assert main(["check", str(tmp_path / "data")]) == 0


def test_both_storages_give_the_same_streams(bags: Path) -> None:
    one, two = (gathered(bags / storage, PLAIN, ROBOT) for storage in ("mcap", "sqlite3"))
    for key in (POSITIONS, IMU_PELVIS):
        for column in ("t_ns", "t_device_ns", "t_arrival_ns", "seq", "values"):
            assert np.array_equal(getattr(one.streams[key], column), getattr(two.streams[key], column))


def test_a_bag_without_its_metadata_and_in_several_files(bags: Path, tmp_path: Path) -> None:
    for storage, suffix in (("mcap", ".mcap"), ("sqlite3", ".db3")):
        folder = tmp_path / storage
        folder.mkdir()
        shutil.copy(bags / storage / f"{storage}{suffix}", folder / f"bag_0{suffix}")
        assert len(gathered(folder, PLAIN, ROBOT).streams[POSITIONS].t_ns) == 400
        assert len(gathered(folder / f"bag_0{suffix}", PLAIN, ROBOT).streams[POSITIONS].t_ns) == 400
    late = [
        replace(m, log_ns=m.log_ns + 10**10, values=later(m.values, 10**10)) for m in standing_messages(ROBOT, duration_s=0.5)
    ]
    write_bag(tmp_path / "late", late)
    shutil.copy(tmp_path / "late" / "late.mcap", tmp_path / "mcap" / "bag_10.mcap")
    shutil.copy(tmp_path / "late" / "late.mcap", tmp_path / "mcap" / "bag_2.mcap")
    assert open_bag(tmp_path / "mcap").files[-1].name == "bag_10.mcap"
    (tmp_path / "mcap" / "bag_2.mcap").unlink()
    assert len(gathered(tmp_path / "mcap", PLAIN, ROBOT).streams[POSITIONS].t_ns) == 500


def test_running_again_imports_nothing_twice(bags: Path, tmp_path: Path) -> None:
    for _ in range(2):
        imported(tmp_path, bags / "mcap", PLAIN)
    assert len(Dataset.open(tmp_path / "data").refs("all")) == 1
    shutil.rmtree(tmp_path / "data" / "manifests")  # killed between the episode and its manifest
    imported(tmp_path, bags / "mcap", PLAIN)
    assert len(Dataset.open(tmp_path / "data").refs("all")) == 1


def test_stretches_become_episodes_of_their_own(bags: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("clip,task,start_s,end_s\nmcap,stand,0,0.5\nmcap,stand,1.0,1.5\nmcap,sway,1.4,1.9\n")
    imported(tmp_path, bags / "mcap", PLAIN, "--labels", str(labels), "--demonstrator", "d1", "--instruction", "stand")
    dataset = Dataset.open(tmp_path / "data")
    episodes = [dataset.read(ref.id) for ref in dataset.refs("all")]
    assert sorted(e.id for e in episodes) == ["20251120T005320_bag_0", "20251120T005321_bag_0", "20251120T005321_bag_1"]
    assert [round(e.duration_s, 2) for e in episodes] == [0.5, 0.5, 0.5]
    assert {str(e.metadata["task_id"]) for e in episodes} == {"stand", "sway"}
    assert np.allclose(episodes[1].data(POSITIONS)[0], standing(ROBOT, 1.0))


def test_units_renames_and_clocks(tmp_path: Path) -> None:
    def messages() -> Iterator[Written]:
        for i in range(100):
            t_ns = T0_NS + i * 10_000_000
            named = {
                name.removesuffix("_joint"): float(np.rad2deg(q))
                for name, q in zip(ROBOT.joint_names, standing(ROBOT, i / 100), strict=True)
            }
            yield Written("/js", JOINT_STATE, t_ns + DELAY_NS, joint_state(t_ns, {**named, "gripper": 1.0}))

    write_bag(tmp_path / "bag", messages())
    renames = ", ".join(f'{name.removesuffix("_joint")} = "{name}"' for name in ROBOT.joint_names)
    more = f'unit = "deg"\nignore = ["gripper"]\nrename = {{ {renames} }}'
    for clock, first_ns in (("header", T0_NS), ("log", T0_NS + DELAY_NS), ("publish", T0_NS + DELAY_NS)):
        found = gathered(tmp_path / "bag", mapping_text("unitree_g1", [(POSITIONS, "/js", f'{more}\nclock = "{clock}"')]), ROBOT)
        samples = found.streams[POSITIONS]
        assert int(samples.t_ns[0]) == first_ns
        assert np.allclose(samples.values.astype(float), [standing(ROBOT, i / 100) for i in range(100)])


def test_a_proposal_renames_joints_of_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = {name.removesuffix("_joint"): 0.0 for name in ROBOT.joint_names} | {"gripper": 1.0}
    write_bag(tmp_path / "bag", [Written("/js", JOINT_STATE, T0_NS + i, joint_state(T0_NS + i, named)) for i in range(3)])
    assert main(["import", "bag", str(tmp_path / "bag"), "--robot", "unitree_g1", "--propose"]) == 0
    mapping = parse_mapping(capsys.readouterr().out, where="proposed")
    assert mapping.streams[0].rename["left_knee"] == "left_knee_joint"
    assert mapping.streams[0].ignore == ("gripper",)
    assert len(mapping.streams[0].rename) == ROBOT.dof


def test_a_bag_of_a_unitree_robot_takes_the_logs_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = dict(zip(ROBOT.joint_names, standing(ROBOT, 0.0).tolist(), strict=True))
    kind = "unitree_hg/msg/LowState"
    messages = [
        Written("/lowstate", kind, T0_NS + i * 2_000_000, low_state("unitree_g1", 500 + 2 * i, given)) for i in range(200)
    ]
    write_bag(tmp_path / "bag", messages)
    assert main(["import", "bag", str(tmp_path / "bag"), "--robot", "unitree_g1", "--propose"]) == 0
    found = gathered(tmp_path / "bag", capsys.readouterr().out, ROBOT)
    samples = found.streams[POSITIONS]
    assert samples.clock == "log"
    assert int(samples.t_ns[3]) == T0_NS + 6_000_000
    assert int(samples.t_device_ns[3]) == 506_000_000
    assert np.allclose(samples.values.astype(float)[0], list(given.values()), rtol=1e-6)
    assert set(found.streams) == {POSITIONS, VELOCITIES, "observations/joint_torques", IMU_PELVIS}


def test_an_export_comes_back_as_it_was(tmp_path: Path) -> None:
    """Stamps, values, raw columns, labels and what was derived, through one MCAP file and no mapping of the user's."""
    robot = ROBOT
    made = make_episode(robot, duration_s=1.0, metadata={"record_anchor_wall_ns": T0_NS, "task_id": "wave"})
    stream = made.stream(IMU_SOURCE)
    n = len(stream)
    extra = {"t_device_ns": np.arange(n) * 3, "t_arrival_ns": stream.t_ns + 9, "seq": np.arange(n), "valid": np.arange(n) != 4}
    made = with_stream(made, replace(stream, extra=extra))
    McapExporter().export(
        [made], tmp_path / "out", robot=robot, schema=SCHEMA, options=ExportOptions(), progress=lambda done, total: None
    )
    source = tmp_path / "out" / "episodes" / f"{made.id}.mcap"
    assert main(["import", "mcap", str(source), str(tmp_path / "data"), "--robot", "unitree_g1"]) == 0
    dataset = Dataset.open(tmp_path / "data")
    back = dataset.read(dataset.refs("all")[0].id)
    assert set(back.streams) == set(made.streams)
    assert np.array_equal(back.timeline_ns, made.timeline_ns)
    for key, want in made.streams.items():
        got = back.stream(key)
        assert np.array_equal(got.t_ns, want.t_ns), key
        assert np.array_equal(got.data, want.data), key
        assert got.data.dtype == want.data.dtype, key
        assert got.derived == want.derived, key
    got = back.stream(IMU_SOURCE)
    assert np.array_equal(got.extra["t_device_ns"], extra["t_device_ns"])
    assert np.array_equal(got.extra["valid"], extra["valid"])
    for key in ("task_id", "demonstrator_id", "motion_source", "language_instruction"):
        assert back.metadata[key] == made.metadata[key]
    assert back.metadata["record_anchor_wall_ns"] == T0_NS


IMU_SOURCE = POSITIONS


def test_a_json_file_of_other_tools(tmp_path: Path) -> None:
    import base64

    jpeg = simplejpeg.encode_jpeg(picture(0, width=WIDTH, height=HEIGHT), quality=90, colorspace="RGB")

    def messages() -> Iterator[tuple[str, int, object]]:
        for i in range(100):
            t_ns = T0_NS + i * 10_000_000
            stamp = {"sec": t_ns // 10**9, "nsec": t_ns % 10**9}
            q = standing(ROBOT, i / 100).tolist()
            yield "/robot", t_ns + 5, {"time_s": t_ns / 1e9, "state": {"q": dict(zip(ROBOT.joint_names, q, strict=True))}}
            yield "/list", t_ns + 5, {"names": list(ROBOT.joint_names), "q": q}
            yield (
                "/camera",
                t_ns,
                {"timestamp": stamp, "frame_id": "c", "format": "jpeg", "data": base64.b64encode(jpeg).decode()},
            )

    source = write_json_mcap(tmp_path / "other.mcap", messages())
    text = mapping_text(
        "unitree_g1",
        [
            (POSITIONS, "/robot", 'field = "state.q"\nstamp = "time_s"\nstamp_unit = "s"'),
            ("actions/joint_position_target", "/list", 'field = "q"\nnames = "names"\nclock = "publish"'),
            ("debug/external_0", "/camera", 'type = "foxglove.CompressedImage"'),
        ],
    )
    episode = imported(tmp_path, source, text)
    assert np.allclose(episode.data(POSITIONS), [standing(ROBOT, i / 100) for i in range(100)])
    stamps_ns = episode.stream(POSITIONS).extra["t_device_ns"].astype(np.int64)
    assert np.abs(stamps_ns - (T0_NS + np.arange(100) * 10_000_000)).max() < 300  # the seconds were a double
    assert (episode.stream("actions/joint_position_target").extra["t_device_ns"] == NO_STAMP).all()
    assert bytes(episode.stream("debug/external_0").data[0]) == jpeg
    assert episode.stream(VELOCITIES).derived == "derivative"
    assert episode.id.endswith("_mcap_0")


def test_a_recording_that_was_cut_off_is_taken_up_to_the_cut(tmp_path: Path) -> None:
    whole = write_ros_mcap(tmp_path / "whole.mcap", standing_messages(ROBOT)).read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole[: int(len(whole) * 0.6)])
    episode = imported(tmp_path, cut, PLAIN)
    assert "cut.mcap: cut off or damaged" in str(episode.metadata["record_cut"])
    assert "cut off" in json.loads(str(episode.metadata["warnings"]))[0]
    count = len(episode.stream(POSITIONS))
    assert 100 < count < 300
    assert np.allclose(episode.data(POSITIONS), [standing(ROBOT, i / 200) for i in range(count)])
    assert "record_cut" not in imported(tmp_path, tmp_path / "whole.mcap", PLAIN).metadata


def test_not_a_number_is_imported_marked_and_refused_by_the_gates(tmp_path: Path) -> None:
    def nan(i: int, m: Written) -> Written:
        position = np.array(m.values["position"])
        position[4] = np.nan if i == 60 else position[4]
        return replace(m, values={**m.values, "position": position})

    episode = imported(tmp_path, changed_bag(tmp_path, ROBOT, nan), ONLY_JOINTS)
    assert np.flatnonzero(episode.stream(POSITIONS).extra["valid"].astype(int) == 0).tolist() == [60]
    assert main(["check", str(tmp_path / "data")]) == 1
    assert len(Dataset.open(tmp_path / "data").refs("failures")) == 1


def test_streams_that_do_not_overlap_say_which_clock_they_are_on(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def messages() -> Iterator[Written]:
        for m in standing_messages(ROBOT, duration_s=0.5):
            yield m
            if m.type_name == JOINT_STATE:
                yield replace(m, topic="/command", values=later(m.values, -(10**12)))

    write_bag(tmp_path / "bag", messages())
    text = mapping_text("unitree_g1", [(POSITIONS, "/joint_states", ""), ("actions/joint_position_target", "/command", "")])
    (tmp_path / "map.toml").write_text(text)
    source, into = str(tmp_path / "bag"), str(tmp_path / "data")
    arguments = ["import", "bag", source, into, "--robot", "unitree_g1", "--mapping", str(tmp_path / "map.toml")]
    assert main(arguments) == 0  # a command that was given long before still holds
    text = text.replace('topic = "/joint_states"', 'topic = "/command"', 1).replace(
        'topic = "/command"', 'topic = "/joint_states"'
    )
    capsys.readouterr()
    swapped = mapping_text("unitree_g1", [(POSITIONS, "/command", ""), (VELOCITIES, "/joint_states", "")])
    (tmp_path / "map.toml").write_text(swapped)
    assert main(arguments) == 3
    assert "do not overlap" in capsys.readouterr().out


def test_pictures_of_another_size_than_the_schemas_are_refused(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "data"), "--robot", "unitree_g1"]) == 0
    (tmp_path / "map.toml").write_text(
        PLAIN + '\n[[streams]]\nstream = "observations/head_left"\ntopic = "/head/left/image_raw"\n'
    )
    arguments = ["import", "bag", str(bags / "mcap"), str(tmp_path / "data"), "--robot", "unitree_g1"]
    capsys.readouterr()
    assert main([*arguments, "--mapping", str(tmp_path / "map.toml")]) == 3
    assert f"shape = [{HEIGHT}, {WIDTH}, 3]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 3, "give --mapping FILE"),
        (["--mapping", "nowhere.toml"], 3, "nowhere.toml.*--propose"),
        (["--mapping", "h1.toml"], 3, "for unitree_h1, not unitree_g1"),
        (["--mapping", "stream.toml"], 3, "did you mean 'observations/joint_positions'"),
        (["--propose"], 2, "looks at one recording"),
    ],
)
def test_the_command_says_what_is_wrong(
    bags: Path,
    tmp_path: Path,
    options: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    Path("h1.toml").write_text(PLAIN.replace("unitree_g1", "unitree_h1"))
    Path("stream.toml").write_text(PLAIN.replace("observations/joint_positions", "observations/joint_position"))
    assert main(["import", "bag", str(bags / "mcap"), "data", "--robot", "unitree_g1", *options]) == code
    assert re.search(said, capsys.readouterr().err)
    assert not Path("data").exists()


def test_a_mapping_that_does_not_fit_makes_no_dataset(bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, said in (
        (mapping_text("unitree_g1", [(POSITIONS, "/joint_state", "")]), "did you mean '/joint_states'"),
        (mapping_text("unitree_g1", [(POSITIONS, "/joint_states", 'unit = "mm"')]), "fitting units"),
        (
            mapping_text("unitree_g1", [(POSITIONS, "/joint_states", 'ignore = ["waist_yaw_joint"]')]),
            "'waist_yaw_joint' is missing",
        ),
    ):
        (tmp_path / "map.toml").write_text(text)
        arguments = ["import", "bag", str(bags / "mcap"), str(tmp_path / "data"), "--robot", "unitree_g1"]
        assert main([*arguments, "--mapping", str(tmp_path / "map.toml")]) == 3
        assert said in capsys.readouterr().err
        assert not (tmp_path / "data").exists()


def test_the_commands_export_and_validate(bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path, bags / "mcap", PLAIN)
    data, out = str(tmp_path / "data"), str(tmp_path / "out")
    assert main(["check", data]) == 0
    assert main(["export", "mcap", data, out]) == 0
    capsys.readouterr()
    assert main(["validate", out]) == 0
    assert f"every value equals {tmp_path / 'data'}" in capsys.readouterr().out
    file = next((tmp_path / "out" / "episodes").iterdir())
    assert main(["import", "mcap", str(file), str(tmp_path / "again"), "--robot", "unitree_g1"]) == 0
    first, second = (Dataset.open(tmp_path / name) for name in ("data", "again"))
    one, two = (d.read(d.refs("all")[0].id) for d in (first, second))
    assert np.array_equal(one.data(POSITIONS), two.data(POSITIONS))
    assert one.metadata["record_anchor_wall_ns"] == two.metadata["record_anchor_wall_ns"]
