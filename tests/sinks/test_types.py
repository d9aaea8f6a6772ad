"""The table of types agrees with what the encoder really writes: InfluxDB is asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from monitor.health.hours import Hour, Hours
from monitor.health.judge import Minute
from monitor.journal.state import State
from monitor.model import Value
from monitor.schema import MEASUREMENT_HEALTH_HOUR
from monitor.sinks.influxdb import InfluxSink
from monitor.sinks.influxdb.types import access_types, main_types
from monitor.site import InfluxSettings
from monitor.zones import AccessSettings
from tests.servers.influxdb import InfluxServer
from tests.sinks.site import a_site, derived, event, reading, recorded, step


def _an_hour() -> Mapping[str, Value]:
    """What health says of ten minutes, a whole number where it can be one."""
    hours = Hours(["e-main"])
    said: list[Hour] = []
    for at in range(1, 11):
        minute = Minute(device="e-main", time=at * 60_000, up=True, state="answering", polls=1, errors=0, loss=0.0)
        said += hours.take(minute, 4, "timeout")
    return said[-1].values


async def test_every_type_of_the_table_is_the_one_that_is_written(
    settings: Callable[..., InfluxSettings], state: State, server: InfluxServer, database: str
):
    site = a_site(access=AccessSettings(pseudonyms=True))
    sink = InfluxSink(settings(), site, state)
    await sink.write(
        recorded(
            reading("e-main", power_w=1, voltage_l1_v=230, energy_import_kwh=7),
            reading("w-main", volume_m3=1, flow_m3h=2),
            replace(reading("leak"), values={"alarm": True, "battery_pct": 92}),
            replace(reading("pump"), values={"running": True, "fault": False}),
            replace(reading("front-door"), values={"open": True}),
            event("card", result="granted", credential="p-1", reason="Always"),
            event("tamper", device="leak"),
            step("raised", 1, source_key="e-main/power_w/label"),
            derived("device_health", {"polls": 3, "errors": 0}),
            derived("device_hourly", _an_hour()),
            derived("usage_daily", {"partial_i": 1, "weekday": 7, "week_before": 2.0, "below": 0.0}),
            derived("usage_hourly", {"partial_i": 1, "weekday": 1, "hour": 0, "week_before": 0.0}),
        )
    )
    await sink.close()

    for bucket, types in ((database, main_types(site)), (f"{database}-access", access_types())):
        rows = server.query("SHOW FIELD KEYS", bucket)
        names = {row["fieldKey"] for row in rows}
        for measurement in [row["name"] for row in server.query("SHOW MEASUREMENTS", bucket)]:
            has = {
                r["fieldKey"]: r["fieldType"]
                for r in server.query(f'SHOW FIELD KEYS FROM "{measurement}"', bucket)
            }
            wants = types[measurement]
            assert {name: wants[name] for name in has.keys() & wants.keys()} == {
                name: has[name] for name in has.keys() & wants.keys()
            }
            assert has.keys() & wants.keys(), (measurement, names)
            if measurement == MEASUREMENT_HEALTH_HOUR:
                assert has.keys() == wants.keys()
