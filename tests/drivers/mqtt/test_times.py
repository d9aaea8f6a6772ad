import json

import pytest
from pydantic import ValidationError

from drivers.mqtt.payload import Body
from drivers.mqtt.settings import PayloadTime
from drivers.mqtt.times import timestamp


def _time(form: str, raw: object, *, trusted: bool = True, **more: str) -> int | None:
    read = timestamp(PayloadTime.model_validate({"json": "$.t", "format": form, "trusted": trusted, **more}))
    return None if read is None else read(Body(json.dumps({"t": raw}).encode()))


@pytest.mark.parametrize(
    ("form", "raw", "expected"),
    [
        ("unix_s", 1605991375, 1605991375000),
        ("unix_s", "1605991375.25", 1605991375250),
        ("unix_ms", 1605991375123, 1605991375123),
        ("iso8601", "2022-07-18T09:34:15.775023242+00:00", 1658136855775),
        ("iso8601", "2022-07-18T09:34:15Z", 1658136855000),
        ("iso8601", "2020-02-12T15:15:45.787Z", 1581520545787),
        ("iso8601", "2022-07-18T09:34:15", None),
        ("unix_s", 12, None),
        ("unix_s", 946684812, None),
        ("unix_s", 1262304000, None),
        ("unix_s", True, None),
        ("unix_s", 1e300, None),
        ("unix_s", float("nan"), None),
        ("unix_ms", "soon", None),
        ("iso8601", "1111-11-11T11:11:11Z", None),
        ("iso8601", "yesterday", None),
        ("iso8601", 5, None),
    ],
)
def test_a_time_is_read_or_left(form: str, raw: object, expected: int | None):
    assert _time(form, raw) == expected


def test_a_time_that_is_not_trusted_is_not_read():
    assert _time("unix_s", 1605991375, trusted=False) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2021-07-26T09:11:00", 1627283460000),
        ("2025-01-11T23:10:38", 1736633438000),
        ("2025-01-11T23:10:38Z", 1736637038000),
        ("2025-10-26T02:30:00", None),
        ("2025-03-30T02:30:00", None),
        ("2025-10-26T03:30:00", 1761445800000),
    ],
)
def test_a_time_without_its_zone_is_read_where_the_zone_is_known_and_leaves_no_doubt(
    raw: str, expected: int | None
):
    assert _time("iso8601", raw, zone="Europe/Berlin") == expected


def test_it_can_be_said_that_no_time_is_to_be_trusted():
    assert timestamp(PayloadTime.model_validate({"trusted": False})) is None


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"trusted": True}, "format"),
        ({"json": "$.t"}, "format"),
        ({"format": "unix_s", "trusted": True}, "write one of"),
        ({"format": "unix_s"}, "write one of"),
        ({"json": "$.t", "format": "unix_s", "zone": "Europe/Berlin"}, "written out"),
        ({"json": "$.t", "format": "iso8601", "zone": "Europe/Nowhere"}, "time zone such as"),
        ({"json": "$.t", "format": "iso8601", "zone": "../etc/passwd"}, "time zone such as"),
    ],
)
def test_a_wrong_time_is_refused(block: dict[str, object], says: str):
    with pytest.raises(ValidationError, match=says):
        PayloadTime.model_validate(block)
