"""Which devices a rule means beside its own, and what is known of their points."""

import pytest

from monitor.model import Missing, Quality, Reading
from monitor.settings.model import Occasion
from rules.occasions import Follower, devices_of, is_so
from rules.truth import Truth
from tests.rules.build import device

DEVICES = {
    "front": device("front", points=["open"], device_class="door", zone="hall", building="A"),
    "front-reader": device("front-reader", points=[], device_class="access", door="front", building="A"),
    "back": device("back", points=["open"], device_class="door", zone="hall"),
    "meter": device("meter", points=["power_w"], building="A"),
}
USED = Occasion.model_validate({"point": "power_w", "above": "10 W"})


@pytest.mark.parametrize(
    ("said", "own", "meant"),
    [
        ({}, "front", ("front",)),
        ({"same": "door"}, "front-reader", ("front", "front-reader")),
        ({"same": "zone"}, "front", ("back", "front")),
        ({"same": "zone"}, "meter", ("meter",)),
        ({"same": "building"}, "meter", ("front", "front-reader", "meter")),
        ({"device": ["back", "front*"]}, "meter", ("back", "front", "front-reader")),
    ],
)
def test_devices_are_named_or_share_a_place(said: dict[str, object], own: str, meant: tuple[str, ...]) -> None:
    occasion = Occasion.model_validate({"event": "opened", **said})

    assert devices_of(occasion, own, DEVICES) == meant


@pytest.mark.parametrize(
    ("said", "value", "so"),
    [
        ({"is": True}, True, True),
        ({"is": True}, 1.0, False),
        ({"is": [1, 2]}, 2.0, True),
        ({"is": "held"}, "held", True),
        ({"above": 5}, 5.0, False),
        ({"below": 5}, 4.9, True),
    ],
)
def test_true_is_not_one_and_limits_are_passed(said: dict[str, object], value: object, so: bool) -> None:  # noqa: FBT001
    assert is_so(Occasion.model_validate({"point": "x", **said}), value) is so  # type: ignore[arg-type] # of every type


def test_a_text_has_no_size() -> None:
    with pytest.raises(TypeError, match="is a text"):
        is_so(USED, "much")


def said(at: int, power: float | None = None, *, ident: str = "a", quality: Quality = Quality.GOOD) -> Reading:
    values = {} if power is None else {"power_w": power}
    missing = {"power_w": Missing.TIMEOUT} if power is None else {}
    return Reading(device=ident, time=at, arrived=at, values=values, missing=missing, quality=quality)


def test_one_of_several_is_enough_and_who_is_silent_may_be_it() -> None:
    two = {name: device(name, points=["power_w"]) for name in ("a", "b")}
    follower = Follower(USED, ("a", "b"), two)
    follower.take(said(0, 5.0), 0)

    assert follower.truth(0) == Truth.UNKNOWN
    follower.take(said(0, 5.0, ident="b"), 0)
    assert follower.truth(0) == Truth.FALSE
    follower.take(said(10, 50.0), 10)
    assert (follower.truth(10), follower.turned, follower.since) == (Truth.TRUE, True, 10)
    follower.take(said(20, None), 20)
    assert follower.truth(20) == Truth.UNKNOWN


def test_a_value_is_believed_as_long_as_it_is_not_too_old_or_doubtful() -> None:
    follower = Follower(USED, ("a",), {"a": device("a", points=["power_w"])})
    follower.take(said(0, 50.0), 0)

    assert (follower.truth(119_999), follower.truth(120_000)) == (Truth.TRUE, Truth.UNKNOWN)
    follower.take(said(130_000, 5.0, quality=Quality.SUSPECT), 130_000)
    assert follower.truth(130_000) == Truth.UNKNOWN
    assert not follower.take(said(125_000, 5.0), 125_000)
