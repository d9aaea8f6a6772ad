"""Which entries each sink writes: `kinds` and `only`."""

from collections.abc import Collection

import pytest

from monitor.journal.state import State
from monitor.model import Command, Entry
from monitor.schema import CLASSES, DERIVED_TAGS, MONITOR_DEVICE
from monitor.sinks.filter import kind_of, make_filter
from monitor.sinks.influxdb import InfluxSink
from monitor.site import InfluxSettings, SinkFilter
from tests.servers.http import WebServer
from tests.sinks.site import NOW, a_site, derived, event, reading, recorded, step

COMMAND = Command(id="c", time=NOW, by="ana", kind="acknowledge", target="o")


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (reading("e-main", power_w=1.0), "readings"),
        (derived("electricity", {"energy_import_delta_kwh": 1.0}), "readings"),
        (derived("door", {"held": True}), "readings"),
        (derived("usage_daily", {"amount": 1.0}), "usage"),
        (derived("device_health", {"up": True}), "health"),
        (derived("device_hourly", {"up_pct": 100.0}), "health"),
        (derived("facility_monitor", {"rss_mb": 1.0}), "monitor"),
        (derived("occupancy", {"count": 1}), "access"),
        (derived("supply", {"state": "present"}), "events"),
        (event("card", result="granted"), "access"),
        (event("tamper"), "events"),
        (event("health"), "events"),
        (step("raised", "active"), "alarms"),
        (COMMAND, ""),
    ],
)
def test_every_entry_belongs_to_one_kind(entry: Entry, kind: str):
    assert kind_of(entry) == kind


def test_every_measurement_that_is_derived_has_a_kind_that_is_meant():
    kinds = {name: kind_of(derived(name, {"x": 1.0})) for name in (*DERIVED_TAGS, *CLASSES)}

    assert {name for name, kind in kinds.items() if kind == "readings"} == set(CLASSES)


def test_without_a_filter_there_is_nothing_to_ask():
    assert make_filter(SinkFilter()) is None


@pytest.mark.parametrize(
    ("devices", "kinds", "left"),
    [
        ({"e-main"}, None, [0, 2, 3, 4]),
        (None, {"readings"}, [0, 1]),
        ({"w-main"}, {"readings", "monitor"}, [1, 4]),
        ({"e-main"}, {"access"}, [3]),
        (set(), None, [3, 4]),
    ],
)
def test_devices_and_kinds_are_both_asked_and_the_site_as_a_whole_has_no_device(
    devices: Collection[str] | None, kinds: Collection[str] | None, left: list[int]
):
    entries = [
        reading("e-main", power_w=1.0),
        reading("w-main", flow_m3h=1.0),
        step("raised", "active"),
        derived("occupancy", {"count": 1}, device=MONITOR_DEVICE),
        derived("facility_monitor", {"rss_mb": 1.0}, device=MONITOR_DEVICE),
    ]
    takes = make_filter(
        SinkFilter(
            devices=None if devices is None else frozenset(devices),
            kinds=None if kinds is None else frozenset(kinds),
        )
    )

    assert takes is not None
    assert [number for number, entry in enumerate(entries) if takes(entry)] == left


async def test_what_is_left_out_is_no_rejection_and_asks_the_server_nothing(state: State):
    with WebServer() as web:
        web.otherwise = 204
        chosen = SinkFilter(devices=frozenset({"e-main"}))
        sink = InfluxSink(InfluxSettings(url=web.url, api="v2", filter=chosen), a_site(), state)
        await sink.write(recorded(reading("w-main", flow_m3h=1.0)))
        silent = len(web.requests)
        await sink.write(recorded(reading("e-main", power_w=1.0), reading("w-main", flow_m3h=1.0)))
        await sink.close()

    assert silent == 0
    assert [request.body.count(b"\n") for request in web.requests] == [0]
    assert (sink.status()["left_out"], sink.status()["lines"]) == (2, 1)
    assert "leave it out" in sink.unwritable(reading("w-main", flow_m3h=1.0))
    assert sink.unwritable(reading("e-main", power_w=1.0)) == ""
