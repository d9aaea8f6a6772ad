import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Command, Quality
from monitor.sinks.influxdb.encoder import Encoder
from monitor.sinks.influxdb.lines import Stamp
from monitor.sinks.influxdb.text import tag_set, text, value_fields
from monitor.zones import AccessSettings
from tests.sinks.lineprotocol import parse
from tests.sinks.site import NOW, a_site, derived, event, reading, recorded, step


def test_a_reading_is_one_line_with_its_tags_in_order():
    line = Encoder(a_site()).reading(reading("w-main", volume_m3=512.442, flow_m3h=0.37))

    assert line == (
        rb"water,site=hq,building=b1,zone=plant\ room,device=w-main,role=main,medium=cold "
        rb"volume_m3=512.442,flow_m3h=0.37,quality=0i 1795378523000"
    )


def test_empty_tags_are_left_out():
    line = Encoder(a_site()).reading(reading("leak", battery_pct=92))

    assert line is not None
    assert set(parse(line)[1]) == {"site", "building", "zone", "device"}


def test_measured_values_are_floats_whatever_was_sent():
    encoder = Encoder(a_site())

    for value in (4920, 4920.0, True):
        line = encoder.reading(reading("e-main", power_w=value, pf=1))
        assert line is not None
        fields = parse(line)[2]
        assert isinstance(fields["power_w"], float)
        assert isinstance(fields["pf"], float)


def test_a_state_is_a_boolean_and_a_number():
    line = Encoder(a_site()).reading(reading("front-door", open=False, locked=True, battery_pct=88))

    assert line is not None
    assert parse(line)[2] == {
        "open": False,
        "open_i": 0,
        "locked": True,
        "locked_i": 1,
        "battery_pct": 88.0,
        "quality": 0,
    }


def test_a_text_is_quoted_and_never_locks_a_number():
    line = Encoder(a_site()).reading(reading("e-main", serial_number='a "b"\\', power_w="high", pf=0.9))

    assert line is not None
    assert parse(line)[2] == {"serial_number": 'a "b"\\', "pf": 0.9, "quality": 0}


def test_what_is_not_finite_is_left_out():
    encoder = Encoder(a_site())
    line = encoder.reading(reading("e-main", power_w=math.nan, voltage_l1_v=230.0, x_w=math.inf, y_w=10**400))

    assert line is not None
    assert parse(line)[2] == {"voltage_l1_v": 230.0, "quality": 0}
    assert encoder.reading(reading("e-main", power_w=-math.inf)) is None


def test_large_integers_keep_their_size():
    line = Encoder(a_site()).reading(reading("e-main", energy_import_kwh=2**70))

    assert line is not None
    assert parse(line)[2]["energy_import_kwh"] == float(2**70)


def test_sums_that_overflow_do_not_lose_the_values():
    line = Encoder(a_site()).reading(reading("e-main", a_w=1.7e308, b_w=1.7e308))

    assert line is not None
    assert parse(line)[2]["b_w"] == 1.7e308


def test_a_failed_poll_and_a_device_that_is_gone_write_nothing():
    encoder = Encoder(a_site())

    assert encoder.reading(reading("e-main")) is None
    assert encoder.unknown == 0
    assert encoder.reading(reading("sold", power_w=1.0)) is None
    assert encoder.unknown == 1


def test_a_point_named_like_a_tag_does_not_become_one():
    line = Encoder(a_site()).reading(replace(reading("pump"), values={"zone": True, "quality": 3.0}))

    assert line is not None
    fields = parse(line)[2]
    assert fields["point_zone"] is True
    assert fields["point_quality"] == 3.0
    assert fields["quality"] == 0


def test_quality_is_a_number_of_the_whole_reading():
    line = Encoder(a_site()).reading(reading("e-main", quality=Quality.SUSPECT, power_w=1.0))

    assert line is not None
    assert line.endswith(b",quality=2i 1795378523000")


