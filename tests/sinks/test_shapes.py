import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Value
from monitor.schema import DERIVED_TAGS, INTEGER_FIELDS, READING_TAGS
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.places import Places
from monitor.sinks.influxdb.shapes import Shapes
from monitor.sinks.influxdb.text import field_key, name, tag_set, text, value_fields
from tests.sinks.lineprotocol import parse
from tests.sinks.site import NOW, a_site, derived, reading

_SITE = a_site()
_KEYS = st.sampled_from(
    [
        "power_w",
        "pf",
        "open",
        "battery_pct",
        "state",
        "serial",
        "zone",
        "quality",
        "100%",
        "a b",
        "polls",
        "errors",
    ]
)
_NUMBERS = st.floats() | st.integers() | st.integers(-(2**70), 2**70) | st.just(10**400)
_SHORT = st.text(max_size=10) | st.text(alphabet='\\", =\n\0null', max_size=70)
_VALUES = st.dictionaries(_KEYS, _NUMBERS | st.booleans() | _SHORT, max_size=8)
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["tenant", "utility", "currency", "pf", "protocol"]), _SHORT, max_size=4
).map(lambda found: dict(sorted(found.items())))  # equal ones may be written in the order of those before
_MEASUREMENTS = st.sampled_from(["electricity", "device_health", "usage_hourly", "occupancy", "new"])

_READINGS = Shapes()
_DERIVED = {measurement: Shapes(measurement) for measurement in ("electricity", "device_health", "occupancy")}
_ENCODER = Encoder(_SITE)
"""These stay from example to example, so that what was learnt from one writes the next."""


@given(_VALUES)
def test_a_shape_writes_readings_as_they_are_written_one_field_after_the_other(values: dict[str, Value]):
    written, slow = _READINGS.write(values), _READINGS.write_each(values)

    if written != slow:  # whole numbers beside nothing but numbers go without their .0
        assert {type(value) for value in values.values()} <= {int, float}
        assert int in map(type, values.values())
        assert _parsed(written) == _parsed(slow)
        assert {key: type(value) for key, value in _parsed(written).items()} == dict.fromkeys(_parsed(slow), float)


@given(st.sampled_from(sorted(_DERIVED)), _VALUES)
def test_a_shape_writes_what_was_derived_as_it_is_written_one_field_after_the_other(
    measurement: str, values: dict[str, Value]
):
    assert _DERIVED[measurement].write(values) == _DERIVED[measurement].write_each(values)


@given(_MEASUREMENTS, st.sampled_from(["e-main", "gate", "sold"]), _VALUES, _ATTRIBUTES)
def test_a_derived_entry_is_one_line_of_its_series_whatever_was_written_before(
    measurement: str, device: str, values: dict[str, Value], attributes: dict[str, str]
):
    line = _ENCODER.derived(derived(measurement, values, device, **attributes))

    assert line == _by_hand(measurement, device, values, attributes)


def _by_hand(measurement: str, device: str, values: dict[str, Value], attributes: dict[str, str]) -> bytes | None:
    names = DERIVED_TAGS.get(measurement, READING_TAGS)
    tags = tag_set((each, attributes.get(each) or Places(_SITE).tag(each, device)) for each in names)
    whole = INTEGER_FIELDS.get(measurement, frozenset())
    fields = []
    for key, value in values.items():
        if key not in whole:
            fields.append(value_fields(key, value))
        elif not isinstance(value, str) and -(2.0**63) <= _finite(value) < 2.0**63:
            fields.append(b"%b=%di" % (name(key), int(value)))
    for key, said in attributes.items():
        if key not in names and key not in values:
            fields.append(b"%b=%b" % (field_key(key), text(said)))
    written = b",".join(field for field in fields if field)
    return b"%b%b %b %d" % (name(measurement), tags, written, NOW) if written else None


def _finite(value: float) -> float:
    try:
        return float(value) if math.isfinite(value) else 2.0**63
    except OverflowError:
        return 2.0**63


def _parsed(fields: bytes) -> dict[str, Any]:
    return parse(b"m %b 1" % fields)[2]


@pytest.mark.parametrize("values", [{"power_w": 1.5, "pf": 2}, {"open": True, "state": "held", "pf": 0.9}])
def test_a_line_stays_right_after_a_thousand_other_shapes(values: dict[str, Value]):
    encoder = Encoder(_SITE)
    before = encoder.reading(reading("e-main", **values))

    for number in range(1100):
        line = encoder.reading(reading("e-main", **{f"p{number}_w": 1.0}))
        assert line is not None
        assert parse(line)[2] == {f"p{number}_w": 1.0, "quality": 0}
    assert encoder.reading(reading("e-main", **values)) == before
