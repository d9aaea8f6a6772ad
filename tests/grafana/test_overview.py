"""Every query of the shipped dashboard, as Grafana sends it, on a real InfluxDB with a day and a half of data."""

import asyncio
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from monitor import schema
from monitor.grafana import dashboards
from monitor.grafana.__main__ import main
from monitor.journal.state import State
from monitor.metering.account import Account
from monitor.metering.beside import beside
from monitor.model import Entry, Reading
from monitor.sinks.influxdb import InfluxSink
from monitor.site import Counter, InfluxSettings, Point
from tests.grafana.substitute import substitute
from tests.servers.influxdb import InfluxServer, influxdb
from tests.sinks.site import a_site, event, reading, recorded, step

_FOLDER = Path(config.__file__).parent / "grafana"
_SHIPPED = json.loads((_FOLDER / "dashboards" / "overview.json").read_text("utf-8"))

_MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
_FROM = _MIDNIGHT - timedelta(hours=24)
_TO = _MIDNIGHT + timedelta(hours=12)
_MINUTE = 60_000
_ALL = {"site": ".*", "building": ".*"}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _energy(minute: int) -> float:
    """A meter that is swapped at noon of the first day for one that shows 4000 kWh."""
    return 10_000.0 + minute * 0.5 if minute < 720 else 4_000.0 + (minute - 720) * 0.5


def _entries() -> Iterator[Entry]:
    """What was read, and what metering writes beside it."""
    accounts = {}
    for device, point in (("e-main", "energy_import_kwh"), ("w-main", "volume_m3"), ("g-main", "volume_m3")):
        known = a_site().devices[device]
        metered = Point(name=point, unit=schema.point_unit(point), counter=Counter())
        known = replace(known, scan={"fast": 60.0}, points={**known.points, point: metered})
        accounts[device] = known, Account(known, point, is_billed=True)
    for entry in _read():
        yield entry
        if isinstance(entry, Reading) and entry.device in accounts:
            device, account = accounts[entry.device]
            account.take(entry.time, float(entry.values[account.point]), entry.arrived, by_hand=False)
            derived = beside(device, [account], entry.time)
            if derived is not None:
                yield derived


def _read() -> Iterator[Entry]:
    for minute in range(36 * 60):
        time = _ms(_FROM) + minute * _MINUTE
        power = 5000.0 + 1000.0 * math.sin(minute / 200)
        yield reading(
            "e-main",
            time,
            power_w=power,
            energy_import_kwh=_energy(minute),
            voltage_l1_v=230.0,
            voltage_l2_v=229.0,
            voltage_l3_v=190.0 if minute == 2159 else 231.0,
        )
        yield reading("e-shop", time, power_w=700.0, energy_import_kwh=minute * 0.01)
        yield reading("w-main", time, volume_m3=500.0 + minute * 0.01, flow_m3h=0.6)
        yield reading("g-main", time, volume_m3=8000.0 + minute * 0.02)
        yield reading("leak", time, alarm=minute >= 2000, battery_pct=90)
        yield reading("pump", time, running=True, fault=False)
        yield reading("front-door", time, open=minute % 60 == 0)
        yield reading("gate", time, open=minute % 60 > 0)
    noon = _ms(_MIDNIGHT) + 6 * 3_600_000
    yield step("raised", 1, time=noon)
    yield step("acknowledged", 2, time=noon + 60_000)
    yield step("cleared", 3, time=noon + 120_000)
    yield step("raised", 1, time=noon + 180_000, occurrence="o-2")
    yield step(
        "raised", 1, time=noon, occurrence="o-3", condition="clear", rule="door-forced", source_key="front-door"
    )
    for hour in range(6):
        yield event("opened", _ms(_MIDNIGHT) + hour * 3_600_000, device="front-door")
        yield event("card", _ms(_MIDNIGHT) + hour * 3_600_000, result="granted")
    yield event("forced", noon, device="front-door")
    yield event("card", noon, result="denied", reason="Expired")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influxdb(tmp_path_factory.mktemp("influxdb"), auth=False) as server:
        server.create("facility", "facility-access")
        asyncio.run(_fill(server, tmp_path_factory.mktemp("state")))
        yield server