def test_partial_answers_of_all_shapes_stay_right():
    encoder = Encoder(a_site())
    points = [f"p{index}_w" for index in range(9)]

    for shape in range(1, 2**9):
        values = {point: float(bit) for bit, point in enumerate(points) if shape >> bit & 1}
        line = encoder.reading(reading("e-main", **values))
        assert line is not None
        assert parse(line)[2] == {**values, "quality": 0}


def test_derived_values_join_the_series_of_the_reading_and_leave_its_quality():
    encoder = Encoder(a_site())
    measured = encoder.reading(reading("e-main", power_w=1.0))
    line = encoder.derived(derived("electricity", {"energy_import_delta_kwh": 1}))

    assert measured is not None
    assert line is not None
    assert parse(line)[:2] == parse(measured)[:2]
    assert parse(line)[2] == {"energy_import_delta_kwh": 1.0}


def test_derived_counts_are_integers_by_the_table():
    line = Encoder(a_site()).derived(
        derived("device_health", {"up": True, "polls": 3, "poll_ms": 41, "state": "answering"}, protocol="modbus")
    )

    assert line is not None
    measurement, tags, fields, time = parse(line)
    assert (measurement, time) == ("device_health", NOW)
    assert list(tags) == ["site", "building", "zone", "device", "protocol"]
    assert fields == {"up": True, "up_i": 1, "polls": 3, "poll_ms": 41.0, "state": "answering"}
    assert isinstance(fields["polls"], int)
    assert isinstance(fields["poll_ms"], float)


def test_the_monitor_itself_is_tagged_by_instance_and_version():
    line = Encoder(a_site()).derived(
        derived("facility_monitor", {"readings": 5, "rss_mb": 61}, device="facility-monitor", version="0.1.0")
    )

    assert line == b"facility_monitor,instance=hq-1,version=0.1.0 readings=5i,rss_mb=61.0 1795378523000"


def test_access_goes_beside_the_rest_and_names_nobody():
    batch = recorded(event("card", result="granted", reason="Always", credential="p-3f2a"))
    encoded = Encoder(a_site()).encode(batch, {batch[0].position: Stamp(time=NOW)})

    assert not encoded.main.texts
    assert encoded.access.texts == [
        (
            b"access,site=hq,building=b1,zone=entrance,device=front-reader,direction=in,result=granted "
            b'event="card",reason="Always",count=1i,seq=1i,late_i=0i 1795378523000'
        )
    ]


def test_pseudonyms_go_out_where_the_site_asks_for_them():
    batch = recorded(event("card", result="denied", credential="p-3f2a"))
    encoded = Encoder(a_site(access=AccessSettings(pseudonyms=True))).encode(
        batch, {batch[0].position: Stamp(time=NOW)}
    )

    assert parse(encoded.access.texts[0])[2]["credential"] == "p-3f2a"


def test_other_events_say_what_they_know_but_no_credential():
    batch = recorded(event("tamper", device="leak", level=3, note="ü", credential="p-1"))
    encoded = Encoder(a_site()).encode(batch, {batch[0].position: Stamp(time=NOW)})

    measurement, tags, fields, _ = parse(encoded.main.texts[0])
    assert (measurement, tags["kind"]) == ("events", "tamper")
    assert fields == {"detail": '{"level":3,"note":"ü"}', "count": 1, "seq": 1, "late_i": 0}


def test_a_door_says_why_it_opened_and_how_long_it_stood_open():
    opened = event(
        "opened", device="front-reader", door="front-door", cause="card", reader="front-reader", card="7"
    )
    closed = event("closed", device="front-reader", door="front-door", open_s=12.5)
    batch = recorded(opened, closed)
    encoded = Encoder(a_site()).encode(batch, {each.position: Stamp(time=NOW) for each in batch})

    first, second = (parse(line)[2] for line in encoded.access.texts)
    assert first | {"event": "opened", "door": "front-door", "cause": "card"} == first
    assert "card" not in first
    assert (second["event"], second["open_s"]) == ("closed", 12.5)


