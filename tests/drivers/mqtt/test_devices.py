import json
from typing import Any

import pytest

from drivers.mqtt.devices import Decoded, Decoder, Message
from drivers.mqtt.times import AHEAD_MS
from monitor.errors import SettingsError
from monitor.model import LATE, Event, Missing, Origin, Reading
from monitor.site import Device
from tests.drivers.mqtt.site import CARDS, device, pseudonymise

NOW = 1_795_000_000_000
TEMPERATURE = {"temperature_c": {"json": "$.temp"}}
TRUSTED = {"json": "$.t", "format": "unix_ms", "trusted": True}


def decoder(*devices: Device) -> Decoder:
    return Decoder(devices, pseudonymise, qos=1)


def said(topic: str, payload: Any, *, retain: bool = False) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(1, 1, 1, False, retain, topic, raw, NOW)


def readings(decoded: Decoded) -> list[Reading]:
    return [entry for entry in decoded.entries if isinstance(entry, Reading)]


def test_a_message_is_a_reading_of_its_device():
    decoded = decoder(device(points=TEMPERATURE)).decode(said("meters/meter", {"temp": 4}))

    assert decoded.entries == [
        Reading(device="meter", time=NOW, arrived=NOW, values={"temperature_c": 4.0}, origin=Origin.PUSH)
    ]


def test_messages_of_one_millisecond_have_an_instant_each():
    one = decoder(device(points=TEMPERATURE))

    def times(*arrivals: int) -> list[int]:
        return [
            reading.time - NOW
            for arrived in arrivals
            for reading in readings(one.decode(said("meters/meter", {"temp": 4})._replace(arrived=NOW + arrived)))
        ]

    assert times(0, 0, 0, 1, 2, 10) == [0, 1, 2, 3, 4, 10]
    assert times(10, 10, -5000, -5000) == [11, 12, -5000, -4999], "the clock was set back"


def test_a_time_of_the_devices_own_is_never_moved():
    one = decoder(device(points=TEMPERATURE, time=TRUSTED))
    message = said("meters/meter", {"temp": 4, "t": NOW - 7})

    assert [reading.time for _ in range(2) for reading in readings(one.decode(message))] == [NOW - 7] * 2


def test_one_message_can_be_for_several_devices():
    both = decoder(
        device("a", topic="site/+", points=TEMPERATURE),
        device("b", topic="site/box", points={"humidity_pct": {"json": "$.hum"}}),
    )

    decoded = both.decode(said("site/box", {"temp": 1, "hum": 2}))

    assert {reading.device: dict(reading.values) for reading in readings(decoded)} == {
        "a": {"temperature_c": 1.0},
        "b": {"humidity_pct": 2.0},
    }


def test_points_and_events_may_have_topics_of_their_own():
    lock = device(
        points={"locked": {"text": True, "topic": "lock", "map": {"LOCKED": True}}, "open": {"text": True}},
        events=[{"kind": "tamper", "topic": "alarm", "when": {"text": True, "is": "tamper"}}],
        topic="doors/{id}",
    )
    mapper = decoder(lock)

    assert set(mapper.wanted) == {"doors/meter", "doors/meter/lock", "doors/meter/alarm"}
    assert readings(mapper.decode(said("doors/meter/lock", b"LOCKED")))[0].values == {"locked": True}
    assert readings(mapper.decode(said("doors/meter", b"true")))[0].values == {"open": True}
    [event] = mapper.decode(said("doors/meter/alarm", b"tamper")).entries
    assert isinstance(event, Event)
    assert event.kind == "tamper"


def test_the_profiles_topic_is_appended():
    plug = device(topic="tele/plug", points=TEMPERATURE, profile={"topic": "SENSOR"})

    assert set(decoder(plug).wanted) == {"tele/plug/SENSOR"}


def test_a_retained_reading_says_so_and_a_retained_event_is_dropped():
    reader = decoder(device("reader", topic="r", events=[CARDS], points=TEMPERATURE))
    card = {"type": "access", "uid": "5a", "temp": 3}

    retained = reader.decode(said("r", card, retain=True))
    live = reader.decode(said("r", card))

    assert [type(entry) for entry in retained.entries] == [Reading]
    assert readings(retained)[0].origin is Origin.RETAINED
    assert retained.dropped_events == 1
    assert [type(entry) for entry in live.entries] == [Reading, Event]


@pytest.mark.parametrize(("own", "late"), [(NOW - LATE, False), (NOW - LATE - 1, True), (NOW + AHEAD_MS, False)])
def test_a_trusted_time_is_the_readings_time(own: int, *, late: bool):
    meter = decoder(device(points=TEMPERATURE, time=TRUSTED))

    [reading] = readings(meter.decode(said("meters/meter", {"temp": 1, "t": own})))

    assert (reading.time, reading.arrived, reading.late) == (own, NOW, late)


def test_a_time_too_far_ahead_quarantines_the_values_and_keeps_the_event():
    meter = decoder(device(points={**TEMPERATURE, "power_w": {"json": "$.p"}}, events=[CARDS], time=TRUSTED))

    decoded = meter.decode(said("meters/meter", {"type": "access", "temp": 1, "t": NOW + AHEAD_MS + 1}))

    [reading] = readings(decoded)
    assert (reading.time, dict(reading.values)) == (NOW, {})
    assert reading.missing == {"temperature_c": Missing.QUARANTINED, "power_w": Missing.NOT_REPORTED}
    assert decoded.entries[1].time == NOW


