"""What tests of `influx setup` ask: a site, the command, and what a server lets whom do."""

import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from monitor.sinks.influxdb.client import InfluxClient
from monitor.sinks.rejection import SinkMisconfigured
from monitor.site import InfluxSettings
from tests.cli.running import Ran, within
from tests.servers.influxdb import ADMIN, InfluxServer

SITE = """\
site: {{id: hq, timezone: Europe/Berlin}}
{more}
sinks:
  influxdb: {{url: "{url}", bucket: facility, {keys}}}
"""
YEARS = "retention: 5 years, token: !secret influxdb"


def users(server: InfluxServer) -> set[str]:
    """All but the administrator."""
    return {row["user"] for row in server.query("SHOW USERS")} - {ADMIN}


@contextmanager
def as_new(server: InfluxServer) -> Iterator[InfluxServer]:
    yield server
    server.drop(*(row["name"] for row in server.query("SHOW DATABASES") if row["name"] != "_internal"))
    for user in users(server):
        server.query(f'DROP USER "{user}"')


def site_file(tmp_path: Path, server: InfluxServer, keys: str = YEARS, more: str = "") -> Path:
    folder = tmp_path / "site"
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(SITE.format(url=server.url, keys=keys, more=more))
    return folder / "site.yaml"


def setup(file: Path, *words: str | Path) -> Ran:
    return within("influx", "setup", file, "--admin-env", "INFLUX_ADMIN", *words)


def variables(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (file.parent / "grafana.env").read_text().splitlines())


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def may_write(server: InfluxServer, token: str, database: str) -> bool:
    client, refused = InfluxClient(InfluxSettings(url=server.url, token=token)), 0
    try:
        client.write(database, b"electricity power_w=1", lines=1)
    except SinkMisconfigured as error:
        refused = error.status
    client.close()
    return refused not in {401, 403}


def rights(server: InfluxServer, user: str) -> dict[str, str]:
    rows = server.query(f'SHOW GRANTS FOR "{user}"')
    return {row["database"]: row["privilege"] for row in rows if row["privilege"] != "NO PRIVILEGES"}


def readers_in(known: Mapping[str, str]) -> list[str]:
    """Both `user:password` that Grafana asks with: for everything, and for doors and cards."""
    names = ("FACILITY_INFLUXDB", "FACILITY_INFLUXDB_ACCESS")
    return [f"{known[f'{name}_USER']}:{known[f'{name}_PASSWORD']}" for name in names]


def lasting(server: InfluxServer, database: str) -> str:
    [policy] = server.query(f'SHOW RETENTION POLICIES ON "{database}"')
    return str(policy["duration"])
