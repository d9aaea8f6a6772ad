"""What lies below `root:`, as LoRaWAN servers wrap it."""

import json
from typing import Any

import pytest

from drivers.mqtt.devices import Decoder, Message
from monitor.model import Event, Missing, Reading
from tests.drivers.mqtt.site import device, pseudonymise

NOW = 1_795_000_000_000
UPLINK = {"devAddr": "00189440", "fPort": 85, "object": {"battery": 92, "magnet": "open"}}
DOOR = {
    "open": {"json": "$.magnet", "map": {"open": True, "close": False}, "omitted": "close"},
    "battery_pct": {"json": "$.battery"},
}


def decoder(
    root: str = "$.object",
    points: dict[str, dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    **address: Any,
) -> Decoder:
    door = device(points=points, events=events, profile={"root": root}, topic="up", **address)
    return Decoder([door], pseudonymise, qos=1)


def entries(decoder: Decoder, payload: Any) -> list[Any]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decoder.decode(Message(1, 1, 1, False, False, "up", raw, NOW)).entries


@pytest.mark.parametrize(
    ("root", "payload"),
    [
        ("$", {"battery": 92, "magnet": "open"}),
        ("$.object", UPLINK),
        ("$.uplink_message.decoded_payload", {"uplink_message": {"decoded_payload": UPLINK["object"]}}),
        ("$.params['input:0'][0]", {"params": {"input:0": [UPLINK["object"]]}}),
    ],
)
def test_points_are_found_below_the_root(root: str, payload: Any):
    [reading] = entries(decoder(root, points=DOOR), payload)

    assert reading.values == {"open": True, "battery_pct": 92.0}
    assert not reading.missing


@pytest.mark.parametrize(
    "payload",
    [
        {"devAddr": "00189440"},
        {"battery": 92, "magnet": "open"},
        {"object": None},
        {"object": "open"},
        {"object": [92]},
        {"object": 0},
        ["object"],
        "object",
    ],
)
def test_a_message_without_the_root_says_nothing_also_not_what_omitted_fields_mean(payload: Any):
    events = [{"kind": "opened", "when": {"json": "$.magnet", "is": "open"}}]

    assert entries(decoder(points=DOOR, events=events), payload) == []


def test_a_root_without_fields_says_what_omitted_fields_mean():
    [reading] = entries(decoder(points=DOOR), {"object": {}})

    assert reading.values == {"open": False}
    assert reading.missing == {"battery_pct": Missing.NOT_REPORTED}


def test_what_cannot_be_read_is_undecodable_below_a_root_too():
    [reading] = entries(decoder(points=DOOR), b"{")

    assert reading.missing == dict.fromkeys(DOOR, Missing.UNDECODABLE)


@pytest.mark.parametrize("root", ["$.level", "$.a.level"])
def test_the_root_itself_can_be_the_value(root: str):
    level = decoder(root, points={"level_pct": {"json": "$", "omitted": 0}})

    [reading] = entries(level, {"level": 7, "a": {"level": 7}})

    assert reading.values == {"level_pct": 7.0}
    assert entries(level, {"other": 7, "a": {}}) == []


def test_all_of_an_event_is_below_the_root():
    card = {
        "when": {"json": "$.type", "is": "access"},
        "kind": "card",
        "credential": {"json": "$.uid", "form": "hex"},
        "result": {"json": "$.access", "map": {"yes": "granted"}},
        "id": {"json": "$.n"},
        "attributes": {"slot": {"json": "$.slot"}},
    }
    inside = {"type": "access", "uid": "5A3F", "access": "yes", "n": 12, "slot": 4}
    outside = {"type": "boot", "uid": "77", "access": "no", "n": 1, "slot": 1}

    [event] = entries(decoder(events=[card]), {**outside, "object": inside})

    assert isinstance(event, Event)
    assert (event.id, event.attributes) == (
        "12",
        {"slot": 4, "result": "granted", "credential": pseudonymise("5a3f")},
    )


def test_an_event_without_a_condition_needs_the_root():
    opened = decoder(events=[{"kind": "opened"}])

    assert len(entries(opened, {"object": {}})) == 1
    assert entries(opened, {"status": {}}) == []


def test_time_and_availability_stay_at_the_payload():
    door = decoder(
        points=DOOR,
        time={"json": "$.time", "format": "iso8601", "trusted": True},
        availability={"topic": "up/state", "json": "$.state"},
    )

    [reading] = entries(door, {**UPLINK, "time": "2026-11-18T10:26:40Z"})
    gone = door.decode(Message(1, 1, 1, False, False, "up/state", b'{"state": "offline"}', NOW)).entries

    assert isinstance(reading, Reading)
    assert reading.time == 1_794_997_600_000
    assert [dict(entry.missing) for entry in gone if isinstance(entry, Reading)] == [
        dict.fromkeys(DOOR, Missing.TIMEOUT)
    ]