def test_the_devices_time_stands_before_the_profiles():
    meter = device(points=TEMPERATURE, time={**TRUSTED, "trusted": False}, profile={"time": TRUSTED})

    [reading] = readings(decoder(meter).decode(said("meters/meter", {"temp": 1, "t": NOW - 1000})))

    assert reading.time == NOW


def test_a_meter_that_goes_offline_is_a_reading_without_values():
    meter = device(points=TEMPERATURE, profile={"availability": {"topic": "availability"}})
    mapper = decoder(meter)

    [reading] = readings(mapper.decode(said("meters/meter/availability", b"offline", retain=True)))

    assert dict(reading.values) == {}
    assert reading.missing == {"temperature_c": Missing.TIMEOUT}
    assert mapper.decode(said("meters/meter/availability", b"online")).entries == []
    assert mapper.decode(said("meters/meter/availability", b"\xff")).entries == []


def test_a_reader_that_goes_offline_is_an_event_once_per_change():
    reader = device(
        "reader",
        device_class="access",
        events=[CARDS],
        availability={"topic": "status/{id}", "online": "true", "offline": "false", "json": "$.state"},
    )
    mapper = decoder(reader)

    kinds = [
        entry.kind
        for payload in (b"true", b"false", b'{"state": false}', b'{"state": true}', b"?", b"true")
        for entry in mapper.decode(said("status/reader", payload)).entries
        if isinstance(entry, Event)
    ]

    assert kinds == ["reader_online", "reader_offline", "reader_online"]


def test_what_is_for_nobody_or_empty_gives_nothing():
    mapper = decoder(device(points=TEMPERATURE))

    assert mapper.decode(said("elsewhere", {"temp": 1})) == Decoded([], False, False, 0)
    assert mapper.decode(said("meters/meter", b"")) == Decoded([], True, False, 0)


def test_a_point_that_does_not_fit_the_profiles_payload_is_refused():
    with pytest.raises(SettingsError, match="temperature_c does not fit"):
        decoder(device(points=TEMPERATURE, profile={"payload": "text"}))


def test_a_device_without_a_topic_is_refused():
    with pytest.raises(SettingsError, match="topic"):
        decoder(Device(id="x", name="x", connection="broker", device_class="water"))


@pytest.mark.parametrize(
    "shows",
    [
        {"points": {"card": {"json": "$.uid"}}},
        {"points": {"card": {"text": True}}},
        {"events": [CARDS, {"kind": "rex", "attributes": {"who": {"json": "$['uid']"}}}]},
        {"events": [CARDS, {"kind": "rex", "id": {"text": True}}]},
    ],
)
def test_a_device_that_would_keep_the_card_elsewhere_is_refused(shows: dict[str, Any]):
    with pytest.raises(SettingsError, match="would keep the credential"):
        decoder(device(**{"events": [CARDS], **shows}))


def test_what_else_a_reader_says_is_kept():
    one = decoder(device(events=[CARDS], points={"temperature_c": {"json": "$.temp"}}))

    assert one.decode(said("meters/meter", {"temp": 4})).entries


def test_values_that_their_device_does_not_stand_by_are_missing():
    points = {"open": {"json": "$.di1"}, "tamper": {"json": "$.di2"}}
    module = decoder(device(points=points, profile={"good": {"json": "$.q", "is": [192]}}))

    def said_with(payload: dict[str, Any]) -> Reading:
        [reading] = readings(module.decode(said("meters/meter", payload)))
        return reading

    assert said_with({"q": 192, "di1": True, "di2": False}).values == {"open": True, "tamper": False}
    assert said_with({"di1": True, "di2": False}).values == {"open": True, "tamper": False}
    for bad in (0, 24, "192 ", None, True):
        reading = said_with({"q": bad, "di1": True, "di2": "?"})
        if bad == "192 ":
            assert reading.values == {"open": True}
            continue
        assert reading.values == {}
        assert reading.missing == {"open": Missing.SENTINEL, "tamper": Missing.UNDECODABLE}


def test_a_reader_with_points_that_goes_off_line_says_both():
    reader = decoder(
        device(
            "reader",
            device_class="access",
            points={"open": {"json": "$.open"}},
            availability={"topic": "avty"},
        )
    )

    gone = reader.decode(said("avty", b"offline")).entries

    assert [type(entry) for entry in gone] == [Event, Reading]
    assert readings(Decoded(gone, True, False, 0))[0].missing == {"open": Missing.TIMEOUT}


@pytest.mark.parametrize("own", [None, NOW + 1000])
def test_the_word_that_a_device_is_gone_is_behind_all_that_it_said_before(own: int | None):
    meter = decoder(
        device(points=TEMPERATURE, time=TRUSTED, availability={"topic": "meters/meter/lwt"}),
    )
    told = [said("meters/meter", {"temp": number, "t": own}) for number in range(3)]

    entries = [
        entry
        for message in [*told, said("meters/meter/lwt", b"offline")]
        for entry in meter.decode(message).entries
    ]

    times = [entry.time for entry in entries if isinstance(entry, Reading)]
    assert len(times) == 4
    assert times[-1] > max(times[:-1])
    assert entries[-1].arrived == NOW


def test_a_clock_that_was_set_back_does_not_keep_a_word_in_the_future():
    meter = decoder(device(points=TEMPERATURE, availability={"topic": "meters/meter/lwt"}))
    meter.decode(said("meters/meter", {"temp": 1}))

    [gone] = meter.decode(said("meters/meter/lwt", b"offline")._replace(arrived=NOW - 3_600_000)).entries

    assert gone.time == NOW - 3_600_000
