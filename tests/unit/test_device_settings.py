"""Settings of devices: taken by type, refused by name."""

from __future__ import annotations

import pytest

from understudy.devices._settings import Settings, Value, named_settings
from understudy.errors import DeviceError, UnknownNameError


def of(**given: Value) -> Settings:
    return Settings("test", given)


def test_what_is_left_over_is_refused_with_the_nearest_that_exists() -> None:
    settings = of(colour="red", weight=3)
    assert settings.text("colour", "blue") == "red"
    assert settings.number("height", 1.5, low=0.0, high=2.0) == 1.5
    with pytest.raises(
        DeviceError, match=r"device test: no setting 'weight'; did you mean 'height'\? \(settings: colour, height\)"
    ):
        settings.close()
    assert settings.rest() == {"weight": 3}
    settings.close()


@pytest.mark.parametrize(("given", "due"), [(True, "/a"), ("on", "/a"), ("No", ""), (False, ""), ("", ""), ("/b", "/b")])
def test_a_topic_may_be_true_or_false(given: Value, due: str) -> None:
    assert of(topic=given).topic("topic", "/a") == due


def test_a_topic_that_is_not_named_is_the_default() -> None:
    assert (of().topic("topic", "/a"), of().topic("topic", "/a", "/a")) == ("", "/a")


@pytest.mark.parametrize(("text", "due"), [("2", 2), (3.0, 3), ("1e1", 10)])
def test_whole_numbers_are_read_from_texts(text: Value, due: int) -> None:
    assert of(n=text).count("n", 0, low=0, high=10) == due


def test_wrong_values_say_what_is_due() -> None:
    topics: tuple[Value, ...] = ("b", 3)
    for value in topics:
        with pytest.raises(DeviceError, match="a topic such as /a"):
            of(t=value).topic("t", "/a")
    numbers: tuple[Value, ...] = ("many", True, 11, float("nan"))
    for value in numbers:
        with pytest.raises(DeviceError, match="a number from 0 to 10 is due"):
            of(n=value).count("n", 0, low=0, high=10)
    with pytest.raises(DeviceError, match="a whole number from 0 to 10 is due"):
        of(n=1.5).count("n", 0, low=0, high=10)
    with pytest.raises(DeviceError, match="true or false is due"):
        of(s="perhaps").switch("s", True)
    with pytest.raises(DeviceError, match="640x480"):
        of(size="640").size("size", (64, 48))
    with pytest.raises(DeviceError, match="spans of seconds"):
        of(silent="2").spans("silent")
    with pytest.raises(UnknownNameError, match="still"):
        of(mover="stil").text("mover", "still", ("still", "waves"))


def test_a_name_and_its_settings_come_apart() -> None:
    assert named_settings("sim") == ("sim", {})
    assert named_settings("sim:pace=0.5,*/imu_*.lag_s=0.003,url=a=b") == (
        "sim",
        {"pace": "0.5", "*/imu_*.lag_s": "0.003", "url": "a=b"},
    )
    with pytest.raises(DeviceError, match="'pace' is no setting"):
        named_settings("sim:pace")