def test_what_comes_out_of_a_readers_memory_is_marked_late():
    late = replace(event("card", result="granted"), time=NOW - 120_001)
    just = replace(event("card", result="granted"), time=NOW - 120_000)
    batch = recorded(late, just)
    encoded = Encoder(a_site()).encode(batch, {each.position: Stamp(time=NOW) for each in batch})

    assert [parse(line)[2]["late_i"] for line in encoded.access.texts] == [1, 0]


def test_hostile_results_do_not_become_tags():
    batch = recorded(event("card", result="granted\nsite=x", direction="../"))
    encoded = Encoder(a_site()).encode(batch, {batch[0].position: Stamp(time=NOW)})

    tags = parse(encoded.access.texts[0])[1]
    assert "result" not in tags
    assert tags["direction"] == "in"


def test_an_alarm_says_everything_a_dashboard_shows():
    batch = recorded(step("raised", 1))
    encoded = Encoder(a_site()).encode(batch, {batch[0].position: Stamp(time=NOW, start=NOW)})

    measurement, tags, fields, time = parse(encoded.main.texts[0])
    assert (measurement, time) == ("alarms", NOW)
    assert list(tags) == ["site", "building", "zone", "device", "rule", "point"]
    assert fields == {
        "severity": "high",
        "severity_i": 3,
        "state": "active",
        "active": True,
        "active_i": 1,
        "response": "unacked",
        "suppression": "",
        "cause": "raised",
        "title": "High power: E main",
        "text": "b1, plant room; power_w 6100 W (limit 6000 W)",
        "tags": "high,high-power",
        "value": 6100.0,
        "threshold": 6000.0,
        "occurrence": "o-1",
        "start_ms": NOW,
        "since_s": 0.0,
        "end_ms": 0,
    }


def test_an_alarm_about_the_device_has_no_point_and_keeps_its_labels():
    batch = recorded(step("raised", 1, source_key="e-main/unit:7/x", rule="gone", value=None, limit=math.inf))
    encoded = Encoder(a_site()).encode(batch, {batch[0].position: Stamp(time=NOW)})

    _, tags, fields, _ = parse(encoded.main.texts[0])
    assert "point" not in tags
    assert fields["source"] == "unit:7/x"
    assert fields["title"] == "gone: E main"
    assert "since_s" not in fields, "the start is not known"
    assert "value" not in fields
    assert "threshold" not in fields


def test_commands_are_not_written():
    batch = recorded(Command(id="1", time=NOW, by="ana", kind="ack", target="o-1"))
    encoded = Encoder(a_site()).encode(batch, {})

    assert not encoded.main.texts
    assert not encoded.access.texts


_TEXTS = st.text(max_size=40) | st.text(alphabet='\\", =\n\r\ta#', max_size=12)


@given(_TEXTS)
def test_any_text_comes_back_from_its_field(value: str):
    line = b"m s=%b 1" % text(value)

    assert parse(line)[2]["s"] == value.replace("\0", "").encode("utf-8", "replace").decode()


@given(_TEXTS)
def test_any_tag_stays_one_tag_on_one_line(value: str):
    tags = tag_set([("building", value), ("zone", "z")])
    line = b"m%b v=1 1" % tags

    found = parse(line)[1]
    assert found.pop("zone") == "z"
    assert set(found) <= {"building"}
    assert found.get("building") != ""
    assert b"\n" not in line
    assert b"\\" not in line.replace(b"\\,", b"").replace(b"\\=", b"").replace(b"\\ ", b"")
    if value.isprintable() and "\\" not in value:
        assert found.get("building", "") == value.strip()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_bit_for_bit(value: float):
    line = Encoder(_SITE).reading(reading("e-main", power_w=value))
    slow = value_fields("power_w", value)

    assert line is not None
    assert slow is not None
    assert parse(line)[2]["power_w"] == value
    assert float(slow.split(b"=")[1]) == value


_SITE = a_site()
