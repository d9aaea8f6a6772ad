"""What the overview shows of a day and a half of known data, on a real InfluxDB."""

import json
import math
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from monitor.grafana import dashboards
from monitor.grafana.__main__ import main
from tests.grafana.day import BEGIN, END, MIDNIGHT, energy, fill_day, ms
from tests.grafana.filled import filled
from tests.grafana.substitute import substitute
from tests.servers.influxdb import InfluxServer

_FOLDER = Path(config.__file__).parent / "grafana"
_SHIPPED = json.loads((_FOLDER / "dashboards" / "overview.json").read_text("utf-8"))

_ALL = {"site": ".*", "building": ".*"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with filled(tmp_path_factory, "day", fill_day) as server:
        yield server


def _range(time_from: str | None) -> tuple[int, int]:
    start = {None: BEGIN, "now/d": MIDNIGHT, "30d": END - timedelta(days=30)}[time_from]
    return ms(start), ms(END)


def _database(source: dict[str, Any]) -> str:
    return {"${datasource}": "facility", "${access}": "facility-access"}[source["uid"]]


def _ask(server: InfluxServer, title: str, ref: str = "A", **chosen: str) -> list[dict[str, Any]]:
    [panel] = [panel for panel in _SHIPPED["panels"] if panel["title"] == title]
    [target] = [target for target in panel["targets"] if target["refId"] == ref]
    start, end = _range(panel.get("timeFrom"))
    query = substitute(target["query"], start, end, {**_ALL, **chosen})
    return server.query(query, _database(target["datasource"]))


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

    counted = sum(b - a for a, b in pairwise(energy(minute) for minute in range(36 * 60)) if b >= a)
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
