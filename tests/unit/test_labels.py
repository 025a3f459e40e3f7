"""Labels of clips from options and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import InputError
from understudy.pipeline.labels import Label, LabelledClip, label_clips, missing_labels

CLIPS = [Path("mocap/walk_01.bvh"), Path("mocap/run.bvh"), Path("other/run.bvh")]


def table(folder: Path, text: str) -> Path:
    path = folder / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_options_label_every_clip() -> None:
    found = label_clips(CLIPS, task="walk", demonstrator="d1", instruction="walk on")
    assert found == [LabelledClip(clip, Label("walk", "d1", "walk on")) for clip in CLIPS]
    assert missing_labels(found) == ""


def test_what_is_missing_is_unlabelled_and_named_once() -> None:
    found = label_clips(CLIPS, task="walk")
    assert found[0].label == Label("walk", "unlabelled", "unlabelled")
    said = missing_labels(found)
    assert "no demonstrator for run.bvh, walk_01.bvh; no instruction for run.bvh, walk_01.bvh" in said
    assert "no task" not in said
    assert said.count("unlabelled") == 1


def test_a_table_goes_before_options_and_cuts_stretches(tmp_path: Path) -> None:
    text = (
        "clip,task,demonstrator,instruction,start_s,end_s,mirror_of\n"
        'walk_01,walk,,"go, slowly",0,2.5,\n'
        "walk_01.bvh,turn,d2,,2.5,,\n"
        "other/run.bvh,run,,,,,run_orig\n"
        "other/run.bvh,run,,,,,run\n"
    )
    found = label_clips(CLIPS, demonstrator="d1", table=table(tmp_path, text))
    assert [item.clip for item in found] == [CLIPS[0], CLIPS[0], CLIPS[1], CLIPS[2], CLIPS[2]]
    assert found[0].label == Label("walk", "d1", "go, slowly", 0.0, 2.5)
    assert found[1].label == Label("turn", "d2", "unlabelled", 2.5, None)
    assert found[2].label == Label("unlabelled", "d1", "unlabelled")
    assert found[3].label == Label("run", "d1", "unlabelled", mirror_of="run_orig")
    assert found[4].label == Label("run", "d1", "unlabelled", mirror_of="run")


def test_columns_may_be_left_out_and_a_mark_at_the_start_is_no_text(tmp_path: Path) -> None:
    found = label_clips(CLIPS[:1], table=table(tmp_path, "\ufefftask,clip\nwalk,walk_01\n"))
    assert found[0].label.task == "walk"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,task\nwalk_2,x\n", "line 2: clip 'walk_2' is not among the 3 clips"),
        ("clip,task\nrun,x\n", "line 2: 'run' may be mocap/run.bvh or other/run.bvh"),
        ("clip,task\nwalk_01,x\nwalk_01.bvh,y\n", "line 3: walk_01.bvh is named twice, first in line 2"),
        ("clip,start_s\nwalk_01,soon\n", "line 2: start_s is 'soon'"),
        ("clip,start_s\nwalk_01,-1\n", "line 2: start_s is '-1'"),
        ("clip,start_s\nwalk_01,nan\n", "line 2: start_s is 'nan'"),
        ("clip,start_s,end_s\nwalk_01,2,2\n", "line 2: end_s 2 is not after start_s 2"),
        ("clip,task\nwalk_01,../up\n", r"line 2: task '\.\./up' cannot be a file name"),
        ("clip,tasks\nwalk_01,x\n", "line 1: unknown column 'tasks'"),
        ("task\nx\n", "line 1: no column 'clip'"),
        ("", "line 1: no column 'clip'"),
        ("clip,task\nwalk_01,a,b\n", "line 2: too many cells"),
        ("clip,task\nwalk_01\n", "line 2: too few cells"),
        ('clip,task\nwalk_01,"a\n', "line 2: not a CSV line"),
    ],
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        label_clips(CLIPS, table=path)
    assert str(path) in str(caught.value)


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        label_clips(CLIPS, table=tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"clip\n\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        label_clips(CLIPS, table=tmp_path / "bad.csv")


def test_a_task_that_cannot_be_a_folder_is_refused() -> None:
    with pytest.raises(InputError, match="--task: task 'a/b' cannot be a file name"):
        label_clips(CLIPS, task="a/b")
