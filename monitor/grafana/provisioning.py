"""What Grafana needs to show one site: data sources, folders and dashboards, as files of its provisioning.

Nothing secret is in them: who reads, and the password or token, comes from Grafana's environment, where
`FACILITY_INFLUXDB_USER` and `FACILITY_INFLUXDB_PASSWORD` are, and `FACILITY_INFLUXDB_ACCESS_USER` and
`FACILITY_INFLUXDB_ACCESS_PASSWORD` for doors and cards; `influx setup` writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from monitor.grafana import DASHBOARDS
from monitor.grafana.model import ACCESS, ACCESS_MARK, DATA, Place, Source
from monitor.site import Site

__all__ = ["ACCESS_SECRET", "ENVIRONMENT", "Connected", "provision"]

ENVIRONMENT: Final = "grafana.env"
"""The file that Grafana's environment comes from."""

ACCESS_SECRET: Final = "FACILITY_INFLUXDB_ACCESS_PASSWORD"  # noqa: S105 - the name of what holds it
"""The variable that an environment from before there were two readers has not."""

_FOLDERS: Final[Mapping[Source, str]] = {DATA: "Facility", ACCESS: "Facility access"}
_PATHS: Final[Mapping[Source, str]] = {DATA: "dashboards/facility", ACCESS: "dashboards/access"}
_USERS: Final[Mapping[Source, str]] = {DATA: "$FACILITY_INFLUXDB_USER", ACCESS: "$FACILITY_INFLUXDB_ACCESS_USER"}
_SECRETS: Final[Mapping[Source, str]] = {
    DATA: "$FACILITY_INFLUXDB_PASSWORD",
    ACCESS: f"${ACCESS_SECRET}",
}
_MAIN_ORG: Final = 1
_FASTEST_S, _SLOWEST_S = 10, 900
_HEAD: Final = "# Written by `facility-monitor grafana export`, which writes it again.\n"
_ENVIRONMENT: Final = """\
# For Grafana, which puts it into its data sources: `systemctl edit grafana-server`, then
#   [Service]
#   EnvironmentFile={path}
# InfluxDB 1.x: a user who may read, and the password; anything where nobody asks. 2.x, 3.x: a token that may read.
# This one reads the main database ({bucket}) and nothing else: whoever may ask in Grafana asks in its name.
FACILITY_INFLUXDB_USER=grafana
FACILITY_INFLUXDB_PASSWORD=
"""
_ENVIRONMENT_OF_DOORS: Final = """\
# And this one doors and cards ({doors}) and nothing else. Never the same user or token as above.
FACILITY_INFLUXDB_ACCESS_USER=grafana-access
FACILITY_INFLUXDB_ACCESS_PASSWORD=
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """How Grafana reaches InfluxDB: `url` as seen from Grafana, `api` v1 (user and password) or v2 (a token).

    `access_bucket`: empty where doors and cards are not written. `folder`: where the files will lie on Grafana's
    machine. `access_org`: the number of the organisation in Grafana that sees the doors beside everything else;
    None: there is but one. Grafana's open edition has no rights on single data sources: whoever is in an
    organisation may ask each of them anything that the data source's user may read.
    """

    url: str
    bucket: str
    access_bucket: str
    api: str
    folder: str
    access_org: int | None = None


def provision(site: Site, connected: Connected, *, everything: bool = False) -> Mapping[str, str]:
    """The text of each file by its path below the folder.

    `everything`: also the dashboards and panels of classes of which the site has no device.
    """
    classes = {device.device_class for device in site.devices.values()}
    shown = {
        name: each
        for name, each in DASHBOARDS.items()
        if (everything or not each.classes or each.classes & classes)
        and (ACCESS not in each.sources or connected.access_bucket)
    }
    place = Place(timezone=site.timezone.key, sources=_names(site))
    files = {
        "provisioning/datasources/facility-monitor.yaml": _HEAD + _yaml(_sources(site, connected)),
        "provisioning/dashboards/facility-monitor.yaml": _HEAD + _yaml(_providers(site, connected)),
        ENVIRONMENT: _environment(connected),
    }
    for name, each in shown.items():
        folder = _PATHS[ACCESS if ACCESS in each.sources else DATA]
        board = each if everything else each.only(classes)
        files[f"{folder}/{name}.json"] = json.dumps(board.json(place), ensure_ascii=False, indent=2) + "\n"
    return files


def _environment(connected: Connected) -> str:
    """What is to be filled in, with a reader for doors and cards where they have a bucket of their own."""
    path, bucket, doors = (
        f"{connected.folder.rstrip('/')}/{ENVIRONMENT}",
        connected.bucket,
        connected.access_bucket,
    )
    text = _ENVIRONMENT.format(path=path, bucket=bucket)
    return text if doors in {"", bucket} else text + _ENVIRONMENT_OF_DOORS.format(doors=doors)


def _names(site: Site) -> Mapping[Source, tuple[str, str]]:
    """Name and uid of both data sources."""
    name = " ".join((site.name or site.id).replace(ACCESS_MARK, "access").split())
    return {
        DATA: (name, f"facility-{site.id}"[:40]),
        ACCESS: (f"{name} {ACCESS_MARK}", f"facility-{site.id}"[:33] + "-access"),
    }


def _sources(site: Site, connected: Connected) -> Mapping[str, Any]:
    buckets: Mapping[Source, str] = {DATA: connected.bucket, ACCESS: connected.access_bucket}
    sources = []
    named = _names(site)
    for source, org in _everywhere(connected):
        name, uid = named[source]
        asking = DATA if buckets[source] == connected.bucket else source
        found: dict[str, Any] = {
            "name": _literal(name),
            "uid": uid,
            "type": "influxdb",
            "access": "proxy",
            "orgId": org,
            "url": _literal(connected.url),
            "jsonData": {
                "version": "InfluxQL",
                "dbName": _literal(buckets[source]),
                "httpMode": "POST",
                "timeInterval": f"{_interval(site)}s",
            },
        }
        if connected.api == "v1":
            found |= {"user": _USERS[asking], "secureJsonData": {"password": _SECRETS[asking]}}
        else:
            found["jsonData"]["httpHeaderName1"] = "Authorization"
            found["secureJsonData"] = {"httpHeaderValue1": f"Token {_SECRETS[asking]}"}
        sources.append(found)
    told: dict[str, Any] = {"apiVersion": 1}
    if (ACCESS, _MAIN_ORG) not in _everywhere(connected):  # an earlier export gave it to everybody
        told["deleteDatasources"] = [{"name": _literal(_names(site)[ACCESS][0]), "orgId": _MAIN_ORG}]
    return told | {"datasources": sources}


def _providers(site: Site, connected: Connected) -> Mapping[str, Any]:
    providers = [
        {
            "name": f"facility-monitor {site.id} {source} {org}",
            "orgId": org,
            "folder": _FOLDERS[source],
            "folderUid": _FOLDERS[source].lower().replace(" ", "-"),
            "type": "file",
            "disableDeletion": False,
            "allowUiUpdates": False,
            "updateIntervalSeconds": 60,
            "options": {"path": _literal(f"{connected.folder.rstrip('/')}/{_PATHS[source]}")},
        }
        for source, org in _everywhere(connected)
    ]
    return {"apiVersion": 1, "providers": providers}


def _everywhere(connected: Connected) -> list[tuple[Source, int]]:
    """What is in which organisation: who may see the doors sees everything else there, too."""
    if not connected.access_bucket:
        return [(DATA, _MAIN_ORG)]
    doors = connected.access_org or _MAIN_ORG
    found: list[tuple[Source, int]] = [(DATA, _MAIN_ORG), (ACCESS, doors)]
    return found if doors == _MAIN_ORG else [*found, (DATA, doors)]


def _interval(site: Site) -> int:
    """Seconds that charts make one value of at least: with less than meters are asked after, lines have holes."""
    rhythms = sorted(
        min(known)
        for device in site.devices.values()
        if (known := [seconds for seconds in device.scan.values() if seconds])
    )
    usual = rhythms[len(rhythms) // 2] if rhythms else _FASTEST_S
    return round(min(max(usual, _FASTEST_S), _SLOWEST_S))


def _literal(text: str) -> str:
    """A text in which Grafana puts nothing in place of a `$`."""
    return text.replace("$", "$$")


def _yaml(data: Mapping[str, Any]) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
