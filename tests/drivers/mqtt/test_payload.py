import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.payload import MAX_TEXT, Body, PointGroup
from monitor.model import Missing
from tests.drivers.mqtt.site import point


def group(*, partial: bool = False, **points: dict[str, Any]) -> PointGroup:
    return PointGroup({name: point(name, **source) for name, source in points.items()}, partial=partial)


def decode(payload: bytes | str | None, **points: dict[str, Any]) -> Any:
    raw = payload.encode() if isinstance(payload, str) else payload
    return group(**points).decode(Body(raw))


TEMPERATURE = {"temperature_c": {"json": "$.temp"}}


def test_a_quantity_is_a_float_also_when_it_was_sent_whole():
    values, missing = decode('{"temp": 21}', **TEMPERATURE)

    assert values == {"temperature_c": 21.0}
    assert type(values["temperature_c"]) is float
    assert missing == {}


def test_nested_and_indexed_fields_are_found():
    values, _ = decode(
        '{"ENERGY": {"Power": [91, 92]}, "em:0": {"a_voltage": 229.5}}',
        power_l1_w={"json": "$.ENERGY.Power[0]"},
        power_l2_w={"json": "$.ENERGY.Power[1]"},
        voltage_l1_v={"json": "$['em:0'].a_voltage"},
    )

    assert values == {"power_l1_w": 91.0, "power_l2_w": 92.0, "voltage_l1_v": 229.5}


def test_scaling_and_bounds_are_applied():
    volume = {"json": "$.l", "divisor": 1000.0, "offset": 1.0, "valid": [0, 10]}

    assert decode('{"l": 4123}', volume_m3=volume) == ({"volume_m3": 5.123}, {})
    assert decode('{"l": 99999}', volume_m3=volume) == ({}, {"volume_m3": Missing.OUT_OF_RANGE})


@pytest.mark.fault(
    "odd value",
    part="MQTT",
    outcome="What is no number is missing with its reason; its neighbours in the message stay.",
)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("NaN", Missing.NAN),
        ("Infinity", Missing.NAN),
        ('"nan"', Missing.NAN),
        ("1e999", Missing.OUT_OF_RANGE),
        ('"1e999"', Missing.OUT_OF_RANGE),
        ("1" + "0" * 400, Missing.OUT_OF_RANGE),
        ("null", Missing.NOT_REPORTED),
        ("true", Missing.UNDECODABLE),
        ('"warm"', Missing.UNDECODABLE),
        ("[21]", Missing.UNDECODABLE),
        ("{}", Missing.UNDECODABLE),
        ('""', Missing.UNDECODABLE),
        ('"1_000"', Missing.UNDECODABLE),
    ],
)
def test_what_is_no_number_is_missing_with_its_reason_and_its_neighbour_stays(value: str, reason: Missing):
    values, missing = decode(f'{{"temp": {value}, "hum": 40}}', **TEMPERATURE, humidity_pct={"json": "$.hum"})

    assert missing == {"temperature_c": reason}
    assert values == {"humidity_pct": 40.0}


def test_a_number_that_scaling_makes_infinite_is_out_of_range():
    decoded = decode('{"temp": 1e308}', temperature_c={"json": "$.temp", "factor": 1000.0})

    assert decoded == ({}, {"temperature_c": Missing.OUT_OF_RANGE})


@pytest.mark.parametrize(
    "payload",
    [b"\xff\xfe\x00", b"not json", b"", b"[" * 100_000, b'{"temp": ', "{'temp': 1}".encode("utf-16"), None],
)
def test_what_cannot_be_read_is_undecodable_and_counted(payload: bytes | None):
    body = Body(payload)

    assert group(**TEMPERATURE).decode(body) == ({}, {"temperature_c": Missing.UNDECODABLE})
    assert body.broken


def test_a_message_of_another_kind_gives_nothing():
    assert decode('{"type": "heartbeat"}', **TEMPERATURE) is None
    assert decode("[1, 2]", **TEMPERATURE) is None
    assert decode("42", **TEMPERATURE) is None


def test_a_point_that_its_message_should_have_carried_is_not_reported():
    points = {**TEMPERATURE, "humidity_pct": {"json": "$.hum"}}

    assert decode('{"temp": 21}', **points) == ({"temperature_c": 21.0}, {"humidity_pct": Missing.NOT_REPORTED})


def test_a_partial_message_says_nothing_of_what_it_leaves_out():
    points = {**TEMPERATURE, "humidity_pct": {"json": "$.hum"}}

    assert group(partial=True, **points).decode(Body(b'{"temp": 21}')) == ({"temperature_c": 21.0}, {})


