from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.mqtt.devices import Decoder, Message
from monitor.errors import SettingsError
from monitor.model import Entry, Missing, Reading
from tests.drivers.mqtt.site import CARDS, device
from tests.drivers.mqtt.sparkplug.node import GOLDEN, NOW, metric, payload
from tests.examples import examples

POINTS: dict[str, dict[str, Any]] = {
    "power_w": {"metric": "Power"},
    "energy_import_kwh": {"metric": "Energy", "divisor": 1000.0},
    "temperature_c": {"metric": "Outdoor"},
    "running": {"metric": "Inputs/A"},
    "mode": {"metric": "Mode"},
    "level_m": {"metric": "Level"},
}
TOPIC = "spBv1.0/plant/+/edge1/meter7"


class Node:
    """An edge node, and who listens to it."""

    def __init__(self, *devices: Any) -> None:
        self.decoder = Decoder(devices or [device("m", topic=TOPIC, points=POINTS)], str, qos=1)

    def say(self, kind: str, raw: bytes, where: str = "/meter7", *, retain: bool = False) -> list[Any]:
        if kind.startswith("N"):
            where = ""
        topic = f"spBv1.0/plant/{kind}/edge1{where}"
        return self.decoder.decode(Message(1, 1, 0, False, retain, topic, raw, NOW + 5000)).entries

    def born(self) -> "Node":
        self.say("NBIRTH", GOLDEN["NBIRTH"])
        self.say("DBIRTH", GOLDEN["DBIRTH"])
        return self


def told(entries: list[Entry]) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    return [
        (each.device, dict(each.values), {name: str(reason) for name, reason in each.missing.items()})
        for each in entries
        if isinstance(each, Reading)
    ]


def test_all_of_a_node_is_fetched_since_its_messages_are_numbered_together():
    node = Node(
        device("m", topic=TOPIC, points=POINTS),
        device("n", topic="spBv1.0/plant/+/edge1", points={"starts": {"metric": "Starts"}}),
        device("other", topic="spBv1.0/plant/+/edge2/{id}", points=POINTS),
    )

    assert node.decoder.wanted == {"spBv1.0/plant/+/edge1/#": 1, "spBv1.0/plant/+/edge2/#": 1}


def test_a_birth_tells_values_and_names_what_comes_by_alias():
    node = Node()
    node.say("NBIRTH", GOLDEN["NBIRTH"])
    [birth] = node.say("DBIRTH", GOLDEN["DBIRTH"])
    [data] = node.say("DDATA", GOLDEN["DDATA"])

    assert birth.values == {
        "power_w": 1234.5,
        "energy_import_kwh": 2**40 / 1000,
        "temperature_c": -5.0,
        "running": True,
        "mode": "auto",
        "level_m": 2.5,
    }
    assert (birth.time, birth.arrived, birth.missing) == (NOW + 10, NOW + 5000, {})
    assert (dict(data.values), dict(data.missing)) == ({"power_w": 1300.25, "temperature_c": -6.0}, {})
    assert node.decoder.gaps == 0


def test_history_is_a_reading_of_its_own_instant_and_bad_quality_is_missing():
    node = Node().born()
    node.say("DDATA", GOLDEN["DDATA"])

    earlier, now = node.say("DDATA", GOLDEN["DDATA_history_and_quality"])

    assert (earlier.time, earlier.late, dict(earlier.values)) == (NOW - 60_000, True, {"power_w": 1.0})
    assert (now.time, now.late, dict(now.values)) == (NOW + 2000, False, {"power_w": 2.0})
    assert now.missing == {"energy_import_kwh": Missing.SENTINEL}


def test_metrics_that_come_by_name_need_no_birth():
    node = Node()

    assert told(node.say("DDATA", payload(metric("Power", 7.0), metric("Unknown", 1.0), seq=99))) == [
        ("m", {"power_w": 7.0}, {})
    ]
    assert told(node.say("DDATA", payload(metric("Power", 8.0), seq=100))) == [("m", {"power_w": 8.0}, {})]


def test_an_alias_that_nobody_has_named_makes_unknown_what_it_may_be():
    node = Node()
    node.say("DDATA", payload(metric("Power", 7.0), seq=1))

    [(_, values, missing)] = told(
        node.say("DDATA", payload(metric(alias=3, value=1.0), metric("Mode", "on"), seq=2))
    )

    assert values == {"mode": "on"}
    assert missing == dict.fromkeys(["energy_import_kwh", "temperature_c", "running", "level_m"], "undecodable")
    assert node.decoder.waits_for_birth("m")
    assert not node.born().decoder.waits_for_birth("m")


