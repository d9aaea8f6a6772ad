"""The data sources that `influx setup` and `grafana export` make, on a real InfluxDB that asks for passwords.

Whoever may ask in Grafana asks anything he likes in the name of the data source: what he gets is what the data
source's user may read.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from monitor.sinks.influxdb.client import InfluxClient
from monitor.site import InfluxSettings
from tests.cli.running import within
from tests.grafana.answers.dashboards import Answers
from tests.grafana.answers.ranges import Range
from tests.grafana.answers.source import QueryFailed, Source
from tests.servers.influxdb import ADMIN, PASSWORD, influxdb

SITE = """\
site: {{id: hq, timezone: Europe/Berlin}}
connections:
  - {{id: bus, modbus: {{transport: tcp, host: 127.0.0.1, port: 1502}}}}
sinks:
  influxdb: {{url: "{url}", bucket: facility, token: !secret influxdb}}
"""
NOON = (datetime.now(UTC) - timedelta(hours=12)).replace(hour=12, minute=0, second=0, microsecond=0)
"""The newest that is over: nothing is ahead of the server's clock, and no day begins in the minute before."""
NOW = int(NOON.timestamp() * 1000)
PLACE = "site=hq,building=b,zone=z,device=front"
LINES = {
    "facility": f"""\
door,{PLACE} state="open",open=true,open_i=1i {NOW - 60_000}
occupancy,site=hq,zone=z count=3i,known=1i {NOW - 60_000}
alarms,{PLACE},rule=held title="Held",text="",tags="",end_ms=0i,cause="raised",severity_i=3i {NOW - 60_000}""",
    "facility-access": f"""\
access,{PLACE},direction=in,result=granted event="card",reason="",count=1i,late_i=0i {NOW - 60_000}
access,{PLACE} event="forced",cause="none",count=1i {NOW - 30_000}""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What both commands have written, on a server with a door in it."""
    found = tmp_path_factory.mktemp("readers")
    server_files = tmp_path_factory.mktemp("influxdb")
    with influxdb(server_files) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFLUX_ADMIN", f"{ADMIN}:{PASSWORD}")
        (found / "site.yaml").write_text(SITE.format(url=server.url))
        assert within("influx", "setup", found, "--admin-env", "INFLUX_ADMIN").code == 0
        ran = within("grafana", "export", found / "out", found, "--all")
        assert ran.code == 0, ran.err
        assert "is not in" not in ran.out
        client = InfluxClient(
            InfluxSettings(url=server.url, token=(found / "secrets/influxdb").read_text().strip())
        )
        for database, lines in LINES.items():
            client.write(database, lines.encode(), lines=lines.count("\n") + 1)
        client.close()
        yield found


@pytest.fixture
def source(folder: Path) -> Source:
    """Both data sources, with the environment in place as Grafana puts it."""
    known = dict(line.split("=", 1) for line in (folder / "grafana.env").read_text().splitlines())
    text = (folder / "out/provisioning/datasources/facility-monitor.yaml").read_text()
    data, access = yaml.safe_load(re.sub(r"\$(\w+)", lambda found: known[found[1]], text))["datasources"]
    users = {
        name: f"{each['user']}:{each['secureJsonData']['password']}"
        for name, each in (("datasource", data), ("access", access))
    }
    databases = {"datasource": data["jsonData"]["dbName"], "access": access["jsonData"]["dbName"]}
    return Source(data["url"], databases, users=users, now=NOW)


def test_the_dashboard_of_doors_has_what_it_needs_from_both(folder: Path, source: Source) -> None:
    dashboard = json.loads((folder / "out/dashboards/access/access.json").read_text("utf-8"))
    board = Answers(dashboard, source, Range(start=dashboard["time"]["from"], now=NOON))
    shown = {panel["title"]: board.answer(panel) for panel in board.panels()}

    assert board.options("site") == ["hq"]
    assert board.options("device") == ["front"]
    assert len(board.marks()) == 1
    for title in ("Open now", "People inside", "Doors, the last day", "Forced today", "Cards per hour"):
        assert not shown[title].is_empty, title


@pytest.mark.parametrize(
    "query",
    [
        'SELECT * FROM {other}.."{measurement}"',
        'SELECT * FROM {other}."autogen"."{measurement}"',
        'SELECT * FROM (SELECT * FROM {other}.."{measurement}")',
        "SELECT * FROM {other}../.*/",
        'SELECT * FROM {own}..nothing, {other}.."{measurement}"',
        'SELECT * INTO {own}..copied FROM {other}.."{measurement}"',
        "SHOW MEASUREMENTS ON {other}",
        "SHOW SERIES ON {other}",
        "SHOW FIELD KEYS ON {other}",
        'SHOW TAG VALUES ON {other} FROM "{measurement}" WITH KEY = "device"',
        'SHOW TAG KEYS ON {other} FROM "{measurement}"',
        "SHOW SERIES CARDINALITY ON {other}",
        "SHOW RETENTION POLICIES ON {other}",
    ],
)
def test_neither_source_gets_at_what_the_other_reads(source: Source, query: str) -> None:
    doors = query.format(own='"facility"', other='"facility-access"', measurement="access")
    meters = query.format(own='"facility-access"', other='"facility"', measurement="door")

    with pytest.raises(QueryFailed, match="not authorized"):
        source.ask(doors, "datasource")
    with pytest.raises(QueryFailed, match="not authorized"):
        source.ask(meters, "access")


def test_another_database_in_the_data_source_is_refused(source: Source) -> None:
    exchanged = Source(source.url, dict(zip(source.databases, [*source.databases.values()][::-1], strict=True)))
    for variable, query in (("datasource", 'SELECT * FROM "access"'), ("access", 'SELECT * FROM "door"')):
        exchanged.users = source.users
        with pytest.raises(QueryFailed, match="not authorized"):
            exchanged.ask(query, variable)
        exchanged.users = dict.fromkeys(source.users, f"{ADMIN}:{PASSWORD}")
        assert exchanged.ask(query, variable)