async def _fill(server: InfluxServer, folder: Path) -> None:
    state = State.open(folder / "state.db")
    sink = InfluxSink(InfluxSettings(url=server.url), a_site(), state)
    batch = recorded(*_entries())
    for begin in range(0, len(batch), 5000):
        await sink.write(batch[begin : begin + 5000])
    await sink.close()
    await state.close()


def _range(time_from: str | None) -> tuple[int, int]:
    start = {None: _FROM, "now/d": _MIDNIGHT, "30d": _TO - timedelta(days=30)}[time_from]
    return _ms(start), _ms(_TO)


def _database(source: dict[str, Any]) -> str:
    return {"${datasource}": "facility", "${access}": "facility-access"}[source["uid"]]


def _panels() -> list[Any]:
    return [
        pytest.param(panel, target, id=f"{panel['title']}-{target['refId']}")
        for panel in _SHIPPED["panels"]
        for target in panel["targets"]
    ]


def _ask(server: InfluxServer, title: str, ref: str = "A", **chosen: str) -> list[dict[str, Any]]:
    [panel] = [panel for panel in _SHIPPED["panels"] if panel["title"] == title]
    [target] = [target for target in panel["targets"] if target["refId"] == ref]
    start, end = _range(panel.get("timeFrom"))
    query = substitute(target["query"], start, end, {**_ALL, **chosen})
    return server.query(query, _database(target["datasource"]))


@pytest.mark.parametrize(("panel", "target"), _panels())
def test_every_query_of_every_panel_answers(server: InfluxServer, panel: dict[str, Any], target: dict[str, Any]):
    start, end = _range(panel.get("timeFrom"))
    rows = server.query(substitute(target["query"], start, end, _ALL), _database(target["datasource"]))

    if target["alias"] != "held":  # nothing of that kind happened
        assert rows
        assert "time" in rows[0]
        for name in _aliased(target["alias"]):
            assert name in rows[0]


def _aliased(alias: str) -> list[str]:
    return [word.removeprefix("$tag_") for word in alias.split() if word.startswith("$tag_")]


@pytest.mark.parametrize("variable", ["site", "building"])
def test_the_variables_list_what_there_is(server: InfluxServer, variable: str):
    [found] = [each for each in _SHIPPED["templating"]["list"] if each["name"] == variable]
    query = substitute(found["query"], 0, 0, _ALL)

    assert "time > now()" in query
    rows = server.query(query, _database(found["datasource"]))
    assert {row["value"] for row in rows} == {{"site": "hq", "building": "b1"}[variable]}


def test_the_annotations_mark_alarms_from_start_to_end(server: InfluxServer):
    [annotation] = _SHIPPED["annotations"]["list"]
    target = annotation["target"]
    rows = server.query(substitute(target["query"], *_range(None), _ALL), _database(annotation["datasource"]))

    assert len(rows) == 3
    columns = {target[key] for key in ("titleColumn", "textColumn", "tagsColumn", "timeEndColumn")}
    assert columns <= rows[0].keys()
    ended = {row["tags"]: row[target["timeEndColumn"]] - row["time"] for row in rows if row["end_ms"]}
    assert ended == {"high,high-power": 120_000, "high,door-forced": 0}


def test_the_newest_voltage_of_each_phase_is_shown(server: InfluxServer):
    shown = [_ask(server, "Supply", ref)[0]["last"] for ref in "ABC"]

    assert shown == [230.0, 229.0, 190.0]


def test_power_now_adds_up_the_main_meters_alone(server: InfluxServer):
    [row] = _ask(server, "Power now")

    assert row["sum"] == pytest.approx(5000.0 + 1000.0 * math.sin(2159 / 200))


def test_today_counts_from_midnight(server: InfluxServer):
    assert _ask(server, "Electricity today")[0]["sum"] == pytest.approx(720 * 0.5)
    assert _ask(server, "Water today")[0]["sum"] == pytest.approx(720 * 0.01)
    assert _ask(server, "Gas today")[0]["sum"] == pytest.approx(720 * 0.02)
    assert _ask(server, "Water flow now")[0]["sum"] == pytest.approx(0.6)


