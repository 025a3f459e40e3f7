"""Whatever a browser sends, the dashboard asks the recorder only for what it may, or says why not."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from understudy.apps.web.dashboard.commands import COMMANDS, MOST_LETTERS, asked
from understudy.errors import BusError

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["do", "metadata", "label", "task_id"]), inner),
    max_leaves=8,
)


def _checked(body: bytes) -> None:
    try:
        name, given_ = asked(body)
    except BusError:
        return
    assert name in COMMANDS
    assert set(given_) == {"start": {"metadata"}, "mark": {"label"}}.get(name, set())
    metadata = given_.get("metadata", {})
    assert isinstance(metadata, dict)
    texts = [given_.get("label", "x"), *metadata.values()]
    for text in texts:
        assert isinstance(text, str)
        assert len(text) <= MOST_LETTERS
        assert text == " ".join(text.split())


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    _checked(body)


@given(st.sampled_from([*COMMANDS, "quit", "health"]), JSON, JSON)
def test_any_json_around_a_command(name: str, metadata: object, label: object) -> None:
    _checked(json.dumps({"do": name, "metadata": metadata, "label": label}).encode())


@given(JSON)
def test_any_json(found: object) -> None:
    _checked(json.dumps(found).encode())