def test_after_a_lost_message_no_alias_is_believed_until_the_next_birth():
    node = Node(
        device("m", topic=TOPIC, points=POINTS),
        device("l", topic="spBv1.0/plant/+/edge1/lamp", points={"running": {"metric": "On"}}),
    ).born()
    node.say("DBIRTH", payload(metric("On", value=True, alias=20), seq=2), "/lamp")
    assert told(node.say("DDATA", payload(metric(alias=20, value=False), seq=3), "/lamp")) == [
        ("l", {"running": False}, {})
    ]

    lost = node.say("DDATA", payload(metric(alias=1, value=9.0), seq=5))

    assert told(lost) == [
        ("m", {}, dict.fromkeys(POINTS, "undecodable")),
        ("l", {}, {"running": "undecodable"}),
        ("m", {}, dict.fromkeys(POINTS, "undecodable")),
    ]
    assert node.decoder.gaps == 1
    assert told(node.say("DDATA", payload(metric(alias=20, value=True), seq=6), "/lamp")) == [
        ("l", {}, {"running": "undecodable"})
    ]
    node.say("DBIRTH", payload(metric("On", value=True, alias=21), seq=7), "/lamp")
    assert told(node.say("DDATA", payload(metric(alias=21, value=False), seq=8), "/lamp")) == [
        ("l", {"running": False}, {})
    ]
    assert node.decoder.gaps == 1


def test_the_number_begins_again_behind_255_and_with_a_birth_of_the_node():
    node = Node().born()
    for number in range(2, 700):
        [reading] = node.say("DDATA", payload(metric(alias=1, value=float(number)), seq=number % 256))
        assert reading.values == {"power_w": float(number)}
    node.say("NBIRTH", payload(metric("bdSeq", 8), seq=0))

    assert told(node.say("DBIRTH", payload(metric("Power", 3.0, alias=9), seq=1))) == [("m", {"power_w": 3.0}, {})]
    assert node.decoder.gaps == 0


def test_a_message_that_comes_twice_is_no_gap():
    node = Node().born()
    for _ in range(2):
        node.say("DDATA", GOLDEN["DDATA"])

    assert node.decoder.gaps == 0


def test_a_birth_of_the_node_ends_what_its_devices_had_named():
    node = Node().born()
    node.say("NBIRTH", payload(metric("bdSeq", 8), seq=0))

    [(_, values, missing)] = told(node.say("DDATA", payload(metric(alias=1, value=9.0), seq=1)))

    assert (values, set(missing.values())) == ({}, {"undecodable"})


def test_what_has_died_says_nothing_and_names_are_told_anew():
    node = Node(
        device("m", topic=TOPIC, points={"power_w": {"metric": "Power"}}),
        device("n", topic="spBv1.0/plant/+/edge1", points={"starts": {"metric": "Starts"}}),
    ).born()

    assert told(node.say("DDEATH", payload(seq=2))) == [("m", {}, {"power_w": "timeout"})]
    assert told(node.say("DDATA", payload(metric(alias=1, value=9.0), seq=3))) == [
        ("m", {}, {"power_w": "undecodable"})
    ]
    assert told(node.say("NDEATH", GOLDEN["NDEATH"])) == [
        ("m", {}, {"power_w": "timeout"}),
        ("n", {}, {"starts": "timeout"}),
    ]


def test_the_last_will_of_an_earlier_session_is_passed_over():
    node = Node().born()
    node.say("NBIRTH", payload(metric("bdSeq", 8), seq=0))
    node.say("DBIRTH", payload(metric("Power", 3.0, alias=9), seq=1))

    assert node.say("NDEATH", GOLDEN["NDEATH"]) == []
    assert told(node.say("DDATA", payload(metric(alias=9, value=4.0), seq=2))) == [("m", {"power_w": 4.0}, {})]
    assert len(node.say("NDEATH", payload(metric("bdSeq", 8)))) == 1


