"""`python -m tests.grafana.picture overview OUT.png --url http://127.0.0.1:8086`: draw dashboards as PNG.

DASHBOARD is the name of a shipped one (`overview`), a file of JSON, or `all`; OUT a file for one, or a folder.
Without `--url` they are drawn from the demo's month, in a server of their own.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import config
from tests.grafana.answers import Answers, Range, Source
from tests.grafana.house import FILL, NOW
from tests.grafana.picture.page import drawn
from tests.servers.influxdb import influxdb

__all__ = ["main"]

_SHIPPED = Path(config.__file__).parent / "grafana" / "dashboards"


def _files(names: list[str]) -> list[Path]:
    if names == ["all"]:
        return sorted(_SHIPPED.glob("*.json"))
    return [Path(name) if name.endswith(".json") else _SHIPPED / f"{name}.json" for name in names]


def _chosen(said: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in said:
        name, _, value = each.partition("=")
        found.setdefault(name, []).append(value)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.grafana.picture", description=__doc__)
    parser.add_argument("dashboards", nargs="+", metavar="DASHBOARD")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--url", default="", help="of InfluxDB")
    parser.add_argument("--database", default="facility")
    parser.add_argument("--access", default="facility-access", help="the database of access")
    parser.add_argument("--user", default="", help="user:password, where the server asks")
    parser.add_argument(
        "--from", dest="start", default="", help="now-7d, now/d, ISO 8601; default: the dashboard's"
    )
    parser.add_argument("--to", default="now")
    parser.add_argument("--now", default="", help="what counts as now (ISO 8601)")
    parser.add_argument("--zone", default="Europe/Berlin", help="the viewer's time zone")
    parser.add_argument(
        "--var", action="append", default=[], metavar="NAME=VALUE", help="several times for several"
    )
    parser.add_argument("--phone", action="store_true", help="one column, as on a phone")
    said = parser.parse_args(arguments)
    now = datetime.fromisoformat(said.now) if said.now else NOW if not said.url else datetime.now(UTC)
    with _server(said.url) as url:
        databases = {"datasource": said.database, "access": said.access}
        source = Source(url, databases, said.user, now=round(now.timestamp() * 1000))
        for file in _files(said.dashboards):
            _draw(file, source, now, said)


@contextmanager
def _server(url: str) -> Iterator[str]:
    """The server that was named, or one of our own with the data of the tests."""
    if url:
        yield url
        return
    with TemporaryDirectory(prefix="facility-pictures-") as folder, influxdb(Path(folder), auth=False) as server:
        FILL(server, Path(folder))
        yield server.url


def _draw(file: Path, source: Source, now: datetime, said: argparse.Namespace) -> None:
    dashboard = json.loads(file.read_text("utf-8"))
    chosen = Range(start=said.start or dashboard["time"]["from"], end=said.to, now=now, zone=said.zone)
    known = {each["name"] for each in dashboard["templating"]["list"]}
    one = len(said.dashboards) == 1 and said.dashboards != ["all"]
    values = {name: value for name, value in _chosen(said.var).items() if one or name in known}
    out: Path = said.out
    if out.suffix != ".png":
        out.mkdir(parents=True, exist_ok=True)
        out /= f"{file.stem}{'-phone' if said.phone else ''}.png"
    drawn(Answers(dashboard, source, chosen, values), phone=said.phone).save(out)


if __name__ == "__main__":
    main()