def test_a_swapped_meter_does_not_count_its_register(server: InfluxServer):
    rows = _ask(server, "Electricity per hour")

    counted = sum(b - a for a, b in pairwise(_energy(minute) for minute in range(36 * 60)) if b >= a)
    assert counted == pytest.approx(2158 * 0.5)
    assert sum(row["value"] for row in rows) == pytest.approx(counted)
    assert len(rows) == 36
    assert max(row["value"] for row in rows) == pytest.approx(30.0)


def test_open_alarms_are_those_that_last_or_wait_for_somebody(server: InfluxServer):
    rows = _ask(server, "Open alarms")

    assert list(rows[0]) == ["time", "severity", "title", "text", "response", "start_ms"]
    assert {(row["title"], row["response"]) for row in rows} == {
        ("High power: E main", "unacked"),
        ("door-forced: E main", "unacked"),
    }


def test_detectors_and_doors_show_what_they_said_last(server: InfluxServer):
    assert [(row["device"], row["last"]) for row in _ask(server, "Leak, gas and smoke detectors")] == [("leak", 1)]
    assert [(row["device"], row["last"]) for row in _ask(server, "Pumps, lifts, equipment")] == [("pump", 0)]
    assert [(row["device"], row["last"]) for row in _ask(server, "Doors now")] == [
        ("front-door", 0),
        ("gate", 1),
    ]


def test_what_has_no_building_is_there_when_all_are_chosen(server: InfluxServer):
    assert "gate" not in {row["device"] for row in _ask(server, "Doors now", building="b1")}
    assert "gate" in {row["device"] for row in _ask(server, "Doors now")}


def test_doors_are_counted_since_midnight(server: InfluxServer):
    counts = {ref: _ask(server, "Doors today", ref) for ref in "ABCD"}

    assert [rows[0]["sum"] if rows else 0 for rows in counts.values()] == [6, 1, 0, 1]
    cards = _ask(server, "Cards per hour")
    assert sum(row["sum"] for row in cards if row["result"] == "granted") == 6
    assert sum(row["sum"] for row in cards if row["result"] == "denied") == 1


def test_a_chosen_site_hides_the_others(server: InfluxServer):
    assert _ask(server, "Power now", site="hq")
    assert _ask(server, "Power now", site="elsewhere") == []
    assert _ask(server, "Power now", building="b2") == []


def test_the_committed_dashboards_are_those_that_are_built(tmp_path: Path):
    main(tmp_path)

    built = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    committed = {file.name: file.read_text("utf-8") for file in (_FOLDER / "dashboards").iterdir()}
    assert committed == built == dict(dashboards())


def test_the_dashboard_says_what_grafana_would_otherwise_guess():
    ids = [panel["id"] for panel in _SHIPPED["panels"]]

    assert 39 <= _SHIPPED["schemaVersion"] <= 42
    assert len(ids) == len(set(ids))
    for panel in _SHIPPED["panels"]:
        assert panel["description"]
        if panel["type"] == "stat":
            assert panel["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"] is True


def test_panels_do_not_lie_over_each_other():
    cells = [
        (x, y)
        for panel in _SHIPPED["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_queries_stay_in_the_subset_that_all_servers_know():
    text = json.dumps(_SHIPPED).lower()

    for word in ("spread(", "slimit", ' on \\"', "time(1mo)", "into "):
        assert word not in text
    assert 'mean(\\"open\\")' not in text
    for panel in _SHIPPED["panels"]:
        for target in panel["targets"]:
            assert target["query"].count("$timeFilter") == target["query"].count("SELECT")


def test_measurements_of_the_queries_are_those_that_are_written():
    known = {*schema.CLASSES, schema.MEASUREMENT_ACCESS, schema.MEASUREMENT_ALARMS}

    for panel in _SHIPPED["panels"]:
        for target in panel["targets"]:
            assert target["query"].split('FROM "')[1].split('"')[0] in known


def test_provisioning_names_what_the_dashboard_looks_for():
    provisioning = _FOLDER / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "facility-monitor.yaml").read_text())
    providers = yaml.safe_load((provisioning / "dashboards" / "facility-monitor.yaml").read_text())

    names = [source["name"] for source in sources["datasources"]]
    assert names == ["Facility", "Facility (access)"]
    for source in sources["datasources"]:
        assert source["jsonData"]["timeInterval"]
        assert source["secureJsonData"]["password"].startswith("$")
    assert providers["providers"][0]["options"]["path"] == "$FACILITY_DASHBOARDS"
