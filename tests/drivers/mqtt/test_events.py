import json
from typing import Any

import pytest

from drivers.mqtt.events import EventMapper, EventStamps
from drivers.mqtt.payload import Body
from drivers.mqtt.settings import MqttEvent
from drivers.mqtt.times import Instant
from monitor.credentials import canonical
from monitor.model import Event
from tests.drivers.mqtt.site import CARDS, device, pseudonymise

ARRIVAL = Instant(1000, own=False, ahead=False)
SHOWN = {
    "type": "access",
    "time": 1605991375,
    "isKnown": "true",
    "access": "Always",
    "username": "Ana Lindgren",
    "uid": "5A:3F:B1:C2",
}


def events(payload: dict[str, Any] | bytes, *models: dict[str, Any], time: int = 1000) -> list[Event]:
    mapper = EventMapper(
        device("reader"), [MqttEvent.model_validate(model) for model in models], pseudonymise, EventStamps()
    )
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return list(mapper.decode(Body(raw), Instant(time, own=False, ahead=False), time))


def test_a_card_is_an_event_with_the_pseudonym_and_nothing_that_is_not_listed():
    [event] = events(SHOWN, CARDS)

    assert (event.device, event.kind, event.time) == ("reader", "card", 1000)
    assert event.attributes == {"result": "granted", "reason": "Always", "credential": pseudonymise("5a3fb1c2")}
    assert "Ana" not in repr(event)
    assert "5a3fb1c2" not in repr(event).lower()


def test_another_type_is_no_event():
    assert events({"type": "heartbeat", "uid": "5a"}, CARDS) == []
    assert events(b"\xff", CARDS) == []


def test_a_result_that_the_map_does_not_know_is_left_out_and_the_event_kept():
    [event] = events({**SHOWN, "access": "Sometimes"}, CARDS)

    assert "result" not in event.attributes
    assert event.attributes["reason"] == "Sometimes"


def test_listed_attributes_are_kept_and_bounded():
    model = {
        "kind": "rex",
        "attributes": {"button": {"json": "$.b"}, "long": {"json": "$.l"}, "n": {"json": "$.n"}},
    }

    [event] = events({"b": True, "l": "x" * 1000, "n": 3, "other": 1}, model)

    assert event.attributes == {"button": True, "n": 3}


