"""A resident reports by a form; the house hears of it by mail; the resident sees what becomes of it."""

import json
import os
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urljoin

import pytest

from tests.drivers.mqtt.publisher import Publisher
from tests.end_to_end.daemon import Daemon
from tests.servers.influxdb import influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.smtp import MailServer, plain_text

SITE = """\
site: {{id: works, timezone: UTC}}
connections: [{{id: broker, mqtt: {{url: "{mqtt}"}}}}]
devices:
  - {{id: cold, connection: broker, topic: t, class: environment,
     points: {{temperature_c: {{json: $.t, unit: degC}}}}}}
residents:
  base: "http://127.0.0.1:{port}/report"
  listen: "127.0.0.1:{port}"
  places: [{{id: hall, name: Hall, building: A, reports: [water, light, other]}}]
rules: [{{stock: residents}}]
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  people:
    - {{id: ana, name: Ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=m@example.org&to=ana@example.org"}}}}
  teams: [{{id: house, members: [ana]}}]
  routes: [{{match: {{building: A}}, team: house}}]
sinks:
  mqtt: {{connection: broker}}
{influx}
"""
WRITTEN = "Erika Mustermann, 0171 5550123"


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def _form(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', _get(page)))


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:  # type: ignore[override]
        return None


def _send(page: str, form: dict[str, str]) -> str:
    """Send a form; answers where it leads."""
    with pytest.raises(urllib.error.HTTPError, match="303") as answer:
        urllib.request.build_opener(_Stays).open(page, urlencode(form).encode(), timeout=30)
    answer.value.close()
    return urljoin(page, str(answer.value.headers["location"]))


def _said(influx: object, database: str) -> Iterator[object]:
    for measurement in influx.query("SHOW MEASUREMENTS", database):  # type: ignore[attr-defined]
        yield from influx.query(f'SELECT * FROM "{measurement["name"]}"', database)  # type: ignore[attr-defined]


def test_a_report_reaches_the_house_and_its_resident_sees_it_done_and_nobody_else_what_he_wrote(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site.yaml"
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Publisher(broker) as ear,
        influxdb(tmp_path) as influx,
        MailServer() as mail,
        Daemon(site, tmp_path / "state") as daemon,
    ):
        influx.create("facility", "facility-access")
        ear.listen("#")
        sink = f'  influxdb: {{url: "{influx.url}", token: "{influx.token}", bucket: facility, api: v1}}'
        site.write_text(SITE.format(mqtt=broker.url, mail=mail.port, port=free_port(), influx=sink))
        daemon.start()
        (label,) = daemon.until(lambda: daemon.ask("labels"), "labels are known")
        page = label["address"]
        daemon.until(lambda: _listens(page), "the pages are served")
        link = _send(page, {**_form(page), "kind": "water", "text": WRITTEN})
        daemon.until(lambda: mail.messages, "a mail comes")
        alarm = daemon.get("alarms")[0]
        steps = [_reached(link)]
        assert daemon.command("alarms", "ack", alarm["occurrence"]).returncode == 0
        steps.append(daemon.until(lambda: _reached(link) == 2 and 2, "it was seen"))
        closed = daemon.command("alarms", "close", alarm["occurrence"], "--cause", "fixed")
        steps.append(daemon.until(lambda: _reached(link) >= 3 and _reached(link), "it is done"))
        done = _get(link)
        sheet = daemon.command("labels", "--out", str(tmp_path / "labels.html"))
        asked = [
            daemon.command("residents", *words)
            for words in (("close", "hall"), ("list",), ("open", "hall"), ("renew", "hall"), ("renew", "attic"))
        ]
        trail = [each["action"] for each in daemon.get("audit")]
        daemon.until(lambda: any(influx.query('SELECT * FROM "events"', "facility")), "InfluxDB has the event")
        daemon.until(lambda: any("resident-water" in topic for topic, _ in ear.heard), "MQTT has the alarm")
        told = [json.dumps([*_said(influx, name)]) for name in ("facility", "facility-access")]
        told += [f"{topic} {payload!r}" for topic, payload in ear.heard]
        told += [each.as_string() + plain_text(each) for each in mail.messages]
        told += [
            json.dumps(daemon.get(*path.split("/"))) for path in ("alarms", "events", "status", "notifications")
        ]
        subject, text = str(mail.messages[0]["subject"]), plain_text(mail.messages[0])
        assert daemon.stop() == 0

    assert steps == [1, 2, 3]
    assert [each.returncode for each in asked] == [0, 0, 0, 0, 1]
    assert "closed: " in asked[1].stdout
    assert page in asked[1].stdout
    assert page not in asked[3].stdout
    assert "hall-" in asked[3].stdout
    assert "GET /api/v1/residents/places lists them" in asked[4].stderr
    assert trail[0] == "POST /api/v1/residents/places/{place}/renew"
    assert closed.returncode == 0
    assert "It was repaired." in done
    assert WRITTEN in done
    assert "Somebody reports water where there should be none: Hall" in subject
    assert "Hall" in text
    assert "Point" not in text
    assert "Close the valve of the riser" in " ".join(text.split())
    assert sheet.returncode == 0
    assert "<svg" in (tmp_path / "labels.html").read_text("utf-8")
    for secret in ("Erika", "0171", "5550123", link.rpartition("/")[2].partition("?")[0]):
        assert [each for each in told if secret in each] == []
        assert secret not in daemon.log.read_text("utf-8", "replace")
        assert secret.encode() not in (tmp_path / "state" / "journal.db").read_bytes()


def _listens(page: str) -> bool:
    try:
        return bool(_get(page))
    except OSError:
        return False


def _reached(link: str) -> int:
    return _get(link).count('class="reached"')


@pytest.mark.fault(
    "SIGKILL at any instant",
    part="web and commands",
    outcome="What a resident was told is noted is kept, once, and its alarm is raised after the start.",
)
def test_a_report_that_was_answered_outlives_a_kill_and_is_not_doubled(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    with (
        Mosquitto(tmp_path / "broker") as broker,
        MailServer() as mail,
        Daemon(site, tmp_path / "state") as daemon,
    ):
        site.write_text(SITE.format(mqtt=broker.url, mail=mail.port, port=free_port(), influx=""))
        daemon.start()
        page = daemon.until(lambda: daemon.ask("labels"), "labels are known")[0]["address"]
        daemon.until(lambda: _listens(page), "the pages are served")
        form = {**_form(page), "kind": "light", "text": ""}
        links: list[str] = []

        def send_and_pull_the_plug() -> None:
            links.append(_send(page, form))
            os.kill(daemon.pid, signal.SIGKILL)

        sending = threading.Thread(target=send_and_pull_the_plug)
        sending.start()
        sending.join(60)
        daemon.ends()
        daemon.start()
        daemon.until(lambda: _listens(page), "the pages are served again")
        links.append(_send(page, form))
        daemon.until(lambda: mail.messages, "a mail comes")
        alarms = daemon.get("alarms")
        reached = _reached(links[0])
        kept = daemon.memory("SELECT count(*) AS reports, sum(kept) AS kept FROM resident_report")
        assert daemon.stop() == 0

    assert len(links) == 2
    assert links[0] == links[1]
    assert [each["rule"] for each in alarms] == ["resident-light"]
    assert reached == 1
    assert [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in kept] == [(1, 1)]