def test_null_is_not_reported_and_what_is_no_number_is_undecodable():
    [reading] = Node().say(
        "DDATA",
        payload(
            metric("Power", null=True), metric("Level"), metric("Outdoor", "warm"), metric("Inputs/A", 7), seq=1
        ),
    )

    assert reading.missing == {
        "power_w": Missing.NOT_REPORTED,
        "level_m": Missing.UNDECODABLE,
        "temperature_c": Missing.UNDECODABLE,
        "running": Missing.UNDECODABLE,
    }


def test_a_transient_metric_is_not_kept():
    assert Node().say("DDATA", payload(metric("Power", 7.0, transient=True), seq=1)) == []


@pytest.mark.parametrize(
    ("stamp", "time", "missing"),
    [
        (NOW, NOW, {}),
        (12, NOW + 5000, {}),
        (None, NOW + 5000, {}),
        (NOW + 10**7, NOW + 5000, {"power_w": Missing.QUARANTINED}),
        (2**64 - 1, NOW + 5000, {}),
    ],
)
def test_a_reading_has_the_time_of_its_message_where_it_can_be(
    stamp: int | None, time: int, missing: dict[str, Any]
):
    [reading] = Node().say("DDATA", payload(metric("Power", 7.0), seq=1, timestamp=stamp))

    assert (reading.time, reading.missing) == (time, missing)


def test_times_that_are_not_trusted_are_those_of_arrival_and_history_has_none():
    node = Node(device("m", topic=TOPIC, points=POINTS, time={"trusted": False}))

    [reading] = node.say(
        "DDATA",
        payload(metric("Power", 7.0), metric("Power", 6.0, historical=True, timestamp=NOW - 60_000), seq=1),
    )

    assert (reading.time, dict(reading.values)) == (NOW + 5000, {"power_w": 7.0})


def test_a_message_that_cannot_be_read_makes_its_device_unknown_and_is_counted():
    node = Node().born()
    topic = "spBv1.0/plant/DDATA/edge1/meter7"

    for raw in (b"\xff\xff", None):
        decoded = node.decoder.decode(Message(1, 1, 0, False, False, topic, raw, NOW))
        assert decoded.broken
        assert told(decoded.entries) == [("m", {}, dict.fromkeys(POINTS, "undecodable"))]


@pytest.mark.parametrize("kind", ["NCMD", "DCMD", "STATE", "DSOMETHING", ""])
def test_other_messages_say_nothing(kind: str):
    assert Node().say(kind, payload(metric("Power", 7.0), seq=1)) == []


@pytest.mark.parametrize("where", ["", "/meter7/more", "/other"])
def test_a_topic_with_more_or_fewer_levels_is_another_ones(where: str):
    assert Node().say("DDATA", payload(metric("Power", 7.0), seq=1), where) == []


def test_a_retained_message_is_passed_over():
    node = Node()

    assert node.say("DBIRTH", GOLDEN["DBIRTH"], retain=True) == []
    assert node.decoder.waits_for_birth("m")


@pytest.mark.parametrize(
    "topic",
    [
        "spBv1.0/plant/DDATA/edge1/m",
        "spBv1.0/plant/+/edge1/m/x",
        "spBv1.0/plant/+/#",
        "spBv1.0/+/+/edge1/m",
        "plant/+/a/b",
    ],
)
def test_a_topic_that_sparkplug_has_not_is_refused(topic: str):
    with pytest.raises(SettingsError, match="the topic is"):
        Node(device("m", topic=topic, points=POINTS))


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": {**POINTS, "pf": {"json": "$.pf"}}},
        {"points": POINTS, "events": [CARDS]},
        {"points": POINTS, "profile": {"payload": "json"}},
        {"points": {"pf": {"json": "$.pf"}}, "profile": {"payload": "sparkplug"}},
        {"points": POINTS, "availability": {"topic": "a"}},
        {"points": POINTS, "time": {"json": "$.t", "format": "unix_s", "trusted": True}},
    ],
)
def test_what_does_not_go_with_metrics_is_refused(wrong: dict[str, Any]):
    with pytest.raises(SettingsError, match="device m"):
        Node(device("m", topic=TOPIC, **wrong))


@settings(max_examples=examples(80))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"]),
            st.one_of(st.sampled_from(list(GOLDEN.values())), st.binary(max_size=80)),
        ),
        max_size=8,
    )
)
def test_nothing_that_a_node_says_raises(said: list[tuple[str, bytes]]):
    node = Node()
    for kind, raw in said:
        for entry in node.say(kind, raw):
            assert not set(entry.values) & set(entry.missing)