def test_a_condition_may_name_several_values_of_any_type():
    model = {"when": {"json": "$.door", "is": [True, 2, "open"]}, "kind": "opened"}

    found = [len(events({"door": value}, model)) for value in (True, 2, 2.0, "open", "true", False, 3, None, [1])]

    assert found == [1, 1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.fault(
    "message redelivered",
    part="MQTT",
    outcome="Two equal true events in one instant are two.",
)
def test_two_equal_events_in_one_instant_are_two():
    mapper = EventMapper(device("reader"), [MqttEvent.model_validate(CARDS)], pseudonymise, EventStamps())
    body = json.dumps(SHOWN).encode()

    first, second = [next(mapper.decode(Body(body), ARRIVAL, 1000)) for _ in range(2)]

    assert first.id != second.id
    assert (first.time, second.time) == (1000, 1001)
    assert first.attributes == second.attributes


def test_ids_differ_after_a_restart_also():
    assert EventStamps().id(1000) != EventStamps().id(1000)


def test_an_id_of_its_own_is_the_events_id():
    model = {"kind": "card", "id": {"json": "$.seq"}}

    assert [event.id for event in events({"seq": 48213}, model)] == ["48213"]
    assert events({}, model)[0].id


def test_an_id_may_take_several_places_and_needs_all_of_them():
    model = {"kind": "card", "id": [{"json": "$.boot"}, {"json": "$.seq"}]}

    ids = [
        events(said, model)[0].id
        for said in ({"boot": 7, "seq": 1}, {"boot": 8, "seq": 1}, {"boot": 8, "seq": 1}, {"seq": 1}, {"seq": 1})
    ]

    assert ids[:3] == ["7/1", "8/1", "8/1"]
    assert ids[3] != ids[4]
    assert not {"1", "/1"} & set(ids)


def test_the_parts_of_an_id_cannot_be_taken_for_one_another():
    model = {"kind": "card", "id": [{"json": "$.boot"}, {"json": "$.seq"}]}
    parts = [("a/b", "c"), ("a", "b/c"), ("a%2Fb", "c"), ("a%252Fb", "c")]

    ids = [events({"boot": boot, "seq": seq}, model)[0].id for boot, seq in parts]

    assert len(set(ids)) == len(parts)
    assert events({"id": "a/b"}, {"kind": "card", "id": {"json": "$.id"}})[0].id == "a/b"


def test_one_number_for_all_that_a_message_says_loses_none_of_it():
    card = {"kind": "card", "id": {"json": "$.seq"}}
    opened = {"kind": "opened", "when": {"json": "$.door", "is": "open"}, "id": {"json": "$.seq"}}

    assert [(event.kind, event.id) for event in events({"seq": 5, "door": "open"}, card, opened)] == [
        ("card", "5"),
        ("opened", "5/opened"),
    ]


def test_an_id_made_of_the_card_is_hidden_in_all_its_parts():
    model = {**CARDS, "id": [{"json": "$.time"}, {"json": "$.what"}]}

    (event,) = events({**SHOWN, "time": 1795378523, "what": SHOWN["uid"]}, model)

    assert str(SHOWN["uid"]) not in event.id
    assert event.id == pseudonymise(f"1795378523/{SHOWN['uid']}")


def test_a_card_with_separators_is_hidden_in_an_id_as_well():
    model = {
        **CARDS,
        "id": [{"json": "$.time"}, {"json": "$.what"}],
        "credential": {"json": "$.uid", "form": "text"},
    }

    for uid in ("5A/3F%B1C2", "5A/3FB1C2"):
        (event,) = events({**SHOWN, "time": 1795378523, "uid": uid, "what": uid}, model)

        assert "3F" not in event.id


@pytest.mark.parametrize(
    "made", ["opened-1795392000000", "passage-17", "held-5", "crowded-lab-17", "health-1-lost"]
)
def test_no_message_takes_an_id_that_the_monitor_makes(made: str):
    """The journal keeps one event of an id: the monitor's own would be refused, or the message taken for it."""
    model = {**CARDS, "id": {"json": "$.id"}, "attributes": {"door": {"json": "$.door"}}}

    [event], [again] = (events({**SHOWN, "id": made, "door": "front"}, model) for _ in range(2))

    assert event.id == again.id == f"own/{made}"


def test_a_time_of_the_readers_own_is_never_moved():
    mapper = EventMapper(device("reader"), [MqttEvent.model_validate(CARDS)], pseudonymise, EventStamps())
    body = Body(json.dumps(SHOWN).encode())

    times = [next(mapper.decode(body, Instant(at, own=True, ahead=False), 9000)).time for at in (1500, 1000, 1000)]

    assert times == [1500, 1000, 1000]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("hex", " 5A:3F-b1 c2 ", "5a3fb1c2"),
        ("hex", "0x05A3", "05a3"),
        ("hex_unpadded", "5A3", "5a3"),
        ("hex", "not hex", "not hex"),
        ("decimal", "0012345", "12345"),
        ("decimal", "000", "0"),
        ("decimal", "12a", "12a"),
        ("text", " Ab 1 ", "Ab 1"),
        ("hex", "::", "::"),
    ],
)
def test_a_credential_has_one_spelling(form: str, text: str, expected: str):
    assert canonical(text, form) == expected


def test_a_numeric_credential_is_pseudonymised_too():
    model = {"kind": "card", "credential": {"json": "$.card", "form": "decimal"}}

    assert events({"card": 12345}, model)[0].attributes == {"credential": pseudonymise("12345")}
    assert events({"card": None}, model)[0].attributes == {}
    assert events({}, model)[0].attributes == {}


@pytest.mark.parametrize("mixed_up", ["5A3FB1C2", "card 5a:3f:b1:c2 of Ana", "0x5a-3f-b1-c2"])
def test_a_card_in_the_place_of_something_else_is_not_kept(mixed_up: str):
    model = {**CARDS, "id": {"json": "$.number"}, "attributes": {"note": {"json": "$.note"}}}

    [event] = events({**SHOWN, "access": mixed_up, "note": mixed_up, "number": mixed_up}, model)

    assert event.attributes == {"credential": pseudonymise("5a3fb1c2")}
    assert event.id == pseudonymise(mixed_up)


def test_a_card_named_like_a_result_hides_no_result():
    [event] = events({**SHOWN, "access": "Denied", "uid": "denied"}, CARDS)

    assert event.attributes["result"] == "denied"


@pytest.mark.parametrize("uid", [None, [], {"number": "5a3fb1c2"}, "", " "])
def test_what_is_no_card_has_no_pseudonym(uid: object):
    [event] = events({**SHOWN, "uid": uid}, CARDS)

    assert event.attributes == {"result": "granted", "reason": "Always"}
