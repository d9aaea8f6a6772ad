import pytest

from drivers.mqtt.topics import Topics, compose, covers, crossing, subscriptions
from monitor.errors import SettingsError


def test_a_suffix_is_appended_and_the_id_put_in():
    assert compose("tele/plug", "SENSOR", "plug") == "tele/plug/SENSOR"
    assert compose("sensors/{id}/", "state", "cold-room") == "sensors/cold-room/state"
    assert compose("plain", None, "x") == "plain"
    with pytest.raises(SettingsError, match="nothing can be appended"):
        compose("a/#", "b", "x")


def test_topics_find_exact_and_pattern_entries():
    topics = Topics([("a/b", "exact"), ("a/+", "plus"), ("a/#", "hash"), ("c", "other"), ("a/b", "second")])

    for _ in range(2):
        assert sorted(topics.match("a/b")) == ["exact", "hash", "plus", "second"]
    assert topics.match("a/b/c") == ("hash",)
    assert topics.match("c") == ("other",)
    assert topics.match("d") == ()


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("a/+", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/+/c", True),
        ("a/+", "a/+", True),
        ("a/b", "a/+", False),
        ("a/+", "a/#", False),
        ("a/+", "a/b/c", False),
        ("+/b", "a/+", False),
    ],
)
def test_a_filter_covers_what_it_matches(wide: str, narrow: str, *, expected: bool):
    assert covers(wide, narrow) is expected


def test_covered_filters_are_not_subscribed_and_the_highest_qos_counts():
    wanted = {"a/b": 1, "a/+": 0, "c": 0, "d/e/f": 1, "d/#": 1, "d/+/f": 0}

    assert subscriptions(wanted) == {"a/+": 1, "c": 0, "d/#": 1}


def test_patterns_with_topics_in_common_are_found():
    assert crossing(["a/+", "+/b", "c/#"]) == [("a/+", "+/b"), ("+/b", "c/#")]
    assert crossing(["a/+/x", "+/b/#", "a/+/y", "a"]) == [("a/+/x", "+/b/#"), ("+/b/#", "a/+/y")]
    assert crossing(["a/+", "a/+/c", "b/#", "b"]) == []
