"""A database that stays away for longer than the journal has room: who is told when, what goes, what arrives."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from tests.end_to_end.daemon import Daemon, until
from tests.faults.clocks import WallClock
from tests.servers.influxdb import InfluxServer, influxdb
from tests.servers.mosquitto import Mosquitto
from tests.servers.smtp import MailServer

_TEXTS, _LENGTH = 25, 200
_SITE = """\
site: {{id: works, timezone: Europe/Berlin}}
connections: [{{id: broker, mqtt: {{url: "{broker}"}}}}]
devices:
  - id: counter
    connection: broker
    topic: meters/counter
    class: water
    points: {points}
rules:
  - {rule}
notify:
  grouping: {{wait: 0 s, pace: 0 s}}
  reminders: off
  people: [{{id: ana, channels: {{mail: "mailto://127.0.0.1:{mail}/?from=monitor@example.org&to=ana@example.org"}}}}]
  teams: [{{id: house, members: [ana]}}]
  routes: [{{team: house}}]
journal: {{max_size: 10 MB}}
sinks:
  influxdb: {{url: "{influx}", bucket: facility, token: "{token}", api: v1}}
"""


class _Load:
    """Publishes wide messages with a number each, a hundred at a time."""

    def __init__(self, port: int) -> None:
        self.published = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, how_many: int = 100) -> None:
        sent = []
        for _ in range(how_many):
            self.published += 1
            texts = {f"text_{at}": "x" * _LENGTH for at in range(_TEXTS)}
            sent.append(self._client.publish("meters/counter", json.dumps({"n": self.published, **texts}), qos=1))
        until(lambda: all(each.is_published() for each in sent), "the broker takes the messages")

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


@pytest.fixture
def influx(running: ExitStack, tmp_path: Path) -> InfluxServer:
    folder = tmp_path / "influxdb"
    folder.mkdir()
    influx = running.enter_context(influxdb(folder))
    influx.create("facility", "facility-access")
    return influx


def _rule() -> str:
    """The stock rule as it is shipped, but for its delay of a minute."""
    stock = yaml.safe_load(Path("config/rules/monitor.yaml").read_text("utf-8"))
    (rule,) = (each for each in stock if each["id"] == "monitor-journal-left")
    return json.dumps(rule | {"on_delay": "0 s"})


def _points() -> str:
    texts = {f"text_{at}": {"json": f"$.text_{at}"} for at in range(_TEXTS)}
    return json.dumps({"volume_m3": {"json": "$.n", "unit": "m3"}, **texts})


@pytest.mark.fault(
    "database away",
    part="journal",
    outcome="It stays within its bound. Before anything goes that is not written out, an alarm says how many hours"
    " are left; then the oldest go and are counted, and all the rest arrives when the database is back.",
)
def test_people_are_told_before_anything_goes_and_all_the_rest_arrives(
    running: ExitStack, influx: InfluxServer, tmp_path: Path
) -> None:
    broker = running.enter_context(Mosquitto(tmp_path / "broker"))
    mail = running.enter_context(MailServer())
    site, clock = tmp_path / "site.yaml", WallClock(tmp_path)
    texts = {"broker": broker.url, "mail": mail.port, "influx": influx.url, "token": influx.token}
    site.write_text(_SITE.format(rule=_rule(), points=_points(), **texts))
    impatient = [sys.executable, "-m", "tests.end_to_end.impatient"]
    daemon = running.enter_context(Daemon(site, tmp_path / "state", clock.environ, before=impatient))
    influx.stop()
    daemon.start()
    load = _Load(broker.port)
    running.callback(load.end)

    def facts() -> dict[str, float]:
        return dict(daemon.get("status")["journal"])

    def fill(size: float) -> None:
        while facts()["size_bytes"] < size and not facts()["lost"]:
            load.publish()

    def heard() -> float:
        body = "SELECT body FROM entries WHERE kind = 1 ORDER BY position DESC LIMIT 1"
        return sum(json.loads(row["body"])[3]["volume_m3"] for row in daemon.journal(body))

    daemon.until(lambda: heard() or load.publish(1), "the counter is heard")
    fill(5e6)
    clock.step(660)
    daemon.until(lambda: any("Readings will be lost" in each for each in mail.subjects()), "people are told")
    told_while = facts()
    fill(20e6)
    load.publish()
    end = load.published
    daemon.until(lambda: heard() == end, "the newest is kept")
    daemon.until(lambda: not facts()["over_size"], "it is within its bound again")
    lost = facts()["lost"]
    daemon.kill()  # what the sink had in its hands could still have been written
    daemon.start()
    influx.start()
    newest = daemon.journal("SELECT max(position) AS position FROM entries")[0]["position"]
    sink = "SELECT 1 FROM positions WHERE consumer = 'influxdb' AND position >= ?"
    daemon.until(lambda: daemon.memory(sink, newest), "all is written")
    gone = daemon.journal("SELECT min(position) - 1 AS until FROM entries")[0]["until"]
    kept = [int(values["volume_m3"]) for _, values in daemon.readings("counter")]
    written = [int(row["volume_m3"]) for row in influx.query("SELECT volume_m3 FROM water", "facility")]
    assert daemon.stop() == 0

    assert told_while["lost"] == 0
    assert 0 < told_while["hours_left"] < 48
    (gap,) = (json.loads(line) for line in daemon.log.read_text().splitlines() if '"sink_gap"' in line)
    assert (gap["after"], gap["until"]) == (0, gone)
    assert lost == gone > 0, "what has gone is counted"
    assert sorted(written) == kept == list(range(kept[0], end + 1)), "all the rest arrives, once"
    assert 0 < kept[0] - 1 <= lost, "what else has gone are reports of the monitor"