def test_an_omitted_field_has_its_meaning_where_its_object_is_there():
    leak = {"alarm": {"json": "$.object.leak", "omitted": False}}

    assert decode('{"object": {}}', **leak) == ({"alarm": False}, {})
    assert decode('{"object": {"leak": true}}', **leak) == ({"alarm": True}, {})
    assert decode('{"fPort": 1}', **leak) is None


def test_a_map_translates_text_and_other_values():
    door = {"json": "$.contact", "map": {"true": False, "false": True}}
    lock = {"json": "$.state", "map": {"LOCK": True, "UNLOCK": False, "1": True}}

    assert decode('{"contact": true, "state": "LOCK"}', open=door, locked=lock) == (
        {"open": False, "locked": True},
        {},
    )
    assert decode('{"contact": false, "state": 1}', open=door, locked=lock)[0] == {"open": True, "locked": True}
    assert decode('{"contact": 7, "state": "JAMMED"}', open=door, locked=lock) == (
        {},
        {"open": Missing.UNDECODABLE, "locked": Missing.UNDECODABLE},
    )


def test_plain_text_is_a_number_or_a_state():
    assert decode(" 12.5 \n", power_w={"text": True})[0] == {"power_w": 12.5}
    assert decode("open", open={"text": True, "map": {"open": True, "close": False}})[0] == {"open": True}
    assert decode("true", running={"text": True})[0] == {"running": True}
    assert decode("3", starts={"text": True})[0] == {"starts": 3}
    assert decode("off", power_w={"text": True}) == ({}, {"power_w": Missing.UNDECODABLE})


def test_pairs_are_found_by_their_key():
    points = {"voltage_l1_v": {"key": "v1"}, "power_w": {"key": "p"}, "mode": {"key": "mode"}}

    for payload in ('v1=230.1 p=-5 mode="eco"', "v1=230.1,p=-5,mode=eco", "mode=eco;v1=230.1&p=-5"):
        assert decode(payload, **points)[0] == {"voltage_l1_v": 230.1, "power_w": -5.0, "mode": "eco"}
    assert decode("nothing here", **points)[1] == dict.fromkeys(points, Missing.UNDECODABLE)


def test_texts_are_bounded_and_printable():
    mode = {"mode": {"json": "$.mode"}}

    assert decode(json.dumps({"mode": "节能"}), **mode)[0] == {"mode": "节能"}
    for bad in ("x" * (MAX_TEXT + 1), "a\x00b", "a\nb"):
        assert decode(json.dumps({"mode": bad}), **mode) == ({}, {"mode": Missing.UNDECODABLE})
    assert decode('{"mode": "\\ud800", "n": NaN}', **mode) == ({}, {"mode": Missing.UNDECODABLE})


def test_a_count_keeps_its_type_and_its_64_bits():
    starts = {"starts": {"json": "$.n"}}

    assert decode('{"n": 9007199254740993}', **starts)[0] == {"starts": 9007199254740993}
    assert decode('{"n": 18446744073709551615}', **starts) == ({}, {"starts": Missing.OUT_OF_RANGE})


POINTS = {
    "temperature_c": {"json": "$.temp"},
    "power_w": {"json": "$.list[1].w", "valid": [-5, 5]},
    "alarm": {"json": "$.alarm", "map": {"true": True}},
    "mode": {"json": "$.mode", "omitted": "auto"},
    "voltage_l1_v": {"key": "v"},
    "note": {"text": True},
}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["temp", "w", "list"]), inner),
    max_leaves=10,
)


@given(st.binary(max_size=200) | _JSON.map(lambda tree: json.dumps(tree).encode()))
def test_no_payload_raises_and_every_value_can_be_kept(payload: bytes):
    decoded = group(**POINTS).decode(Body(payload))

    values, missing = decoded or ({}, {})
    assert not set(values) & set(missing)
    for value in values.values():
        assert not isinstance(value, float) or math.isfinite(value)
        json.dumps(value).encode()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(True, True), (False, False), (1, True), (0.0, False), ("true", True), ("False", False), ("1", True)],
)
def test_a_state_is_true_or_false_however_it_is_sent(sent: object, *, kept: bool):
    assert decode(json.dumps({"x": sent}), open={"json": "$.x"}) == ({"open": kept}, {})


@pytest.mark.parametrize("sent", ["5a3fb1c2", "ajar", 2, -1, 0.5, [], {}])
def test_a_state_is_never_a_text_or_another_number(sent: object):
    assert decode(json.dumps({"x": sent}), open={"json": "$.x"}) == ({}, {"open": Missing.UNDECODABLE})
